"""Plans that traffic has made late, mended: riders who wait come to where that lateness is least, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from sim.dispatch.insertion import COST_STEP, Search, best_place, settle_in
from sim.dispatch.plans import Plans, lay_plans, put_in, refresh, take_out, total_cost, width_for
from sim.dispatch.problem import TOLERANCE_S, Floats, Ints, Problem, kernel, laid_out, require_plans, smallest_problem
from sim.dispatch.schedule import blank_draft
from sim.dispatch.solution import Solution, pinned, solution_of


def mend(problem: Problem, start: Sequence[Sequence[int]]) -> Solution:
    """Take each rider who waits in a late plan out of it once, and put the rider where that costs least.

    Nothing gets dearer, since the old place is one of those looked at. Lateness counts by its weight; without any, or
    with no plan late, the plans come back as they are.

    Raises
    ------
    ControllerError
        The problem is not valid, or a plan breaks a limit: lift those that traffic has broken first.
    """
    problem = laid_out(problem)
    require_plans(problem, start)
    problem = pinned(problem, start)
    draft = blank_draft(len(problem.requests.riders), width_for(problem, start))
    search = Search(draft, np.random.Generator(np.random.PCG64(0)), 0.0)
    plans = lay_plans(problem, start, draft)
    before = total_cost(problem, plans)
    if problem.weights.late > 0:
        _move_all(problem, plans, search, np.array([*_movable(problem, plans)], dtype=np.int64))
    return solution_of(problem, plans, before)


@kernel
def _move_all(problem: Problem, plans: Plans, search: Search, riders: Ints) -> None:
    for r in riders:
        _move(problem, plans, search, r)


@kernel
def _move(problem: Problem, plans: Plans, search: Search, r: int) -> None:
    """Put a rider where that costs least, if it costs less than where the rider is."""
    v, pickup_at, dropoff_at = plans.vehicle[r], plans.slot[2 * r], plans.slot[2 * r + 1]
    cost = plans.drive[v] + plans.rider[v]
    take_out(plans, v, r, 1)
    # without a stop before it a boarding may come sooner, and its ride take longer than it may
    if refresh(problem, plans, v, search.draft):
        to, place = best_place(problem, plans, search, r)
        if plans.drive[v] + plans.rider[v] + place.cost < cost - COST_STEP:
            settle_in(problem, plans, search.draft, r, to, place)
            return
    put_in(plans, v, 2 * r, pickup_at)
    put_in(plans, v, 2 * r + 1, dropoff_at)
    refresh(problem, plans, v, search.draft)


def _movable(problem: Problem, plans: Plans) -> Iterator[int]:
    """Yield who may change vehicles in the plans that are late, the latest plan first, and each in its order."""
    late_s = _lateness_s(problem, plans)
    for v in np.argsort(-late_s, kind="stable").tolist():
        if late_s[v] <= TOLERANCE_S:
            return
        stops = plans.stop[v, 1 : plans.length[v] + 1]
        yield from (s // 2 for s in stops.tolist() if s % 2 == 0 and problem.requests.vehicle[s // 2] < 0)


def _lateness_s(problem: Problem, plans: Plans) -> Floats:
    """Return by how much each plan is late, over all its riders."""
    requests, slot = problem.requests, np.arange(plans.stop.shape[1])
    held = (slot >= 1) & (slot <= plans.length[:, None])
    late_s = np.maximum(0.0, plans.begin_s - requests.due_s[plans.stop]) * requests.riders[plans.stop // 2]
    total_s: Floats = np.where(held, late_s, 0.0).sum(axis=1)
    return total_s


def compile_kernels() -> None:
    """Compile every kernel into numba's cache, so that a later process pays nothing."""
    problem = smallest_problem()
    problem.requests.due_s[:] = -1.0
    mend(problem._replace(weights=problem.weights._replace(late=1.0)), [(0, 1)])
