from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dispatch.problem import Problem, smallest_problem
from sim.dispatch.schedule import time_plan
from sim.errors import ControllerError
from tests.unit.dispatch.oracle import carried, judge, paired, random_problem

seeds = st.integers(0, 2**32 - 1)


def random_plan(problem: Problem, rng: np.random.Generator) -> list[int]:
    """Return stops of a few requests in an order that boards them before they alight, feasible or not."""
    plan: list[int] = []
    count = len(problem.requests.riders)
    for r in rng.permutation(count)[: int(rng.integers(0, count))].tolist():
        i = int(rng.integers(len(plan) + 1))
        plan.insert(int(rng.integers(i, len(plan) + 1)), 2 * r + 1)
        if np.isnan(problem.requests.boarded_s[r]):
            plan.insert(i, 2 * r)
    return plan


def early(problem: Problem) -> Problem:
    """Return the problem with windows so wide that about half of random plans keep to them."""
    requests = problem.requests
    return problem._replace(
        requests=requests._replace(latest_s=requests.latest_s + 150.0, max_ride_s=requests.max_ride_s + 60.0)
    )


@settings(max_examples=600, deadline=None)
@given(seeds)
def test_a_plan_is_feasible_and_timed_as_the_plain_evaluator_says(seed: int) -> None:
    problem, rng = early(random_problem(seed)[0]), np.random.default_rng(seed)
    plan = random_plan(problem, rng)
    if not paired(problem, plan) or not carried(problem, 0, plan):
        return
    expected = judge(problem, 0, plan)
    if expected is None:
        with pytest.raises(ControllerError, match="breaks a limit of time"):
            time_plan(problem, 0, plan)
    else:
        timed = time_plan(problem, 0, plan)
        assert [timed.leave_s, *timed.begin_s, timed.end_s] == pytest.approx(expected.begin_s, abs=1e-4)


def test_the_random_plans_are_feasible_and_infeasible_in_either_mode_and_some_are_held() -> None:
    kept, broken, held = {True: 0, False: 0}, {True: 0, False: 0}, 0
    for seed in range(600):
        problem, rng = early(random_problem(seed)[0]), np.random.default_rng(seed)
        plan = random_plan(problem, rng)
        if len(plan) < 3 or not paired(problem, plan) or not carried(problem, 0, plan):
            continue
        judged = judge(problem, 0, plan)
        counts = broken if judged is None else kept
        counts[problem.hold] += 1
        held += judged is not None and problem.hold and judge(problem._replace(hold=False), 0, plan) is None
    assert min(*kept.values(), *broken.values()) > 20
    assert held > 5


def two_in_a_row(*, hold: bool) -> Problem:
    """Return one request whose drop-off opens late: boarded at once, the ride is too long."""
    problem = smallest_problem()
    problem.requests.earliest_s[1] = 500.0
    problem.requests.max_ride_s[0] = 100.0
    return problem._replace(hold=hold)


def test_a_boarding_is_held_back_for_its_ride_where_that_is_allowed() -> None:
    timed = time_plan(two_in_a_row(hold=True), 0, (0, 1))
    assert timed.begin_s == (400.0, 500.0)
    with pytest.raises(ControllerError, match="vehicle 0"):
        time_plan(two_in_a_row(hold=False), 0, (0, 1))


def test_a_departure_is_held_back_for_its_duty() -> None:
    problem = two_in_a_row(hold=True)
    problem.vehicles.max_duration_s[0] = 100.0
    assert time_plan(problem, 0, (0, 1)).leave_s == 400.0


def test_stops_of_one_node_in_a_row_share_a_dwell() -> None:
    problem = smallest_problem()
    problem.requests.service_s[:] = 30.0
    assert time_plan(problem, 0, (0, 1)).end_s == 120.0
    problem.requests.node[1] = 0
    assert time_plan(problem, 0, (0, 1)).end_s == 30.0
