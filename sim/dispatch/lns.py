"""Large-neighbourhood search over the plans of a fleet: take some requests out, place them anew, keep what pays.

Worse plans are kept for a while, by simulated annealing over the iterations. The search is bounded by its
iterations and drawn from its seed: the clock has no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.dispatch.granular import Granular, blank_granular
from sim.dispatch.insertion import COST_STEP, Planner, Search
from sim.dispatch.marks import Marks, blank_marks, clear, mark
from sim.dispatch.plans import (
    Plans,
    copy_plans,
    lay_plans,
    refresh,
    total_cost,
    width_for,
)
from sim.dispatch.problem import Floats, Problem, kernel, laid_out, require_plans, smallest_problem
from sim.dispatch.relax import relax
from sim.dispatch.removal import REMOVED, Ruin, remove, ruin_of, settle_pool
from sim.dispatch.repair import GREEDY, REGRET, Offers, blank_offers, repair
from sim.dispatch.schedule import blank_draft, time_plan
from sim.dispatch.solution import Solution, pinned, solution_of

BATCH = 256
"""How many requests `insert_all` weighs against each other; its time grows with their square."""


class Tuning(NamedTuple):
    """How the search behaves; the defaults serve the published dial-a-ride instances.

    Attributes
    ----------
    most
        Requests taken out at a time, at most.
    hot, cold
        Temperatures at begin and end, as shares of the mean cost of a request.
    blinks
        Share of boardings that a greedy repair passes over.
    regret
        Share of the iterations repaired by regret.
    ways
        How often each way of removal is drawn: random, related, worst, strings.
    """

    most: int = 16
    hot: float = 1.0
    cold: float = 0.02
    blinks: float = 0.01
    regret: float = 0.2
    ways: tuple[float, float, float, float] = (2.0, 2.0, 1.0, 1.0)


class _State(NamedTuple):
    """The plans at hand, those being tried, the best so far, and what is needed to change them.

    `dirty` are the vehicles whose plans at hand differ from the best.
    """

    current: Plans
    trial: Plans
    best: Plans
    search: Search
    ruin: Ruin
    granular: Granular
    offers: Offers
    dirty: Marks


def insert_all(problem: Problem, start: Sequence[Sequence[int]]) -> Solution:
    """Place what the plans leave out, by regret, early requests first where they are many; some may find no place.

    Raises
    ------
    ControllerError
        The problem is not valid, or a plan breaks a limit.
    """
    count = len(problem.requests.riders)
    problem, state = _prepare(problem, start, seed=0, blinks=0.0, most=min(count, BATCH))
    plans, ruin, before = state.current, state.ruin, total_cost(problem, state.current)
    left = np.flatnonzero(plans.vehicle < 0)
    if len(left) > BATCH:
        left = left[np.argsort(problem.requests.earliest_s[2 * left], kind="stable")]
    for first in range(0, len(left), BATCH):
        batch = left[first : first + BATCH]
        ruin.removed[: len(batch)] = batch
        ruin.size[REMOVED] = len(batch)
        clear(ruin.touched)
        repair(problem, plans, state.search, ruin, state.granular, state.offers, REGRET)
    return solution_of(problem, plans, before)


def solve(
    problem: Problem,
    start: Sequence[Sequence[int]],
    *,
    iterations: int,
    seed: int,
    tuning: Tuning = Tuning(),  # noqa: B008 (immutable)
) -> Solution:
    """Improve plans; never returns plans that cost more than those it starts from.

    Raises
    ------
    ControllerError
        The problem is not valid, or a plan breaks a limit.
    """
    problem, state = _prepare(problem, start, seed=seed, blinks=tuning.blinks, most=2 * tuning.most)
    ways = np.cumsum(tuning.ways) / np.sum(tuning.ways)
    mean, before = _mean_cost(state.current), total_cost(problem, state.current)
    temperatures = np.array([tuning.hot * mean, tuning.cold * mean])
    _anneal(problem, state, int(iterations), temperatures, ways, int(tuning.most), float(tuning.regret))
    return solution_of(problem, state.best, before)


def _prepare(
    problem: Problem, start: Sequence[Sequence[int]], *, seed: int, blinks: float, most: int
) -> tuple[Problem, _State]:
    problem = laid_out(problem)
    require_plans(problem, start)
    problem = pinned(problem, start)
    requests, vehicles = len(problem.requests.riders), len(problem.vehicles.ready_s)
    draft = blank_draft(requests, width_for(problem, start))
    rng = np.random.Generator(np.random.PCG64(seed))
    current = lay_plans(problem, start, draft)
    return problem, _State(
        current=current,
        trial=lay_plans(problem, start, draft),
        best=lay_plans(problem, start, draft),
        search=Search(draft, rng, float(blinks)),
        ruin=ruin_of(problem, current),
        granular=blank_granular(requests, vehicles),
        offers=blank_offers(min(requests, most), vehicles),
        dirty=blank_marks(vehicles),
    )


def _mean_cost(plans: Plans) -> float:
    """Return the cost of the plans by request served."""
    served = int((plans.vehicle >= 0).sum())
    return float(plans.drive.sum() + plans.rider.sum()) / max(1, served)


@kernel
def _anneal(
    problem: Problem, state: _State, iterations: int, temperatures: Floats, ways: Floats, most: int, regret: float
) -> None:
    rng, ruin, dirty = state.search.rng, state.ruin, state.dirty
    cost = best = total_cost(problem, state.current)
    temperature = temperatures[0]
    factor = (temperatures[1] / temperatures[0]) ** (1.0 / max(1, iterations)) if temperature > 0.0 else 1.0
    for _ in range(iterations):
        way, drawn = 0, rng.random()
        while drawn >= ways[way]:
            way += 1
        added = _try(problem, state, way, most, REGRET if rng.random() < regret else GREEDY)
        if added < -temperature * np.log(1.0 - rng.random()):
            cost += added
            settle_pool(state.current, state.trial, ruin)
            copy_plans(state.trial, state.current, ruin.touched)
            for n in range(ruin.touched.size[0]):
                mark(dirty, ruin.touched.items[n])
            if cost < best - COST_STEP:
                best = cost
                copy_plans(state.current, state.best, dirty)
                clear(dirty)
        else:
            copy_plans(state.current, state.trial, ruin.touched)
        temperature *= factor


@kernel
def _try(problem: Problem, state: _State, way: int, most: int, repair_way: int) -> float:
    """Take some requests out of the trial's plans and place them anew; return the cost added, inf where that fails."""
    plans, ruin, search = state.trial, state.ruin, state.search
    remove(problem, plans, ruin, search.rng, way, most)
    for n in range(ruin.touched.size[0]):
        if not refresh(problem, plans, ruin.touched.items[n], search.draft):
            return np.inf
    if not repair(problem, plans, search, ruin, state.granular, state.offers, repair_way):
        return np.inf
    return _added_cost(problem, state)


@kernel
def _added_cost(problem: Problem, state: _State) -> float:
    """Return what the trial costs more than the plans at hand; only touched plans and removed requests can differ."""
    old, new, ruin, added = state.current, state.trial, state.ruin, 0.0
    for n in range(ruin.touched.size[0]):
        v = ruin.touched.items[n]
        added += new.drive[v] - old.drive[v] + new.rider[v] - old.rider[v]
    for n in range(ruin.size[REMOVED]):
        r = ruin.removed[n]
        if (new.vehicle[r] < 0) != (old.vehicle[r] < 0):
            added += problem.requests.penalty[r] if new.vehicle[r] < 0 else -problem.requests.penalty[r]
    return added


def compile_kernels() -> None:
    """Compile every kernel into numba's cache, so that a later process pays nothing."""
    problem = smallest_problem()
    solve(problem, insert_all(problem, [()]).plans, iterations=8, seed=0)
    time_plan(problem, 0, (0, 1))
    planner = Planner(problem, [()])
    insertion = planner.best(0)
    if insertion is not None:
        planner.insert(0, insertion)
    problem.requests.latest_s[:] = -1.0  # broken, or nothing is lifted
    relax(problem, [(0, 1)])
