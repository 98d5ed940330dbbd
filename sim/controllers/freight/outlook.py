"""What can be foreseen at one moment: where each vehicle will be free, and when its calls will take place."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.controllers.freight.appointments import Ledger, Slot
from sim.controllers.freight.eligibility import window_end_s
from sim.freight import (
    NOTHING,
    Call,
    Cargo,
    FleetTraits,
    FreightTask,
    FreightVehicle,
    FreightWorld,
    Order,
    SiteState,
)
from sim.world import Location, TravelTimes

LORRY = "lorry"
"""Holder of the bays that vehicles from outside use."""


class CallTimes(NamedTuple):
    """When a call is expected to take place, and when it would begin if no bay were ever waited for."""

    slot: Slot
    free_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A vehicle as it will be when all that must stay in its plan is done: from there it can be planned.

    Attributes
    ----------
    fixed
        What must stay of its plan.
    calls
        The calls that follow in its plan and may be changed.
    on_board
        What it will carry then.
    range_m
        How far it may drive from there, the reserve left alone.
    out
        Whether it is on a mission now.
    broken
        Whether it stands on the road: nobody knows for how long. One halted elsewhere waits for leave to drive.
    """

    vehicle: FreightVehicle
    fleet: FleetTraits
    fixed: tuple[FreightTask, ...]
    calls: tuple[Call, ...]
    location: Location
    time_s: float
    on_board: tuple[str, ...]
    range_m: float
    out: bool
    broken: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How a plan will go.

    Attributes
    ----------
    late_s
        Sum of what its orders will be late.
    home_s, range_left_m
        When it is back at its depot after all, and what it could drive from there.
    """

    times: tuple[CallTimes, ...]
    delivered_s: Mapping[str, float]
    late_s: float
    drive_m: float
    home_s: float
    range_left_m: float


@dataclass
class Outlook:
    """The orders, sites and vehicles at one moment, with the bays that the plans at hand will take.

    `ahead_s` is how long before its window an order may be in a bay, `stay_s` how long a lorry from outside is taken to
    keep one, as nobody knows when it came or what it brings. `booked` holds how the plan at hand of each vehicle goes.
    """

    world: FreightWorld
    ahead_s: float
    stay_s: float
    time_s: float = field(init=False)
    fleets: Mapping[str, FleetTraits] = field(init=False)
    waiting: dict[str, Order] = field(init=False)
    vehicles: Sequence[FreightVehicle] = field(init=False)
    sites: Mapping[str, SiteState] = field(init=False)
    ledgers: dict[str, Ledger] = field(init=False)
    booked: dict[str, Forecast] = field(init=False, default_factory=dict)
    _carried: dict[str, Order] = field(init=False, default_factory=dict)
    _travel: dict[str, TravelTimes] = field(init=False, default_factory=dict)
    _handling_s: dict[Call, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.time_s = self.world.time_s
        self.fleets = self.world.fleets()
        self.waiting = {order.id: order for order in self.world.orders()}
        self.vehicles = self.world.vehicles()
        self.sites = self.world.sites()
        self.ledgers = {name: self._ledger(site) for name, site in self.sites.items()}

    def order(self, order_id: str) -> Order:
        """Return an order that waits or is carried."""
        if order_id in self.waiting:
            return self.waiting[order_id]
        if order_id not in self._carried:
            self._carried[order_id] = self.world.order(order_id)
        return self._carried[order_id]

    def travel(self, fleet: str) -> TravelTimes:
        """Return a fleet's travel times."""
        if fleet not in self._travel:
            self._travel[fleet] = self.world.travel_times(fleet)
        return self._travel[fleet]

    def handling_s(self, call: Call) -> float:
        """Return the mean time that a call takes in the bay."""
        if call not in self._handling_s:
            self._handling_s[call] = self.world.handling_s(call.site, call.unload, call.load)
        return self._handling_s[call]

    def direct_s(self, fleet: str, order: Order) -> float:
        """Return the time from the begin of an order's loading to the end of its unloading, by a free way."""
        way_s = self.travel(fleet).time_s(self.sites[order.origin].location, self.sites[order.destination].location)
        ends = Call(order.origin, load=(order.id,)), Call(order.destination, unload=(order.id,))
        return way_s + sum(self.handling_s(call) for call in ends)

    def cargo(self, orders: Iterable[str]) -> Cargo:
        """Return what orders take together."""
        total = NOTHING
        for order_id in orders:
            total = total.plus(self.order(order_id).cargo)
        return total

    def standing(self, vehicle: FreightVehicle, fixed: tuple[FreightTask, ...]) -> Standing:
        """Return how a vehicle will stand after what must stay of its plan; books the bays that it takes until then."""
        fleet, travel = self.fleets[vehicle.fleet], self.travel(vehicle.fleet)
        at, left_m, on_board = vehicle.location, range_m(vehicle, fleet), dict.fromkeys(vehicle.on_board)
        time_s = max(self.time_s, vehicle.ready_s) if vehicle.phase != "driving" else self.time_s
        for n, task in enumerate(fixed):
            here = n == 0 and vehicle.place == _place(task) and vehicle.phase != "driving"
            if not here:
                place = self._location(task, fleet)
                time_s += travel.time_s(at, place)
                left_m -= travel.distance_m(at, place)
                at = place
            if isinstance(task, Call):
                time_s = self._stayed(vehicle, task, time_s, here=here)
                on_board = {one: None for one in (*on_board, *task.load) if one not in task.unload}
            elif task.charge_share is not None:
                time_s += charging_s(vehicle, fleet, task.charge_share)
                left_m = max(left_m, range_m(vehicle, fleet, task.charge_share))
        rest = tuple(task for task in vehicle.plan[len(fixed) :] if isinstance(task, Call))
        return Standing(
            vehicle=vehicle,
            fleet=fleet,
            fixed=fixed,
            calls=self.whole(rest, on_board),
            location=at,
            time_s=time_s,
            on_board=tuple(on_board),
            range_m=left_m,
            out=vehicle.phase not in {"idle", "halted"} or any(isinstance(task, Call) for task in vehicle.plan),
            broken=vehicle.phase == "halted" and vehicle.place is None,
        )

    def fits(self, standing: Standing, calls: Sequence[Call]) -> bool:
        """Whether the vehicle has room for what the calls bring on board."""
        load = self.cargo(standing.on_board)
        for call in calls:
            load = load.minus(self.cargo(call.unload)).plus(self.cargo(call.load))
            if not load.fits(standing.fleet.capacity):
                return False
        return True

    def forecast(self, standing: Standing, calls: Sequence[Call]) -> Forecast:
        """Return how a plan would go, with the bays that others have booked taken."""
        travel, at, time_s = self.travel(standing.vehicle.fleet), standing.location, standing.time_s
        free_s = time_s
        times, delivered_s, late_s, driven_m = [], {}, 0.0, 0.0
        for call in calls:
            site, handling_s = self.sites[call.site], self.handling_s(call)
            way_s = travel.time_s(at, site.location)
            if math.isinf(way_s):
                return NEVER
            driven_m += travel.distance_m(at, site.location)
            free_s += way_s
            begin_s = self.ledgers[call.site].earliest_s(time_s + way_s, handling_s, besides=standing.vehicle.id)
            time_s = begin_s + handling_s
            times.append(CallTimes(Slot(begin_s, time_s), free_s))
            free_s += handling_s
            for one in call.unload:
                delivered_s[one] = time_s
                late_s += max(0.0, time_s - self.order(one).latest_s)
            at = site.location
        home_m = travel.distance_m(at, standing.fleet.depot_location)
        return Forecast(
            times=tuple(times),
            delivered_s=delivered_s,
            late_s=late_s,
            drive_m=driven_m,
            home_s=time_s + travel.time_s(at, standing.fleet.depot_location),
            range_left_m=standing.range_m - driven_m - home_m,
        )

    def early_s(self, fleet: str, calls: Sequence[Call], times: Sequence[CallTimes]) -> dict[str, float]:
        """Return by how much each order that the calls unload is too early, negative if it is not.

        A queue that is foreseen may not come about, and what is to be fetched on the way may go by another vehicle:
        goods must not be too early without either.
        """
        early_s: dict[str, float] = {}
        direct_s: dict[str, float] = {}
        for call, at in zip(calls, times, strict=True):
            here = self.sites[call.site].location
            for one in call.unload:
                early_s[one] = self.order(one).earliest_s - self.ahead_s - direct_s.get(one, at.free_s)
            for one in call.load:
                way_s = self.travel(fleet).time_s(here, self.sites[self.order(one).destination].location)
                direct_s[one] = at.free_s + self.handling_s(Call(call.site, load=(one,))) + way_s
        return early_s

    def book(self, standing: Standing, calls: Sequence[Call]) -> Forecast:
        """Book the bays of a plan, in place of those of the vehicle's plan before; return how it will go."""
        before = self.booked.get(standing.vehicle.id)
        if before is not None and before.times:
            for ledger in self.ledgers.values():
                ledger.release(standing.vehicle.id)
        found = self.booked[standing.vehicle.id] = self.forecast(standing, calls)
        for call, one in zip(calls, found.times, strict=False):
            if math.isfinite(one.slot.begin_s):
                self.ledgers[call.site].book(standing.vehicle.id, one.slot)
        return found

    def may_drive_until(self, standing: Standing, forecast: Forecast, leave_s: float) -> bool:
        """Whether a plan begun at `leave_s` is over before the fleet must be off the roads."""
        over_s = forecast.home_s + max(0.0, leave_s - standing.time_s)
        return over_s <= window_end_s(standing.fleet, leave_s)

    def _ledger(self, site: SiteState) -> Ledger:
        """Return the ledger of a site with the bays of vehicles from outside booked."""
        ledger = Ledger(max(1, site.bays), open_s=site.open_s, close_s=site.close_s)
        here = [vehicle.phase for vehicle in self.vehicles if vehicle.place == site.name]
        strangers = max(0, site.occupied - here.count("handling")) + max(0, site.queueing - here.count("queueing"))
        for _ in range(strangers if site.bays else max(1, strangers)):
            begin_s = ledger.earliest_s(self.time_s, self.stay_s)
            ledger.book(LORRY, Slot(begin_s, begin_s + self.stay_s))
        return ledger

    def _location(self, task: FreightTask, fleet: FleetTraits) -> Location:
        return self.sites[task.site].location if isinstance(task, Call) else fleet.depot_location

    def _stayed(self, vehicle: FreightVehicle, call: Call, from_s: float, *, here: bool) -> float:
        """Return when a call that must stay is over, and book its bay; one in a bay now is not in want of one."""
        ledger = self.ledgers[call.site]
        handling_s = (
            self.handling_s(call) if not here or vehicle.phase == "queueing" else max(1.0, from_s - self.time_s)
        )
        arrive_s = self.time_s if here else from_s
        slot_s = ledger.earliest_s(arrive_s, handling_s)
        end_s = slot_s + handling_s
        ledger.book(_fixed(vehicle), Slot(slot_s, end_s))
        return from_s if here and vehicle.phase != "queueing" else max(from_s, end_s)

    def whole(self, calls: tuple[Call, ...], on_board: Iterable[str]) -> tuple[Call, ...]:
        """Return calls that also bring what is on board and in no call to where it belongs."""
        unloaded = {one for call in calls for one in call.unload}
        left = [one for one in on_board if one not in unloaded]
        return (*calls, *(Call(self.order(one).destination, unload=(one,)) for one in left))


NEVER = Forecast(times=(), delivered_s={}, late_s=math.inf, drive_m=math.inf, home_s=math.inf, range_left_m=-math.inf)
"""The forecast of a plan without a way."""


def range_m(vehicle: FreightVehicle, fleet: FleetTraits, share: float | None = None) -> float:
    """Return how far a vehicle can drive without touching its reserve, now or with a share of a full charge.

    Infinite without a battery.
    """
    if vehicle.charge_kwh is None or vehicle.capacity_kwh is None or not fleet.kwh_per_km:
        return math.inf
    charge_kwh = vehicle.charge_kwh if share is None else share * vehicle.capacity_kwh
    return 1000.0 * (charge_kwh - fleet.reserve_share * vehicle.capacity_kwh) / fleet.kwh_per_km


def charging_s(vehicle: FreightVehicle, fleet: FleetTraits, share: float) -> float:
    """Return how long charging at the depot takes until so much is in the battery."""
    if vehicle.charge_kwh is None or vehicle.capacity_kwh is None or not fleet.depot_charging_kw:
        return 0.0
    return 3600.0 * max(0.0, share * vehicle.capacity_kwh - vehicle.charge_kwh) / fleet.depot_charging_kw


def _place(task: FreightTask) -> str:
    return task.site if isinstance(task, Call) else task.depot


def _fixed(vehicle: FreightVehicle) -> str:
    """Return the holder of the bays that a vehicle takes by what must stay: changing the rest leaves them booked."""
    return f"{vehicle.id} fixed"
