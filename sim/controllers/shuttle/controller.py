"""The controller `insertion`: a request goes to the cheapest place in any shuttle's plan, and stays there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from pydantic import Field

from sim.controllers.base import Inputs, Parameters, Preparation, RideLeg, RiderPlan
from sim.controllers.fleet import waiting_fleet
from sim.controllers.shuttle.insertion import (
    CAPACITY,
    OTHERS,
    REACH,
    RIDE,
    Attempt,
    best_insertion,
    compile_kernels,
    insert,
)
from sim.controllers.shuttle.plan import (
    Fleet,
    Matrix,
    RequestTable,
    Schedule,
    Start,
    fleet_of,
    matrix_of,
    time_plans,
    way_s,
)
from sim.errors import ControllerError, ScenarioError
from sim.events import Assigned, PlansRetimed, Promised
from sim.fleet_document import Fleet as FleetDocument
from sim.scenario import RequestLimits
from sim.world import Location, PlannedStop, Request, TravelTimes, Vehicle, World

TOO_LARGE, UNREACHABLE, LATE = "group_larger_than_vehicle", "unreachable", "no_vehicle_within_max_wait"
CAUSES = {CAPACITY: "capacity", RIDE: "detour_limit", OTHERS: "limits_of_accepted_riders"}

# SUMO halts a taxi within about a vehicle length of the position asked for, before or behind it.
AT_STOP_M = 15.0


class InsertionParameters(Parameters):
    """Parameters of the controller `insertion`."""

    alpha: float = Field(
        0.5,
        ge=0,
        description="seconds of ride, of any rider, that one second of added driving is worth; more of it "
        "means fewer vehicle kilometres and longer waits, less of it sends out idle shuttles sooner",
    )
    wait_weight: float = Field(
        1.5,
        ge=1,
        description="seconds of ride that one second of wait is worth; studies of travellers' value of time "
        "find between 1 and 2.5",
    )
    promise_window_s: float = Field(
        300,
        ge=0,
        description="time from the planned pick-up to the end of the promised window, which later insertions "
        "keep to; more leaves more room for pooling, less is the better promise",
    )
    travel_time_factor: float = Field(
        1.0,
        ge=1,
        le=3,
        description="factor on the travel times that plans are made with; what exceeds 1 is slack against "
        "traffic that gets worse after the promise",
    )
    retry_s: float = Field(
        15,
        ge=0,
        description="time between two attempts for a request that has found no place yet; trying every step "
        "costs most of the planning when demand exceeds the fleet, and serves hardly more",
    )
    shared_stop_m: float = Field(
        0.5,
        ge=-1,
        description="a stop on the edge of the one before, up to this far ahead of it, shares its dwell, as "
        "in SUMO's taxi device; negative: each stop has its own dwell",
    )


@dataclass(slots=True)
class _Shuttle:
    """What is known of a vehicle: its plan, the last stop it finished, and since when it stands where."""

    plan: list[int] = field(default_factory=list)
    changed: bool = False
    last_stop: int = -1
    stands_at: Location | None = None
    stands_since_s: float = 0.0


class Insertion:
    """Inserts requests in the order of their earliest departure.

    A request without a feasible place is tried again every step until its wait limit has passed. Then it is
    rejected, with the check that stood in the way when vehicles could last have come in time.
    """

    Parameters: ClassVar[type[Parameters]] = InsertionParameters

    def __init__(self, parameters: InsertionParameters) -> None:
        self.parameters = parameters
        self._table = RequestTable()
        self._requests: list[Request] = []
        self._rows: dict[str, int] = {}
        self._shuttles: dict[str, _Shuttle] = {}
        self._causes: dict[str, str] = {}
        self._retry_at_s: dict[str, float] = {}
        self._boarded: set[int] = set()
        self._times: TravelTimes | None = None
        self._last_step_s = np.nan
        self._matrix: Matrix
        self._standing: FleetDocument
        self._limits: RequestLimits

    def prepare(self, inputs: Inputs) -> Preparation:
        """Place the fleet at its depot or spread it, and let every rider wait for a shuttle at the origin.

        Raises
        ------
        ScenarioError
            The decision period is too long to see every rider on board.
        """
        fleet, use = inputs.scenario.fleet, inputs.scenario.controllers.shuttle
        if fleet is None or use is None:
            msg = "the controller 'insertion' needs `fleet` and `controllers.shuttle` in the scenario"
            raise ScenarioError(msg)
        if use.period_s > fleet.alighting_s:
            msg = (
                f"controllers.shuttle.period_s must not exceed fleet.alighting_s ({fleet.alighting_s}), or "
                f"'insertion' may miss a rider who boards and alights between two steps; found {use.period_s}"
            )
            raise ScenarioError(msg)
        compile_kernels()  # loaded from the cache here, before the simulated time begins to count
        self._standing, self._limits = fleet, inputs.scenario.requests
        riders = tuple(RiderPlan(rider, rider.earliest_s, (RideLeg("taxi"),)) for rider in inputs.riders)
        return Preparation(vehicles=waiting_fleet(inputs), riders=riders, taxi="world")

    def start(self, world: World) -> None:
        """Take over the travel times."""
        self._last_step_s = world.time_s
        self._take_times(world)

    def step(self, world: World) -> None:
        """Bring the plans up to date and place the waiting requests."""
        vehicles = world.vehicles()
        self._follow(vehicles)
        refreshed = self._take_times(world)
        starts = [self._observe(vehicle, world.time_s) for vehicle in vehicles]
        shuttles = [self._shuttles[vehicle.id] for vehicle in vehicles]
        fleet, schedule = self._time(starts, shuttles)
        if refreshed:
            plans, broken = sum(bool(shuttle.plan) for shuttle in shuttles), int(schedule.broken.sum())
            world.decide(PlansRetimed(time_s=world.time_s, plans=plans, infeasible=broken))
        placed = False
        for request in self._due(world):
            attempt = self._try(request, vehicles, fleet, schedule)
            if isinstance(attempt, str):
                world.reject(request.id, attempt)
            elif attempt.insertion is not None:
                v = attempt.insertion.vehicle
                insert(shuttles[v].plan, attempt.insertion, self._rows[request.id])
                shuttles[v].changed = True
                fleet, schedule = self._time(starts, shuttles)
                at, until = attempt.insertion.pickup_at, attempt.insertion.dropoff_at + 1
                times_s = float(schedule.begin_s[v, at]), float(schedule.end_s[v, until])
                self._promise(world, request, vehicles[v].id, *times_s)
                placed = True
            elif world.time_s >= request.earliest_s + self._limits.max_wait_s:
                world.reject(request.id, self._causes[request.id])
            else:
                self._retry_at_s[request.id] = world.time_s + self.parameters.retry_s
        if placed or refreshed:
            self._improve(world, vehicles, starts, fleet)
        changed = {vehicle.id: shuttle for vehicle, shuttle in zip(vehicles, shuttles, strict=True) if shuttle.changed}
        world.set_plans({name: [self._planned(stop) for stop in one.plan] for name, one in changed.items()})
        for shuttle in changed.values():
            shuttle.changed = False
        self._last_step_s = world.time_s

    def finish(self, world: World) -> None:
        """Leave what is open as it is: the observer reports it as unfinished."""

    def _follow(self, vehicles: Sequence[Vehicle]) -> None:
        """Bring plans in line with who boarded which vehicle; here nobody boards another than planned."""

    def _improve(self, world: World, vehicles: Sequence[Vehicle], starts: Sequence[Start], fleet: Fleet) -> None:
        """Change plans that have just been made or timed anew; here they stay."""

    def _due(self, world: World) -> list[Request]:
        """Return the waiting requests to be tried now, in the order of their earliest departure."""
        due = [
            request
            for request in world.waiting()
            if world.time_s >= min(self._retry_at_s.get(request.id, 0.0), request.earliest_s + self._limits.max_wait_s)
        ]
        return sorted(due, key=lambda request: request.earliest_s)

    def _take_times(self, world: World) -> bool:
        """Take over new travel times; return whether they are of a later time than those before."""
        times = world.travel_times
        if times is self._times:
            return False
        self._matrix = matrix_of(times, factor=self.parameters.travel_time_factor)
        replaced = self._times is not None and times.refreshed_s != self._times.refreshed_s
        self._times = times
        return replaced

    def _time(self, starts: Sequence[Start], shuttles: Sequence[_Shuttle]) -> tuple[Fleet, Schedule]:
        fleet = fleet_of(starts, [shuttle.plan for shuttle in shuttles])
        shared_m = self.parameters.shared_stop_m
        return fleet, time_plans(self._matrix, self._table.columns, fleet, shared_m=shared_m)

    def _observe(self, vehicle: Vehicle, now_s: float) -> Start:
        """Take finished stops out of a vehicle's plan and say from where and when it goes on."""
        shuttle = self._shuttles.setdefault(vehicle.id, _Shuttle())
        self._drop_finished(shuttle, vehicle)
        here = bool(shuttle.plan) and self._is_at(shuttle.plan[0], vehicle.location)
        # A vehicle that halts a little past its stop's position is not taken to go round the block for it.
        location = self._place(shuttle.plan[0]) if here else vehicle.location
        ready_s = now_s
        if vehicle.phase == "serving":
            ready_s = self._end_of_standing_s(shuttle, vehicle.location, now_s, at_next=here)
        else:
            shuttle.stands_at = None
        if vehicle.halted_until_s is not None:
            ready_s = max(ready_s, vehicle.halted_until_s)
        load = sum(int(self._table.columns.size[self._rows[rider]]) for rider in vehicle.on_board)
        return Start(location, ready_s, vehicle.seats, load, min(vehicle.locked, len(shuttle.plan)))

    def _end_of_standing_s(self, shuttle: _Shuttle, place: Location, now_s: float, *, at_next: bool) -> float:
        """Return when a vehicle is ready for its next stop; one being served is timed from its start."""
        if shuttle.stands_at != place:
            shuttle.stands_at, shuttle.stands_since_s = place, now_s
        service_s = self._table.columns.service_s
        if at_next:
            return max(shuttle.stands_since_s, now_s - float(service_s[shuttle.plan[0]]))
        if shuttle.last_stop >= 0:  # riders on board already, the dwell still runs
            return max(now_s, shuttle.stands_since_s + float(service_s[shuttle.last_stop]))
        return now_s

    def _drop_finished(self, shuttle: _Shuttle, vehicle: Vehicle) -> None:
        """Note who is on board since the last step, and keep the stops of the plan that are still ahead."""
        if not shuttle.plan and not vehicle.on_board:
            return
        on_board = set()
        for request_id in vehicle.on_board:
            row = self._rows.get(request_id, -1)
            if row < 0 or 2 * row + 1 not in shuttle.plan:
                msg = f"{vehicle.id} carries {request_id}, whom 'insertion' never planned for it"
                raise ControllerError(msg)
            if row not in self._boarded:
                self._boarded.add(row)
                # no later, lest a ride be taken as shorter than it is
                self._table.columns.boarded_s[row] = self._last_step_s
            on_board.add(row)
        ahead = []
        for stop in shuttle.plan:
            row, alighting = divmod(stop, 2)
            if row not in self._boarded or (alighting and row in on_board):
                ahead.append(stop)
            else:
                shuttle.last_stop = stop
        shuttle.plan = ahead

    def _try(self, request: Request, vehicles: Sequence[Vehicle], fleet: Fleet, schedule: Schedule) -> Attempt | str:
        """Look for a place; return the attempt, or the cause that rules out any later one."""
        if vehicles and request.size > max(vehicle.seats for vehicle in vehicles):
            return TOO_LARGE
        direct_s = way_s(self._matrix, *request.origin, *request.destination)
        if not np.isfinite(direct_s):
            return UNREACHABLE
        row = self._row(request)
        self._table.columns.max_ride_s[row] = self._max_ride_s(direct_s)
        attempt = best_insertion(
            self._matrix,
            self._table.columns,
            fleet,
            schedule,
            request=row,
            alpha=self.parameters.alpha,
            wait_weight=self.parameters.wait_weight,
            shared_m=self.parameters.shared_stop_m,
        )
        if attempt.insertion is None:
            self._note_cause(request.id, attempt.failed)
        return attempt

    def _note_cause(self, request_id: str, failed: Sequence[int]) -> None:
        """Keep what most vehicles failed at of those that could have come in time, if there are any."""
        check = max(CAUSES, key=lambda check: (failed[check], check))
        if failed[check]:
            self._causes[request_id] = CAUSES[check]
        else:
            alone = failed[REACH] and failed[REACH] == sum(failed)
            self._causes.setdefault(request_id, UNREACHABLE if alone else LATE)

    def _row(self, request: Request) -> int:
        """Return a request's row in the table, added at the first attempt."""
        if request.id not in self._rows:
            self._requests.append(request)
            self._rows[request.id] = self._table.add(
                request.origin,
                request.destination,
                size=request.size,
                earliest_s=request.earliest_s,
                latest_pickup_s=request.earliest_s + self._limits.max_wait_s,
                boarding_s=self._standing.boarding_s,
                alighting_s=self._standing.alighting_s,
            )
        return self._rows[request.id]

    def _max_ride_s(self, direct_s: float) -> float:
        """Return the longest ride allowed, by the direct drive as it is now; never below a lone ride."""
        lone_s = self._standing.boarding_s + direct_s + self._standing.alighting_s
        detour_s = self._limits.max_detour_alpha * direct_s + self._limits.max_detour_beta_s
        return min(self._limits.max_ride_s, max(detour_s, lone_s))

    def _promise(self, world: World, request: Request, vehicle_id: str, pickup_s: float, dropoff_s: float) -> None:
        """Bind the request's pick-up window and latest arrival, and say so in the log."""
        row, columns = self._rows[request.id], self._table.columns
        pickup_latest_s = min(pickup_s + self.parameters.promise_window_s, float(columns.latest_s[2 * row]))
        dropoff_latest_s = pickup_latest_s + float(columns.max_ride_s[row])
        columns.latest_s[2 * row] = pickup_latest_s
        columns.latest_s[2 * row + 1] = dropoff_latest_s - columns.service_s[2 * row + 1]
        self._assign(world, request.id, vehicle_id, pickup_s, dropoff_s)
        world.decide(
            Promised(
                time_s=world.time_s,
                request_id=request.id,
                pickup_earliest_s=request.earliest_s,
                pickup_latest_s=pickup_latest_s,
                dropoff_latest_s=dropoff_latest_s,
            )
        )

    @staticmethod
    def _assign(world: World, request_id: str, vehicle_id: str, pickup_s: float, dropoff_s: float) -> None:
        """Say in the log which vehicle is to serve a request, and when."""
        world.decide(
            Assigned(
                time_s=world.time_s,
                request_id=request_id,
                vehicle_id=vehicle_id,
                pickup_s=pickup_s,
                dropoff_s=dropoff_s,
            )
        )

    def _planned(self, stop: int) -> PlannedStop:
        return PlannedStop(self._requests[stop // 2].id, pickup=stop % 2 == 0)

    def _place(self, stop: int) -> Location:
        request = self._requests[stop // 2]
        return request.origin if stop % 2 == 0 else request.destination

    def _is_at(self, stop: int, location: Location) -> bool:
        place = self._place(stop)
        return place.edge == location.edge and abs(place.pos_m - location.pos_m) <= AT_STOP_M
