"""The roads of a permit's zone.

A road belongs to an area or a polygon that holds more than half of the length of its kerb lane.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyproj
import shapely

from sim.errors import ScenarioError
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.permit_document import Point, Zone

SHARE_INSIDE = 0.5
MOST_NAMES = 20


def zone_edges(zone: Zone, network: Network, graph: EdgeGraph, *, place: str) -> frozenset[str]:
    """Return the ids of the edges of a zone.

    Parameters
    ----------
    place
        Where the zone stands in the scenario, for messages: `permits.<name>.zone`.

    Raises
    ------
    ScenarioError
        An area or edge is not known; an area or the polygon holds no road.
    """
    if zone.everywhere:
        return frozenset(graph.ids)
    found = set(_listed(zone, network, graph, place))
    for n, name in enumerate(zone.areas):
        if name not in network.areas:
            known = ", ".join(sorted(network.areas)) or "none"
            msg = f"{place}.areas.{n}: unknown {name!r}; network {network.name} has {known}"
            raise ScenarioError(msg)
        inside = _inside(shapely.Polygon(network.areas[name].shape), graph)
        if not inside:
            msg = f"{place}.areas.{n}: more than half of no road of network {network.name} lies in {name!r}"
            raise ScenarioError(msg)
        found |= inside
    if zone.polygon:
        found |= _in_polygon(zone.polygon, network, graph, f"{place}.polygon")
    return frozenset(found)


def _listed(zone: Zone, network: Network, graph: EdgeGraph, place: str) -> Iterator[str]:
    for n, edge in enumerate(zone.edges):
        if edge not in graph.index:
            shown = ", ".join(graph.ids[:MOST_NAMES]) + (", …" if len(graph.ids) > MOST_NAMES else "")
            msg = f"{place}.edges.{n}: unknown {edge!r}; network {network.name} has {len(graph.ids)} edges: {shown}"
            raise ScenarioError(msg)
        yield edge


def border_of(corners: Sequence[Point], network: Network, *, place: str) -> list[tuple[float, float]]:
    """Return the corners of a polygon in the coordinates of a network, metres.

    Raises
    ------
    ScenarioError
        The network has no projection; `place` names the polygon in the message.
    """
    project, (dx, dy) = _projection(network, place)
    return [(x + dx, y + dy) for x, y in (project(lon, lat) for lon, lat in corners)]


def _in_polygon(corners: Sequence[Point], network: Network, graph: EdgeGraph, place: str) -> set[str]:
    shape = shapely.Polygon(border_of(corners, network, place=place))
    if not shape.is_valid or not shape.area:
        msg = f"{place}: its border crosses or covers itself; corners follow one another around the zone"
        raise ScenarioError(msg)
    inside = _inside(shape, graph)
    if not inside:
        (west, east), (south, north) = ((min(axis), max(axis)) for axis in zip(*corners, strict=True))
        msg = (
            f"{place}: the zone is off the network: it spans {west:g} to {east:g} °E, {south:g} to {north:g} °N, and "
            f"more than half of no road of network {network.name} lies in it"
        )
        raise ScenarioError(msg)
    return inside


def _inside(shape: shapely.Polygon, graph: EdgeGraph) -> set[str]:
    shapely.prepare(shape)
    lines = {edge: shapely.LineString(points) for edge, points in zip(graph.ids, graph.shapes, strict=True)}
    return {
        edge
        for edge, line in lines.items()
        if shape.intersects(line) and shape.intersection(line).length > SHARE_INSIDE * line.length
    }


def _projection(network: Network, place: str) -> tuple[pyproj.Proj, tuple[float, float]]:
    """Return the projection of a network and the offset of its own frame."""
    location = _location(network.net_file)
    text = location.get("projParameter", "!")
    if text in {"!", "-", ""}:
        msg = f"{place}: network {network.name} has no projection, so longitude and latitude say nothing; name edges"
        raise ScenarioError(msg)
    dx, dy = (float(part) for part in location["netOffset"].split(","))
    return pyproj.Proj(text), (dx, dy)


def _location(net_file: Path) -> dict[str, str]:
    """Return what a net says of its frame; it stands before all roads, so little is read."""
    with net_file.open("rb") as file:
        for _, element in ET.iterparse(file, events=("start",)):  # noqa: S314 (a net that was built here)
            if element.tag == "location":
                return dict(element.attrib)
            if element.tag == "edge":
                break
    return {}
