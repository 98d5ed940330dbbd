"""Crossings at signals: green beside the vehicles that are held or give way, and time enough to get across."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from sim.errors import NetworkError
from sim.network.checks.signals import Phase, crossing_fault
from sim.network.crossings import Crossing, read_crossings, stages, time_crossings

LINKS = (("A+", "C+"), ("A+", "B+"), ("B-", "A-"))


def vehicles() -> list[ET.Element]:
    return [
        ET.Element("connection", {"from": start, "to": end, "linkIndex": str(index)})
        for index, (start, end) in enumerate(LINKS)
    ]


def plan(*phases: tuple[int, str]) -> ET.Element:
    logic = ET.Element("tlLogic", id="J")
    for duration, state in phases:
        ET.SubElement(logic, "phase", duration=str(duration), state=state, minDur="5")
    return logic


def states(logic: ET.Element) -> list[tuple[str, str]]:
    return [(phase.attrib["state"], phase.attrib["duration"]) for phase in logic.iter("phase")]


def test_people_have_time_to_get_across_before_the_yellow_ends() -> None:
    logic = plan((5, "GGrG"), (5, "GGrr"), (4, "yyrr"), (20, "rrGr"), (4, "rryr"))
    time_crossings(logic, vehicles(), [Crossing(3, frozenset({"B+", "D-"}), 19.2)])
    assert states(logic)[:2] == [("GGrG", "7"), ("GGrr", "16")], "19.2 m at 1 m/s, 4 s of them in the yellow"
    assert logic[0].attrib["minDur"] == "7"
    assert [len(stage) for stage in stages(logic, vehicles())] == [2, 1, 1, 1]


def test_a_stage_of_people_alone_gives_way_to_green_beside_vehicles() -> None:
    logic = plan((30, "Ggrr"), (4, "yyrr"), (9, "rrGr"), (4, "rryr"), (5, "rrrG"), (5, "rrrr"))
    time_crossings(logic, vehicles(), [Crossing(3, frozenset({"B+", "B-"}), 6.4)])
    assert states(logic) == [("GgrG", "30"), ("Ggrr", "5"), ("yyrr", "4"), ("rrGr", "9"), ("rryr", "4")]


def test_a_crossing_that_no_stage_can_serve_is_refused() -> None:
    logic = plan((30, "GGrr"), (4, "yyrr"), (9, "rrGr"), (4, "rryr"))
    with pytest.raises(NetworkError, match=r"crossings\.csv: junction J: crossing of B\+ and B-: found no stage"):
        time_crossings(logic, vehicles(), [Crossing(3, frozenset({"B+", "B-"}), 6.4)])


def test_crossings_are_read_with_edges_and_length() -> None:
    net = """<edge id=":J_c0" function="crossing" crossingEdges="A+ A-">
        <lane id=":J_c0_0" index="0" allow="pedestrian" speed="2.78" length="12.80" width="4.00"/></edge>"""
    assert read_crossings(net) == {":J_c0": (frozenset({"A+", "A-"}), 12.8)}


@pytest.mark.parametrize(
    ("walk_s", "clear_s", "fault"),
    [(7, 6, ""), (6, 6, "green for 6 s, at least 7 s"), (7, 5, "9 s to clear 9.6 m, at least 10 s")],
)
def test_the_check_finds_greens_too_short(walk_s: int, clear_s: int, fault: str) -> None:
    phases = [Phase("GrG", walk_s), Phase("Grr", clear_s), Phase("yrr", 4), Phase("rGr", 20), Phase("ryr", 4)]
    assert crossing_fault(phases, 2, 9.6) == fault


def test_the_check_finds_a_crossing_without_green() -> None:
    assert crossing_fault([Phase("Gr", 30), Phase("yr", 4)], 1, 6.4) == "never green"
