"""Stops where the survey has them; car parks, docks and chargers on lanes that carry them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

import numpy as np
import shapely
import sumolib
from scipy.spatial import cKDTree

from sim.network.catalog import CarPark, DockPlace, KerbPlace, Network, StopKerb
from sim.network.checks.record import Check, judged, skipped
from sim.network.checks.subject import Subject
from sim.network.edges import lane_line
from sim.network.stops import OFF_NETWORK_M

NEAR_M = 20.0
NEAR_SHARE = 0.7
"""At least this share of the surveyed posts beside a road is within `NEAR_M` of its kerb: the survey's lines are
simplified to 10 m, a six-lane road has its kerb 10 m from its centre, and posts in a junction move out of it."""
CAR_CLASSES, GOODS_CLASSES = ("passenger",), ("truck", "trailer")
BAYS_APART_M = 2.0
"""Fronts of parked cars are a bay's width apart, 2.3 m or more."""
LANE_HALF_M = 1.6


def place_checks(subject: Subject) -> Iterator[Check]:
    """Yield the checks of stops, car parks, docks and chargers."""
    yield _stop_distances(subject)
    yield _off_network(subject)
    yield _kerbs(subject)
    defined = _additional(subject.network)
    yield _bays(subject, defined["parkingArea"])
    yield _beside_lanes(subject, "car parks", subject.network.car_parks, CAR_CLASSES, defined["parkingArea"])
    yield _beside_lanes(subject, "docks and staging", subject.network.docks, GOODS_CLASSES, defined["parkingArea"])
    yield _beside_lanes(subject, "chargers", subject.network.chargers, CAR_CLASSES, defined["chargingStation"])


def _stop_distances(subject: Subject) -> Check:
    """Compare each surveyed post with the nearer of its stop's two stretches of kerb."""
    name = f"stops within {NEAR_M:.0f} m of where the survey has them, or listed"
    if subject.tables is None:
        return skipped(name, "no surveyed stops")
    stops, net = subject.network.stops, subject.net
    gaps = []
    for row in subject.tables.stops:
        kerbs = [stops[key] for side in "+-" if (key := f"{row.place}{side}") in stops]
        if kerbs and kerbs[0].position_status != "schematic":
            point = net.convertLonLat2XY(*row.lonlat)
            gaps.append((min(_kerb_gap(point, kerb, net) for kerb in kerbs), row.name))
    gaps.sort(reverse=True)
    far = [f"{name_ko}: {gap:.0f} m" for gap, name_ko in gaps if gap > NEAR_M]
    near = len(gaps) - len(far)
    figure = f"{near} of {len(gaps)} within {NEAR_M:.0f} m, worst {gaps[0][0]:.0f} m"
    return judged(name, figure, ok=near >= NEAR_SHARE * len(gaps), detail=far)


def _kerb_gap(point: tuple[float, float], kerb: StopKerb, net: sumolib.net.Net) -> float:
    shape = net.getLane(kerb.lane).getShape()
    along = sumolib.geomhelper.polygonOffsetWithMinimumDistanceToPoint(point, shape)
    foot = sumolib.geomhelper.positionAtShapeOffset(shape, min(max(along, kerb.start_m), kerb.end_m))
    return float(sumolib.geomhelper.distance(point, foot))


def _off_network(subject: Subject) -> Check:
    name = "surveyed stops off the network are schematic or left out"
    if subject.build is None:
        return skipped(name, "no surveyed stops")
    off = subject.build.off_network
    detail = [f"{s.name_ko}: {s.distance_m:.0f} m, {'on its line, schematic' if s.built else 'left out'}" for s in off]
    sure = {kerb.place for kerb in subject.network.stops.values() if kerb.position_status != "schematic"}
    wrong = [stop.name_ko for stop in off if stop.place in sure]
    return judged(name, f"{len(off)} beyond {OFF_NETWORK_M:.0f} m of any road", ok=not wrong, detail=detail)


def _kerbs(subject: Subject) -> Check:
    faults = []
    for key, stop in sorted(subject.network.stops.items()):
        lane = subject.net.getLane(stop.lane)
        if not 0 <= stop.start_m < stop.end_m <= lane.getLength():
            faults.append(f"{key}: {stop.start_m:.0f} to {stop.end_m:.0f} m of {lane.getLength():.0f} m")
        faults += [f"{key}: {stop.lane} is closed to {vclass}" for vclass in ("bus", "taxi") if not lane.allows(vclass)]
        if not lane.getEdge().allows("pedestrian"):
            faults.append(f"{key}: nobody walks on {stop.edge}")
    figure = f"{len(subject.network.stops)} kerbs, {len(faults)} faults"
    return judged(
        "stops on lanes for buses, on roads for people", figure, ok=not faults, detail=faults, ours=subject.surveyed
    )


def _additional(network: Network) -> dict[str, dict[str, ET.Element]]:
    """Return the parking areas and charging stations of the additional files by id."""
    found: dict[str, dict[str, ET.Element]] = {"parkingArea": {}, "chargingStation": {}}
    for path in network.additional_files:
        for element in ET.parse(path).getroot():  # noqa: S314 (built here, never uploaded)
            if element.tag in found:
                found[element.tag][element.attrib["id"]] = element
    return found


def _beside_lanes(
    subject: Subject,
    what: str,
    places: Mapping[str, KerbPlace],
    classes: tuple[str, ...],
    defined: Mapping[str, ET.Element],
) -> Check:
    """Check that places lie within lanes open to their vehicles, and that SUMO gets them with the same room."""
    name = f"{what} on open lanes, with room"
    if not places:
        return skipped(name, f"no {what} in this network")
    faults, room = [], 0
    for key, place in sorted(places.items()):
        lane = subject.net.getLane(place.lane)
        if lane.getEdge().getID() != place.edge or not 0 <= place.start_m < place.end_m <= lane.getLength() + 0.1:
            faults.append(
                f"{key}: {place.start_m:.0f} to {place.end_m:.0f} m of lane {place.lane}, {lane.getLength():.0f} m"
            )
        faults += [f"{key}: {place.lane} is closed to {vclass}" for vclass in classes if not lane.allows(vclass)]
        wanted = _room(place)
        room += wanted or 0
        element = defined.get(key)
        if element is None or element.attrib["lane"] != place.lane:
            faults.append(f"{key}: not in the additional file at lane {place.lane}")
        elif wanted is not None and (spaces := _spaces(element)) != wanted:
            faults.append(f"{key}: {spaces} spaces in the additional file, {wanted} in places.json")
    figure = f"{len(places)}{f' with {room} places' if room else ''}, {len(faults)} faults"
    return judged(name, figure, ok=not faults, detail=faults, ours=subject.surveyed)


def _bays(subject: Subject, areas: Mapping[str, ET.Element]) -> Check:
    """Check that parked vehicles stand neither in one another nor on a road."""
    name = "bays of car parks apart, off the roads"
    bays = [
        (key, float(s.attrib["x"]), float(s.attrib["y"])) for key, a in sorted(areas.items()) for s in a.iter("space")
    ]
    if not bays:
        return skipped(name, "no bays drawn one by one in this network")
    points = np.array([bay[1:] for bay in bays])
    pairs = Counter(tuple(sorted((bays[a][0], bays[b][0]))) for a, b in cKDTree(points).query_pairs(BAYS_APART_M))
    faults = [f"{a} and {b}: {count} bays in one another" for (a, b), count in pairs.most_common()]
    lanes = [lane for edge in subject.net.getEdges(withInternal=False) for lane in edge.getLanes()]
    lines = shapely.STRtree([lane_line(lane) for lane in lanes])
    near, on = lines.query(shapely.points(points), predicate="dwithin", distance=LANE_HALF_M)
    over = Counter((bays[bay][0], lanes[lane].getID()) for bay, lane in zip(near.tolist(), on.tolist(), strict=True))
    faults += [f"{key}: {count} bays on lane {lane}" for (key, lane), count in over.most_common()]
    return judged(name, f"{len(bays)} bays, {len(faults)} faults", ok=not faults, detail=faults, ours=subject.surveyed)


def _room(place: KerbPlace) -> int | None:
    """Return how many vehicles a place holds, where that is said."""
    if isinstance(place, CarPark):
        return place.capacity
    return place.bays if isinstance(place, DockPlace) else None


def _spaces(area: ET.Element) -> int:
    return int(area.get("roadsideCapacity", "0")) + len(area.findall("space"))
