"""Exact insertion of one request into shuttle plans: every vehicle, every pair of positions.

The cost of an insertion is `alpha` times the driving time it adds, plus the rider time it adds: waits
(times `wait_weight`) and rides of all riders, the new ones' included. Since a rider's wait and ride together
end with the alighting, a later alighting counts once and a later boarding `wait_weight - 1` times. Ties fall
to the first vehicle, then the earlier boarding, then the earlier alighting.

Limits of the new request are hard. So are those of riders accepted before, as long as they hold; where new
driving times have broken one already, an insertion may not break it further.

Candidates are cut off by the cost that is already certain. That is exact as long as no detour is quicker than
the direct way, which holds for travel times from shortest paths.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.controllers.shuttle.plan import (
    TOLERANCE_S,
    Fleet,
    Floats,
    Ints,
    Matrix,
    Requests,
    RequestTable,
    Schedule,
    Start,
    dwell,
    fleet_of,
    kernel,
    leg_between_s,
    time_plans,
    way_s,
)
from sim.world import Location

# The checks in their order. A vehicle fails at the furthest check that any of its positions came to.
REACH, WAIT, CAPACITY, RIDE, OTHERS, _NONE = range(6)


class Insertion(NamedTuple):
    """Board before the stop at `pickup_at` of the old plan, alight before that at `dropoff_at`."""

    vehicle: int
    pickup_at: int
    dropoff_at: int
    cost: float


class Attempt(NamedTuple):
    """The best insertion, if any, and how many vehicles failed at which check, `REACH` to `OTHERS`."""

    insertion: Insertion | None
    failed: tuple[int, ...]


class _Problem(NamedTuple):
    """What an insertion looks at; `schedule` is that of `fleet` as it stands."""

    times: Matrix
    requests: Requests
    fleet: Fleet
    schedule: Schedule
    shared_m: float
    alpha: float
    wait_weight: float


class _Trial(NamedTuple):
    """A request to be boarded before stop i of vehicle v's plan.

    The arrays hold by position: ways to and from the alighting (nan: not looked up), new starts of dwells.
    """

    request: int
    v: int
    i: int
    to_dropoff_s: Floats
    from_dropoff_s: Floats
    begin_s: Floats


class _Boarding(NamedTuple):
    """The way to the new boarding, its dwell, the ways on to the plan's next stop and to the alighting."""

    leg_s: float
    begin_s: float
    end_s: float
    onward_s: float
    direct_s: float


class _Progress(NamedTuple):
    """The plan up to an alighting: the last dwell, added drive and rider time, and the cost to fall below."""

    begin_s: float
    end_s: float
    drive_s: float
    delay_s: float
    best: float


def best_insertion(
    times: Matrix,
    requests: Requests,
    fleet: Fleet,
    schedule: Schedule,
    *,
    request: int,
    alpha: float,
    wait_weight: float,
    shared_m: float,
) -> Attempt:
    """Find the cheapest feasible place for a request.

    Parameters
    ----------
    schedule
        That of `fleet` as it stands, from `time_plans` with the same `shared_m`.
    request
        Row of the request; its `max_ride_s` and `latest_s` are its limits.
    alpha
        Seconds of ride that one second of driving is worth.
    wait_weight
        Seconds of ride that one second of wait is worth, at least 1.
    """
    failed = np.zeros(_NONE + 1, np.int64)
    weights = float(alpha), float(wait_weight)
    problem = _Problem(times, requests, fleet, schedule, float(shared_m), *weights)
    v, i, j, cost = _best_insertion(problem, request, failed)
    found = Insertion(int(v), int(i), int(j), float(cost)) if v >= 0 else None
    return Attempt(found, tuple(int(n) for n in failed[:_NONE]))


def insert(plan: list[int], insertion: Insertion, request: int) -> None:
    """Carry out an insertion in a plan."""
    plan.insert(insertion.dropoff_at, 2 * request + 1)
    plan.insert(insertion.pickup_at, 2 * request)


def compile_kernels() -> None:
    """Compile every kernel into numba's cache, so that a later process pays nothing."""
    times = Matrix(np.ones(2), np.zeros((2, 2)), np.ones(2))
    table = RequestTable(1)
    here, there = Location(0, 0.0), Location(1, 0.0)
    request = table.add(here, there, size=1, earliest_s=0.0, latest_pickup_s=60.0, boarding_s=1.0, alighting_s=1.0)
    fleet = fleet_of([Start(here, ready_s=0.0, seats=1, load=0, locked=0)], [[]])
    schedule = time_plans(times, table.columns, fleet, shared_m=-1.0)
    best_insertion(times, table.columns, fleet, schedule, request=request, alpha=1.0, wait_weight=1.0, shared_m=-1.0)


@kernel
def _delay_s(problem: _Problem, trial: _Trial, k: int, begin_s: float, end_s: float) -> float:
    """Return the rider time that stop k adds when its dwell moves there; inf where a limit breaks.

    A boarding's new start is kept for the alighting that follows; boardings before i have not moved.
    """
    requests, schedule, v = problem.requests, problem.schedule, trial.v
    stop = problem.fleet.stops[v, k]
    r = stop // 2
    if begin_s > max(requests.latest_s[stop], schedule.begin_s[v, k]) + TOLERANCE_S:
        return np.inf
    if stop % 2 == 0:
        trial.begin_s[k] = begin_s
        later = begin_s - schedule.begin_s[v, k]
        return float((problem.wait_weight - 1.0) * requests.size[r] * later)
    at = schedule.boarded_at[v, k]
    if at < 0:
        boarded = requests.boarded_s[r]
    elif at < trial.i:
        boarded = schedule.begin_s[v, at]
    else:
        boarded = trial.begin_s[at]
    if end_s - boarded > max(requests.max_ride_s[r], schedule.ride_s[v, k]) + TOLERANCE_S:
        return np.inf
    return float(requests.size[r] * (end_s - schedule.end_s[v, k]))


@kernel
def _tail_delay_s(problem: _Problem, trial: _Trial, j: int, begin_s: float, end_s: float) -> float:
    """Return the rider time that the stops from j on add after the alighting; inf where a limit breaks."""
    requests, fleet, schedule, v = problem.requests, problem.fleet, problem.schedule, trial.v
    delay = 0.0
    for k in range(j, fleet.stop_count[v]):
        stop = fleet.stops[v, k]
        leg = trial.from_dropoff_s[j] if k == j else schedule.leg_s[v, k]
        begin_s, end_s = dwell(begin_s, end_s, leg, requests.earliest_s[stop], requests.service_s[stop])
        if begin_s == schedule.begin_s[v, k] and end_s == schedule.end_s[v, k]:
            break  # a wait at this stop has taken up the delay
        delay += _delay_s(problem, trial, k, begin_s, end_s)
        if np.isinf(delay):
            break
    return delay


@kernel
def _lay_ways(problem: _Problem, trial: _Trial, j: int) -> None:
    """Look up the ways to and from the alighting before stop j, once for all boardings."""
    times, requests, fleet, shared_m = problem.times, problem.requests, problem.fleet, problem.shared_m
    dropoff, v = 2 * trial.request + 1, trial.v
    trial.to_dropoff_s[j] = np.inf
    if j > 0:
        trial.to_dropoff_s[j] = leg_between_s(times, requests, fleet.stops[v, j - 1], dropoff, shared_m)
    if j < fleet.stop_count[v]:
        trial.from_dropoff_s[j] = leg_between_s(times, requests, dropoff, fleet.stops[v, j], shared_m)


@kernel
def _alighting_cost(problem: _Problem, trial: _Trial, boarding: _Boarding, j: int, so_far: _Progress) -> float:
    """Return the cost of alighting before stop j; -1 where own limits break, inf where others' do."""
    requests, schedule, v = problem.requests, problem.schedule, trial.v
    dropoff, size = 2 * trial.request + 1, requests.size[trial.request]
    leg = boarding.direct_s if j == trial.i else trial.to_dropoff_s[j]
    earliest, service = requests.earliest_s[dropoff], requests.service_s[dropoff]
    begin, end = dwell(so_far.begin_s, so_far.end_s, leg, earliest, service)
    too_long = end - boarding.begin_s > requests.max_ride_s[trial.request] + TOLERANCE_S
    if too_long or begin > requests.latest_s[dropoff] + TOLERANCE_S:
        return -1.0
    drive = so_far.drive_s + max(leg, 0.0)
    if j < problem.fleet.stop_count[v]:
        drive += max(trial.from_dropoff_s[j], 0.0) - max(schedule.leg_s[v, j], 0.0)
    cost = problem.alpha * drive + so_far.delay_s + size * (end - requests.earliest_s[dropoff - 1])
    if cost < so_far.best:
        cost += _tail_delay_s(problem, trial, j, begin, end)
    return float(cost)


@kernel
def _best_alighting(problem: _Problem, trial: _Trial, boarding: _Boarding, best: float) -> tuple[int, float, int]:
    """Return the best alighting position, its cost if below `best`, and the furthest check that failed."""
    requests, fleet, schedule, v, i = problem.requests, problem.fleet, problem.schedule, trial.v, trial.i
    size, wish = requests.size[trial.request], requests.earliest_s[2 * trial.request]
    begin, end, drive = boarding.begin_s, boarding.end_s, max(boarding.leg_s, 0.0)
    delay = (problem.wait_weight - 1.0) * size * (begin - wish)
    at_j, check, certain = -1, RIDE, 0.0
    for j in range(i, fleet.stop_count[v] + 1):
        if j > i:  # the stop at j - 1 now comes between boarding and alighting
            k = j - 1
            onward = boarding.onward_s if k == i else schedule.leg_s[v, k]
            if np.isinf(onward) or schedule.load[v, k] + size > fleet.seats[v]:
                break
            stop = fleet.stops[v, k]
            begin, end = dwell(begin, end, onward, requests.earliest_s[stop], requests.service_s[stop])
            delay += _delay_s(problem, trial, k, begin, end)
            if np.isinf(delay):
                return at_j, best, OTHERS
            drive += max(onward, 0.0) - max(schedule.leg_s[v, k], 0.0)
            certain = problem.alpha * drive
        too_long = end - boarding.begin_s > requests.max_ride_s[trial.request] + TOLERANCE_S
        if too_long or certain + delay + size * (end - wish) >= best:
            break
        if np.isnan(trial.to_dropoff_s[j]):
            _lay_ways(problem, trial, j)
        cost = _alighting_cost(problem, trial, boarding, j, _Progress(begin, end, drive, delay, best))
        if cost < 0.0:
            continue
        check = OTHERS
        if cost < best:
            at_j, best = j, cost
    return at_j, best, check


@kernel
def _board(problem: _Problem, trial: _Trial) -> tuple[float, float, float, int]:
    """Return way, start and end of the new boarding's dwell, and the check that it fails or comes to."""
    times, requests, fleet, schedule = problem.times, problem.requests, problem.fleet, problem.schedule
    pickup, v = 2 * trial.request, trial.v
    if trial.i == 0:
        begin = end = fleet.ready_s[v]
        load = fleet.load[v]
        leg = way_s(times, fleet.edge[v], fleet.pos_m[v], requests.edge[pickup], requests.pos_m[pickup])
    else:
        before = trial.i - 1
        begin, end, load = schedule.begin_s[v, before], schedule.end_s[v, before], schedule.load[v, before]
        leg = leg_between_s(times, requests, fleet.stops[v, before], pickup, problem.shared_m)
    if np.isinf(leg):
        return leg, begin, end, REACH
    begin, end = dwell(begin, end, leg, requests.earliest_s[pickup], requests.service_s[pickup])
    if begin > requests.latest_s[pickup] + TOLERANCE_S:
        return leg, begin, end, WAIT
    if load + requests.size[trial.request] > fleet.seats[v]:
        return leg, begin, end, CAPACITY
    return leg, begin, end, RIDE


@kernel
def _best_in_vehicle(problem: _Problem, first: _Trial, best: float) -> tuple[int, int, float, int]:
    """Return the best positions in one plan, their cost if below `best`, and the check that failed."""
    times, requests, fleet, shared_m = problem.times, problem.requests, problem.fleet, problem.shared_m
    request, v, pickup = first.request, first.v, 2 * first.request
    wish, size = requests.earliest_s[pickup], requests.size[request]
    direct = leg_between_s(times, requests, pickup, pickup + 1, shared_m)
    at_i, at_j, check = -1, -1, REACH
    if np.isinf(direct):
        return at_i, at_j, best, check
    for i in range(fleet.locked[v], fleet.stop_count[v] + 1):
        if i > 0 and problem.schedule.begin_s[v, i - 1] > requests.latest_s[pickup] + TOLERANCE_S:
            check = max(check, WAIT)
            break
        trial = _Trial(request, v, i, first.to_dropoff_s, first.from_dropoff_s, first.begin_s)
        leg, begin, end, reached = _board(problem, trial)
        check = max(check, reached)
        if reached < RIDE or size * (end + max(direct, 0.0) - wish) >= best:
            continue
        onward = np.inf
        if i < fleet.stop_count[v]:
            onward = leg_between_s(times, requests, pickup, fleet.stops[v, i], shared_m)
        boarding = _Boarding(leg, begin, end, onward, direct)
        j, cost, reached = _best_alighting(problem, trial, boarding, best)
        check = max(check, reached)
        if j >= 0:
            at_i, at_j, best, check = i, j, cost, _NONE
    return at_i, at_j, best, check


@kernel
def _best_insertion(problem: _Problem, request: int, failed: Ints) -> tuple[int, int, int, float]:
    """Return vehicle (-1: none), positions and cost, and add up in `failed` which vehicles failed at what."""
    width = problem.fleet.stops.shape[1] + 1
    ways = np.empty((2, width))
    begin_s = np.empty(width)
    vehicle, pickup_at, dropoff_at, best = -1, -1, -1, np.inf
    for v in range(len(problem.fleet.stop_count)):
        ways[:] = np.nan
        first = _Trial(request, v, 0, ways[0], ways[1], begin_s)
        i, j, cost, check = _best_in_vehicle(problem, first, best)
        failed[check] += 1
        if i >= 0:
            vehicle, pickup_at, dropoff_at, best = v, i, j, cost
    return vehicle, pickup_at, dropoff_at, best
