"""The survey tables of one network, read strictly into frozen rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from sim.errors import NetworkError

STATUSES = ("confirmed", "likely", "schematic", "assumed", "planned")
PLANNED = "planned"
BASE_YEAR = 2026
"""What opens later stays in the tables and out of the base network, its sites and its demand."""

LonLat = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Junction:
    """A node of the survey; `signal` is `auto` (decided by the rule in `plain`), `yes` or `no`."""

    id: str
    name: str
    lonlat: LonLat
    status: str
    signal: str


@dataclass(frozen=True, slots=True)
class Road:
    """A two-way road between two junctions; `via` holds its bends in order."""

    id: str
    start: str
    end: str
    name_ko: str
    lanes: int
    speed_kmh: float
    motor_only: bool
    status: str
    length_m: float
    via: tuple[LonLat, ...]

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
class Tables:
    """Everything in a network's `tables/`, planned rows included."""

    junctions: dict[str, Junction]
    roads: dict[str, Road]
    stop_places: dict[str, StopPlace]
    stops: tuple[StopRow, ...]
    lines: dict[str, tuple[LineStop, ...]]
    sites: dict[str, Site]
    site_anchors: dict[str, SiteAnchor]
    gateways: dict[str, Gateway]
    signal_turns: tuple[SignalTurn, ...]

    def base(self) -> Tables:
        """Return the tables of the base year: nothing planned, nothing that opens later."""
        roads = {key: road for key, road in self.roads.items() if road.status != PLANNED}
        used = {node for road in roads.values() for node in (road.start, road.end)}
        return replace(
            self,
            roads=roads,
            junctions={key: node for key, node in self.junctions.items() if key in used},
            sites={
                key: site
                for key, site in self.sites.items()
                if site.status != PLANNED and (site.opens is None or site.opens <= BASE_YEAR)
            },
        )


class _Row:
    """One line of a table with parsers that name file, row and column in their errors."""

    def __init__(self, file: Path, number: int, cells: dict[str, str]) -> None:
        self._file = file
        self._number = number
        self._cells = cells

    def fail(self, column: str, allowed: str) -> NetworkError:
        found = self._cells[column]
        return NetworkError(
            f"{self._file.name}, row {self._number}, column {column}: found {found!r}, allowed: {allowed}"
        )

    def text(self, column: str) -> str:
        value = self._cells[column].strip()
        if not value:
            raise self.fail(column, "a text that is not empty")
        return value

    def optional(self, column: str) -> str:
        return self._cells[column].strip()

    def choice(self, column: str, allowed: Collection[str]) -> str:
        value = self._cells[column].strip()
        if value not in allowed:
            raise self.fail(column, ", ".join(sorted(allowed)) if len(allowed) <= 12 else f"{len(allowed)} known ids")
        return value

    def choices(self, column: str, allowed: Collection[str]) -> tuple[str, ...]:
        values = tuple(self.text(column).split())
        if not set(values) <= set(allowed):
            raise self.fail(column, f"some of {len(allowed)} known ids, parted by blanks")
        return values

    def number(self, column: str, low: float, high: float) -> float:
        try:
            value = float(self._cells[column])
        except ValueError as error:
            raise self.fail(column, f"a number from {low:g} to {high:g}") from error
        if not low <= value <= high:
            raise self.fail(column, f"a number from {low:g} to {high:g}")
        return value

    def whole(self, column: str, low: int, high: int) -> int:
        value = self.number(column, low, high)
        if not value.is_integer():
            raise self.fail(column, f"a whole number from {low} to {high}")
        return int(value)

    def optional_whole(self, column: str, low: int, high: int) -> int | None:
        return self.whole(column, low, high) if self.optional(column) else None

    def lonlat(self) -> LonLat:
        return self.number("lon", -180, 180), self.number("lat", -90, 90)

    def via(self, column: str = "via") -> tuple[LonLat, ...]:
        points = []
        for part in filter(None, self.optional(column).split(";")):
            try:
                lon, lat = (float(number) for number in part.split())
            except ValueError as error:
                raise self.fail(column, "points 'lon lat' parted by ';'") from error
            points.append((lon, lat))
        return tuple(points)


def read_tables(folder: Path) -> Tables:
    """Read every table of a network.

    Parameters
    ----------
    folder
        The network's `tables/` folder.

    Raises
    ------
    NetworkError
        A file or column is missing, or a cell is not allowed; the message names file, row and column.
    """
    junctions = _keyed(_read(folder / "junctions.csv", JUNCTION_COLUMNS), _junction)
    roads = _keyed(_read(folder / "roads.csv", ROAD_COLUMNS), lambda row: _road(row, junctions))
    for row in _read(folder / "road_overrides.csv", ("road", "column", "value", "status", "reason")):
        road = roads[row.choice("road", roads)]
        roads[road.id] = _overridden(road, row)
    anchors = set(junctions) | set(roads) | {"", "line"}
    places = _keyed(
        _read(folder / "stop_places.csv", ("id", "name_ko", "lon", "lat", "anchor", "position_status", "basis")),
        lambda row: _stop_place(row, anchors),
    )
    sites = _keyed(_read(folder / "sites.csv", SITE_COLUMNS), lambda row: _site(row, junctions))
    return Tables(
        junctions=junctions,
        roads=roads,
        stop_places=places,
        stops=tuple(
            StopRow(row.text("name"), row.choice("place", places), row.lonlat())
            for row in _read(folder / "stops.csv", ("name", "ars_id", "place", "lon", "lat", "note"))
        ),
        lines=_lines(folder / "lines.csv", places),
        sites=sites,
        site_anchors={
            row.choice("site", sites): SiteAnchor(
                row.text("site"), row.choice("road", roads), row.choice("direction", ("+", "-"))
            )
            for row in _read(folder / "site_anchors.csv", ("site", "road", "direction", "status", "basis"))
        },
        gateways={
            row.choice("node", junctions): Gateway(
                node=row.text("node"),
                name_en=row.text("name_en"),
                name_ko=row.text("name_ko"),
                roads=row.choices("roads", roads),
                status=row.choice("status", STATUSES),
            )
            for row in _read(folder / "gateways.csv", ("node", "name_en", "name_ko", "roads", "status", "basis"))
        },
        signal_turns=tuple(_signal_turn(row, roads) for row in _read(folder / "signal_turns.csv", TURN_COLUMNS)),
    )


JUNCTION_COLUMNS = ("id", "name", "lon", "lat", "status", "basis", "admin", "signal", "signal_basis")
ROAD_COLUMNS = (
    *("id", "from", "to", "road", "name_ko", "lanes_per_direction", "speed_kmh", "motor_only"),
    *("status", "length_m", "via", "note"),
)
SITE_COLUMNS = (
    *("id", "name_ko", "name_en", "kind", "lon", "lat", "node", "area_m2", "staff", "shift", "opens"),
    *("status", "position_status", "basis"),
)
TURN_COLUMNS = ("from", "to", "from_lane", "to_lane", "signal", "status", "reason")


_Item = TypeVar("_Item", Junction, Road, StopPlace, Site)


def _read(file: Path, columns: tuple[str, ...]) -> list[_Row]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{file}: cannot be read as a UTF-8 table: {error}"
        raise NetworkError(msg) from error
    reader = csv.reader(text.splitlines())
    found = tuple(next(reader, ()))
    if found != columns:
        msg = f"{file.name}, row 1: found columns {', '.join(found)}; allowed: {', '.join(columns)}"
        raise NetworkError(msg)
    rows = []
    for number, cells in enumerate(reader, start=2):
        if len(cells) != len(columns):
            msg = f"{file.name}, row {number}: found {len(cells)} cells, allowed: {len(columns)}"
            raise NetworkError(msg)
        rows.append(_Row(file, number, dict(zip(columns, cells, strict=True))))
    return rows


def _keyed(rows: list[_Row], build: Callable[[_Row], _Item]) -> dict[str, _Item]:
    items: dict[str, _Item] = {}
    for row in rows:
        item = build(row)
        if item.id in items:
            fault = row.fail("id", "an id that no earlier row has")
            raise fault
        items[item.id] = item
    return items


def _junction(row: _Row) -> Junction:
    return Junction(
        id=row.text("id"),
        name=row.text("name"),
        lonlat=row.lonlat(),
        status=row.choice("status", STATUSES),
        signal=row.choice("signal", ("auto", "yes", "no")),
    )


def _road(row: _Row, junctions: Collection[str]) -> Road:
    return Road(
        id=row.text("id"),
        start=row.choice("from", junctions),
        end=row.choice("to", junctions),
        name_ko=row.text("name_ko"),
        lanes=row.whole("lanes_per_direction", 1, 6),
        speed_kmh=row.number("speed_kmh", 5, 120),
        motor_only=row.choice("motor_only", ("yes", "no")) == "yes",
        status=row.choice("status", STATUSES),
        length_m=row.number("length_m", 1, 100_000),
        via=row.via(),
    )


def _overridden(road: Road, row: _Row) -> Road:
    row.choice("status", STATUSES)
    row.text("reason")
    column = row.choice("column", ("lanes_per_direction", "speed_kmh", "via"))
    if column == "via":
        return replace(road, via=row.via("value"))
    if column == "speed_kmh":
        return replace(road, speed_kmh=row.number("value", 5, 120))
    return replace(road, lanes=row.whole("value", 1, 6))


def _signal_turn(row: _Row, roads: dict[str, Road]) -> SignalTurn:
    edges = {f"{road}{direction}": roads[road] for road in roads for direction in "+-"}
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


def _stop_place(row: _Row, anchors: Collection[str]) -> StopPlace:
    return StopPlace(
        id=row.text("id"),
        name_ko=row.text("name_ko"),
        lonlat=row.lonlat() if row.optional("lon") else None,
        anchor=row.choice("anchor", anchors),
        position_status=row.choice("position_status", STATUSES),
    )


def _site(row: _Row, junctions: Collection[str]) -> Site:
    return Site(
        id=row.text("id"),
        name_ko=row.text("name_ko"),
        name_en=row.text("name_en"),
        kind=row.text("kind"),
        lonlat=row.lonlat(),
        node=row.choice("node", junctions),
        staff=row.optional_whole("staff", 0, 1_000_000),
        shift=row.optional("shift"),
        opens=row.optional_whole("opens", 1900, 2100),
        status=row.choice("status", STATUSES),
        position_status=row.choice("position_status", STATUSES),
    )


def _lines(file: Path, places: Collection[str]) -> dict[str, tuple[LineStop, ...]]:
    columns = ("line", "direction", "sequence", "stop", "place", "lon", "lat", "position_status")
    lines: dict[str, list[LineStop]] = {}
    for row in _read(file, columns):
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
