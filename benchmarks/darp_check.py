"""An independent judge of solved dial-a-ride instances: plain arithmetic on the file's own figures.

It is told only which places each vehicle visits and when, and shares no code with the solver: distances, windows,
rides, loads, duties and the cost are worked out here from the rows of the instance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.darp_files import Instance, Place

TOLERANCE = 1e-5
"""Slack in comparisons of times, in the instance's unit."""


@dataclass(frozen=True, slots=True)
class Route:
    """What one vehicle does: it leaves the depot, then its dwell at each place begins at a time."""

    leaves: float
    places: Sequence[int]
    begins: Sequence[float]


def distance(a: Place, b: Place) -> float:
    """Return the Euclidean distance, which is also the driving time."""
    return math.sqrt((a.x - b.x) ** 2 + (a.y - b.y) ** 2)


def cost_of(instance: Instance, routes: Sequence[Route]) -> float:
    """Return the total distance of the vehicles that leave the depot."""
    total = 0.0
    for route in routes:
        if route.places:
            way = [instance.places[0], *(instance.places[i] for i in route.places), instance.end]
            total += math.fsum(distance(way[k], way[k + 1]) for k in range(len(way) - 1))
    return total


def faults(instance: Instance, routes: Sequence[Route]) -> list[str]:
    """Return everything that is wrong with a solution."""
    found = []
    used = sum(1 for route in routes if route.places)
    if used > instance.vehicles:
        found.append(f"fleet: {used} routes for {instance.vehicles} vehicles")
    visits = [i for route in routes for i in route.places]
    found.extend(
        f"visits: place {i} is visited {visits.count(i)} times"
        for i in range(1, 2 * instance.requests + 1)
        if visits.count(i) != 1
    )
    for number, route in enumerate(routes):
        if not route.places:
            continue
        strange = [i for i in route.places if not 1 <= i <= 2 * instance.requests]
        if strange or len(route.begins) != len(route.places):
            found.append(f"route {number}: places {strange} do not exist, or times are missing")
            continue
        own = [
            *_broken_times(instance, route),
            *_broken_loads(instance, route),
            *_broken_rides(instance, route),
        ]
        found.extend(f"route {number}: {fault}" for fault in own)
    return found


def _broken_times(instance: Instance, route: Route) -> list[str]:
    found = []
    depot, end = instance.places[0], instance.end
    here, ready = depot, route.leaves
    if route.leaves < depot.earliest - TOLERANCE:
        found.append(f"window: leaves the depot at {route.leaves}, which opens at {depot.earliest}")
    for i, begin in zip(route.places, route.begins, strict=True):
        place = instance.places[i]
        arrival = ready + distance(here, place)
        if begin < arrival - TOLERANCE:
            found.append(f"travel: begins at place {i} at {begin}, before its arrival at {arrival}")
        if not place.earliest - TOLERANCE <= begin <= place.latest + TOLERANCE:
            found.append(f"window: begins at place {i} at {begin}, not in {place.earliest} to {place.latest}")
        here, ready = place, begin + place.service
    back = ready + distance(here, end)
    if back > end.latest + TOLERANCE:
        found.append(f"window: is back at {back}, after the depot closes at {end.latest}")
    if back - route.leaves > instance.duration + TOLERANCE:
        found.append(f"duration: takes {back - route.leaves}, longer than {instance.duration}")
    return found


def _broken_loads(instance: Instance, route: Route) -> list[str]:
    found, load = [], 0
    for i in route.places:
        load += instance.places[i].load
        if load > instance.capacity:
            found.append(f"capacity: carries {load} after place {i}, more than {instance.capacity}")
    return found


def _broken_rides(instance: Instance, route: Route) -> list[str]:
    found = []
    begins = dict(zip(route.places, route.begins, strict=True))
    order = {i: k for k, i in enumerate(route.places)}
    for i in sorted(order):
        if i > instance.requests:
            if i - instance.requests not in order:
                found.append(f"pairing: drops off at place {i} without its pick-up")
            continue
        dropoff = i + instance.requests
        if dropoff not in order or order[dropoff] < order[i]:
            found.append(f"pairing: picks up at place {i} without a later drop-off")
            continue
        ride = begins[dropoff] - begins[i] - instance.places[i].service
        if ride > instance.ride + TOLERANCE:
            found.append(f"ride: request {i} rides {ride}, longer than {instance.ride}")
    return found
