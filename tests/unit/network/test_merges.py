from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from sim.network.merges import connect_lanes
from sim.network.survey import Junction, Road, Tables

POINTS = {"C": (126.7, 35.1), "S": (126.7, 35.09), "N": (126.7, 35.11), "E": (126.703, 35.11), "W": (126.697, 35.11)}


def road(key: str, start: str, end: str, lanes: int, *, oneway: bool = False) -> Road:
    whole = Road(key, start, end, key, lanes, 80.0, motor_only=True, status="schematic", length_m=None, via=())
    return replace(whole, oneway=oneway)


def connections(*roads: Road) -> dict[tuple[str, str], set[tuple[int, int]]]:
    nodes = {key: Junction(key, key, point, "schematic", "merge") for key, point in POINTS.items()}
    tables = Tables(nodes, {road.id: road for road in roads}, {}, (), {}, {}, {}, {}, ())
    root = ET.Element("connections")
    connect_lanes(root, "C", tables)
    found: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for cell in root:
        key = cell.attrib["from"], cell.attrib["to"]
        found.setdefault(key, set()).add((int(cell.attrib["fromLane"]), int(cell.attrib["toLane"])))
    return found


def interchange(ramp_lanes: int) -> dict[tuple[str, str], set[tuple[int, int]]]:
    """Return the connections where a ramp leaves northwards on the right and another joins southwards."""
    off, on = road("off", "C", "E", ramp_lanes, oneway=True), road("on", "W", "C", ramp_lanes, oneway=True)
    return connections(road("wide", "S", "C", 3), road("main", "C", "N", 2), off, on)


def test_the_lane_more_leads_into_the_ramp() -> None:
    found = interchange(1)
    assert found["wide+", "main+"] == {(1, 0), (2, 1)}
    assert found["wide+", "off+"] == {(0, 0)}


def test_the_ramp_joins_on_a_lane_of_its_own() -> None:
    found = interchange(1)
    assert found["main-", "wide-"] == {(0, 1), (1, 2)}
    assert found["on+", "wide-"] == {(0, 0)}


def test_nobody_turns_round_or_from_ramp_to_ramp() -> None:
    assert set(interchange(1)) == {("wide+", "main+"), ("wide+", "off+"), ("main-", "wide-"), ("on+", "wide-")}


def test_one_lane_fans_out_into_a_ramp_of_two() -> None:
    assert interchange(2)["wide+", "off+"] == {(0, 0), (0, 1)}


def test_without_a_lane_more_ramps_share_the_right_lane() -> None:
    off = road("off", "C", "E", 1, oneway=True)
    found = connections(road("before", "S", "C", 2), road("behind", "C", "N", 2), off)
    assert found["before+", "behind+"] == {(0, 0), (1, 1)}
    assert found["before+", "off+"] == {(0, 0)}


@pytest.mark.parametrize(("way", "expected"), [("+", {(1, 0), (2, 1)}), ("-", {(0, 0), (0, 1), (1, 2)})])
def test_a_lane_ends_or_opens_on_the_right(way: str, expected: set[tuple[int, int]]) -> None:
    found = connections(road("wide", "S", "C", 3), road("main", "C", "N", 2))
    key = ("wide+", "main+") if way == "+" else ("main-", "wide-")
    assert found[key] == expected
