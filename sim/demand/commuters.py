"""Commuters within a run: those who ride, those who drive, those who walk, to work and home again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.demand.draws import Floats, Integers
from sim.demand.people import WHERE, Mode, People
from sim.demand.places import Places
from sim.demand.population import Car, Escort, Rider, Walker
from sim.demand.rides import Rides
from sim.demand_document import Commuters
from sim.scenario import Scenario

Flags = NDArray[np.bool_]


@dataclass(slots=True)
class CommuterTrips:
    """The commuters of a run by what they do."""

    riders: list[Rider] = field(default_factory=list)
    cars: list[Car] = field(default_factory=list)
    walkers: list[Walker] = field(default_factory=list)


def commuters(
    scenario: Scenario, model: Commuters, places: Places, people: People, *, seated: Integers
) -> CommuterTrips:
    """Return who leaves home, or work, in [begin_s, end_s); the people in rows `seated` go by coach.

    Whoever would go by coach and has no seat drives.
    """
    by_coach = np.zeros(len(people), dtype=np.bool_)
    by_coach[seated] = True
    drives = (people.mode == Mode.CAR) | ((people.mode == Mode.COACH) & ~by_coach)
    return CommuterTrips(
        riders=_riders(scenario, model, places, people),
        cars=_cars(scenario, model, places, people, drives),
        walkers=_walkers(scenario, model, places, people),
    )


def _within(scenario: Scenario, times_s: Floats) -> Flags:
    inside: Flags = (times_s >= scenario.time.begin_s) & (times_s < scenario.time.end_s)
    return inside


def _riders(scenario: Scenario, model: Commuters, places: Places, people: People) -> list[Rider]:
    rides = people.mode == Mode.RIDER
    wish_s = people.start_s(model.rider_budget)
    there = np.flatnonzero(rides & _within(scenario, wish_s))
    back = np.flatnonzero(rides & _within(scenario, people.leave_s))
    return [
        *_rides(model, places, people, there, wish_s, home=False),
        *_rides(model, places, people, back, people.leave_s, home=True),
    ]


def _rides(
    model: Commuters, places: Places, people: People, rows: Integers, wish_s: Floats, *, home: bool
) -> list[Rider]:
    ends = people.origins.take(rows), people.destinations.take(rows)
    origins, destinations = ends[::-1] if home else ends
    rides = Rides.between(places, origins, destinations)
    zones = list(model.homes.items())
    suffix = ".home" if home else ""
    riders = []
    for number, row in enumerate(rows.tolist()):
        zone_name, zone = zones[people.home[row]]
        riders.append(
            rides.rider(
                number,
                person_id=person_id(row) + suffix,
                request_id=f"r{row + 1:04d}{suffix}",
                purpose="commute",
                earliest_s=float(wish_s[row]),
                due_s=None if home else float(people.shift_start_s[row]),
                zone=zone_name,
                site=model.destinations[people.site[row]],
                scopes=(zone.scope,),
            )
        )
    return riders


def _cars(scenario: Scenario, model: Commuters, places: Places, people: People, drives: Flags) -> list[Car]:
    escorts = _escorts(model, people, drives)
    halt = _halt(model, places)
    dwell_s = halt.dwell_s if halt else 0.0
    start_s = people.start_s(model.car_budget) - np.where(escorts, np.floor(dwell_s), 0.0)
    inbound, returns = _within(scenario, start_s), _within(scenario, people.leave_s)
    parks = _parks(places)
    zones = list(model.homes)
    cars = []
    for row in np.flatnonzero(drives & (inbound | returns)).tolist():
        site = model.destinations[people.site[row]]
        start_edge, start_m = places.point(people.origins, row)
        end_edge, end_m = places.point(people.destinations, row)
        leave_s = float(people.leave_s[row]) if returns[row] else None
        own = parks.get(site, ())
        name = own[int(people.park[row] * len(own))] if own else None
        if name is not None:
            park = places.network.car_parks[name]
            end_edge, end_m = park.edge, round((park.start_m + park.end_m) / 2, 2)
        cars.append(
            Car(
                person_id=person_id(row),
                vehicle_id=f"car.{person_id(row)}",
                origin_edge=start_edge,
                origin_pos_m=start_m,
                destination_edge=end_edge,
                destination_pos_m=end_m,
                depart_s=float(start_s[row]) if inbound[row] or leave_s is None else leave_s,
                shift_start_s=float(people.shift_start_s[row]),
                site=site,
                zone=zones[people.home[row]],
                park=name if model.parking else None,
                leave_s=leave_s,
                inbound=bool(inbound[row]),
                escort=halt if escorts[row] else None,
            )
        )
    return cars


def _escorts(model: Commuters, people: People, drives: Flags) -> Flags:
    """Return who brings a child: as many of all people as there are children, of whom only those by car do."""
    if model.escorts is None or not len(people):
        return np.zeros(len(people), dtype=np.bool_)
    chosen: Flags = drives & (people.escort < model.escorts.children.value / len(people))
    return chosen


def _halt(model: Commuters, places: Places) -> Escort | None:
    if model.escorts is None:
        return None
    entrance = places.site_points([model.escorts.site], f"{WHERE}.escorts.site")
    edge, pos_m = places.point(entrance, 0)
    return Escort(edge, pos_m, model.escorts.dwell_s)


def _parks(places: Places) -> dict[str, Sequence[str]]:
    """Return the car parks of each site, each as often as it has tens of places, so that large ones fill alike."""
    found: dict[str, list[str]] = {}
    for name, park in sorted(places.network.car_parks.items()):
        if park.site is not None and places.drivable[places.graph.position(park.edge)]:
            found.setdefault(park.site, []).extend([name] * max(1, round(park.capacity / 10)))
    return {site: tuple(names) for site, names in found.items()}


def _walkers(scenario: Scenario, model: Commuters, places: Places, people: People) -> list[Walker]:
    walks = people.mode == Mode.WALK
    rows = np.flatnonzero(walks)
    metres = np.zeros(len(people))
    metres[rows] = places.direct_m(people.origins.take(rows), people.destinations.take(rows))
    start_s = np.floor(people.shift_start_s - people.lead_s - metres / scenario.requests.walk_speed_mps)
    walkers = []
    for times_s, home in ((start_s, False), (people.leave_s, True)):
        for row in np.flatnonzero(walks & _within(scenario, times_s)).tolist():
            ends = places.point(people.origins, row), places.point(people.destinations, row)
            (start_edge, start_m), (end_edge, end_m) = ends[::-1] if home else ends
            walkers.append(
                Walker(
                    person_id=person_id(row) + (".home" if home else ""),
                    origin_edge=start_edge,
                    origin_pos_m=start_m,
                    destination_edge=end_edge,
                    destination_pos_m=end_m,
                    depart_s=float(times_s[row]),
                    site=None if home else model.destinations[people.site[row]],
                )
            )
    return walkers


def person_id(row: int) -> str:
    """Return the id of the commuter in a row of the draw."""
    return f"p{row + 1:04d}"
