"""The kerbs of an imported net that something may stand at, found by distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiPolygon, Point, Polygon

from sim.network.graph import EdgeGraph

JUNCTION_GAP_M = 5.0
"""Free kerb between what stands at it and the ends of its edge."""
GATE_EDGE_M = 35.0
"""Shortest edge of a gate: nobody is picked up within 15 m of an edge's ends."""


@dataclass(frozen=True, slots=True)
class Kerb:
    """A place at the kerb lane of an edge."""

    edge: str
    lane: str
    pos_m: float
    length_m: float
    gap_m: float
    point: tuple[float, float]

    def span(self, length_m: float) -> tuple[float, float]:
        """Return a stretch around the place, inside the edge's free kerb."""
        half = min(length_m, self.length_m - 2 * JUNCTION_GAP_M) / 2
        middle = min(max(self.pos_m, JUNCTION_GAP_M + half), self.length_m - JUNCTION_GAP_M - half)
        return round(middle - half, 2), round(middle + half, 2)


class Kerbs:
    """The edges that cars and taxis can reach from one another, by distance."""

    def __init__(self, graph: EdgeGraph) -> None:
        usable = graph.reachable("passenger") & graph.reachable("taxi")
        self._graph = graph
        self._rows = np.flatnonzero(usable)
        self._on_foot = graph.permits["pedestrian"][self._rows]
        self._lorries = graph.reachable("truck")[self._rows]
        self._lines = np.array([LineString(graph.shapes[row]) for row in self._rows], dtype=np.object_)
        self._tree = shapely.STRtree(self._lines)

    def near(
        self,
        shape: Point | Polygon | MultiPolygon,
        reach_m: float,
        shortest_m: float,
        *,
        on_foot: bool = True,
        lorries: bool = False,
    ) -> list[Kerb]:
        """Return the kerbs within reach, nearest first, on edges of some length that people or lorries can get to."""
        found = self._tree.query(shape, predicate="dwithin", distance=reach_m)
        long_enough = self._graph.length_m[self._rows[found]] >= shortest_m
        found = found[long_enough & (self._on_foot | (not on_foot))[found] & (self._lorries | (not lorries))[found]]
        lines = self._lines[found]
        feet = shapely.get_point(shapely.shortest_line(lines, shape), 0)
        # as a share, for an edge's length may differ a little from that of its shape
        shares = shapely.line_locate_point(lines, feet, normalized=True)
        kerbs = []
        for row, foot, share, gap_m in zip(
            self._rows[found], feet, shares, shapely.distance(lines, shape), strict=True
        ):
            key, length_m = self._graph.ids[row], float(self._graph.length_m[row])
            point = (float(foot.x), float(foot.y))
            kerbs.append(Kerb(key, f"{key}_0", float(share) * length_m, length_m, float(gap_m), point))
        return sorted(kerbs, key=lambda kerb: (round(kerb.gap_m, 2), kerb.edge))

    def homes(self) -> NDArray[np.int64]:
        """Return the rows of edges that people can live at: open on foot, and long enough to be fetched from."""
        rows = self._rows[self._on_foot]
        homes: NDArray[np.int64] = rows[self._graph.length_m[rows] >= GATE_EDGE_M]
        return homes
