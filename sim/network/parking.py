"""The parking areas of a built network, by id: where fleets start and end."""

from __future__ import annotations

from typing import NamedTuple
from xml.etree import ElementTree as ET

from sim.network.catalog import Network


class ParkingArea(NamedTuple):
    """The edge a parking area lies on, and its end on it."""

    edge: str
    end_m: float


def parking_areas(network: Network) -> dict[str, ParkingArea]:
    """Return the parking areas that the network's additional files define."""
    found = {
        element.attrib["id"]: ParkingArea(element.attrib["lane"].rpartition("_")[0], float(element.attrib["endPos"]))
        for path in network.additional_files
        for element in ET.parse(path).getroot().iter("parkingArea")  # noqa: S314 (built by netconvert, not uploaded)
    }
    return dict(sorted(found.items()))
