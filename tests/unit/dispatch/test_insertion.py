"""The search for places against every place tried by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dispatch.insertion import Insertion, Planner
from sim.dispatch.problem import Problem
from sim.errors import ControllerError
from tests.unit.dispatch.oracle import insertions, judge, random_problem

seeds = st.integers(0, 2**32 - 1)


def by_hand(problem: Problem, plans: list[list[int]], r: int) -> dict[tuple[int, int, int], float]:
    """Return what every feasible place adds."""
    costs = {}
    for v, plan in enumerate(plans):
        if problem.requests.vehicle[r] in {-1, v}:
            old = judge(problem, v, plan)
            assert old is not None
            for (i, j), judged in insertions(problem, v, plan, r):
                costs[v, i, j] = judged.cost - old.cost
    return costs


def inserted(problem: Problem, plans: list[list[int]], r: int, found: Insertion) -> list[list[int]]:
    """Return the plans after an insertion."""
    planner = Planner(problem, plans)
    planner.insert(r, found)
    return [list(plan) for plan in planner.plans]


@settings(max_examples=500, deadline=None)
@given(seeds)
def test_the_best_place_is_that_of_every_place_tried(seed: int) -> None:
    problem, plans = random_problem(seed)
    r = len(problem.requests.riders) - 1
    costs, found = by_hand(problem, plans, r), Planner(problem, plans).best(r)
    if not costs:
        assert found is None
        return
    assert found is not None
    assert found.cost == pytest.approx(min(costs.values()), abs=1e-6)
    assert costs[found.vehicle, found.pickup_at, found.dropoff_at] == pytest.approx(found.cost, abs=1e-6)
    first = min(place for place, cost in costs.items() if cost < min(costs.values()) + 1e-6)
    assert (found.vehicle, found.pickup_at, found.dropoff_at) == first


def test_the_random_problems_offer_places_and_none() -> None:
    offered = []
    for seed in range(200):
        problem, plans = random_problem(seed)
        offered.append(bool(by_hand(problem, plans, len(problem.requests.riders) - 1)))
    assert 40 < sum(offered) < 180


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_a_pinned_request_goes_by_its_vehicle_or_not_at_all(seed: int) -> None:
    problem, plans = random_problem(seed)
    r, v = len(problem.requests.riders) - 1, len(plans) - 1
    problem.requests.vehicle[r] = v
    found = Planner(problem, plans).best(r)
    assert (found is None) == (not by_hand(problem, plans, r))
    if found is not None:
        assert found.vehicle == v
        assert judge(problem, v, inserted(problem, plans, r, found)[v]) is not None


def test_every_dimension_of_a_load_counts() -> None:
    problem, _ = random_problem(3, hold=False)
    requests, vehicles = problem.requests, problem.vehicles
    requests.latest_s[:], requests.max_ride_s[:] = np.inf, np.inf
    requests.boarded_s[:], requests.vehicle[:] = np.nan, -1
    vehicles.load[:], vehicles.locked[:] = 0, 0
    vehicles.latest_end_s[:], vehicles.max_duration_s[:] = np.inf, np.inf
    requests.load[0] = 1, 1
    plans: list[list[int]] = [[] for _ in vehicles.ready_s]
    assert Planner(problem, plans).best(0) is not None
    for dimension in range(2):
        vehicles.capacity[:] = 1
        vehicles.capacity[:, dimension] = 0
        assert Planner(problem, plans).best(0) is None


def test_plans_that_break_a_limit_are_refused() -> None:
    problem, plans = random_problem(0)
    v = next(v for v, plan in enumerate(plans) if plan)
    problem.requests.latest_s[plans[v][0]] = -1.0
    with pytest.raises(ControllerError, match=f"vehicle {v} breaks a limit"):
        Planner(problem, plans)


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_an_insertion_keeps_the_lock_in_front_and_every_other_stop_in_order(seed: int) -> None:
    problem, plans = random_problem(seed)
    r = len(problem.requests.riders) - 1
    found = Planner(problem, plans).best(r)
    if found is None:
        return
    after = inserted(problem, plans, r, found)
    for v, (old, new) in enumerate(zip(plans, after, strict=True)):
        assert [stop for stop in new if stop // 2 != r] == old
        assert new[: problem.vehicles.locked[v]] == old[: problem.vehicles.locked[v]]
    assert (after[found.vehicle].index(2 * r), after[found.vehicle].index(2 * r + 1)) == (
        found.pickup_at,
        found.dropoff_at + 1,
    )


def test_an_insertion_found_for_other_plans_or_a_planned_request_is_refused() -> None:
    problem, plans = next(
        case for case in map(random_problem, range(100)) if Planner(*case).best(len(case[0].requests.riders) - 1)
    )
    r, planner = len(problem.requests.riders) - 1, Planner(problem, plans)
    found = planner.best(r)
    assert found is not None
    planner.insert(r, found)
    with pytest.raises(ControllerError, match="planned already"):
        planner.insert(r, found)
    with pytest.raises(ControllerError, match="planned already"):
        planner.best(r)
    with pytest.raises(ControllerError, match="none of"):
        planner.best(r + 1)
    problem.requests.latest_s[2 * r] = -1.0
    late = Planner(problem, plans)
    with pytest.raises(ControllerError, match="other plans"):
        late.insert(r, found)
    with pytest.raises(ControllerError, match="other plans"):
        late.insert(r, found._replace(dropoff_at=99))
    assert late.plans == tuple(tuple(plan) for plan in plans)


def test_columns_of_other_types_are_taken() -> None:
    problem, plans = random_problem(3)
    r = len(problem.requests.riders) - 1
    travel_s = problem.travel_s.copy()
    travel_s.flags.writeable = False
    requests = problem.requests._replace(node=problem.requests.node.astype(np.int32))
    other = problem._replace(travel_s=travel_s, requests=requests)
    assert Planner(other, plans).best(r) == Planner(problem, plans).best(r)
