"""Dial-a-ride instances as Cordeau and Laporte wrote them: a header `m n T Q L`, then a row a place.

`m` vehicles of capacity `Q`, duties of at most `T`, rides of at most `L`; a row is `id x y service load earliest
latest`: the depot, the pick-ups, the drop-offs in the same order, and in some files the depot once more, where
vehicles end. The number of requests is that of the rows: as `n` some files state it and some its double.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

from sim.errors import ScenarioError

NO_INSTANCES = ("readme", "license", "notice")
SUFFIXES = ("", ".txt")


@dataclass(frozen=True, slots=True)
class Place:
    """A depot, pick-up or drop-off; `load` is taken on board there, below 0 at drop-offs."""

    x: float
    y: float
    service: float
    load: int
    earliest: float
    latest: float


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance as it stands in its file: places 0, 1 to n, n + 1 to 2n are depot, pick-ups and drop-offs."""

    name: str
    vehicles: int
    duration: float
    capacity: int
    ride: float
    places: tuple[Place, ...]
    end: Place

    @property
    def requests(self) -> int:
        """Return how many requests there are."""
        return len(self.places) // 2


def read_folder(folder: Path) -> list[Instance]:
    """Read the instances of a folder: files without suffix or with `.txt`, in the order of their names.

    Raises
    ------
    ScenarioError
        There is no such folder, no instance in it, or a broken one: names file, line and what is wrong.
    """
    if not folder.is_dir():
        msg = f"{folder}: no such folder"
        raise ScenarioError(msg)
    paths = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.lower().startswith((".", *NO_INSTANCES))
    ]
    if not paths:
        msg = f"{folder}: no dial-a-ride instances, which are files without suffix or with .txt"
        raise ScenarioError(msg)
    return [read_instance(path) for path in paths]


def read_instance(path: Path) -> Instance:
    """Read one instance; raises `ScenarioError` as `read_folder` does."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as fault:
        msg = f"{path}: cannot be read as text: {fault}"
        raise ScenarioError(msg) from fault
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1) if line.strip()]
    if not rows:
        msg = f"{path}: empty; its first line must be `m n T Q L`"
        raise ScenarioError(msg)
    number, words = rows[0]
    vehicles, stated, duration, capacity, ride = _numbers(f"{path}, line {number}", words, count=5)
    where = f"{path}, line {number}"
    places = []
    for row, (at, fields) in enumerate(rows[1:]):
        places.append(_place(f"{path}, line {at}", fields, row=row))
    if len(places) < 3:
        msg = f"{path}: {len(places)} places; a depot and at least one request are needed"
        raise ScenarioError(msg)
    end = places.pop() if len(places) % 2 == 0 else places[0]
    count = len(places) // 2
    if stated not in {count, 2 * count}:
        msg = f"{where}: n = {stated:g} is neither the requests nor twice the requests of the rows, {count}"
        raise ScenarioError(msg)
    for name, value, least in (("m", vehicles, 1), ("T", duration, 0), ("Q", capacity, 1), ("L", ride, 0)):
        if value < least or (name in "mQ" and value != int(value)):
            kind = "a whole number of" if name in "mQ" else ""
            msg = f"{where}: {name} must be {kind} at least {least}, found {value:g}".replace("  ", " ")
            raise ScenarioError(msg)
    instance = Instance(path.stem, int(vehicles), duration, int(capacity), ride, tuple(places), end)
    _require_pairs(instance, path, [at for at, _ in rows[1:]])
    return instance


def _numbers(where: str, words: list[str], *, count: int) -> list[float]:
    if len(words) != count:
        msg = f"{where}: {count} numbers are needed, found {len(words)}: {' '.join(words)[:80]!r}"
        raise ScenarioError(msg)
    values = []
    for word in words:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            msg = f"{where}: {word!r} is not a finite number"
            raise ScenarioError(msg)
        values.append(value)
    return values


def _place(where: str, words: list[str], *, row: int) -> Place:
    number, x, y, service, load, earliest, latest = _numbers(where, words, count=7)
    if number != row:
        msg = f"{where}: the places must be numbered from 0 on; found {number:g}, expected {row}"
        raise ScenarioError(msg)
    if earliest > latest:
        msg = f"{where}: the window must not end before it begins, found {earliest:g} to {latest:g}"
        raise ScenarioError(msg)
    if service < 0:
        msg = f"{where}: the service time must be at least 0, found {service:g}"
        raise ScenarioError(msg)
    if load != int(load):
        msg = f"{where}: the load must be a whole number, found {load:g}"
        raise ScenarioError(msg)
    return Place(x, y, service, int(load), earliest, latest)


def _require_pairs(instance: Instance, path: Path, lines: list[int]) -> None:
    for i in range(1, instance.requests + 1):
        pickup, dropoff = instance.places[i], instance.places[i + instance.requests]
        if pickup.load < 0:
            msg = f"{path}, line {lines[i]}: a pick-up's load must be at least 0, found {pickup.load}"
            raise ScenarioError(msg)
        if pickup.load + dropoff.load:
            msg = (
                f"{path}, line {lines[i + instance.requests]}: the load must be {-pickup.load}, that of its pick-up "
                f"in line {lines[i]} with the other sign; found {dropoff.load}"
            )
            raise ScenarioError(msg)


def read_best(folder: Path) -> dict[str, float]:
    """Read the best known costs by instance from `best.json`, empty where there is none.

    Raises
    ------
    ScenarioError
        The file is not an object of objects with a `cost` above 0.
    """
    path = folder / "best.json"
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        costs = {str(name): float(entry["cost"]) for name, entry in document.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        msg = f'{path}: must be an object of instances, each {{"cost": number}}: {fault!r}'
        raise ScenarioError(msg) from fault
    for name, cost in costs.items():
        if not (math.isfinite(cost) and cost > 0):
            msg = f"{path}: the cost of {name} must be a finite number above 0, found {cost}"
            raise ScenarioError(msg)
    return costs
