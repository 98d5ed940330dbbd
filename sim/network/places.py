"""Sites, stops, lines and gateways of a built net: `places.json` and the additional file."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import sumolib

from sim.errors import NetworkError
from sim.network.catalog import GatewayPlace, JunctionPlace, KerbPlace, LinePath, Places, SitePlace, StopKerb
from sim.network.edges import Edge, kerb_lane, kerb_point, walked_lane
from sim.network.kerbside import areas, car_parks, chargers, docks, kerbside_elements
from sim.network.plain import xml_bytes
from sim.network.stops import STOP_LENGTH_M, Kerb, Placement
from sim.network.survey import Site, Tables

ENTRANCE_GAP_M = 25.0
"""Free kerb between a site's entrance and the junctions at both ends of its edge."""
STOP_CAPACITY = 100
"""Waiting people a stop holds; SUMO's default of 6 would leave the rest of a shift standing off the stop."""
CROSSING_M = 15.0
"""On foot between the kerbs of a stop: four lanes and the verges."""


def collect_places(tables: Tables, net: sumolib.net.Net, placement: Placement) -> Places:
    """Return everything `places.json` holds, from the tables and the stops placed on the net."""
    off = {stop.place for stop in placement.off_network}
    return Places(
        sites={key: _site(site, tables, net) for key, site in sorted(tables.sites.items())},
        stops={stop_id(k): _stop(k, tables, net, off) for twins in placement.kerbs.values() for k in twins},
        lines={
            key: LinePath(stops=tuple(map(stop_id, line.kerbs)), edges=line.edges, length_m=line.length_m)
            for key, line in sorted(placement.lines.items())
        },
        gateways=_gateways(tables),
        junctions={
            key: JunctionPlace(name=node.name, x=x, y=y, status=node.status)
            for key, node in sorted(tables.junctions.items())
            for x, y in [_rounded(net.getNode(key).getCoord())]
        },
        car_parks=car_parks(tables, net),
        docks=docks(tables, net),
        chargers=chargers(tables, net),
        areas=areas(tables, net),
    )


def stop_id(kerb: Kerb) -> str:
    """Return the id of a stop's kerb: its place and the direction of the edge it stands on."""
    return f"{kerb.place}{kerb.edge[-1]}"


def additional_xml(places: Places, net: sumolib.net.Net) -> bytes:
    """Return the additional file: a busStop per kerb, then what `kerbside` puts beside the roads."""
    root = ET.Element("additional")
    lines: dict[str, list[str]] = {}
    for key, line in places.lines.items():
        for stop in line.stops:
            lines.setdefault(stop, []).append(key)
    for key, kerb in sorted(places.stops.items()):
        calls = {"lines": " ".join(dict.fromkeys(lines[key]))} if key in lines else {}
        element = kerb_element(root, "busStop", key, kerb, personCapacity=str(STOP_CAPACITY), **calls)
        element.extend(_crossing(twin, net) for _, twin in sorted(places.stops.items()) if _across(kerb, twin))
    root.extend(kerbside_elements(places, net))
    return xml_bytes(root)


def kerb_element(root: ET.Element, tag: str, key: str, place: KerbPlace, **more: str) -> ET.Element:
    """Add what lies beside a stretch of lane to an additional file."""
    ends = {"startPos": f"{place.start_m:.2f}", "endPos": f"{place.end_m:.2f}"}
    return ET.SubElement(root, tag, {"id": key, "name": place.name, "lane": place.lane, **ends, **more})


def _across(kerb: StopKerb, other: StopKerb) -> bool:
    return kerb.place == other.place and kerb.edge != other.edge


def _crossing(other: StopKerb, net: sumolib.net.Net) -> ET.Element:
    """Return the way on foot from a stop to the kerb across the road.

    Without it SUMO's pedestrians change between the two directions of a road at junctions alone: 1,134 s instead of
    370 s from a home 450 m from the stop. And past a dead end they even turn the wrong way.
    """
    pos_m = (other.start_m + other.end_m) / 2
    lane = walked_lane(net.getEdge(other.edge)).getID()
    return ET.Element("access", lane=lane, pos=f"{pos_m:.2f}", length=f"{CROSSING_M:.0f}")


def _site(site: Site, tables: Tables, net: sumolib.net.Net) -> SitePlace:
    x, y = net.convertLonLat2XY(*site.lonlat)
    edge = _entrance_edge(site, tables, net, (x, y))
    lane = kerb_lane(edge)
    offset = sumolib.geomhelper.polygonOffsetWithMinimumDistanceToPoint((x, y), lane.getShape())
    length = lane.getLength()
    gap = min(ENTRANCE_GAP_M, length / 2)
    rounded = _rounded((x, y))
    return SitePlace(
        name_ko=site.name_ko,
        name_en=site.name_en,
        kind=site.kind,
        node=site.node,
        edge=edge.getID(),
        pos_m=round(min(max(offset, gap), length - gap), 2),
        lon=site.lonlat[0],
        lat=site.lonlat[1],
        x=rounded[0],
        y=rounded[1],
        staff=site.staff,
        shift=site.shift,
        opens=site.opens,
        status=site.status,
        position_status=site.position_status,
    )


def _entrance_edge(site: Site, tables: Tables, net: sumolib.net.Net, point: tuple[float, float]) -> Edge:
    """Return the road side a site is entered from.

    The table of anchors wins; else the nearest road at the site's junction that pedestrians may use, on the side
    of the site.
    """
    if site.id in tables.site_anchors:
        return net.getEdge(tables.site_anchors[site.id])
    roads = [r.id for r in tables.roads.values() if site.node in (r.start, r.end) and not r.motor_only]
    sides = [net.getEdge(edge) for road in sorted(roads) for edge in tables.roads[road].edges]
    return min(sides, key=lambda e: sumolib.geomhelper.distancePointToPolygon(point, kerb_lane(e).getShape()))


def _stop(kerb: Kerb, tables: Tables, net: sumolib.net.Net, off: set[str]) -> StopKerb:
    place = tables.stop_places[kerb.place]
    lane = kerb_lane(net.getEdge(kerb.edge))
    point = kerb_point(lane.getEdge(), kerb.pos_m)
    lon, lat = net.convertXY2LonLat(*point)
    x, y = _rounded(point)
    half = min(STOP_LENGTH_M, lane.getLength() - 1.0) / 2
    return StopKerb(
        name=place.name_ko,
        place=place.id,
        edge=kerb.edge,
        lane=lane.getID(),
        start_m=round(kerb.pos_m - half, 2),
        end_m=round(kerb.pos_m + half, 2),
        x=x,
        y=y,
        lon=round(lon, 6),
        lat=round(lat, 6),
        # a post farther than OFF_NETWORK_M from the road its line drives is not where the survey has it
        position_status="schematic" if kerb.place in off else place.position_status,
    )


def _gateways(tables: Tables) -> dict[str, GatewayPlace]:
    found = {}
    for key, gateway in sorted(tables.gateways.items()):
        entries, exits = [], []
        for road_id in gateway.roads:
            road = tables.roads.get(road_id)
            if road is None or key not in (road.start, road.end):
                msg = f"gateways.csv: gateway {key}: found road {road_id!r}, allowed: a built road at {key}"
                raise NetworkError(msg)
            entry, leave = ("+", "-") if key == road.start else ("-", "+")
            entries += [edge for edge in road.edges if edge.endswith(entry)]
            exits += [edge for edge in road.edges if edge.endswith(leave)]
        found[key] = GatewayPlace(
            name=gateway.name_en,
            name_ko=gateway.name_ko,
            entry_edges=tuple(entries),
            exit_edges=tuple(exits),
            status=gateway.status,
        )
    return found


def _rounded(point: tuple[float, ...]) -> tuple[float, float]:
    return round(point[0], 2), round(point[1], 2)
