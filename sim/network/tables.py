"""The survey tables of one network, read strictly into the rows of `survey`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from sim.errors import NetworkError
from sim.network.catalog import DockKind
from sim.network.polyline import line_m
from sim.network.sheets import REMOVALS, Row, Sheets, keyed
from sim.network.survey import (
    MERGE,
    Gateway,
    Ground,
    Junction,
    LineStop,
    Road,
    Roadside,
    SignalPlan,
    SignalTurn,
    Site,
    StopPlace,
    StopRow,
    Tables,
)

SHORTEST_ROAD_M = 1.0
SHORTEST_GREEN_S = 7
JUNCTIONS = ("id", "name", "lon", "lat", "status", "basis", "admin", "signal", "signal_basis")
ROADS = (
    *("id", "survey_id", "from", "to", "road", "name_ko", "lanes_per_direction", "speed_kmh", "motor_only"),
    *("oneway", "layer", "status", "length_m", "via", "note"),
)
OVERRIDES = ("road", "column", "value", "status", "reason")
STOP_PLACES = ("id", "name_ko", "lon", "lat", "anchor", "position_status", "basis")
STOPS = ("name", "ars_id", "place", "lon", "lat", "note")
LINES = ("line", "direction", "sequence", "stop", "place", "lon", "lat", "position_status")
SITES = (
    *("id", "name_ko", "name_en", "kind", "lon", "lat", "node", "area_m2", "staff", "shift", "opens"),
    *("status", "position_status", "basis"),
)
SITE_ANCHORS = ("site", "road", "direction", "status", "basis")
GATEWAYS = ("node", "name_en", "name_ko", "roads", "status", "basis")
SIGNAL_TURNS = ("from", "to", "from_lane", "to_lane", "signal", "status", "reason")
SIGNAL_PLANS = ("junction", "corridor", "roads", "cycle_s", "greens_s", "progression_kmh", "status", "reason")
CROSSINGS = ("junction", "road", "status", "reason")
CAR_PARKS = ("id", "name", "site", "edge", "at_m", "capacity", "status", "basis")
DOCKS = ("id", "name", "kind", "site", "edge", "at_m", "bays", "status", "basis")
CHARGERS = ("id", "name", "edge", "at_m", "power_kw", "status", "basis")
AREAS = ("id", "name_ko", "name_en", "kind", "site", "shape", "status", "basis")


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
    junctions = keyed(sheets.rows("junctions.csv", JUNCTIONS), _junction)
    roads = _roads(sheets, junctions)
    anchors = set(junctions) | set(roads) | {"", "line"}
    places = keyed(sheets.rows("stop_places.csv", STOP_PLACES), lambda row: _stop_place(row, anchors))
    sites = keyed(sheets.rows("sites.csv", SITES), lambda row: _site(row, junctions, roads))
    edges = {edge: road for road in roads.values() for edge in road.edges}

    def beside(name: str, columns: tuple[str, ...]) -> dict[str, Roadside]:
        return keyed(sheets.rows(name, columns), lambda row: _roadside(row, edges, sites))

    tables = Tables(
        junctions=junctions,
        roads=roads,
        stop_places=places,
        stops=tuple(_stop(row, places) for row in sheets.rows("stops.csv", STOPS)),
        lines=_lines(sheets, places),
        sites=sites,
        site_anchors=dict(_site_anchor(row, sites, roads) for row in sheets.rows("site_anchors.csv", SITE_ANCHORS)),
        gateways={row.choice("node", junctions): _gateway(row, roads) for row in sheets.rows("gateways.csv", GATEWAYS)},
        signal_turns=tuple(_signal_turn(row, edges) for row in sheets.rows("signal_turns.csv", SIGNAL_TURNS)),
        car_parks=beside("car_parks.csv", CAR_PARKS),
        docks=beside("docks.csv", DOCKS),
        chargers=beside("chargers.csv", CHARGERS),
        areas=keyed(sheets.rows("areas.csv", AREAS), lambda row: _ground(row, sites)),
        signal_plans=tuple(
            _signal_plan(row, junctions, roads) for row in sheets.rows("signal_plans.csv", SIGNAL_PLANS)
        ),
        crossings=tuple(_crossing(row, roads) for row in sheets.rows("crossings.csv", CROSSINGS)),
    )
    sheets.check_names()
    return tables


def _junction(row: Row) -> Junction:
    return Junction(
        id=row.text("id"),
        name=row.text("name"),
        lonlat=row.lonlat(),
        status=row.status(),
        signal=row.choice("signal", ("auto", "yes", "no", MERGE)),
    )


def _roads(sheets: Sheets, junctions: dict[str, Junction]) -> dict[str, Road]:
    """Return the roads with what overlays change of them, without those that overlays take away."""
    rows = sheets.rows("roads.csv", ROADS)
    if not rows:
        msg = "roads.csv: found no rows; allowed: one road or more"
        raise NetworkError(msg)
    roads = keyed(rows, lambda row: _road(row, junctions))
    removed = {row.choice("road", roads) for row in sheets.added(REMOVALS, ("road", "status", "reason"))}
    for row in sheets.rows("road_overrides.csv", OVERRIDES):
        road = roads[row.choice("road", roads)]
        roads[road.id] = _overridden(road, row)
    return {key: road for key, road in roads.items() if key not in removed}


def _road(row: Row, junctions: dict[str, Junction]) -> Road:
    start, end = row.choice("from", junctions), row.choice("to", junctions)
    oneway, via = row.yes("oneway"), row.via()
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
        motor_only=row.yes("motor_only"),
        status=row.status(),
        length_m=row.number("length_m", 1, 100_000) if row.optional("length_m") else None,
        via=via,
        survey_id=row.text("survey_id"),
        oneway=oneway,
        layer=row.whole("layer", 0, 3),
    )


def _overridden(road: Road, row: Row) -> Road:
    row.check_reason()
    column = row.choice("column", ("lanes_per_direction", "speed_kmh", "via"))
    if column == "via":
        return replace(road, via=row.via("value"))
    if column == "speed_kmh":
        return replace(road, speed_kmh=row.number("value", 5, 120))
    return replace(road, lanes=row.whole("value", 1, 6))


def _stop_place(row: Row, anchors: Collection[str]) -> StopPlace:
    return StopPlace(
        id=row.text("id"),
        name_ko=row.text("name_ko"),
        lonlat=row.lonlat() if row.optional("lon") else None,
        anchor=row.choice("anchor", anchors),
        position_status=row.status("position_status"),
    )


def _stop(row: Row, places: Collection[str]) -> StopRow:
    return StopRow(row.text("name"), row.choice("place", places), row.lonlat())


def _lines(sheets: Sheets, places: Collection[str]) -> dict[str, tuple[LineStop, ...]]:
    lines: dict[str, list[LineStop]] = {}
    for row in sheets.rows("lines.csv", LINES):
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


def _site(row: Row, junctions: Collection[str], roads: Mapping[str, Road]) -> Site:
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
        status=row.status(),
        position_status=row.status("position_status"),
    )


def _site_anchor(row: Row, sites: Collection[str], roads: Collection[str]) -> tuple[str, str]:
    return row.choice("site", sites), row.choice("road", roads) + row.choice("direction", ("+", "-"))


def _gateway(row: Row, roads: Collection[str]) -> Gateway:
    return Gateway(
        name_en=row.text("name_en"),
        name_ko=row.text("name_ko"),
        roads=row.choices("roads", roads),
        status=row.status(),
    )


def _signal_turn(row: Row, edges: Mapping[str, Road]) -> SignalTurn:
    start, end = row.choice("from", edges), row.choice("to", edges)
    row.check_reason()
    return SignalTurn(
        start=start,
        end=end,
        start_lane=row.whole("from_lane", 0, edges[start].lanes - 1),
        end_lane=row.whole("to_lane", 0, edges[end].lanes - 1),
        signal=row.yes("signal"),
    )


def _signal_plan(row: Row, junctions: Collection[str], roads: Collection[str]) -> SignalPlan:
    row.check_reason()
    return SignalPlan(
        junction=row.choice("junction", junctions),
        corridor=row.text("corridor"),
        roads=row.choices("roads", roads),
        cycle_s=row.whole("cycle_s", 30, 240),
        greens_s=row.wholes("greens_s", SHORTEST_GREEN_S, 200),
        speed_kmh=row.number("progression_kmh", 5, 120),
    )


def _crossing(row: Row, roads: Mapping[str, Road]) -> tuple[str, str]:
    row.check_reason()
    road = roads[row.choice("road", roads)]
    return row.choice("junction", (road.start, road.end)), road.id


def _roadside(row: Row, edges: Collection[str], sites: Collection[str]) -> Roadside:
    site = row.choice("site", {*sites, ""}) if row.has("site") else ""
    return Roadside(
        id=row.text("id"),
        name=row.text("name"),
        kind=row.choice("kind", get_args(DockKind)) if row.has("kind") else "",
        site=site or None,
        edge=row.choice("edge", edges),
        at_m=row.number("at_m", 0, 100_000) if row.optional("at_m") else None,
        places=next((row.whole(column, 1, 20_000) for column in ("capacity", "bays") if row.has(column)), 1),
        power_kw=row.number("power_kw", 1, 1000) if row.has("power_kw") else 0.0,
        status=row.status(),
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
        status=row.status(),
    )
