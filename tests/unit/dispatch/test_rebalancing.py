"""Idle vehicles by min-cost flow, against every choice there is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.dispatch.rebalancing import Floats, Ints, assign, places


def covered(counts: Ints, expected: Floats) -> float:
    """Return how many requests find a vehicle in their zone, in the mean; by the definition."""
    found = 0.0
    for count, mean in zip(counts.tolist(), expected.tolist(), strict=True):
        chance = [math.exp(-mean) * mean**k / math.factorial(k) for k in range(count)]
        found += sum(k * p for k, p in enumerate(chance)) + count * (1 - sum(chance))
    return found


def worth(goals: Ints, home: Ints, drive_s: Floats, expected: Floats, bound: Ints, *, worth_s: float) -> float:
    counts = bound + np.bincount(goals[goals >= 0], minlength=len(expected))
    driven_s = sum(drive_s[v, goal] for v, goal in enumerate(goals) if goal != home[v])
    return float(worth_s * covered(counts, expected) - driven_s)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Floats, Ints, Floats, Ints, float]:
    vehicles, zones = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    drive_s = rng.uniform(10, 900, (vehicles, zones))
    drive_s[rng.random((vehicles, zones)) < 0.1] = np.inf
    home = rng.integers(-1, zones, vehicles)
    expected = rng.choice([0.0, 0.2, 1.0, 4.0], zones) * rng.uniform(0.5, 1.5, zones)
    return drive_s, home, expected, rng.integers(0, 3, zones), float(rng.choice([0.0, 200.0, 2000.0]))


@settings(max_examples=300, deadline=None)
@given(problem=problems())
def test_no_other_choice_is_worth_more(problem: tuple[Floats, Ints, Floats, Ints, float]) -> None:
    drive_s, home, expected, bound, worth_s = problem
    goals = assign(drive_s, home, expected, bound, worth_s=worth_s)
    stays = [[*range(len(expected)), *([-1] if zone < 0 else [])] for zone in home.tolist()]
    best = max(
        worth(np.array(choice), home, drive_s, expected, bound, worth_s=worth_s)
        for choice in itertools.product(*stays)
        if all(choice[v] == home[v] or math.isfinite(drive_s[v, choice[v]]) for v in range(len(home)))
    )
    # places that are wanted by less than one in a thousand are not looked at
    assert worth(goals, home, drive_s, expected, bound, worth_s=worth_s) >= best - 1e-3 * worth_s * len(home) - 1e-9


@settings(max_examples=300, deadline=None)
@given(problem=problems())
def test_nobody_is_moved_for_nothing(problem: tuple[Floats, Ints, Floats, Ints, float]) -> None:
    drive_s, home, expected, bound, worth_s = problem
    goals = assign(drive_s, home, expected, bound, worth_s=worth_s)
    assert goals.shape == home.shape
    moved = np.flatnonzero(goals != home)
    assert (goals[moved] >= 0).all()
    assert np.isfinite(drive_s[moved, goals[moved]]).all()
    flows = {(int(home[v]), int(goals[v])) for v in moved}
    assert not any((b, a) in flows for a, b in flows), "two vehicles change places"
    whole = worth(goals, home, drive_s, expected, bound, worth_s=worth_s)
    for v in moved:
        left = goals.copy()
        left[v] = home[v]
        assert worth(left, home, drive_s, expected, bound, worth_s=worth_s) < whole


def test_surplus_goes_to_deficit() -> None:
    """Three vehicles in a zone where nobody asks, and two zones that want one each: the nearer two go there."""
    drive_s = np.array([[0.0, 300.0, 400.0], [0.0, 200.0, 500.0], [0.0, 290.0, 100.0]])
    goals = assign(drive_s, np.zeros(3, np.int64), np.array([0.0, 3.0, 3.0]), np.array([0, 2, 2]), worth_s=600.0)
    assert goals.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("worth_s", "goal"), [(500.0, 0), (700.0, 1)])
def test_a_drive_has_to_pay(worth_s: float, goal: int) -> None:
    """One request is expected there: somebody asks with probability 1 − 1/e = 0.632, worth 316 s or 442 s."""
    drive_s, home = np.array([[0.0, 400.0]]), np.zeros(1, np.int64)
    assert assign(drive_s, home, np.array([0.0, 1.0]), np.zeros(2, np.int64), worth_s=worth_s).tolist() == [goal]


def test_the_second_vehicle_is_wanted_less() -> None:
    zone, wanted = places(np.array([0.0, 1.0]), np.array([0, 1]), most=2)
    assert zone.tolist() == [1, 1]
    assert wanted == pytest.approx([1 - 2 / math.e, 1 - 2.5 / math.e])
