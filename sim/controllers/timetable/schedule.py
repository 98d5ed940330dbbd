"""Vehicle schedules: which vehicle runs which trips, with its calls and edges."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sim.controllers.base import Call, ServiceVehicle
from sim.controllers.timetable.departures import Trip
from sim.controllers.timetable.driving import Driving, Way
from sim.controllers.timetable.patterns import Pattern
from sim.errors import ScenarioError
from sim.network.walking import Place

LOAD_STEP, LOAD_LEAST, LOAD_MOST = 0.5, 1.0, 10_000.0
SLACKS_S = tuple(float(slack_s) for slack_s in (*range(0, 1200, 120), *range(1200, 7201, 1200)))
AT_DEPOT = "depot"


@dataclass(frozen=True, slots=True)
class Duty:
    """What holds for every vehicle: where and when it starts and ends, and its least layover."""

    depot: str
    place: Place
    begin_s: float
    horizon_s: float
    layover_s: float


@dataclass(frozen=True, slots=True)
class Operation:
    """Where vehicles come from and go to between trips, and how they drive there empty."""

    duty: Duty
    driving: Driving

    def out(self, pattern: Pattern) -> Way:
        """Return the way from the depot to a pattern's first stop."""
        return self.driving.way(self.duty.place, pattern.places[0])

    def back(self, pattern: Pattern) -> Way:
        """Return the way from a pattern's last stop to the depot."""
        return self.driving.way(pattern.places[-1], self.duty.place)

    def earliest_departure_s(self, pattern: Pattern) -> float:
        """Return when a vehicle that leaves the depot as the duty begins can start the pattern."""
        return self.duty.begin_s + self.out(pattern).time_s + self.duty.layover_s

    def pull_out_s(self, trip: Trip) -> float:
        """Return when a vehicle must leave the depot for a trip."""
        return trip.departure_s - self.duty.layover_s - self.out(trip.pattern).time_s

    def pull_in_s(self, trip: Trip) -> float:
        """Return when a vehicle is back at the depot after a trip."""
        return trip.end_s + self.back(trip.pattern).time_s


def chain_trips(trips: Sequence[Trip], operation: Operation) -> list[list[Trip]]:
    """Return the fewest vehicles' trips, each vehicle's in order.

    Vehicles come back empty after a trip: in the morning nobody rides out of the complex, and the time is
    worth more on the next trip in. They wait for it in the depot, not at the first stop: two waiting
    buses fill a kerb of 20 m, and the next one stands in the road until SUMO teleports it.
    """
    chains: list[list[Trip]] = []
    for trip in sorted(trips, key=lambda trip: (operation.pull_out_s(trip), trip.departure_s, trip.pattern.line)):
        back = [(operation.pull_in_s(chain[-1]), number) for number, chain in enumerate(chains)]
        free_s, number = min(back, default=(math.inf, 0))
        if free_s <= operation.pull_out_s(trip):
            chains[number].append(trip)
        else:
            chains.append([trip])
    return chains


def fit_fleet(
    trips_at: Callable[[float, float], list[Trip]],
    chain: Callable[[list[Trip]], list[list[Trip]]],
    *,
    count: int,
    load: float,
) -> list[list[list[Trip]]]:
    """Return schedules that `count` vehicles can run, one for each slack on waiting and lateness.

    Of each slack it is the one with the smallest loads a trip, so the shortest headways. Where the fleet is
    too small at any slack for trips that seat everybody, it is the one that leaves the fewest behind.

    Parameters
    ----------
    trips_at
        The trips of all patterns for an aimed load and a slack, seconds.
    chain
        The fewest vehicles' trips.
    load
        Riders expected on a trip that still all find a seat.

    Raises
    ------
    ScenarioError
        Even one trip at a time on each pattern needs more vehicles.
    """
    schedules: list[list[list[Trip]]] = []
    for slack_s in SLACKS_S:
        best = None
        for aimed in np.arange(load, LOAD_LEAST, -LOAD_STEP).tolist():
            chains = chain(trips_at(aimed, slack_s))
            if len(chains) > count:
                break
            best = chains
        if best is not None and best not in schedules:
            schedules.append(best)
    if not schedules:
        schedules.append(_overfull(lambda aimed: chain(trips_at(aimed, SLACKS_S[-1])), count=count, load=load))
    return schedules


def _overfull(chain_at: Callable[[float], list[list[Trip]]], *, count: int, load: float) -> list[list[Trip]]:
    while len(chains := chain_at(load)) > count:
        if load > LOAD_MOST:
            msg = (
                f"fleet.count: {count} vehicles cannot run the timetable; "
                f"allowed are at least {len(chains)}, or fewer patterns"
            )
            raise ScenarioError(msg)
        load *= 1.1
    return chains


def service_vehicles(
    chains: Sequence[Sequence[Trip]], operation: Operation, *, count: int
) -> tuple[ServiceVehicle, ...]:
    """Return the whole fleet; vehicles without trips stay in the depot."""
    padded = [*chains, *[[] for _ in range(count - len(chains))]]
    return tuple(_vehicle(f"shuttle.{number:02d}", trips, operation) for number, trips in enumerate(padded))


def _vehicle(vehicle_id: str, trips: Sequence[Trip], operation: Operation) -> ServiceVehicle:
    duty = operation.duty
    calls: list[Call] = []
    edges = [duty.place.edge]
    for trip in trips:
        calls += [Call(duty.depot, operation.pull_out_s(trip), AT_DEPOT), *_calls(trip)]
        for way in (
            operation.out(trip.pattern).edges,
            trip.pattern.edges,
            operation.back(trip.pattern).edges,
        ):
            edges += way[1:]
    calls.append(Call(duty.depot, duty.horizon_s, AT_DEPOT))
    return ServiceVehicle(
        id=vehicle_id,
        vehicle_class="bus",
        depart_s=duty.begin_s,
        start_edge=duty.place.edge,
        start_pos_m=duty.place.pos_m,
        calls=tuple(calls),
        edges=tuple(edges),
    )


def _calls(trip: Trip) -> list[Call]:
    """Return the calls of a trip; where it only sets down, a bus ahead of time drives on."""
    pattern = trip.pattern
    held = [min(number, pattern.boarding - 1) for number in range(len(pattern.stops))]
    return [
        Call(stop, trip.departure_s + pattern.offsets_s[number], pattern.line)
        for stop, number in zip(pattern.stops, held, strict=True)
    ]
