from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dispatch.lns import solve
from sim.dispatch.relax import relax
from tests.unit.dispatch.oracle import judge, random_problem

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=150, deadline=None)
@given(seeds, st.booleans())
def test_plans_broken_by_slower_roads_become_feasible_and_get_no_worse(seed: int, hold: bool) -> None:  # noqa: FBT001
    problem, plans = random_problem(seed, hold=hold)
    slower = problem._replace(travel_s=problem.travel_s * 1.5)
    relaxed = relax(slower, plans)
    for v, plan in enumerate(plans):
        assert judge(relaxed, v, plan) is not None
    solution = solve(relaxed, plans, iterations=20, seed=0)
    served = {stop // 2 for plan in solution.plans for stop in plan}
    assert {stop // 2 for plan in plans for stop in plan} <= served


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_limits_that_hold_stay(seed: int) -> None:
    problem, plans = random_problem(seed)
    relaxed = relax(problem, plans)
    for old, new in zip((*problem.requests, *problem.vehicles), (*relaxed.requests, *relaxed.vehicles), strict=True):
        np.testing.assert_array_equal(old, new)


def test_some_plans_are_broken_by_slower_roads_in_either_mode() -> None:
    for hold in (True, False):
        broken = 0
        for seed in range(60):
            problem, plans = random_problem(seed, hold=hold)
            slower = problem._replace(travel_s=problem.travel_s * 1.5)
            broken += any(judge(slower, v, plan) is None for v, plan in enumerate(plans))
        assert broken > 10
