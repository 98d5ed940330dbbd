"""The population of a scenario, drawn from its demand seed alone: every service meets the same people."""

from __future__ import annotations

from dataclasses import dataclass, field

from numpy.random import SeedSequence

from sim.demand.background import background
from sim.demand.coaches import Seats, coach_trips, take_seats
from sim.demand.commuters import CommuterTrips, commuters
from sim.demand.draws import named_streams
from sim.demand.goods import draw_goods
from sim.demand.people import People, draw_people
from sim.demand.places import Places
from sim.demand.population import BackgroundTrip, Goods, Population, Rider
from sim.demand.rail import rail_riders
from sim.demand.tables import read_coaches
from sim.demand.traits import with_traits
from sim.demand.uniform import uniform_riders
from sim.demand.visitors import visitors
from sim.demand.volumes import Volumes, commuter_volumes
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import Scenario

STREAMS = ("commuters", "rail", "background", "uniform", "visitors", "traits", "goods")
"""One stream a part, in this order; new parts go to the end, so that the others keep their draws."""


@dataclass(slots=True)
class _Parts:
    """What the parts of the demand have left so far."""

    trips: CommuterTrips = field(default_factory=CommuterTrips)
    riders: list[Rider] = field(default_factory=list)
    others: list[BackgroundTrip] = field(default_factory=list)


def generate(scenario: Scenario, network: Network, graph: EdgeGraph) -> Population:
    """Draw everybody who moves in a run.

    Only people whose wish to travel or departure lies in [begin_s, end_s) belong to the run; background
    traffic goes on to the end of the drain. Without a shuttle controller there are no riders, and all others
    are the same: the reference for the effect of a service on others.

    Raises
    ------
    ScenarioError
        A site, junction or gateway is unknown, not open yet or cannot be reached; the message names the path
        in the document or the row of a table, what was found and what is allowed.
    """
    streams = named_streams(SeedSequence(scenario.seeds.demand), STREAMS)
    places, demand = Places.of(network, graph), scenario.demand
    parts = _Parts()
    people = draw_people(demand.commuters, places, streams["commuters"]) if demand.commuters is not None else None
    _staff(scenario, places, people, parts)
    if demand.rail is not None:
        parts.riders += rail_riders(scenario, demand.rail, places, streams["rail"])
    if demand.background is not None:
        known = _known_volumes(scenario, people, places)
        parts.others += background(scenario, demand.background, places, streams["background"], known=known)
    if demand.uniform is not None:
        parts.riders += uniform_riders(scenario, demand.uniform, places, streams["uniform"])
    if demand.visitors is not None:
        riders, trips = visitors(scenario, demand.visitors, places, streams["visitors"])
        parts.riders += riders
        parts.others += trips
    riders = [] if scenario.controllers.shuttle is None else [*parts.trips.riders, *parts.riders]
    if demand.riders is not None:
        riders = with_traits(riders, demand.riders, begin_s=scenario.time.begin_s, seeds=streams["traits"])
    goods = Goods()
    if scenario.freight is not None:
        goods = draw_goods(scenario.freight, scenario.time, network, graph, streams["goods"])
    return Population(
        riders=tuple(sorted(riders, key=lambda rider: (rider.earliest_s, rider.request_id))),
        cars=tuple(sorted(parts.trips.cars, key=lambda car: (car.depart_s, car.vehicle_id))),
        background=tuple(sorted(parts.others, key=lambda trip: (trip.depart_s, trip.vehicle_id))),
        walkers=tuple(sorted(parts.trips.walkers, key=lambda walker: (walker.depart_s, walker.person_id))),
        goods=goods,
    )


def _staff(scenario: Scenario, places: Places, people: People | None, parts: _Parts) -> None:
    """Add the commuters and the coaches that carry some of them."""
    model = scenario.demand.commuters
    runs = read_coaches(places.network) if scenario.demand.coaches else []
    seats = Seats({})
    if model is not None and people is not None:
        seats = take_seats(runs, model, people)
        parts.trips = commuters(scenario, model, places, people, seated=seats.rows)
    parts.others += coach_trips(scenario, runs, seats, people, places)


def _known_volumes(scenario: Scenario, people: People | None, places: Places) -> Volumes:
    """Return the commuters' cars among the counted vehicles; needed only where flows are fitted to counts."""
    model, traffic = scenario.demand.commuters, scenario.demand.background
    if model is None or people is None or traffic is None or traffic.flows:
        return {}
    return commuter_volumes(model, people, places)
