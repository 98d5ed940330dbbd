"""When the stops of one plan begin: the one notion of a feasible plan.

All limits of a plan are bounds on differences: a stop begins no sooner than the one before plus dwell and drive,
a boarding no sooner than its alighting less the longest ride, the start no sooner than the end less the longest
duty. The least times that keep to these bounds are found by sweeps forward; where a ride or a duty comes out too
long, its begin is raised by the excess and the next sweep starts there. A feasible plan settles after at most one
round per ride and one for the duty, since a longest path uses each such bound once; one that does not is infeasible.
This decides exactly what the eight steps of Cordeau and Laporte (2003) decide.

That is the schedule with `Problem.hold`. Without it nothing is ever raised: the first sweep stands as it is, and a
ride or a duty too long makes the plan infeasible. A vehicle then does all as soon as it can, and waits at boardings.

In either case an insertion never makes a stop begin sooner, and the latest times of the bounds above hold too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.dispatch.battery import has_battery, lasts, left_at_end_m
from sim.dispatch.problem import TOLERANCE_S, Floats, Ints, Problem, kernel, laid_out
from sim.errors import ControllerError


class Draft(NamedTuple):
    """A plan being timed: slot 0 is the start, slots 1 to n hold the stops, slot n + 1 is the end.

    `begin_s` is the start of a dwell, `end_s` when the vehicle may leave. `slot` holds by stop, and says nothing
    about stops that are not in the draft.
    """

    stop: Ints
    node: Ints
    begin_s: Floats
    end_s: Floats
    slot: Ints


def blank_draft(requests: int, width: int) -> Draft:
    """Return a draft for plans of up to `width` stops."""
    slots = width + 2
    return Draft(
        np.zeros(slots, np.int64),
        np.zeros(slots, np.int64),
        np.zeros(slots),
        np.zeros(slots),
        np.zeros(2 * requests, np.int64),
    )


@kernel
def leg_s(matrix: Floats, a: int, b: int) -> float:
    """Return an entry of a matrix from node to node; the way to nowhere is none."""
    return float(matrix[a, b]) if b >= 0 else 0.0


@kernel
def dwell_after(problem: Problem, node: int, begin: float, end: float, s: int) -> tuple[float, float]:
    """Return begin and end of the dwell at stop s after one at `node`."""
    requests = problem.requests
    if requests.node[s] == node:
        begin = max(begin, requests.earliest_s[s])
        return begin, max(end, begin + requests.service_s[s])
    begin = max(end + problem.travel_s[node, requests.node[s]], requests.earliest_s[s])
    return begin, begin + requests.service_s[s]


@kernel
def settle(problem: Problem, v: int, draft: Draft, count: int, first: int) -> bool:
    """Time the slots from `first` on, from the times before it; return whether every limit holds.

    `draft.begin_s` holds what is known to bound the times from below: `-inf` where nothing is. The charge does not
    depend on the times, and is looked at before them.
    """
    if has_battery(problem, v) and not lasts(problem, v, draft.stop, draft.node, count):
        return False
    low, rounds = first, 0
    while low <= count + 1:
        if rounds > count // 2 + 2:
            return False
        rounds += 1
        low = _sweep(problem, v, draft, count, low)
    return low < _BROKEN


_BROKEN = 1 << 40


@kernel
def _sweep(problem: Problem, v: int, draft: Draft, count: int, first: int) -> int:
    """Time the slots from `first` on; return the first slot raised, beyond the end if none, `_BROKEN` if hopeless."""
    requests, hold = problem.requests, problem.hold
    stop, node, begin_s, end_s = draft.stop, draft.node, draft.begin_s, draft.end_s
    low = count + 2
    begin, end = begin_s[first - 1], end_s[first - 1]
    for k in range(first, count + 1):
        s = stop[k]
        shared = node[k] == node[k - 1]
        arrive = begin if shared else end + problem.travel_s[node[k - 1], node[k]]
        begin = max(arrive, requests.earliest_s[s], begin_s[k])
        if begin > requests.latest_s[s] + TOLERANCE_S:
            return _BROKEN
        end = max(end, begin + requests.service_s[s]) if shared else begin + requests.service_s[s]
        begin_s[k], end_s[k] = begin, end
        if s % 2 == 1:
            raised = _hold_boarding(problem, draft, s, begin)
            if raised < 0 or (raised > 0 and not hold):
                return _BROKEN
            if 0 < raised < low:
                low = raised
    return _hold_start(problem, v, draft, count, low)


@kernel
def _hold_boarding(problem: Problem, draft: Draft, s: int, begin: float) -> int:
    """Raise the boarding of a ride too long; return its slot, 0 if the ride is fine, -1 if nothing helps."""
    requests, r = problem.requests, s // 2
    boarded = requests.boarded_s[r]
    if not np.isnan(boarded):
        return -1 if begin - boarded > requests.max_ride_s[r] + TOLERANCE_S else 0
    slot = draft.slot[s - 1]
    excess = begin - (draft.begin_s[slot] + requests.service_s[s - 1]) - requests.max_ride_s[r]
    if excess <= TOLERANCE_S:
        return 0
    if draft.begin_s[slot] + excess > requests.latest_s[s - 1] + TOLERANCE_S:
        return -1
    draft.begin_s[slot] += excess
    return int(slot)


@kernel
def _hold_start(problem: Problem, v: int, draft: Draft, count: int, low: int) -> int:
    """Time the end, and raise the start where the duty comes out too long; return as `_sweep` does."""
    vehicles, last = problem.vehicles, count + 1
    end = draft.end_s[count] + leg_s(problem.travel_s, draft.node[count], draft.node[last])
    draft.begin_s[last] = draft.end_s[last] = end
    if end > vehicles.latest_end_s[v] + TOLERANCE_S:
        return _BROKEN
    excess = end - draft.begin_s[0] - vehicles.max_duration_s[v]
    if excess <= TOLERANCE_S:
        return low
    if not problem.hold:
        return _BROKEN
    draft.begin_s[0] += excess
    draft.end_s[0] = draft.begin_s[0]
    return 1


LATEST_ROUNDS = 3


@kernel
def lay_latest(problem: Problem, v: int, draft: Draft, count: int, latest_s: Floats) -> None:
    """Fill in the latest start of every slot that leaves the plan feasible.

    A few rounds are enough: what they leave too late makes the search for places look closer, never miss one.
    """
    vehicles, last = problem.vehicles, count + 1
    latest_s[: last + 1] = np.inf
    latest_s[last] = vehicles.latest_end_s[v]
    for _ in range(LATEST_ROUNDS):
        lowered = _sweep_back(problem, draft, count, latest_s)
        longest = latest_s[0] + vehicles.max_duration_s[v]
        if longest < latest_s[last] - TOLERANCE_S:
            latest_s[last] = longest
            lowered = True
        if not lowered:
            break


@kernel
def _sweep_back(problem: Problem, draft: Draft, count: int, latest_s: Floats) -> bool:
    """Lower the latest starts from the end to the start; return whether an alighting was lowered on the way."""
    requests, node, lowered = problem.requests, draft.node, False
    leave = latest_s[count + 1] - leg_s(problem.travel_s, node[count], node[count + 1])
    for k in range(count, 0, -1):
        s = draft.stop[k]
        r = s // 2
        latest = min(latest_s[k], leave - requests.service_s[s], requests.latest_s[s])
        if s % 2 == 1 and not np.isnan(requests.boarded_s[r]):
            latest = min(latest, requests.boarded_s[r] + requests.max_ride_s[r])
        if k < count and node[k] == node[k + 1]:
            latest = min(latest, latest_s[k + 1])
        latest_s[k] = latest
        if s % 2 == 0:
            slot = draft.slot[s + 1]
            longest = latest + requests.service_s[s] + requests.max_ride_s[r]
            if longest < latest_s[slot] - TOLERANCE_S:
                latest_s[slot] = longest
                lowered = True
        if node[k - 1] != node[k]:
            leave = latest - problem.travel_s[node[k - 1], node[k]]
    shared = count > 0 and node[0] == node[1]
    latest_s[0] = min(leave, latest_s[1]) if shared else leave
    return lowered


@kernel
def rider_cost(problem: Problem, draft: Draft, count: int) -> float:
    """Return waits, rides and lateness of a timed plan, weighted."""
    requests, weights = problem.requests, problem.weights
    cost = 0.0
    for k in range(1, count + 1):
        s, begin = draft.stop[k], draft.begin_s[k]
        r = s // 2
        late = weights.late * max(0.0, begin - requests.due_s[s])
        if s % 2 == 0:
            cost += requests.riders[r] * (late + weights.wait * (begin - requests.earliest_s[s]))
        else:
            boarded = requests.boarded_s[r]
            if np.isnan(boarded):
                boarded = draft.begin_s[draft.slot[s - 1]] + requests.service_s[s - 1]
            cost += requests.riders[r] * (late + weights.ride * (begin - boarded))
    return cost


@kernel
def drive_cost(problem: Problem, draft: Draft, count: int) -> float:
    """Return the weighted cost of the ways of a plan."""
    total = 0.0
    for k in range(count + 1):
        total += leg_s(problem.cost, draft.node[k], draft.node[k + 1])
    return problem.weights.drive * total


class Timing(NamedTuple):
    """When a vehicle leaves its start, its dwells begin, and it reaches its end; how far it can drive from there.

    `left_m` does not count the way to a charger, and is inf without a battery.
    """

    leave_s: float
    begin_s: tuple[float, ...]
    end_s: float
    left_m: float


def draw_up(problem: Problem, v: int, plan: Sequence[int]) -> Draft:
    """Return a plan as a draft that has not been timed."""
    draft = blank_draft(len(problem.requests.riders), len(plan))
    slots = slice(1, len(plan) + 1)
    draft.stop[slots] = plan
    draft.slot[list(plan)] = np.arange(1, len(plan) + 1)
    draft.node[0], draft.node[len(plan) + 1] = problem.vehicles.node[v], problem.vehicles.end_node[v]
    draft.node[slots] = problem.requests.node[list(plan)]
    draft.begin_s[slots] = -np.inf
    draft.begin_s[0] = draft.end_s[0] = problem.vehicles.ready_s[v]
    return draft


def time_plan(problem: Problem, v: int, plan: Sequence[int]) -> Timing:
    """Time the plan of a vehicle.

    Raises
    ------
    ControllerError
        The plan breaks a limit of time, or its charge does not last.
    """
    problem = laid_out(problem)
    draft, count = draw_up(problem, v, plan), len(plan)
    if not settle(problem, v, draft, count, 1):
        msg = f"plan of vehicle {v} breaks a limit of time or range: {list(plan)}"
        raise ControllerError(msg)
    begin_s, left_m = draft.begin_s.tolist(), left_at_end_m(problem, v, draft.stop, draft.node, count)
    return Timing(begin_s[0], tuple(begin_s[1:-1]), begin_s[-1], float(left_m))
