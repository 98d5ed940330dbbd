"""Overlays: small folders of tables that add to a network what is planned, or change its roads."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim.errors import NetworkError, NotFoundError
from sim.network.catalog import network_folder
from sim.network.sheets import KEYS, REMOVALS, table_name, table_text

DOCUMENT = "overlay.yaml"
OVERRIDES = "road_overrides.csv"
NOTES = frozenset({"basis", "note", "reason", "signal_basis", "source"})
"""Columns in which two overlays may differ without contradicting each other."""
ROAD_COLUMNS = ("road", "roads", "edge", "anchor", "from", "to")
"""Columns that name roads in the tables beside the roads' own."""


class _Document(BaseModel):
    """The shape of `overlay.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    year: int = Field(ge=2000, le=2100)
    status: Literal["planned"]
    source: str = Field(min_length=1)
    description: str = ""
    requires: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is planned together; `requires` and `excludes` name other overlays of the same network."""

    name: str
    folder: Path
    title: str
    year: int
    source: str
    description: str
    requires: tuple[str, ...]
    excludes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    """One row of a table as written, with the overlay it stands in ("" for the base)."""

    overlay: str
    file: Path
    number: int
    cells: dict[str, str]

    @property
    def place(self) -> str:
        return f"{table_name(self.file)}, row {self.number}"

    @property
    def key(self) -> tuple[str, ...]:
        columns = KEYS.get(self.file.name) or tuple(self.cells)[:1]
        return self.file.name, *(self.cells.get(column, "") for column in columns)

    def roads(self) -> set[str]:
        """Return the roads the row builds on, by id."""
        if self.file.name in {"roads.csv", REMOVALS}:
            return set()
        names = (name for column in ROAD_COLUMNS for name in self.cells.get(column, "").split())
        return {name.rstrip("+-") for name in names}

    def differs(self, other: Self) -> str:
        """Return the first column in which two rows say different things, "" if none."""
        columns = [column for column in self.cells if column not in NOTES]
        return next((column for column in columns if self.cells[column] != other.cells.get(column)), "")


def overlay_names(network: str) -> list[str]:
    """Return the names of a network's overlays, sorted.

    Raises
    ------
    NotFoundError
        No network has this name.
    """
    return sorted(file.parent.name for file in (network_folder(network) / "overlays").glob(f"*/{DOCUMENT}"))


def read_overlays(network: str, names: Sequence[str]) -> tuple[Overlay, ...]:
    """Read overlays of a network in the order named, and check that they go together.

    Raises
    ------
    NotFoundError
        No network or overlay has this name.
    NetworkError
        An overlay's document is not valid, another overlay is missing or excluded, or two overlays contradict each
        other; the message names both, file, row and fix.
    """
    overlays = tuple(_read_overlay(network, name) for name in names)
    _check_company(overlays)
    if overlays:
        lines = _lines("", network_folder(network) / "tables")
        for overlay in overlays:
            lines += _lines(overlay.name, overlay.folder)
        _check_rows(lines)
        _check_removals(lines)
    return overlays


def list_overlays(network: str) -> list[Overlay]:
    """Return all overlays of a network by name, whatever goes with what.

    Raises
    ------
    NotFoundError
        No network has this name.
    NetworkError
        An overlay's document is not valid.
    """
    return [_read_overlay(network, name) for name in overlay_names(network)]


def planned_sites(network: str) -> dict[str, tuple[str, str]]:
    """Return the sites that stand in overlays alone, each with its year of opening and its overlay's name."""
    found = {}
    for name in overlay_names(network):
        for line in _lines(name, network_folder(network) / "overlays" / name):
            if line.file.name == "sites.csv":
                found[line.cells.get("id", "")] = line.cells.get("opens", ""), name
    return found


def _read_overlay(network: str, name: str) -> Overlay:
    if name not in (known := overlay_names(network)):
        msg = f"overlay {name!r} is not known to network {network!r}; allowed: {', '.join(known) or 'none'}"
        raise NotFoundError(msg)
    folder = network_folder(network) / "overlays" / name
    place = f"overlays/{name}/{DOCUMENT}"
    try:
        document = _Document.model_validate(yaml.safe_load((folder / DOCUMENT).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        msg = f"{place}: cannot be read as YAML: {error}"
        raise NetworkError(msg) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        allowed = ", ".join(_Document.model_fields)
        msg = f"{place}: at {where}: {first['msg']}, found {str(first['input'])[:80]!r}; its fields are {allowed}"
        raise NetworkError(msg) from error
    return Overlay(
        name=name,
        folder=folder,
        title=document.title,
        year=document.year,
        source=document.source,
        description=document.description,
        requires=document.requires,
        excludes=document.excludes,
    )


def _check_company(overlays: Sequence[Overlay]) -> None:
    names = [overlay.name for overlay in overlays]
    for overlay in overlays:
        place = f"overlays/{overlay.name}/{DOCUMENT}"
        if names.count(overlay.name) > 1:
            msg = f"overlays: {overlay.name!r} is named {names.count(overlay.name)} times; name it once"
            raise NetworkError(msg)
        for missing in (name for name in overlay.requires if name not in names):
            msg = f"{place}: overlay {overlay.name!r} requires {missing!r}, found {', '.join(names)}; name it too"
            raise NetworkError(msg)
        for other in (name for name in overlay.excludes if name in names):
            msg = f"{place}: overlay {overlay.name!r} excludes {other!r}; name one of the two only"
            raise NetworkError(msg)


def _lines(overlay: str, folder: Path) -> list[_Line]:
    """Return all rows of a folder's tables as written; what is wrong in itself is left to the strict reader."""
    lines = []
    for file in sorted(folder.glob("*.csv")):
        rows = list(csv.reader(table_text(file).splitlines()))
        for number, cells in enumerate(rows[1:], start=2):
            lines.append(_Line(overlay, file, number, dict(zip(rows[0], map(str.strip, cells), strict=False))))
    return lines


def _check_rows(lines: Iterable[_Line]) -> None:
    """Raise a `NetworkError` where an overlay has a row for what the base or another overlay has one for."""
    first: dict[tuple[str, ...], _Line] = {}
    for line in lines:
        other = first.setdefault(line.key, line)
        if other.overlay == line.overlay:
            continue  # the reader of the table sees to it
        if not other.overlay and line.file.name == OVERRIDES:
            first[line.key] = line  # an overlay's word on a road goes above the base's
            continue
        subject = " ".join(line.key[1:])
        if not other.overlay:
            msg = f"{line.place}: found {subject!r}, which stands in {other.place} already; "
            msg += f"give it another id, or leave it out (roads of the base are changed in {OVERRIDES})"
            raise NetworkError(msg)
        if column := line.differs(other):
            msg = (
                f"overlays {other.overlay!r} and {line.overlay!r} contradict each other: {line.place}: {subject} has "
                f"{column} {line.cells[column]!r}, but {other.cells.get(column)!r} in {other.place}; make the two rows "
                "equal, give one another id, or name one of the overlays only"
            )
            raise NetworkError(msg)


def _check_removals(lines: Sequence[_Line]) -> None:
    """Raise a `NetworkError` where the base or an overlay builds on a road that an overlay takes away."""
    removed = {line.cells.get("road", ""): line for line in lines if line.file.name == REMOVALS}
    for line in lines:
        if not line.overlay and line.file.name == OVERRIDES:
            continue  # goes with its road
        for road in sorted(line.roads() & set(removed)):
            other = removed[road]
            msg = f"{line.place} needs road {road}, which {other.place} removes; "
            if line.overlay == other.overlay:
                msg += "take out one of the two rows"
            elif not line.overlay:
                msg += f"leave the road as it is, or change it in {OVERRIDES}"
            else:
                msg = (
                    f"overlays {other.overlay!r} and {line.overlay!r} contradict each other: {msg}"
                    "change one of the two rows, or name one of the overlays only"
                )
            raise NetworkError(msg)
