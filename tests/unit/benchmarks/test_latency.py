"""The latency benchmark's city and its parts, on a few streets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.city import MAX_WAIT_S, Fleet, Streets, columns, demand, streets
from benchmarks.latency import growth, hour_row, insertion_row, laid, result
from sim.dispatch.insertion import Planner
from sim.dispatch.problem import Weights
from sim.dispatch.schedule import time_plan


@pytest.fixture(scope="module")
def city() -> Streets:
    return streets(6, np.random.default_rng(1))


def test_quickest_ways_have_no_shorter_detour_and_lead_there(city: Streets) -> None:
    travel_s, count = city.travel_s, len(city.travel_s)
    assert count == 36
    assert (travel_s <= (travel_s[:, :, None] + travel_s[None, :, :]).min(axis=1) + 1e-9).all()
    assert not np.allclose(travel_s, travel_s.T)
    for b in range(count):
        for a in range(count):
            if a != b:
                ahead = city.onward[a, b]
                assert travel_s[b, a] == pytest.approx(travel_s[b, ahead] + travel_s[ahead, a])


def test_shuttles_keep_the_times_that_their_plans_have(city: Streets) -> None:
    rng = np.random.default_rng(2)
    requests = columns(city, demand(city, count=6, until_s=0.0, rng=rng))
    fleet = Fleet.standing(city, requests, 2, rng)
    problem = fleet.problem(np.arange(6), Weights(wait=1.0, ride=1.0))
    planner = Planner(problem, [(), ()])
    for r in range(6):
        found = planner.best(r)
        assert found is not None
        planner.insert(r, found)
    fleet.plans = [list(plan) for plan in planner.plans]
    for now_s in range(5, 3000, 5):
        fleet.advance(now_s)
    assert fleet.plans == [[], []]
    assert not fleet.load.any()
    for v, plan in enumerate(planner.plans):
        for stop, begin_s in zip(plan, time_plan(problem, v, plan).begin_s, strict=True):
            assert (fleet.alighted_s if stop % 2 else fleet.boarded_s)[stop // 2] == pytest.approx(begin_s)


def test_a_laid_out_fleet_has_eight_stops_each(city: Streets) -> None:
    case = laid(city, size=5, probes=3, rng=np.random.default_rng(1))
    assert [len(plan) for plan in case.plans] == [8] * 5
    assert len(case.probes) == 3
    row = insertion_row(city, size=5, probes=12)
    assert 0 < row["placed"] <= row["insertions"] == 12
    assert 0.0 < row["p50_ms"] <= row["p99_ms"] <= row["max_ms"]


@pytest.mark.parametrize("iterations", [0, 20])
def test_an_hour_serves_people_within_their_limits(city: Streets, iterations: int) -> None:
    row = hour_row(city, per_h=300, size=12, iterations=iterations, filling_s=300.0, counted_s=900.0)
    assert row["served_share"] > 0.8
    assert 0.0 < row["wait_s"] < row["wait_s.p95"] <= MAX_WAIT_S
    assert row["ride_s"] > row["direct_s"]
    assert (row["cpu_s"]["search"] > 0.0) == (iterations > 0)
    assert row["cpu_share"] == pytest.approx(sum(row["cpu_s"].values()) / 900.0, abs=2e-5)


def test_the_bars_bind_together() -> None:
    insertions: list[dict[str, Any]] = [{"p99_ms": 1.0}, {"p99_ms": 9.0}]
    hours = [{"cpu_share": s, "requests_per_h": n, "iterations_per_step": 0} for n, s in ((1e3, 0.001), (1e4, 0.1))]
    done = result(insertions, hours, {})
    assert done["passed"]
    assert (done["p99_ms"], done["cpu_share"], done["growth"]) == (9.0, 0.1, {"0": 2.0})
    assert not result([{"p99_ms": 11.0}], hours, {})["passed"]
    assert not result(insertions, [*hours, hours[0] | {"cpu_share": 0.11}], {})["passed"]
    assert growth(hours[:1]) == {}
