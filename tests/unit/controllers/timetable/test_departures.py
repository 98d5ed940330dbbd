from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.controllers.timetable.departures import Expected, even_load_departures


def departures(ready_s: list[float], *, load: float, latest_s: float = math.inf, **bounds: float) -> list[float]:
    expected = [Expected(ready, latest_s) for ready in ready_s]
    options = {"policy_headway_s": 1e9, "earliest_s": 0.0, "slack_s": 0.0} | bounds
    return even_load_departures(expected, load=load, **options)


def test_even_demand_gives_an_even_headway() -> None:
    assert departures([60.0 * k for k in range(1, 61)], load=6) == [360.0 * k for k in range(1, 11)]


def test_a_fractional_load_alternates_so_that_the_mean_fits() -> None:
    assert len(departures([60.0 * k for k in range(1, 66)], load=6.5)) == 10


def test_thin_demand_leaves_by_the_policy_headway() -> None:
    ready = [0.0, 600.0, 1200.0, 1800.0, 2400.0]
    assert departures(ready, load=10, policy_headway_s=1200) == [1200.0, 2400.0]


def test_slack_loosens_the_policy_headway() -> None:
    ready = [0.0, 600.0, 1200.0, 1800.0, 2400.0]
    assert departures(ready, load=10, policy_headway_s=1200, slack_s=1200) == [2400.0]


def test_a_trip_leaves_in_time_for_work() -> None:
    expected = [Expected(0.0, 900.0), Expected(600.0, 3600.0), Expected(1200.0, 3600.0)]
    found = even_load_departures(expected, load=10, policy_headway_s=1e9, earliest_s=0, slack_s=0)
    assert found == [600.0, 1200.0]


def test_nothing_leaves_before_the_first_vehicle_can_be_there() -> None:
    assert departures([0.0, 60.0, 120.0], load=1, earliest_s=1000) == [1020.0]


def test_nobody_expected_means_no_trip() -> None:
    assert departures([], load=5) == []


@given(
    wishes_s=st.lists(st.integers(0, 7200), min_size=1, max_size=60),
    load=st.floats(1, 12),
    headway_s=st.floats(60, 3600),
)
def test_everybody_finds_a_departure_within_the_policy_headway(
    wishes_s: list[int], load: float, headway_s: float
) -> None:
    found = departures([float(wish) for wish in wishes_s], load=load, policy_headway_s=headway_s)
    for wish in wishes_s:
        following = [departure for departure in found if departure >= wish]
        assert following
        assert following[0] - wish <= headway_s + 60


@pytest.mark.parametrize("load", [3, 5, 8])
def test_no_trip_is_aimed_at_more_than_the_load(load: int) -> None:
    ready = [float(k * k) for k in range(60, 100)]
    found = departures(ready, load=load)
    previous = -math.inf
    for departure in found:
        # rounding up to the minute lets those of that minute on as well
        assert sum(previous < wish <= departure - 60 for wish in ready) <= load
        previous = departure
