"""Travel times learnt from the simulation: measured edge paces on top of a free-flow prior."""

from __future__ import annotations

import numpy as np

from sim.network.graph import EdgeGraph
from sim.world import Floats, TravelTimes

SAMPLE_S = 10.0
REFRESH_S = 60.0
MEMORY_S = 600.0  # measurements lose weight with this time constant
PRIOR_VEHICLES = 2.0  # the prior weighs as much as this many vehicles passing
PRIOR_FACTOR = 1.15  # free flow by the speed limit is never reached: signals, acceleration, driver imperfection
SLOWEST_MPS = 0.5


class EdgeTimes:
    """Space-mean pace of every edge: vehicle-seconds spent over vehicle-metres driven.

    Standing vehicles count with their seconds, so the wait at a signal is part of the pace; the mean speed that SUMO
    offers for one step would forget it as soon as the edge is empty.
    """

    def __init__(self, graph: EdgeGraph, *, vclass: str, time_s: float) -> None:
        self._graph = graph
        self._vclass = vclass
        self._prior_s = graph.time_s * PRIOR_FACTOR
        self._seconds = np.zeros(len(graph.ids))
        self._metres = np.zeros(len(graph.ids))
        self._leg_m = graph.matrix(graph.travel_m, vclass)
        self._sampled_s = time_s
        self.travel_times = self._refresh(time_s)

    def sample(self, time_s: float, counts: list[int], speeds_mps: list[float]) -> None:
        """Take the vehicles and mean speeds of all edges in the last step; refresh when it is time."""
        elapsed = time_s - self._sampled_s
        self._sampled_s = time_s
        fade = np.exp(-elapsed / MEMORY_S)
        count = np.asarray(counts, dtype=np.float64)
        self._seconds = self._seconds * fade + count * elapsed
        self._metres = self._metres * fade + count * np.asarray(speeds_mps) * elapsed
        if time_s - self.travel_times.refreshed_s >= REFRESH_S:
            self.travel_times = self._refresh(time_s)

    def _refresh(self, time_s: float) -> TravelTimes:
        length = self._graph.length_m
        weight = PRIOR_VEHICLES * length
        pace = (self._seconds + PRIOR_VEHICLES * self._prior_s) / (self._metres + weight)
        edge_s: Floats = np.minimum(pace, 1 / SLOWEST_MPS) * length
        return TravelTimes(
            refreshed_s=time_s,
            edge_s=edge_s,
            leg_s=self._graph.matrix(edge_s, self._vclass),
            length_m=length,
            leg_m=self._leg_m,
        )
