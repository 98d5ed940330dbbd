from __future__ import annotations

import numpy as np
from numba.core.dispatcher import Dispatcher

from sim.dispatch import (
    bounds,
    granular,
    insertion,
    lns,
    marks,
    mending,
    plans,
    refusal,
    relax,
    removal,
    repair,
    rtv,
    schedule,
    tour,
    trips,
)  # fmt: skip
from sim.dispatch.insertion import Planner
from sim.dispatch.lns import insert_all, solve
from sim.dispatch.problem import Problem
from tests.unit.dispatch.oracle import random_problem


def signatures() -> dict[str, int]:
    """Return how many signatures each kernel is compiled for."""
    return {
        f"{module.__name__}.{name}": len(value.signatures)
        for module in (
            bounds,
            granular,
            insertion,
            lns,
            marks,
            plans,
            refusal,
            relax,
            removal,
            repair,
            schedule,
            tour,
            trips,
        )
        for name, value in sorted(vars(module).items())
        if isinstance(value, Dispatcher)
    }


def late(problem: Problem) -> Problem:
    """Return the problem with every stop late, so that all who may move are looked at."""
    requests = problem.requests._replace(due_s=np.full_like(problem.requests.due_s, -1.0))
    return problem._replace(requests=requests, weights=problem.weights._replace(late=5.0))


def test_what_is_compiled_ahead_serves_every_problem() -> None:
    lns.compile_kernels()
    mending.compile_kernels()
    rtv.compile_kernels()
    refusal.compile_kernels()
    compiled = signatures()
    assert len(compiled) > 40
    for seed in range(6):
        problem, start = random_problem(seed, count=10)
        solution = solve(problem, insert_all(problem, start).plans, iterations=20, seed=seed)
        rtv.assign(problem, solution.plans)
        mending.mend(late(problem), solution.plans)
        schedule.time_plan(problem, 0, solution.plans[0])
        slower = problem._replace(travel_s=problem.travel_s * 1.5)
        Planner(relax.relax(slower, start), start).best(9)
        refusal.why_none(relax.relax(slower, start), start, 9)
    assert signatures() == compiled
