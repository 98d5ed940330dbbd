"""Places on the roads of a network, looked up in its areas."""

from __future__ import annotations

import numpy as np
import pytest

from sim.network.areas import Areas
from sim.network.catalog import Area
from sim.network.graph import EdgeGraph


def area(*shape: tuple[float, float]) -> Area:
    return Area(name_ko="구역", name_en="area", kind="housing", site=None, shape=shape, status="assumed")


@pytest.fixture
def areas() -> Areas:
    """A bent edge whose shape is half as long as the edge is, a notched area over its first leg, a square over all."""
    graph = EdgeGraph(
        ids=("a",),
        index={"a": 0},
        length_m=np.array([400.0]),
        travel_m=np.array([400.0]),
        time_s=np.array([40.0]),
        crossing_s=np.zeros(1),
        permits={},
        turn_from=np.zeros(0, np.int64),
        turn_m=np.zeros(0),
        turn_to=np.zeros(0, np.int64),
        turn_permits={},
        shapes=(np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0]]),),
    )
    notched = area((-10, -10), (120, -10), (120, 30), (60, 30), (60, -5), (40, -5), (40, 30), (-10, 30))
    return Areas({"notched": notched, "square": area((0, 0), (100, 0), (100, 100), (0, 100))}, graph)


@pytest.mark.parametrize(
    ("pos_m", "names"),
    [
        (20, {"notched", "square"}),
        (100, {"square"}),  # in the notch
        (180, {"notched", "square"}),
        (250, {"notched", "square"}),
        (400, {"square"}),
    ],
)
def test_a_place_is_held_by_the_areas_that_its_point_on_the_kerb_lane_lies_in(
    areas: Areas, pos_m: float, names: set[str]
) -> None:
    assert areas.holding(0, pos_m) == names
