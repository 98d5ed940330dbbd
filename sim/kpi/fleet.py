"""The fleet: each vehicle's ledger by odometer, and the KPIs of distance, load, cost and energy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sim.events import DroppedOff, PickedUp, RepositionBegan, RepositionEnded, VehicleRetired, VehicleStarted
from sim.kpi.record import KpiRecord, ratio, total
from sim.kpi.riders import Journey
from sim.scenario import Scenario

_SLACK_M = 0.01  # odometers stand in the log to the millimetre


@dataclass(slots=True)
class VehicleLedger:
    """What one vehicle did: metres driven with 0, 1, ... riders on board, time with anybody on board, who shared."""

    started: VehicleStarted
    odometer_m: float = 0.0
    by_load_m: dict[int, float] = field(default_factory=dict)
    on_board: dict[str, int] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    occupied_s: float = 0.0
    occupied_since_s: float | None = None
    first_pickup_s: float | None = None
    last_dropoff_s: float | None = None
    retired: VehicleRetired | None = None
    repositioning: bool = False
    reposition_m: float = 0.0
    reported_loads: set[int] = field(default_factory=set)

    @property
    def load(self) -> int:
        """Riders on board, each of a group."""
        return sum(self.on_board.values())

    def duty_s(self, now_s: float) -> float:
        """Return the duty time, up to now while the vehicle is on duty."""
        return self.retired.duty_s if self.retired else now_s - self.started.time_s

    def occupied_until(self, now_s: float) -> float:
        """Return the time with anybody on board, up to now."""
        return self.occupied_s + (0.0 if self.occupied_since_s is None else now_s - self.occupied_since_s)

    def revenue_s(self) -> float:
        """Return the time from the first boarding to the last alighting."""
        if self.first_pickup_s is None or self.last_dropoff_s is None:
            return 0.0
        return self.last_dropoff_s - self.first_pickup_s

    def pick_up(self, event: PickedUp, size: int) -> Iterator[str]:
        """Book the boarding of all who travel with a request; yields what cannot be."""
        yield from self._drive_to(event.odometer_m)
        if self.first_pickup_s is None:
            self.first_pickup_s = event.time_s
        if not self.on_board:
            self.occupied_since_s = event.time_s
        self.on_board[event.request_id] = size
        self.reported_loads.add(event.load)

    def drop_off(self, event: DroppedOff) -> Iterator[str]:
        """Book an alighting; yields what cannot be."""
        yield from self._drive_to(event.odometer_m)
        self.last_dropoff_s = event.time_s
        if self.on_board.pop(event.request_id, None) is None:
            yield f"request {event.request_id} alighted from {event.vehicle_id} without being on board"
        elif not self.on_board:
            self.occupied_s = self.occupied_until(event.time_s)
            self.occupied_since_s = None
        self.reported_loads.add(event.load)

    def reposition(self, event: RepositionBegan | RepositionEnded) -> Iterator[str]:
        """Book the begin or the end of a drive to a waiting place; yields what cannot be."""
        yield from self._drive_to(event.odometer_m)
        self.repositioning = isinstance(event, RepositionBegan)

    def retire(self, event: VehicleRetired) -> Iterator[str]:
        """Book the end of the duty; yields what cannot be."""
        yield from self._drive_to(event.odometer_m)
        if self.occupied_since_s is not None:
            self.occupied_s = self.occupied_until(event.time_s)
            self.occupied_since_s = None
        self.retired = event

    def settle_step(self) -> Iterator[str]:
        """Compare the books with the loads that the engine reported in one time step; yields what differs."""
        name = self.started.vehicle_id
        if self.reported_loads and self.load not in self.reported_loads:
            reported = sorted(self.reported_loads)
            yield f"vehicle {name} has {self.load} on board by its riders, {reported} by its events"
        if self.load > self.started.seats:
            yield f"vehicle {name} has {self.load} on board and {self.started.seats} seats"
        self.reported_loads.clear()

    def _drive_to(self, odometer_m: float) -> Iterator[str]:
        name = self.started.vehicle_id
        if self.retired is not None:
            yield f"vehicle {name} acts after the end of its duty"
        driven_m = odometer_m - self.odometer_m
        if driven_m < -_SLACK_M:
            yield f"the odometer of {name} goes back from {self.odometer_m:.1f} m to {odometer_m:.1f} m"
        if driven_m > 0:
            load = self.load
            self.by_load_m[load] = self.by_load_m.get(load, 0.0) + driven_m
            if self.repositioning and not load:
                self.reposition_m += driven_m
            self.odometer_m = odometer_m
            if len(self.on_board) > 1:
                self.shared.update(self.on_board)


@dataclass(frozen=True, slots=True)
class FleetSums:
    """Sums over the vehicles; energy is None unless all have ended their duty with a battery model."""

    vehicles: int
    vkm: float
    by_load_km: tuple[float, ...]
    reposition_km: float
    duty_h: float
    occupied_h: float
    revenue_h: float
    energy_kwh: float | None

    @property
    def pax_km(self) -> float:
        """Load × distance over the vehicles."""
        return sum(load * km for load, km in enumerate(self.by_load_km))


def fleet_sums(ledgers: Sequence[VehicleLedger], *, now_s: float) -> FleetSums:
    """Add the vehicles up; loads run from 0 to the seats of the largest vehicle."""
    top = max((max(one.started.seats, *one.by_load_m, 0) for one in ledgers), default=0)
    by_load_m = [sum(one.by_load_m.get(load, 0.0) for one in ledgers) for load in range(top + 1)]
    return FleetSums(
        vehicles=len(ledgers),
        vkm=sum(one.odometer_m for one in ledgers) / 1000,
        by_load_km=tuple(metres / 1000 for metres in by_load_m),
        reposition_km=sum(one.reposition_m for one in ledgers) / 1000,
        duty_h=sum(one.duty_s(now_s) for one in ledgers) / 3600,
        occupied_h=sum(one.occupied_until(now_s) for one in ledgers) / 3600,
        revenue_h=sum(one.revenue_s() for one in ledgers) / 3600,
        energy_kwh=_energy_kwh(ledgers),
    )


def operator_hours(ledgers: Sequence[VehicleLedger], *, scenario: Scenario, now_s: float) -> float:
    """Return the hours of the remote operators, who are on duty from the first vehicle's start on."""
    if scenario.supervision is None or not ledgers:
        return 0.0
    return scenario.supervision.operators * (now_s - min(one.started.time_s for one in ledgers)) / 3600


def fleet_records(
    ledgers: Sequence[VehicleLedger], journeys: Sequence[Journey], *, scenario: Scenario, now_s: float
) -> Iterator[KpiRecord]:
    """Yield the KPIs of the fleet; nothing without vehicles."""
    if not ledgers:
        return
    sums = fleet_sums(ledgers, now_s=now_s)
    riding = [journey for journey in journeys if journey.rode]
    direct_pax_km = sum(one.request.size * one.request.direct_distance_m for one in riding) / 1000
    yield from _distances(sums, boardings=sum(len(journey.pickups) for journey in journeys))
    n, rides = sums.vehicles, len(riding)
    yield from total("fleet_size", n, n=n)
    yield from total("vehicle_hours", sums.duty_h, n=n)
    yield from total("direct_pax_km", direct_pax_km, n=rides)
    yield from ratio("l_det", sums.vkm, direct_pax_km, n=rides)
    shared = set().union(*(one.shared for one in ledgers))
    sharing = sum(one.request.request_id in shared for one in riding)
    yield from ratio("shared_ride_rate", sharing, rides, n=rides)
    yield from ratio("fleet_utilisation", sums.occupied_h, sums.duty_h, n=n)
    yield from ratio("rides_per_vehicle_revenue_hour", rides, sums.revenue_h, n=rides)
    served = sum(journey.request.size for journey in journeys if journey.served)
    operator_h = operator_hours(ledgers, scenario=scenario, now_s=now_s)
    yield from _cost(sums, scenario=scenario, served=served, direct_pax_km=direct_pax_km, operator_h=operator_h)


def onboard_km(journey: Journey, fleet: Mapping[str, VehicleLedger]) -> float:
    """Return the km of a rider on board; one who never alights rides to where the vehicle has come."""
    metres = 0.0
    for pickup, dropoff in itertools.zip_longest(journey.pickups, journey.dropoffs):
        if pickup is None:
            break
        vehicle = fleet.get(pickup.vehicle_id)
        end_m = dropoff.odometer_m if dropoff else vehicle.odometer_m if vehicle else pickup.odometer_m
        metres += end_m - pickup.odometer_m
    return journey.request.size * metres / 1000


def _distances(sums: FleetSums, *, boardings: int) -> Iterator[KpiRecord]:
    n, vkm, empty_km = sums.vehicles, sums.vkm, sums.by_load_km[0]
    yield from total("vkm_total", vkm, n=n)
    yield from total("vkm_empty", empty_km, n=n)
    yield from total("vkm_reposition", sums.reposition_km, n=n)
    yield from ratio("empty_ratio", empty_km, vkm, n=n)
    for load, km in enumerate(sums.by_load_km):
        yield from total("vkm_by_load", km, n=n, stat=str(load))
    yield from total("pax_km", sums.pax_km, n=boardings)
    yield from ratio("pax_km_per_vkm", sums.pax_km, vkm, n=n)
    yield from ratio("occupancy_distance_weighted", sums.pax_km, sum(sums.by_load_km[1:]), n=n)


def _cost(
    sums: FleetSums, *, scenario: Scenario, served: int, direct_pax_km: float, operator_h: float
) -> Iterator[KpiRecord]:
    """Yield cost, energy and emissions, as far as the scenario has the rates; `served` counts riders."""
    if sums.energy_kwh is None:
        return
    n = sums.vehicles
    yield from total("energy_kwh", sums.energy_kwh, n=n)
    yield from ratio("energy_kwh_per_100km", 100 * sums.energy_kwh, sums.vkm, n=n)
    emissions, costs = scenario.emissions, scenario.costs
    if emissions is None or emissions.charging_efficiency.value == 0:
        return
    grid_kwh = sums.energy_kwh / emissions.charging_efficiency.value
    co2e_kg = grid_kwh * emissions.grid_kg_co2e_per_kwh.value
    yield from total("co2e_kg", co2e_kg, n=n)
    yield from ratio("co2e_g_per_pax_km", 1000 * co2e_kg, direct_pax_km, n=n)
    if costs is None:
        return
    cost_krw = (
        sums.duty_h * costs.vehicle_hour_krw.value
        + sums.vkm * costs.vehicle_km_krw.value
        + grid_kwh * costs.electricity_krw_per_kwh.value
    )
    supervision = scenario.supervision
    if supervision is not None and supervision.operator_hour_krw is not None:
        cost_krw += operator_h * supervision.operator_hour_krw.value
    yield from ratio("cost_per_served_rider_krw", cost_krw, served, n=served)
    yield from ratio("cost_per_vehicle_hour_krw", cost_krw, sums.duty_h, n=n)


def _energy_kwh(ledgers: Sequence[VehicleLedger]) -> float | None:
    net_wh = 0.0
    for one in ledgers:
        if one.retired is None or one.retired.consumed_wh is None or one.retired.regenerated_wh is None:
            return None
        net_wh += one.retired.consumed_wh - one.retired.regenerated_wh
    return net_wh / 1000
