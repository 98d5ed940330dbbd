"""Planned volumes: how many vehicles of a population pass each section in each hour, at the pace of busy roads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, eq=False)
class Drive:
    """Starts of vehicles that go the same way, by positions of edges."""

    origin: int
    target: int
    starts_s: Floats


def _volumes_of(drives: Iterable[Drive], places: Places, *, vclass: str = "passenger") -> Volumes:
    """Return the vehicles by section and hour."""
    graph = places.graph
    roads = {edge: road for road, edge in sections_of(graph).items()}
    wanted = list(drives)
    if not wanted:
        return {}
    ways = Ways(graph, [drive.origin for drive in wanted], vclass=vclass)
    found: Counter[tuple[str, int]] = Counter()
    for drive in wanted:
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


def commuter_volumes(model: Commuters, people: People, places: Places) -> Volumes:
    """Return the volumes if every commuter drove alone, whatever each really does.

    So the background that remains of the counts does not change with the share of riders.
    """
    drives: dict[tuple[int, int], list[float]] = {}
    starts_s = people.start_s(model.car_budget).tolist()
    rows = zip(people.origins.edge.tolist(), people.destinations.edge.tolist(), starts_s, people.leave_s, strict=True)
    for home, work, start_s, leave_s in rows:
        drives.setdefault((home, work), []).append(start_s)
        if np.isfinite(leave_s):
            drives.setdefault((work, home), []).append(float(leave_s))
    return _volumes_of((Drive(*ends, np.array(times_s)) for ends, times_s in sorted(drives.items())), places)


def population_volumes(population: Population, places: Places) -> dict[VolumeKey, float]:
    """Return the planned vehicles by section, hour and class (car, or truck for trucks and coaches)."""
    found: dict[VolumeKey, float] = {}
    for vehicle_class, vclass in COUNT_CLASSES.items():
        drives: dict[tuple[int, int], list[float]] = {}
        for start, end, depart_s in _legs(population, vehicle_class):
            drives.setdefault((places.graph.position(start), places.graph.position(end)), []).append(depart_s)
        wanted = (Drive(*ends, np.array(times_s)) for ends, times_s in sorted(drives.items()))
        for (road, hour), vehicles in _volumes_of(wanted, places, vclass=vclass).items():
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
