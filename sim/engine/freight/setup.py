"""A scenario's freight made ready for a run: checked against the network before SUMO starts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from sim.errors import ScenarioError
from sim.freight import Cargo, FleetTraits
from sim.freight_document import Charging, Freight, TruckFleet
from sim.network.catalog import Network
from sim.network.freight_places import (
    FreightPlace,
    compound_parking,
    freight_depots,
    freight_places,
    require_apart,
)
from sim.network.graph import EdgeGraph
from sim.network.parking import ParkingArea
from sim.permits.book import PermitBook, Subject
from sim.permits.movers import require_movers
from sim.scenario import Scenario
from sim.vehicle_classes import VEHICLE_CLASSES
from sim.world import Floats, Location


@dataclass(frozen=True, slots=True)
class FreightSetup:
    """What a run's freight needs: places on the network, permits compiled for it, what is known of each fleet.

    `caps_mps` is, for each fleet, the highest speed that its permits allow on each edge at any hour: 0 where it may
    never be; `car_speed_mps` that of finished cars anywhere.
    """

    document: Freight
    places: Mapping[str, FreightPlace]
    depots: Mapping[str, ParkingArea]
    compound: ParkingArea | None
    book: PermitBook
    fleets: Mapping[str, FleetTraits]
    caps_mps: Mapping[str, Floats]
    car_speed_mps: float

    def vehicles(self) -> list[str]:
        """Return the ids of the fleets' vehicles."""
        return [freight_id(name, n) for name, fleet in self.document.fleets.items() for n in range(fleet.count)]

    def charging(self) -> dict[str, tuple[ParkingArea, Charging]]:
        """Return the sites and depots with chargers, each with the parking area that they stand at."""
        sites = {name: (self.places[name].dock, site.charging) for name, site in self.document.sites.items()}
        depots = {name: (self.depots[name], depot.charging) for name, depot in self.document.depots.items()}
        return {name: (area, one) for name, (area, one) in {**sites, **depots}.items() if one is not None}


def freight_id(fleet: str, number: int) -> str:
    """Return the id of a fleet's vehicle."""
    return f"{fleet}.{number:02d}"


def set_up_freight(scenario: Scenario, network: Network, graph: EdgeGraph) -> FreightSetup | None:
    """Check what a scenario's freight names; None for a scenario without goods.

    Raises
    ------
    ScenarioError
        A site, depot or zone is not in the network, two of them are one place, a permit is for nobody, or a fleet is
        covered by none or cannot get from its depot to its sites.
    """
    document = scenario.freight
    if document is None:
        return None
    require_movers(scenario)
    places = freight_places(network, graph, document)
    depots = freight_depots(network, graph, document)
    compound = compound_parking(network, graph, document)
    require_apart(places, depots, compound)
    book = PermitBook.of(scenario, network, graph)
    fleets, caps = {}, {}
    for name, fleet in document.fleets.items():
        subject = Subject(fleet.vehicle_class, fleet.crew, fleet.empty_kg)
        _require_cover(f"freight.fleets.{name}", subject, book)
        caps[name] = np.minimum(book.caps_of_day_mps(subject), fleet.max_speed_mps)
        _require_ways(name, fleet, places, depots, class_graph(graph, fleet.vehicle_class, caps[name]))
        fleets[name] = _traits(
            name, fleet, scenario, book,
            depot=depots[fleet.depot], served=[places[site].dock.edge for site in fleet.sites or tuple(places)],
        )  # fmt: skip
    return FreightSetup(document, places, depots, compound, book, fleets, caps, _car_speed_mps(document, book))


def _car_speed_mps(document: Freight, book: PermitBook) -> float:
    """Return the speed that finished cars never exceed: the lowest cap of their permits, on whatever road."""
    cars = document.finished_cars
    if cars is None:
        return math.inf
    subject = Subject("finished_car", cars.crew, 0.0)
    _require_cover("freight.finished_cars", subject, book)
    caps = book.caps_of_day_mps(subject)
    return min(cars.max_speed_kmh.value / 3.6, float(caps[caps > 0].min(initial=math.inf)))


def _traits(
    name: str,
    fleet: TruckFleet,
    scenario: Scenario,
    book: PermitBook,
    *,
    depot: ParkingArea,
    served: Iterable[str],
) -> FleetTraits:
    document = scenario.freight
    charging = None if document is None else document.depots[fleet.depot].charging
    subject = Subject(fleet.vehicle_class, fleet.crew, fleet.empty_kg)
    return FleetTraits(
        name=name,
        vehicle_class=fleet.vehicle_class,
        depot=fleet.depot,
        depot_location=Location(book.graph.index[depot.edge], depot.end_m),
        capacity=Cargo(fleet.capacity_pallets, fleet.payload_kg),
        kinds=frozenset(fleet.kinds),
        sites=frozenset(fleet.sites),
        windows=book.driving_windows(subject, [depot.edge, *served]),
        duty_begin_s=float(scenario.time.begin_s if fleet.duty is None else fleet.duty.begin_s),
        duty_end_s=float(scenario.time.horizon_s if fleet.duty is None else fleet.duty.end_s),
        kwh_per_km=fleet.battery.consumption_kwh_per_km.value if fleet.battery is not None else None,
        reserve_share=fleet.battery.reserve_share.value if fleet.battery is not None else 0.0,
        max_parallel=book.most_on_road(subject, fleet.operators),
        depot_charging_kw=None if charging is None else charging.power_kw.value,
        outside=book.outside(subject),
    )


def _require_cover(place: str, subject: Subject, book: PermitBook) -> None:
    """Make sure that a permit covers empty vehicles with their crew, if permits name their class at all."""
    lacks = book.lacks(subject)
    if lacks:
        msg = (
            f"{place}: no permit covers {subject.vehicle_class} with crew {subject.crew}, {subject.mass_kg:g} kg "
            f"empty; {'; '.join(lacks)}"
        )
        raise ScenarioError(msg)


def _require_ways(
    name: str,
    fleet: TruckFleet,
    places: Mapping[str, FreightPlace],
    depots: Mapping[str, ParkingArea],
    graph: EdgeGraph,
) -> None:
    """Make sure that a fleet can get from its depot to its sites and back on the roads that its permits allow."""
    served = {site: places[site].dock for site in fleet.sites or tuple(places)}
    reached = graph.reachable(fleet.vehicle_class)
    for what, area in {fleet.depot: depots[fleet.depot], **served}.items():
        if not reached[graph.index[area.edge]]:
            msg = (
                f"freight.fleets.{name}: {fleet.vehicle_class} cannot reach and leave {what!r} (edge {area.edge}) on "
                "the roads that its permits allow; allowed are sites and depots within the zones of its permits"
            )
            raise ScenarioError(msg)


def class_graph(graph: EdgeGraph, vehicle_class: str, caps_mps: Floats) -> EdgeGraph:
    """Return the graph with the roads of a class as its permits have them; that of robots knows no other class."""
    like, edges = VEHICLE_CLASSES[vehicle_class].like, np.asarray(caps_mps > 0, dtype=np.bool_)
    if like == "pedestrian":
        return graph.on_foot(vehicle_class, edges=edges & graph.permits[like])
    return graph.restricted(vehicle_class, like=like, edges=edges)
