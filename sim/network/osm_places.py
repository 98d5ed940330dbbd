"""What the tags of OpenStreetMap say beside the roads: stops, car parks, chargers, workplaces, housing, gateways."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
import sumolib
from numpy.typing import NDArray
from shapely.geometry import LineString, MultiPolygon, Point, Polygon

from sim.errors import NetworkError
from sim.network.catalog import (
    Area,
    CarPark,
    Charger,
    GatewayPlace,
    JunctionPlace,
    Places,
    SitePlace,
    StopKerb,
)
from sim.network.graph import EdgeGraph
from sim.network.osm_ground import Feature, Ground
from sim.network.osm_kerbs import GATE_EDGE_M, JUNCTION_GAP_M, Kerb, Kerbs
from sim.network.osm_plain import ASSUMED, STATUS
from sim.network.osm_roads import Roads
from sim.network.osm_streets import CLOSED, MAIN_CLASSES

STOP_REACH_M, PARKING_REACH_M, GATE_REACH_M = 40.0, 150.0, 400.0
"""How far from a road a stop, a car park or a gate may lie; beyond, it is left out."""
STOP_LENGTH_M, CHARGER_LENGTH_M, PARKING_LENGTH_M = 20.0, 10.0, 60.0
SAME_POST_M = 15.0
"""A stop is often drawn twice, as a sign and as a platform."""
SAME_STOP_M = 100.0
"""Posts of one name within this distance are kerbs of one stop."""
MIDDLE_M = 1.5
"""A post whose distances to both kerbs differ less stands for both directions."""
GATEWAY_SPAN_M = 80.0
"""Carriageways that leave the box within this distance make one gateway."""
M2_PER_BAY = 25.0
"""Of a car park with its aisles; 20 to 30 by common rules of layout."""
DEFAULT_BAYS, MOST_BAYS, DEFAULT_KW = 20, 5_000, 50.0
STAFF_PER_HA: Mapping[str, float] = {"industrial": 20.0, "commercial": 60.0}
"""Assumed; the plant of GGM has 11 a hectare, parts makers and offices more."""
STREET_REACH_M = 30.0
"""How far from residential land the middle of a street lies whose people live there."""
SITE_MIN_M2, HOUSING_MIN_M2 = 2_000.0, 5_000.0
CELL_M = 500.0
"""Side of the squares that stand for housing where no residential land is drawn."""
STREETS_OF_HOMES = frozenset({"residential", "living_street"})
POWER = re.compile(r"(\d+(?:\.\d+)?)\s*(k?W|kVA)?", re.IGNORECASE)


@dataclass(slots=True)
class PlaceFinder:
    """Collects the places of an imported net; `left_out` counts what found no road, by kind."""

    net: sumolib.net.Net
    graph: EdgeGraph
    ground: Ground
    laid: Roads
    features: Sequence[Feature]
    left_out: Counter[str] = field(default_factory=Counter)
    _kerbs: Kerbs = field(init=False)
    _homes: NDArray[np.int64] = field(init=False)
    _middles: NDArray[np.float64] = field(init=False)
    _home_tree: shapely.STRtree = field(init=False)
    _junctions: dict[str, JunctionPlace] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._kerbs = Kerbs(self.graph)
        self._homes = self._kerbs.homes()
        lines = [LineString(shape) for shape in self.graph.shapes]
        self._middles = shapely.get_coordinates(shapely.line_interpolate_point(lines, 0.5, normalized=True))
        self._home_tree = shapely.STRtree(shapely.points(self._middles[self._homes]))

    def find(self) -> Places:
        """Return everything `places.json` holds."""
        sites = self._sites()
        return Places(
            sites=sites,
            stops=self._stops(),
            lines={},
            gateways=self._gateways(),
            car_parks=self._car_parks(sites),
            chargers=self._chargers(),
            areas=self._areas(sites),
            junctions=dict(sorted(self._junctions.items())),
        )

    def _junction(self, name: str) -> str:
        node = self.net.getNode(name)
        x, y = node.getCoord()[:2]
        self._junctions[name] = JunctionPlace(name=name, x=round(x, 2), y=round(y, 2), status=STATUS)
        return name

    def _tagged(self, key: str, *values: str) -> list[Feature]:
        return [feature for feature in self.features if feature.tags.get(key) in values]

    def _stops(self) -> dict[str, StopKerb]:
        posts = self._tagged("highway", "bus_stop")
        platforms = [post for post in self._tagged("public_transport", "platform") if _for_buses(post.tags)]
        posts += [post for post in platforms if post.tags.get("highway") != "bus_stop"]
        stops: dict[str, StopKerb] = {}
        seen: defaultdict[str, list[float]] = defaultdict(list)
        groups: defaultdict[str, list[tuple[str, tuple[float, float]]]] = defaultdict(list)
        shortest_m = STOP_LENGTH_M / 2 + 2 * JUNCTION_GAP_M
        for post in posts:
            kerbs = self._kerbs.near(Point(post.point), STOP_REACH_M, shortest_m)
            if not kerbs:
                self.left_out["stops without a road for buses beside them"] += 1
                continue
            twin = next((k for k in kerbs[1:] if k.edge == _opposite(kerbs[0].edge)), None)
            both = twin is not None and twin.gap_m - kerbs[0].gap_m < MIDDLE_M
            for kerb in (kerbs[0], twin) if both and twin is not None else (kerbs[0],):
                if all(abs(kerb.pos_m - pos_m) > SAME_POST_M for pos_m in seen[kerb.edge]):
                    seen[kerb.edge].append(kerb.pos_m)
                    key = f"stop.{len(stops) + 1}"
                    stops[key] = self._stop(key, post, kerb, groups[_name(post.tags)])
        return stops

    def _stop(self, key: str, post: Feature, kerb: Kerb, group: list[tuple[str, tuple[float, float]]]) -> StopKerb:
        """Return a stop's kerb; the first of its name nearby gives them all their common place."""
        near = [place for place, point in group if math.dist(point, kerb.point) <= SAME_STOP_M]
        place = near[0] if near and _name(post.tags) else f"place.{key}"
        group.append((place, kerb.point))
        start_m, end_m = kerb.span(STOP_LENGTH_M)
        lon, lat = self.ground.degrees(*kerb.point)
        return StopKerb(
            name=_name(post.tags) or key,
            place=place,
            edge=kerb.edge,
            lane=kerb.lane,
            start_m=start_m,
            end_m=end_m,
            x=round(kerb.point[0], 2),
            y=round(kerb.point[1], 2),
            lon=lon,
            lat=lat,
            position_status=STATUS,
        )

    def _car_parks(self, sites: Mapping[str, SitePlace]) -> dict[str, CarPark]:
        grounds = {f.id: f for f in self.features}
        owners = [(key, grounds[key.partition(".")[2]].shape) for key in sites if key.partition(".")[2] in grounds]
        tree = shapely.STRtree([shape for _, shape in owners])
        found: dict[str, CarPark] = {}
        for park in self._tagged("amenity", "parking"):
            if park.tags.get("access", "yes") in CLOSED:
                self.left_out["private car parks"] += 1
                continue
            kerbs = self._kerbs.near(Point(park.point), PARKING_REACH_M, STOP_LENGTH_M, on_foot=False)
            if not kerbs:
                self.left_out["car parks away from every road"] += 1
                continue
            inside = sorted(owners[row][0] for row in tree.query(Point(park.point), predicate="within").tolist())
            key = f"park.{len(found) + 1}"
            start_m, end_m = kerbs[0].span(PARKING_LENGTH_M)
            found[key] = CarPark(
                name=_name(park.tags) or key,
                site=inside[0] if inside else None,
                edge=kerbs[0].edge,
                lane=kerbs[0].lane,
                start_m=start_m,
                end_m=end_m,
                capacity=_bays(park),
                x=round(park.point[0], 2),
                y=round(park.point[1], 2),
                status=STATUS if _whole(park.tags, "capacity") else ASSUMED,
            )
        return found

    def _chargers(self) -> dict[str, Charger]:
        found: dict[str, Charger] = {}
        for station in self._tagged("amenity", "charging_station"):
            kerbs = self._kerbs.near(Point(station.point), PARKING_REACH_M, STOP_LENGTH_M, on_foot=False)
            if not kerbs:
                self.left_out["chargers away from every road"] += 1
                continue
            key = f"charger.{len(found) + 1}"
            start_m, end_m = kerbs[0].span(CHARGER_LENGTH_M)
            power_kw = _power_kw(station.tags)
            found[key] = Charger(
                name=_name(station.tags) or key,
                edge=kerbs[0].edge,
                lane=kerbs[0].lane,
                start_m=start_m,
                end_m=end_m,
                power_kw=power_kw or DEFAULT_KW,
                x=round(station.point[0], 2),
                y=round(station.point[1], 2),
                status=STATUS if power_kw else ASSUMED,
            )
        return found

    def _sites(self) -> dict[str, SitePlace]:
        """Return workplaces with a gate each, and stations."""
        industry = [*self._tagged("landuse", "industrial"), *self._tagged("man_made", "works")]
        kinds = {
            "industrial": [f for f in industry if f.area_m2 >= SITE_MIN_M2],
            "commercial": [f for f in self._tagged("landuse", "commercial") if f.area_m2 >= SITE_MIN_M2],
            "station": [*self._tagged("railway", "station", "halt"), *self._tagged("amenity", "bus_station")],
        }
        found: dict[str, SitePlace] = {}
        for kind, features in kinds.items():
            for feature in features:
                site = self._site(feature, kind)
                if site is None:
                    self.left_out[f"{kind} sites away from every road"] += 1
                else:
                    found.setdefault(f"{kind}.{feature.id}", site)
        return found

    def _site(self, feature: Feature, kind: str) -> SitePlace | None:
        # the gate is where a road comes nearest to the rim, or runs inside; the sign stands in the middle
        kerbs = self._kerbs.near(feature.shape, GATE_REACH_M, GATE_EDGE_M, lorries=kind in STAFF_PER_HA)
        if not kerbs:
            return None
        gate = min(kerbs, key=lambda kerb: (round(kerb.gap_m), math.dist(kerb.point, feature.point), kerb.edge))
        x, y = feature.point
        lon, lat = self.ground.degrees(x, y)
        start_m, end_m = gate.span(0.0)
        staff = max(round(feature.area_m2 / 1e4 * STAFF_PER_HA[kind]), 5) if kind in STAFF_PER_HA else None
        name = _name(feature.tags) or f"{kind} {feature.id}"
        return SitePlace(
            name_ko=feature.tags.get("name:ko", name),
            name_en=feature.tags.get("name:en", name),
            kind=kind,
            node=self._junction(self.net.getEdge(gate.edge).getToNode().getID()),
            edge=gate.edge,
            pos_m=round((start_m + end_m) / 2, 2),
            lon=lon,
            lat=lat,
            x=round(x, 2),
            y=round(y, 2),
            staff=staff,
            shift="",
            opens=None,
            status=STATUS if staff is None else ASSUMED,  # nobody maps how many work there
            position_status=STATUS,
        )

    def _areas(self, sites: Collection[str]) -> dict[str, Area]:
        """Return the ground of workplaces and housing; each housing area has a junction among its streets."""
        found = {}
        for kind in STAFF_PER_HA:
            for feature in self._tagged("landuse", kind):
                key = f"{kind}.{feature.id}"
                if feature.area_m2 >= SITE_MIN_M2:
                    found[key] = _area(feature, kind, key if key in sites else None)
        drawn = [f for f in self._tagged("landuse", "residential") if f.area_m2 >= HOUSING_MIN_M2]
        housing = [feature for feature in drawn if self._home_junction(feature)]
        self.left_out["housing areas without a street"] += len(drawn) - len(housing)
        housing = housing or [block for block in self._blocks() if self._home_junction(block)]
        return found | {f"housing.{feature.id}": _area(feature, "housing", None) for feature in housing}

    def _home_junction(self, feature: Feature) -> bool:
        """Keep the junction nearest to the middle of an area among the ends of its streets, if it has any."""
        # in dense towns land is drawn block by block, and the streets lie between the blocks
        inside = self._homes[self._home_tree.query(feature.shape.buffer(STREET_REACH_M), predicate="contains")]
        if not inside.size:
            return False
        ends = {self.net.getEdge(self.graph.ids[row]).getToNode() for row in inside.tolist()}
        nearest = min(ends, key=lambda node: (math.dist(node.getCoord()[:2], feature.point), node.getID()))
        self._junction(nearest.getID())
        return True

    def _blocks(self) -> list[Feature]:
        """Return squares with residential streets, for a map without residential land."""
        cells: defaultdict[tuple[int, int], float] = defaultdict(float)
        middles = self._middles
        for row in self._homes.tolist():
            if self.net.getEdge(self.graph.ids[row]).getParam("kind") in STREETS_OF_HOMES:
                cells[int(middles[row][0] // CELL_M), int(middles[row][1] // CELL_M)] += self.graph.length_m[row]
        return [
            Feature(f"cell{x}.{y}", {}, shapely.box(x * CELL_M, y * CELL_M, (x + 1) * CELL_M, (y + 1) * CELL_M))
            for (x, y), metres in sorted(cells.items())
            if metres >= CELL_M
        ]

    def _gateways(self) -> dict[str, GatewayPlace]:
        """Return where main roads leave the box with a way in and a way out; of lesser roads if there are too few."""
        main = self._leaving(MAIN_CLASSES)
        return main if len(main) >= 2 else self._leaving(None)

    def _leaving(self, classes: frozenset[str] | None) -> dict[str, GatewayPlace]:
        entries, exits = self._rim_edges(classes)
        found: dict[str, GatewayPlace] = {}
        for edge, (spot, name, node) in sorted(entries.items()):
            gaps = {key: math.dist(spot, other) for key, (other, _, _) in exits.items()}
            near = sorted((gap_m, key) for key, gap_m in gaps.items() if gap_m <= GATEWAY_SPAN_M)
            if not near:
                self.left_out["main roads that only enter or only leave"] += classes is not None
                continue
            label = name or f"gateway {len(found) + 1}"
            out = _opposite(edge) if _opposite(edge) in exits else near[0][1]
            found[self._junction(node)] = GatewayPlace(
                name=label, name_ko=label, entry_edges=(edge,), exit_edges=(out,), status=STATUS
            )
        return found

    def _rim_edges(self, classes: frozenset[str] | None) -> tuple[_RimEdges, _RimEdges]:
        """Return the edges that come in over the rim and those that leave, with spot, name and junction there."""
        entries: _RimEdges = {}
        exits: _RimEdges = {}
        for key, road in self.laid.roads.items():
            if classes is not None and road.traits.kind not in classes:
                continue
            for node, inward, outward in ((road.nodes[0], "+", "-"), (road.nodes[-1], "-", "+")):
                if node not in self.laid.rim:
                    continue
                if self._passed(f"{key}{inward}", inward=True):
                    junction = self.net.getEdge(f"{key}{inward}").getFromNode()
                    entries[f"{key}{inward}"] = junction.getCoord()[:2], road.traits.name, junction.getID()
                if self._passed(f"{key}{outward}", inward=False):
                    junction = self.net.getEdge(f"{key}{outward}").getToNode()
                    exits[f"{key}{outward}"] = junction.getCoord()[:2], road.traits.name, junction.getID()
        return entries, exits

    def _passed(self, edge: str, *, inward: bool) -> bool:
        """Return whether cars and lorries get from an edge into the network, or from the network to it."""
        if edge not in self.graph.index:
            return False
        for vclass in ("passenger", "truck"):
            core = np.flatnonzero(self.graph.reachable(vclass))
            if not core.size:
                return False
            inside = self.graph.ids[core[0]]
            try:
                self.graph.shortest_path(*((edge, inside) if inward else (inside, edge)), vclass=vclass)
            except NetworkError:
                return False
        return True


_RimEdges = dict[str, tuple[tuple[float, float], str, str]]


def _opposite(edge: str) -> str:
    return edge[:-1] + ("-" if edge.endswith("+") else "+")


def _name(tags: Mapping[str, str]) -> str:
    return tags.get("name", tags.get("name:ko", tags.get("name:en", "")))


def _for_buses(tags: Mapping[str, str]) -> bool:
    rails = {"train", "tram", "subway", "light_rail", "monorail", "ferry"}
    for_rails = "railway" in tags or any(tags.get(key) == "yes" for key in rails)
    return tags.get("bus") == "yes" or not for_rails


def _whole(tags: Mapping[str, str], key: str) -> int | None:
    found = re.match(r"\d{1,5}", tags.get(key, ""))
    return int(found[0]) or None if found else None


def _bays(park: Feature) -> int:
    """Return the capacity as tagged, else from the area and the floors, else a small car park's."""
    tagged = _whole(park.tags, "capacity")
    if tagged:
        return min(tagged, MOST_BAYS)
    floors = _whole(park.tags, "building:levels") or 1
    measured = round(park.area_m2 * floors / M2_PER_BAY)
    return min(max(measured, 2), MOST_BAYS) if park.area_m2 else DEFAULT_BAYS


def _power_kw(tags: Mapping[str, str]) -> float | None:
    """Return the largest output that any tag states, in kW."""
    found = []
    for key, value in tags.items():
        match = POWER.match(value.strip()) if key.endswith("output") else None
        if match:
            power = float(match[1]) / (1000 if (match[2] or "kW").lower() == "w" else 1)
            found.append(power)
    return max(found, default=0.0) or None


def _area(feature: Feature, kind: str, site: str | None) -> Area:
    """Return the ground of a feature, its largest part, with corners every few metres at the closest."""
    shape = feature.shape
    largest = max(shape.geoms, key=lambda part: part.area) if isinstance(shape, MultiPolygon) else shape
    rim = largest.simplify(2.0)
    corners = rim.exterior.coords if isinstance(rim, Polygon) and not rim.is_empty else ()
    name = _name(feature.tags)
    return Area(
        name_ko=feature.tags.get("name:ko", name),
        name_en=feature.tags.get("name:en", name),
        kind=kind,
        site=site,
        shape=tuple((round(x, 2), round(y, 2)) for x, y in corners),
        status=STATUS if feature.tags else ASSUMED,  # squares of residential streets carry no tags
    )
