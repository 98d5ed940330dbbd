from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dispatch import granular, lns, repair
from sim.dispatch.insertion import Planner
from sim.dispatch.lns import Tuning, insert_all, solve
from sim.errors import ControllerError
from tests.unit.dispatch.oracle import random_problem, require_sound, total

seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=150, deadline=None)
@given(seeds)
def test_no_plan_breaks_a_limit_and_none_costs_more_than_its_start(seed: int) -> None:
    problem, start = random_problem(seed, count=10)
    solution = solve(problem, start, iterations=60, seed=seed, tuning=Tuning(hot=1.0, regret=0.5))
    require_sound(problem, start, solution)
    assert solution.cost <= total(problem, start) + 1e-6


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_building_up_places_more_and_keeps_what_is_planned(seed: int) -> None:
    problem, start = random_problem(seed)
    solution = insert_all(problem, start)
    require_sound(problem, start, solution)
    for plan, old in zip(solution.plans, start, strict=True):
        assert [stop for stop in plan if stop in old] == old


def test_the_search_improves_serves_more_moves_riders_and_reorders_those_on_board() -> None:
    cheaper = served = moved = reordered = 0
    for seed in range(60):
        problem, start = random_problem(seed, count=10)
        built = insert_all(problem, start)
        solution = solve(problem, built.plans, iterations=200, seed=1)
        cheaper += solution.cost < built.cost - 1e-6
        served += len(solution.unserved) < len(built.unserved)
        for v, (plan, old) in enumerate(zip(solution.plans, built.plans, strict=True)):
            moved += any(stop not in old for stop in plan)
            aboard = [stop for stop in old if not np.isnan(problem.requests.boarded_s[stop // 2])]
            reordered += [stop for stop in plan if stop in aboard] != aboard and v >= 0
    assert cheaper > 20
    assert min(served, moved, reordered) > 0


@contextmanager
def short_lists() -> Iterator[None]:
    """Search as in a large fleet, each request asking one plan beside those touched."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (granular, repair):
            patch.setattr(module, "SMALL_FLEET", 0)
            patch.setattr(module, "KEPT", 1)
        yield


@settings(max_examples=150, deadline=None)
@given(seeds)
def test_a_search_that_asks_few_plans_is_sound_too(seed: int) -> None:
    problem, start = random_problem(seed, count=10)
    with short_lists():
        solution = solve(problem, start, iterations=60, seed=seed, tuning=Tuning(hot=1.0, regret=0.5))
    require_sound(problem, start, solution)
    assert solution.cost <= total(problem, start) + 1e-6


def test_where_no_plan_asked_takes_a_request_all_are() -> None:
    placed = 0
    for seed in range(100):
        problem, start = random_problem(seed)
        planner, (last, other) = Planner(problem, start), (len(problem.requests.riders) - n for n in (1, 2))
        found = planner.best(last)
        if found is None:
            continue
        placed += 1
        problem.requests.latest_s[2 * other] = -1.0  # nobody could take this one
        with short_lists():
            assert last not in insert_all(problem, start).unserved
    assert placed > 20


def test_a_search_that_asks_few_plans_improves_as_well() -> None:
    saved = {True: 0.0, False: 0.0}
    for seed in range(40):
        problem, start = random_problem(seed, count=14)
        built = insert_all(problem, start).plans
        saved[False] += solve(problem, built, iterations=200, seed=1).saved
        with short_lists():
            saved[True] += solve(problem, built, iterations=200, seed=1).saved
    assert saved[True] > 0.5 * saved[False] > 0.0


def test_many_requests_are_placed_in_batches() -> None:
    others = 0
    for seed in range(30):
        problem, start = random_problem(seed, count=14)
        at_once = insert_all(problem, start)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lns, "BATCH", 1)
            solution = insert_all(problem, start)
        require_sound(problem, start, solution)
        others += solution != at_once
        assert len(solution.unserved) <= len(at_once.unserved) + 1
    assert others > 0


def test_without_iterations_nothing_changes() -> None:
    problem, start = random_problem(5)
    assert solve(problem, start, iterations=0, seed=0).plans == tuple(tuple(plan) for plan in start)


def test_a_problem_without_requests_or_plans_is_solved() -> None:
    problem, _ = random_problem(1, count=2)
    blank = solve(problem, [[] for _ in problem.vehicles.ready_s], iterations=20, seed=0)
    require_sound(problem, [[] for _ in problem.vehicles.ready_s], blank)


def test_what_is_not_a_problem_is_refused_with_its_column() -> None:
    problem, start = random_problem(2)
    late = problem._replace(weights=problem.weights._replace(wait=0.0, ride=1.0))
    with pytest.raises(ControllerError, match=r"weights\.wait"):
        solve(late, start, iterations=1, seed=0)
    problem.requests.service_s[1] = -1.0
    with pytest.raises(ControllerError, match="service_s"):
        solve(problem, start, iterations=1, seed=0)


@pytest.mark.parametrize("fault", ["twice", "order", "lock", "pin", "aboard"])
def test_plans_that_are_none_are_refused(fault: str) -> None:
    problem, _ = random_problem(4)
    requests, size = problem.requests, len(problem.vehicles.ready_s)
    requests.boarded_s[:], requests.vehicle[:], problem.vehicles.locked[:] = np.nan, -1, 0
    plans: list[list[int]] = [[] for _ in range(size)]
    plans[0] = [0, 1]
    if fault == "twice":
        plans[0] = [0, 1, 0, 1]
    elif fault == "order":
        plans[0] = [1, 0]
    elif fault == "lock":
        problem.vehicles.locked[0] = 3
    elif fault == "pin":
        plans[0], requests.vehicle[0] = [0, 1], size - 1 if size > 1 else -1
        if size == 1:
            plans[0] = [0]
    else:
        requests.boarded_s[1], requests.vehicle[1] = 0.0, 0
    with pytest.raises(ControllerError, match="dispatch problem"):
        solve(problem, plans, iterations=1, seed=0)


SCRIPT = """
from sim.dispatch.lns import insert_all, solve
from tests.unit.dispatch.oracle import random_problem
for seed in range(5):
    problem, start = random_problem(seed, count=10)
    print(solve(problem, insert_all(problem, start).plans, iterations=300, seed=seed))
"""


def test_the_same_seed_gives_the_same_bytes_in_two_processes() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert outputs[0].count(b"Solution") == 5


def test_another_seed_goes_another_way() -> None:
    problem, start = random_problem(7, count=14)
    built = insert_all(problem, start).plans
    found = {solve(problem, built, iterations=3, seed=seed, tuning=Tuning(hot=5.0)).plans for seed in range(20)}
    assert len(found) > 1
