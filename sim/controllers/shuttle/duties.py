"""The duties of the fleet: back at the depot by their end, with breaks on the way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sim.controllers.base import Inputs, ServiceVehicle
from sim.controllers.shuttle.errand import begins, errand_ride, next_errand, put_behind_riders, stops_of
from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.shuttle import Shuttle, Start, at_place
from sim.events import BreakTaken
from sim.fleet_document import Break, Part
from sim.world import Load, Location, Vehicle, Visit

Ways = Callable[[Location, Location], float]


@dataclass(frozen=True, slots=True)
class Post:
    """One vehicle's duty: where it starts and rests, until when, and whether it comes back there by the end."""

    home: Location
    end_s: float
    capacity: Load
    returns: bool
    breaks: tuple[Break, ...] = ()


def posts_of(inputs: Inputs, parts: tuple[Part, ...], vehicles: tuple[ServiceVehicle, ...]) -> dict[str, Post]:
    """Return what binds each vehicle; one without a duty serves to the last second."""
    kinds = {part.name: part.vehicles for part in parts}
    posts = {}
    for one in vehicles:
        kind = kinds[one.group]
        duty = None if one.duty is None else kind.duties[one.duty]
        posts[one.id] = Post(
            home=Location(inputs.graph.position(one.start_edge), one.start_pos_m),
            end_s=math.inf if duty is None else duty.end_s,
            capacity=Load(kind.seats, kind.wheelchairs),
            returns=duty is not None and kind.depot is not None,
            breaks=() if duty is None else tuple(sorted(duty.breaks, key=lambda rest: rest.earliest_s)),
        )
    return posts


class Duties:
    """Puts breaks into plans, bounds the plans by the ends of duties, and sends vehicles to rest and home in time.

    Parameters
    ----------
    slack_s
        Time kept in hand on the way to a break or home.
    """

    def __init__(self, posts: Mapping[str, Post] | None = None, *, slack_s: float = 0.0) -> None:
        self._posts = posts or {}
        self._slack_s = slack_s
        self._met: set[str] = set()

    def to_come(self, now_s: float) -> list[Load]:
        """Return what the vehicles can carry that have yet to go on duty."""
        return [post.capacity for name, post in self._posts.items() if name not in self._met and post.end_s > now_s]

    def follow(
        self, vehicle: Vehicle, shuttle: Shuttle, rides: dict[str, Ride], *, now_s: float
    ) -> Iterator[BreakTaken]:
        """Bring the breaks of a plan in line with what the vehicle does; yield those that are over."""
        post = self._posts.get(vehicle.id)
        if post is None:
            return
        if vehicle.id not in self._met:
            self._met.add(vehicle.id)
            _plan_breaks(vehicle, post, shuttle, rides)
        put_behind_riders(shuttle, rides, vehicle.on_board)
        ride = next_errand(shuttle, rides)
        if ride is None or ride.errand is None or ride.errand.visit.charger is not None:
            return
        errand = ride.errand
        if not errand.begun and begins(ride, vehicle, now_s=now_s):
            errand.begin(now_s)
        if errand.begun and now_s >= errand.begun_s + errand.duration_s:
            shuttle.drop(ride.request.id)
            del rides[ride.request.id]
            shuttle.changed = True
            late_s = max(0.0, errand.begun_s - ride.latest_pickup_s)
            yield BreakTaken(time_s=now_s, vehicle_id=vehicle.id, begin_s=errand.begun_s, late_s=late_s)

    def bound(
        self, start: Start, vehicle_id: str, shuttle: Shuttle, rides: Mapping[str, Ride], *, way_s: Ways
    ) -> Start:
        """Return a start with the end of the vehicle's duty, and with a break locked that it takes."""
        post, ride = self._posts.get(vehicle_id), next_errand(shuttle, rides)
        if ride is not None and ride.errand is not None and ride.errand.begun:
            start = replace(start, ready_s=ride.errand.begun_s, locked=max(start.locked, 2))
        if post is None:
            return start
        returns = post.returns and math.isfinite(way_s(start.location, post.home))
        return replace(start, end=post.home if returns else None, latest_end_s=post.end_s)

    def direct(
        self, vehicle: Vehicle, shuttle: Shuttle, rides: Mapping[str, Ride], *, now_s: float, way_s: Ways
    ) -> None:
        """Say where a vehicle is to go before and after its stops: to its errand, and home when its duty ends."""
        post = self._posts.get(vehicle.id)
        if post is None:
            return
        first: Visit | None = None
        last, ride = None, next_errand(shuttle, rides)
        if ride is not None and ride.errand is not None:
            due_s = now_s + way_s(vehicle.location, ride.origin) + self._slack_s
            stops = bool(shuttle.stops(rides))
            if ride.errand.begun or (ride.errand.free and (stops or due_s >= ride.earliest_s)):
                first = ride.errand.visit
            elif stops and not ride.errand.free:
                first = _waiting(vehicle, shuttle)
        if post.returns:
            home = Visit(post.home)
            due = now_s + way_s(vehicle.location, post.home) + self._slack_s >= post.end_s
            away = bool(shuttle.plan) or not at_place(post.home, vehicle.location)
            if (due and away) or (shuttle.visit_last == home and not shuttle.plan):
                last = home
        if (first, last) != (shuttle.visit_first, shuttle.visit_last):
            shuttle.visit_first, shuttle.visit_last, shuttle.changed = first, last, True


def _waiting(vehicle: Vehicle, shuttle: Shuttle) -> Visit:
    """Return a visit to where a vehicle is, or waits already."""
    visit = shuttle.visit_first
    return Visit(vehicle.location) if visit is None or visit.charger is not None else visit


def _plan_breaks(vehicle: Vehicle, post: Post, shuttle: Shuttle, rides: dict[str, Ride]) -> None:
    """Put the breaks of a duty that begins into the plan, behind what there is."""
    for n, rest in enumerate(post.breaks):
        ride = errand_ride(
            f"break.{vehicle.id}.{n}",
            Visit(post.home),
            capacity=vehicle.capacity,
            duration_s=rest.duration_s,
            earliest_s=rest.earliest_s,
            latest_s=rest.latest_s,
        )
        rides[ride.request.id] = ride
        shuttle.plan += stops_of(ride)
