"""The controller `insertion`: a request goes to the cheapest place in any plan, and stays while that is in time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import ClassVar

import numpy as np

from sim.controllers.base import Inputs, Parameters, Preparation, RideLeg, RiderPlan
from sim.controllers.fleet import waiting_fleet
from sim.controllers.shuttle.admission import TOO_TIGHT, ruled_out
from sim.controllers.shuttle.charging import Charging
from sim.controllers.shuttle.departures import Departures
from sim.controllers.shuttle.duties import Duties, posts_of
from sim.controllers.shuttle.knowledge import Knowledge
from sim.controllers.shuttle.layout import Layout
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.rebalancing import Rebalancing
from sim.controllers.shuttle.ride import Ride, in_time, rides_of
from sim.controllers.shuttle.shuttle import Shuttle, Start
from sim.controllers.shuttle.slack import Breaches, kept_free, slack_share, with_slack
from sim.controllers.shuttle.territory import Territory
from sim.dispatch import lns, mending, refusal
from sim.dispatch.insertion import Insertion as Place
from sim.dispatch.insertion import Planner
from sim.dispatch.mending import mend
from sim.dispatch.problem import Problem, Weights
from sim.dispatch.refusal import Cause, why_none
from sim.dispatch.relax import relax
from sim.dispatch.schedule import time_plan
from sim.dispatch.solution import Solution, Stops
from sim.errors import ScenarioError
from sim.events import Assigned
from sim.fleet_document import Fleet
from sim.network.areas import Areas
from sim.scenario import RequestLimits
from sim.world import Location, Offer, PlannedStop, Request, Vehicle, World

AHEAD_SHARE = 0.1
"""Time to the next attempt for a booking that found no place, as a share of the time to its wish."""


@dataclass(slots=True)
class Attempts:
    """A request that has found no place yet: when it is tried next, and what has stood in the way."""

    retry_at_s: float
    cause: str


@dataclass(frozen=True)
class Moment:
    """The fleet in one step: rows are vehicles on duty, in the order of their ids."""

    world: World
    vehicles: Sequence[Vehicle]
    shuttles: Sequence[Shuttle]
    start: Callable[[Vehicle, Shuttle], Start]

    @cached_property
    def starts(self) -> Sequence[Start]:
        """From where and when the vehicles go on; most steps do not ask."""
        return [self.start(*row) for row in zip(self.vehicles, self.shuttles, strict=True)]


@dataclass(frozen=True, slots=True)
class Planning:
    """The plans laid out, with the limits that bind them by now, and the planner that works on both."""

    layout: Layout
    problem: Problem
    planner: Planner


class Insertion:
    """Inserts requests in the order in which they were submitted, those of one time in the order of their wish.

    A request without a feasible place is tried again until its wait limit has passed. Then it is rejected, with the
    check that stood in the way when vehicles could last have come in time. What the rider accepts binds every plan
    from then on. Where traffic makes a plan late, riders who wait may come out of it into another.
    """

    Parameters: ClassVar[type[Parameters]] = InsertionParameters

    def __init__(self, parameters: InsertionParameters) -> None:
        self.parameters = parameters
        self._weights = Weights(parameters.alpha, parameters.wait_weight, ride=1.0, late=parameters.lateness_weight)
        self._rides: dict[str, Ride] = {}
        self._open: dict[str, Attempts] = {}
        self._shuttles: dict[str, Shuttle] = {}
        self._knowledge = Knowledge(parameters, factor=parameters.travel_time_factor)
        self._breaches = Breaches()
        self._last_step_s = np.nan
        self._territory = Territory()
        self._duties = Duties()
        self._fleet: Fleet
        self._limits: RequestLimits
        self._rebalancing: Rebalancing | None = None
        self._departures = Departures(parameters)
        self._charging = Charging(parameters)

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
        lns.compile_kernels()  # loaded from the cache here, before the simulated time begins to count
        mending.compile_kernels()
        refusal.compile_kernels()
        self._fleet, self._limits = fleet, inputs.scenario.requests
        areas = Areas(inputs.network.areas, inputs.graph)
        self._territory = Territory(self._limits, fleet.parts, lambda place: areas.holding(*place))
        self._rebalancing = Rebalancing.of(inputs, self.parameters)
        riders = tuple(RiderPlan(rider, rider.earliest_s, (RideLeg("taxi"),)) for rider in inputs.riders)
        vehicles = waiting_fleet(inputs)
        self._charging = Charging.of(inputs, self.parameters, vehicles)
        self._duties = Duties(posts_of(inputs, fleet.parts, vehicles), slack_s=self.parameters.duty_slack_s)
        return Preparation(vehicles=vehicles, riders=riders, taxi="world")

    def start(self, world: World) -> None:
        """Take over the travel times."""
        self._last_step_s = world.time_s
        self._knowledge.begin(world)

    def step(self, world: World) -> None:
        """Bring the plans up to date and place the waiting requests."""
        vehicles = world.vehicles()
        gone = self._forget(world.withdrawn())
        self._correct(vehicles)
        refreshed = self._knowledge.follow(world)
        shuttles = [self._observe(vehicle, world) for vehicle in vehicles]
        moment = Moment(world, vehicles, shuttles, partial(self._start, now_s=world.time_s))
        if self._rebalancing is not None:
            self._rebalancing.learn(world)
        due = self._due(world)
        news = self._place(moment, due, refreshed=refreshed) if due or refreshed else False
        if news or gone or refreshed:
            self._improve(moment, self._better if news or gone else self._mended)
        self._charge(moment)
        for vehicle, one in zip(vehicles, shuttles, strict=True):
            self._duties.direct(vehicle, one, self._rides, now_s=world.time_s, way_s=self._way_s)
            self._departures.hold(vehicle, one, self._rides, self._knowledge.travel_times, time_s=world.time_s)
        if self._rebalancing is not None:
            self._rebalancing.move(
                world, vehicles, shuttles, lambda: moment.starts, rides=self._rides, fleet=self._fleet,
                may_go=lambda vehicle, place: self._charging.may_go(vehicle, place, world.travel_times),
            )  # fmt: skip
        changed = {vehicle.id: one for vehicle, one in zip(vehicles, shuttles, strict=True) if one.changed}
        if changed:
            world.set_plans({name: one.tasks(self._rides) for name, one in changed.items()})
        for one in changed.values():
            one.changed = False
        self._last_step_s = world.time_s

    def finish(self, world: World) -> None:
        """Leave what is open as it is: the observer reports it as unfinished."""

    def _correct(self, vehicles: Sequence[Vehicle]) -> None:
        """Give riders who boarded the vehicle they were to leave, because that came first, back to its plan."""
        for vehicle in vehicles:
            own = self._shuttles.setdefault(vehicle.id, Shuttle())
            planned = {stop.request_id for stop in own.plan} if vehicle.on_board else set()
            for request_id in vehicle.on_board:
                if request_id in planned:
                    continue
                for other in self._shuttles.values():
                    if other.drop(request_id):
                        other.changed = True
                        own.plan[:0] = [PlannedStop(request_id, pickup=pickup) for pickup in (True, False)]

    def _improve(self, moment: Moment, better: Callable[[Problem, Sequence[Stops]], Solution]) -> None:
        """Look for better plans than those that have just been made or timed anew."""
        layout = self._laid_open(moment)
        if not (layout.problem.requests.vehicle < 0).any():
            return
        problem = relax(layout.problem, layout.plans)
        found = better(problem, layout.plans)
        if found.saved < self.parameters.least_gain_s:
            return
        for v, (old, new) in enumerate(zip(layout.plans, found.plans, strict=True)):
            if old != new:
                self._take_over(moment, layout, problem, v, new)

    def _laid_open(self, moment: Moment) -> Layout:
        """Lay out what the search works on."""
        return self._lay_out(moment, ())

    def _better(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        """Return plans that cost no more than these, and keep every limit of the problem, for riders who are new."""
        return mend(problem, plans)

    def _mended(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        """Return such plans where nothing but the travel times has changed; a whole search then hardly pays."""
        return mend(problem, plans)

    def _charge(self, moment: Moment) -> None:
        """Plan the visits to chargers that are needed by now, and let shuttles set off to them."""
        fleet, now_s = (moment.vehicles, moment.shuttles, self._rides), moment.world.time_s
        short = any(attempts.cause == Cause.CHARGE for attempts in self._open.values())
        self._charging.plan(*fleet, lambda rides: self._lay_out(moment, rides), now_s=now_s, short=short)
        self._charging.direct(*fleet, self._knowledge.travel_times, now_s=now_s, short=short)

    def _forget(self, withdrawn: Iterable[str]) -> bool:
        """Take riders who have gone out of the plans, as the executor has; return whether there were any."""
        gone = [request_id for request_id in withdrawn if self._rides.pop(request_id, None) is not None]
        for request_id in gone:
            for shuttle in self._shuttles.values():
                shuttle.drop(request_id)
        return bool(gone)

    def _observe(self, vehicle: Vehicle, world: World) -> Shuttle:
        """Bring a vehicle's plan in line with what it has done."""
        shuttle = self._shuttles.setdefault(vehicle.id, Shuttle())
        # a boarding is taken to have begun right after the last look, lest a ride be taken as shorter than it is
        boarded_s = self._last_step_s + self._fleet.boarding_s
        for request_id in shuttle.follow(vehicle, self._rides, boarded_s=boarded_s):
            del self._rides[request_id]
        for taken in self._duties.follow(vehicle, shuttle, self._rides, now_s=world.time_s):
            world.decide(taken)
        self._charging.follow(vehicle, shuttle, self._rides, now_s=world.time_s)
        shuttle.stand(vehicle, now_s=world.time_s)
        return shuttle

    def _start(self, vehicle: Vehicle, shuttle: Shuttle, *, now_s: float) -> Start:
        """Say from where and when a vehicle goes on, and what binds it."""
        start = shuttle.start(vehicle, self._rides, self._fleet, now_s=now_s)
        start = self._knowledge.pulled_out(start, vehicle)
        start = replace(
            start, permits=self._territory.room(vehicle.group), range_m=self._charging.range_m(vehicle)
        )  # fmt: skip
        return self._duties.bound(start, vehicle.id, shuttle, self._rides, way_s=self._way_s)

    def _due(self, world: World) -> list[Request]:
        """Return the requests to be tried now, in the order in which they were submitted."""
        waiting = world.waiting()
        self._open = {request.id: self._open[request.id] for request in waiting if request.id in self._open}
        due = [
            request
            for request in waiting
            if request.id not in self._open or world.time_s >= self._open[request.id].retry_at_s
        ]
        return sorted(due, key=lambda request: (request.submitted_s, request.earliest_s, request.id))

    def _place(self, moment: Moment, due: Sequence[Request], *, refreshed: bool) -> bool:
        """Place what is due; return whether a plan has changed, or a request has found no place for the first time."""
        tried = [(request, rides) for request in due if (rides := self._rides_for(moment, request))]
        layout = self._lay_out(moment, [ride for _, rides in tried for ride in rides])
        problem = relax(layout.problem, layout.plans)
        if refreshed:
            now_s = moment.world.time_s
            moment.world.decide(self._breaches.retimed(now_s, layout.plans, layout.rides, layout.problem, problem))
        if not tried:
            return False
        planning, news = Planning(layout, problem, Planner(problem, layout.plans)), False
        row = len(layout.rides) - sum(len(rides) for _, rides in tried)
        for request, rides in tried:
            best = self._best(planning, range(row, row + len(rides)))
            if best is None:
                cause = why_none(problem, planning.planner.plans, row)
                news |= self._put_off(moment.world, request, cause)
            else:
                news |= self._promise(moment, planning, *best)
            row += len(rides)
        return news

    def _rides_for(self, moment: Moment, request: Request) -> list[Ride]:
        """Return the rides that could serve a request; none if that is ruled out for good, and it is rejected."""
        now_s, first = moment.world.time_s, request.id not in self._open
        room = [*(vehicle.capacity for vehicle in moment.vehicles), *self._duties.to_come(now_s)]
        cause = ruled_out(request, self._limits, room, now_s=now_s) if first else None
        rides: list[Ride] = []
        if cause is None:
            limits = self._limits.of(request.service_class)
            rides = list(rides_of(request, limits, self._fleet, now_s=now_s, way_s=self._way_s))
            rides, cause = self._territory.admit(rides) if rides else (rides, Cause.UNREACHABLE)
        if cause is None:
            rides = [ride for ride in rides if in_time(ride, self._fleet, now_s=now_s, way_s=self._way_s)]
            if not rides:
                cause = TOO_TIGHT if first else self._open[request.id].cause
        if cause is not None:
            self._reject(moment.world, request, cause)
        return rides

    def _way_s(self, a: Location, b: Location) -> float:
        return self._knowledge.way_s(a, b)

    def _lay_out(self, moment: Moment, others: Sequence[Ride], *, penalty_s: float = 0.0) -> Layout:
        """Lay out the plans as they stand, with the slack that promises are to keep, and rides that have no place."""
        layout = Layout.of(
            self._knowledge.travel_times,
            moment.starts,
            [shuttle.plan for shuttle in moment.shuttles],
            self._rides,
            others=others,
            penalty_s=penalty_s,
            fleet=self._fleet,
            weights=self._weights,
            factor=self._knowledge.factor,
            stop_times=self._knowledge.stop_times,
            to_charger_m=self._charging.to_charger_m,
        )
        promised = layout.rides[: len(layout.rides) - len(others)]
        shares = [slack_share(ride, self.parameters) for ride in promised] + [0.0] * len(others)
        return replace(layout, problem=with_slack(layout.problem, shares, now_s=moment.world.time_s))

    def _best(self, planning: Planning, rows: Iterable[int]) -> tuple[int, Place] | None:
        """Return which of a request's rides is best, and its place; walks and the time before them count as well."""
        best: tuple[int, Place] | None = None
        least = np.inf
        for row in rows:
            place, ride = planning.planner.best(row), planning.layout.rides[row]
            if place is None:
                continue
            at_door_s = ride.earliest_s - ride.access_s - ride.request.earliest_s
            walk_s = ride.access_s + ride.egress_s
            own = self.parameters.wait_weight * at_door_s + self.parameters.walk_weight * walk_s
            cost = place.cost + ride.request.size * own
            if cost < least:
                least, best = cost, (row, place)
        return best

    def _promise(self, moment: Moment, planning: Planning, row: int, place: Place) -> bool:
        """Offer a place found and take it if the rider does; return whether a plan has changed."""
        v, ride = place.vehicle, planning.layout.rides[row]
        plan = list(planning.planner.plans[v])
        plan.insert(place.dropoff_at, 2 * row + 1)
        plan.insert(place.pickup_at, 2 * row)
        times_s = self._times_in(planning.problem, v, plan, row)
        if not self._offer(moment.world, ride, times_s[0]):
            return False
        # the planner looks at the columns of this problem: what was promised binds the insertions that follow
        requests, stops = planning.problem.requests, slice(2 * row, 2 * row + 2)
        requests.earliest_s[2 * row] = ride.earliest_s
        requests.due_s[stops] = ride.latest_pickup_s, ride.latest_dropoff_s
        tight_s = kept_free(requests.due_s[stops], now_s=moment.world.time_s, share=slack_share(ride, self.parameters))
        requests.latest_s[stops] = np.maximum(tight_s, (times_s[0], times_s[1] - self._fleet.alighting_s))
        planning.planner.insert(row, place)
        moment.shuttles[v].plan, moment.shuttles[v].changed = planning.layout.stops(plan), True
        self._assign(moment.world, ride, moment.vehicles[v].id, *times_s)
        return True

    def _take_over(self, moment: Moment, layout: Layout, problem: Problem, v: int, plan: Sequence[int]) -> None:
        """Give a vehicle its new plan: offer a ride to who had none, and say in the log who changes to it."""
        world, old = moment.world, layout.plans[v]
        stops, come = list(plan), [stop // 2 for stop in plan if stop % 2 and stop not in old]
        for row in list(come):
            ride = layout.rides[row]
            if ride.request.id in self._rides:
                continue
            pickup_s, _ = self._times_in(problem, v, stops, row)
            if not self._offer(world, ride, pickup_s):
                come.remove(row)
                stops = [stop for stop in stops if stop // 2 != row]
        moment.shuttles[v].plan, moment.shuttles[v].changed = layout.stops(stops), True
        for row in come:
            times_s = self._times_in(problem, v, stops, row)
            self._assign(world, layout.rides[row], moment.vehicles[v].id, *times_s)

    def _times_in(self, problem: Problem, v: int, plan: Sequence[int], row: int) -> tuple[float, float]:
        """Return when a plan lets a rider board, and when the rider has alighted."""
        begin_s = time_plan(problem, v, plan).begin_s
        return begin_s[plan.index(2 * row)], begin_s[plan.index(2 * row + 1)] + self._fleet.alighting_s

    def _offer(self, world: World, ride: Ride, pickup_s: float) -> bool:
        """Offer a pick-up window and a latest arrival; what the rider accepts binds the ride."""
        request, fleet = ride.request, self._fleet
        earliest_s, latest_s = self._window(ride, pickup_s, now_s=world.time_s)
        arrival_s = min(latest_s + fleet.boarding_s + ride.max_ride_s, ride.latest_dropoff_s) + fleet.alighting_s
        accepted = world.offer(
            Offer(
                request_id=request.id,
                pickup_earliest_s=earliest_s,
                pickup_latest_s=latest_s,
                dropoff_latest_s=arrival_s,
                boarding=ride.boarding,
                alighting=ride.alighting,
            )
        )
        self._open.pop(request.id, None)
        if accepted:
            ride.earliest_s, ride.latest_pickup_s = earliest_s, latest_s
            ride.latest_dropoff_s = arrival_s - fleet.alighting_s
            self._rides[request.id] = ride
        return accepted

    def _window(self, ride: Ride, pickup_s: float, *, now_s: float) -> tuple[float, float]:
        """Return the window to offer around a planned pick-up.

        Who rides on the spot can board from now on; who booked ahead comes for the planned pick-up.
        """
        earliest_s = pickup_s if ride.request.earliest_s > now_s else ride.earliest_s
        window_s = self.parameters.promise_window_s + slack_share(ride, self.parameters) * (pickup_s - now_s)
        return earliest_s, min(pickup_s + window_s, ride.latest_pickup_s)

    def _put_off(self, world: World, request: Request, cause: Cause) -> bool:
        """Note why a request found no place and when to try again, or reject it; return whether it is a new one."""
        first, now_s = request.id not in self._open, world.time_s
        attempts = self._open.setdefault(request.id, Attempts(now_s, cause))
        if cause not in {Cause.UNREACHABLE, Cause.LATE}:
            attempts.cause = cause
        last_s = request.earliest_s + self._limits.of(request.service_class).max_wait_s
        if now_s >= last_s:
            self._reject(world, request, attempts.cause)
            return False
        pause_s = max(self.parameters.retry_s, AHEAD_SHARE * (request.earliest_s - now_s))
        attempts.retry_at_s = min(now_s + pause_s, last_s)
        return first

    def _reject(self, world: World, request: Request, cause: str) -> None:
        self._open.pop(request.id, None)
        world.reject(request.id, cause)

    @staticmethod
    def _assign(world: World, ride: Ride, vehicle_id: str, pickup_s: float, dropoff_s: float) -> None:
        """Say in the log which vehicle is to serve a request, and when."""
        world.decide(
            Assigned(
                time_s=world.time_s,
                request_id=ride.request.id,
                vehicle_id=vehicle_id,
                pickup_s=pickup_s,
                dropoff_s=dropoff_s,
            )
        )
