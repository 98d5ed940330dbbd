"""The population of a scenario, drawn from its demand seed alone: every service meets the same people."""

from __future__ import annotations

from numpy.random import SeedSequence

from sim.demand.background import background
from sim.demand.commuters import commuters
from sim.demand.draws import named_streams
from sim.demand.places import Places
from sim.demand.population import BackgroundTrip, Car, Population, Rider
from sim.demand.rail import rail_riders
from sim.demand.uniform import uniform_riders
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import Scenario

STREAMS = ("commuters", "rail", "background", "uniform")
"""One stream a part, in this order; new parts go to the end, so that the others keep their draws."""


def generate(scenario: Scenario, network: Network, graph: EdgeGraph) -> Population:
    """Draw everybody who moves in a run.

    Only people whose wish to travel or departure lies in [begin_s, end_s) belong to the run; background
    traffic goes on to the end of the drain. Without a shuttle controller there are no riders, and cars and
    background traffic are the same: the reference for the effect of a service on others.

    Raises
    ------
    ScenarioError
        A site, junction or gateway is unknown, not open yet or cannot be reached; the message names the path
        in the document, what was found and what is allowed.
    """
    streams = named_streams(SeedSequence(scenario.seeds.demand), STREAMS)
    places, demand = Places.of(network, graph), scenario.demand
    riders: list[Rider] = []
    cars: list[Car] = []
    trips: list[BackgroundTrip] = []
    if demand.commuters is not None:
        riders, cars = commuters(scenario, demand.commuters, places, streams["commuters"])
    if demand.rail is not None:
        riders += rail_riders(scenario, demand.rail, places, streams["rail"])
    if demand.background is not None:
        trips = background(scenario, demand.background, places, streams["background"])
    if demand.uniform is not None:
        riders += uniform_riders(scenario, demand.uniform, places, streams["uniform"])
    if scenario.controllers.shuttle is None:
        riders = []
    return Population(
        riders=tuple(sorted(riders, key=lambda rider: (rider.earliest_s, rider.request_id))),
        cars=tuple(sorted(cars, key=lambda car: (car.depart_s, car.vehicle_id))),
        background=tuple(sorted(trips, key=lambda trip: (trip.depart_s, trip.vehicle_id))),
    )
