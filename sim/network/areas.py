"""Which of a network's areas hold a place on its roads."""

from __future__ import annotations

from collections.abc import Mapping

import shapely

from sim.network.catalog import Area
from sim.network.graph import EdgeGraph


class Areas:
    """Looks places up in the areas of a network; each place once."""

    def __init__(self, areas: Mapping[str, Area], graph: EdgeGraph) -> None:
        self._shapes = {name: shapely.Polygon(area.shape) for name, area in sorted(areas.items())}
        self._graph = graph
        self._found: dict[tuple[int, float], frozenset[str]] = {}

    def holding(self, edge: int, pos_m: float) -> frozenset[str]:
        """Return the names of the areas that hold the place so far along the kerb lane of an edge, or border on it.

        Parameters
        ----------
        edge
            Its position in the graph.
        """
        if (edge, pos_m) not in self._found:
            share = pos_m / float(self._graph.length_m[edge])
            # a lane's shape may be drawn longer or shorter than the lane is
            point = shapely.LineString(self._graph.shapes[edge]).interpolate(share, normalized=True)
            names = (name for name, shape in self._shapes.items() if shape.covers(point))
            self._found[edge, pos_m] = frozenset(names)
        return self._found[edge, pos_m]
