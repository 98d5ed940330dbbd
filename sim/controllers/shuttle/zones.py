"""Zones of a network: a square grid over its edges, with a waiting place in each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sim.network.boarding import kerb_m
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.world import Location

LEAST_M = 40.0
"""Edges that are shorter are no waiting places, unless a zone has no other."""


@dataclass(frozen=True, slots=True, eq=False)
class Zones:
    """The zone of each edge, -1 for edges that no shuttle comes back from, and the place to wait at in each zone."""

    of_edge: NDArray[np.int64]
    waiting: tuple[Location, ...]

    @classmethod
    def of(cls, network: Network, graph: EdgeGraph, *, cell_m: float) -> Self:
        """Cut a network into squares; an edge belongs to the one that the middle of it lies in."""
        middle = np.array([shape.mean(axis=0) for shape in graph.shapes]).reshape(-1, 2)
        edges = np.flatnonzero(graph.reachable("taxi"))
        cells = np.floor(middle[edges] / cell_m).astype(np.int64)
        _, number = np.unique(cells, axis=0, return_inverse=True)
        of_edge = np.full(len(graph.ids), -1, np.int64)
        of_edge[edges] = number.ravel()
        stops = _stops(network, graph)
        return cls(of_edge, tuple(_waiting(zone, of_edge, middle, stops, graph) for zone in range(number.max() + 1)))

    def __len__(self) -> int:
        return len(self.waiting)

    def count(self, places: Iterable[Location]) -> NDArray[np.int64]:
        """Return how many of these places lie in each zone."""
        zone = self.of_edge[np.array([place.edge for place in places], np.int64)]
        return np.bincount(zone[zone >= 0], minlength=len(self))


def _stops(network: Network, graph: EdgeGraph) -> dict[int, float]:
    """Return the boarding place at a stop for each edge that has one."""
    found: dict[int, float] = {}
    for _, stop in sorted(network.stops.items()):
        edge = graph.index.get(stop.edge)
        if edge is not None:
            found.setdefault(edge, kerb_m((stop.start_m + stop.end_m) / 2, float(graph.length_m[edge])))
    return found


def _waiting(
    zone: int, of_edge: NDArray[np.int64], middle: NDArray[np.float64], stops: dict[int, float], graph: EdgeGraph
) -> Location:
    """Return the waiting place of a zone: at the stop nearest to its middle, else on the edge nearest to it."""
    edges = np.flatnonzero(of_edge == zone)
    off_m = np.hypot(*(middle[edges] - middle[edges].mean(axis=0)).T)
    served = np.array([int(edge) in stops for edge in edges])
    short = graph.length_m[edges] < LEAST_M
    edge = int(edges[np.lexsort((edges, off_m, short, ~served))[0]])
    length_m = float(graph.length_m[edge])
    return Location(edge, stops.get(edge, kerb_m(length_m / 2, length_m)))
