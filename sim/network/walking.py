"""Walking times as SUMO's intermodal router walks them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple
from xml.etree import ElementTree as ET

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from sim.network.catalog import Network
from sim.network.graph import EdgeGraph, FloatArray


class Place(NamedTuple):
    """A point on the network: metre `pos_m` of `edge`."""

    edge: str
    pos_m: float


@dataclass(frozen=True, slots=True)
class _Access:
    """A way on foot from a stop to an edge it does not stand on: the kerb on the other side of the road."""

    stop: str
    place: Place
    length_m: float


def walking_distances(network: Network, graph: EdgeGraph, stops: Sequence[str], places: Sequence[Place]) -> FloatArray:
    """Return the metres on foot between stops and places, alike in both directions.

    Pedestrians walk both ways along every road that permits them. As in SUMO's intermodal network without
    pavements, the two directions of a road are joined at junctions and where a stop has an `<access>`.

    Returns
    -------
    Shape (stops, places), inf where there is no way.
    """
    walks = _Walks(network, graph)
    targets = [walks.node(place) for place in places]
    found = dijkstra(walks.matrix(), directed=False, indices=[walks.stops[stop] for stop in stops])
    distances: FloatArray = found[:, targets]
    return distances


class _Walks:
    """The graph on foot: junctions, stops, and every place asked for, chained along the edges."""

    def __init__(self, network: Network, graph: EdgeGraph) -> None:
        self._graph = graph
        self._permitted = graph.permits["pedestrian"]
        self._links: list[tuple[int, int, float]] = []
        self._points: dict[str, list[tuple[float, int]]] = {}
        self._size = 0
        self._add_edges(network)
        self.stops = {}
        for stop, kerb in sorted(network.stops.items()):
            self.stops[stop] = self.node(Place(kerb.edge, (kerb.start_m + kerb.end_m) / 2))
        for access in _accesses(network):
            self._links.append((self.stops[access.stop], self.node(access.place), access.length_m))

    def _add_edges(self, network: Network) -> None:
        junctions: dict[str, int] = {}
        for edge in ET.parse(network.net_file).getroot().iter("edge"):  # noqa: S314 (our own build)
            if "from" in edge.attrib and edge.attrib["id"] in self._graph.index:
                ends = [junctions.setdefault(edge.attrib[key], len(junctions)) for key in ("from", "to")]
                length_m = float(self._graph.length_m[self._graph.index[edge.attrib["id"]]])
                self._points[edge.attrib["id"]] = [(0.0, ends[0]), (length_m, ends[1])]
        self._size = len(junctions)

    def node(self, place: Place) -> int:
        """Return the node of a place, new unless something lies there already."""
        chain = self._points[place.edge]
        at = bisect_left(chain, (place.pos_m, 0))
        if at < len(chain) and chain[at][0] == place.pos_m:
            return chain[at][1]
        insort(chain, (place.pos_m, self._size))
        self._size += 1
        return self._size - 1

    def matrix(self) -> coo_array[np.float64]:
        links = [*self._links, *self._along()]
        rows, columns, metres = (np.array(column) for column in zip(*links, strict=True))
        # scipy drops zeros and adds up twins: keep the shortest link of each pair, and none of length 0
        order = np.lexsort((metres, columns, rows))
        rows, columns, metres = rows[order], columns[order], np.maximum(metres[order], 1e-6)
        first = np.append(True, (np.diff(rows) != 0) | (np.diff(columns) != 0))
        return coo_array((metres[first], (rows[first], columns[first])), shape=(self._size, self._size))

    def _along(self) -> Iterable[tuple[int, int, float]]:
        for edge, chain in self._points.items():
            if self._permitted[self._graph.index[edge]]:
                for (start_m, start), (end_m, end) in pairwise(chain):
                    yield min(start, end), max(start, end), end_m - start_m


def _accesses(network: Network) -> list[_Access]:
    found = []
    for path in network.additional_files:
        for stop in ET.parse(path).getroot().iter("busStop"):  # noqa: S314 (our own build)
            for access in stop.iter("access"):
                edge = access.attrib["lane"].rpartition("_")[0]
                place = Place(edge, float(access.attrib["pos"]))
                found.append(_Access(stop.attrib["id"], place, float(access.attrib["length"])))
    return found
