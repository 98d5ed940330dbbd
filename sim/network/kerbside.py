"""What stands beside the roads: car parks, docks, truck staging and depots, chargers, the shuttle depot, areas."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple
from xml.etree import ElementTree as ET

import sumolib

from sim.errors import NetworkError
from sim.network.catalog import CHARGING_EFFICIENCY, Area, CarPark, Charger, DockPlace, Places, SitePlace
from sim.network.edges import Lane, kerb_lane
from sim.network.survey import Roadside, Tables

GAP_M = 15.0
"""Free kerb between a row of bays and the junctions at both ends of its edge."""
KERB_M = 4.0
"""From the middle of the kerb lane to the bays."""
DEPOT_BAYS, DEPOT_ROWS = 40, 2
ROWS = 12
"""A car park has so many rows of bays before it takes more kerb."""
CHARGER_M = 14.0
"""One shuttle with room to pull in."""


class Bays(NamedTuple):
    """Size of one bay along the road and square to it; `pitch_m` adds the aisle to the next row."""

    width_m: float
    depth_m: float
    pitch_m: float


CAR = Bays(2.5, 5.0, 8.0)
SHUTTLE = Bays(3.5, 7.5, 7.5)
TRUCK = Bays(4.0, 18.0, 30.0)
DOCK_ROWS: Mapping[str, tuple[Bays, int]] = MappingProxyType({
    "dock": (TRUCK, 1), "staging": (TRUCK, 2), "depot": (TRUCK, 2), "compound": (CAR, 1),
})  # fmt: skip
"""The bays of each kind, and how many rows of them."""


def car_parks(tables: Tables, net: sumolib.net.Net) -> dict[str, CarPark]:
    """Return the car parks: bays beside the road, up to `ROWS` deep."""
    found = {}
    for key, row in sorted(tables.car_parks.items()):
        beside = _beside(row, net, CAR.width_m * max(math.ceil(row.places / ROWS), 8), "car_parks.csv")
        found[key] = CarPark.model_validate({**beside, "site": row.site, "capacity": row.places})
    return found


def docks(tables: Tables, net: sumolib.net.Net) -> dict[str, DockPlace]:
    """Return dock bays, truck staging and depots, and where finished cars are handed over."""
    found = {}
    for key, row in sorted(tables.docks.items()):
        bays, rows = DOCK_ROWS[row.kind]
        beside = _beside(row, net, bays.width_m * math.ceil(row.places / rows), "docks.csv")
        found[key] = DockPlace.model_validate({**beside, "kind": row.kind, "site": row.site, "bays": row.places})
    return found


def chargers(tables: Tables, net: sumolib.net.Net) -> dict[str, Charger]:
    """Return the charging stations."""
    found = {}
    for key, row in sorted(tables.chargers.items()):
        beside = _beside(row, net, CHARGER_M, "chargers.csv")
        found[key] = Charger.model_validate({**beside, "power_kw": row.power_kw})
    return found


def areas(tables: Tables, net: sumolib.net.Net) -> dict[str, Area]:
    """Return the pieces of ground with their corners in the net's metres."""
    found = {}
    for key, row in sorted(tables.areas.items()):
        corners = tuple(net.convertLonLat2XY(*point) for point in row.shape)
        shape = tuple((round(x, 2), round(y, 2)) for x, y in corners)
        names = {"name_ko": row.name_ko, "name_en": row.name_en}
        found[key] = Area(kind=row.kind, site=row.site, shape=shape, status=row.status, **names)
    return found


def kerbside_elements(places: Places, net: sumolib.net.Net) -> Iterator[ET.Element]:
    """Yield the elements of the additional file: parking areas by id, then charging stations."""
    if "shuttle_depot" in places.sites:
        yield _depot(places.sites["shuttle_depot"], net)
    for key, park in places.car_parks.items():
        yield _parking_area(
            key, park.name, net.getLane(park.lane), (park.start_m, park.end_m), places=park.capacity, bays=CAR
        )
    for key, dock in places.docks.items():
        bays, _ = DOCK_ROWS[dock.kind]
        yield _parking_area(
            key, dock.name, net.getLane(dock.lane), (dock.start_m, dock.end_m), places=dock.bays, bays=bays
        )
    for key, charger in places.chargers.items():
        cells = {"id": key, "name": charger.name, "lane": charger.lane, "power": f"{1000 * charger.power_kw:.0f}"}
        cells |= {
            "startPos": f"{charger.start_m:.2f}",
            "endPos": f"{charger.end_m:.2f}",
            "efficiency": f"{CHARGING_EFFICIENCY}",
        }
        yield ET.Element("chargingStation", cells)


def _beside(row: Roadside, net: sumolib.net.Net, length_m: float, file: str) -> dict[str, object]:
    """Return what all places beside a lane say of themselves; `x` and `y` are the middle of their stretch."""
    lane = kerb_lane(net.getEdge(row.edge))
    middle_m = lane.getLength() / 2 if row.at_m is None else row.at_m
    start = _start_m(lane, middle_m, length_m, f"{file}: {row.id}")
    x, y = sumolib.geomhelper.positionAtShapeOffset(lane.getShape(), start + length_m / 2)
    ends = {"start_m": round(start, 2), "end_m": round(start + length_m, 2)}
    common = {"name": row.name, "status": row.status, "edge": row.edge, "lane": lane.getID()}
    return {**common, **ends, "x": round(x, 2), "y": round(y, 2)}


def _start_m(lane: Lane, middle_m: float, length_m: float, where: str) -> float:
    """Return where a row of bays begins: around a point of the lane, clear of the junctions."""
    if lane.getLength() - 2 * GAP_M < length_m:
        allowed = f"an edge of {length_m + 2 * GAP_M:.0f} m or more"
        found = f"edge {lane.getEdge().getID()}, {lane.getLength():.0f} m"
        msg = f"{where}: found {found}; allowed: {allowed}"
        raise NetworkError(msg)
    return float(min(max(middle_m - length_m / 2, GAP_M), lane.getLength() - GAP_M - length_m))


def _depot(site: SitePlace, net: sumolib.net.Net) -> ET.Element:
    """Return the parking area `depot`: bays square to the road, two rows deep, off the carriageway."""
    lane = kerb_lane(net.getEdge(site.edge))
    span = DEPOT_BAYS / DEPOT_ROWS * SHUTTLE.width_m
    start = _start_m(lane, site.pos_m, span, "sites.csv: shuttle_depot")
    return _parking_area("depot", site.name_ko, lane, (start, start + span), places=DEPOT_BAYS, bays=SHUTTLE)


def _parking_area(
    key: str, name: str, lane: Lane, ends_m: tuple[float, float], *, places: int, bays: Bays
) -> ET.Element:
    """Return a parking area with its bays square to the road, row behind row, the heads away from it."""
    start, end = ends_m
    cells = {"id": key, "name": name, "lane": lane.getID(), "startPos": f"{start:.2f}", "endPos": f"{end:.2f}"}
    area = ET.Element("parkingArea", cells, roadsideCapacity="0", onRoad="false")
    columns = int((end - start) / bays.width_m + 0.01)
    # SUMO puts a vehicle's front at x, y and lets it head towards 180 degrees minus `angle`: here off the road
    for bay in range(places):
        row, column = divmod(bay, columns)
        out = KERB_M + row * bays.pitch_m + bays.depth_m
        along = start + (column + 0.5) * bays.width_m
        x, y = sumolib.geomhelper.positionAtShapeOffset(lane.getShape(), along)
        ahead = sumolib.geomhelper.positionAtShapeOffset(lane.getShape(), along + 0.5)
        dx, dy = 2 * float(ahead[0] - x), 2 * float(ahead[1] - y)
        space = {"x": x + out * dy, "y": y - out * dx, "width": bays.width_m, "length": bays.depth_m}
        rounded = {key: f"{value:.2f}" for key, value in space.items()}
        ET.SubElement(area, "space", rounded, angle=f"{180.0 - math.degrees(math.atan2(dy, -dx)):.1f}")
    return area
