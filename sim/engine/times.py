"""Travel times learnt from the simulation: measured edge paces on top of a free-flow prior."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cached_property

import numpy as np

from sim.network.graph import EdgeGraph
from sim.world import Floats, TravelTimes

SAMPLE_S = 10.0
REFRESH_S = 60.0  # of the ways to where somebody waits or wants to go
REFRESH_ALL_S = 600.0  # of all ways: they cost ten times as much on 700 edges
MEMORY_S = 600.0  # measurements lose weight with this time constant
PRIOR_VEHICLES = 2.0  # the prior weighs as much as this many vehicles passing
PRIOR_FACTOR = 1.15  # free flow by the speed limit is never reached: signals, acceleration, driver imperfection
SLOWEST_MPS = 0.5


class EdgeTimes:
    """Space-mean pace of every edge: vehicle-seconds spent over vehicle-metres driven.

    Standing vehicles count with their seconds, so the wait at a signal is part of the pace; the mean speed that SUMO
    offers for one step would forget it as soon as the edge is empty. The crossing of the junction behind an edge is no
    part of that and comes on top: on the morning a twentieth of the time that shuttles drive, which plans would lack.
    With `caps_mps`, the speed that vehicles of a kind never exceed on each edge, no edge is faster for them. What is
    never asked for is never worked out.
    """

    def __init__(
        self,
        graph: EdgeGraph,
        *,
        vclass: str,
        time_s: float,
        caps_mps: Floats | None = None,
        refresh_s: float = REFRESH_S,
        refresh_all_s: float = REFRESH_ALL_S,
    ) -> None:
        self._graph = graph
        self._vclass = vclass
        self._refresh_s, self._refresh_all_s = refresh_s, refresh_all_s
        self._least_pace = np.zeros(len(graph.ids)) if caps_mps is None else 1 / np.maximum(caps_mps, SLOWEST_MPS)
        self._crossing_s = graph.crossing_s * PRIOR_FACTOR
        self._prior_s = (graph.time_s - graph.crossing_s) * PRIOR_FACTOR
        self._seconds = np.zeros(len(graph.ids))
        self._metres = np.zeros(len(graph.ids))
        self._sampled_s = self._refreshed_all_s = time_s
        self._current = set(range(len(graph.ids)))
        self._now: TravelTimes | None = None
        self._first = time_s, self._edge_s()

    @property
    def travel_times(self) -> TravelTimes:
        """The travel times as of the last refresh."""
        if self._now is None:
            time_s, edge_s = self._first
            self._now = self._travel_times(time_s, edge_s, self._graph.matrix(edge_s, self._vclass))
        return self._now

    @cached_property
    def _leg_m(self) -> Floats:
        return self._graph.matrix(self._graph.travel_m, self._vclass)

    def sample(self, time_s: float, counts: list[int], speeds_mps: list[float]) -> None:
        """Take the vehicles and mean speeds of all edges in the last step."""
        elapsed = time_s - self._sampled_s
        self._sampled_s = time_s
        fade = np.exp(-elapsed / MEMORY_S)
        count = np.asarray(counts, dtype=np.float64)
        self._seconds = self._seconds * fade + count * elapsed
        self._metres = self._metres * fade + count * np.asarray(speeds_mps) * elapsed

    def refresh(self, time_s: float, places: AbstractSet[int]) -> None:
        """Bring the travel times up to date when it is time: those to the edges `places` more often than all."""
        if time_s - self.travel_times.refreshed_s < self._refresh_s:
            return
        edge_s = self._edge_s()
        if time_s - self._refreshed_all_s >= self._refresh_all_s:
            self._refreshed_all_s, self._current = time_s, set(range(len(edge_s)))
            self._now = self._travel_times(time_s, edge_s, self._graph.matrix(edge_s, self._vclass))
        else:
            self._current = set()
            self._now = self._travel_times(time_s, edge_s, self.travel_times.leg_s)
            self.cover(places)

    def cover(self, places: AbstractSet[int]) -> None:
        """Bring the ways to more edges up to the last refresh."""
        added = sorted(places - self._current)
        if not added:
            return
        self._current.update(added)
        now = self.travel_times
        leg_s = now.leg_s.copy()
        leg_s[:, added] = self._graph.matrix(now.edge_s, self._vclass, targets=np.array(added, dtype=np.int64))
        self._now = replace(now, leg_s=leg_s)

    def _edge_s(self) -> Floats:
        length = self._graph.length_m
        pace = (self._seconds + PRIOR_VEHICLES * self._prior_s) / (self._metres + PRIOR_VEHICLES * length)
        edge_s: Floats = np.clip(pace, self._least_pace, 1 / SLOWEST_MPS) * length + self._crossing_s
        return edge_s

    def _travel_times(self, time_s: float, edge_s: Floats, leg_s: Floats) -> TravelTimes:
        return TravelTimes(time_s, edge_s=edge_s, leg_s=leg_s, length_m=self._graph.length_m, leg_m=self._leg_m)
