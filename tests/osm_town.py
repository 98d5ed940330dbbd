"""A small Korean town as OpenStreetMap has it, with what real extracts bring along: gaps, odd ids, other ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

WEST, SOUTH, EAST, NORTH = 126.700, 35.100, 126.720, 35.112
BOX = (WEST, SOUTH, EAST, NORTH)
STEP_LON, STEP_LAT = 0.002, 0.0018
"""About 182 m and 200 m."""
HUGE = 9_000_000_000_000_000_000


@dataclass
class Map:
    """Collects elements and writes them."""

    nodes: dict[int, tuple[float, float, Mapping[str, str]]] = field(default_factory=dict)
    ways: dict[int, tuple[list[int], Mapping[str, str]]] = field(default_factory=dict)
    relations: list[tuple[int, list[tuple[str, int, str]], Mapping[str, str]]] = field(default_factory=list)

    def node(self, key: int, lon: float, lat: float, **tags: str) -> int:
        self.nodes[key] = (lon, lat, tags)
        return key

    def way(self, key: int, refs: list[int], **tags: str) -> None:
        self.ways[key] = (refs, {name.replace("__", ":"): value for name, value in tags.items()})

    def ring(self, key: int, west: float, south: float, east: float, north: float, **tags: str) -> None:
        corners = ((west, south), (east, south), (east, north), (west, north))
        refs = [self.node(key * 10 + n, lon, lat) for n, (lon, lat) in enumerate(corners)]
        self.way(key, [*refs, refs[0]], **tags)

    def text(self, *, bounds: tuple[float, float, float, float] | None = BOX, header: str = "") -> str:
        lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<osm version="0.6" generator="test"{header}>']
        if bounds:
            lines.append('<bounds minlon="{}" minlat="{}" maxlon="{}" maxlat="{}"/>'.format(*bounds))
        for key, (lon, lat, tags) in self.nodes.items():
            lines.append(f'<node id="{key}" lon="{lon:.7f}" lat="{lat:.7f}">{_tags(tags)}</node>')
        for key, (refs, tags) in self.ways.items():
            nds = "".join(f'<nd ref="{ref}"/>' for ref in refs)
            lines.append(f'<way id="{key}" timestamp="2026-03-01T00:00:00Z">{nds}{_tags(tags)}</way>')
        for key, members, tags in self.relations:
            parts = "".join(f'<member type="{kind}" ref="{ref}" role="{role}"/>' for kind, ref, role in members)
            lines.append(f'<relation id="{key}">{parts}{_tags(tags)}</relation>')
        return "\n".join([*lines, "</osm>"])


def _tags(tags: Mapping[str, str]) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in tags.items())


def crossing(column: int, row: int) -> int:
    """The node of a crossing of the town's grid: six columns, four rows."""
    return 1000 + 10 * column + row


def town() -> Map:
    """Streets on a grid with one of everything."""
    osm = Map()
    for column in range(6):
        for row in range(4):
            signal = {"highway": "traffic_signals"} if (column, row) in {(2, 1), (4, 1)} else {}
            lon, lat = WEST + 0.005 + STEP_LON * column, SOUTH + 0.003 + STEP_LAT * row
            osm.node(crossing(column, row), lon, lat, **signal)
    for row, name in enumerate(("남길", "중앙로", "북길", "산길")):
        refs = [crossing(column, row) for column in range(6)]
        kind = {"highway": "secondary", "lanes": "4", "maxspeed": "50"} if row == 1 else {"highway": "residential"}
        if row == 1:  # leaves the box to both sides
            refs = [osm.node(1, WEST - 0.01, SOUTH + 0.0048), *refs, osm.node(2, EAST + 0.01, SOUTH + 0.0048)]
        osm.way(100 + row, refs, name=name, **kind)
    for column in range(6):
        more = {2: {"oneway": "yes"}, 3: {"oneway": "-1"}, 4: {"hgv": "no"}}.get(column, {})
        osm.way(110 + column, [crossing(column, row) for row in range(4)], highway="residential", **more)
    _other_roads(osm)
    _ground(osm)
    return osm


def _other_roads(osm: Map) -> None:
    # a motor road on a bridge over the central street: no node in common
    high = [osm.node(20 + n, WEST + 0.0132, lat) for n, lat in enumerate((SOUTH - 0.004, SOUTH + 0.006, NORTH + 0.004))]
    osm.way(120, high, highway="trunk", bridge="yes", layer="1", name="고가로", lanes="4", motorroad="yes")
    # and the ramp that joins both, with an id as editors give to what is not yet uploaded
    osm.way(
        -121, [high[1], osm.node(-5, WEST + 0.0140, SOUTH + 0.0055), crossing(5, 2)], highway="trunk_link", oneway="no"
    )
    # carriageways apart, through the north
    for way, lat, kind in ((130, NORTH - 0.0010, 1), (131, NORTH - 0.0012, -1)):
        lons = (WEST - 0.005, WEST + 0.005, WEST + 0.011, EAST + 0.005)[::-kind]
        refs = [osm.node(way * 10 + n, lon, lat) for n, lon in enumerate(lons)]
        osm.way(way, refs, highway="primary", oneway="yes", lanes="2", name="북부대로")
    osm.way(132, [1301, 1312, crossing(0, 3)], highway="tertiary")
    osm.way(133, [1302, 1311, crossing(3, 3)], highway="tertiary")
    # a roundabout in the south-west, anticlockwise as where traffic keeps right
    ring = [(0, -0.0002), (0.0002, 0), (0, 0.0002), (-0.0002, 0)]
    refs = [osm.node(HUGE + n, WEST + 0.003 + dx, SOUTH + 0.0015 + dy) for n, (dx, dy) in enumerate(ring)]
    osm.way(140, [*refs, refs[0]], highway="tertiary", junction="roundabout")
    osm.way(141, [refs[2], crossing(0, 0)], highway="tertiary", name="로터리길")
    osm.way(142, [refs[1], crossing(1, 0)], highway="tertiary")
    # what is no road for cars of the public
    osm.way(150, [crossing(0, 2), crossing(1, 3)], highway="service", access="private")
    osm.way(151, [crossing(1, 0), crossing(2, 2)], highway="footway")
    osm.way(152, [crossing(0, 0), crossing(5, 3)], railway="rail")
    osm.way(153, [crossing(0, 1), crossing(5, 0)], route="ferry", ferry="yes")
    osm.way(154, [crossing(5, 0), crossing(5, 3)], waterway="river", name="황룡강")
    osm.way(155, [crossing(1, 1), crossing(2, 2)], highway="construction")
    # an island of two nodes, and a way whose far end the file lacks
    osm.way(
        156,
        [osm.node(60, WEST + 0.001, NORTH - 0.004), osm.node(61, WEST + 0.001, NORTH - 0.003)],
        highway="residential",
    )
    osm.way(157, [crossing(0, 2), osm.node(62, WEST + 0.0042, SOUTH + 0.0066), 777_777], highway="unclassified")
    osm.relations.append((900, [("way", 110, "from"), ("node", crossing(0, 1), "via"), ("way", 101, "to")],
                          {"type": "restriction", "restriction": "no_left_turn"}))  # fmt: skip


def _ground(osm: Map) -> None:
    osm.node(70, WEST + 0.0080, SOUTH + 0.0047, highway="bus_stop", name="시청")
    osm.node(71, WEST + 0.0080, SOUTH + 0.0049, highway="bus_stop", name="시청")
    osm.node(72, WEST + 0.00801, SOUTH + 0.00468, public_transport="platform", bus="yes", name="시청")
    osm.node(73, WEST + 0.0180, SOUTH + 0.0110, highway="bus_stop", name="외딴곳")
    osm.node(74, WEST + 0.0120, SOUTH + 0.0032, amenity="charging_station", **{"socket:type2:output": "11 kW"})
    osm.node(75, WEST + 0.0060, SOUTH + 0.0082, amenity="parking", capacity="35")
    osm.node(76, WEST + 0.0100, SOUTH + 0.0045, railway="station", name="송정역", **{"name:en": "Songjeong Station"})
    osm.ring(200, WEST + 0.0095, SOUTH + 0.0052, WEST + 0.0105, SOUTH + 0.0060, amenity="parking")
    osm.ring(201, WEST + 0.0085, SOUTH + 0.0061, WEST + 0.0098, SOUTH + 0.0064, amenity="parking", access="private")
    osm.ring(202, WEST + 0.0092, SOUTH + 0.0048, WEST + 0.0128, SOUTH + 0.0064, landuse="industrial", name="빛그린산단")
    # housing with a hole, its rim in two untagged ways
    a, b, c, d = (osm.node(2100 + n, WEST + lon, SOUTH + lat) for n, (lon, lat) in enumerate(
        ((0.0045, 0.0025), (0.0095, 0.0025), (0.0095, 0.0046), (0.0045, 0.0046))))  # fmt: skip
    osm.way(210, [a, b, c])
    osm.way(211, [c, d, a])
    osm.ring(212, WEST + 0.0060, SOUTH + 0.0035, WEST + 0.0065, SOUTH + 0.0040)
    osm.relations.append((901, [("way", 210, "outer"), ("way", 211, "outer"), ("way", 212, "inner")],
                          {"type": "multipolygon", "landuse": "residential", "name": "하남"}))  # fmt: skip
