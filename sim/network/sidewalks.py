"""Which roads have sidewalks and where people cross: what netconvert's plain XML says about people on foot."""

from __future__ import annotations

from collections.abc import Collection
from xml.etree import ElementTree as ET

import shapely

from sim.network.polyline import line_m
from sim.network.survey import Tables
from sim.network.turns import road_points

COMPLEX_LONLAT = (126.655, 35.162, 126.682, 35.190)
"""West, south, east, north of the complex."""
WALKED_KINDS = frozenset({"station", "housing"})
WALKED_M = 100.0
"""A road that runs so far through the complex, housing or the surroundings of a station has sidewalks."""
FASTEST_KMH = 60.0
SIDEWALK_M = 2.5
"""Assumed: Korean rules ask for 2.0 m at least."""


def roads_with_sidewalks(tables: Tables) -> frozenset[str]:
    """Return the roads with a sidewalk on both sides.

    They run through the complex, served housing or the surroundings of a station, at 60 km/h or less; motor roads and
    ramps have none.
    """
    walked = [shapely.box(*COMPLEX_LONLAT)]
    walked += [shapely.Polygon(area.shape) for area in tables.areas.values() if area.kind in WALKED_KINDS]
    found = set()
    for road in tables.roads.values():
        if road.motor_only or road.oneway or road.speed_kmh > FASTEST_KMH:
            continue
        points = road_points(road, tables)
        line = shapely.LineString(points)
        share = max(line.intersection(ground).length for ground in walked) / line.length
        if share * line_m(points) >= WALKED_M:
            found.add(road.id)
    return frozenset(found)


def beside_sidewalks(connections: ET.Element, sidewalks: Collection[str]) -> None:
    """Count the lanes of connections from the sidewalk, which is lane 0; the tables count lanes for vehicles."""
    for connection in connections.iter("connection"):
        for edge, lane in (("from", "fromLane"), ("to", "toLane")):
            if connection.attrib[edge][:-1] in sidewalks:
                connection.attrib[lane] = str(int(connection.attrib[lane]) + 1)


def name_crossings(connections: ET.Element, tables: Tables) -> None:
    """Add the crossings of the table; netconvert guesses none where it is told of one."""
    for junction, road in tables.crossings:
        ET.SubElement(connections, "crossing", node=junction, edges=" ".join(tables.roads[road].edges))
