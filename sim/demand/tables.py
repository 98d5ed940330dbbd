"""The facts of the demand that stand beside a network's tables: shifts, coaches, trains, counts."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

from sim.demand_document import Shift
from sim.errors import NetworkError, ScenarioError
from sim.fields import Status, parse_clock
from sim.network.catalog import network_folder

Row = Mapping[str, str]
T = TypeVar("T")
COUNT_COLUMNS = ("section", "direction", "hour", "class", "vehicles")
COUNT_CLASSES = {"car": "passenger", "truck": "truck"}
"""Classes that are counted, and the class of SUMO whose roads each takes."""
MOST_VEHICLES_PER_H = 20_000


@dataclass(frozen=True, slots=True, order=True)
class Count:
    """Vehicles of a class that pass a survey road in one direction within the hour that begins at `hour`:00."""

    section: str
    direction: str
    hour: int
    vehicle_class: str
    vehicles: float
    source: str = ""

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


def read_shifts(network: str, overlays: Sequence[str] = ()) -> list[Shift]:
    """Return the shifts of `demand_staff_shifts.csv`, the base's and those of overlays that have one."""

    def shift(row: Row) -> Shift:
        return Shift(
            sites=row["site"].split(),
            start_s=_clock(row["start"]),
            end_s=_clock(row["end"]),
            share=float(row["share"]),
            status=_status(row["status"]),
            source=row["source"],
        )

    columns = ("site", "start", "end", "share", "status", "source")
    base = require_table(network, "staff_shifts")
    added = (network_folder(network) / "overlays" / overlay / base.name for overlay in overlays)
    files = [base, *(file for file in added if file.is_file())]
    return [one for file in files for one in _read(file, columns, shift)]


def read_coaches(network: str) -> list[CoachRun]:
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
            site=row["site"],
            serves=tuple(row["serves"].split()),
            zone=row["zone"],
            gateway=row["gateway"],
            at_s=_clock(row["at"]),
            seats=int(row["seats"]),
        )

    return _read(require_table(network, "coaches"), columns, run)


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
        hour, vehicles = int(row["hour"]), float(row["vehicles"])
        if not 0 <= hour <= 23:
            msg = f"hour is {row['hour']!r}, allowed are 0 to 23"
            raise ValueError(msg)
        if not 0 <= vehicles <= MOST_VEHICLES_PER_H:
            msg = f"vehicles is {row['vehicles']!r}, allowed are 0 to {MOST_VEHICLES_PER_H}"
            raise ValueError(msg)
        return Count(
            section=row["section"],
            direction=_one_of(row["direction"], ("+", "-")),
            hour=hour,
            vehicle_class=_one_of(row["class"], COUNT_CLASSES),
            vehicles=vehicles,
            source=row.get("source", ""),
        )

    counts = _read(path, COUNT_COLUMNS, count)
    seen: dict[tuple[str, int, str], int] = {}
    for number, one in enumerate(counts, start=2):
        key = (one.road, one.hour, one.vehicle_class)
        if key in seen:
            what = f"{one.road}, hour {one.hour}, {one.vehicle_class}"
            msg = f"{path.name}, row {number}: {what} stands in row {seen[key]} already"
            raise ScenarioError(msg)
        seen[key] = number
    return counts


def _read(path: Path, columns: tuple[str, ...], make: Callable[[Row], T]) -> list[T]:
    """Return the rows of a table; errors name file and row."""
    found = []
    for number, row in _rows(path, columns):
        try:
            found.append(make(row))
        except ValueError as error:  # pydantic's own errors are among these
            msg = f"{path.name}, row {number}: {error}"
            raise ScenarioError(msg) from None
    if not found:
        msg = f"{path.name}: no rows"
        raise ScenarioError(msg)
    return found


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{path.name} cannot be read as a UTF-8 table: {error}"
        raise NetworkError(msg) from None
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        found = ", ".join(reader.fieldnames or ()) or "nothing"
        msg = f"{path.name}: missing column {', '.join(missing)}; found {found}; needed are {', '.join(columns)}"
        raise ScenarioError(msg)
    for number, row in enumerate(reader, start=2):
        if None in row or None in row.values():
            msg = f"{path.name}, row {number}: not as many cells as there are columns"
            raise ScenarioError(msg)
        yield number, {key: value.strip() for key, value in row.items()}


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
