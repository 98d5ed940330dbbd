from __future__ import annotations

import re
from dataclasses import replace

import pytest

from sim.errors import NetworkError
from sim.network.signals import retime
from sim.network.survey import Junction, SignalPlan, Tables

PHASES = ((30, "GGgr"), (4, "yygr"), (6, "rrGr"), (3, "rryr"), (2, "rrrr"), (30, "rrrG"), (3, "rrry"), (2, "rrrr"))
LINKS = (("W", "E", 0, "s"), ("E", "W", 0, "s"), ("E", "S", 1, "l"), ("S", "W", 0, "l"))
"""From, to, lane, direction of four links: along the corridor, back, a left turn on its own lane, the side street."""
PLAN = SignalPlan("C", "main street", ("W", "E"), 100, (50, 16, 20), 50.0)
ON_THE_WAY = replace(PLAN, junction="D")


def net() -> str:
    phases = "".join(f'<phase duration="{s}" state="{state}" minDur="5" maxDur="50"/>' for s, state in PHASES)
    logics = "".join(f'<tlLogic id="{k}" type="actuated" programID="0" offset="0">{phases}</tlLogic>' for k in "CD")
    links = "".join(
        f'<connection from="{a}+" to="{b}+" fromLane="{lane}" toLane="0" tl="{k}" linkIndex="{i}" dir="{turn}"/>'
        for k in "CD"
        for i, (a, b, lane, turn) in enumerate(LINKS)
    )
    return f"<net>{logics}{links}</net>"


def tables(*plans: SignalPlan) -> Tables:
    nodes = {key: Junction(key, key, (126.7 + east, 35.1), "likely", "yes") for key, east in (("C", 0.0), ("D", 0.01))}
    return Tables(nodes, {}, {}, (), {}, {}, {}, {}, (), signal_plans=plans)


def phases(text: str, junction: str) -> list[tuple[float, str]]:
    logic = re.search(rf'<tlLogic id="{junction}".*?</tlLogic>', text, re.DOTALL)
    assert logic is not None
    return [(float(s), state) for s, state in re.findall(r'duration="(\d+)" state="(\w+)"', logic.group())]


def offset(text: str, junction: str) -> int:
    found = re.search(rf'<tlLogic id="{junction}"[^>]*?offset="(\d+)"', text)
    assert found is not None
    return int(found.group(1))


def test_lefts_of_a_lane_of_their_own_wait_for_their_phase() -> None:
    states = [state for _, state in phases(retime(net(), tables()), "C")]
    assert [state[2] for state in states] == ["r", "r", "G", "y", "r", "r", "r", "r"]
    assert [state[:2] for state in states] == [state[:2] for _, state in PHASES]


def test_lefts_that_share_a_lane_with_through_traffic_keep_their_minor_green() -> None:
    shared = net().replace('fromLane="1"', 'fromLane="0"')
    assert phases(retime(shared, tables()), "C")[0][1] == "GGgr"


def test_signals_without_a_plan_stay_actuated() -> None:
    text = retime(net(), tables(PLAN))
    assert text.count('type="actuated"') == 1
    assert text.count('type="static"') == 1
    assert text.count("minDur") == len(PHASES)


def test_the_cycle_holds_its_greens_and_keeps_its_clearance() -> None:
    found = phases(retime(net(), tables(PLAN)), "C")
    assert [seconds for seconds, _ in found] == [50, 4, 16, 3, 2, 20, 3, 2]


def test_the_green_begins_when_the_platoon_of_the_junction_before_comes() -> None:
    text = retime(net(), tables(PLAN, ON_THE_WAY))
    assert offset(text, "C") == 0
    assert offset(text, "D") == round(909.8 / (50 / 3.6))


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (replace(PLAN, junction="X"), "junction X.*no signal.*C, D"),
        (replace(PLAN, greens_s=(50, 16)), r"junction C.*found greens_s \(50, 16\), allowed: 3 of together 86 s"),
        (replace(PLAN, greens_s=(50, 16, 21)), "allowed: 3 of together 86 s"),
        (replace(PLAN, roads=("W", "N")), "junction C: found no green"),
    ],
)
def test_a_plan_that_does_not_fit_is_named(plan: SignalPlan, message: str) -> None:
    with pytest.raises(NetworkError, match=message):
        retime(net(), tables(plan))
