"""Free-flow ways of one vehicle class, from a few edges to all others."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import dijkstra

from sim.demand.draws import Floats, Integers
from sim.network.graph import EdgeGraph


class Ways:
    """The fastest ways from some edges, by positions in the graph."""

    def __init__(self, graph: EdgeGraph, origins: Sequence[int], *, vclass: str) -> None:
        turns = graph.turn_costs(graph.time_s, vclass)
        self._row = {origin: row for row, origin in enumerate(sorted(set(origins)))}
        self._time_s: Floats
        self._before: NDArray[np.int32]
        self._time_s, self._before = dijkstra(turns, indices=np.array(list(self._row)), return_predecessors=True)

    def seconds(self, origin: int, target: int) -> float:
        """Return the time from the end of an edge to the end of another; inf where there is no way."""
        return float(self._time_s[self._row[origin], target])

    def path(self, origin: int, target: int) -> Integers:
        """Return the edges of a way that exists, both ends included."""
        before, path = self._before[self._row[origin]], [target]
        while path[-1] != origin:
            path.append(int(before[path[-1]]))
        return np.array(path[::-1], dtype=np.int64)


def fastest(ways: Ways, origins: Sequence[int], targets: Sequence[int]) -> Integers | None:
    """Return the fastest way between two sets of edges; None where there is none."""
    best = min(((ways.seconds(*ends), ends) for ends in product(origins, targets)), default=(np.inf, (0, 0)))
    return ways.path(*best[1]) if np.isfinite(best[0]) else None
