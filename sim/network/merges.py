"""Lane-to-lane connections where lanes split, join or end without crossing: interchanges and their lanes."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from sim.network.survey import SignalTurn, Tables
from sim.network.turns import Arm, add_turn, arms, bend_deg

AHEAD_DEG = 90.0
"""A movement that bends more is none at a merge: nobody turns round there."""


def connect_lanes(root: ET.Element, junction: str, tables: Tables) -> None:
    """Add the connections of a merge to a `connections` document.

    Ramps (one-way roads) leave and join on the right. Lanes that go on are counted from the left: what a road has
    more before the merge leads into the ramp or ends, what it has more behind it comes from the ramp or opens.
    """
    all_arms = arms(junction, tables)
    for inbound in (arm for arm in all_arms if arm.inbound):
        targets = [arm for arm in all_arms if _leads(inbound, arm)]
        for outbound in targets:
            sources = [arm for arm in all_arms if _leads(arm, outbound)]
            for start, end in _lanes(inbound, outbound, sources, targets):
                add_turn(root, SignalTurn(inbound.inbound, outbound.outbound, start, end, signal=True))


def _leads(inbound: Arm, outbound: Arm) -> bool:
    usable = inbound.inbound and outbound.outbound and inbound is not outbound
    return bool(usable) and abs(bend_deg(inbound, outbound)) < AHEAD_DEG


def _lanes(inbound: Arm, outbound: Arm, sources: list[Arm], targets: list[Arm]) -> list[tuple[int, int]]:
    before, behind = inbound.road.lanes, outbound.road.lanes
    if len(sources) > 1 and inbound.road.oneway:
        return _fan(before, max(behind - _main(sources).road.lanes, 1))
    if len(targets) > 1 and outbound.road.oneway:
        return _fan(max(before - _main(targets).road.lanes, 1), behind)
    kept = [(before - 1 - lane, behind - 1 - lane) for lane in range(min(before, behind))]
    opened = [(0, lane) for lane in range(behind - before)] if len(sources) == 1 else []
    return sorted(kept + opened)


def _main(joined: list[Arm]) -> Arm:
    """Return the road that goes on beside a ramp."""
    return min(joined, key=lambda arm: arm.road.oneway)


def _fan(before: int, behind: int) -> list[tuple[int, int]]:
    """Connect lanes from the right; the last of the fewer takes those that are left."""
    return [(min(lane, before - 1), min(lane, behind - 1)) for lane in range(max(before, behind))]
