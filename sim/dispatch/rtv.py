"""Assignment of trips to vehicles: the second way to improve plans, after Alonso-Mora et al. (2017).

The trips of every vehicle are grown (`trips`), and an integer program takes one for each, so that all together cost
least (`choice`). Plans at hand are a choice too, so that what comes out never costs more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.dispatch.choice import choose
from sim.dispatch.insertion import COST_STEP
from sim.dispatch.plans import lay_plans, total_cost, width_for
from sim.dispatch.problem import Problem, laid_out, require_plans, smallest_problem
from sim.dispatch.schedule import blank_draft
from sim.dispatch.solution import Solution, pinned, solution_of
from sim.dispatch.trips import Caps, Graph, free_requests

NODES = 1000


def assign(
    problem: Problem,
    start: Sequence[Sequence[int]],
    *,
    caps: Caps = Caps(),  # noqa: B008 (immutable)
    nodes: int = NODES,
) -> Solution:
    """Improve plans; never returns plans that cost more than those it starts from.

    `nodes` bounds the branch-and-bound tree over the choice of trips.

    Raises
    ------
    ControllerError
        The problem is not valid, or a plan breaks a limit.
    """
    problem = laid_out(problem)
    require_plans(problem, start)
    problem = pinned(problem, start)
    draft = blank_draft(len(problem.requests.riders), width_for(problem, start))
    plans = lay_plans(problem, start, draft)
    before = float(total_cost(problem, plans))
    graph = Graph(problem, start, (plans.drive + plans.rider).tolist(), caps)
    held, trips = len(start), graph.held + graph.trips
    free = free_requests(problem, start)
    penalty = {r: float(problem.requests.penalty[r]) for r in np.flatnonzero(free).tolist()}
    chosen = choose(trips, penalty, held=held, nodes=nodes)
    found = lay_plans(problem, [trips[n].plan for n in chosen], draft)
    if total_cost(problem, found) > before - COST_STEP:
        found = plans
    return solution_of(problem, found, before)


def compile_kernels() -> None:
    """Compile every kernel into numba's cache, so that a later process pays nothing."""
    assign(smallest_problem(), [()])
