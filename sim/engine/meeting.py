"""Meeting points: the bus stops that riders may walk to, in place of being fetched at the door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.demand.population import Rider
from sim.network.boarding import kerb_m
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.network.walking import Place, walking_distances
from sim.scenario import RequestLimits
from sim.world import BoardingPoint, Location


@dataclass(frozen=True, slots=True)
class Meeting:
    """Where a rider may board and alight, nearest first."""

    boarding: tuple[BoardingPoint, ...] = ()
    alighting: tuple[BoardingPoint, ...] = ()


def meeting_points(
    riders: Sequence[Rider], network: Network, graph: EdgeGraph, limits: RequestLimits
) -> dict[str, Meeting]:
    """Return each rider's meeting points by request, empty for a service from door to door.

    The stops are those that a taxi can reach, as far as `max_walk_m` from the door, at most `most` at each end. Where
    there is none, the rider is met at the door.
    """
    model = limits.meeting_points
    if model is None or not riders:
        return {}
    drives = graph.reachable("taxi")
    stops = [name for name, stop in sorted(network.stops.items()) if drives[graph.position(stop.edge)]]
    doors = sorted(
        {Place(rider.origin_edge, rider.origin_pos_m) for rider in riders}
        | {Place(rider.destination_edge, rider.destination_pos_m) for rider in riders}
    )
    walks_m = walking_distances(network, graph, stops, doors)
    places = [_kerb(network, graph, stop) for stop in stops]

    def nearest(door: Place) -> tuple[BoardingPoint, ...]:
        column = walks_m[:, doors.index(door)]
        order = np.lexsort((np.arange(len(stops)), column))
        chosen = [index for index in order[: model.most].tolist() if column[index] <= model.max_walk_m]
        points = [BoardingPoint(places[index], float(column[index]) / limits.walk_speed_mps) for index in chosen]
        return tuple(points) or (BoardingPoint(Location(graph.position(door.edge), door.pos_m), 0.0),)

    near = {door: nearest(door) for door in doors}
    return {
        rider.request_id: Meeting(
            near[Place(rider.origin_edge, rider.origin_pos_m)],
            near[Place(rider.destination_edge, rider.destination_pos_m)],
        )
        for rider in riders
    }


def _kerb(network: Network, graph: EdgeGraph, stop: str) -> Location:
    """Return the boarding place of a stop, one of those that SUMO keeps apart."""
    kerb = network.stops[stop]
    edge = graph.position(kerb.edge)
    return Location(edge, kerb_m((kerb.start_m + kerb.end_m) / 2, float(graph.length_m[edge])))
