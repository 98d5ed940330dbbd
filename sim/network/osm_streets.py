"""From tags to streets: which ways cars may drive, in which direction, on how many lanes and how fast."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sim.network.osm import OsmData, Way


class RoadClass(NamedTuple):
    """What holds where the tags are silent; all assumed."""

    rank: int
    """Higher goes first where netconvert gives right of way."""
    lanes: int
    """Per direction of a one-way road; a two-way road without `lanes` has one."""
    speed_kmh: float
    motor_only: bool = False
    oneway: bool = False


CLASSES: Mapping[str, RoadClass] = {
    "motorway": RoadClass(14, 2, 100, motor_only=True, oneway=True),
    "motorway_link": RoadClass(13, 1, 50, motor_only=True, oneway=True),
    "trunk": RoadClass(12, 2, 80),
    "trunk_link": RoadClass(11, 1, 50),
    "primary": RoadClass(10, 2, 60),
    "primary_link": RoadClass(9, 1, 40),
    "secondary": RoadClass(8, 2, 50),
    "secondary_link": RoadClass(7, 1, 40),
    "tertiary": RoadClass(6, 1, 50),
    "tertiary_link": RoadClass(5, 1, 40),
    "unclassified": RoadClass(4, 1, 50),
    "road": RoadClass(4, 1, 50),
    "residential": RoadClass(3, 1, 30),
    "living_street": RoadClass(2, 1, 20),
    "service": RoadClass(1, 1, 20),
}
MAIN_CLASSES = frozenset({"motorway", "trunk", "primary", "secondary"})
"""Where traffic from outside comes in."""
OTHER_WAYS: Mapping[str, str] = {
    **dict.fromkeys(("footway", "path", "pedestrian", "steps", "cycleway"), "ways on foot or by bicycle"),
    **dict.fromkeys(("bridleway", "corridor", "platform", "elevator"), "ways on foot or by bicycle"),
    **dict.fromkeys(("construction", "proposed", "planned"), "roads under construction or planned"),
    **dict.fromkeys(("abandoned", "razed", "demolished", "disused"), "roads no longer there"),
    **dict.fromkeys(("busway", "bus_guideway"), "bus roads"),
    "track": "farm and forest tracks",
}  # fmt: skip
PARKING_LANES = frozenset({"parking_aisle", "driveway", "drive-through", "emergency_access"})
CLOSED = frozenset({"no", "private", "agricultural", "forestry", "agricultural;forestry", "military", "emergency"})
ACCESS_KEYS = ("motorcar", "motor_vehicle", "vehicle", "access")
"""The first that is tagged counts."""
LANE_KEYS = ("lanes", "lanes:forward", "lanes:backward")
SPEED_KEYS = ("maxspeed", "maxspeed:forward", "maxspeed:backward")
MOST_LANES = 6
MILE_KM = 1.609344
SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*(km/h|kmh|kph|mph)?")
COUNT = re.compile(r"\d{1,2}")


@dataclass(frozen=True, slots=True)
class Traits:
    """What two stretches must share to be one road; `lanes` and `back_lanes` in the order of the nodes."""

    kind: str
    name: str
    lanes: int
    back_lanes: int
    """0 on a one-way road."""
    speed_kmh: float
    back_speed_kmh: float
    layer: int
    structure: str
    """`bridge`, `tunnel` or empty."""
    motor_only: bool
    no_trucks: bool
    roundabout: bool
    guessed: bool = field(compare=False)
    """Whether no tag tells the lanes, and none the speed; streets alike in all else make one road."""

    @property
    def oneway(self) -> bool:
        """Whether it is driven in the order of its nodes alone."""
        return not self.back_lanes

    def reversed(self) -> Traits:
        """Return the traits of the same road, its nodes in the other order."""
        return replace(
            self,
            lanes=self.back_lanes,
            back_lanes=self.lanes,
            speed_kmh=self.back_speed_kmh,
            back_speed_kmh=self.speed_kmh,
        )


@dataclass(frozen=True, slots=True)
class Street:
    """A way that cars may drive; a one-way street has its nodes in the order of travel."""

    way: int
    refs: Sequence[int]
    traits: Traits


def find_streets(
    data: OsmData, left_out: Counter[str], tagged: Counter[str], *, smallest: str = "service"
) -> list[Street]:
    """Return the streets by way id.

    Parameters
    ----------
    smallest
        The class below which roads are left out.
    left_out
        Gets how many ways are left out, by reason.
    tagged
        Gets how many streets there are, and how many have tags for `lanes` and `maxspeed`.
    """
    streets = []
    for way in sorted(data.ways.values(), key=lambda way: way.id):
        reason = _closed(way)
        if reason is None and CLASSES[way.tags["highway"]].rank < CLASSES[smallest].rank:
            reason = f"roads smaller than {smallest}"
        if reason is None:
            streets.append(_street(way))
            tagged["streets"] += 1
            tagged["lanes"] += _count(way.tags, "lanes") is not None
            tagged["maxspeed"] += _speed(way.tags, "maxspeed") is not None
        elif reason:
            left_out[reason] += 1
    return streets


def _closed(way: Way) -> str | None:
    """Return why cars may not drive a way; empty for what is no way at all, None for a street."""
    tags = way.tags
    highway = tags.get("highway", "")
    if tags.get("route") == "ferry":
        return "ferries"
    if highway in CLASSES:
        return _closed_street(way)
    if highway:
        return OTHER_WAYS.get(highway, "other ways")
    kinds = {"railway": "railways", "waterway": "waterways"}
    return next((reason for key, reason in kinds.items() if key in tags), "")


def _closed_street(way: Way) -> str | None:
    tags = way.tags
    if tags.get("area") == "yes":
        return "squares"
    if tags["highway"] == "service" and tags.get("service") in PARKING_LANES:
        return "lanes of car parks and driveways"
    access = next((tags[key] for key in ACCESS_KEYS if key in tags), "yes")
    if access in CLOSED:
        for_buses = not {tags.get("bus"), tags.get("psv")}.isdisjoint({"yes", "designated"})
        return "bus roads" if for_buses else "private or closed roads"
    return "ways of a single node" if len(way.refs) < 2 else None


def _street(way: Way) -> Street:
    tags = way.tags
    kind = tags["highway"]
    road = CLASSES[kind]
    roundabout = tags.get("junction") in {"roundabout", "circular"}
    oneway = tags.get("oneway", "yes" if road.oneway or roundabout else "no")
    backwards = oneway in {"-1", "reverse"}
    single = backwards or oneway in {"yes", "true", "1"}
    lanes, back_lanes = _lanes(tags, road, single=single)
    speed_kmh = _speed(tags, "maxspeed") or road.speed_kmh
    bridge, tunnel = (tags.get(key, "no") != "no" for key in ("bridge", "tunnel"))
    traits = Traits(
        kind=kind,
        name=tags.get("name", tags.get("ref", "")),
        lanes=lanes,
        back_lanes=back_lanes,
        speed_kmh=_speed(tags, "maxspeed:forward") or speed_kmh,
        back_speed_kmh=_speed(tags, "maxspeed:backward") or speed_kmh,
        layer=_layer(tags, bridge=bridge, tunnel=tunnel),
        structure="bridge" if bridge else "tunnel" if tunnel else "",
        motor_only=road.motor_only or tags.get("motorroad") == "yes" or tags.get("foot") == "no",
        no_trucks=tags.get("hgv") == "no",
        roundabout=roundabout,
        guessed=not any(_count(tags, key) for key in LANE_KEYS) and not any(_speed(tags, key) for key in SPEED_KEYS),
    )
    return Street(way.id, way.refs[::-1] if backwards else way.refs, traits)


def _lanes(tags: Mapping[str, str], road: RoadClass, *, single: bool) -> tuple[int, int]:
    """Return the lanes along and against the nodes' order; of an odd number the odd one is for both and left out."""
    total, ahead, back = (_count(tags, key) for key in LANE_KEYS)
    if single:
        return min(ahead or total or road.lanes, MOST_LANES), 0
    half = max(total // 2, 1) if total else 1
    if total and not ahead and back:
        ahead = total - back
    if total and ahead and not back:
        back = total - ahead
    return min(max(ahead or half, 1), MOST_LANES), min(max(back or half, 1), MOST_LANES)


def _count(tags: Mapping[str, str], key: str) -> int | None:
    """Return a whole number > 0, of several the first; None where the tag is missing or makes no sense."""
    found = COUNT.match(tags.get(key, ""))
    return int(found[0]) or None if found else None


def _speed(tags: Mapping[str, str], key: str) -> float | None:
    """Return a limit in km/h from 5 to 130; None where the tag is missing, a word or beyond."""
    found = SPEED.fullmatch(tags.get(key, "").partition(";")[0].strip())
    if not found:
        return None
    speed_kmh = float(found[1]) * (MILE_KM if found[2] == "mph" else 1.0)
    return round(speed_kmh, 1) if 5.0 <= speed_kmh <= 130.0 else None


def _layer(tags: Mapping[str, str], *, bridge: bool, tunnel: bool) -> int:
    try:
        return int(tags["layer"])
    except (KeyError, ValueError):
        return int(bridge) - int(tunnel)
