"""Shortest feasible distances of goods (ISO 14083): of each kind of vehicle by the ways that are open to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sim.network.graph import EdgeGraph, FloatArray
from sim.vehicle_classes import VEHICLE_CLASSES

ON_FOOT = "pedestrian"


class Spot(NamedTuple):
    """Where a vehicle stands, beside which edge at which metre."""

    edge: str
    pos_m: float


class Distances:
    """Distances from spot to spot, whatever permits say: what they close is a detour, and no shortest way.

    Parameters
    ----------
    on_foot_m
        Length of the way on foot.
    """

    def __init__(self, graph: EdgeGraph, *, on_foot_m: Callable[[Spot, Spot], float]) -> None:
        self._graph, self._on_foot_m = graph, on_foot_m
        self._legs_m: dict[tuple[str, str], FloatArray] = {}
        self._walks_m: dict[tuple[Spot, Spot], float] = {}

    def shortest_m(self, vehicle_class: str, start: Spot, end: Spot) -> float:
        """Return the shortest feasible distance for vehicles of a class."""
        like = VEHICLE_CLASSES[vehicle_class].like
        if like == ON_FOOT:
            if (start, end) not in self._walks_m:
                self._walks_m[start, end] = self._on_foot_m(start, end)
            return self._walks_m[start, end]
        if start.edge == end.edge and end.pos_m >= start.pos_m:
            return end.pos_m - start.pos_m
        if (like, start.edge) not in self._legs_m:
            self._legs_m[like, start.edge] = self._graph.legs_m(start.edge, like)
        leg_m = self._legs_m[like, start.edge].item(self._graph.position(end.edge))
        return self._graph.length_m.item(self._graph.position(start.edge)) - start.pos_m + leg_m + end.pos_m
