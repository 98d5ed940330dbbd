"""Commuters as a crowd, one row a person: where each works and lives, when work begins and ends, how each travels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.random import SeedSequence, default_rng
from numpy.typing import NDArray

from sim.demand.draws import Floats, Integers, named_streams, pick, truncated_normal
from sim.demand.places import Places, Points, require
from sim.demand.tables import read_shifts
from sim.demand_document import Commuters, Shift, TravelBudget
from sim.errors import ScenarioError

WHERE = "demand.commuters"
ATTRIBUTES = ("site", "home", "point", "arrival", "mode", "shift", "leaving", "park", "escort")
"""One stream an attribute, in this order; new ones go to the end, so that the others keep their draws."""


class Mode(IntEnum):
    """How a commuter travels."""

    RIDER = 0
    COACH = 1
    WALK = 2
    CAR = 3


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """All commuters of the document, shape (n,) each.

    `lead_s` is how long before the shift each wants to be at the gate, `leave_s` when each starts home (inf: not
    within the document), `park` and `escort` are numbers in [0, 1) that choose a car park and the escorts.
    """

    site: Integers
    home: Integers
    origins: Points
    destinations: Points
    shift_start_s: Floats
    shift_end_s: Floats
    lead_s: Floats
    leave_s: Floats
    direct_s: Floats
    mode: Integers
    park: Floats
    escort: Floats

    def __len__(self) -> int:
        return len(self.site)

    def start_s(self, budget: TravelBudget) -> Floats:
        """Return when each starts from home with a budget for the direct drive; SUMO departs on whole seconds."""
        return np.floor(self.shift_start_s - self.lead_s - budget.alpha * self.direct_s - budget.beta_s)


def draw_people(model: Commuters, places: Places, seeds: SeedSequence) -> People:
    """Draw all commuters.

    Every attribute of a person comes from a stream of its own: another rider share, arrival law or budget
    leaves site, home and all else of person i as they were, and a larger count adds people to the same ones.
    """
    streams = named_streams(seeds, ATTRIBUTES)
    uniform = {name: default_rng(stream).random(model.people) for name, stream in streams.items()}
    site = pick(uniform["site"], places.staff(model.destinations, f"{WHERE}.destinations"))
    home = pick(uniform["home"], np.array([zone.share.value for zone in model.homes.values()]))
    origins = _homes(model, places, home, uniform["point"])
    destinations = places.site_points(model.destinations, f"{WHERE}.destinations").take(site)
    starts_s, ends_s = _shifts(model, places, site, uniform["shift"])
    law = model.arrival
    return People(
        site=site,
        home=home,
        origins=origins,
        destinations=destinations,
        shift_start_s=starts_s,
        shift_end_s=ends_s,
        lead_s=truncated_normal(
            uniform["arrival"], mean=law.mean_s, sd=law.sd_s, low=law.latest_s, high=law.earliest_s
        ),
        leave_s=_leave_s(model, ends_s, uniform["leaving"]),
        direct_s=places.direct_s(origins, destinations),
        mode=_modes(model, home, uniform["mode"]),
        park=uniform["park"],
        escort=uniform["escort"],
    )


def _leave_s(model: Commuters, ends_s: Floats, uniforms: Floats) -> Floats:
    law = model.leaving
    if law is None:
        return np.full(len(ends_s), np.inf)
    after_s = truncated_normal(uniforms, mean=law.mean_s, sd=law.sd_s, low=law.least_s, high=law.most_s)
    return np.floor(ends_s + after_s)


def _modes(model: Commuters, home: Integers, uniforms: Floats) -> Integers:
    """Return each person's mode: riders first, so that a larger share of them keeps those who ride already."""
    shares = [
        ((zone.modes.rider or model.rider_share).value, zone.modes.coach.value, zone.modes.walk.value)
        for zone in model.homes.values()
    ]
    bounds = np.cumsum(np.array(shares), axis=1)[home]
    found: Integers = (uniforms[:, np.newaxis] >= bounds).sum(axis=1).astype(np.int64)
    return found


def _homes(model: Commuters, places: Places, home: Integers, uniforms: Floats) -> Points:
    points = Points(np.zeros(len(home), dtype=np.int64), np.zeros(len(home)))
    for number, (name, zone) in enumerate(model.homes.items()):
        edges = places.roads_around(zone.junctions, zone.radius_m, f"{WHERE}.homes.{name}")
        here = home == number
        drawn = places.along(edges, uniforms[here])
        points.edge[here], points.pos_m[here] = drawn.edge, drawn.pos_m
    return points


def _shifts(model: Commuters, places: Places, site: Integers, uniforms: Floats) -> tuple[Floats, Floats]:
    """Return when each person's work starts and ends: a shift of those that name the site, else of those with "*"."""
    shifts = model.shifts or read_shifts(places.network)
    _check_shifts(model, places)
    starts_s, ends_s = np.empty(len(site)), np.empty(len(site))
    for number, name in enumerate(model.destinations):
        own = _shifts_of(name, shifts)
        here: NDArray[np.bool_] = site == number
        chosen = pick(uniforms[here], np.array([shift.share for shift in own]))
        starts_s[here] = np.array([shift.start_s for shift in own], dtype=np.float64)[chosen]
        ends_s[here] = np.array([shift.end_s for shift in own], dtype=np.float64)[chosen]
    return starts_s, ends_s


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
