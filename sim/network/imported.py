"""An OpenStreetMap extract becomes a network by name: read, laid out, built, put in its place whole or not at all."""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import sumolib

from sim.errors import NetworkError, OutputError
from sim.home import home
from sim.network.catalog import ATTRIBUTION, CHARGING_EFFICIENCY, Places, StopKerb, dump_places
from sim.network.graph import EdgeGraph
from sim.network.osm import Box, OsmData, Progress, read_osm, require_file
from sim.network.osm_ground import Ground, find_features
from sim.network.osm_places import PlaceFinder
from sim.network.osm_plain import STATUS, convert
from sim.network.osm_roads import Roads, lay_roads
from sim.network.osm_streets import CLASSES, Street, find_streets
from sim.network.places import CROSSING_M, STOP_CAPACITY, kerb_element
from sim.network.plain import xml_bytes
from sim.network.programs import read_by_sumo

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
BASIS = "OpenStreetMap, not surveyed"
ACROSS_M = 60.0
"""Longest way on foot between the kerbs of a stop."""
SHORTEST_M = 8.0
"""A network without any longer edge has no room for a vehicle."""
QUICK_EDGES = 5_000
"""A service on request keeps the times between any two edges and renews them: 0.2 GB a table and 3 s at this number,
four times that at twice the number (a run of 90 minutes on 9,800 edges took 5 minutes and 4.8 GB)."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import made."""

    name: str
    folder: Path
    counts: dict[str, int]
    left_out: dict[str, int]
    notes: tuple[str, ...]
    warnings: tuple[str, ...] = field(repr=False)
    """netconvert's warnings."""

    def document(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {
            "name": self.name, "folder": str(self.folder), "counts": self.counts, "left_out": self.left_out,
            "notes": list(self.notes), "warnings": len(self.warnings),
        }  # fmt: skip


def import_osm(
    file: Path,
    *,
    name: str,
    bbox: Box | None = None,
    smallest: str = "service",
    force: bool = False,
    progress: Progress = lambda _step, _share: None,
) -> ImportReport:
    """Make a network of an OpenStreetMap extract.

    Parameters
    ----------
    file
        XML, plain or packed with gzip, bzip2 or xz.
    name
        The network's name; its files go to `networks/NAME/built`.
    bbox
        The part to take; by default the box that the file states, else all of it.
    smallest
        The class of OpenStreetMap's `highway` below which roads are left out.
    force
        Replace an imported network of this name.

    Raises
    ------
    NotFoundError
        There is no such file.
    NetworkError
        The file is damaged or not OpenStreetMap data, no road for cars is in it, or the name is not allowed.
    OutputError
        A network of this name exists, or the folder cannot be written.
    """
    require_file(file)  # first, as the name may be its own
    target = _target(name, force=force)
    if smallest not in CLASSES:
        msg = f"--smallest: found {smallest!r}; allowed: {', '.join(CLASSES)}"
        raise NetworkError(msg)
    data = read_osm(file, progress=progress)
    left_out: Counter[str] = Counter()
    tagged: Counter[str] = Counter()
    progress("roads", 0.0)
    streets = find_streets(data, left_out, tagged, smallest=smallest)
    laid = _roads(data, streets, file, bbox, left_out)
    left_hand, side_source = driving_side(data, laid)
    with tempfile.TemporaryDirectory(prefix="bitgreen-import-") as scratch:
        work = Path(scratch)
        built = work / "built"
        built.mkdir()
        progress("netconvert", 0.0)
        net_file, warnings = convert(laid, work, name, left_hand=left_hand)
        progress("places", 0.0)
        net = sumolib.net.readNet(str(net_file), withInternal=True)
        graph = EdgeGraph.of_net(net)
        places = _places(data, net, graph, laid, left_out)
        report = ImportReport(
            name=name,
            folder=target,
            counts=_counts(places, graph, laid, tagged),
            left_out=dict(sorted((reason, count) for reason, count in left_out.items() if count)),
            notes=(*_notes(net, graph, laid, left_hand=left_hand, side_source=side_source), *_damage(data)),
            warnings=warnings,
        )
        progress("loading", 0.0)
        _write(built, name, net_file, places)
        (built / "source.json").write_bytes(_source(report, file, data, bbox))
        _publish(built, target)
    return report


def _write(built: Path, name: str, net_file: Path, places: Places) -> None:
    """Put a network's files into a folder, once SUMO has read them."""
    add_file = built / f"{name}.add.xml"
    add_file.write_bytes(additional_xml(places))
    read_by_sumo(net_file, [add_file])
    shutil.move(net_file, built / net_file.name)
    (built / "places.json").write_bytes(dump_places(places))


def _source(report: ImportReport, file: Path, data: OsmData, bbox: Box | None) -> bytes:
    """Return `source.json`: where the network comes from, and what became of it."""
    source = {
        "attribution": ATTRIBUTION,
        "basis": BASIS,
        "bbox": list(bbox or data.bounds or ()),
        "counts": report.counts,
        "file": file.name,
        "left_out": report.left_out,
        "licence": "ODbL-1.0",
        "netconvert_warnings": list(report.warnings),
        "notes": list(report.notes),
        "sha256": _sha256(file),
        "status": STATUS,
        "time_of_data": data.timestamp or None,
    }
    return json.dumps(source, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"


def _target(name: str, *, force: bool) -> Path:
    """Return the network's folder, once it is sure that it may be written."""
    if not NAME.fullmatch(name) or ".." in name:
        allowed = "up to 64 of a-z, 0-9, _, - and single points, the first a letter or digit"
        msg = f"--name: found {name!r}; allowed: {allowed}"
        raise NetworkError(msg)
    target = home() / "networks" / name
    if (target / "tables").exists():
        msg = f"--name: network {name!r} is made from tables and is never replaced; choose another name"
        raise OutputError(msg)
    if target.exists() and not force:
        msg = f"--name: network {name!r} exists ({target}); choose another name, or replace it with --force"
        raise OutputError(msg)
    return target


def _roads(data: OsmData, streets: Sequence[Street], file: Path, bbox: Box | None, left_out: Counter[str]) -> Roads:
    """Return the roads inside the box, of which there must be at least one that cars can drive round."""
    if not streets:
        others = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items())) or "no ways"
        held = sum(data.elements.values())
        msg = f"{file}: no road for cars among {held} elements ({others}); allowed: an extract with highway=* ways"
        raise NetworkError(msg)
    laid = lay_roads(data, streets, bbox or data.bounds, left_out)
    if not laid.roads and bbox is None and data.bounds is not None:
        # some programs state a box that has nothing to do with what they wrote
        laid = lay_roads(data, streets, None, left_out)
    if not laid.roads:
        lon, lat = np.array(data.nodes.lon), np.array(data.nodes.lat)
        extent = Box(lon.min(), lat.min(), lon.max(), lat.max()) if len(lon) else "none"
        where = f"--bbox {bbox}: " if bbox else ""
        msg = (
            f"{file}: {where}found no roads that cars can drive round; the file's nodes lie within "
            f"west,south,east,north {extent}; allowed: a box with roads"
        )
        raise NetworkError(msg)
    return laid


def driving_side(data: OsmData, laid: Roads) -> tuple[bool, str]:
    """Return whether traffic keeps left, and what tells: the tags, or the way that roundabouts are drawn."""
    sides = data.driving_sides
    if sides["left"] != sides["right"]:
        return sides["left"] > sides["right"], "driving_side tags"
    turns = Counter(_clockwise(data, laid))
    if turns[True] + turns[False] and turns[True] != turns[False]:
        return turns[True] > turns[False], f"{turns.total()} roundabouts"
    return False, "nothing in the file"


def _clockwise(data: OsmData, laid: Roads) -> Iterator[bool]:
    """Return for each roundabout drawn as one ring whether it runs clockwise."""
    for way in data.ways.values():
        if way.tags.get("junction") != "roundabout" or way.refs[0] != way.refs[-1] or len(way.refs) < 5:
            continue
        rows = data.nodes.rows(way.refs)
        if (rows >= 0).all():
            x, y = (np.array([values[row] for row in rows]) for values in (laid.lon, laid.lat))
            x, y = x - x[0], y - y[0]  # the products of full degrees would cancel to noise
            yield bool((x[:-1] * y[1:] - x[1:] * y[:-1]).sum() < 0) != (way.tags.get("oneway") == "-1")


def _places(data: OsmData, net: sumolib.net.Net, graph: EdgeGraph, laid: Roads, left_out: Counter[str]) -> Places:
    if (graph.reachable("passenger") & graph.reachable("taxi")).sum() < 2:
        msg = "netconvert leaves no roads that cars can drive round; allowed: an extract with connected streets"
        raise NetworkError(msg)
    longest_m = float(graph.length_m.max())
    if longest_m < SHORTEST_M:
        msg = (
            f"the longest road between two junctions has {longest_m:.1f} m; allowed: an extract with a road of "
            f"{SHORTEST_M:g} m or more, on which a car can stand"
        )
        raise NetworkError(msg)
    ground = Ground(net)
    finder = PlaceFinder(net, graph, ground, laid, find_features(data, ground))
    places = finder.find()
    left_out.update(finder.left_out)
    return places


def additional_xml(places: Places) -> bytes:
    """Return the additional file: stops with the way across to their twins, car parks, chargers."""
    root = ET.Element("additional")
    twins: defaultdict[str, list[StopKerb]] = defaultdict(list)
    for kerb in places.stops.values():
        twins[kerb.place].append(kerb)
    for key, kerb in places.stops.items():
        stop = kerb_element(root, "busStop", key, kerb, personCapacity=str(STOP_CAPACITY))
        for lane, (gap_m, pos_m) in sorted(_across(kerb, twins[kerb.place]).items()):
            ET.SubElement(stop, "access", lane=lane, pos=f"{pos_m:.2f}", length=f"{gap_m:.0f}")
    for key, park in places.car_parks.items():
        kerb_element(root, "parkingArea", key, park, roadsideCapacity=str(park.capacity), onRoad="false")
    for key, charger in places.chargers.items():
        power, efficiency = f"{charger.power_kw * 1000:.0f}", f"{CHARGING_EFFICIENCY}"
        kerb_element(root, "chargingStation", key, charger, power=power, efficiency=efficiency)
    return xml_bytes(root)


def _across(kerb: StopKerb, twins: Sequence[StopKerb]) -> dict[str, tuple[float, float]]:
    """Return the way on foot to the kerbs of the same stop, per lane: its length and where it ends; SUMO takes one."""
    ways: dict[str, tuple[float, float]] = {}
    for other in twins:
        gap_m = max(math.dist((kerb.x, kerb.y), (other.x, other.y)), CROSSING_M)
        if other.edge != kerb.edge and gap_m <= min(ACROSS_M, ways.get(other.lane, (math.inf,))[0]):
            ways[other.lane] = gap_m, (other.start_m + other.end_m) / 2
    return ways


def _counts(places: Places, graph: EdgeGraph, laid: Roads, tagged: Counter[str]) -> dict[str, int]:
    kinds = Counter(site.kind for site in places.sites.values())
    return {
        "edges": len(graph.ids),
        "road_km": round(sum(laid.length_m(road) for road in laid.roads.values()) / 1000),
        "streets": tagged["streets"],
        "streets_with_lanes": tagged["lanes"],
        "streets_with_maxspeed": tagged["maxspeed"],
        "signals_in_data": laid.mapped_signals,
        "junctions_with_signals": len(laid.signals),
        "turn_restrictions": len(laid.turns),
        "stops": len(places.stops),
        "car_parks": len(places.car_parks),
        "parking_spaces": sum(park.capacity for park in places.car_parks.values()),
        "chargers": len(places.chargers),
        "industrial_sites": kinds["industrial"],
        "commercial_sites": kinds["commercial"],
        "stations": kinds["station"],
        "housing_areas": sum(area.kind == "housing" for area in places.areas.values()),
        "gateways": len(places.gateways),
    }


def _damage(data: OsmData) -> Iterator[str]:
    """Say what the file contradicts itself in, or leaves out."""
    lost, doubled = data.nodes.without_position, data.nodes.contradictions()
    if lost:
        yield f"{lost} nodes without lon or lat: roads end where they miss them"
    if doubled:
        yield f"{doubled} nodes come again at another position: the first counts"


def _notes(net: sumolib.net.Net, graph: EdgeGraph, laid: Roads, *, left_hand: bool, side_source: str) -> Iterator[str]:
    """Say what a user should know before trusting the network."""
    yield f"traffic keeps {'left' if left_hand else 'right'}, told by {side_source}"
    if not laid.signals:
        guessed = sum(node.getType() == "traffic_light" for node in net.getNodes())
        yield (
            f"no signal is mapped at a junction: netconvert guessed {guessed} from the sizes of the roads"
            if guessed
            else "no signal is mapped at a junction, and netconvert found no place for one"
        )
    outside = int((graph.permits["passenger"] & ~graph.reachable("passenger")).sum())
    if outside:
        yield f"{outside} edges only lead in or out; homes, stops and gates stand on the others"
    if len(graph.ids) > QUICK_EDGES:
        yield (
            f"{len(graph.ids)} edges: a service on request takes long above {QUICK_EDGES}, and its tables take "
            f"{8 * len(graph.ids) ** 2 / 1e9:.1f} GB each; --bbox takes a part, --smallest tertiary the larger roads"
        )


def _publish(built: Path, target: Path) -> None:
    """Put the finished folder in its place by renaming, so that a network is there whole or not at all."""
    networks = target.parent
    # the leading point hides the folder from the list of networks until it has its name
    try:
        with tempfile.TemporaryDirectory(prefix=".import-", dir=networks) as scratch:
            fresh = Path(scratch) / "fresh"
            fresh.mkdir()
            shutil.copytree(built, fresh / "built")
            if target.exists():
                target.rename(Path(scratch) / "replaced")
            fresh.rename(target)
    except OSError as error:
        msg = f"{networks}: the network cannot be written: {error}"
        raise OutputError(msg) from error


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
