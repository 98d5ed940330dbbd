"""The fleet as it stands before anybody asks."""

from __future__ import annotations

from sim.controllers.base import Inputs, ServiceVehicle
from sim.network.parking import parking_areas


def waiting_fleet(inputs: Inputs) -> tuple[ServiceVehicle, ...]:
    """Return the vehicles of a service that sends them on request: at the depot, or spread over the network.

    Vehicles without a depot start on edges drawn without replacement from those that are long enough and let a taxi
    come back; the draw depends on the run's demand seed alone.
    """
    fleet = inputs.scenario.fleet
    if fleet is None:
        return ()
    begin_s = float(inputs.scenario.time.begin_s)
    if fleet.depot is not None:
        depot = parking_areas(inputs.network)[fleet.depot]
        places = [(depot.edge, depot.end_m)] * fleet.count
    else:
        places = _spread(inputs, fleet.count, fleet.length_m)
    return tuple(
        ServiceVehicle(f"shuttle.{number:02d}", "shuttle", begin_s, edge, pos_m)
        for number, (edge, pos_m) in enumerate(places)
    )


def _spread(inputs: Inputs, count: int, length_m: float) -> list[tuple[str, float]]:
    graph = inputs.graph
    wide = graph.length_m > 2 * length_m
    edges = [edge for edge, fits in zip(graph.ids, graph.reachable("taxi") & wide, strict=True) if fits]
    chosen = inputs.rng.choice(len(edges), size=count, replace=count > len(edges))
    return [(edges[i], float(graph.length_m[graph.index[edges[i]]]) / 2) for i in chosen]
