"""Large-neighbourhood search over the plans of a fleet: take some requests out, place them anew, keep what pays.

Worse plans are kept for a while, by simulated annealing over the iterations. The search is bounded by its
iterations and drawn from its seed: the clock has no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dispatch.insertion import COST_STEP, Planner, Search
from sim.dispatch.plans import (
    Plans,
    copy_places,
    copy_plan,
    lay_plans,
    refresh,
    total_cost,
    width_for,
)
from sim.dispatch.problem import Floats, Problem, kernel, laid_out, require_plans, smallest_problem
from sim.dispatch.relax import relax
from sim.dispatch.removal import Ruin, blank_ruin, remove
from sim.dispatch.repair import GREEDY, REGRET, Offers, blank_offers, repair
from sim.dispatch.schedule import blank_draft, time_plan
from sim.dispatch.solution import Solution, pinned, solution_of


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
    """The plans at hand, those being tried, the best so far, and what is needed to change them."""

    current: Plans
    trial: Plans
    best: Plans
    search: Search
    ruin: Ruin
    offers: Offers
    dirty: NDArray[np.bool_]


def insert_all(problem: Problem, start: Sequence[Sequence[int]]) -> Solution:
    """Place what the plans leave out, by regret; what finds no place stays unserved.

    Raises
    ------
    ControllerError
        The problem is not valid, or a plan breaks a limit.
    """
    problem, state = _prepare(problem, start, seed=0, blinks=0.0, most=len(problem.requests.riders))
    plans, before = state.current, total_cost(problem, state.current)
    left = np.flatnonzero(plans.vehicle < 0)
    state.ruin.removed[: len(left)] = left
    state.ruin.size[0] = len(left)
    repair(problem, plans, state.search, state.ruin, state.offers, REGRET)
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
    return problem, _State(
        current=lay_plans(problem, start, draft),
        trial=lay_plans(problem, start, draft),
        best=lay_plans(problem, start, draft),
        search=Search(draft, rng, float(blinks)),
        ruin=blank_ruin(requests, vehicles),
        offers=blank_offers(min(requests, most), vehicles),
        dirty=np.zeros(vehicles, np.bool_),
    )


def _mean_cost(plans: Plans) -> float:
    """Return the cost of the plans by request served."""
    served = int((plans.vehicle >= 0).sum())
    return float(plans.drive.sum() + plans.rider.sum()) / max(1, served)


@kernel
def _anneal(
    problem: Problem, state: _State, iterations: int, temperatures: Floats, ways: Floats, most: int, regret: float
) -> None:
    rng, touched, dirty = state.search.rng, state.ruin.touched, state.dirty
    cost = best = total_cost(problem, state.current)
    temperature = temperatures[0]
    factor = (temperatures[1] / temperatures[0]) ** (1.0 / max(1, iterations)) if temperature > 0.0 else 1.0
    for _ in range(iterations):
        way, drawn = 0, rng.random()
        while drawn >= ways[way]:
            way += 1
        tried = _try(problem, state, way, most, REGRET if rng.random() < regret else GREEDY)
        if tried < cost - temperature * np.log(1.0 - rng.random()):
            cost = tried
            _keep(state.trial, state.current, touched)
            for v in range(len(dirty)):
                dirty[v] = dirty[v] or touched[v]
            if cost < best - COST_STEP:
                best = cost
                _keep(state.current, state.best, dirty)
                for v in range(len(dirty)):
                    dirty[v] = False
        else:
            _keep(state.current, state.trial, touched)
        temperature *= factor


@kernel
def _try(problem: Problem, state: _State, way: int, most: int, repair_way: int) -> float:
    """Take some requests out of the trial's plans and place them anew; return the cost, inf where that fails."""
    plans, ruin, search = state.trial, state.ruin, state.search
    remove(problem, plans, ruin, search.rng, way, most)
    for v in range(len(plans.length)):
        if ruin.touched[v] and not refresh(problem, plans, v, search.draft):
            return np.inf
    if not repair(problem, plans, search, ruin, state.offers, repair_way):
        return np.inf
    return total_cost(problem, plans)


@kernel
def _keep(source: Plans, target: Plans, changed: NDArray[np.bool_]) -> None:
    """Copy the changed plans."""
    for v in range(len(changed)):
        if changed[v]:
            copy_plan(source, target, v)
    copy_places(source, target)


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
