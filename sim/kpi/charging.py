"""Batteries: the KPIs of charging, and the lowest state of charge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sim.events import Charged
from sim.kpi.fleet import VehicleLedger
from sim.kpi.record import KpiRecord, ratio, total
from sim.scenario import Scenario


@dataclass(slots=True)
class ChargeBook:
    """All that was charged."""

    charges: list[Charged] = field(default_factory=list)

    def records(self, ledgers: Sequence[VehicleLedger], *, scenario: Scenario, now_s: float) -> Iterator[KpiRecord]:
        """Yield the KPIs of batteries; nothing where no vehicle has one."""
        parts = scenario.fleet.parts if scenario.fleet is not None else ()
        batteries = {part.name: part.vehicles.battery for part in parts if part.vehicles.battery is not None}
        vehicles = {one.started.vehicle_id: one for one in ledgers if one.started.group in batteries}
        if not vehicles:
            return
        n = len(self.charges)
        yield from total("charges", n, n=len(vehicles))
        yield from total("charged_kwh", sum(one.charged_kwh for one in self.charges), n=len(vehicles))
        charging_s = sum(one.time_s - one.begin_s for one in self.charges)
        duty_s = sum(one.duty_s(now_s) for one in vehicles.values())
        yield from ratio("charging_share", charging_s, duty_s, n=len(vehicles))
        capacity_kwh = {name: batteries[one.started.group].capacity_kwh.value for name, one in vehicles.items()}
        ends = [one.retired for one in vehicles.values() if one.retired is not None]
        shares = [one.charge_kwh / capacity_kwh[one.vehicle_id] for one in self.charges]
        shares += [one.charge_kwh / capacity_kwh[one.vehicle_id] for one in ends if one.charge_kwh is not None]
        if shares:
            yield from total("charge_share_min", min(shares), n=len(shares))
