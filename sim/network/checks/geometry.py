"""Shapes: lengths against the survey, short edges, kinks, and what lies over what."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import shapely
import sumolib

from sim.network.checks.record import Check, judged, skipped
from sim.network.checks.subject import Subject
from sim.network.edges import Edge, edge_line, edges_by_id, lane_line, layer_of, road_of, status_of
from sim.network.sheets import STATUSES

LENGTH_TOLERANCE = 0.05
SHORTEST_EDGE_M = 8.0
"""About one car with its gap: shorter, a lorry blocks both ends."""
KINK_DEG = 60.0
KINK_WITHIN_M = 30.0
OVERLAP_M2 = 5.0
"""Two lanes that cross share 7 m²; carriageways side by side share slivers where their lines were rounded."""
CLOSED_KINDS = frozenset({"plant_hall", "test_track"})
LONGEST_BRIDGE_M = 3000.0
"""A longer road is not a bridge but one whose bridge was not cut out of it."""
MERGE_M = 40.0
"""Where two roads join at a narrow angle their lanes overlap up to this far from the junction."""


def geometry_checks(subject: Subject) -> Iterator[Check]:
    """Yield the checks of shapes."""
    edges = edges_by_id(subject.net)
    yield _lengths(subject, edges)
    yield _short_edges(subject, edges)
    yield _kinks(subject, edges)
    yield _levels(subject, edges)
    yield _crossings_at_junctions(subject)
    yield _closed_ground(subject, edges)
    yield _status_shares(subject, edges)


def _lengths(subject: Subject, edges: Sequence[Edge]) -> Check:
    """Compare each road of the survey, the sum of its pieces, with its surveyed length."""
    name = f"road lengths within {LENGTH_TOLERANCE:.0%} of the survey"
    if subject.tables is None:
        return skipped(name, "no survey tables")
    built: defaultdict[tuple[str, str], float] = defaultdict(float)
    surveyed: defaultdict[tuple[str, str], float] = defaultdict(float)
    for edge in edges:
        road = subject.tables.roads.get(road_of(edge))
        if road is not None and road.length_m:
            key = edge.getParam("survey_id") or road.id, edge.getID()[-1]
            built[key] += sumolib.geomhelper.polyLength(edge.getRawShape())
            surveyed[key] += road.length_m
    shares = sorted(((built[key] / surveyed[key] - 1, key) for key in surveyed), key=lambda item: -abs(item[0]))
    far = [f"{road}{side}: {share:+.1%} of {surveyed[road, side]:.0f} m" for share, (road, side) in shares[:5]]
    ok = abs(shares[0][0]) <= LENGTH_TOLERANCE
    figure = f"worst {shares[0][0]:+.1%} of {len(shares)} directions of roads"
    return judged(name, figure, ok=ok, detail=far)


def _short_edges(subject: Subject, edges: Sequence[Edge]) -> Check:
    short = sorted((edge.getLength(), edge.getID()) for edge in edges)
    faults = [f"{edge}: {length:.1f} m" for length, edge in short if length < SHORTEST_EDGE_M]
    figure = f"shortest {short[0][1]}, {short[0][0]:.1f} m; {len(faults)} shorter than {SHORTEST_EDGE_M:.0f} m"
    return judged("no edge too short", figure, ok=not faults, detail=faults, ours=subject.surveyed)


def _kinks(subject: Subject, edges: Sequence[Edge]) -> Check:
    round_edges = {edge for roundabout in subject.net.getRoundabouts() for edge in roundabout.getEdges()}
    bends = [(sharpest_bend_deg(e.getRawShape()), e.getID()) for e in edges if e.getID() not in round_edges]
    bends.sort(reverse=True)
    faults = [f"{edge}: {bend:.0f} degrees" for bend, edge in bends if bend > KINK_DEG]
    figure = f"sharpest {bends[0][1]}, {bends[0][0]:.0f} degrees within {KINK_WITHIN_M:.0f} m; {len(faults)} too sharp"
    return judged("no kink inside an edge", figure, ok=not faults, detail=faults, ours=subject.surveyed)


def sharpest_bend_deg(shape: Sequence[tuple[float, ...]]) -> float:
    """Return the largest change of heading between two vertices of a line at most `KINK_WITHIN_M` apart."""
    points = [a for a, b in pairwise(shape) if math.dist(a[:2], b[:2]) > 0.05] + [shape[-1]]
    headings = [math.atan2(b[1] - a[1], b[0] - a[0]) for a, b in pairwise(points)]
    turns = [math.degrees(math.remainder(b - a, math.tau)) for a, b in pairwise(headings)]
    at_m = np.cumsum([math.dist(a[:2], b[:2]) for a, b in pairwise(points)])[:-1]
    worst = 0.0
    for first, start_m in enumerate(at_m):
        last = int(np.searchsorted(at_m, start_m + KINK_WITHIN_M, side="right"))
        worst = max(worst, *(abs(value) for value in np.cumsum(turns[first:last])))
    return worst


def _levels(subject: Subject, edges: Sequence[Edge]) -> Check:
    """Check that carriageways lie over one another only at different levels."""
    by_id = {edge.getID(): edge for edge in edges}
    faults = []
    for (a, b), area in sorted(_overlaps(edges).items(), key=lambda item: -item[1]):
        if area > OVERLAP_M2 and layer_of(by_id[a]) == layer_of(by_id[b]):
            faults.append(f"{a} and {b}: {area:.0f} m² on one level {layer_of(by_id[a])}")
    bridges = [edge for edge in edges if layer_of(edge) > 0]
    endless = [edge for edge in bridges if edge.getLength() > LONGEST_BRIDGE_M]
    faults += [f"{edge.getID()}: {edge.getLength():.0f} m above the ground" for edge in endless]
    figure = f"{len(faults) - len(endless)} overlaps on one level; {len(bridges)} edges above the ground"
    return judged(
        "roads cross at a junction or on two levels", figure, ok=not faults, detail=faults, ours=subject.surveyed
    )


def _overlaps(edges: Sequence[Edge]) -> dict[tuple[str, str], float]:
    """Return the common ground of each pair of edges of two roads, m², but for the merge at a common junction."""
    lanes = [lane for edge in edges for lane in edge.getLanes()]
    owner = [lane.getEdge() for lane in lanes]
    lines = np.array([lane_line(lane) for lane in lanes])
    half_m = np.array([lane.getWidth() / 2 - 0.25 for lane in lanes])
    strips = shapely.buffer(lines, np.maximum(half_m, 0.1), cap_style="flat")
    first, second = shapely.STRtree(strips).query(strips, predicate="intersects")
    areas: defaultdict[tuple[str, str], float] = defaultdict(float)
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        if i < j and road_of(owner[i]) != road_of(owner[j]):
            common = strips[i].intersection(strips[j])
            for node in _common_nodes(owner[i], owner[j]):
                common = common.difference(shapely.Point(node.getCoord()[:2]).buffer(MERGE_M))
            if common.area:
                first_id, second_id = sorted((owner[i].getID(), owner[j].getID()))
                areas[first_id, second_id] += common.area
    return areas


def _common_nodes(a: Edge, b: Edge) -> list[sumolib.net.node.Node]:
    return [node for node in (a.getFromNode(), a.getToNode()) if node in (b.getFromNode(), b.getToNode())]


def _crossings_at_junctions(subject: Subject) -> Check:
    """Check that no junction lies where one road passes over another: arms of two levels must not alternate."""
    faults = []
    for node in sorted(subject.net.getNodes(), key=lambda node: str(node.getID())):
        arms = _arms(node)
        levels = sorted({layer for _, layer in arms})
        faults += [
            f"{node.getID()}: levels {a} and {b}" for a in levels for b in levels if a < b and _alternate(arms, a, b)
        ]
    figure = f"{len(faults)} of {len(subject.net.getNodes())} junctions"
    return judged("no junction where levels cross", figure, ok=not faults, detail=faults)


def _arms(node: sumolib.net.node.Node) -> list[tuple[float, int]]:
    """Return bearing and level of each road at a junction, by bearing."""
    arms: dict[str, tuple[float, int]] = {}
    x, y = node.getCoord()[:2]
    for edge, at in [(e, 1) for e in node.getOutgoing()] + [(e, -2) for e in node.getIncoming()]:
        if not edge.getFunction():
            away = edge.getRawShape()[at]
            arms[road_of(edge)] = math.atan2(away[1] - y, away[0] - x), layer_of(edge)
    return sorted(arms.values())


def _alternate(arms: Sequence[tuple[float, int]], a: int, b: int) -> bool:
    """Whether going round a junction meets levels a, b, a, b: two through roads that cross."""
    ring = [layer for _, layer in arms if layer in (a, b)]
    changes = sum(one != other for one, other in zip(ring, ring[1:] + ring[:1], strict=True))
    return changes >= 4


def _closed_ground(subject: Subject, edges: Sequence[Edge]) -> Check:
    """Check that no road runs over ground that is built on, or through a test track."""
    name = "no road over halls and test tracks"
    closed = {key: shapely.Polygon(a.shape) for key, a in subject.network.areas.items() if a.kind in CLOSED_KINDS}
    if not closed:
        return skipped(name, "no hall or test track in this network")
    lines = [(edge, edge_line(edge)) for edge in edges]
    faults = [
        f"{edge.getID()}: {line.intersection(ground).length:.0f} m over {key}"
        for key, ground in sorted(closed.items())
        for edge, line in lines
        if line.distance(ground) < edge.getLaneNumber() * 3.2
    ]
    return judged(name, f"{len(closed)} areas, {len(faults)} edges over them", ok=not faults, detail=faults)


def _status_shares(subject: Subject, edges: Sequence[Edge]) -> Check:
    lengths = _status_lengths(edges)
    whole = sum(lengths.values())
    shares = [f"{status} {length / whole:.0%}" for status, length in lengths.items()]
    figure = f"{', '.join(shares)} of {whole / 1000:.1f} km"
    overlays = subject.network.overlays
    name = f"share of road length by status, {'planned by ' + ', '.join(overlays) if overlays else 'nothing planned'}"
    return judged(name, figure, ok=("planned" in lengths) == bool(overlays))


def _status_lengths(edges: Sequence[Edge]) -> dict[str, float]:
    """Return the metres of road of each status, surest first; a two-way road counts once."""
    roads: dict[str, tuple[str, float]] = {}
    for edge in edges:
        roads[road_of(edge)] = status_of(edge), sumolib.geomhelper.polyLength(edge.getRawShape())
    lengths: defaultdict[str, float] = defaultdict(float)
    for status, length in roads.values():
        lengths[status] += length
    ranked = [*STATUSES, *sorted(set(lengths) - set(STATUSES))]
    return {status: lengths[status] for status in ranked if status in lengths}
