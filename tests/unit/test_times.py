"""Travel times learnt from measured paces: what is brought up to date when."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.engine.times import PRIOR_FACTOR, REFRESH_ALL_S, REFRESH_S, EdgeTimes
from sim.network.graph import EdgeGraph
from tests.unit.network.test_graph import toy

SIZE = 12


def measured(graph: EdgeGraph, speed_mps: float) -> EdgeTimes:
    """Return the travel times of a graph whose edges have just been crowded for an hour."""
    times = EdgeTimes(graph, vclass="taxi", time_s=0.0)
    times.sample(3600.0, [20] * SIZE, [speed_mps] * SIZE)
    return times


def test_ways_to_places_in_use_are_refreshed_each_minute_and_others_later() -> None:
    graph = toy(1, SIZE, turns_each=3)
    times = measured(graph, 1.0)
    before = times.travel_times.leg_s
    times.refresh(REFRESH_S, {2, 5})
    after = times.travel_times.leg_s
    used = np.isin(np.arange(SIZE), (2, 5))
    np.testing.assert_array_equal(after[:, ~used], before[:, ~used])
    np.testing.assert_allclose(after[:, used], graph.matrix(times.travel_times.edge_s, "taxi")[:, used])
    assert (after[:, used] > before[:, used]).any()
    times.cover({2, 7})
    more = times.travel_times
    assert more.refreshed_s == REFRESH_S
    np.testing.assert_allclose(more.leg_s[:, 7], graph.matrix(more.edge_s, "taxi")[:, 7])
    np.testing.assert_array_equal(more.leg_s[:, 2], after[:, 2])
    times.refresh(REFRESH_ALL_S, set())
    np.testing.assert_array_equal(times.travel_times.leg_s, graph.matrix(times.travel_times.edge_s, "taxi"))


def test_nothing_changes_before_a_minute_has_passed() -> None:
    times = measured(toy(1, SIZE, turns_each=3), 1.0)
    before = times.travel_times
    times.refresh(REFRESH_S - 1, {2})
    assert times.travel_times is before


def test_a_crowded_edge_takes_what_its_vehicles_take_and_an_empty_one_the_prior() -> None:
    graph = toy(1, SIZE, turns_each=3)
    empty = EdgeTimes(graph, vclass="taxi", time_s=0.0)
    prior_s = empty.travel_times.edge_s
    crowded = measured(graph, 2.0)
    crowded.refresh(REFRESH_ALL_S, set())
    np.testing.assert_allclose(crowded.travel_times.edge_s, graph.length_m / 2.0, rtol=0.05)
    assert (prior_s >= graph.time_s).all()


def test_the_crossing_behind_an_edge_is_part_of_a_measured_time() -> None:
    graph = toy(1, SIZE, turns_each=3)
    crossed = replace(graph, time_s=graph.time_s + 3.0, crossing_s=np.full(SIZE, 3.0))
    without, over = measured(graph, 5.0), measured(crossed, 5.0)
    for times in (without, over):
        times.refresh(REFRESH_ALL_S, set())
    added_s = over.travel_times.edge_s - without.travel_times.edge_s
    np.testing.assert_allclose(added_s, 3.0 * PRIOR_FACTOR)
