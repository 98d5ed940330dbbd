"""From streets to roads between junctions: clipped to the box, joined where nothing changes, strongly connected."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components

from sim.network.osm import Box, OsmData
from sim.network.osm_streets import Street, Traits

EARTH_M_PER_DEGREE = 111_320.0
SHORT_M = 12.0
"""Where only traits change, a stretch shorter than this takes those of its neighbour: no vehicle fits on it."""
SIGNAL_REACH_M = 50.0
"""A signal drawn at a stop line belongs to the junction within this distance along the road."""
RIM_M = 100.0
"""A road that ends this near the edge of the box leads out of it."""
FORBIDDEN, ONLY = "no_", "only_"


@dataclass(frozen=True, slots=True)
class Road:
    """A road between two junctions, by rows of nodes; of a one-way road in the order of travel."""

    nodes: tuple[int, ...]
    traits: Traits
    way: int
    """The way its first stretch comes from."""
    last_way: int

    def reversed(self) -> Road:
        """Return the same two-way road from its other end."""
        return Road(self.nodes[::-1], self.traits.reversed(), self.last_way, self.way)


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn restriction at a node: from way to way, forbidden or the only one."""

    from_way: int
    node: int
    to_way: int
    only: bool


@dataclass(slots=True)
class Roads:
    """The roads by id, and what stands at their ends."""

    lon: list[float]
    lat: list[float]
    node_names: dict[int, str] = field(default_factory=dict)
    roads: dict[str, Road] = field(default_factory=dict)
    signals: frozenset[int] = frozenset()
    mapped_signals: int = 0
    """How many signals the file holds inside the box."""
    rim: frozenset[int] = frozenset()
    """Ends of roads that leave the box or the data."""
    turns: tuple[Turn, ...] = ()

    def length_m(self, road: Road) -> float:
        """Return the length along the nodes."""
        return sum(self.gap_m(a, b) for a, b in itertools.pairwise(road.nodes))

    def gap_m(self, a: int, b: int) -> float:
        """Return the straight distance of two nodes."""
        wide = math.cos(math.radians((self.lat[a] + self.lat[b]) / 2))
        east, north = (self.lon[a] - self.lon[b]) * wide, self.lat[a] - self.lat[b]
        return EARTH_M_PER_DEGREE * math.hypot(east, north)


def lay_roads(data: OsmData, streets: Sequence[Street], box: Box | None, left_out: Counter[str]) -> Roads:
    """Cut streets into roads between junctions, and keep those that hang together.

    Parameters
    ----------
    box
        Streets are cut at its edge; without one, nothing is cut.
    left_out
        Gets how many roads are left out because no car can come from them and return.
    """
    laid = Roads(list(data.nodes.lon), list(data.nodes.lat))
    rim: set[int] = set()
    lines = [line for street in streets for line in _inside(data, street, box, laid, rim)]
    signals = {int(row) for row in data.nodes.rows(_signal_ids(data)) if row >= 0}
    roads = _merged(list(_split(lines)), laid)
    roads = [half for road in roads for half in _opened(road)]
    rim |= _near_edge(roads, laid, box)
    kept = _connected(roads, laid, rim, left_out)
    ends = Counter(node for road in kept for node in (road.nodes[0], road.nodes[-1]))
    used = {node for road in kept for node in road.nodes}
    laid.roads = _named(kept)
    laid.mapped_signals = len(signals & used)
    laid.signals = frozenset(_signalled(kept, laid, signals, ends))
    laid.rim = frozenset(node for node in rim if node in ends)
    laid.node_names = _node_names(data, ends)
    laid.turns = tuple(_turns(data, ends))
    return laid


def _inside(data: OsmData, street: Street, box: Box | None, laid: Roads, rim: set[int]) -> Iterator[Road]:
    """Return the parts of a street with known positions inside the box; where it leaves them is the rim."""
    part: list[int] = []
    rows = data.nodes.rows(street.refs).tolist()
    for start, end in itertools.pairwise(rows):
        clipped = _clip(start, end, box, laid) if min(start, end) >= 0 else None
        if clipped is None:
            rim.update(part[-1:] if end < 0 else ())
            rim.update([end] if start < 0 <= end and _holds(end, box, laid) else ())
            yield from _line(part, street, laid)
            part = []
            continue
        head, tail = clipped
        if head != start:
            rim.add(head)
        part += [head, tail] if not part else [tail]
        if tail != end:
            rim.add(tail)
            yield from _line(part, street, laid)
            part = []
    yield from _line(part, street, laid)


def _holds(node: int, box: Box | None, laid: Roads) -> bool:
    if box is None:
        return True
    return box.west <= laid.lon[node] <= box.east and box.south <= laid.lat[node] <= box.north


def _line(part: Sequence[int], street: Street, laid: Roads) -> Iterator[Road]:
    """Return a part as a road unless all its nodes lie on one spot; a node on the spot of the one before goes."""
    nodes = [
        node
        for number, node in enumerate(part)
        if not number or (laid.lon[node], laid.lat[node]) != (laid.lon[part[number - 1]], laid.lat[part[number - 1]])
    ]
    if len(nodes) > 1:
        yield Road(tuple(nodes), street.traits, street.way, street.way)


def _clip(start: int, end: int, box: Box | None, laid: Roads) -> tuple[int, int] | None:
    """Return the ends of what a box leaves of a segment (Liang and Barsky), new nodes on its edge included."""
    if box is None:
        return start, end
    x, y = laid.lon[start], laid.lat[start]
    dx, dy = laid.lon[end] - x, laid.lat[end] - y
    first, last = 0.0, 1.0
    for towards, room in ((-dx, x - box.west), (dx, box.east - x), (-dy, y - box.south), (dy, box.north - y)):
        if towards == 0.0:
            if room < 0.0:
                return None
        elif towards < 0.0:
            first = max(first, room / towards)
        else:
            last = min(last, room / towards)
    if first >= last:
        return None
    return (
        _on_edge(laid, x + first * dx, y + first * dy) if first > 0.0 else start,
        _on_edge(laid, x + last * dx, y + last * dy) if last < 1.0 else end,
    )


def _on_edge(laid: Roads, lon: float, lat: float) -> int:
    laid.lon.append(lon)
    laid.lat.append(lat)
    return len(laid.lon) - 1


def _split(lines: Sequence[Road]) -> Iterator[Road]:
    """Cut lines at every node that more than one line, or one line twice, comes through."""
    arms: Counter[int] = Counter()
    for line in lines:
        arms.update(line.nodes)
        arms.update(line.nodes[1:-1])
    for line in lines:
        cut = 0
        for number in range(1, len(line.nodes)):
            if number == len(line.nodes) - 1 or arms[line.nodes[number]] > 2:
                yield replace(line, nodes=line.nodes[cut : number + 1])
                cut = number


def _merged(pieces: list[Road], laid: Roads) -> list[Road]:
    """Join pieces end to end where only they meet and nothing changes, so that a road runs between junctions."""
    at: defaultdict[int, list[int]] = defaultdict(list)
    roads: dict[int, Road] = dict(enumerate(pieces))
    for number, road in roads.items():
        at[road.nodes[0]].append(number)
        at[road.nodes[-1]].append(number)
    for node in sorted(at):
        if len(at[node]) != 2 or at[node][0] == at[node][1]:
            continue
        a, b = at[node]
        joined = _joined(roads[a], roads[b], node, laid)
        if joined is None:
            continue
        end = roads[b].nodes[0] if roads[b].nodes[-1] == node else roads[b].nodes[-1]
        roads[a] = joined
        del roads[b], at[node]
        at[end][at[end].index(b)] = a
    return list(roads.values())


def _joined(a: Road, b: Road, node: int, laid: Roads) -> Road | None:
    """Return two roads that meet at a node as one, unless traits or directions differ."""
    if b.nodes[-1] == node and a.nodes[0] == node:
        a, b = b, a
    if a.nodes[-1] != node and not a.traits.oneway:
        a = a.reversed()
    if b.nodes[0] != node and not b.traits.oneway:
        b = b.reversed()
    if a.nodes[-1] != node or b.nodes[0] != node:
        return None
    traits = replace(a.traits, guessed=a.traits.guessed and b.traits.guessed)
    if a.traits != b.traits:
        if a.traits.oneway != b.traits.oneway or a.traits.roundabout != b.traits.roundabout:
            return None
        a_m, b_m = laid.length_m(a), laid.length_m(b)
        if min(a_m, b_m) >= SHORT_M:
            return None
        traits = a.traits if a_m >= b_m else b.traits
    return Road(a.nodes + b.nodes[1:], traits, a.way, b.last_way)


def _opened(road: Road) -> Iterator[Road]:
    """Cut a road that returns to its start in two: SUMO has no edge from a junction to itself."""
    if road.nodes[0] != road.nodes[-1]:
        yield road
    elif len(road.nodes) > 3:
        middle = len(road.nodes) // 2
        yield replace(road, nodes=road.nodes[: middle + 1], last_way=road.way)
        yield replace(road, nodes=road.nodes[middle:], way=road.last_way)


def _near_edge(roads: Sequence[Road], laid: Roads, box: Box | None) -> set[int]:
    """Return the dead ends within `RIM_M` of the edge of the box or, without one, of the roads' extent."""
    if not roads:
        return set()
    ends = Counter(node for road in roads for node in (road.nodes[0], road.nodes[-1]))
    dead = np.array(sorted(node for node, arms in ends.items() if arms == 1), dtype=np.int64)
    lon, lat = np.array(laid.lon), np.array(laid.lat)
    used = np.array(sorted({node for road in roads for node in road.nodes}), dtype=np.int64)
    west, south, east, north = box or (lon[used].min(), lat[used].min(), lon[used].max(), lat[used].max())
    high = RIM_M / EARTH_M_PER_DEGREE
    wide = high / math.cos(math.radians((south + north) / 2))
    inner = Box(west + wide, south + high, east - wide, north - high)
    return set(dead[~inner.holds(lon[dead], lat[dead])].tolist()) if len(dead) else set()


def _connected(roads: Sequence[Road], laid: Roads, rim: Collection[int], left_out: Counter[str]) -> list[Road]:
    """Keep the largest part in which every road can be reached from every other, and its ways in and out.

    A one-way road to or from the rim is kept: through traffic comes and goes on it.
    """
    if not roads:
        return []
    number = {node: row for row, node in enumerate(sorted({n for r in roads for n in (r.nodes[0], r.nodes[-1])}))}
    heads = np.array([number[road.nodes[0]] for road in roads])
    tails = np.array([number[road.nodes[-1]] for road in roads])
    twoway = np.array([not road.traits.oneway for road in roads])
    metres = np.array([laid.length_m(road) for road in roads])
    arcs = np.concatenate((heads, tails[twoway])), np.concatenate((tails, heads[twoway]))
    graph = csr_array(coo_array((np.ones(len(arcs[0])), arcs), shape=(len(number), len(number))))
    _, labels = connected_components(graph, directed=True, connection="strong")
    within = labels[heads] == labels[tails]
    if not within.any():
        return []
    core = labels == np.bincount(labels[heads[within]], metres[within], minlength=len(number)).argmax()
    ends = np.zeros(len(number), dtype=np.bool_)
    ends[[number[node] for node in rim if node in number]] = True
    way_in = _reached(graph, ends) & _reached(graph.T.tocsr(), core)
    way_out = _reached(graph, core) & _reached(graph.T.tocsr(), ends)
    kept = (core | way_in)[heads] & (core | way_in)[tails] | (core | way_out)[heads] & (core | way_out)[tails]
    if not kept.all():
        left_out["roads cut off from the rest"] += int((~kept).sum())
    return [road for road, keep in zip(roads, kept, strict=True) if keep]


def _reached(graph: csr_array, starts: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the nodes that can be reached from any start, the starts included."""
    size = len(starts)
    from_source = coo_array((np.ones(starts.sum()), (np.full(starts.sum(), size), np.flatnonzero(starts))),
                            shape=(size + 1, size + 1))  # fmt: skip
    whole = graph.tocoo()
    inner = coo_array((whole.data, whole.coords), shape=(size + 1, size + 1))
    found = np.zeros(size + 1, dtype=np.bool_)
    found[breadth_first_order(csr_array(inner + from_source), size, return_predecessors=False)] = True
    return found[:size]


def _named(roads: Sequence[Road]) -> dict[str, Road]:
    """Return the roads by id: `w` and the way's number; of several roads of a way, a point and a count each."""
    ordered = sorted(roads, key=lambda road: (road.way, road.nodes))
    several = Counter(road.way for road in ordered)
    count: Counter[int] = Counter()
    named = {}
    for road in ordered:
        count[road.way] += 1
        named[f"w{road.way}.{count[road.way]}" if several[road.way] > 1 else f"w{road.way}"] = road
    return named


def _node_names(data: OsmData, ends: Collection[int]) -> dict[int, str]:
    known = len(data.nodes.ids)
    return {node: f"n{data.nodes.ids[node]}" if node < known else f"edge{node - known}" for node in sorted(ends)}


def _signal_ids(data: OsmData) -> list[int]:
    return [point.id for point in data.points if point.tags.get("highway") == "traffic_signals"]


def _signalled(roads: Sequence[Road], laid: Roads, signals: Collection[int], ends: Counter[int]) -> Iterator[int]:
    """Return the junctions with signals: drawn at the junction itself, or at a stop line before it."""
    yield from (node for node in signals if ends[node] > 2)
    for road in roads:
        for number, node in enumerate(road.nodes):
            if node not in signals or ends[node] > 2:
                continue
            ways = [road.nodes[number:]] if road.traits.oneway else [road.nodes[number:], road.nodes[number::-1]]
            gap_m, junction = min(_to_junction(way, laid, ends) for way in ways)
            if gap_m <= SIGNAL_REACH_M:
                yield junction


def _to_junction(nodes: Sequence[int], laid: Roads, ends: Counter[int]) -> tuple[float, int]:
    """Return how far it is along nodes to the first junction, and that junction."""
    gap_m = 0.0
    for before, node in itertools.pairwise(nodes):
        gap_m += laid.gap_m(before, node)
        if ends[node] > 2:
            return gap_m, node
    return math.inf, -1


def _turns(data: OsmData, ends: Collection[int]) -> Iterator[Turn]:
    """Return the turn restrictions with one way in, one node and one way out."""
    for relation in data.relations:
        kind = relation.tags.get("restriction", "")
        by_role = {member.role: member for member in relation.members}
        members = [by_role.get(role) for role in ("from", "via", "to")]
        if not kind.startswith((FORBIDDEN, ONLY)) or len(relation.members) != 3 or None in members:
            continue
        start, via, end = (member for member in members if member is not None)
        node = int(data.nodes.rows([via.ref])[0])
        if (start.kind, via.kind, end.kind) == ("way", "node", "way") and node in ends:
            yield Turn(start.ref, node, end.ref, only=kind.startswith(ONLY))
