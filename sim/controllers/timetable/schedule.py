"""Vehicle schedules: which vehicle runs which trips, with its calls and edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from sim.controllers.base import Call, ServiceVehicle
from sim.controllers.timetable.departures import Trip
from sim.controllers.timetable.driving import Driving
from sim.controllers.timetable.patterns import Pattern
from sim.controllers.timetable.walking import Place
from sim.errors import ScenarioError

INFEASIBLE_S = 1e6
"""More than all deadheads of a fleet's day together."""
LOAD_STEP = 0.25
LOAD_MOST = 10_000.0
SLACK_STEP_S = 120.0
SLACK_MOST_S = 7200.0
AT_DEPOT = "depot"


@dataclass(frozen=True, slots=True)
class Duty:
    """What holds for every vehicle: where and when it starts and ends, and its least standing time between trips."""

    depot: str
    place: Place
    begin_s: float
    horizon_s: float
    layover_s: float


def earliest_departure_s(pattern: Pattern, driving: Driving, duty: Duty) -> float:
    """Return when a vehicle that leaves the depot as the duty begins can start the pattern."""
    return duty.begin_s + driving.way(duty.place, pattern.places[0]).time_s + duty.layover_s


def chain_trips(trips: Sequence[Trip], driving: Driving, layover_s: float) -> list[list[Trip]]:
    """Return the fewest vehicles' trips in order, and among those the ones with the least driving in between.

    Vehicles run back empty after a trip: in the morning nobody rides out of the complex, and the time is
    worth more on the next trip in. Trip j may follow trip i when the deadhead and the layover fit in between.
    """
    ordered = sorted(trips, key=lambda trip: (trip.departure_s, trip.pattern.line))
    size = len(ordered)
    cost = np.full((size, size), INFEASIBLE_S)
    for i, before in enumerate(ordered):
        for j, after in enumerate(ordered):
            deadhead_s = driving.way(before.pattern.places[-1], after.pattern.places[0]).time_s
            if before.end_s + deadhead_s + layover_s <= after.departure_s:
                cost[i, j] = deadhead_s
    rows, columns = linear_sum_assignment(cost)
    following = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if cost[i, j] < INFEASIBLE_S}
    chains = []
    for first in sorted(set(range(size)) - set(following.values())):
        chain = [first]
        while chain[-1] in following:
            chain.append(following[chain[-1]])
        chains.append([ordered[i] for i in chain])
    return chains


def fit_fleet(
    trips_at: Callable[[float, float], list[Trip]], chain: Callable[[list[Trip]], list[list[Trip]]], *, count: int, load: float
) -> list[list[Trip]]:
    """Return the schedule with the shortest headways that `count` vehicles can run.

    First the bounds on waiting and on being late are loosened until the fleet suffices at the aimed `load`, then, for
    a fleet too small even so, the load grows beyond the seats; what is left of the fleet goes into smaller loads.

    Parameters
    ----------
    trips_at
        The trips of all patterns for an aimed load and for a slack on the bounds, seconds.
    chain
        The fewest vehicles' trips.

    Raises
    ------
    ScenarioError
        Even one trip at a time on each pattern needs more vehicles.
    """
    slack_s = 0.0
    best = chain(trips_at(load, slack_s))
    while len(best) > count and slack_s < SLACK_MOST_S:
        slack_s += SLACK_STEP_S
        best = chain(trips_at(load, slack_s))
    while len(best) > count and load < LOAD_MOST:
        load *= 1.25
        best = chain(trips_at(load, slack_s))
    if len(best) > count:
        msg = f"fleet.count: {count} vehicles cannot run the timetable; allowed are at least {len(best)}, or fewer patterns"
        raise ScenarioError(msg)
    while load - LOAD_STEP >= 1:
        load -= LOAD_STEP
        chains = chain(trips_at(load, slack_s))
        if len(chains) > count:
            break
        best = chains
    return best


def service_vehicles(
    chains: Sequence[Sequence[Trip]], driving: Driving, duty: Duty, *, count: int
) -> tuple[ServiceVehicle, ...]:
    """Return the whole fleet; vehicles without trips stay in the depot."""
    padded = [*chains, *[[] for _ in range(count - len(chains))]]
    return tuple(_vehicle(f"shuttle.{number:02d}", trips, driving, duty) for number, trips in enumerate(padded))


def _vehicle(vehicle_id: str, trips: Sequence[Trip], driving: Driving, duty: Duty) -> ServiceVehicle:
    calls: list[Call] = []
    edges, here = [duty.place.edge], duty.place
    for trip in trips:
        way = driving.way(here, trip.pattern.places[0])
        if not calls:
            pull_out_s = max(duty.begin_s, trip.departure_s - way.time_s - duty.layover_s)
            calls.append(Call(duty.depot, pull_out_s, AT_DEPOT))
        edges += [*way.edges[1:], *trip.pattern.edges[1:]]
        calls += _calls(trip)
        here = trip.pattern.places[-1]
    if trips:
        edges += driving.way(here, duty.place).edges[1:]
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
    """Return the calls of a trip; nobody boards at the set-down stops, so there a bus ahead of time drives on."""
    pattern = trip.pattern
    held = [min(number, pattern.boarding - 1) for number in range(len(pattern.stops))]
    return [
        Call(stop, trip.departure_s + pattern.offsets_s[number], pattern.line)
        for stop, number in zip(pattern.stops, held, strict=True)
    ]
