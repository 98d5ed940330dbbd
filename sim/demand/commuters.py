"""Commuters: where they work and live, when they want to be at the gate, and whether they ride or drive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray

from sim.demand.draws import Floats, Integers, named_streams, pick, truncated_normal
from sim.demand.places import Places, Points, require
from sim.demand.population import Car, Rider
from sim.errors import ScenarioError
from sim.scenario import Commuters, Scenario, Shift, TravelBudget

WHERE = "demand.commuters"
ATTRIBUTES = ("site", "home", "point", "arrival", "mode", "shift")


@dataclass(frozen=True, slots=True, eq=False)
class _People:
    """All commuters of the document, one row a person; `leave_s` is the wish to travel or the car's start."""

    site: Integers
    home: Integers
    origins: Points
    destinations: Points
    shift_start_s: Floats
    direct_s: Floats
    rides: NDArray[np.bool_]
    leave_s: Floats


def commuters(
    scenario: Scenario, model: Commuters, places: Places, seeds: SeedSequence
) -> tuple[list[Rider], list[Car]]:
    """Return those who ride and those who drive, among the people who leave home in [begin_s, end_s).

    Every attribute of a person comes from a stream of its own: another rider share, arrival law or budget
    leaves site, home and all else of person i as they were, and a larger count adds people to the same ones.
    """
    people = _draw(model, places, seeds)
    present = (people.leave_s >= scenario.time.begin_s) & (people.leave_s < scenario.time.end_s)
    riders = _riders(model, places, people, np.flatnonzero(present & people.rides))
    cars = _cars(model, places, people, np.flatnonzero(present & ~people.rides))
    return riders, cars


def _draw(model: Commuters, places: Places, seeds: SeedSequence) -> _People:
    streams = named_streams(seeds, ATTRIBUTES)
    uniform = {name: default_rng(stream).random(model.count.value) for name, stream in streams.items()}
    site = pick(uniform["site"], places.staff(model.destinations, f"{WHERE}.destinations"))
    home = pick(uniform["home"], np.array([zone.share.value for zone in model.homes.values()]))
    origins = _homes(model, places, home, uniform["point"])
    destinations = places.site_points(model.destinations, f"{WHERE}.destinations").take(site)
    shift_start_s = _shift_starts(model, places, site, uniform["shift"])
    law = model.arrival
    lead_s = truncated_normal(uniform["arrival"], mean=law.mean_s, sd=law.sd_s, low=law.latest_s, high=law.earliest_s)
    direct_s = places.direct_s(origins, destinations)
    rides = uniform["mode"] < model.rider_share.value
    budget_s = np.where(rides, _budget(model.rider_budget, direct_s), _budget(model.car_budget, direct_s))
    # Whole seconds: SUMO lets nobody depart between two steps.
    leave_s = np.floor(shift_start_s - lead_s - budget_s)
    return _People(site, home, origins, destinations, shift_start_s, direct_s, rides, leave_s)


def _budget(budget: TravelBudget, direct_s: Floats) -> Floats:
    return budget.alpha * direct_s + budget.beta_s


def _homes(model: Commuters, places: Places, home: Integers, uniforms: Floats) -> Points:
    points = Points(np.zeros(len(home), dtype=np.int64), np.zeros(len(home)))
    for number, (name, zone) in enumerate(model.homes.items()):
        edges = places.roads_around(zone.junctions, zone.radius_m, f"{WHERE}.homes.{name}")
        here = home == number
        drawn = places.along(edges, uniforms[here])
        points.edge[here], points.pos_m[here] = drawn.edge, drawn.pos_m
    return points


def _shift_starts(model: Commuters, places: Places, site: Integers, uniforms: Floats) -> Floats:
    """Return when each person's work starts: a shift of those that name the site, else of those with "*"."""
    _check_shifts(model, places)
    starts_s = np.empty(len(site))
    for number, name in enumerate(model.destinations):
        shifts = _shifts_of(name, model.shifts)
        here = site == number
        chosen = pick(uniforms[here], np.array([shift.share for shift in shifts]))
        starts_s[here] = np.array([shift.start_s for shift in shifts], dtype=np.float64)[chosen]
    return starts_s


def _check_shifts(model: Commuters, places: Places) -> None:
    for number, shift in enumerate(model.shifts):
        where = f"{WHERE}.shifts.{number}.sites"
        for name in shift.sites:
            if name != "*":
                places.site(name, where)
                require(name, model.destinations, where=where, kind="destination")


def _shifts_of(site: str, shifts: Sequence[Shift]) -> list[Shift]:
    for wanted in (site, "*"):
        found = [shift for shift in shifts if wanted in shift.sites and shift.share > 0]
        if found:
            return found
    msg = f'{WHERE}.shifts: no shift with a share for site {site!r}; allowed is to name it or to add ["*"]'
    raise ScenarioError(msg)


def _riders(model: Commuters, places: Places, people: _People, rows: Integers) -> list[Rider]:
    zones = list(model.homes.items())
    direct_m = places.direct_m(people.origins.take(rows), people.destinations.take(rows))
    riders = []
    for row, metres in zip(rows.tolist(), direct_m.tolist(), strict=True):
        zone_name, zone = zones[people.home[row]]
        shift_start_s = float(people.shift_start_s[row])
        riders.append(
            Rider(
                person_id=person_id(row),
                request_id=f"r{row + 1:04d}",
                purpose="commute",
                origin_edge=places.graph.ids[people.origins.edge[row]],
                origin_pos_m=round(float(people.origins.pos_m[row]), 2),
                destination_edge=places.graph.ids[people.destinations.edge[row]],
                destination_pos_m=round(float(people.destinations.pos_m[row]), 2),
                earliest_s=float(people.leave_s[row]),
                latest_arrival_s=shift_start_s,
                shift_start_s=shift_start_s,
                direct_ride_s=round(float(people.direct_s[row]), 2),
                direct_distance_m=round(metres, 2),
                zone=zone_name,
                site=model.destinations[people.site[row]],
                scopes=(zone.scope,),
            )
        )
    return riders


def _cars(model: Commuters, places: Places, people: _People, rows: Integers) -> list[Car]:
    return [
        Car(
            person_id=person_id(row),
            vehicle_id=f"car.{person_id(row)}",
            origin_edge=places.graph.ids[people.origins.edge[row]],
            origin_pos_m=round(float(people.origins.pos_m[row]), 2),
            destination_edge=places.graph.ids[people.destinations.edge[row]],
            destination_pos_m=round(float(people.destinations.pos_m[row]), 2),
            depart_s=float(people.leave_s[row]),
            shift_start_s=float(people.shift_start_s[row]),
            site=model.destinations[people.site[row]],
        )
        for row in rows.tolist()
    ]


def person_id(row: int) -> str:
    """Return the id of the commuter in a row of the draw."""
    return f"p{row + 1:04d}"
