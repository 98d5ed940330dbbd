"""Boarding places: where riders are picked up and dropped off, far enough apart for SUMO."""

from __future__ import annotations

import dataclasses

from sim.demand.population import Population, Rider
from sim.network.graph import EdgeGraph

SPACING_M = 20.0
"""SUMO lets a rider board at any stop within 10 m and then waits for this rider for ever at the one that was planned;
stops up to a vehicle's length apart are sometimes merged, sometimes not. Places that are equal or 20 m apart meet
neither (measured with SUMO 1.28)."""


def kerb_m(pos_m: float, length_m: float) -> float:
    """Return the boarding place nearest to a position on an edge, a multiple of 20 m clear of both ends."""
    last = int((length_m - SPACING_M / 2) // SPACING_M)
    if last < 1:
        return length_m / 2
    return min(max(round(pos_m / SPACING_M), 1), last) * SPACING_M


def at_kerbs(population: Population, graph: EdgeGraph) -> Population:
    """Return the population with every rider's origin and destination at a boarding place, alike for all services."""
    return dataclasses.replace(population, riders=tuple(_at_kerbs(rider, graph) for rider in population.riders))


def _at_kerbs(rider: Rider, graph: EdgeGraph) -> Rider:
    def place(edge: str, pos_m: float) -> float:
        return kerb_m(pos_m, float(graph.length_m[graph.position(edge)]))

    return dataclasses.replace(
        rider,
        origin_pos_m=place(rider.origin_edge, rider.origin_pos_m),
        destination_pos_m=place(rider.destination_edge, rider.destination_pos_m),
    )
