from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from sim.network.polyline import distance_m
from sim.network.survey import Junction, Road, SignalTurn, Tables
from sim.network.turns import arms, bend_deg, connect, road_points

CENTRE = (126.7, 35.1)
AROUND = {"N": (126.7, 35.11), "E": (126.711, 35.1), "S": (126.7, 35.09), "W": (126.689, 35.1)}


def crossing(lanes: dict[str, int], turns: tuple[SignalTurn, ...] = ()) -> Tables:
    nodes = {key: Junction(key, key, point, "confirmed", "auto") for key, point in {"C": CENTRE, **AROUND}.items()}
    roads = {
        arm: Road(arm, arm, "C", arm, count, 60.0, motor_only=False, status="confirmed", length_m=1000.0, via=())
        for arm, count in lanes.items()
    }
    return Tables(nodes, roads, {}, (), {}, {}, {}, {}, turns)


def connections(tables: Tables) -> dict[tuple[str, str], set[tuple[int, int, bool]]]:
    root = ET.Element("connections")
    connect(root, "C", tables)
    found: dict[tuple[str, str], set[tuple[int, int, bool]]] = {}
    for cell in root:
        key = cell.attrib["from"], cell.attrib["to"]
        lanes = int(cell.attrib["fromLane"]), int(cell.attrib["toLane"]), "uncontrolled" not in cell.attrib
        found.setdefault(key, set()).add(lanes)
    return found


def test_bends_are_signed_clockwise() -> None:
    by_road = {arm.road.id: arm for arm in arms("C", crossing({"N": 1, "E": 1, "S": 1}))}
    assert bend_deg(by_road["S"], by_road["E"]) == pytest.approx(90, abs=1)
    assert bend_deg(by_road["N"], by_road["E"]) == pytest.approx(-90, abs=1)
    assert bend_deg(by_road["S"], by_road["N"]) == pytest.approx(0, abs=1)


def test_three_lane_approach_keeps_its_left_lane_for_left_turns() -> None:
    found = connections(crossing({"N": 2, "E": 3, "S": 2, "W": 3}))
    assert found["W+", "E-"] == {(0, 0, True), (1, 1, True)}
    assert found["W+", "N-"] == {(2, 1, True)}
    assert found["W+", "W-"] == {(2, 2, True)}


def test_right_turns_run_outside_the_signal() -> None:
    assert connections(crossing({"N": 2, "E": 3, "S": 2, "W": 3}))["W+", "S-"] == {(0, 0, False)}


def test_two_lanes_turn_left_where_nobody_turns_right() -> None:
    assert connections(crossing({"N": 3, "E": 3, "W": 3}))["W+", "N-"] == {(2, 2, True), (1, 1, True)}


def test_every_lane_of_a_stem_leads_somewhere() -> None:
    found = connections(crossing({"N": 1, "E": 2, "W": 2}))
    assert {lane for (start, _), pairs in found.items() if start == "N+" for lane, _, _ in pairs} == {0}
    assert ("N+", "E-") in found
    assert ("N+", "W-") in found


def test_the_table_of_signal_turns_wins_over_the_rule() -> None:
    turn = SignalTurn("W+", "S-", 0, 1, signal=False)
    found = connections(crossing({"N": 2, "E": 3, "S": 2, "W": 3}, (turn,)))
    assert found["W+", "S-"] == {(0, 1, False)}


def test_bends_inside_a_junction_are_dropped() -> None:
    tables = crossing({"N": 1})
    near, far = (126.7, 35.10005), (126.701, 35.105)
    road = Road("N", "N", "C", "N", 1, 60.0, motor_only=False, status="confirmed", length_m=1100.0, via=(far, near))
    assert road_points(road, tables) == (AROUND["N"], far, CENTRE)


def test_distance_is_in_metres() -> None:
    assert distance_m((126.7, 35.1), (126.7, 35.11)) == pytest.approx(1112, abs=2)
    assert distance_m((126.70, 35.1), (126.71, 35.1)) == pytest.approx(910, abs=2)
