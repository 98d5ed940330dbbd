"""Handling times: drawn by seed and name alone, of the mean that the document gives. Gates: reached on the way in."""

from __future__ import annotations

import numpy as np
import pytest

from sim.engine.freight.port import Seen
from sim.engine.freight.sites import GATE_M, Gate, drawn_factor
from sim.network.parking import ParkingArea

AREA = ParkingArea("dock.ggm", "in", "in_0", 60.0, 120.0, 4)


def seen(edge: str, pos_m: float) -> Seen:
    return Seen(edge, f"{edge}_0", pos_m, 8.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize("variation", [0.2, 0.5])
def test_factors_have_mean_one_and_the_given_variation(variation: float) -> None:
    found = np.array([drawn_factor(7, f"ggm+order.{n}", variation) for n in range(4000)])
    assert found.mean() == pytest.approx(1.0, abs=4 * variation / np.sqrt(4000))
    assert found.std() == pytest.approx(variation, rel=0.15)
    assert found.min() > 0


def test_seed_and_name_decide() -> None:
    assert drawn_factor(1, "ggm+a", 0.2) == drawn_factor(1, "ggm+a", 0.2)
    assert len({drawn_factor(seed, name, 0.2) for seed in (1, 2) for name in ("ggm+a", "ggm+b", "cams+a")}) == 6
    assert drawn_factor(1, "ggm+a", 0.0) == 1.0


@pytest.mark.parametrize(
    ("edge", "pos_m", "expected"),
    [
        ("in", 5.0, True),
        ("in", 119.0, True),
        ("in", 121.0, False),  # past it: who leaves a place further on has to come round
        ("before", 300.0 + AREA.start_m - GATE_M, True),
        ("before", 300.0 + AREA.start_m - GATE_M - 1.0, False),
        ("elsewhere", 299.0, False),
    ],
)
def test_a_gate_is_reached_on_the_way_in(edge: str, pos_m: float, *, expected: bool) -> None:
    assert Gate(AREA, {"before": 300.0}).reached(seen(edge, pos_m)) == expected


def test_the_first_of_a_queue_halts_on_the_lane_before_the_places() -> None:
    assert Gate(AREA, {}).halt_m == 58.0
    assert Gate(AREA._replace(start_m=0.5), {}).halt_m == 1.0
