"""The parking areas of a built network, by id: where fleets stand, docks, lots to wait in."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree as ET

from sim.network.catalog import Network


class ParkingArea(NamedTuple):
    """The stretch of lane that a parking area lies along, and how many vehicles it holds."""

    id: str
    edge: str
    lane: str
    start_m: float
    end_m: float
    places: int


def parking_areas(network: Network) -> dict[str, ParkingArea]:
    """Return the parking areas that the network's additional files define."""
    found = [
        _parking_area(element)
        for path in network.additional_files
        for element in ET.parse(path).getroot().iter("parkingArea")  # noqa: S314 (built by netconvert, not uploaded)
    ]
    return {area.id: area for area in sorted(found)}


def _parking_area(element: ET.Element) -> ParkingArea:
    cells, lane = element.attrib, element.attrib["lane"]
    return ParkingArea(
        id=cells["id"],
        edge=lane.rpartition("_")[0],
        lane=lane,
        start_m=float(cells.get("startPos", "0")),
        end_m=float(cells["endPos"]),
        places=int(cells.get("roadsideCapacity", "0")) + len(element.findall("space")),
    )
