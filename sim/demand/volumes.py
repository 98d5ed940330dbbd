"""Planned volumes: how many vehicles of a population pass each section in each hour, at the pace of busy roads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from sim.demand.draws import Floats
from sim.demand.fit import entered_s
from sim.demand.people import People
from sim.demand.places import Places
from sim.demand.population import Population
from sim.demand.sections import sections_of
from sim.demand.tables import COUNT_CLASSES
from sim.demand.ways import Ways
from sim.demand_document import Commuters

Volumes = dict[tuple[str, int], float]
VolumeKey = tuple[str, int, str]
Leg = tuple[int, int, float]
"""The edges, by position, where a vehicle starts and ends, and when it starts."""


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """Starts of vehicles that go the same way, by positions of edges."""

    origin: int
    target: int
    starts_s: Floats


def _volumes_of(legs: Iterable[Leg], places: Places, *, vclass: str) -> Volumes:
    """Return the vehicles by section and hour."""
    graph = places.graph
    roads = {edge: road for road, edge in sections_of(graph).items()}
    drives = _drives(legs)
    if not drives:
        return {}
    ways = Ways(graph, [drive.origin for drive in drives], vclass=vclass)
    found: Counter[tuple[str, int]] = Counter()
    for drive in drives:
        if not np.isfinite(ways.seconds(drive.origin, drive.target)):
            continue
        path = ways.path(drive.origin, drive.target)
        hours = ((drive.starts_s[:, np.newaxis] + entered_s(path, graph)) // 3600).astype(np.int64)
        for column, edge in enumerate(path.tolist()):
            if edge in roads:
                counted = np.bincount(hours[:, column])
                for hour in np.flatnonzero(counted).tolist():
                    found[roads[edge], hour] += int(counted[hour])
    return {key: float(vehicles) for key, vehicles in found.items()}


def _drives(legs: Iterable[Leg]) -> list[Drive]:
    starts_s: dict[tuple[int, int], list[float]] = {}
    for origin, target, start_s in legs:
        starts_s.setdefault((origin, target), []).append(start_s)
    return [Drive(*ends, np.array(times_s)) for ends, times_s in sorted(starts_s.items())]


def commuter_volumes(model: Commuters, people: People, places: Places) -> Volumes:
    """Return the volumes if every commuter drove alone, whatever each really does.

    So the background that remains of the counts does not change with the share of riders.
    """
    homes, works = people.origins.edge.tolist(), people.destinations.edge.tolist()
    there = zip(homes, works, people.start_s(model.car_budget).tolist(), strict=True)
    back = zip(works, homes, people.leave_s.tolist(), strict=True)
    legs = chain(there, (leg for leg in back if np.isfinite(leg[2])))
    return _volumes_of(legs, places, vclass="passenger")


def population_volumes(population: Population, places: Places) -> dict[VolumeKey, float]:
    """Return the planned vehicles by section, hour and class (car, or truck for trucks and coaches)."""
    found: dict[VolumeKey, float] = {}
    position = places.graph.position
    for vehicle_class, vclass in COUNT_CLASSES.items():
        legs = ((position(start), position(end), at_s) for start, end, at_s in _legs(population, vehicle_class))
        for (road, hour), vehicles in _volumes_of(legs, places, vclass=vclass).items():
            found[road, hour, vehicle_class] = vehicles
    return found


def _legs(population: Population, vehicle_class: str) -> Iterator[tuple[str, str, float]]:
    """Yield origin, destination and departure of every vehicle of a counted class."""
    for trip in population.background:
        if (trip.vehicle_class == "car") is (vehicle_class == "car"):
            yield trip.origin_edge, trip.destination_edge, trip.depart_s
    if vehicle_class == "car":
        for car in population.cars:
            if car.inbound:
                yield car.origin_edge, car.destination_edge, car.depart_s
            if car.leave_s is not None:
                yield car.destination_edge, car.origin_edge, car.leave_s
