"""Mending: lateness that moving riders can take away goes, and nothing else gets worse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dispatch.mending import mend
from sim.dispatch.problem import NOWHERE, Problem, Requests, Vehicles, Weights
from sim.dispatch.relax import relax
from tests.unit.dispatch.oracle import random_problem, require_sound, total

seeds = st.integers(0, 2**32 - 1)
LATE = Weights(drive=1.0, wait=1.0, ride=1.0, late=5.0)


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_a_mended_fleet_serves_all_keeps_every_limit_and_costs_no_more(seed: int) -> None:
    problem, plans = random_problem(seed, hold=False)
    requests = problem.requests._replace(due_s=problem.requests.latest_s.copy())
    late = problem._replace(travel_s=problem.travel_s * 1.5, requests=requests, weights=LATE)
    relaxed = relax(late, plans)
    found = mend(relaxed, plans)
    require_sound(relaxed, plans, found)
    assert found.saved >= -1e-6
    assert found.cost == pytest.approx(total(relaxed, plans) - found.saved)
    assert sorted(stop for plan in found.plans for stop in plan) == sorted(stop for plan in plans for stop in plan)


def two_vehicles(*, late: float, locked: int = 1) -> Problem:
    """Return a vehicle that boards a rider and comes 300 s late to the next, and one that stands beside that one."""
    requests = Requests(
        node=np.array([1, 2, 3, 2]),
        service_s=np.zeros(4),
        earliest_s=np.zeros(4),
        latest_s=np.full(4, np.inf),
        due_s=np.array([np.inf, np.inf, 300.0, np.inf]),
        load=np.ones((2, 1), np.int64),
        riders=np.ones(2),
        max_ride_s=np.full(2, np.inf),
        boarded_s=np.full(2, np.nan),
        vehicle=np.full(2, -1),
        penalty=np.full(2, 1e6),
    )
    vehicles = Vehicles(
        node=np.array([0, 3]),
        ready_s=np.zeros(2),
        capacity=np.full((2, 1), 4),
        load=np.zeros((2, 1), np.int64),
        end_node=np.full(2, NOWHERE),
        latest_end_s=np.full(2, np.inf),
        max_duration_s=np.full(2, np.inf),
        locked=np.array([locked, 0]),
    )
    ways = 300.0 * (1 - np.eye(4))
    return Problem(ways, ways.copy(), requests, vehicles, LATE._replace(late=late), hold=False)


def test_a_late_rider_comes_to_the_vehicle_that_is_in_time() -> None:
    found = mend(two_vehicles(late=5.0), [(0, 2, 1, 3), ()])
    assert found.plans == ((0, 1), (2, 3))
    assert found.saved > 5.0 * 300.0  # the lateness, the wait and a ride


def test_who_may_not_move_stays() -> None:
    plans = ((0, 2, 1, 3), ())
    assert mend(two_vehicles(late=0.0), plans).plans == plans
    assert mend(two_vehicles(late=5.0, locked=2), plans).plans == plans


def test_plans_in_time_stay_even_where_others_would_cost_less() -> None:
    problem = two_vehicles(late=5.0)
    problem.requests.due_s[:] = np.inf
    assert mend(problem, [(0, 2, 1, 3), ()]).plans == ((0, 2, 1, 3), ())
