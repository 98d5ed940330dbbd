"""Rail passengers who go on from the station into the complex."""

from __future__ import annotations

import numpy as np
from numpy.random import SeedSequence, default_rng

from sim.demand.draws import Floats, named_streams, pick
from sim.demand.places import Places
from sim.demand.population import Rider
from sim.demand.rides import Rides
from sim.demand.tables import read_trains
from sim.demand_document import Rail
from sim.scenario import Scenario

WHERE = "demand.rail"


def rail_riders(scenario: Scenario, model: Rail, places: Places, seeds: SeedSequence) -> list[Rider]:
    """Return the passengers who reach the forecourt in [begin_s, end_s).

    The trains are those of the network's table, or keep a regular headway with a drawn phase; the riders of each
    follow a Poisson law and come out together.
    """
    streams = {name: default_rng(child) for name, child in named_streams(seeds, ("phase", "riders", "site")).items()}
    station = places.site_points([model.station], f"{WHERE}.station")
    staff = places.staff(model.destinations, f"{WHERE}.destinations")
    entrances = places.site_points(model.destinations, f"{WHERE}.destinations")
    exits_s = np.floor(_trains(scenario, model, places, float(streams["phase"].random())) + model.walk_out_s)
    leaving = streams["riders"].poisson(model.riders_per_train.value * model.scale, len(exits_s))
    earliest_s = np.repeat(exits_s, leaving)
    site = pick(streams["site"].random(len(earliest_s)), staff)
    origins, destinations = station.take(np.zeros(len(site), dtype=np.int64)), entrances.take(site)
    rides = Rides.between(places, origins, destinations)
    return [
        rides.rider(
            row,
            person_id=f"rail.p{row + 1:04d}",
            request_id=f"rail.r{row + 1:04d}",
            purpose="rail",
            earliest_s=float(wish_s),
            zone=model.station,
            site=model.destinations[site[row]],
            scopes=("station_corridor",),
        )
        for row, wish_s in enumerate(earliest_s)
    ]


def _trains(scenario: Scenario, model: Rail, places: Places, phase: float) -> Floats:
    """Return the arrivals of trains whose passengers reach the forecourt within the span of the demand."""
    first, last = scenario.time.begin_s - model.walk_out_s, scenario.time.end_s - model.walk_out_s
    if model.trains_per_h is None:
        arrivals_s = np.array(sorted(read_trains(places.network.name)), dtype=np.float64)
        return arrivals_s[(arrivals_s >= first) & (arrivals_s < last)]
    if model.trains_per_h.value == 0:
        return np.empty(0)
    headway_s = 3600 / model.trains_per_h.value
    return np.arange(first + phase * headway_s, last, headway_s)
