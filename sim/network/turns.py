"""Lane-to-lane connections at signals, and the bearings they follow from."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from sim.network.polyline import LonLat, bearing_deg, distance_m, rounded
from sim.network.survey import Road, SignalTurn, Tables

THROUGH_DEG = 45.0
"""A movement that bends less is a through movement."""
REVERSAL_DEG = 150.0
"""Arms that meet more sharply than this are no turn a driver makes; the U-turn on the own road stays."""
MEASURE_M = 40.0
"""An arm's bearing is taken this far from the junction: nearer points are drawn too coarsely."""
JUNCTION_RADIUS_M = 20.0
"""Bends of a road this near to its junctions lie within them."""
SHARP_DEG = 50.0
CORNER_CUT_M = 40.0
"""The survey draws a curve as one corner; cut at this distance a corner of 100 degrees becomes a curve for lorries."""
VIEW_M = 30.0
"""How far before a right turn that gives way its drivers see the others: the turns have lanes and islands of their
own. With SUMO's 4.5 m all brake for nobody, and the one at R1 carries 1,330 veh/h instead of 1,700."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A road at a junction with the bearing on which it leaves, degrees clockwise from north.

    Of a one-way road either the inbound or the outbound edge is empty.
    """

    road: Road
    bearing_deg: float
    inbound: str
    outbound: str


def road_points(road: Road, tables: Tables) -> tuple[LonLat, ...]:
    """Return a road's line from junction to junction without bends inside the junctions.

    The survey's lines follow bus paths, some of which have a vertex a few metres from a junction: netconvert
    makes loops of those. The line of a one-way road is drawn whole.
    """
    if road.oneway and road.via:
        return road.via
    start, end = tables.junctions[road.start].lonlat, tables.junctions[road.end].lonlat
    bends = [p for p in road.via if min(distance_m(p, start), distance_m(p, end)) > JUNCTION_RADIUS_M]
    return rounded((start, *bends, end), limit_deg=SHARP_DEG, cut_m=CORNER_CUT_M)


def arms(junction: str, tables: Tables) -> list[Arm]:
    """Return the arms of a junction in the order of the tables."""
    found = []
    for road in tables.roads.values():
        points = road_points(road, tables)
        back = "" if road.oneway else f"{road.id}-"
        if road.start == junction:
            found.append(Arm(road, bearing_deg(points, MEASURE_M), back, f"{road.id}+"))
        elif road.end == junction:
            found.append(Arm(road, bearing_deg(points[::-1], MEASURE_M), f"{road.id}+", back))
    return found


def bend_deg(inbound: Arm, outbound: Arm) -> float:
    """Return by how much a movement bends, clockwise (to the right) positive, -180 to 180."""
    return (outbound.bearing_deg - inbound.bearing_deg) % 360.0 - 180.0


def connect(root: ET.Element, junction: str, tables: Tables) -> None:
    """Add the connections of a signalled junction to a `connections` document.

    Right turns run outside the signal, giving way, as the law allows in Korea; on approaches of three lanes with
    a left turn the leftmost lane is for that and U-turns alone. A movement that the table `signal_turns` names
    runs as it says instead.
    """
    all_arms = arms(junction, tables)
    for inbound in (arm for arm in all_arms if arm.inbound):
        for outbound, turns in _movements(inbound, all_arms):
            named = [t for t in tables.signal_turns if (t.start, t.end) == (inbound.inbound, outbound.outbound)]
            for turn in named or turns:
                add_turn(root, turn)


def add_turn(root: ET.Element, turn: SignalTurn) -> None:
    """Add one lane's movement to a `connections` document."""
    cells = {
        "from": turn.start,
        "to": turn.end,
        "fromLane": str(turn.start_lane),
        "toLane": str(turn.end_lane),
    }
    if not turn.signal:
        cells |= {"uncontrolled": "true", "visibility": f"{VIEW_M:g}"}
    ET.SubElement(root, "connection", cells)


def _movements(inbound: Arm, all_arms: list[Arm]) -> list[tuple[Arm, list[SignalTurn]]]:
    """Return where an approach leads, with the lanes: through, the turns, the U-turn.

    Nobody leaves a motor road by one ramp to enter it by the next.
    """
    lanes = inbound.road.lanes
    targets = [a for a in all_arms if a.outbound and a is not inbound and not (a.road.oneway and inbound.road.oneway)]
    through = _through(inbound, targets)
    others = [a for a in targets if a is not through and abs(bend_deg(inbound, a)) < REVERSAL_DEG]
    lefts = [arm for arm in others if bend_deg(inbound, arm) < 0]
    found = []
    if through is not None:
        kept = lanes - 1 if lefts and lanes >= 3 else lanes
        pairs = [(lane, lane) for lane in range(min(kept, through.road.lanes))]
        found.append((through, _turns(inbound, through, pairs, signal=True)))
    for arm in others:
        rights = len(others) > len(lefts)
        pairs = _left_lanes(inbound, arm, through, rights=rights) if arm in lefts else [(0, 0)]
        found.append((arm, _turns(inbound, arm, pairs, signal=bend_deg(inbound, arm) <= THROUGH_DEG)))
    if inbound.outbound:
        found.append((inbound, _turns(inbound, inbound, [(lanes - 1, lanes - 1)], signal=True)))
    return found


def _turns(inbound: Arm, outbound: Arm, pairs: list[tuple[int, int]], *, signal: bool) -> list[SignalTurn]:
    return [SignalTurn(inbound.inbound, outbound.outbound, start, end, signal) for start, end in pairs]


def _left_lanes(inbound: Arm, outbound: Arm, through: Arm | None, *, rights: bool) -> list[tuple[int, int]]:
    """Return the lanes of a left turn: the leftmost; two of three where nobody turns right; most at a stem."""
    lanes, targets = inbound.road.lanes, outbound.road.lanes
    beside_through = 2 if lanes >= 3 and not rights else 1
    at_stem = max(lanes - 1, 1) if rights else lanes
    count = at_stem if through is None else beside_through
    return [(lanes - 1 - number, targets - 1 - number) for number in range(min(count, targets))]


def _through(inbound: Arm, targets: list[Arm]) -> Arm | None:
    """Return the arm that goes on from another: the widest of those straight ahead, then the straightest."""
    ahead = [a for a in targets if abs(bend_deg(inbound, a)) < THROUGH_DEG]
    return min(ahead, key=lambda a: (-a.road.lanes, abs(bend_deg(inbound, a))), default=None)
