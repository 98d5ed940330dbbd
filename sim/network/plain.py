"""The survey tables as netconvert's plain XML: nodes and edges, with the rule for signals."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from sim.network.merges import connect_lanes
from sim.network.polyline import LonLat
from sim.network.sidewalks import SIDEWALK_M, beside_sidewalks, name_crossings, roads_with_sidewalks
from sim.network.survey import MERGE, Junction, Road, Tables, is_arterial
from sim.network.turns import connect, road_points

VEHICLE_CLASSES = (
    *("private", "emergency", "authority", "army", "vip", "passenger", "hov", "taxi", "bus", "coach"),
    *("delivery", "truck", "trailer", "evehicle"),
)
"""Every road takes these; rails, waterways, airspace and the custom classes stay free for permits."""
CORNER_M = 12.0
"""Corner radius at signals, which sets the speed of right turns; netconvert's 4 m is that of a side street."""
SLOW_CLASSES = ("motorcycle", "moped", "bicycle", "pedestrian", "scooter", "wheelchair")
"""What the law keeps off motor roads: everything on fewer than four wheels."""


def signalled(tables: Tables) -> tuple[str, ...]:
    """Return the junctions with signals, sorted.

    The rule: three arms or more, one of them arterial and one with two lanes or more at 50 km/h or more; the
    `signal` column of the table overrides it.
    """
    arms = _arms(tables)
    return tuple(sorted(key for key, node in tables.junctions.items() if _has_signal(node, arms[key])))


def write_plain(tables: Tables, folder: Path, prefix: str) -> tuple[Path, Path, Path]:
    """Write nodes, edges (both in lon/lat), connections of signals and merges as plain XML and return the paths."""
    signals = signalled(tables)
    nodes = ET.Element("nodes")
    for key, node in sorted(tables.junctions.items()):
        lon, lat = node.lonlat
        signal = {"type": "traffic_light", "radius": f"{CORNER_M:g}"} if key in signals else {"type": "priority"}
        ET.SubElement(nodes, "node", {"id": key, "x": f"{lon:.6f}", "y": f"{lat:.6f}", **signal})
    sidewalks = roads_with_sidewalks(tables)
    edges = ET.Element("edges")
    for road in sorted(tables.roads.values(), key=lambda road: road.id):
        points = road_points(road, tables)
        _add_edge(edges, road, "+", points, sidewalk=road.id in sidewalks)
        if not road.oneway:
            _add_edge(edges, road, "-", points[::-1], sidewalk=road.id in sidewalks)
    connections = ET.Element("connections")
    for junction in signals:
        connect(connections, junction, tables)
    for junction in sorted(key for key, node in tables.junctions.items() if node.signal == MERGE):
        connect_lanes(connections, junction, tables)
    beside_sidewalks(connections, sidewalks)
    name_crossings(connections, tables)
    files = folder / f"{prefix}.nod.xml", folder / f"{prefix}.edg.xml", folder / f"{prefix}.con.xml"
    for root, file in zip((nodes, edges, connections), files, strict=True):
        file.write_bytes(xml_bytes(root))
    return files


def xml_bytes(root: ET.Element) -> bytes:
    """Return a document as it is written: indented, UTF-8, with a last newline."""
    ET.indent(root)
    return b"".join((ET.tostring(root, encoding="utf-8", xml_declaration=True), b"\n"))


def _arms(tables: Tables) -> dict[str, list[Road]]:
    arms: dict[str, list[Road]] = {key: [] for key in tables.junctions}
    for road in tables.roads.values():
        arms[road.start].append(road)
        arms[road.end].append(road)
    return arms


def _has_signal(node: Junction, arms: list[Road]) -> bool:
    if node.signal != "auto":
        return node.signal == "yes"
    wide = any(road.lanes >= 2 and road.speed_kmh >= 50.0 for road in arms)
    return len(arms) >= 3 and wide and any(is_arterial(road.lanes, road.speed_kmh) for road in arms)


def _add_edge(edges: ET.Element, road: Road, direction: str, points: tuple[LonLat, ...], *, sidewalk: bool) -> None:
    start, end = (road.start, road.end) if direction == "+" else (road.end, road.start)
    classes = VEHICLE_CLASSES if road.motor_only else VEHICLE_CLASSES + SLOW_CLASSES
    edge = ET.SubElement(
        edges,
        "edge",
        {
            # the line of a one-way road is its middle, that of a two-way road its left border
            "spreadType": "center" if road.oneway else "right",
            "id": f"{road.id}{direction}",
            "from": start,
            "to": end,
            "name": road.name_ko,
            "numLanes": str(road.lanes),
            "speed": f"{road.speed_kmh / 3.6:.3f}",
            "priority": str(_priority(road)),
            "allow": " ".join(classes),
            "shape": " ".join(f"{lon:.6f},{lat:.6f}" for lon, lat in points),
        },
    )
    if sidewalk:
        edge.attrib["sidewalkWidth"] = f"{SIDEWALK_M:g}"
    notes = {"layer": str(road.layer), "road": road.id, "status": road.status, "survey_id": road.survey_id}
    for key, value in notes.items():
        ET.SubElement(edge, "param", key=key, value=value)


def _priority(road: Road) -> int:
    """Rank roads for right of way: lanes first, then speed; netconvert compares these at junctions."""
    return 100 * road.lanes + round(road.speed_kmh)
