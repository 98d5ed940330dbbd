"""Signal plans of a built net: protected left turns, and corridors with one cycle and a green wave."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from sim.errors import NetworkError
from sim.network.crossings import WALK_S, Crossing, read_crossings, stages, time_crossings
from sim.network.polyline import distance_m
from sim.network.survey import SignalPlan, Tables

LEFTS = frozenset("lLt")
"""SUMO's letters of left and partly left turns and U-turns."""
LOGIC = re.compile(r"<tlLogic .*?</tlLogic>", re.DOTALL)
CONNECTION = re.compile(r"<connection [^>]*?tl=[^>]*?/>")


def retime(net_xml: str, tables: Tables) -> str:
    """Return a net with its signal plans reworked.

    Left turns with a lane of their own go in their own phase alone, as is the rule in Korea; people cross beside the
    vehicles that do not cross them. The junctions of the table of signal plans run a fixed cycle; the others stay
    actuated, as netconvert makes them.

    Raises
    ------
    NetworkError
        A junction of the table has no signal, or its cycle is too short for its phases.
    """
    links: defaultdict[str, list[ET.Element]] = defaultdict(list)
    for text in CONNECTION.findall(net_xml):
        link = ET.fromstring(text)  # noqa: S314 (netconvert's own output)
        links[link.attrib["tl"]].append(link)
    plans = {plan.junction: plan for plan in tables.signal_plans}
    if missing := sorted(set(plans) - set(links)):
        msg = f"signal_plans.csv: junction {missing[0]}: found no signal there, allowed: {', '.join(sorted(links))}"
        raise NetworkError(msg)
    arrivals_s = _arrivals_s(tables)
    walks = read_crossings(net_xml)

    def reworked(found: re.Match[str]) -> str:
        logic = ET.fromstring(found.group())  # noqa: S314 (netconvert's own output)
        key = logic.attrib["id"]
        vehicles = [link for link in links[key] if link.attrib["to"] not in walks]
        crossings = [
            Crossing(int(link.attrib["linkIndex"]), *walks[link.attrib["to"]])
            for link in links[key]
            if link.attrib["to"] in walks
        ]
        _protect_lefts(logic, vehicles)
        if crossings:
            time_crossings(logic, vehicles, crossings)
        if key in plans:
            _fix_cycle(logic, vehicles, plans[key], arrivals_s[key])
        return ET.tostring(logic, encoding="unicode").strip()

    return LOGIC.sub(reworked, net_xml)


def _arrivals_s(tables: Tables) -> dict[str, float]:
    """Return when a platoon that leaves a corridor's first junction at 0 reaches each; they stand nearly in line."""
    arrivals: dict[str, float] = {}
    last: dict[str, SignalPlan] = {}
    for plan in tables.signal_plans:
        before = last.get(plan.corridor)
        if before is None:
            arrivals[plan.junction] = 0.0
        else:
            ends = (tables.junctions[one.junction].lonlat for one in (before, plan))
            arrivals[plan.junction] = arrivals[before.junction] + distance_m(*ends) / (plan.speed_kmh / 3.6)
        last[plan.corridor] = plan
    return arrivals


def _protect_lefts(logic: ET.Element, links: Sequence[ET.Element]) -> None:
    """Turn the minor green of left turns into red where a lane is theirs alone and they have a green of their own."""
    turns: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for link in links:
        turns[link.attrib["from"], link.attrib["fromLane"]].add(link.attrib["dir"])
    phases = logic.findall("phase")
    for link in links:
        index = int(link.attrib["linkIndex"])
        column = [phase.attrib["state"][index] for phase in phases]
        alone = turns[link.attrib["from"], link.attrib["fromLane"]] <= LEFTS
        if not (alone and "g" in column and "G" in column):
            continue
        column = ["r" if light == "g" else light for light in column]
        for number, light in enumerate(column):
            if light == "y" and column[number - 1] == "r":
                column[number] = "r"
        for phase, light in zip(phases, column, strict=True):
            state = phase.attrib["state"]
            phase.attrib["state"] = state[:index] + light + state[index + 1 :]


def _fix_cycle(logic: ET.Element, links: Sequence[ET.Element], plan: SignalPlan, arrival_s: float) -> None:
    """Give a fixed cycle its greens and shift it so that the corridor's green begins when its platoon comes."""
    found = stages(logic, links)
    greens = [number for number, stage in enumerate(found) if _is_green(stage[0].attrib["state"])]
    lost_s = sum(_lasts_s(stage) for number, stage in enumerate(found) if number not in greens)
    if len(plan.greens_s) != len(greens) or sum(plan.greens_s) + lost_s != plan.cycle_s:
        msg = (
            f"signal_plans.csv: junction {plan.junction}: found greens_s {plan.greens_s}, allowed: {len(greens)} "
            f"of together {plan.cycle_s - lost_s} s (the cycle without {lost_s} s of yellow and red)"
        )
        raise NetworkError(msg)
    main = _main_stage(found, greens, links, plan)
    for number, green_s in zip(greens, plan.greens_s, strict=True):
        first, clear_s = found[number][0], _lasts_s(found[number][1:])
        if clear_s and green_s < WALK_S + clear_s:
            where = f"signal_plans.csv: junction {plan.junction}"
            msg = f"{where}: found greens_s {green_s}, allowed: {WALK_S + clear_s} s or more, for people cross"
            raise NetworkError(msg)
        first.attrib["duration"] = str(green_s - clear_s)
    for phase in logic.findall("phase"):
        phase.attrib.pop("minDur", None)
        phase.attrib.pop("maxDur", None)
    before_s = sum(_lasts_s(stage) for stage in found[:main])
    logic.attrib |= {"type": "static", "offset": str(round(arrival_s - before_s) % plan.cycle_s)}


def _lasts_s(phases: Sequence[ET.Element]) -> int:
    return sum(round(float(phase.attrib["duration"])) for phase in phases)


def _is_green(state: str) -> bool:
    return "y" not in state and bool({"G", "g"} & set(state))


def _main_stage(
    found: Sequence[Sequence[ET.Element]], greens: Sequence[int], links: Sequence[ET.Element], plan: SignalPlan
) -> int:
    """Return the stage in which most lanes go from one road of the corridor to the other."""
    along = [
        int(link.attrib["linkIndex"])
        for link in links
        if {link.attrib["from"][:-1], link.attrib["to"][:-1]} == set(plan.roads)
    ]
    served: Mapping[int, int] = {n: sum(found[n][0].attrib["state"][index] == "G" for index in along) for n in greens}
    if not any(served.values()):
        msg = f"signal_plans.csv: junction {plan.junction}: found no green from one to the other of {plan.roads}"
        raise NetworkError(msg)
    return max(greens, key=lambda number: (served[number], -number))
