"""Requests spread evenly over time and network: a benchmark's demand, free of sites and shifts."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator, SeedSequence, default_rng

from sim.demand.draws import Floats, Integers, named_streams
from sim.demand.places import Places, Points
from sim.demand.population import Rider
from sim.demand.rides import Rides
from sim.demand_document import UniformRequests
from sim.errors import ScenarioError
from sim.scenario import Scenario

WHERE = "demand.uniform"
ROUNDS = 200


def uniform_riders(scenario: Scenario, model: UniformRequests, places: Places, seeds: SeedSequence) -> list[Rider]:
    """Return `per_h` requests an hour between any two kerbs whose direct drive is long enough."""
    streams = {name: default_rng(child) for name, child in named_streams(seeds, ("time", "place")).items()}
    span_s = scenario.time.end_s - scenario.time.begin_s
    count = round(model.per_h * span_s / 3600)
    earliest_s = scenario.time.begin_s + np.sort(np.floor(streams["time"].random(count) * span_s))
    edges = np.flatnonzero(places.kerbside() & places.graph.permits["pedestrian"])
    if not edges.size:
        msg = f"{WHERE}: network {places.network.name!r} has no edge that can be both walked and driven"
        raise ScenarioError(msg)
    origins, destinations, direct_m = _long_rides(streams["place"], model, places, edges, count)
    rides = Rides(places, origins, destinations, places.direct_s(origins, destinations), direct_m)
    return [
        rides.rider(
            row,
            person_id=f"uniform.p{row + 1:04d}",
            request_id=f"uniform.r{row + 1:04d}",
            purpose="uniform",
            earliest_s=float(wish_s),
        )
        for row, wish_s in enumerate(earliest_s)
    ]


def _long_rides(
    rng: Generator, model: UniformRequests, places: Places, edges: Integers, count: int
) -> tuple[Points, Points, Floats]:
    """Draw both ends of each ride again until it is long enough."""
    origins, destinations = _ends(rng, places, edges, count)
    direct_m = places.direct_m(origins, destinations)
    for _ in range(ROUNDS):
        again = np.flatnonzero(direct_m < model.min_distance_m)
        if not again.size:
            return origins, destinations, direct_m
        head, tail = _ends(rng, places, edges, again.size)
        origins.edge[again], origins.pos_m[again] = head.edge, head.pos_m
        destinations.edge[again], destinations.pos_m[again] = tail.edge, tail.pos_m
        direct_m[again] = places.direct_m(head, tail)
    msg = (
        f"{WHERE}.min_distance_m: found {model.min_distance_m:g}, but after {ROUNDS} draws some rides are "
        f"still shorter; the network allows about {direct_m.max():.0f} m at most"
    )
    raise ScenarioError(msg)


def _ends(rng: Generator, places: Places, edges: Integers, count: int) -> tuple[Points, Points]:
    drawn = places.along(edges, rng.random(2 * count))
    return drawn.take(np.arange(count)), drawn.take(np.arange(count, 2 * count))
