"""The survey tables of one network, read strictly into frozen rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sim.network.polyline import LonLat, line_m
from sim.network.sheets import REMOVALS, STATUSES, Row, Sheets, keyed

MERGE = "merge"
SHORTEST_ROAD_M = 1.0
SHORTEST_GREEN_S = 7


@dataclass(frozen=True, slots=True)
class Junction:
    """A node of the survey; `signal` is `auto` (decided by the rule in `plain`), `yes`, `no` or `merge`.

    At a `merge` lanes split, join or end without crossing (the rule is in `merges`).
    """

    id: str
    name: str
    lonlat: LonLat
    status: str
    signal: str


@dataclass(frozen=True, slots=True)
class Road:
    """A road between two junctions; `via` holds its bends in order.

    A one-way road leads from `start` to `end`; with bends they are its whole line, for a ramp starts and ends beside
    a carriageway and not in the middle of the junction. Pieces of a surveyed road share its `survey_id`.
    """

    id: str
    start: str
    end: str
    name_ko: str
    lanes: int
    speed_kmh: float
    motor_only: bool
    status: str
    length_m: float | None
    """The survey's length, of a piece its share; nothing for roads that no survey measured."""
    via: tuple[LonLat, ...]
    survey_id: str = ""
    oneway: bool = False
    layer: int = 0
    """Level: 0 on the ground, 1 on a bridge above it."""

    @property
    def edges(self) -> tuple[str, ...]:
        """The edges built from the road: there and back, or one way."""
        return (f"{self.id}+",) if self.oneway else (f"{self.id}+", f"{self.id}-")

    @property
    def is_arterial(self) -> bool:
        """Whether the road carries through traffic: two lanes at 60 km/h or more, or three lanes."""
        return self.lanes >= 3 or (self.lanes == 2 and self.speed_kmh >= 60.0)


@dataclass(frozen=True, slots=True)
class StopPlace:
    """One stop by name; its two kerbs are built from it.

    `anchor` names the junction or the road it stands at, or is `line`: between its neighbours in a line although
    its position is surveyed.
    """

    id: str
    name_ko: str
    lonlat: LonLat | None
    anchor: str
    position_status: str


@dataclass(frozen=True, slots=True)
class StopRow:
    """A stop post as published by the city."""

    name: str
    place: str
    lonlat: LonLat


@dataclass(frozen=True, slots=True)
class LineStop:
    """One call of a bus line."""

    line: str
    direction: str
    sequence: int
    place: str


@dataclass(frozen=True, slots=True)
class Site:
    """A place that people or goods go to."""

    id: str
    name_ko: str
    name_en: str
    kind: str
    lonlat: LonLat
    node: str
    staff: int | None
    shift: str
    opens: int | None
    status: str
    position_status: str


@dataclass(frozen=True, slots=True)
class SiteAnchor:
    """The road side a site is entered from where the rule in `places` would choose badly."""

    site: str
    road: str
    direction: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where background traffic enters and leaves; `roads` lead from there into the study area, widest first."""

    node: str
    name_en: str
    name_ko: str
    roads: tuple[str, ...]
    status: str


@dataclass(frozen=True, slots=True)
class SignalTurn:
    """One lane's movement at a signal: from lane to lane of two edges; without `signal` it only gives way."""

    start: str
    end: str
    start_lane: int
    end_lane: int
    signal: bool


@dataclass(frozen=True, slots=True)
class Roadside:
    """A car park, dock, staging place or charger beside an edge, around metre `at_m` or in its middle."""

    id: str
    name: str
    kind: str
    site: str | None
    edge: str
    at_m: float | None
    places: int
    power_kw: float
    status: str


@dataclass(frozen=True, slots=True)
class Ground:
    """A piece of ground by its corners."""

    id: str
    name_ko: str
    name_en: str
    kind: str
    site: str | None
    shape: tuple[LonLat, ...]
    status: str


@dataclass(frozen=True, slots=True)
class SignalPlan:
    """A signal of a coordinated corridor: `roads` are the corridor's, `greens_s` follow the order of phases."""

    junction: str
    corridor: str
    roads: tuple[str, ...]
    cycle_s: int
    greens_s: tuple[int, ...]
    speed_kmh: float


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything in a network's `tables/` and in the overlays on it."""

    junctions: dict[str, Junction]
    roads: dict[str, Road]
    stop_places: dict[str, StopPlace]
    stops: tuple[StopRow, ...]
    lines: dict[str, tuple[LineStop, ...]]
    sites: dict[str, Site]
    site_anchors: dict[str, SiteAnchor]
    gateways: dict[str, Gateway]
    signal_turns: tuple[SignalTurn, ...]
    car_parks: Mapping[str, Roadside] = field(default_factory=dict)
    docks: Mapping[str, Roadside] = field(default_factory=dict)
    chargers: Mapping[str, Roadside] = field(default_factory=dict)
    areas: Mapping[str, Ground] = field(default_factory=dict)
    signal_plans: tuple[SignalPlan, ...] = ()
    crossings: tuple[tuple[str, str], ...] = ()
    """Junction and road: at a junction with rows people cross these roads alone."""

    def without_unused_junctions(self) -> Tables:
        """Return the tables as they are built: junctions of roads alone."""
        used = {node for road in self.roads.values() for node in (road.start, road.end)}
        return replace(self, junctions={key: node for key, node in self.junctions.items() if key in used})


def read_tables(folder: Path, *, overlays: Sequence[Path] = ()) -> Tables:
    """Read every table of a network.

    Parameters
    ----------
    folder
        The network's `tables/` folder.
    overlays
        Folders with tables of the same names and columns whose rows come on top, later ones last.

    Raises
    ------
    NetworkError
        A file or column is missing, or a cell is not allowed; the message names file, row and column.
    """
    sheets = Sheets(folder, overlays)
    junctions = keyed(sheets.rows("junctions.csv", JUNCTION_COLUMNS), _junction)
    roads = keyed(sheets.rows("roads.csv", ROAD_COLUMNS), lambda row: _road(row, junctions))
    removed = {row.choice("road", roads) for row in sheets.added(REMOVALS, ("road", "status", "reason"))}
    for row in sheets.rows("road_overrides.csv", ("road", "column", "value", "status", "reason")):
        road = roads[row.choice("road", roads)]
        roads[road.id] = _overridden(road, row)
    roads = {key: road for key, road in roads.items() if key not in removed}
    anchors = set(junctions) | set(roads) | {"", "line"}
    places = keyed(
        sheets.rows("stop_places.csv", ("id", "name_ko", "lon", "lat", "anchor", "position_status", "basis")),
        lambda row: _stop_place(row, anchors),
    )
    sites = keyed(sheets.rows("sites.csv", SITE_COLUMNS), lambda row: _site(row, junctions, roads))
    edges = {edge for road in roads.values() for edge in road.edges}
    tables = Tables(
        junctions=junctions,
        roads=roads,
        stop_places=places,
        stops=tuple(
            StopRow(row.text("name"), row.choice("place", places), row.lonlat())
            for row in sheets.rows("stops.csv", ("name", "ars_id", "place", "lon", "lat", "note"))
        ),
        lines=_lines(sheets, places),
        sites=sites,
        site_anchors={
            row.choice("site", sites): SiteAnchor(
                row.text("site"), row.choice("road", roads), row.choice("direction", ("+", "-"))
            )
            for row in sheets.rows("site_anchors.csv", ("site", "road", "direction", "status", "basis"))
        },
        gateways={
            row.choice("node", junctions): Gateway(
                node=row.text("node"),
                name_en=row.text("name_en"),
                name_ko=row.text("name_ko"),
                roads=row.choices("roads", roads),
                status=row.choice("status", STATUSES),
            )
            for row in sheets.rows("gateways.csv", ("node", "name_en", "name_ko", "roads", "status", "basis"))
        },
        signal_turns=tuple(_signal_turn(row, roads) for row in sheets.rows("signal_turns.csv", TURN_COLUMNS)),
        car_parks=keyed(sheets.rows("car_parks.csv", CAR_PARK_COLUMNS), lambda row: _roadside(row, edges, sites)),
        docks=keyed(sheets.rows("docks.csv", DOCK_COLUMNS), lambda row: _roadside(row, edges, sites)),
        chargers=keyed(sheets.rows("chargers.csv", CHARGER_COLUMNS), lambda row: _roadside(row, edges, sites)),
        areas=keyed(sheets.rows("areas.csv", AREA_COLUMNS), lambda row: _ground(row, sites)),
        signal_plans=tuple(
            _signal_plan(row, junctions, roads) for row in sheets.rows("signal_plans.csv", PLAN_COLUMNS)
        ),
        crossings=tuple(_crossing(row, roads) for row in sheets.rows("crossings.csv", CROSSING_COLUMNS)),
    )
    sheets.check_names()
    return tables


JUNCTION_COLUMNS = ("id", "name", "lon", "lat", "status", "basis", "admin", "signal", "signal_basis")
ROAD_COLUMNS = (
    *("id", "survey_id", "from", "to", "road", "name_ko", "lanes_per_direction", "speed_kmh", "motor_only"),
    *("oneway", "layer", "status", "length_m", "via", "note"),
)
SITE_COLUMNS = (
    *("id", "name_ko", "name_en", "kind", "lon", "lat", "node", "area_m2", "staff", "shift", "opens"),
    *("status", "position_status", "basis"),
)
CAR_PARK_COLUMNS = ("id", "name", "site", "edge", "at_m", "capacity", "status", "basis")
DOCK_COLUMNS = ("id", "name", "kind", "site", "edge", "at_m", "bays", "status", "basis")
CHARGER_COLUMNS = ("id", "name", "edge", "at_m", "power_kw", "status", "basis")
AREA_COLUMNS = ("id", "name_ko", "name_en", "kind", "site", "shape", "status", "basis")
PLAN_COLUMNS = ("junction", "corridor", "roads", "cycle_s", "greens_s", "progression_kmh", "status", "reason")
CROSSING_COLUMNS = ("junction", "road", "status", "reason")
TURN_COLUMNS = ("from", "to", "from_lane", "to_lane", "signal", "status", "reason")


def _junction(row: Row) -> Junction:
    return Junction(
        id=row.text("id"),
        name=row.text("name"),
        lonlat=row.lonlat(),
        status=row.choice("status", STATUSES),
        signal=row.choice("signal", ("auto", "yes", "no", MERGE)),
    )


def _road(row: Row, junctions: dict[str, Junction]) -> Road:
    start, end = row.choice("from", junctions), row.choice("to", junctions)
    oneway, via = row.choice("oneway", ("yes", "no")) == "yes", row.via()
    line = via if oneway and via else (junctions[start].lonlat, *via, junctions[end].lonlat)
    if start == end or line_m(line) < SHORTEST_ROAD_M:
        fault = row.fail("to", f"a junction {SHORTEST_ROAD_M:g} m or more away from {start}: a road has a length")
        raise fault
    return Road(
        id=row.text("id"),
        start=start,
        end=end,
        name_ko=row.text("name_ko"),
        lanes=row.whole("lanes_per_direction", 1, 6),
        speed_kmh=row.number("speed_kmh", 5, 120),
        motor_only=row.choice("motor_only", ("yes", "no")) == "yes",
        status=row.choice("status", STATUSES),
        length_m=row.number("length_m", 1, 100_000) if row.optional("length_m") else None,
        via=via,
        survey_id=row.text("survey_id"),
        oneway=oneway,
        layer=row.whole("layer", 0, 3),
    )


def _overridden(road: Road, row: Row) -> Road:
    row.choice("status", STATUSES)
    row.text("reason")
    column = row.choice("column", ("lanes_per_direction", "speed_kmh", "via"))
    if column == "via":
        return replace(road, via=row.via("value"))
    if column == "speed_kmh":
        return replace(road, speed_kmh=row.number("value", 5, 120))
    return replace(road, lanes=row.whole("value", 1, 6))


def _signal_turn(row: Row, roads: dict[str, Road]) -> SignalTurn:
    edges = {edge: road for road in roads.values() for edge in road.edges}
    start, end = row.choice("from", edges), row.choice("to", edges)
    row.choice("status", STATUSES)
    row.text("reason")
    return SignalTurn(
        start=start,
        end=end,
        start_lane=row.whole("from_lane", 0, edges[start].lanes - 1),
        end_lane=row.whole("to_lane", 0, edges[end].lanes - 1),
        signal=row.choice("signal", ("yes", "no")) == "yes",
    )


def _signal_plan(row: Row, junctions: Collection[str], roads: Collection[str]) -> SignalPlan:
    row.choice("status", STATUSES)
    row.text("reason")
    return SignalPlan(
        junction=row.choice("junction", junctions),
        corridor=row.text("corridor"),
        roads=row.choices("roads", roads),
        cycle_s=row.whole("cycle_s", 30, 240),
        greens_s=row.wholes("greens_s", SHORTEST_GREEN_S, 200),
        speed_kmh=row.number("progression_kmh", 5, 120),
    )


def _crossing(row: Row, roads: Mapping[str, Road]) -> tuple[str, str]:
    row.choice("status", STATUSES)
    row.text("reason")
    road = roads[row.choice("road", roads)]
    return row.choice("junction", (road.start, road.end)), road.id


def _roadside(row: Row, edges: Collection[str], sites: Collection[str]) -> Roadside:
    site = row.choice("site", {*sites, ""}) if row.has("site") else ""
    return Roadside(
        id=row.text("id"),
        name=row.text("name"),
        kind=row.choice("kind", ("dock", "staging")) if row.has("kind") else "",
        site=site or None,
        edge=row.choice("edge", edges),
        at_m=row.number("at_m", 0, 100_000) if row.optional("at_m") else None,
        places=next((row.whole(column, 1, 20_000) for column in ("capacity", "bays") if row.has(column)), 1),
        power_kw=row.number("power_kw", 1, 1000) if row.has("power_kw") else 0.0,
        status=row.choice("status", STATUSES),
    )


def _ground(row: Row, sites: Collection[str]) -> Ground:
    shape = row.via("shape")
    if len(shape) < 3:
        fault = row.fail("shape", "three corners or more: 'lon lat' parted by ';'")
        raise fault
    return Ground(
        id=row.text("id"),
        name_ko=row.text("name_ko"),
        name_en=row.text("name_en"),
        kind=row.text("kind"),
        site=row.choice("site", {*sites, ""}) or None,
        shape=shape,
        status=row.choice("status", STATUSES),
    )


def _stop_place(row: Row, anchors: Collection[str]) -> StopPlace:
    return StopPlace(
        id=row.text("id"),
        name_ko=row.text("name_ko"),
        lonlat=row.lonlat() if row.optional("lon") else None,
        anchor=row.choice("anchor", anchors),
        position_status=row.choice("position_status", STATUSES),
    )


def _site(row: Row, junctions: Collection[str], roads: dict[str, Road]) -> Site:
    node = row.choice("node", junctions)
    if not any(node in (road.start, road.end) and not road.motor_only for road in roads.values()):
        fault = row.fail("node", "a junction with a road open to people, where the site's gate can stand")
        raise fault
    return Site(
        id=row.text("id"),
        name_ko=row.text("name_ko"),
        name_en=row.text("name_en"),
        kind=row.text("kind"),
        lonlat=row.lonlat(),
        node=node,
        staff=row.optional_whole("staff", 0, 1_000_000),
        shift=row.optional("shift"),
        opens=row.optional_whole("opens", 1900, 2100),
        status=row.choice("status", STATUSES),
        position_status=row.choice("position_status", STATUSES),
    )


def _lines(sheets: Sheets, places: Collection[str]) -> dict[str, tuple[LineStop, ...]]:
    columns = ("line", "direction", "sequence", "stop", "place", "lon", "lat", "position_status")
    lines: dict[str, list[LineStop]] = {}
    for row in sheets.rows("lines.csv", columns):
        call = LineStop(
            line=row.text("line"),
            direction=row.text("direction"),
            sequence=row.whole("sequence", 1, 999),
            place=row.choice("place", places),
        )
        calls = lines.setdefault(f"{call.line}.{call.direction}".replace(" ", "-"), [])
        if call.sequence != len(calls) + 1:
            fault = row.fail("sequence", f"{len(calls) + 1}, the next of this line and direction")
            raise fault
        calls.append(call)
    return {key: tuple(calls) for key, calls in lines.items()}
