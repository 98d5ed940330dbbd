"""Bus stops on the kerbs of the net, and the way each line drives past them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import sumolib
from numpy.typing import NDArray

from sim.errors import NetworkError
from sim.network.edges import kerb_lane
from sim.network.graph import EdgeGraph, FloatArray
from sim.network.survey import LineStop, StopPlace, Tables

BETWEEN = "line"
"""Anchor of a stop that stands between its neighbours in a line, whatever its surveyed position."""
OFF_NETWORK_M = 60.0
"""A surveyed stop farther from every road than this is reported, and built only if a line calls there."""
SEARCH_M = 400.0
"""How far from its surveyed position such a stop may lie on the road its line drives."""
CLOSED_M = 1e7
"""Metres a motor road counts where calls must fit in between: more than any way has."""
STOP_LENGTH_M = 20.0
JUNCTION_GAP_M = 5.0
"""Free kerb between a stop and the junctions at both ends of its edge."""
NODE_ANCHOR_M = 45.0
"""How far from a junction the stop named after it stands."""


@dataclass(frozen=True, slots=True)
class Kerb:
    """A stop's middle on one edge."""

    place: str
    edge: str
    pos_m: float


@dataclass(frozen=True, slots=True)
class OffNetworkStop:
    """A surveyed stop away from the roads of the network."""

    place: str
    name_ko: str
    distance_m: float
    built: bool


@dataclass(frozen=True, slots=True)
class DrivenLine:
    """A line's kerbs in order and the edges between them."""

    kerbs: tuple[Kerb, ...]
    edges: tuple[str, ...]
    length_m: float


@dataclass(frozen=True, slots=True)
class Placement:
    """All stops and lines on the net."""

    kerbs: dict[str, tuple[Kerb, ...]]
    """Both kerbs of every built stop by place."""
    lines: dict[str, DrivenLine]
    off_network: tuple[OffNetworkStop, ...]


@dataclass(frozen=True, slots=True)
class _Option:
    """A kerb a stop could have, with the extra metres that choosing it counts for."""

    kerb: Kerb
    penalty_m: float = 0.0


def place_stops(tables: Tables, net: sumolib.net.Net, graph: EdgeGraph) -> Placement:
    """Put every stop of the tables on the net and drive every line.

    A surveyed stop goes to the nearest road that pedestrians may use; which of several near roads, and which
    kerb a line uses, follows from the line's shortest way past all its calls. Calls without a position stand
    evenly spaced between their neighbours on the way that avoids motor roads. The first placement of a name
    holds for all lines.
    """
    return _Placer(tables, net, graph).run()


@dataclass(slots=True)
class _Placer:
    tables: Tables
    net: sumolib.net.Net
    graph: EdgeGraph
    placed: dict[str, tuple[Kerb, ...]] = field(default_factory=dict)
    legs_m: dict[bool, FloatArray] = field(default_factory=dict)
    """All-pairs metres, by whether motor roads count as closed."""

    def run(self) -> Placement:
        self.legs_m = {closed: self.graph.matrix(self._weights(closed=closed), "bus") for closed in (False, True)}
        lines = {key: self._drive(key, calls) for key, calls in self.tables.lines.items()}
        called = set(self.placed)
        off = []
        for key, place in self.tables.stop_places.items():
            if place.lonlat is None:
                continue
            gap, road = self._near_roads(place)[0]
            if gap > OFF_NETWORK_M:
                off.append(OffNetworkStop(key, place.name_ko, round(gap, 1), key in called))
            elif key not in called:
                self.placed[key] = self._twins(place, road)
        kerbs = {key: self.placed[key] for key in sorted(self.placed)}
        return Placement(kerbs=kerbs, lines=lines, off_network=tuple(off))

    def _drive(self, key: str, calls: Sequence[LineStop]) -> DrivenLine:
        options = {number: found for number, call in enumerate(calls) if (found := self._options(call.place))}
        if {0, len(calls) - 1} - set(options):
            msg = f"lines.csv: line {key}: found an end without position, allowed: a stop with lon/lat or anchor"
            raise NetworkError(msg)
        kerbs = self._shortest_way(key, options)
        for kerb in kerbs.values():
            road = kerb.edge[:-1]
            self.placed.setdefault(kerb.place, self._twins(self.tables.stop_places[kerb.place], road))
        edges = [kerbs[0].edge]
        length_m = 0.0
        for first, last in itertools.pairwise(sorted(kerbs)):
            way = self._way(kerbs[first], kerbs[last], closed=last - first > 1)
            names = [call.place for call in calls[first + 1 : last]]
            for number, kerb in enumerate(self._spaced(names, way, kerbs[first], kerbs[last]), first + 1):
                self.placed[kerb.place] = self._mirrored(kerb)
                kerbs[number] = kerb
            edges += way[1:]
            length_m += self._way_m(way, kerbs[first], kerbs[last])
        return DrivenLine(tuple(kerbs[number] for number in sorted(kerbs)), tuple(edges), round(length_m, 1))

    def _options(self, place_id: str) -> list[_Option]:
        """Return where a stop may stand; nothing when only its neighbours in a line tell."""
        if place_id in self.placed:
            return [_Option(kerb) for kerb in self.placed[place_id]]
        place = self.tables.stop_places[place_id]
        if place.anchor == BETWEEN:
            return []
        if place.lonlat is None:
            return [_Option(kerb) for road in self._anchor_roads(place) for kerb in self._twins(place, road)]
        near = self._near_roads(place)
        nearest = near[0][0]
        # a post beside a junction may belong to any of its roads: the line's way tells which
        limit = min(nearest + 15.0, OFF_NETWORK_M) if nearest <= OFF_NETWORK_M else SEARCH_M
        roads = [(gap, road) for gap, road in near if gap <= limit or place.anchor]
        return [_Option(kerb, 2.0 * gap) for gap, road in roads for kerb in self._twins(place, road)]

    def _anchor_roads(self, place: StopPlace) -> list[str]:
        if place.anchor in self.tables.roads:
            return [place.anchor]
        roads = self.tables.roads.values()
        return [r.id for r in roads if place.anchor in (r.start, r.end) and place.anchor and not r.motor_only]

    def _near_roads(self, place: StopPlace) -> list[tuple[float, str]]:
        """Return distance and id of the roads open to pedestrians, nearest first; of the anchor if it is a road."""
        if place.lonlat is None:
            return []
        x, y = self.net.convertLonLat2XY(*place.lonlat)
        roads = [road.id for road in self.tables.roads.values() if not road.motor_only]
        anchored = [place.anchor] if place.anchor in roads else roads
        return sorted((self._project(road, x, y)[1], road) for road in anchored)

    def _twins(self, place: StopPlace, road: str) -> tuple[Kerb, ...]:
        """Return both kerbs of a stop on a road, each beside the post that stands on its side."""
        return self._kerb_at(place, f"{road}+"), self._kerb_at(place, f"{road}-")

    def _kerb_at(self, place: StopPlace, edge: str) -> Kerb:
        road = edge[:-1]
        if place.lonlat is None:
            start = self.tables.roads[road].start
            at_start = NODE_ANCHOR_M / max(self._length(f"{road}+"), 2 * NODE_ANCHOR_M)
            share = 0.5 if place.anchor == road else at_start if place.anchor == start else 1.0 - at_start
            return self._kerb(place.id, edge, share)
        posts = [row.lonlat for row in self.tables.stops if row.place == place.id]
        points = [
            self.net.convertLonLat2XY(*post) for post in (posts if posts and not place.anchor else [place.lonlat])
        ]
        shape = kerb_lane(self.net.getEdge(edge)).getShape()
        nearest = min(points, key=lambda point: sumolib.geomhelper.distancePointToPolygon(point, shape))
        return self._kerb(place.id, edge, self._project(road, *nearest)[0])

    def _mirrored(self, kerb: Kerb) -> tuple[Kerb, ...]:
        road, side = kerb.edge[:-1], kerb.edge[-1]
        share = kerb.pos_m / self._length(kerb.edge)
        share = share if side == "+" else 1.0 - share
        twin = self._kerb(kerb.place, f"{road}{'-' if side == '+' else '+'}", share)
        return (kerb, twin) if side == "+" else (twin, kerb)

    def _kerb(self, place: str, edge: str, share: float) -> Kerb:
        """Return the kerb at a share of the road, counted from the road's start, clear of the junctions."""
        length = self._length(edge)
        pos = length * (share if edge.endswith("+") else 1.0 - share)
        clear = min(JUNCTION_GAP_M + STOP_LENGTH_M / 2, length / 2)
        return Kerb(place, edge, round(min(max(pos, clear), length - clear), 2))

    def _shortest_way(self, key: str, options: dict[int, list[_Option]]) -> dict[int, Kerb]:
        """Return one kerb per call such that the whole line is shortest."""
        numbers = sorted(options)
        cost = np.array([option.penalty_m for option in options[numbers[0]]])
        choices: list[NDArray[np.intp]] = []
        for first, last in itertools.pairwise(numbers):
            closed = last - first > 1
            gaps = [[self._gap_m(a.kerb, b.kerb, closed=closed) for b in options[last]] for a in options[first]]
            total = cost[:, np.newaxis] + np.array(gaps) + [b.penalty_m for b in options[last]]
            choices.append(total.argmin(axis=0))
            cost = total.min(axis=0)
        if not np.isfinite(cost.min()):
            msg = f"lines.csv: line {key}: no way for a bus past all its stops"
            raise NetworkError(msg)
        choice = int(cost.argmin())
        chosen = {numbers[-1]: options[numbers[-1]][choice].kerb}
        for number, before in zip(reversed(numbers[:-1]), reversed(choices), strict=True):
            choice = int(before[choice])
            chosen[number] = options[number][choice].kerb
        return chosen

    def _weights(self, *, closed: bool) -> FloatArray:
        weights = self.graph.travel_m.copy()
        if closed:
            weights[~self.graph.permits["pedestrian"]] = CLOSED_M
        return weights

    def _gap_m(self, a: Kerb, b: Kerb, *, closed: bool) -> float:
        if a.edge == b.edge and b.pos_m >= a.pos_m:
            return b.pos_m - a.pos_m
        leg = float(self.legs_m[closed][self.graph.position(a.edge), self.graph.position(b.edge)])
        return self._length(a.edge) - a.pos_m + leg + b.pos_m if leg < CLOSED_M else np.inf

    def _way(self, a: Kerb, b: Kerb, *, closed: bool) -> list[str]:
        if a.edge == b.edge and b.pos_m >= a.pos_m:
            return [a.edge]
        return self.graph.shortest_path(a.edge, b.edge, edge_weights=self._weights(closed=closed), vclass="bus")

    def _way_m(self, way: Sequence[str], a: Kerb, b: Kerb) -> float:
        lengths = [float(self.graph.travel_m[self.graph.position(edge)]) for edge in way[:-1]]
        return sum(lengths) - a.pos_m + b.pos_m

    def _spaced(self, names: Sequence[str], way: Sequence[str], a: Kerb, b: Kerb) -> list[Kerb]:
        """Return stops evenly spaced on a way between two others."""
        ends = np.cumsum([self._length(edge) for edge in way])
        span = float(ends[-1]) - self._length(b.edge) + b.pos_m - a.pos_m
        kerbs = []
        for number, name in enumerate(names, 1):
            along = a.pos_m + span * number / (len(names) + 1)
            position = int(np.searchsorted(ends, along))
            edge = way[position]
            pos = along - float(ends[position]) + self._length(edge)
            share = pos / self._length(edge)
            kerbs.append(self._kerb(name, edge, share if edge.endswith("+") else 1.0 - share))
        return kerbs

    def _project(self, road: str, x: float, y: float) -> tuple[float, float]:
        """Return how far along a road a point lies, as a share, and its distance from the centre line."""
        shape = self.net.getEdge(f"{road}+").getRawShape()
        offset, gap = sumolib.geomhelper.polygonOffsetAndDistanceToPoint((x, y), shape)
        return min(offset / sumolib.geomhelper.polyLength(shape), 1.0), gap

    def _length(self, edge: str) -> float:
        return float(self.graph.length_m[self.graph.position(edge)])
