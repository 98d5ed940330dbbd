"""Shuttle plans as arrays: requests, vehicles, driving times, and the kernel that times the plans.

A stop is one integer: `2 * r` boards request r, `2 * r + 1` lets it alight. A plan is a sequence of stops, so
an insertion or a removal moves integers, and everything about a stop is looked up in `Requests`.

Boarding counts from the start of its dwell, alighting to the end of its own: a ride holds both dwells.
That is what an observer of the vehicle sees, and the longest of the possible readings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from sim.kernels import cached
from sim.world import Location, TravelTimes

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., object])

TOLERANCE_S = 1e-6
"""Slack in every comparison of times, so that a limit met exactly is met."""


def kernel(function: Function) -> Function:
    """Compile a function with numba, cached on disk; its annotated type stays."""
    return cached(cast("Function", numba.njit(function)))


class Matrix(NamedTuple):
    """Driving times: arrays as in `TravelTimes`, C-contiguous and writeable as the kernels expect."""

    edge_s: Floats
    leg_s: Floats
    length_m: Floats


class Requests(NamedTuple):
    """Requests as columns; row `2 * r` of a stop's column is request r's boarding, the next its alighting.

    `edge, pos_m, service_s, earliest_s, latest_s` are a stop's; the last two bound the start of its dwell.
    `size` (riders), `max_ride_s` and `boarded_s` (start of the dwell, nan before) are a request's.
    """

    edge: Ints
    pos_m: Floats
    service_s: Floats
    earliest_s: Floats
    latest_s: Floats
    size: Ints
    max_ride_s: Floats
    boarded_s: Floats


class Fleet(NamedTuple):
    """Vehicles as rows: from where and when each goes on, and the stops before it, padded with -1.

    None may come before the first `locked[v]` of the `stop_count[v]` stops. `load` counts riders on board.
    """

    edge: Ints
    pos_m: Floats
    ready_s: Floats
    seats: Ints
    load: Ints
    stops: Ints
    stop_count: Ints
    locked: Ints


class Schedule(NamedTuple):
    """The timed plans, shape (vehicles, stops): way to each stop, start and end of its dwell, load after it.

    A way below 0 means that the stop shares the dwell of the one before. `ride_s` is the ride that ends at an
    alighting, `boarded_at` the place in the plan where it began (-1: before the plan). `broken[v]` counts the
    requests of a plan with a limit broken.
    """

    leg_s: Floats
    begin_s: Floats
    end_s: Floats
    ride_s: Floats
    load: Ints
    boarded_at: Ints
    broken: Ints


@dataclass(frozen=True, slots=True)
class Start:
    """Where and when a vehicle goes on, what it may and does carry, and how many of its stops are locked."""

    location: Location
    ready_s: float
    seats: int
    load: int
    locked: int


class RequestTable:
    """Grows `Requests` by one request at a time."""

    def __init__(self, rows: int = 256) -> None:
        self.columns = _blank(rows)
        self.used = 0

    def add(
        self,
        origin: Location,
        destination: Location,
        *,
        size: int,
        earliest_s: float,
        latest_pickup_s: float,
        boarding_s: float,
        alighting_s: float,
    ) -> int:
        """Add a request, not yet limited in ride and arrival; return its row."""
        r = self.used
        if r == len(self.columns.size):
            self._grow()
        self.used += 1
        columns, pair = self.columns, slice(2 * r, 2 * r + 2)
        columns.edge[pair] = origin.edge, destination.edge
        columns.pos_m[pair] = origin.pos_m, destination.pos_m
        columns.service_s[pair] = boarding_s, alighting_s
        columns.earliest_s[pair] = earliest_s, -np.inf
        columns.latest_s[pair] = latest_pickup_s, np.inf
        columns.size[r] = size
        columns.max_ride_s[r] = np.inf
        columns.boarded_s[r] = np.nan
        return r

    def _grow(self) -> None:
        wider = _blank(2 * len(self.columns.size))
        for old, new in zip(self.columns, wider, strict=True):
            new[: len(old)] = old
        self.columns = wider


def _blank(rows: int) -> Requests:
    return Requests(
        edge=np.zeros(2 * rows, np.int64),
        pos_m=np.zeros(2 * rows),
        service_s=np.zeros(2 * rows),
        earliest_s=np.zeros(2 * rows),
        latest_s=np.zeros(2 * rows),
        size=np.zeros(rows, np.int64),
        max_ride_s=np.zeros(rows),
        boarded_s=np.full(rows, np.nan),
    )


def matrix_of(times: TravelTimes, *, factor: float = 1.0) -> Matrix:
    """Return travel times multiplied by `factor`, laid out for the kernels."""
    edge_s, leg_s, length_m = (
        np.require(array, np.float64, ["C", "W"]) for array in (times.edge_s, times.leg_s, times.length_m)
    )
    if factor == 1.0:
        return Matrix(edge_s, leg_s, length_m)
    return Matrix(edge_s * factor, leg_s * factor, length_m)


def fleet_of(starts: Sequence[Start], plans: Sequence[Sequence[int]]) -> Fleet:
    """Lay out vehicles and their plans."""
    counts = [len(plan) for plan in plans]
    stops = np.full((len(plans), max(counts, default=0)), -1, dtype=np.int64)
    for row, plan in zip(stops, plans, strict=True):
        row[: len(plan)] = plan
    return Fleet(
        edge=np.array([start.location.edge for start in starts], dtype=np.int64),
        pos_m=np.array([start.location.pos_m for start in starts], dtype=np.float64),
        ready_s=np.array([start.ready_s for start in starts], dtype=np.float64),
        seats=np.array([start.seats for start in starts], dtype=np.int64),
        load=np.array([start.load for start in starts], dtype=np.int64),
        stops=stops,
        stop_count=np.array(counts, dtype=np.int64),
        locked=np.array([start.locked for start in starts], dtype=np.int64),
    )


def time_plans(times: Matrix, requests: Requests, fleet: Fleet, *, shared_m: float) -> Schedule:
    """Time every plan on these driving times.

    Parameters
    ----------
    shared_m
        A stop on the edge of the one before, up to this far ahead of it, shares its dwell; < 0: none does.
    """
    shape = fleet.stops.shape
    out = Schedule(
        leg_s=np.zeros(shape),
        begin_s=np.zeros(shape),
        end_s=np.zeros(shape),
        ride_s=np.zeros(shape),
        load=np.zeros(shape, np.int64),
        boarded_at=np.full(shape, -1, np.int64),
        broken=np.zeros(len(fleet.stop_count), np.int64),
    )
    _time_plans(times, requests, fleet, out, float(shared_m))
    return out


@kernel
def way_s(times: Matrix, a: int, a_pos_m: float, b: int, b_pos_m: float) -> float:
    """Return the driving time between two places; the formula of `TravelTimes.time_s`."""
    head = a_pos_m / times.length_m[a]
    tail = b_pos_m / times.length_m[b]
    if a == b and b_pos_m >= a_pos_m:
        return float((tail - head) * times.edge_s[a])
    return float((1.0 - head) * times.edge_s[a] + times.leg_s[a, b] + tail * times.edge_s[b])


@kernel
def leg_between_s(times: Matrix, requests: Requests, a: int, b: int, shared_m: float) -> float:
    """Return the driving time from stop a to stop b, or -1 where b shares the dwell of a."""
    ahead = requests.pos_m[b] - requests.pos_m[a]
    if requests.edge[a] == requests.edge[b] and 0.0 <= ahead <= shared_m:
        return -1.0
    return way_s(times, requests.edge[a], requests.pos_m[a], requests.edge[b], requests.pos_m[b])


@kernel
def dwell(begin_s: float, end_s: float, leg_s: float, earliest_s: float, service_s: float) -> tuple[float, float]:
    """Return start and end of a dwell from those before it and the way between (< 0: a shared dwell)."""
    if leg_s < 0.0:
        begin = max(begin_s, earliest_s)
        return begin, max(end_s, begin + service_s)
    begin = max(end_s + leg_s, earliest_s)
    return begin, begin + service_s


@kernel
def _time_ride(requests: Requests, fleet: Fleet, out: Schedule, v: int, k: int) -> bool:
    """Time the ride that ends at stop k of vehicle v; return whether it breaks a limit its boarding kept."""
    dropoff = fleet.stops[v, k]
    r = dropoff // 2
    boarded, latest = requests.boarded_s[r], np.inf
    for m in range(k):
        if fleet.stops[v, m] == dropoff - 1:
            out.boarded_at[v, k] = m
            boarded, latest = out.begin_s[v, m], requests.latest_s[dropoff - 1]
    out.ride_s[v, k] = out.end_s[v, k] - boarded
    late = out.begin_s[v, k] > requests.latest_s[dropoff] + TOLERANCE_S
    too_long = out.ride_s[v, k] > requests.max_ride_s[r] + TOLERANCE_S
    return bool((late or too_long) and boarded <= latest + TOLERANCE_S)


@kernel
def _time_plans(times: Matrix, requests: Requests, fleet: Fleet, out: Schedule, shared_m: float) -> None:
    for v in range(len(fleet.stop_count)):
        begin = end = fleet.ready_s[v]
        load = fleet.load[v]
        for k in range(fleet.stop_count[v]):
            stop = fleet.stops[v, k]
            size = requests.size[stop // 2]
            if k == 0:
                leg = way_s(times, fleet.edge[v], fleet.pos_m[v], requests.edge[stop], requests.pos_m[stop])
            else:
                leg = leg_between_s(times, requests, fleet.stops[v, k - 1], stop, shared_m)
            begin, end = dwell(begin, end, leg, requests.earliest_s[stop], requests.service_s[stop])
            out.leg_s[v, k], out.begin_s[v, k], out.end_s[v, k] = leg, begin, end
            if stop % 2 == 0:
                load += size
                out.broken[v] += begin > requests.latest_s[stop] + TOLERANCE_S
            else:
                load -= size
                out.broken[v] += _time_ride(requests, fleet, out, v, k)
            out.load[v, k] = load
