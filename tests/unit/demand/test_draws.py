from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import SeedSequence, default_rng

from sim.demand.draws import multiplier_at, named_streams, pick, poisson_times, truncated_normal


def test_a_name_added_at_the_end_leaves_the_other_streams() -> None:
    few = named_streams(SeedSequence(3), ("a", "b"))
    more = named_streams(SeedSequence(3), ("a", "b", "c"))
    for name in ("a", "b"):
        assert default_rng(few[name]).random() == default_rng(more[name]).random()


def test_pick_follows_the_weights_and_never_takes_a_weight_of_zero() -> None:
    drawn = pick(default_rng(1).random(20_000), np.array([0.0, 1.0, 3.0, 0.0]))
    counts = np.bincount(drawn, minlength=4)
    assert counts[0] == counts[3] == 0
    assert abs(counts[1] - 5_000) < 5 * np.sqrt(20_000 * 0.25 * 0.75)


@given(st.floats(0, 1, exclude_max=True), st.lists(st.floats(0, 1e6), min_size=1).filter(any))
def test_pick_stays_inside(uniform: float, weights: list[float]) -> None:
    assert weights[int(pick(np.array([uniform]), np.array(weights))[0])] > 0


def test_truncated_normal_against_theory() -> None:
    # Cut off symmetrically at one sd: mean stays, sd becomes 0.5396 of the uncut law (Johnson, Kotz 1970).
    drawn = truncated_normal(default_rng(1).random(100_000), mean=900, sd=300, low=600, high=1200)
    assert drawn.min() >= 600
    assert drawn.max() <= 1200
    assert drawn.mean() == pytest.approx(900, abs=3)
    assert drawn.std() == pytest.approx(300 * 0.5396, rel=0.01)


def test_poisson_times_follow_the_profile() -> None:
    times = poisson_times(
        default_rng(5), per_h=3600, profile={3600: 2.0, 7200: 0.0, 9000: 1.0}, begin_s=0, end_s=10_800
    )
    counts = np.histogram(times, bins=[0, 3600, 7200, 9000, 10_800])[0]
    for found, expected in zip(counts, (3600, 7200, 0, 1800), strict=True):
        assert abs(found - expected) <= 5 * np.sqrt(expected)
    headways = np.diff(times[times < 3600])
    assert headways.std() == pytest.approx(headways.mean(), rel=0.1)


def test_poisson_times_of_no_traffic_are_empty() -> None:
    assert not poisson_times(default_rng(1), per_h=0, profile={0: 1.0}, begin_s=0, end_s=3600).size


def test_a_longer_period_keeps_the_earlier_vehicles() -> None:
    short, long = (
        poisson_times(default_rng(2), per_h=100, profile={0: 1.0}, begin_s=0, end_s=end) for end in (3600, 36_000)
    )
    assert np.allclose(long[: len(short)], short)


@pytest.mark.parametrize(("time_s", "expected"), [(0, 1.0), (99, 1.0), (100, 0.5), (250, 3.0)])
def test_the_multiplier_is_one_before_the_first_entry(time_s: float, expected: float) -> None:
    assert multiplier_at({100: 0.5, 200: 3.0}, time_s) == expected
