"""Why no vehicle can take a request: which limit stood in the way."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from sim.dispatch.battery import has_battery, lasts
from sim.dispatch.problem import TOLERANCE_S, Ints, Problem, kernel, laid_out, require_plans, smallest_problem
from sim.dispatch.relax import hurry
from sim.dispatch.schedule import Draft, blank_draft


class Cause(StrEnum):
    """What stood in the way, in the order of the checks."""

    UNREACHABLE = "unreachable"
    LATE = "no_vehicle_within_max_wait"
    FULL = "capacity"
    DETOUR = "detour_limit"
    ARRIVAL = "no_vehicle_by_latest_arrival"
    DUTY = "end_of_duty"
    CHARGE = "battery"
    OTHERS = "limits_of_accepted_riders"


REACH, WAIT, CAPACITY, RIDE, BY, END, POWER, BOUND = range(len(Cause))


def why_none(problem: Problem, plans: Sequence[Sequence[int]], request: int) -> Cause:
    """Return what stands in the way of a request that no plan has a place for.

    Every pair of positions in every plan is timed as soon as possible. A vehicle fails at the furthest check that any
    of its positions comes to. The cause is what most vehicles failed at of those that could come in time, if any
    could; else that they come too late, or that there is no way.

    Parameters
    ----------
    problem, plans
        As `Planner` takes them.
    request
        Row of a request that is in no plan and not on board.
    """
    problem = laid_out(problem)
    require_plans(problem, plans)
    longest = max((len(plan) for plan in plans), default=0)
    draft = blank_draft(len(problem.requests.riders), longest + 2)
    failed = np.zeros(len(Cause), np.int64)
    for v, plan in enumerate(plans):
        if problem.requests.vehicle[request] in {-1, v}:
            failed[_furthest(problem, draft, np.array(plan, np.int64), v, request)] += 1
    causes = tuple(Cause)
    if failed[CAPACITY:].any():
        return causes[int(max(range(CAPACITY, len(Cause)), key=lambda check: (failed[check], check)))]
    return Cause.LATE if failed[WAIT] or not failed[REACH] else Cause.UNREACHABLE


@kernel
def _furthest(problem: Problem, draft: Draft, plan: Ints, v: int, r: int) -> int:
    """Return the furthest check that a position in one plan fails at."""
    reached, count = REACH, len(plan)
    for i in range(problem.vehicles.locked[v], count + 1):
        for j in range(i, count + 1):
            _draw_up(problem, draft, plan, v, r, i, j)
            hurry(problem, draft, count + 2)
            reached = max(reached, _check(problem, draft, count + 2, v, r))
    return reached


@kernel
def _draw_up(problem: Problem, draft: Draft, plan: Ints, v: int, r: int, i: int, j: int) -> None:
    """Write a plan into the draft, with the request boarding before its stop i and alighting before its stop j."""
    requests, vehicles, n = problem.requests, problem.vehicles, 1
    draft.node[0], draft.begin_s[0], draft.end_s[0] = vehicles.node[v], vehicles.ready_s[v], vehicles.ready_s[v]
    for k in range(len(plan) + 1):
        if k == i:
            draft.stop[n], n = 2 * r, n + 1
        if k == j:
            draft.stop[n], n = 2 * r + 1, n + 1
        if k < len(plan):
            draft.stop[n], n = plan[k], n + 1
    for k in range(1, n):
        draft.node[k] = requests.node[draft.stop[k]]
        draft.slot[draft.stop[k]] = k
    draft.node[n] = vehicles.end_node[v]


@kernel
def _check(problem: Problem, draft: Draft, count: int, v: int, r: int) -> int:
    """Return the first check that a timed plan fails at."""
    requests = problem.requests
    board, alight = draft.slot[2 * r], draft.slot[2 * r + 1]
    if np.isinf(draft.begin_s[board]) or np.isinf(problem.travel_s[draft.node[board], draft.node[alight]]):
        failed = REACH
    elif draft.begin_s[board] > requests.latest_s[2 * r] + TOLERANCE_S:
        failed = WAIT
    elif not _carries(problem, draft, count, v):
        failed = CAPACITY
    elif not _rides(problem, draft, r):
        failed = RIDE
    elif draft.begin_s[alight] > requests.latest_s[2 * r + 1] + TOLERANCE_S:
        failed = BY
    elif not _ends(problem, draft, count, v):
        failed = END
    elif has_battery(problem, v) and not lasts(problem, v, draft.stop, draft.node, count):
        failed = POWER
    else:
        # what keeps every limit was passed over by the search, which ways that break the triangle inequality can do
        failed = BOUND
    return failed


@kernel
def _ends(problem: Problem, draft: Draft, count: int, v: int) -> bool:
    """Return whether the vehicle's duty ends in time."""
    vehicles, end = problem.vehicles, draft.begin_s[count + 1]
    if end > vehicles.latest_end_s[v] + TOLERANCE_S:
        return False
    return bool(end - draft.begin_s[0] <= vehicles.max_duration_s[v] + TOLERANCE_S)


@kernel
def _carries(problem: Problem, draft: Draft, count: int, v: int) -> bool:
    for d in range(problem.vehicles.load.shape[1]):
        load = problem.vehicles.load[v, d]
        for k in range(1, count + 1):
            s = draft.stop[k]
            load += problem.requests.load[s // 2, d] if s % 2 == 0 else -problem.requests.load[s // 2, d]
            if load > problem.vehicles.capacity[v, d]:
                return False
    return True


@kernel
def _rides(problem: Problem, draft: Draft, r: int) -> bool:
    """Return whether the ride of the request itself is short enough."""
    boarded = draft.begin_s[draft.slot[2 * r]] + problem.requests.service_s[2 * r]
    ride = draft.begin_s[draft.slot[2 * r + 1]] - boarded
    return bool(ride <= problem.requests.max_ride_s[r] + TOLERANCE_S)


def compile_kernels() -> None:
    """Compile the kernels into numba's cache, so that a later process pays nothing."""
    why_none(smallest_problem(), [()], 0)
