"""Visitors: people who go from one site to another during working hours."""

from __future__ import annotations

import numpy as np
from numpy.random import SeedSequence, default_rng

from sim.demand.draws import named_streams, pick, poisson_times
from sim.demand.places import Places, Points
from sim.demand.population import BackgroundTrip, Rider
from sim.demand.rides import Rides
from sim.demand_document import Visitors
from sim.scenario import Scenario

WHERE = "demand.visitors"
STREAMS = ("time", "from", "to", "mode")


def visitors(
    scenario: Scenario, model: Visitors, places: Places, seeds: SeedSequence
) -> tuple[list[Rider], list[BackgroundTrip]]:
    """Return the visitors who wish to go in [begin_s, end_s): those who ride and those who drive.

    The day is drawn whole, so that the same people travel at the same time in every part of it.
    """
    streams = {name: default_rng(child) for name, child in named_streams(seeds, STREAMS).items()}
    rate = model.trips_per_h.value * model.scale
    times_s = np.floor(poisson_times(streams["time"], per_h=rate, profile=model.profile, begin_s=0, end_s=86_400))
    staff = places.staff(model.destinations, f"{WHERE}.destinations")
    gates = places.site_points(model.destinations, f"{WHERE}.destinations")
    start = pick(streams["from"].random(len(times_s)), staff)
    other = pick(streams["to"].random(len(times_s)), staff)
    end = np.where(other == start, (start + 1) % len(staff), other)
    rides = streams["mode"].random(len(times_s)) < model.rider_share.value
    origins, destinations = gates.take(start), gates.take(end)
    inside = (times_s >= scenario.time.begin_s) & (times_s < scenario.time.end_s)
    by_ride, by_car = np.flatnonzero(inside & rides), np.flatnonzero(inside & ~rides)
    ridden = Rides.between(places, origins.take(by_ride), destinations.take(by_ride))
    riders = [
        ridden.rider(
            number,
            person_id=f"visit.p{row + 1:04d}",
            request_id=f"visit.r{row + 1:04d}",
            purpose="visit",
            earliest_s=float(times_s[row]),
            site=model.destinations[end[row]],
        )
        for number, row in enumerate(by_ride.tolist())
    ]
    return riders, [_trip(places, origins, destinations, row, float(times_s[row])) for row in by_car.tolist()]


def _trip(places: Places, origins: Points, destinations: Points, row: int, depart_s: float) -> BackgroundTrip:
    start_edge, start_m = places.point(origins, row)
    end_edge, end_m = places.point(destinations, row)
    return BackgroundTrip(
        f"visit.{row + 1:04d}", "car", start_edge, end_edge, depart_s,
        group="visitor", origin_pos_m=start_m, destination_pos_m=end_m,
    )  # fmt: skip
