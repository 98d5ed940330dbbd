"""How riders who know the timetable travel: which trip, from which stop, and when they leave home for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim.controllers.base import RideLeg, RiderPlan, WalkLeg
from sim.controllers.timetable.departures import Trip
from sim.controllers.timetable.patterns import Pattern
from sim.demand.population import Rider
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph, FloatArray
from sim.network.walking import Place, walking_distances

NO_STOP, NO_DEPARTURE, NO_SEAT = "no_stop_within_walk", "no_departure_in_time", "no_seat"


@dataclass(frozen=True, slots=True)
class Option:
    """A way to use a pattern: from its call `board` to its call `alight`, with the walks before and after."""

    pattern: Pattern
    board: int
    alight: int
    access_s: float
    egress_s: float

    def leave_s(self, departure_s: float, margin_s: float) -> float:
        """Return when to leave the origin for the trip that starts at `departure_s`."""
        return departure_s + self.pattern.offsets_s[self.board] - self.access_s - margin_s

    def arrival_s(self, departure_s: float) -> float:
        """Return when the trip that starts at `departure_s` brings the rider to the destination."""
        return departure_s + self.pattern.offsets_s[self.alight] + self.egress_s


@dataclass(frozen=True, slots=True)
class Walking:
    """What riders accept on foot."""

    speed_mps: float
    max_m: float


def find_options(
    riders: Sequence[Rider], patterns: Sequence[Pattern], network: Network, graph: EdgeGraph, walking: Walking
) -> list[tuple[Option, ...]]:
    """Return each rider's ways to use the patterns without a transfer, none where no stop lies within a walk.

    A pattern runs through all stops of its destination area, so a transfer would save nobody a walk.
    """
    stops = sorted({stop for pattern in patterns for stop in pattern.stops})
    places = [Place(r.origin_edge, r.origin_pos_m) for r in riders]
    places += [Place(r.destination_edge, r.destination_pos_m) for r in riders]
    metres = walking_distances(network, graph, stops, places).reshape(len(stops), 2, len(riders))
    seconds = np.where(metres <= walking.max_m, metres / walking.speed_mps, np.inf)
    rows = {pattern.line: [stops.index(stop) for stop in pattern.stops] for pattern in patterns}
    return [
        tuple(
            option for pattern in patterns for option in _of_pattern(pattern, *seconds[rows[pattern.line], :, column].T)
        )
        for column in range(len(riders))
    ]


def _of_pattern(pattern: Pattern, access_s: FloatArray, egress_s: FloatArray) -> Iterator[Option]:
    """Yield, for each stop that can be boarded at, the alighting stop with the earliest arrival."""
    arrivals = np.array(pattern.offsets_s) + egress_s
    for board in np.flatnonzero(np.isfinite(access_s[: min(pattern.boarding, len(arrivals) - 1)])).tolist():
        alight = board + 1 + int(arrivals[board + 1 :].argmin())
        if np.isfinite(egress_s[alight]):
            yield Option(pattern, board, alight, float(access_s[board]), float(egress_s[alight]))


def quickest(rider: Rider, options: Sequence[Option], margin_s: float) -> tuple[Option, float]:
    """Return the option that is quickest if a bus comes at once, and the departure of that trip."""
    ready = [(option, rider.earliest_s - option.leave_s(0, margin_s)) for option in options]
    return min(ready, key=lambda pair: (pair[0].arrival_s(pair[1]), pair[0].pattern.line, pair[1]))


def idle_calls(
    riders: Sequence[Rider], options: Sequence[tuple[Option, ...]], *, share: float, margin_s: float
) -> dict[str, set[str]]:
    """Return, by line, the boarding stops that are not worth the time of those on board.

    Less than `share` of the line's riders would use them, and they are the last within a walk for nobody.
    """
    calls = {
        (o.pattern.line, stop) for choices in options for o in choices for stop in o.pattern.stops[: o.pattern.boarding]
    }
    users: dict[str, list[str]] = {line: [] for line, _ in calls}
    for rider, choices in zip(riders, options, strict=True):
        if choices:
            best, _ = quickest(rider, choices, margin_s)
            users[best.pattern.line].append(best.pattern.stops[best.board])
            calls -= {(best.pattern.line, best.pattern.stops[best.alight])}
    reach = [{(o.pattern.line, o.pattern.stops[o.board]) for o in choices} for choices in options]
    idle: set[tuple[str, str]] = set()
    for _, call in sorted((users[line].count(stop), (line, stop)) for line, stop in calls):
        line, stop = call
        if users[line].count(stop) < share * len(users[line]) and all(near - idle != {call} for near in reach):
            idle.add(call)
    return {line: {stop for other, stop in idle if other == line} for line in users}


@dataclass(slots=True)
class Seats:
    """Riders on board of each trip between consecutive calls."""

    seats: int
    loads: dict[Trip, list[int]] = field(default_factory=dict)

    def free(self, trip: Trip, option: Option) -> int:
        """Return the seats free on every segment that the option rides."""
        return self.seats - max(self._load(trip)[option.board : option.alight])

    def take(self, trip: Trip, option: Option, size: int) -> None:
        """Take seats from boarding to alighting."""
        load = self._load(trip)
        for segment in range(option.board, option.alight):
            load[segment] += size

    def _load(self, trip: Trip) -> list[int]:
        return self.loads.setdefault(trip, [0] * (len(trip.pattern.stops) - 1))


@dataclass(frozen=True, slots=True)
class Departures:
    """All trips, and what riders keep in hand when they leave home for one."""

    trips: Sequence[Trip]
    margin_s: float
    horizon_s: float


@dataclass(frozen=True, slots=True)
class Journey:
    """A rider's plan and when it ends, inf for a rider who is refused."""

    plan: RiderPlan
    arrival_s: float

    @property
    def late(self) -> bool:
        """Whether the rider comes too late for work."""
        latest_s = self.plan.rider.latest_arrival_s
        return self.arrival_s > (np.inf if latest_s is None else latest_s)


def plan_journeys(
    riders: Sequence[Rider], options: Sequence[tuple[Option, ...]], timetable: Departures, seats: Seats
) -> tuple[Journey, ...]:
    """Give every rider the trip with the earliest arrival that still has a seat, in the order of the wishes.

    Commuters know which bus is full: a planned load never exceeds the seats. Among equal arrivals the one
    that leaves home last counts. Nobody leaves before the wish to travel.
    """
    by_line: dict[str, list[Trip]] = {}
    for trip in timetable.trips:
        by_line.setdefault(trip.pattern.line, []).append(trip)
    ordered = sorted(range(len(riders)), key=lambda i: (riders[i].earliest_s, riders[i].request_id))
    plans = {i: _plan(riders[i], options[i], by_line, timetable, seats) for i in ordered}
    return tuple(plans[i] for i in range(len(riders)))


def _plan(
    rider: Rider,
    options: tuple[Option, ...],
    by_line: Mapping[str, Sequence[Trip]],
    timetable: Departures,
    seats: Seats,
) -> Journey:
    if not options:
        return _refused(rider, NO_STOP)
    timely = sorted(
        (
            option.arrival_s(trip.departure_s),
            -leave_s,
            trip.pattern.line,
            trip.departure_s,
            option.board,
            trip,
            option,
        )
        for option in options
        for trip in by_line.get(option.pattern.line, ())
        if (leave_s := option.leave_s(trip.departure_s, timetable.margin_s)) >= rider.earliest_s
        and option.arrival_s(trip.departure_s) <= timetable.horizon_s
    )
    for arrival_s, minus_leave_s, line, _, _, trip, option in timely:
        if seats.free(trip, option) >= rider.size:
            seats.take(trip, option, rider.size)
            stops = option.pattern.stops
            legs = (WalkLeg(stops[option.board]), RideLeg(line, stops[option.alight]), WalkLeg())
            # whole seconds: SUMO lets nobody depart between two steps
            return Journey(RiderPlan(rider, float(math.floor(-minus_leave_s)), legs), arrival_s)
    return _refused(rider, NO_SEAT if timely else NO_DEPARTURE)


def _refused(rider: Rider, cause: str) -> Journey:
    return Journey(RiderPlan(rider, rider.earliest_s, (), refused=cause), math.inf)
