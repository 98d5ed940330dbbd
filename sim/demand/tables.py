"""The facts of the demand that stand beside a network's tables: shifts, coaches, trains, counts."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, get_args

from pydantic import ValidationError

from sim.demand_document import Shift
from sim.errors import ScenarioError
from sim.fields import Status, parse_clock
from sim.network.catalog import Network, network_folder
from sim.network.sheets import table_text

Row = Mapping[str, str]
T = TypeVar("T")
COUNT_COLUMNS = ("section", "direction", "hour", "class", "vehicles")
COUNT_CLASSES = {"car": "passenger", "truck": "truck"}
"""Classes that are counted, and the class of SUMO whose roads each takes."""
MOST_VEHICLES_PER_H = 20_000
MOST_SEATS = 200
ROW = ""
"""Under this name, which no column has, a row holds its number in the file."""


@dataclass(frozen=True, slots=True, order=True)
class Count:
    """Vehicles of a class that pass a survey road in one direction within the hour that begins at `hour`:00."""

    section: str
    direction: str
    hour: int
    vehicle_class: str
    vehicles: float
    source: str = ""
    row: int = field(default=0, compare=False)
    """Where it stands in its table; 0 for one that stands in none."""

    @property
    def road(self) -> str:
        """Section and direction as one name, e.g. `L052+`."""
        return self.section + self.direction


@dataclass(frozen=True, slots=True)
class CoachRun:
    """One run of a company coach to or from `site` for the staff of the sites it `serves`.

    `at_s` is the departure outbound, else the arrival at the site; an empty run fetches for the next one out.
    """

    id: str
    coach: str
    direction: str
    site: str
    serves: tuple[str, ...]
    zone: str
    gateway: str
    at_s: float
    seats: int


def demand_file(network: str, name: str) -> Path:
    """Return the file of a demand table of a network, e.g. `trains`."""
    return network_folder(network) / "tables" / f"demand_{name}.csv"


def demand_files(network: str, overlays: Sequence[str] = ()) -> list[Path]:
    """Return every demand table of a network and of its overlays."""
    folder = network_folder(network)
    places = [folder / "tables", *(folder / "overlays" / name for name in overlays)]
    return [path for place in places for path in sorted(place.glob("demand_*.csv"))]


def require_table(network: str, name: str) -> Path:
    """Return the file of a demand table that a scenario leaves its facts to.

    Raises
    ------
    ScenarioError
        The network has no such table.
    """
    path = demand_file(network, name)
    if not path.is_file():
        msg = f"network {network!r} has no table {path.name}; a scenario on it must say itself what stands there"
        raise ScenarioError(msg)
    return path


def read_shifts(network: Network) -> list[Shift]:
    """Return the shifts of `demand_staff_shifts.csv`, the base's and those of overlays that have one."""

    def shift(row: Row) -> Shift:
        return Shift(
            sites=list(_sites(row, "site", network, "*")),
            start_s=_clock(row["start"]),
            end_s=_clock(row["end"]),
            share=_number(row, "share", most=1),
            status=_status(row["status"]),
            source=row["source"],
        )

    columns = ("site", "start", "end", "share", "status", "source")
    base = require_table(network.name, "staff_shifts")
    added = (network_folder(network.name) / "overlays" / overlay / base.name for overlay in network.overlays)
    files = [base, *(file for file in added if file.is_file())]
    return [one for file in files for one in _read(file, columns, shift)]


def read_coaches(network: Network) -> list[CoachRun]:
    """Return the runs of `demand_coaches.csv`, all of the day."""
    columns = (
        *("id", "coach", "direction", "site", "serves", "zone", "origin", "gateway", "at", "seats"),
        *("status", "source"),
    )

    def run(row: Row) -> CoachRun:
        _status(row["status"])
        return CoachRun(
            id=row["id"],
            coach=row["coach"],
            direction=_one_of(row["direction"], ("in", "out", "empty")),
            site=_one_site(row, "site", network),
            serves=_sites(row, "serves", network),
            zone=row["zone"],
            gateway=_one_site(row, "gateway", network, *network.gateways),
            at_s=_clock(row["at"]),
            seats=_whole(row, "seats", most=MOST_SEATS),
        )

    return _read(require_table(network.name, "coaches"), columns, run)


def read_trains(network: str) -> list[int]:
    """Return when the trains of `demand_trains.csv` arrive, in seconds after midnight."""

    def arrival_s(row: Row) -> int:
        _status(row["status"])
        return _clock(row["arrival"])

    return _read(require_table(network, "trains"), ("id", "arrival", "status", "source"), arrival_s)


def read_counts(path: Path) -> list[Count]:
    """Return a table of counts: section, direction, hour, class and vehicles; further columns are allowed.

    Raises
    ------
    ScenarioError
        A column is missing, a row is not a count, or two rows count the same; the message names the row.
    """

    def count(row: Row) -> Count:
        return Count(
            section=row["section"],
            direction=_one_of(row["direction"], ("+", "-")),
            hour=_whole(row, "hour", most=23),
            vehicle_class=_one_of(row["class"], COUNT_CLASSES),
            vehicles=_number(row, "vehicles", most=MOST_VEHICLES_PER_H),
            source=row.get("source", ""),
            row=int(row[ROW]),
        )

    counts = _read(path, COUNT_COLUMNS, count)
    seen: dict[tuple[str, int, str], int] = {}
    for one in counts:
        key = (one.road, one.hour, one.vehicle_class)
        if key in seen:
            what = f"{one.road}, hour {one.hour}, {one.vehicle_class}"
            msg = f"{path.name}, row {one.row}: {what} stands in row {seen[key]} already"
            raise ScenarioError(msg)
        seen[key] = one.row
    return counts


def _read(path: Path, columns: tuple[str, ...], make: Callable[[Row], T]) -> list[T]:
    """Return the rows of a table; errors name file and row."""
    found = []
    for row in _rows(path, columns):
        try:
            found.append(make(row))
        except ValueError as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
            msg = f"{path.name}, row {row[ROW]}: {reason}"
            raise ScenarioError(msg) from None
    if not found:
        msg = f"{path.name}: no rows"
        raise ScenarioError(msg)
    return found


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[Row]:
    reader = csv.DictReader(table_text(path).splitlines())
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        found = ", ".join(reader.fieldnames or ()) or "nothing"
        msg = f"{path.name}: missing column {', '.join(missing)}; found {found}; needed are {', '.join(columns)}"
        raise ScenarioError(msg)
    for row in reader:
        if None in row or None in row.values():
            msg = f"{path.name}, row {reader.line_num}: not as many cells as there are columns"
            raise ScenarioError(msg)
        yield {key: value.strip() for key, value in row.items()} | {ROW: str(reader.line_num)}


def _number(row: Row, column: str, *, most: float) -> float:
    """Return a cell as a number from 0 to `most`."""
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if 0 <= value <= most:
        return value
    msg = f"{column} is {row[column]!r}, allowed are 0 to {most:g}"
    raise ValueError(msg)


def _whole(row: Row, column: str, *, most: int) -> int:
    value = _number(row, column, most=most)
    if value.is_integer():
        return int(value)
    msg = f"{column} is {row[column]!r}, allowed are whole numbers from 0 to {most}"
    raise ValueError(msg)


def _sites(row: Row, column: str, network: Network, *others: str) -> tuple[str, ...]:
    """Return the sites that a cell names, parted by blanks; `others` are allowed beside those of the network."""
    found = tuple(row[column].split())
    allowed = [*others, *sorted(network.sites)]
    unknown = [name for name in found if name not in allowed]
    if unknown or not found:
        what = f"unknown {', '.join(map(repr, unknown))}" if unknown else "empty"
        msg = f"{column} is {what}; allowed are {', '.join(allowed)}"
        raise ValueError(msg)
    return found


def _one_site(row: Row, column: str, network: Network, *others: str) -> str:
    (name, *more) = _sites(row, column, network, *others)
    if more:
        msg = f"{column} is {row[column]!r}, allowed is a single name"
        raise ValueError(msg)
    return name


def _clock(text: str) -> int:
    """Return "HH:MM" as seconds after midnight."""
    seconds = parse_clock(text)
    if isinstance(seconds, int):
        return seconds
    msg = f"{text!r} is no time of day, allowed is HH:MM"
    raise ValueError(msg)


def _one_of(text: str, allowed: Collection[str]) -> str:
    """Return the text if it is allowed."""
    if text not in allowed:
        msg = f"{text!r} is not one of {', '.join(allowed)}"
        raise ValueError(msg)
    return text


def _status(text: str) -> Status:
    """Return the text as a status of a figure."""
    found: Status = _one_of(text, get_args(Status))  # type: ignore[assignment]
    return found
