"""Company coaches: who has a seat in which, and the runs they make in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.demand.draws import Integers
from sim.demand.fit import SLOWER
from sim.demand.people import Mode, People
from sim.demand.places import Places
from sim.demand.population import BackgroundTrip
from sim.demand.tables import CoachRun
from sim.demand_document import Commuters
from sim.errors import ScenarioError
from sim.scenario import Scenario

WHERE = "demand_coaches.csv"
LONGEST_WAIT_S = 4500
"""Nobody takes a coach that arrives more than this before the shift, and everybody takes the next one out."""


@dataclass(frozen=True, slots=True, eq=False)
class Seats:
    """Rows of the people in each coach, by its inbound run's id; `rows` is all of them, sorted."""

    by_run: dict[str, Integers]

    @property
    def rows(self) -> Integers:
        found = [rows for rows in self.by_run.values() if rows.size]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64)


def take_seats(runs: Sequence[CoachRun], model: Commuters, people: People) -> Seats:
    """Seat the people who would go by coach, in the order of the runs and then of the draw."""
    zones = list(model.homes)
    free = people.mode == Mode.COACH
    by_run = {}
    for run in (run for run in runs if run.direction == "in"):
        zone = zones.index(run.zone) if run.zone in zones else -1
        staff = np.array([site in run.serves for site in model.destinations])[people.site]
        early_s = people.shift_start_s - run.at_s
        fits = free & (people.home == zone) & staff & (early_s >= 0) & (early_s <= LONGEST_WAIT_S)
        rows = np.flatnonzero(fits)[: run.seats]
        free[rows] = False
        by_run[run.id] = rows
    return Seats(by_run)


def coach_trips(
    scenario: Scenario, runs: Sequence[CoachRun], seats: Seats, people: People | None, places: Places
) -> list[BackgroundTrip]:
    """Return the coaches under way in [begin_s, end_s) with how many people each carries."""
    loads = _loads(runs, seats, people)
    trips = []
    for run in runs:
        trip = _trip(run, loads[run.id], places)
        if scenario.time.begin_s <= trip.depart_s < scenario.time.end_s:
            trips.append(trip)
    return trips


def _loads(runs: Sequence[CoachRun], seats: Seats, people: People | None) -> dict[str, int]:
    """Return the people in each run; home they take their coach's first run out after they leave work."""
    loads = {run.id: len(seats.by_run.get(run.id, ())) for run in runs}
    for inbound in (run for run in runs if run.direction == "in"):
        outward = sorted((r for r in runs if r.coach == inbound.coach and r.direction == "out"), key=lambda r: r.at_s)
        rows = seats.by_run.get(inbound.id, np.zeros(0, dtype=np.int64))
        if people is None or not outward:
            continue
        times_s = np.array([run.at_s for run in outward])
        chosen = np.minimum(np.searchsorted(times_s, people.shift_end_s[rows]), len(outward) - 1)
        for number, run in enumerate(outward):
            loads[run.id] = int((chosen == number).sum())
    return loads


def _trip(run: CoachRun, persons: int, places: Places) -> BackgroundTrip:
    """Return a run as a vehicle; inbound it starts early enough for the pace of busy roads."""
    gate = places.site_points([run.site], f"{WHERE}: run {run.id}")
    site_edge, site_m = places.point(gate, 0)
    away_edge, away_m = _away(run, places, outward=run.direction == "out")
    outward = run.direction == "out"
    away = places.graph.position(away_edge)
    drive_s = float(places.graph.time_s[away] + places.leg_s[away, int(gate.edge[0])])
    return BackgroundTrip(
        vehicle_id=f"coach.{run.id}",
        vehicle_class="coach",
        origin_edge=site_edge if outward else away_edge,
        destination_edge=away_edge if outward else site_edge,
        depart_s=run.at_s if outward else float(np.floor(run.at_s - SLOWER * drive_s)),
        group="coach",
        origin_pos_m=site_m if outward else away_m,
        destination_pos_m=away_m if outward else site_m,
        persons=persons,
        arrival=(run.site, run.at_s) if run.direction == "in" else None,
    )


def _away(run: CoachRun, places: Places, *, outward: bool) -> tuple[str, float | None]:
    """Return where a run begins or ends away from the complex: a gateway's edge, or a site such as the station."""
    gateway = places.network.gateways.get(run.gateway)
    if gateway is not None:
        return (gateway.exit_edges if outward else gateway.entry_edges)[0], None
    if run.gateway in places.network.sites:
        return places.point(places.site_points([run.gateway], f"{WHERE}: run {run.id}"), 0)
    known = ", ".join(sorted(places.network.gateways))
    msg = f"{WHERE}: run {run.id}: unknown gateway or site {run.gateway!r}; gateways are {known}"
    raise ScenarioError(msg)
