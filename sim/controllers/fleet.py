"""The fleet as it stands before anybody asks."""

from __future__ import annotations

from sim.controllers.base import Inputs, ServiceVehicle
from sim.fleet_document import Part
from sim.network.parking import parking_areas


def waiting_fleet(inputs: Inputs) -> tuple[ServiceVehicle, ...]:
    """Return the vehicles of a service that sends them on request: at the depot, or spread over the network.

    Vehicles without a depot start on edges drawn without replacement from those that are long enough and let a taxi
    come back; the draw depends on the run's demand seed alone. A vehicle with a duty enters when that begins.
    """
    fleet = inputs.scenario.fleet
    vehicles: list[ServiceVehicle] = []
    for part in fleet.parts if fleet is not None else ():
        vehicles += _vehicles(inputs, part, len(vehicles))
    return tuple(vehicles)


def _vehicles(inputs: Inputs, part: Part, first: int) -> list[ServiceVehicle]:
    begin_s, duties = inputs.scenario.time.begin_s, part.vehicles.duties
    found = []
    for n, (edge, pos_m) in enumerate(_places(inputs, part)):
        duty = n % len(duties) if duties else None
        depart_s = float(begin_s if duty is None else max(begin_s, duties[duty].begin_s))
        name = f"shuttle.{first + n:02d}"
        found.append(ServiceVehicle(name, "shuttle", depart_s, edge, pos_m, group=part.name, duty=duty))
    return found


def _places(inputs: Inputs, part: Part) -> list[tuple[str, float]]:
    if part.vehicles.depot is None:
        return _spread(inputs, part.count, part.vehicles.length_m)
    depot = parking_areas(inputs.network)[part.vehicles.depot]
    return [(depot.edge, depot.end_m)] * part.count


def _spread(inputs: Inputs, count: int, length_m: float) -> list[tuple[str, float]]:
    graph = inputs.graph
    wide = graph.length_m > 2 * length_m
    edges = [edge for edge, fits in zip(graph.ids, graph.reachable("taxi") & wide, strict=True) if fits]
    chosen = inputs.rng.choice(len(edges), size=count, replace=count > len(edges))
    return [(edges[i], float(graph.length_m[graph.index[edges[i]]]) / 2) for i in chosen]
