"""What stops cost, learnt from the run: dwells by place and by how many they serve, and the time lost around them."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from sim.engine.sumo import StepFacts, SumoPort
from sim.engine.times import EdgeTimes
from sim.events import Event, StopServed
from sim.fleet_document import Fleet
from sim.network.graph import EdgeGraph
from sim.world import Floats, Location, StopTimes, TravelTimes

PRIOR_STOPS = 10.0  # what is expected weighs as much as this many stops seen
LONGEST = 4.0  # dwells count up to so many times the expected: what is longer has waited for something else
PRIOR_LEG_S = 300.0  # the length of those stops' legs
MOST_LOSS_S, MOST_LOSS_SHARE = 30.0, 0.2  # of a leg's time: differences beyond both are those of a jam
SAME_WAY = 0.03  # a leg this much longer than the shortest way was changed on the road, or went another way


class Dwells:
    """Shrunk means of the dwells and of what a leg between two stops loses against the times of passing traffic.

    Edge times are those of vehicles that pass; a shuttle that stops brakes and pulls out again, and its top speed may
    be what a car drives in the mean: half of the cars are quicker. On the morning that makes 12 s a leg and 4 % of its
    time. Both are a shrunk line through the legs that were driven straight from stop to stop.
    """

    def __init__(self, port: SumoPort, graph: EdgeGraph, times: EdgeTimes, fleet: Fleet | None) -> None:
        size = len(graph.ids)
        self._port, self._graph, self._times = port, graph, times
        boarding_s, alighting_s = (fleet.boarding_s, fleet.alighting_s) if fleet is not None else (0.0, 0.0)
        self._boarding, self._alighting = _Dwell(size, boarding_s), _Dwell(size, alighting_s)
        self._left: dict[str, tuple[float, Location, float]] = {}
        self._legs = _Line(PRIOR_STOPS, PRIOR_STOPS * PRIOR_LEG_S**2)

    @property
    def stop_times(self) -> StopTimes:
        """What has been learnt until now."""
        loss_s, share = self._legs.fit()
        return StopTimes(
            boarding_s=self._boarding.by_edge(),
            alighting_s=self._alighting.by_edge(),
            loss_s=max(0.0, loss_s),
            drive_factor=max(1.0, 1.0 + share),
        )

    def step(self, facts: StepFacts, events: Sequence[Event], fleet: AbstractSet[str]) -> None:
        """Take note of the stops that fleet vehicles began, served and left."""
        for one in events:
            if isinstance(one, StopServed) and not (one.boarded and one.alighted):
                dwell = self._boarding if one.boarded else self._alighting
                dwell.take(self._graph.index[one.edge], one.boarded + one.alighted, one.time_s - one.started_s)
        begun = fleet & set(facts.stop_started)
        for vehicle_id in sorted(begun):
            self._arrive(vehicle_id, facts.time_s)
        for vehicle_id in sorted((fleet & set(facts.stop_ended)) - begun):
            if (at := self._at(vehicle_id)) is not None:
                self._left[vehicle_id] = facts.time_s, at, self._port.odometer_m(vehicle_id)

    def _at(self, vehicle_id: str) -> Location | None:
        edge, pos_m = self._port.road(vehicle_id)
        return Location(self._graph.index[edge], pos_m) if edge in self._graph.index else None

    def _arrive(self, vehicle_id: str, now_s: float) -> None:
        left, at = self._left.pop(vehicle_id, None), self._at(vehicle_id)
        if left is None or at is None:
            return
        since_s, start, odometer_m = left
        driven_m = self._port.odometer_m(vehicle_id) - odometer_m
        times = self._times.travel_times
        loss_s = lost_s(times, start, at, took_s=now_s - since_s, driven_m=driven_m)
        if loss_s is not None:
            planned_s = times.time_s(start, at)
            most_s = MOST_LOSS_S + MOST_LOSS_SHARE * planned_s
            self._legs.take(planned_s, min(max(loss_s, -most_s), most_s))


def lost_s(times: TravelTimes, start: Location, end: Location, *, took_s: float, driven_m: float) -> float | None:
    """Return what a leg took beyond the travel times; None unless it went the shortest way."""
    shortest_m = times.distance_m(start, end)
    if not abs(driven_m - shortest_m) <= SAME_WAY * shortest_m:
        return None
    return took_s - times.time_s(start, end)


class _Line:
    """A line through points by least squares, both of its figures shrunk towards zero."""

    def __init__(self, weight: float, slope_weight: float) -> None:
        self._normal, self._right = np.diag([weight, slope_weight]), np.zeros(2)

    def take(self, x: float, y: float) -> None:
        self._normal += [[1.0, x], [x, x * x]]
        self._right += [y, x * y]

    def fit(self) -> tuple[float, float]:
        """Return y at 0, and the slope."""
        at_zero, slope = np.linalg.solve(self._normal, self._right).tolist()
        return at_zero, slope


class _Dwell:
    """The dwell of one kind of stop: a mean that grows with how many take part, and what edges differ from it."""

    def __init__(self, edges: int, expected_s: float) -> None:
        self._expected_s, self._line = expected_s, _Line(PRIOR_STOPS, PRIOR_STOPS)
        self._stops, self._more, self._beyond_s = np.zeros(edges), np.zeros(edges), np.zeros(edges)

    def take(self, edge: int, requests: int, dwell_s: float) -> None:
        """Take a dwell at which so many requests were served."""
        beyond_s = min(dwell_s, LONGEST * self._expected_s) - self._expected_s
        self._line.take(requests - 1, beyond_s)
        self._stops[edge] += 1
        self._more[edge] += requests - 1
        self._beyond_s[edge] += beyond_s

    def by_edge(self) -> Floats:
        """Return the dwell of one request, and what each further one adds; shape (edges, 2)."""
        base_s, each_s = self._line.fit()
        rest_s = self._beyond_s - self._stops * base_s - self._more * each_s
        first_s = self._expected_s + base_s + rest_s / (self._stops + PRIOR_STOPS)
        return np.column_stack([np.maximum(first_s, 0.0), np.full(len(first_s), max(0.0, each_s))])
