"""Tables as rows: parsers that name file, row and column of what they refuse, and overlays on top."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from sim.errors import NetworkError
from sim.network.polyline import LonLat

STATUSES = ("confirmed", "likely", "schematic", "assumed", "planned")
PLANNED = "planned"
BASE_YEAR = 2026
"""What opens later belongs in an overlay and not in the base network, its sites and its demand."""
REMOVALS = "road_removals.csv"
"""The table in which an overlay names the base's roads that it takes away."""
DEMAND_TABLES = ("demand_staff_shifts.csv",)
"""What an overlay may bring for `sim.demand` to read."""
KEYS: dict[str, tuple[str, ...]] = {
    "road_overrides.csv": ("road", "column"),
    "signal_turns.csv": ("from", "to", "from_lane", "to_lane"),
    "crossings.csv": ("junction", "road"),
    "lines.csv": ("line", "direction", "sequence", "stop"),
    "stops.csv": ("name", "ars_id", "lon", "lat"),
    "demand_staff_shifts.csv": ("site", "start"),
}
"""The columns that make a row unique, where the first alone does not."""

STUDY_BOX = {"lon": (126.58, 126.88), "lat": (35.08, 35.24)}
"""West and east, south and north of everything in the tables."""


class _Named(Protocol):
    @property
    def id(self) -> str: ...


_Item = TypeVar("_Item", bound=_Named)


class Row:
    """One line of a table with parsers that name file, row and column in their errors."""

    def __init__(self, file: Path, number: int, cells: dict[str, str]) -> None:
        self.file = file
        self._number = number
        self._cells = cells

    @property
    def planned_by(self) -> str:
        """The column by which the row belongs to what is not there yet, or nothing."""
        if self._cells.get("status", "").strip() == PLANNED:
            return "status"
        opens = self._cells.get("opens", "").strip()
        return "opens" if opens.isdigit() and int(opens) > BASE_YEAR else ""

    def fail(self, column: str, allowed: str) -> NetworkError:
        found = self._cells[column]
        place = table_name(self.file)
        return NetworkError(f"{place}, row {self._number}, column {column}: found {found!r}, allowed: {allowed}")

    def has(self, column: str) -> bool:
        """Whether the table has this column."""
        return column in self._cells

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

    def status(self, column: str = "status") -> str:
        return self.choice(column, STATUSES)

    def check_reason(self) -> None:
        """Raise a `NetworkError` unless the row of a decision says how sure it is, and why."""
        self.status()
        self.text("reason")

    def yes(self, column: str) -> bool:
        """Whether the cell says `yes`, else it says `no`."""
        return self.choice(column, ("yes", "no")) == "yes"

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

    def wholes(self, column: str, low: int, high: int) -> tuple[int, ...]:
        parts = self.text(column).split()
        if not all(part.isdigit() and low <= int(part) <= high for part in parts):
            raise self.fail(column, f"whole numbers from {low} to {high}, parted by blanks")
        return tuple(map(int, parts))

    def optional_whole(self, column: str, low: int, high: int) -> int | None:
        return self.whole(column, low, high) if self.optional(column) else None

    def lonlat(self) -> LonLat:
        return self._degrees("lon"), self._degrees("lat")

    def _degrees(self, column: str) -> float:
        low, high = STUDY_BOX[column]
        value = self.number(column, -180, 180)
        if low <= value <= high:
            return value
        other = "lat" if column == "lon" else "lon"
        swapped = STUDY_BOX[other][0] <= value <= STUDY_BOX[other][1]
        raise self.fail(column, f"{low:g} to {high:g}" + (f"; this is a {other}: swap lon and lat" if swapped else ""))

    def via(self, column: str = "via") -> tuple[LonLat, ...]:
        points = []
        for part in filter(None, self.optional(column).split(";")):
            try:
                lon, lat = (float(number) for number in part.split())
            except ValueError as error:
                raise self.fail(column, "points 'lon lat' parted by ';'") from error
            if not all(low <= value <= high for value, (low, high) in zip((lon, lat), STUDY_BOX.values(), strict=True)):
                raise self.fail(column, f"points 'lon lat' within {STUDY_BOX}; found {part.strip()!r}")
            points.append((lon, lat))
        return tuple(points)


class Sheets:
    """The tables of a network by name: the base's rows first, then each overlay's in the order named."""

    def __init__(self, folder: Path, overlays: Sequence[Path]) -> None:
        self._folder = folder
        self._overlays = overlays
        self._known = {REMOVALS, *DEMAND_TABLES}

    def rows(self, name: str, columns: tuple[str, ...]) -> list[Row]:
        """Return a table's rows; what is planned stands in an overlay, and nothing else does."""
        self._known.add(name)
        base = _read(self._folder / name, columns)
        for row in base:
            if row.planned_by:
                fault = row.fail(row.planned_by, f"what is there in {BASE_YEAR}; what is planned belongs in an overlay")
                raise fault
        added = self.added(name, columns)
        for row in added:
            if "status" in columns:
                row.choice("status", (PLANNED,))
        return base + added

    def added(self, name: str, columns: tuple[str, ...]) -> list[Row]:
        """Return the overlays' rows of a table."""
        files = [folder / name for folder in self._overlays if (folder / name).is_file()]
        return [row for file in files for row in _read(file, columns)]

    def check_names(self) -> None:
        """Raise a `NetworkError` at an overlay's table that no reader has asked for."""
        for file in (file for folder in self._overlays for file in sorted(folder.glob("*.csv"))):
            if file.name not in self._known:
                msg = f"{table_name(file)}: not a table of a network; allowed: {', '.join(sorted(self._known))}"
                raise NetworkError(msg)


def table_name(file: Path) -> str:
    """Return how messages name a table: its file, with the overlay it belongs to."""
    return f"overlays/{file.parent.name}/{file.name}" if file.parent.parent.name == "overlays" else file.name


def table_text(file: Path) -> str:
    """Return the text of a table, without the mark that spreadsheets put before UTF-8.

    Raises
    ------
    NetworkError
        There is no such file, or it is no UTF-8 text.
    """
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        msg = f"{file}: there is no such table"
    except UnicodeDecodeError:
        msg = f"{file}: found no UTF-8 text; allowed: a CSV file, which spreadsheets write as 'CSV UTF-8'"
    except OSError as error:
        msg = f"{file}: the table cannot be read: {error.strerror}"
    raise NetworkError(msg)


def _read(file: Path, columns: tuple[str, ...]) -> list[Row]:
    reader = csv.reader(table_text(file).splitlines())
    found = tuple(next(reader, ()))
    if found != columns:
        msg = f"{table_name(file)}, row 1: found columns {', '.join(found)}; allowed: {', '.join(columns)}"
        raise NetworkError(msg)
    rows = []
    for number, cells in enumerate(reader, start=2):
        if len(cells) != len(columns):
            msg = f"{table_name(file)}, row {number}: found {len(cells)} cells, allowed: {len(columns)}"
            raise NetworkError(msg)
        rows.append(Row(file, number, dict(zip(columns, cells, strict=True))))
    _check_unique(rows, KEYS.get(file.name, columns[:1]))
    return rows


def _check_unique(rows: Sequence[Row], columns: tuple[str, ...]) -> None:
    """Raise a `NetworkError` at a row about what an earlier row of the same file is about."""
    seen = set()
    for row in rows:
        key = tuple(row.optional(column) for column in columns)
        if key in seen:
            fault = row.fail(columns[0], f"{' and '.join(columns)} that no earlier row has")
            raise fault
        seen.add(key)


def keyed(rows: list[Row], build: Callable[[Row], _Item]) -> dict[str, _Item]:
    """Build a table's items by their ids; two overlays may bring the same."""
    items: dict[str, _Item] = {}
    for row in rows:
        item = build(row)
        if items.setdefault(item.id, item) != item:
            fault = row.fail("id", "an id that no earlier row has")
            raise fault
    return items
