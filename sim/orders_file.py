"""Orders written one by one: a CSV beside the scenario document that names it, or what a run wrote of its live ones."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from sim.errors import ScenarioError
from sim.fields import Clock, Model, Name, format_clock

MOST_ORDERS = 20_000
PLACE = "place"
"""Names the command that brings an order in."""


class OrderRow(Model):
    """An order as it stands in a file; times as HH:MM, HH:MM:SS or seconds after midnight."""

    id: Name
    kind: Literal["part", "consignment"]
    family: Name = Field(description="of a part: a family of one of the lines")
    origin: str
    destination: str
    pallets: float = Field(gt=0, le=100)
    mass_kg: float = Field(gt=0, le=60_000)
    released_s: Clock
    earliest_s: Clock
    latest_s: Clock
    pieces: int = Field(ge=0, le=1_000_000, description="what the line gets out of it; 0 for a consignment")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.origin == self.destination:
            msg = f"destination: found {self.destination!r}; allowed is another site than the origin"
            raise ValueError(msg)
        if self.earliest_s >= self.latest_s or self.released_s >= self.latest_s:
            found = f"released_s {format_clock(self.released_s)}, earliest_s {format_clock(self.earliest_s)}"
            msg = f"latest_s: found {format_clock(self.latest_s)}; allowed is what comes after {found}"
            raise ValueError(msg)
        if (self.kind == "part") != (self.pieces > 0):
            allowed = "1 or more for a part" if self.kind == "part" else "0 for a consignment"
            msg = f"pieces: found {self.pieces}; allowed is {allowed}"
            raise ValueError(msg)
        return self


COLUMNS = tuple(OrderRow.model_fields)


def read_orders(path: Path) -> list[dict[str, Any]]:
    """Return the orders of a file as they stand in a scenario document.

    The file is a CSV, or the `commands.jsonl` of a run: then its orders are those that came in while it went on, and a
    run that has them from the begin repeats it to the event.

    Raises
    ------
    ScenarioError
        The file cannot be read, lacks a column or has another one, or a row is not an order; the message names file,
        row, column, what was found and what is allowed.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(_placed(path.name, file) if path.suffix == ".jsonl" else _rows(path.name, file))
    except (OSError, UnicodeDecodeError, csv.Error, json.JSONDecodeError) as error:
        msg = f"{path.name} cannot be read as {'JSON lines' if path.suffix == '.jsonl' else 'CSV'}: {error}"
        raise ScenarioError(msg) from None
    return [row.model_dump(mode="json") for row in rows]


def _rows(name: str, lines: Iterable[str]) -> Iterator[OrderRow]:
    reader = csv.reader(lines, strict=True)
    header = [cell.strip() for cell in next(reader, [])]
    if sorted(header) != sorted(COLUMNS):
        msg = f"{name}, row 1: found the columns {', '.join(header) or 'none'}; allowed are {', '.join(COLUMNS)}"
        raise ScenarioError(msg)
    known: set[str] = set()
    for cells in filter(None, reader):
        where = f"{name}, row {reader.line_num}"
        if len(cells) != len(header):
            msg = f"{where}: found {len(cells)} cells; allowed are {len(header)}, one a column"
            raise ScenarioError(msg)
        row = _row(where, dict(zip(header, cells, strict=True)))
        if row.id in known:
            msg = f"{where}, column id: found {row.id!r} a second time; allowed is an id of its own"
            raise ScenarioError(msg)
        known.add(row.id)
        yield row


def _placed(name: str, lines: Iterable[str]) -> Iterator[OrderRow]:
    """Yield the orders among the commands of a run."""
    for number, line in enumerate(lines, start=1):
        command = json.loads(line)
        if isinstance(command, dict) and command.get("command") == PLACE:
            cells = {key: str(value) for key, value in command.items() if key not in {"time_s", "command"}}
            yield _row(f"{name}, row {number}", cells)


def _row(where: str, cells: dict[str, str]) -> OrderRow:
    try:
        return OrderRow.model_validate({column: text.strip() for column, text in cells.items()})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        text = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:  # the columns do not fit one another: the message names one of them
            msg = f"{where}, column {text}"
        else:
            msg = f"{where}, column {first['loc'][0]}: found {first['input']!r}; allowed: {text}"
        raise ScenarioError(msg) from None
