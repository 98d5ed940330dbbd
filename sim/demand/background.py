"""Background traffic between gateways, already under way when the run begins."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.random import SeedSequence, default_rng

from sim.demand.draws import named_streams, poisson_times
from sim.demand.places import Places, require
from sim.demand.population import BackgroundTrip
from sim.errors import NetworkError, ScenarioError
from sim.scenario import Background, Flow, Scenario

WHERE = "demand.background.flows"
_Trip = tuple[float, int, int, str, str, str]


def background(scenario: Scenario, model: Background, places: Places, seeds: SeedSequence) -> list[BackgroundTrip]:
    """Return the trips of all flows through the whole run, drain included, with Poisson headways.

    The roads are not empty at `begin_s`: a vehicle that would have left its gateway earlier appears at the
    first edge of its free-flow way that it reaches after `begin_s`, at that moment. So headways stay Poisson,
    nothing piles up in the first second, and no time before `begin_s` has to be simulated.
    """
    trips: list[_Trip] = []
    for number, streams in enumerate(seeds.spawn(len(model.flows))):
        for way, stream in named_streams(streams, ("there", "back")).items():
            if way == "there" or model.both_ways:
                trips += _flow(scenario, model, places, stream, number, back=way == "back")
    return [
        BackgroundTrip(f"bg.{number:05d}", vehicle_class, origin, destination, depart_s)
        for number, (depart_s, _, _, vehicle_class, origin, destination) in enumerate(sorted(trips), start=1)
    ]


def _flow(
    scenario: Scenario, model: Background, places: Places, seeds: SeedSequence, number: int, *, back: bool
) -> list[_Trip]:
    """Return one direction of a flow; the flow's number and the vehicle's keep the order of ties."""
    flow = model.flows[number]
    path = _path(flow, places, f"{WHERE}.{number}", back=back)
    at_edge_s = np.concatenate(([0.0], np.cumsum(places.graph.time_s[path])))
    headways, classes = (default_rng(child) for child in seeds.spawn(2))
    gateway_s = poisson_times(
        headways,
        per_h=flow.vehicles_per_h.value * model.scale,
        profile=model.profile,
        begin_s=scenario.time.begin_s - float(at_edge_s[-1]),
        end_s=scenario.time.horizon_s,
    )
    trucks = classes.random(len(gateway_s)) < flow.truck_share
    first = np.searchsorted(at_edge_s, scenario.time.begin_s - gateway_s)
    ids = [places.graph.ids[edge] for edge in path]
    return [
        (
            float(np.floor(left_s + at_edge_s[edge])),
            2 * number + back,
            row,
            "truck" if truck else "car",
            ids[edge],
            ids[-1],
        )
        for row, (left_s, edge, truck) in enumerate(zip(gateway_s, first, trucks, strict=True))
        if edge < len(path)
    ]


def _path(flow: Flow, places: Places, where: str, *, back: bool) -> list[int]:
    """Return the free-flow way of a flow as positions of edges, the fastest between the two gateways."""
    origin, destination = (flow.destination, flow.origin) if back else (flow.origin, flow.destination)
    gateways, graph = places.network.gateways, places.graph
    require(flow.origin, gateways, where=f"{where}.origin", kind="gateway")
    require(flow.destination, gateways, where=f"{where}.destination", kind="gateway")
    vehicle_class = "truck" if flow.truck_share > 0 else "passenger"
    pairs = product(gateways[origin].entry_edges, gateways[destination].exit_edges)
    try:
        paths = [graph.shortest_path(start, end, vclass=vehicle_class) for start, end in pairs]
    except NetworkError as error:
        msg = f"{where}: gateway {destination} cannot be reached from gateway {origin}: {error}"
        raise ScenarioError(msg) from error
    ways = [[graph.position(edge) for edge in path] for path in paths]
    return min(ways, key=lambda way: (float(graph.time_s[way].sum()), way))
