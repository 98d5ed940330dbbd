"""A world of squares: vehicles drive along two axes at one speed, sites have bays and a queue, nothing is random."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sim.controllers.base import FreightController
from sim.errors import ControllerError
from sim.events import Event
from sim.freight import (
    NOTHING,
    Call,
    Cargo,
    DrivingWindow,
    FleetTraits,
    FreightPhase,
    FreightTask,
    FreightVehicle,
    Order,
    Rest,
    SiteState,
)
from sim.world import Location, TravelTimes

WIDTH = 24
CELL_M = 250.0
SPEED_MPS = 8.0
FIXED_S, PER_PALLET_S = 180.0, 40.0
TICK_S = 10.0
TOLERANCE_S = 300.0
ALL_DAY = (DrivingWindow(0.0, 172_800.0),)


def cell(x: int, y: int) -> Location:
    return Location(y * WIDTH + x, 0.0)


def squares(speed_mps: float = SPEED_MPS) -> TravelTimes:
    index = np.arange(WIDTH * WIDTH)
    x, y = index % WIDTH, index // WIDTH
    way_m = CELL_M * (abs(x[:, None] - x) + abs(y[:, None] - y)).astype(np.float64)
    ones = np.ones(len(index))
    return TravelTimes(0.0, 0.0 * ones, way_m / speed_mps, 1e-9 * ones, way_m)  # edges are points


def fleet(name: str = "tug", kinds: Sequence[str] = ("part", "consignment"), **changes: object) -> FleetTraits:
    traits = FleetTraits(
        name=name, vehicle_class="av_truck", depot="yard", depot_location=cell(12, 12), capacity=Cargo(8.0, 6000.0),
        kinds=frozenset(kinds), sites=frozenset(), windows=ALL_DAY, duty_begin_s=0.0, duty_end_s=172_800.0,
    )  # fmt: skip
    return replace(traits, **changes)  # type: ignore[arg-type]  # tests name what they change


def order(name: str, origin: str, destination: str, window: tuple[float, float], **changes: object) -> Order:
    plain = Order(
        id=name, kind="part", family="bumper", origin=origin, destination=destination, cargo=Cargo(2.0, 600.0),
        released_s=0.0, earliest_s=window[0], latest_s=window[1],
    )  # fmt: skip
    return replace(plain, **changes)  # type: ignore[arg-type]  # as above


@dataclass
class Truck:
    """A vehicle of the fake world and what it has driven."""

    id: str
    fleet: FleetTraits
    at: Location
    charge_kwh: float | None = None
    capacity_kwh: float | None = None
    phase: FreightPhase = "idle"
    place: str | None = None
    plan: list[FreightTask] = field(default_factory=list)
    on_board: dict[str, None] = field(default_factory=dict)
    target: tuple[str, Location] | None = None
    left_s: float = 0.0
    docked_s: float = 0.0
    ends_s: float = 0.0
    driven_m: float = 0.0
    empty_m: float = 0.0


@dataclass(frozen=True)
class Delivery:
    """An order delivered."""

    order: Order
    vehicle_id: str
    docked_s: float
    ended_s: float

    @property
    def on_time(self) -> bool:
        return self.ended_s <= self.order.latest_s and self.docked_s >= self.order.earliest_s - TOLERANCE_S


class FakeFreightWorld:
    """Drives vehicles; refuses plans that cannot be carried out, as the executor does."""

    def __init__(
        self, sites: Sequence[SiteState], trucks: Sequence[Truck], orders: Sequence[Order], *, begin_s: float = 0.0
    ) -> None:
        self._sites = {site.name: site for site in sites}
        self.trucks = {truck.id: truck for truck in sorted(trucks, key=lambda one: one.id)}
        self._fleets = {truck.fleet.name: truck.fleet for truck in trucks}
        self._travel = {name: squares() for name in self._fleets}
        self._all = sorted(orders, key=lambda one: (one.released_s, one.id))
        self._open = {one.id: one for one in self._all}
        self._queues: dict[str, list[str]] = {name: [] for name in self._sites}
        self.time_s = begin_s
        self.delivered: dict[str, Delivery] = {}
        self.failed: dict[str, str] = {}
        self.decisions: list[Event] = []
        self.appointments: list[tuple[str, str, float, float]] = []
        self.most_in_bays = 0

    def fleets(self) -> Mapping[str, FleetTraits]:
        return self._fleets

    def travel_times(self, fleet: str) -> TravelTimes:
        return self._travel[fleet]

    def vehicles(self) -> Sequence[FreightVehicle]:
        return [self._seen(truck) for truck in self.trucks.values()]

    def sites(self) -> Mapping[str, SiteState]:
        return {
            name: replace(site, occupied=site.occupied + self._in_bays(name), queueing=len(self._queues[name]))
            for name, site in self._sites.items()
        }

    def orders(self) -> Sequence[Order]:
        carried = {one for truck in self.trucks.values() for one in truck.on_board}
        return [
            one for one in self._all if one.released_s <= self.time_s and one.id in self._open and one.id not in carried
        ]

    def order(self, order_id: str) -> Order:
        if order_id not in self._open:
            msg = f"order {order_id!r} is settled"
            raise ControllerError(msg)
        return self._open[order_id]

    def handling_s(self, site: str, unload: Sequence[str], load: Sequence[str]) -> float:
        return FIXED_S + PER_PALLET_S * sum(self._open[one].cargo.pallets for one in (*unload, *load))

    def set_plans(self, plans: Mapping[str, Sequence[FreightTask]]) -> None:
        after = {name: list(plans.get(name, truck.plan)) for name, truck in self.trucks.items()}
        self._require(after)
        for name in plans:
            truck = self.trucks[name]
            truck.plan = after[name]
            if truck.phase == "driving" and truck.target != self._next_target(truck):
                self._stop(truck)
        self._act()

    def appoint(self, vehicle_id: str, site: str, begin_s: float, end_s: float) -> None:
        self.appointments.append((vehicle_id, site, begin_s, end_s))

    def fail(self, order_id: str, cause: str) -> None:
        del self._open[order_id]
        self.failed[order_id] = cause

    def place(self, order: Order) -> None:
        raise NotImplementedError

    def decide(self, decision: Event) -> None:
        self.decisions.append(decision)

    def halt(self, truck: Truck, *, until_s: float) -> None:
        """Let a vehicle break down where it is."""
        self._stop(truck)
        truck.phase, truck.ends_s = "halted", until_s

    def run(self, controller: FreightController, until_s: float, *, period_s: float = 10.0) -> None:
        """Let a controller decide every period until the time or until nothing is open."""
        controller.start(self)
        next_s = self.time_s
        while self.time_s < until_s and (self._open or any(truck.phase != "idle" for truck in self.trucks.values())):
            if self.time_s >= next_s:
                controller.step(self)
                next_s += period_s
            self.time_s += TICK_S
            self._act()
        controller.finish(self)

    @property
    def otif(self) -> float:
        """Share of all orders that came in full within their window."""
        return sum(one.on_time for one in self.delivered.values()) / len(self._all)

    @property
    def empty_share(self) -> float:
        """Share of the kilometres that were driven with nothing on board."""
        trucks = self.trucks.values()
        return sum(truck.empty_m for truck in trucks) / sum(truck.driven_m for truck in trucks)

    def _seen(self, truck: Truck) -> FreightVehicle:
        locked = 1 if truck.phase in {"handling", "queueing"} else 0
        here = self._location(truck)
        way_m = self._travel[truck.fleet.name].distance_m(truck.at, here)
        charge_kwh = truck.charge_kwh
        if charge_kwh is not None:
            charge_kwh -= way_m / 1000 * (truck.fleet.kwh_per_km or 0.0)
        return FreightVehicle(
            id=truck.id, fleet=truck.fleet.name, vehicle_class=truck.fleet.vehicle_class,
            capacity=truck.fleet.capacity, location=here, phase=truck.phase, place=truck.place,
            on_board=tuple(truck.on_board), plan=tuple(truck.plan), locked=locked,
            ready_s=truck.ends_s if truck.phase in {"handling", "halted"} else self.time_s, charge_kwh=charge_kwh,
            capacity_kwh=truck.capacity_kwh, odometer_m=truck.driven_m + way_m,
        )  # fmt: skip

    def _location(self, truck: Truck) -> Location:
        if truck.target is None or truck.phase != "driving":
            return truck.at
        steps = int((self.time_s - truck.left_s) * SPEED_MPS / CELL_M)
        (ay, ax), (by, bx) = divmod(truck.at.edge, WIDTH), divmod(truck.target[1].edge, WIDTH)
        along_x = min(steps, abs(bx - ax))
        along_y = min(steps - along_x, abs(by - ay))
        return cell(ax + along_x * (1 if bx > ax else -1), ay + along_y * (1 if by > ay else -1))

    def _stop(self, truck: Truck) -> None:
        """Book the way driven until now, and stand there."""
        here = self._location(truck)
        way_m = self._travel[truck.fleet.name].distance_m(truck.at, here)
        truck.driven_m += way_m
        truck.empty_m += 0.0 if truck.on_board else way_m
        if truck.charge_kwh is not None:
            truck.charge_kwh -= way_m / 1000 * (truck.fleet.kwh_per_km or 0.0)
        truck.at, truck.phase, truck.target = here, "idle", None

    def _next_target(self, truck: Truck) -> tuple[str, Location]:
        task = truck.plan[0] if truck.plan else Rest(truck.fleet.depot)
        if isinstance(task, Call):
            return task.site, self._sites[task.site].location
        return task.depot, truck.fleet.depot_location

    def _in_bays(self, site: str) -> int:
        return sum(truck.phase == "handling" and truck.place == site for truck in self.trucks.values())

    def _act(self) -> None:
        for truck in self.trucks.values():
            self._progress(truck)
        for name, queue in self._queues.items():
            while queue and self._in_bays(name) + self._sites[name].occupied < self._sites[name].bays:
                self._dock(self.trucks[queue.pop(0)])
            self.most_in_bays = max(self.most_in_bays, self._in_bays(name) - self._sites[name].bays)

    def _dock(self, truck: Truck) -> None:
        call = truck.plan[0]
        assert isinstance(call, Call)
        truck.phase, truck.docked_s = "handling", self.time_s
        truck.ends_s = self.time_s + self.handling_s(call.site, call.unload, call.load)

    def _progress(self, truck: Truck) -> None:
        if truck.phase == "handling" and self.time_s >= truck.ends_s:
            self._finish_call(truck)
        if truck.phase == "halted" and self.time_s >= truck.ends_s:
            truck.phase = "idle"
        if truck.phase == "driving" and truck.target is not None:
            way_s = self._travel[truck.fleet.name].time_s(truck.at, truck.target[1])
            if self.time_s >= truck.left_s + way_s:
                self._arrive(truck)
        if truck.phase == "idle":
            self._idle(truck)

    def _arrive(self, truck: Truck) -> None:
        assert truck.target is not None
        truck.place = truck.target[0]
        self._stop(truck)
        if truck.plan and isinstance(truck.plan[0], Call):
            truck.phase = "queueing"
            self._queues[truck.place].append(truck.id)

    def _idle(self, truck: Truck) -> None:
        task = truck.plan[0] if truck.plan else Rest(truck.fleet.depot)
        target = self._next_target(truck)
        if isinstance(task, Rest) and truck.at == target[1]:
            truck.place = task.depot
            if truck.charge_kwh is not None and truck.capacity_kwh is not None and truck.fleet.depot_charging_kw:
                power_kwh = truck.fleet.depot_charging_kw * TICK_S / 3600
                truck.charge_kwh = min(truck.capacity_kwh, truck.charge_kwh + power_kwh)
                full = truck.charge_kwh >= (task.charge_share or 0.0) * truck.capacity_kwh
                if truck.plan and len(truck.plan) > 1 and full:
                    truck.plan.pop(0)
            return
        truck.phase, truck.place, truck.target, truck.left_s = "driving", None, target, self.time_s

    def _finish_call(self, truck: Truck) -> None:
        call = truck.plan.pop(0)
        assert isinstance(call, Call)
        for one in call.unload:
            del truck.on_board[one]
            self.delivered[one] = Delivery(self._open.pop(one), truck.id, truck.docked_s, self.time_s)
        truck.on_board.update(dict.fromkeys(call.load))
        truck.phase = "idle"

    def _require(self, after: Mapping[str, Sequence[FreightTask]]) -> None:
        planned: set[str] = set()
        for name, tasks in after.items():
            truck = self.trucks[name]
            locked = 1 if truck.phase in {"handling", "queueing"} else 0
            if list(tasks[:locked]) != truck.plan[:locked]:
                msg = f"{name}: what is locked was changed"
                raise ControllerError(msg)
            on_board = set(truck.on_board)
            for task in tasks:
                if isinstance(task, Rest):
                    continue
                self._require_call(name, task, on_board, planned)
            if on_board:
                msg = f"{name}: {sorted(on_board)} are never unloaded"
                raise ControllerError(msg)

    def _require_call(self, name: str, call: Call, on_board: set[str], planned: set[str]) -> None:
        for one in call.unload:
            if one not in on_board or self._open[one].destination != call.site:
                msg = f"{name}: cannot unload {one} at {call.site}"
                raise ControllerError(msg)
            on_board.discard(one)
        for one in call.load:
            if (
                one in planned
                or one not in {waiting.id for waiting in self.orders()}
                or (self._open[one].origin != call.site)
            ):
                msg = f"{name}: cannot load {one} at {call.site}"
                raise ControllerError(msg)
            planned.add(one)
            on_board.add(one)
        load = NOTHING
        for one in on_board:
            load = load.plus(self._open[one].cargo)
        if not load.fits(self.trucks[name].fleet.capacity):
            msg = f"{name}: too much on board after {call.site}"
            raise ControllerError(msg)
