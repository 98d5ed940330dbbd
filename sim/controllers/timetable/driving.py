"""How buses drive from one point to another, and how long that is planned to take."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sim.errors import NetworkError
from sim.network.graph import EdgeGraph, FloatArray
from sim.network.walking import Place


@dataclass(frozen=True, slots=True)
class Way:
    """Edges from the first to the last place, both included, and the planned time."""

    edges: tuple[str, ...]
    time_s: float


@dataclass(frozen=True, slots=True)
class Driving:
    """Quickest ways of a bus by free flow; `factor` turns free flow into the morning's running time."""

    graph: EdgeGraph
    max_speed_mps: float
    factor: float
    _ways: dict[tuple[Place, Place], Way] = field(default_factory=dict)

    def way(self, start: Place, end: Place) -> Way:
        """Return the way between two places; raises `NetworkError` where a bus finds none."""
        if (start, end) not in self._ways:
            edges = self._edges(start, end)
            self._ways[start, end] = Way(edges, self.factor * self._free_flow_s(edges, start, end))
        return self._ways[start, end]

    def _edges(self, start: Place, end: Place) -> tuple[str, ...]:
        graph = self.graph
        if start.edge != end.edge or end.pos_m >= start.pos_m:
            return tuple(graph.shortest_path(start.edge, end.edge, vclass="bus"))
        loops = []
        for turn in np.flatnonzero((graph.turn_from == graph.position(start.edge)) & graph.turn_permits["bus"]):
            following = graph.ids[int(graph.turn_to[turn])]
            loops.append((start.edge, *graph.shortest_path(following, end.edge, vclass="bus")))
        if not loops:
            msg = f"no way for bus from edge {start.edge} round to its own start"
            raise NetworkError(msg)
        return min(loops, key=lambda edges: (self._free_flow_s(edges, start, end), edges))

    def _free_flow_s(self, edges: tuple[str, ...], start: Place, end: Place) -> float:
        times, lengths = self._edge_times(), self.graph.length_m
        positions = [self.graph.index[edge] for edge in edges]
        whole = float(times[positions].sum())
        before = start.pos_m / lengths[positions[0]] * times[positions[0]]
        after = (1 - end.pos_m / lengths[positions[-1]]) * times[positions[-1]]
        return whole - float(before) - float(after)

    def _edge_times(self) -> FloatArray:
        slowest: FloatArray = np.maximum(self.graph.time_s, self.graph.length_m / self.max_speed_mps)
        return slowest
