"""A world without SUMO: vehicles move on the travel times exactly, dwells last as the fleet says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.controllers.shuttle.assignment import Rtv, RtvParameters
from sim.controllers.shuttle.controller import Insertion
from sim.controllers.shuttle.hindsight import Hindsight, HindsightParameters
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.rolling import Lns, LnsParameters
from sim.events import Cancelled, Event, Offered, Promised, Rejected
from sim.fleet_document import Fleet
from sim.network.graph import EdgeGraph
from sim.scenario import RequestLimits
from sim.world import (
    Floats,
    Load,
    Location,
    Offer,
    Phase,
    PlannedStop,
    Request,
    StopTimes,
    Task,
    TravelTimes,
    Vehicle,
    Visit,
)


@dataclass(slots=True)
class Shuttle:
    """A moving vehicle: its place when it last did something, and what it does until `busy_until_s`."""

    id: str
    seats: int
    at: Location
    phase: Phase = "idle"
    target: Location | None = None
    since_s: float = 0.0
    busy_until_s: float = 0.0
    serving: list[PlannedStop] = field(default_factory=list)
    plan: list[PlannedStop] = field(default_factory=list)
    pending: list[PlannedStop] | None = None
    on_board: list[str] = field(default_factory=list)
    driven_m: float = 0.0
    wheelchairs: int = 0
    group: str = ""
    visit: Visit | None = None
    visit_last: Visit | None = None
    duty_end_s: float = np.inf
    retired: bool = False


class ReplayWorld:
    """Carries plans out on `truth`; `travel_times` is what the controller is told and may differ."""

    def __init__(
        self,
        truth: TravelTimes,
        starts: Sequence[Location],
        requests: Sequence[Request],
        *,
        seats: int,
        dwell_s: float = 10.0,
        begin_s: float = 0.0,
        wheelchairs: int = 0,
        declines: AbstractSet[str] = frozenset(),
        absent: AbstractSet[str] = frozenset(),
    ) -> None:
        self.truth = self.travel_times = truth
        self.time_s = begin_s
        self.requests = {request.id: request for request in requests}
        self.shuttles = [
            Shuttle(f"shuttle.{n:02d}", seats, place, since_s=begin_s, wheelchairs=wheelchairs)
            for n, place in enumerate(starts)
        ]
        dwells = np.tile((dwell_s, 0.0), (len(truth.edge_s), 1))
        self.stop_times = StopTimes(boarding_s=dwells, alighting_s=dwells, loss_s=0.0, drive_factor=1.0)
        self.dwell_s, self.declines, self.absent = dwell_s, declines, absent
        self.offers: dict[str, Offer] = {}
        self.settled: set[str] = set()
        self._withdrawn: list[str] = []
        self.vehicle_of: dict[str, str] = {}
        self.board_s: dict[str, float] = {}
        self.alight_s: dict[str, float] = {}
        self.rejected: dict[str, str] = {}
        self.events: list[Event] = []

    def vehicles(self) -> list[Vehicle]:
        return [
            Vehicle(
                id=one.id,
                seats=one.seats,
                location=self._location(one),
                phase=one.phase,
                on_board=tuple(sorted(one.on_board)),
                locked=self._locked(one),
                wheelchairs=one.wheelchairs,
                group=one.group,
            )
            for one in self.shuttles
            if not one.retired
        ]

    def waiting(self) -> list[Request]:
        return [
            one
            for one in self.requests.values()
            if one.submitted_s <= self.time_s
            and one.id not in self.vehicle_of
            and one.id not in self.rejected
            and one.id not in self.settled
        ]

    def withdrawn(self) -> list[str]:
        gone, self._withdrawn = self._withdrawn, []
        return gone

    def offer(self, offer: Offer) -> bool:
        request = self.requests[offer.request_id]
        assert request in self.waiting(), "an offer to a request that is not open"
        assert request.id not in self.offers, "a rider has accepted already"
        self.events.append(
            Offered(
                time_s=self.time_s,
                request_id=request.id,
                pickup_earliest_s=offer.pickup_earliest_s,
                pickup_latest_s=offer.pickup_latest_s,
                dropoff_latest_s=offer.dropoff_latest_s,
                access_walk_s=offer.boarding.walk_s if offer.boarding else 0.0,
                egress_walk_s=offer.alighting.walk_s if offer.alighting else 0.0,
            )
        )
        if request.id in self.declines:
            self._cancel(request, "offer_declined")
            return False
        self.offers[request.id] = offer
        self.events.append(
            Promised(
                time_s=self.time_s,
                request_id=request.id,
                pickup_earliest_s=offer.pickup_earliest_s,
                pickup_latest_s=offer.pickup_latest_s,
                dropoff_latest_s=offer.dropoff_latest_s,
            )
        )
        return True

    def withdraw(self, request_id: str) -> None:
        """Let a planned rider go: the executor takes the stops out of the plan."""
        assert request_id not in self.board_s
        vehicle_id = self.vehicle_of.pop(request_id)
        shuttle = next(one for one in self.shuttles if one.id == vehicle_id)
        if shuttle.phase == "driving":
            self._halt(shuttle)
        shuttle.plan = [stop for stop in shuttle.plan if stop.request_id != request_id]
        if shuttle.pending is not None:
            shuttle.pending = [stop for stop in shuttle.pending if stop.request_id != request_id]
        self._cancel(self.requests[request_id], "by_rider")
        self._withdrawn.append(request_id)

    def _cancel(self, request: Request, cause: str) -> None:
        self.settled.add(request.id)
        self.events.append(
            Cancelled(time_s=self.time_s, request_id=request.id, person_id=request.person_id, cause=cause)
        )

    def set_plan(self, vehicle_id: str, tasks: Sequence[Task]) -> None:
        self.set_plans({vehicle_id: tasks})

    def set_plans(self, plans: Mapping[str, Sequence[Task]]) -> None:
        stops = {name: [task for task in tasks if isinstance(task, PlannedStop)] for name, tasks in plans.items()}
        self._replace_all(stops)
        for shuttle in self.shuttles:
            if shuttle.id in plans:
                tasks = plans[shuttle.id]
                first, last = (tasks[0], tasks[-1]) if tasks else (None, None)
                shuttle.visit = first if isinstance(first, Visit) else None
                shuttle.visit_last = last if isinstance(last, Visit) else None

    def _replace_all(self, plans: Mapping[str, Sequence[PlannedStop]]) -> None:
        for vehicle_id, stops in plans.items():
            for rider in {stop.request_id for stop in stops}:
                before = self.vehicle_of.get(rider, vehicle_id)
                if before != vehicle_id:
                    assert before in plans, "a rider was taken from a vehicle whose plan stays"
                    assert rider not in self.board_s, "a rider on board was moved"
                    del self.vehicle_of[rider]
        for vehicle_id, stops in plans.items():
            self._replace(vehicle_id, stops)

    def _replace(self, vehicle_id: str, stops: Sequence[PlannedStop]) -> None:
        shuttle = next(one for one in self.shuttles if one.id == vehicle_id)
        mine = {rider for rider, vehicle in self.vehicle_of.items() if vehicle == vehicle_id}
        open_riders = {rider for rider in mine if rider not in self.alight_s}
        named = {stop.request_id for stop in stops}
        ahead = [stop for stop in shuttle.serving if not stop.pickup] + shuttle.plan
        assert list(stops)[: self._locked(shuttle)] == ahead[: self._locked(shuttle)], "a locked stop was moved"
        assert open_riders <= named, "a planned rider was left out"
        for rider in sorted(named - mine):
            assert rider not in self.vehicle_of, "a rider stands in two plans"
            assert rider not in self.rejected
            assert rider not in self.settled
            assert rider in self.offers, "a rider was planned without having accepted"
            self.vehicle_of[rider] = vehicle_id
        for rider in sorted(named):
            boards = [n for n, stop in enumerate(stops) if stop == PlannedStop(rider, pickup=True)]
            alights = [n for n, stop in enumerate(stops) if stop == PlannedStop(rider, pickup=False)]
            assert len(alights) == 1, "each rider alights once"
            assert boards == [] if rider in self.board_s else len(boards) == 1
            assert not boards or boards[0] < alights[0], "boarding comes first"
        if shuttle.phase == "serving":
            shuttle.pending = list(stops)
        else:
            if shuttle.phase == "driving":
                self._halt(shuttle)
            shuttle.plan = list(stops)

    def reject(self, request_id: str, cause: str) -> None:
        assert request_id not in self.vehicle_of
        self.rejected[request_id] = cause
        person = self.requests[request_id].person_id
        self.events.append(Rejected(time_s=self.time_s, request_id=request_id, person_id=person, cause=cause))

    def decide(self, decision: Event) -> None:
        self.events.append(decision)

    def advance(self, until_s: float) -> None:
        """Move everybody to `until_s`."""
        for shuttle in self.shuttles:
            while True:
                if shuttle.phase == "idle":
                    if not shuttle.plan:
                        shuttle.visit = shuttle.visit or shuttle.visit_last
                    visit = shuttle.visit
                    if shuttle.at == visit.location if visit else not shuttle.plan:
                        break
                    ready_s = max(shuttle.since_s, self.time_s)
                    if not visit and shuttle.at == self._place(shuttle.plan[0]):
                        ready_s = max(ready_s, self._comes_s(shuttle.plan[0]))
                    if ready_s > until_s:
                        break
                    self._set_off(shuttle, ready_s)
                if shuttle.busy_until_s > until_s:
                    break
                if shuttle.phase == "driving":
                    self._arrive(shuttle)
                else:
                    self._finish(shuttle)
            stands = shuttle.phase == "idle" and (shuttle.visit is None or shuttle.at == shuttle.visit.location)
            shuttle.retired |= stands and not shuttle.plan and until_s >= shuttle.duty_end_s
        self.time_s = until_s

    def slow_down(self, times: TravelTimes) -> None:
        """Let everybody drive on new travel times from now on, and tell the controller."""
        for shuttle in self.shuttles:
            if shuttle.phase == "driving":
                self._halt(shuttle)
        self.truth = self.travel_times = times

    def _place(self, stop: PlannedStop) -> Location:
        request, offer = self.requests[stop.request_id], self.offers[stop.request_id]
        point = offer.boarding if stop.pickup else offer.alighting
        if point is not None:
            return point.location
        return request.origin if stop.pickup else request.destination

    def _comes_s(self, stop: PlannedStop) -> float:
        """Return when somebody is there to board; who alights always is."""
        if not stop.pickup:
            return -np.inf
        return np.inf if stop.request_id in self.absent else self.offers[stop.request_id].pickup_earliest_s

    def _location(self, shuttle: Shuttle) -> Location:
        """Return the place on the way; legs between edges are spent at the end of the edge left."""
        if shuttle.phase != "driving" or shuttle.target is None:
            return shuttle.at
        times, a, b = self.truth, shuttle.at, shuttle.target
        gone, left = self.time_s - shuttle.since_s, shuttle.busy_until_s - self.time_s
        if a.edge == b.edge and b.pos_m >= a.pos_m:
            return Location(a.edge, a.pos_m + gone / times.edge_s[a.edge] * times.length_m[a.edge])
        along = gone / times.edge_s[a.edge] * times.length_m[a.edge]
        if a.pos_m + along < times.length_m[a.edge]:
            return Location(a.edge, float(a.pos_m + along))
        back = b.pos_m - left / times.edge_s[b.edge] * times.length_m[b.edge]
        if back >= 0:
            return Location(b.edge, float(back))
        # On the way between: the edge from which the rest takes as long as it really does, or the nearest.
        rest = times.edge_s + times.leg_s[:, b.edge] + b.pos_m / times.length_m[b.edge] * times.edge_s[b.edge]
        on_way = np.isclose(times.leg_s[a.edge, b.edge], _through(times, a.edge, b.edge))
        share = (rest - left) / times.edge_s
        outside = np.where(on_way, np.abs(share - np.clip(share, 0, 1)), np.inf)
        edge = int(outside.argmin())
        return Location(edge, float(np.clip(share[edge], 0, 1) * times.length_m[edge]))

    def _locked(self, shuttle: Shuttle) -> int:
        """Return how many stops may not be preceded: alightings going on, or a stop less than 6 s away."""
        if shuttle.phase == "serving":
            return sum(not stop.pickup for stop in shuttle.serving)
        return int(shuttle.phase == "driving" and not shuttle.visit and shuttle.busy_until_s - self.time_s < 6)

    def _halt(self, shuttle: Shuttle) -> None:
        """Stop a drive where it is, to set off anew for another stop."""
        place = self._location(shuttle)
        if shuttle.target is not None:
            shuttle.driven_m += self.truth.distance_m(shuttle.at, shuttle.target)
            shuttle.driven_m -= self.truth.distance_m(place, shuttle.target)
        shuttle.at, shuttle.phase, shuttle.since_s = place, "idle", self.time_s

    def _set_off(self, shuttle: Shuttle, time_s: float) -> None:
        shuttle.target = shuttle.visit.location if shuttle.visit else self._place(shuttle.plan[0])
        shuttle.phase, shuttle.since_s = "driving", time_s
        shuttle.busy_until_s = time_s + self.truth.time_s(shuttle.at, shuttle.target)

    def _arrive(self, shuttle: Shuttle) -> None:
        """Begin a dwell at the target; stops at the same place share it."""
        assert shuttle.target is not None
        shuttle.driven_m += self.truth.distance_m(shuttle.at, shuttle.target)
        shuttle.at, shuttle.since_s = shuttle.target, shuttle.busy_until_s
        if shuttle.visit:
            shuttle.phase = "idle"
            return
        if self._comes_s(shuttle.plan[0]) > shuttle.since_s:
            shuttle.phase = "idle"
            return
        shuttle.phase = "serving"
        shuttle.busy_until_s += self.dwell_s
        shuttle.serving = []
        while shuttle.plan and self._place(shuttle.plan[0]) == shuttle.at:
            if self._comes_s(shuttle.plan[0]) > shuttle.since_s:
                break
            shuttle.serving.append(shuttle.plan.pop(0))
        for stop in shuttle.serving:
            if stop.pickup:
                shuttle.on_board.append(stop.request_id)
                self.board_s[stop.request_id] = shuttle.since_s
        alighting = {stop.request_id for stop in shuttle.serving if not stop.pickup}
        load = Load(0, 0)
        for rider in shuttle.on_board:
            if rider not in alighting:
                load = load.plus(self.requests[rider].load, 1)
        assert load.fits(Load(shuttle.seats, shuttle.wheelchairs)), "more riders than room for them"

    def _finish(self, shuttle: Shuttle) -> None:
        for stop in shuttle.serving:
            if not stop.pickup:
                shuttle.on_board.remove(stop.request_id)
                self.alight_s[stop.request_id] = shuttle.busy_until_s
        done = {(stop.request_id, stop.pickup) for stop in shuttle.serving}
        if shuttle.pending is not None:
            shuttle.plan = [stop for stop in shuttle.pending if (stop.request_id, stop.pickup) not in done]
        shuttle.pending, shuttle.serving = None, []
        shuttle.phase, shuttle.since_s = "idle", shuttle.busy_until_s


def _through(times: TravelTimes, a: int, b: int) -> Floats:
    """Return the time from the end of a to the start of b over each edge."""
    through: Floats = times.leg_s[a] + times.edge_s + times.leg_s[:, b]
    return through


@dataclass(frozen=True, slots=True)
class Outcome:
    """Figures of a replay."""

    requests: int
    served: int
    wait_s: float
    ride_s: float
    vkm: float


def controller_for(world: ReplayWorld, limits: RequestLimits, parameters: InsertionParameters) -> Insertion:
    """Return the controller of these parameters as `prepare` would leave it for this world."""
    controller = Insertion(parameters)
    if isinstance(parameters, HindsightParameters):
        controller = Hindsight(parameters)
        controller._submitted_s = {one.id: one.earliest_s for one in world.requests.values()}
        controller._rng = np.random.default_rng(1)
    elif isinstance(parameters, LnsParameters):
        controller = Lns(parameters)
        controller._rng = np.random.default_rng(1)
    elif isinstance(parameters, RtvParameters):
        controller = Rtv(parameters)
    controller._limits = limits
    controller._fleet = Fleet(
        count=max(1, len(world.shuttles)),
        seats=max((one.seats for one in world.shuttles), default=1),
        boarding_s=world.dwell_s,
        alighting_s=world.dwell_s,
    )
    return controller


def replay(
    world: ReplayWorld,
    *,
    limits: RequestLimits,
    parameters: InsertionParameters | None = None,
    until_s: float,
    period_s: float = 5.0,
) -> Outcome:
    """Run the controller on a world."""
    controller = controller_for(world, limits, parameters or InsertionParameters())
    controller.start(world)
    while world.time_s < until_s:
        controller.step(world)
        world.advance(world.time_s + period_s)
    controller.finish(world)
    return outcome(world)


def outcome(world: ReplayWorld) -> Outcome:
    """Return the figures of what has happened."""
    waits = [world.board_s[one] - world.requests[one].earliest_s for one in sorted(world.alight_s)]
    rides = [world.alight_s[one] - world.board_s[one] for one in sorted(world.alight_s)]
    return Outcome(
        requests=len(world.requests),
        served=len(world.alight_s),
        wait_s=float(np.mean(waits)) if waits else np.nan,
        ride_s=float(np.mean(rides)) if rides else np.nan,
        vkm=sum(one.driven_m for one in world.shuttles) / 1000,
    )


def grid_times(n: int, block_m: float, speed_mps: float, junction_s: float = 2.0) -> TravelTimes:
    """Return travel times on an n × n grid of two-way streets without U-turns."""
    ends = [
        (a, (a[0] + dx, a[1] + dy))
        for a in [(x, y) for x in range(n) for y in range(n)]
        for dx, dy in ((0, 1), (1, 0), (0, -1), (-1, 0))
        if 0 <= a[0] + dx < n and 0 <= a[1] + dy < n
    ]
    by_tail: dict[tuple[int, int], list[int]] = {}
    for index, (tail, _) in enumerate(ends):
        by_tail.setdefault(tail, []).append(index)
    turns = np.array(
        [(i, j) for i, (tail, head) in enumerate(ends) for j in by_tail[head] if ends[j][1] != tail],
        dtype=np.int64,
    )
    return graph_times(turns, np.full(len(ends), block_m), np.full(len(ends), block_m / speed_mps + junction_s))


def graph_times(turns: NDArray[np.int64], length_m: Floats, edge_s: Floats) -> TravelTimes:
    """Return travel times by shortest paths over the edges of a graph."""
    count = len(length_m)
    graph = EdgeGraph(
        ids=tuple(f"e{n:04d}" for n in range(count)),
        index={f"e{n:04d}": n for n in range(count)},
        length_m=length_m,
        travel_m=length_m,
        time_s=edge_s,
        crossing_s=np.zeros(count),
        permits={"taxi": np.ones(count, dtype=np.bool_)},
        turn_from=turns[:, 0],
        turn_to=turns[:, 1],
        turn_m=np.zeros(len(turns)),
        turn_permits={"taxi": np.ones(len(turns), dtype=np.bool_)},
        shapes=(),
    )
    return TravelTimes(0.0, edge_s, graph.matrix(edge_s, "taxi"), length_m, graph.matrix(length_m, "taxi"))
