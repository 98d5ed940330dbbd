"""The sites and depots of a scenario's freight on its network: the parking areas that they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sim.errors import ScenarioError
from sim.freight_document import Freight, FreightSite
from sim.network.catalog import Network
from sim.network.graph import BoolArray, EdgeGraph
from sim.network.parking import ParkingArea, parking_areas

DOCK, STAGING = "dock.", "staging."
"""What the names of a site's parking areas begin with unless the scenario names others."""


@dataclass(frozen=True, slots=True)
class FreightPlace:
    """A freight site: its dock with so many bays in use, and the lot to wait in, None where there is none."""

    dock: ParkingArea
    bays: int
    staging: ParkingArea | None = None


def freight_places(network: Network, graph: EdgeGraph, freight: Freight) -> dict[str, FreightPlace]:
    """Return the freight sites of a scenario by name.

    Raises
    ------
    ScenarioError
        A dock or staging lot is not in the network or out of the reach of trucks, or there are fewer bays than the
        scenario uses; the message names the path in the document, what was found and what is allowed.
    """
    areas, reached = parking_areas(network), graph.reachable("truck")
    return {name: _place(name, site, areas, graph, reached) for name, site in freight.sites.items()}


def freight_depots(network: Network, graph: EdgeGraph, freight: Freight) -> dict[str, ParkingArea]:
    """Return the depots of a scenario by name.

    Raises
    ------
    ScenarioError
        A parking area is not in the network, out of the reach of trucks, or too small for the fleets of its depot.
    """
    areas, reached = parking_areas(network), graph.reachable("truck")
    found = {}
    for name, depot in freight.depots.items():
        where = f"freight.depots.{name}.parking"
        found[name] = _reached(_known(depot.parking, areas, where), graph, reached, where)
        fleets = [fleet for fleet in freight.fleets.values() if fleet.depot == name and fleet.robot is None]
        standing = sum(fleet.count for fleet in fleets)
        if standing > found[name].places:
            msg = f"{where}: {depot.parking} has {found[name].places} places for {standing} vehicles of depot {name}"
            raise ScenarioError(msg)
    return found


def compound_parking(network: Network, graph: EdgeGraph, freight: Freight) -> ParkingArea | None:
    """Return where finished cars are handed over; None where a scenario has none.

    Raises
    ------
    ScenarioError
        The parking area or the edge that the cars start from is not in the network, or no car can get from one to
        the other.
    """
    cars = freight.finished_cars
    if cars is None:
        return None
    where, reached = "freight.finished_cars", graph.reachable("passenger")
    area = _known(cars.parking, parking_areas(network), f"{where}.parking")
    if cars.start_edge not in graph.index or not reached[graph.index[cars.start_edge]]:
        found = "is not one of the network" if cars.start_edge not in graph.index else "cannot be left by cars"
        msg = f"{where}.start_edge: edge {cars.start_edge!r} {found}; allowed are edges that cars can reach and leave"
        raise ScenarioError(msg)
    return _reached(area, graph, reached, f"{where}.parking", who="cars")


def require_apart(
    places: Mapping[str, FreightPlace], depots: Mapping[str, ParkingArea], compound: ParkingArea | None
) -> None:
    """Make sure that each parking area serves one purpose: two that count its places would both fill them.

    Raises
    ------
    ScenarioError
        One is used twice.
    """
    used: dict[str, str] = {}
    for where, area in _used(places, depots, compound):
        if area.id in used:
            msg = (
                f"{used[area.id]} and {where}: found {area.id} for both; allowed is a parking area of its own for each"
            )
            raise ScenarioError(msg)
        used[area.id] = where


def _used(
    places: Mapping[str, FreightPlace], depots: Mapping[str, ParkingArea], compound: ParkingArea | None
) -> Iterator[tuple[str, ParkingArea]]:
    """Yield each parking area of the freight with the path of the document that it is for."""
    for name, place in places.items():
        yield f"freight.sites.{name}.dock", place.dock
        if place.staging is not None:
            yield f"freight.sites.{name}.staging", place.staging
    for name, area in depots.items():
        yield f"freight.depots.{name}.parking", area
    if compound is not None:
        yield "freight.finished_cars.parking", compound


def _place(
    name: str, site: FreightSite, areas: Mapping[str, ParkingArea], graph: EdgeGraph, reached: BoolArray
) -> FreightPlace:
    where = f"freight.sites.{name}"
    dock = _known(site.dock or DOCK + name, areas, f"{where}.dock", prefix=DOCK)
    _reached(dock, graph, reached, f"{where}.dock")
    if site.bays is not None and site.bays > dock.places:
        msg = f"{where}.bays: found {site.bays}; {dock.id} has {dock.places}"
        raise ScenarioError(msg)
    staging = areas.get(STAGING + name)
    if site.staging is not None:
        staging = _known(site.staging, areas, f"{where}.staging", prefix=STAGING)
    if staging is not None:
        _reached(staging, graph, reached, f"{where}.staging")
    return FreightPlace(dock, dock.places if site.bays is None else site.bays, staging)


def _known(name: str, areas: Mapping[str, ParkingArea], where: str, *, prefix: str = "") -> ParkingArea:
    if name not in areas:
        likely = [one for one in areas if one.startswith(prefix)] or list(areas)
        msg = f"{where}: the network has no parking area {name!r}; allowed are {', '.join(likely) or 'none'}"
        raise ScenarioError(msg)
    return areas[name]


def _reached(
    area: ParkingArea, graph: EdgeGraph, reached: BoolArray, where: str, *, who: str = "trucks"
) -> ParkingArea:
    if not reached[graph.position(area.edge)]:
        msg = f"{where}: {area.id} lies on edge {area.edge}, which {who} cannot reach and leave"
        raise ScenarioError(msg)
    return area
