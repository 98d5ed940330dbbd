"""Charges as a limit of plans: by hand, and against the judge that shares no code with the core."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dispatch.insertion import Planner
from sim.dispatch.lns import insert_all, solve
from sim.dispatch.problem import Batteries, Problem, laid_out
from sim.dispatch.relax import relax
from sim.dispatch.rtv import assign
from sim.dispatch.schedule import time_plan
from sim.errors import ControllerError
from tests.unit.dispatch import oracle
from tests.unit.dispatch.oracle import judge, left_m, random_problem, require_sound, with_batteries
from tests.unit.dispatch.test_insertion import by_hand
from tests.unit.dispatch.test_refusal import line

seeds = st.integers(0, 2**32 - 1)


def charged(seed: int, *, count: int = 8, hold: bool | None = None) -> tuple[Problem, list[list[int]]]:
    """Return a random problem with batteries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracle, "BATTERY_SHARE", 1.0)
        return random_problem(seed, count=count, hold=hold)


def on_a_line(range_m: float, charged_m: float) -> Problem:
    """Return a vehicle at 0 on a line of 10 m pieces, a rider from 2 to 4, and a charger at 6."""
    problem, _ = line()
    requests, ways = problem.requests, problem.travel_s
    requests.node[:] = 6, 6, 2, 4
    requests.boarded_s[:], requests.vehicle[:] = np.nan, -1
    problem.vehicles.load[:] = 0
    return problem._replace(batteries=Batteries(ways, ways[:, 6].copy(), np.array([range_m]), np.array([charged_m, 0])))


def test_a_plan_may_use_what_is_left_beyond_the_way_to_a_charger() -> None:
    assert time_plan(on_a_line(70.0, 0.0), 0, [2, 3]).left_m == 10.0  # 40 to the end, 20 to the charger
    with pytest.raises(ControllerError, match="range"):
        time_plan(on_a_line(59.0, 0.0), 0, [2, 3])
    home = on_a_line(80.0, 0.0)
    home.vehicles.end_node[:] = 3
    home.batteries.to_charger_m[3] = 20.0
    assert time_plan(home, 0, [2, 3]).left_m == 10.0  # 10 on to the end of the duty
    assert time_plan(laid_out(line()[0]), 0, [1]).left_m == np.inf


def test_from_a_charger_on_what_was_charged_counts() -> None:
    assert time_plan(on_a_line(60.0, 100.0), 0, [0, 1, 2, 3]).left_m == 20.0  # 40 back, 20 on, 20 to the charger
    for range_m, charged_m in ((59.0, 100.0), (60.0, 79.0)):
        with pytest.raises(ControllerError, match="range"):
            time_plan(on_a_line(range_m, charged_m), 0, [0, 1, 2, 3])


@settings(max_examples=300, deadline=None)
@given(seeds, st.booleans())
def test_the_best_place_of_one_that_charges_or_not_is_that_of_every_place_tried(seed: int, charges: bool) -> None:  # noqa: FBT001
    problem, plans = charged(seed)
    r = len(problem.requests.riders) - 1
    if charges:
        problem.batteries.charged_m[r] = 60.0
    costs, found = by_hand(problem, plans, r), Planner(problem, plans).best(r)
    assert (found is None) == (not costs)
    if found is not None:
        assert found.cost == pytest.approx(min(costs.values()), abs=1e-6)
        place = found.vehicle, found.pickup_at, found.dropoff_at
        assert costs[place] == pytest.approx(found.cost, abs=1e-6)


def test_charges_keep_out_what_time_would_allow() -> None:
    kept_out = across = 0
    for seed in range(200):
        problem, plans = charged(seed)
        r = len(problem.requests.riders) - 1
        free = problem._replace(batteries=problem.batteries._replace(range_m=np.full(len(plans), np.inf)))
        kept_out += len(by_hand(problem, plans, r)) < len(by_hand(free, plans, r))
        for v, i, j in by_hand(problem, plans, r):
            across += any(stop % 2 and problem.batteries.charged_m[stop // 2] for stop in plans[v][i:j])
    assert kept_out > 50
    assert across > 10  # boards before a charger, alights behind it


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_no_search_drives_farther_than_the_charges_last(seed: int) -> None:
    problem, start = charged(seed, count=10)
    require_sound(problem, start, solve(problem, start, iterations=60, seed=seed))
    require_sound(problem, start, assign(problem, start))


def test_the_search_moves_visits_to_chargers_and_what_lies_around_them() -> None:
    moved = cheaper = 0
    for seed in range(60):
        problem, start = charged(seed, count=10)
        built = insert_all(problem, start)
        solution = solve(problem, built.plans, iterations=200, seed=1)
        cheaper += solution.cost < built.cost - 1e-6
        for plan, old in zip(solution.plans, built.plans, strict=True):
            moved += any(
                stop % 2 and problem.batteries.charged_m[stop // 2] > 0 and plan[: n + 1] != old[: n + 1]
                for n, stop in enumerate(plan)
            )
    assert moved > 10
    assert cheaper > 20


@settings(max_examples=100, deadline=None)
@given(seeds, st.booleans())
def test_charges_that_do_not_last_any_more_are_lifted_to_what_the_plans_need(seed: int, hold: bool) -> None:  # noqa: FBT001
    problem, plans = charged(seed, hold=hold)
    short = problem._replace(batteries=problem.batteries._replace(
        range_m=problem.batteries.range_m / 2, charged_m=problem.batteries.charged_m / 2
    ))  # fmt: skip
    relaxed = relax(short, plans)
    for v, plan in enumerate(plans):
        assert judge(relaxed, v, plan) is not None
        before, after = left_m(short, v, plan), left_m(relaxed, v, plan)
        assert after == pytest.approx([max(0.0, left) for left in before], abs=1e-6)
    require_sound(relaxed, plans, solve(relaxed, plans, iterations=20, seed=0))


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_batteries_that_never_end_change_nothing(seed: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oracle, "BATTERY_SHARE", 0.0)
        problem, start = random_problem(seed, count=10)
    endless = with_batteries(problem, [[] for _ in start], np.random.default_rng(seed))
    endless.batteries.range_m[:] = np.inf
    for solved in (solve(endless, start, iterations=60, seed=seed), assign(endless, start)):
        require_sound(problem, start, solved)
    assert solve(endless, start, iterations=60, seed=seed) == solve(problem, start, iterations=60, seed=seed)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [("range_m", -1.0, "below 0"), ("charged_m", np.nan, "nan"), ("way_m", np.inf, "")],
)
def test_columns_of_batteries_are_checked(column: str, value: float, fault: str) -> None:
    problem = on_a_line(70.0, 0.0)
    getattr(problem.batteries, column)[:] = value
    if not fault:
        assert laid_out(problem).batteries.way_m is problem.batteries.way_m
        return
    with pytest.raises(ControllerError, match=rf"batteries\.{column} holds .*{fault}"):
        laid_out(problem)
    short = problem._replace(batteries=problem.batteries._replace(**{column: np.zeros(7)}))
    with pytest.raises(ControllerError, match=rf"batteries\.{column} has the shape"):
        laid_out(short)
