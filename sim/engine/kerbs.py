"""Riders at boarding places, where they are picked up and dropped off alike for all services."""

from __future__ import annotations

import dataclasses

from sim.demand.population import Population, Rider
from sim.network.boarding import kerb_m
from sim.network.graph import EdgeGraph


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
