"""Crossings at the signals of a built net: when people walk, and how long they have to get across."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.etree import ElementTree as ET

from sim.errors import NetworkError

WALK_MPS = 1.0
"""Speed on which the police's manual founds the time to clear a crossing."""
WALK_S = 7
"""Shortest green to set out."""
CLEAR_S = 5
"""Shortest time between the end of the green for people and that for the vehicles beside them."""
CROSSING = re.compile(
    r'<edge id="(?P<id>[^"]+)" function="crossing" crossingEdges="(?P<edges>[^"]*)">\s*'
    r'<lane [^>]*?length="(?P<length>[\d.]+)"'
)


@dataclass(frozen=True, slots=True)
class Crossing:
    """A crossing at a signal: its place in the states, the edges it lies across, its length."""

    index: int
    edges: frozenset[str]
    length_m: float


def read_crossings(net_xml: str) -> dict[str, tuple[frozenset[str], float]]:
    """Return the crossed edges and the length of every crossing of a net."""
    return {
        found["id"]: (frozenset(found["edges"].split()), float(found["length"])) for found in CROSSING.finditer(net_xml)
    }


def time_crossings(logic: ET.Element, vehicles: Sequence[ET.Element], crossings: Sequence[Crossing]) -> None:
    """Let people cross beside vehicles that do not cross them or give way, never in a stage of their own.

    A stage for people alone, as netconvert adds for crossings beside turns that run past the signal, would cost R19
    a fifth of its cycle. A stage with people begins with `WALK_S` of green for them at least, and their red comes early
    enough for who has just set out to get across before the yellow of the vehicles ends.

    Raises
    ------
    NetworkError
        At no time are the vehicles across a crossing held.
    """
    _drop_stages_of_people(logic, vehicles)
    for crossing in crossings:
        if not any(phase.attrib["state"][crossing.index] == "G" for phase in logic.findall("phase")):
            _serve(logic, vehicles, crossing)
    for stage, following in _followed(stages(logic, vehicles)):
        crossed = [one.length_m for one in crossings if stage[0].attrib["state"][one.index] == "G"]
        if crossed:
            clearance = _clearance(logic, vehicles, stage)
            yellow_s = float(following[0].attrib["duration"]) if "y" in following[0].attrib["state"] else 0.0
            clear_s = max(math.ceil(max(crossed) / WALK_MPS - yellow_s), CLEAR_S)
            stage[0].attrib |= {
                key: str(max(round(float(stage[0].attrib[key])), WALK_S))
                for key in ("duration", "minDur")
                if key in stage[0].attrib
            }
            clearance.attrib["duration"] = str(clear_s)


def stages(logic: ET.Element, vehicles: Sequence[ET.Element]) -> list[list[ET.Element]]:
    """Return the phases, those together in which vehicles see the same."""
    return [list(stage) for _, stage in groupby(logic.findall("phase"), key=lambda phase: _seen(phase, vehicles))]


def _seen(phase: ET.Element, vehicles: Sequence[ET.Element]) -> str:
    return "".join(phase.attrib["state"][int(link.attrib["linkIndex"])] for link in vehicles)


def _followed(found: list[list[ET.Element]]) -> Iterator[tuple[list[ET.Element], list[ET.Element]]]:
    return zip(found, found[1:] + found[:1], strict=True)


def _drop_stages_of_people(logic: ET.Element, vehicles: Sequence[ET.Element]) -> None:
    """Remove the phases in which people alone have green, and the clearance behind each."""
    phases = logic.findall("phase")
    for number, phase in enumerate(phases):
        if "G" in phase.attrib["state"] and set(_seen(phase, vehicles)) == {"r"}:
            logic.remove(phase)
            logic.remove(phases[(number + 1) % len(phases)])


def _serve(logic: ET.Element, vehicles: Sequence[ET.Element], crossing: Crossing) -> None:
    """Give a crossing the green of the longest stage in which nobody with right of way crosses it."""
    fitting = [stage for stage in stages(logic, vehicles) if _fits(stage[0], vehicles, crossing)]
    if not fitting:
        where = f"junction {logic.attrib['id']}: crossing of {' and '.join(sorted(crossing.edges))}"
        msg = f"crossings.csv: {where}: found no stage that holds its vehicles, allowed: rows for those that have one"
        raise NetworkError(msg)
    stage = max(fitting, key=lambda phases: sum(float(phase.attrib["duration"]) for phase in phases))
    _clearance(logic, vehicles, stage)
    state = stage[0].attrib["state"]
    stage[0].attrib["state"] = f"{state[: crossing.index]}G{state[crossing.index + 1 :]}"


def _clearance(logic: ET.Element, vehicles: Sequence[ET.Element], stage: list[ET.Element]) -> ET.Element:
    """Return the phase of a stage in which nobody sets out any more, a new one if it has none."""
    if len(stage) > 1:
        return stage[-1]
    state = ["r"] * len(stage[0].attrib["state"])
    for link in vehicles:
        index = int(link.attrib["linkIndex"])
        state[index] = stage[0].attrib["state"][index]
    clearance = ET.Element("phase", duration=str(CLEAR_S), state="".join(state))
    logic.insert(list(logic).index(stage[0]) + 1, clearance)
    return clearance


def _fits(phase: ET.Element, vehicles: Sequence[ET.Element], crossing: Crossing) -> bool:
    seen = _seen(phase, vehicles)
    if "y" in seen or not {"G", "g"} & set(seen):
        return False
    crossed = (not crossing.edges.isdisjoint((link.attrib["from"], link.attrib["to"])) for link in vehicles)
    return not any(light == "G" and across for light, across in zip(seen, crossed, strict=True))
