from __future__ import annotations

import math

import pytest

from sim.network.polyline import bearing_deg, bend_at_deg, distance_m, line_m, point_along, rounded

CORNER = (126.70, 35.10)
SOUTH, EAST = (126.70, 35.09), (126.711, 35.10)


def test_bearings_count_clockwise_from_north() -> None:
    assert bearing_deg((CORNER, EAST), math.inf) == pytest.approx(90, abs=0.5)
    assert bearing_deg((CORNER, SOUTH), math.inf) == pytest.approx(180)
    assert bend_at_deg(SOUTH, CORNER, EAST) == pytest.approx(90, abs=0.5)
    assert bend_at_deg(EAST, CORNER, SOUTH) == pytest.approx(-90, abs=0.5)


def test_a_point_along_a_line_or_its_end() -> None:
    line = (SOUTH, CORNER, EAST)
    assert distance_m(point_along(line, line_m((SOUTH, CORNER)) + 100), CORNER) == pytest.approx(100, abs=0.1)
    assert point_along(line, 1e6) == EAST


def test_a_sharp_corner_gives_way_to_two_half_as_sharp() -> None:
    start, first, second, end = rounded((SOUTH, CORNER, EAST), limit_deg=50, cut_m=40)
    assert (start, end) == (SOUTH, EAST)
    assert distance_m(first, CORNER) == pytest.approx(40, abs=0.1)
    assert bend_at_deg(start, first, second) == pytest.approx(45, abs=0.5)
    assert bend_at_deg(first, second, end) == pytest.approx(45, abs=0.5)


def test_gentle_bends_and_straight_lines_stay() -> None:
    bend = (SOUTH, CORNER, (126.703, 35.11))
    assert rounded(bend, limit_deg=50, cut_m=40) == bend
    assert rounded((SOUTH, EAST), limit_deg=50, cut_m=40) == (SOUTH, EAST)


def test_corners_near_one_another_do_not_overlap() -> None:
    near = (CORNER[0], CORNER[1] + 0.0003)
    line = rounded((SOUTH, CORNER, near, EAST), limit_deg=20, cut_m=40)
    assert line_m(line) <= line_m((SOUTH, CORNER, near, EAST))
