"""The benchmark of freight: its orders, and how it judges."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.consignments import CENTRES, MAKERS, PLANT, draw_orders
from benchmarks.logistics import compare_arrivals, exponent, is_better, means, result
from benchmarks.replay import Drive
from sim.orders_file import OrderRow


def drive(*stops: tuple[str, float]) -> Drive:
    made = tuple({"parkingArea": place, "started": f"{at_s:.2f}"} for place, at_s in stops)
    return Drive("freight.trucks", 0.0, "1.00", ("a",), (1.0,), made)


def test_orders_are_valid_and_follow_from_the_seed_alone() -> None:
    rows = draw_orders(400, np.random.default_rng(1))
    read = [OrderRow.model_validate(row) for row in rows]
    assert rows == draw_orders(400, np.random.default_rng(1))
    assert rows != draw_orders(400, np.random.default_rng(2))
    assert len({row.id for row in read}) == 400
    assert {row.origin for row in read} == set(MAKERS)
    assert {row.destination for row in read} == {PLANT, *CENTRES}
    assert sum(row.destination == PLANT for row in read) == pytest.approx(300, abs=40)
    assert max(row.latest_s for row in read) <= 86_400


def test_arrivals_are_compared_stop_by_stop() -> None:
    run = {"t": drive(("depot", 0), ("dock", 100), ("depot", 300)), "u": drive(("depot", 0))}
    assert compare_arrivals(run, run).summary() == {
        "stops": 4, "missed": 0, "off_s_median": 0, "off_s_p99": 0, "off_s_max": 0
    }  # fmt: skip
    other = {"t": drive(("depot", 0), ("dock", 104), ("elsewhere", 300))}
    assert compare_arrivals(run, other).summary() == {
        "stops": 4, "missed": 2, "off_s_median": 4, "off_s_p99": 4, "off_s_max": 4
    }  # fmt: skip


@pytest.mark.parametrize(("power", "cost"), [(1.0, lambda n: 3 * n), (2.0, lambda n: n * n), (0.0, lambda _: 5)])
def test_the_exponent_is_that_of_a_power_law(power: float, cost: object) -> None:
    sizes = [400, 800, 1600, 3200]
    assert callable(cost)
    assert exponent(sizes, [cost(size) for size in sizes]) == pytest.approx(power)


def test_means_are_taken_figure_by_figure() -> None:
    assert means([{"otif": 0.5, "km": 1.0}, {"otif": 0.9, "km": 2.0}]) == {"otif": 0.7, "km": 1.5}


@pytest.mark.parametrize(
    ("otif", "empty", "better"), [(0.9, 0.4, True), (0.9, 0.5, False), (0.8, 0.4, False), (0.7, 0.6, False)]
)
def test_rolling_has_to_be_better_in_both(otif: float, empty: float, better: bool) -> None:  # noqa: FBT001
    greedy = {"otif": 0.8, "freight_empty_ratio": 0.5}
    assert is_better(greedy=greedy, rolling={"otif": otif, "freight_empty_ratio": empty}) is better


def test_a_bar_that_is_missed_fails_the_benchmark_and_parts_left_out_have_none() -> None:
    assert result({"overhead": {"passed": True}, "controllers": {"better": True}})["passed"] is True
    assert result({"overhead": {"passed": False}})["passed"] is False
    assert result({"controllers": {"better": False}})["passed"] is False
    assert result({"growth": {}})["bars_met"] == {}
