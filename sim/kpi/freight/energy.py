"""What freight fleets use and charge, and what that emits by ISO 14083."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.events import Event
from sim.freight_document import Charging, Freight
from sim.freight_events import HubMetered
from sim.kpi.entry import ALL
from sim.kpi.freight.trucks import TruckLedger
from sim.kpi.record import KpiRecord, ratio, total

QUARTER_S = 900.0
_FIVE_MIN_S = 300.0

Tkm = Callable[[Sequence[TruckLedger]], float]
"""The transport activity of some vehicles."""


@dataclass(slots=True)
class HubBook:
    """All meterings of the hubs."""

    meterings: list[HubMetered] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take a metering in; other events are passed over."""
        if isinstance(event, HubMetered):
            self.meterings.append(event)

    def efficiency(self, freight: Freight) -> float:
        """Return the share of the grid's electricity that came into batteries.

        Where nothing was charged it is the mean of the scenario's chargers, or their default.
        """
        grid_kwh = sum(one.grid_kwh for one in self.meterings)
        if grid_kwh > 0:
            return sum(one.battery_kwh for one in self.meterings) / grid_kwh
        chargers = [one.charging for one in freight.sites.values()] + [one.charging for one in freight.depots.values()]
        found = [one.efficiency.value for one in chargers if one is not None]
        default = Charging.model_fields["efficiency"].default.value
        return sum(found) / len(found) if found else float(default)

    def records(self) -> Iterator[KpiRecord]:
        """Yield what each hub, and all together, took from the grid."""
        hubs = sorted({one.hub for one in self.meterings})
        for scope in [ALL, *hubs] if hubs else []:
            members = [one for one in self.meterings if scope in {ALL, one.hub}]
            yield from total("charged_grid_kwh", sum(one.grid_kwh for one in members), n=len(members), scope=scope)
            for code, bin_s in (("hub_peak_kw", QUARTER_S), ("hub_peak_5min_kw", _FIVE_MIN_S)):
                _, load_kw = mean_load(members, bin_s=bin_s)
                yield from total(code, float(load_kw.max(initial=0.0)), n=len(members), scope=scope)


def mean_load(meterings: Sequence[HubMetered], *, bin_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the begin of each interval by the clock, seconds, and the mean load from the grid in it, kW.

    Shapes (intervals,). Metered energy counts evenly over its own interval.
    """
    if not meterings:
        return np.zeros(0), np.zeros(0)
    first = min(one.begin_s for one in meterings) // bin_s
    last = max(one.time_s for one in meterings) // bin_s
    edges_s = bin_s * np.arange(first, last + 2)
    kwh = np.zeros(len(edges_s) - 1)
    for one in meterings:
        shared_s = np.clip(np.minimum(edges_s[1:], one.time_s) - np.maximum(edges_s[:-1], one.begin_s), 0, None)
        whole_s = float(shared_s.sum())
        if whole_s > 0:
            kwh += one.grid_kwh * shared_s / whole_s
        else:  # of a moment
            kwh[int(one.time_s // bin_s - first)] += one.grid_kwh
    return edges_s[:-1], kwh * 3600 / bin_s


def energy_records(
    vehicles: Sequence[TruckLedger], freight: Freight, *, scope: str, efficiency: float, tkm_of: Tkm
) -> Iterator[KpiRecord]:
    """Yield energy, fuel and greenhouse gas of vehicles that have all ended their duty."""
    if not vehicles or any(one.retired is None for one in vehicles):
        return
    n = len(vehicles)
    electric = [one for one in vehicles if one.net_kwh is not None]
    kwh = sum(one.net_kwh or 0.0 for one in electric)
    fuels_kg = [one.retired.fuel_kg for one in vehicles if one.retired and one.retired.fuel_kg is not None]
    if electric:
        yield from total("freight_energy_kwh", kwh, n=len(electric), scope=scope)
        km = sum(one.odometer_m for one in electric) / 1000
        yield from ratio("freight_energy_kwh_per_100km", 100 * kwh, km, n=len(electric), scope=scope)
        yield from ratio("energy_kwh_per_tkm", kwh, tkm_of(electric), n=len(electric), scope=scope)
        yield from total("freight_charge_change_kwh", _charge_gained_kwh(electric), n=len(electric), scope=scope)
        batteries = [one for one in electric if one.started.charge_kwh is not None]
        empty, short_wh = sum(one.empty is not None for one in batteries), sum(one.shortfall_wh for one in batteries)
        yield from total("freight_batteries_empty", empty, n=len(batteries), scope=scope)
        yield from total("freight_shortfall_kwh", short_wh / 1000, n=len(batteries), scope=scope)
    yield from total("freight_fuel_kg", sum(fuels_kg), n=len(fuels_kg), scope=scope)
    if (factors := freight.energy) is not None:
        grid_kwh, fuel_kg, tkm = kwh / efficiency, sum(fuels_kg), tkm_of(vehicles)
        for code, per_kwh, per_kg in (
            ("ghg_g_per_tkm_ttw", factors.grid_ttw_kg_co2e_per_kwh, factors.diesel_ttw_kg_co2e_per_kg),
            ("ghg_g_per_tkm_wtw", factors.grid_wtw_kg_co2e_per_kwh, factors.diesel_wtw_kg_co2e_per_kg),
        ):
            yield from ratio(code, 1000 * (grid_kwh * per_kwh.value + fuel_kg * per_kg.value), tkm, n=n, scope=scope)


def _charge_gained_kwh(vehicles: Sequence[TruckLedger]) -> float:
    ends = ((one.started.charge_kwh, one.retired.charge_kwh) for one in vehicles if one.retired is not None)
    return sum(after - before for before, after in ends if before is not None and after is not None)
