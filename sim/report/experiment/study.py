"""An experiment's results in the shape that its tables and pictures ask for: by KPI, design point and seed."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import compress
from typing import Self

import pandas as pd

from sim.compare import Row
from sim.errors import OutputError
from sim.kpi.catalogue import CATALOGUE
from sim.kpi.entry import Better
from sim.observations import matched, nested
from sim.report.runs import COLOURS, FINISHED
from sim.report.tables import title_of
from sim.statistics import interval, runs_needed

Level = str | int | float | bool
Seed = tuple[int, int]
Identity = tuple[str, tuple[tuple[str, Level | None], ...]]

RESULT_COLUMNS = (
    "variant", "demand_seed", "sumo_seed", "key", "code", "stat", "scope", "value", "unit", "n", "run",
)  # fmt: skip
RUN_COLUMNS = ("variant", "demand_seed", "sumo_seed", "run", "status", "fingerprint", "wall_s", "error")
MARKERS = ("o", "s", "^", "D", "v", "P")
CONFIDENCE = 0.95
OTHER_SECTION = "Other KPIs"


@dataclass(frozen=True, slots=True)
class Measure:
    """A KPI as the catalogue knows it; one from elsewhere has its code for a title and no better direction."""

    key: str
    title: str
    unit: str
    better: Better
    section: str
    definition: str


@dataclass(frozen=True, slots=True)
class Point:
    """A point of the design: a variant with the levels of its swept parameters, run with every seed."""

    place: int
    label: str
    levels: Mapping[str, Level]
    planned: int
    finished: int

    @property
    def short(self) -> str:
        """The label with each parameter's last name in place of its path, unless two would be the same."""
        names = {path: path.rpartition(".")[2] for path in self.levels}
        if len(set(names.values())) < len(names):
            return self.label
        label = self.label
        for path, name in names.items():
            label = label.replace(f"{path}=", f"{name}=")
        return label


@dataclass(frozen=True, slots=True)
class Series:
    """Points that differ in the parameters of an axis alone; the name is empty where there is one series."""

    name: str
    points: tuple[Point, ...]
    colour: str
    marker: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """The mean with its t interval, which one seed does not give; n counts the runs."""

    mean: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Needed:
    """The observations that a mean needs, None where that is beyond all reach, and those there are.

    Where they do not differ, or there is but one, `spreads` does not hold and nothing can be said.
    """

    number: int | None
    there: int
    spreads: bool

    @property
    def enough(self) -> bool:
        return self.number is not None and self.number <= self.there


@dataclass(frozen=True)
class Study:
    """What the finished runs of an experiment measured.

    `points` follow the order of the runs; values that are missing or not a number are left out.
    """

    points: tuple[Point, ...]
    seeds: tuple[Seed, ...]
    measures: Mapping[str, Measure]
    _values: Mapping[tuple[str, int], Mapping[Seed, float]]

    @classmethod
    def from_frames(cls, results: pd.DataFrame, runs: pd.DataFrame, *, keys: Collection[str] | None = None) -> Self:
        """Read the two frames of an experiment; results of runs that did not finish are left out.

        With `keys` only those KPIs are read.

        Raises
        ------
        OutputError
            A frame lacks a column.
        """
        _check(runs, RUN_COLUMNS, "runs")
        _check(results, RESULT_COLUMNS, "results")
        fixed = {*RUN_COLUMNS, *RESULT_COLUMNS}
        parameters = [str(name) for name in runs.columns if name not in fixed and name in results.columns]
        identities = _identities(runs, parameters)
        finished = runs["status"] == FINISHED
        planned, done = Counter(identities), Counter(compress(identities, finished))
        places = {identity: place for place, identity in enumerate(planned)}
        if keys is not None:
            results = results[results["key"].isin(list(keys))]
        kept = results[results["run"].isin(runs.loc[finished, "run"]) & results["value"].notna()]
        values: dict[tuple[str, int], dict[Seed, float]] = {}
        for identity, key, seed, value in zip(
            _identities(kept, parameters), kept["key"], _seeds(kept), kept["value"], strict=True
        ):
            if math.isfinite(value):
                values.setdefault((str(key), places[identity]), {})[seed] = float(value)
        points = (
            Point(place, identity[0], _present(identity[1]), planned[identity], done[identity])
            for identity, place in places.items()
        )
        return cls(tuple(points), tuple(sorted(set(_seeds(runs)))), _measures(kept), values)

    # --- figures ------------------------------------------------------------------------------------------------

    def values(self, key: str, point: Point) -> Mapping[Seed, float]:
        """Return the KPI of each seed that has it, by seed."""
        found = self._values.get((key, point.place), {})
        return {seed: found[seed] for seed in sorted(found)}

    def estimate(self, key: str, point: Point) -> Estimate | None:
        """Return the mean over the seeds with its interval, or None where no run has the KPI."""
        values = self.values(key, point)
        if not values:
            return None
        observations, _ = matched(values, values, by_demand=self.by_demand)
        found = interval(list(observations.values()), confidence=CONFIDENCE, resamples=0)
        return Estimate(found.mean, found.t.low if found.t else None, found.t.high if found.t else None, len(values))

    def needed(self, key: str, point: Point, precision: float) -> Needed | None:
        """Return how many observations find the mean within ± `precision` of it; None where no run has the KPI."""
        values = self.values(key, point)
        if not values:
            return None
        observations = list(matched(values, values, by_demand=self.by_demand)[0].values())
        spreads = min(observations) < max(observations)
        number = runs_needed(observations, precision, CONFIDENCE) if spreads else None
        return Needed(number, len(observations), spreads=spreads)

    def varies(self, key: str) -> bool:
        """Whether any two runs differ in the KPI."""
        return len({value for point in self.points for value in self.values(key, point).values()}) > 1

    def having(self, measures: Iterable[Measure]) -> list[Point]:
        """Return the points that have a value of any of the measures."""
        keys = [measure.key for measure in measures]
        return [point for point in self.points if any((key, point.place) in self._values for key in keys)]

    @property
    def by_demand(self) -> bool:
        """Whether the mean over the SUMO seeds of one demand is one observation, as those runs share their people."""
        return nested(frozenset(self.seeds))

    # --- design -------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, tuple[Level, ...]]:
        """The swept parameters with their levels: numbers by size, words as they come; one level is no sweep."""
        names = dict.fromkeys(name for point in self.points for name in point.levels)
        found = {name: self._levels(name) for name in names}
        return {name: levels for name, levels in found.items() if len(levels) > 1}

    @property
    def swept(self) -> list[str]:
        """The parameters for the table of the design: all that were set, and the scenario where there are several."""
        names = dict.fromkeys(name for point in self.points for name in point.levels)
        return [name for name in names if name != "scenario" or name in self.parameters]

    @property
    def numeric(self) -> list[str]:
        """The swept parameters that are numbers; of those that run in step with one another, the first."""
        names = [name for name, levels in self.parameters.items() if all(map(_is_number, levels))]
        return [name for place, name in enumerate(names) if not any(self.in_step(name, one) for one in names[:place])]

    def in_step(self, one: str, other: str) -> bool:
        """Whether two parameters tell the points that have both apart alike, as where they were zipped."""
        both = [point.levels for point in self.points if one in point.levels and other in point.levels]
        pairs = {(levels[one], levels[other]) for levels in both}
        return 0 < len(pairs) == len({left for left, _ in pairs}) == len({right for _, right in pairs})

    def series(self, axes: Collection[str], *, partial: bool = False) -> list[Series]:
        """Group the points with values that have the parameters of the axes by all else that tells them apart.

        With `partial` a point that lacks one is a series of its own, else it is left out. Where points of several
        scenarios have the same levels, their names tell them apart; where those do not either, there is no series.
        """
        groups = self._grouped(axes, partial=partial, by_name=False)
        if _crowded(groups, axes):
            groups = self._grouped(axes, partial=partial, by_name=True)
        if _crowded(groups, axes):
            return []
        return [
            Series(name, tuple(points), COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)])
            for place, (name, points) in enumerate(groups.items())
        ]

    def _grouped(self, axes: Collection[str], *, partial: bool, by_name: bool) -> dict[str, list[Point]]:
        others = [name for name in self.parameters if not any(self.in_step(name, axis) for axis in axes)]
        groups: dict[str, list[Point]] = {}
        for point in self.having(self.measures.values()):
            if all(axis in point.levels for axis in axes):
                parts = [_name_alone(point)] if by_name else []
                parts += [named(name, point.levels[name]) for name in others if name in point.levels]
                groups.setdefault(", ".join(filter(None, parts)), []).append(point)
            elif partial:
                groups[point.label] = [point]
        return groups

    def _levels(self, name: str) -> tuple[Level, ...]:
        found = dict.fromkeys(point.levels[name] for point in self.points if name in point.levels)
        return tuple(sorted(found, key=float) if all(map(_is_number, found)) else found)


def named(parameter: str, level: Level) -> str:
    """Write a parameter with its level; of a scenario the name says enough."""
    return written(level) if parameter == "scenario" else f"{parameter} {written(level)}"


def written(level: Level) -> str:
    """Write a level as briefly as it can be told; of a document its leaves."""
    if isinstance(level, bool):
        return "yes" if level else "no"
    if isinstance(level, int | float):
        return f"{level:,.6g}".replace("-", "−")
    if level.startswith("{"):
        with suppress(ValueError):
            return ", ".join(f"{path} {leaf}" for path, leaf in leaves_of(json.loads(level)))
    return level


def leaves_of(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of a document with their paths, in words; an empty one is a leaf."""
    if isinstance(value, Mapping) and value:
        for key, child in value.items():
            yield from leaves_of(child, f"{path}.{key}" if path else str(key))
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def measure_of(key: str, code: str, stat: str, scope: str, unit: str) -> Measure:
    """Return a KPI by its key and the parts of it."""
    kpi = CATALOGUE.get(code)
    if kpi is None:
        return Measure(key, key, unit, "neither", OTHER_SECTION, "")
    row = Row(key, code, stat, scope, kpi.title, unit, kpi.better, n=(), cells=())
    return Measure(key, title_of(row), unit, kpi.better, kpi.section, kpi.definition)


def by_section(measures: Iterable[Measure]) -> dict[str, list[Measure]]:
    """Return the measures under the sections of the catalogue, in its order."""
    sections = [*dict.fromkeys(kpi.section for kpi in CATALOGUE.values()), OTHER_SECTION]
    found = list(measures)
    grouped = {section: [one for one in found if one.section == section] for section in sections}
    return {section: ones for section, ones in grouped.items() if ones}


def _check(frame: pd.DataFrame, columns: Sequence[str], name: str) -> None:
    if missing := [column for column in columns if column not in frame.columns]:
        msg = f"the frame of {name} lacks the columns {', '.join(missing)}; it has {', '.join(map(str, frame.columns))}"
        raise OutputError(msg)


def _identities(frame: pd.DataFrame, parameters: Sequence[str]) -> list[Identity]:
    """Return what tells each row's variant from others; a run's key does not, as two variants may share a run."""
    cells = zip(*(frame[name] for name in parameters), strict=True) if parameters else ((),) * len(frame)
    return [
        (str(variant), tuple((name, _level(cell)) for name, cell in zip(parameters, row, strict=True)))
        for variant, row in zip(frame["variant"], cells, strict=True)
    ]


def _seeds(frame: pd.DataFrame) -> list[Seed]:
    return [(int(demand), int(sumo)) for demand, sumo in zip(frame["demand_seed"], frame["sumo_seed"], strict=True)]


def _present(levels: Iterable[tuple[str, Level | None]]) -> dict[str, Level]:
    return {name: level for name, level in levels if level is not None}


def _level(value: object) -> Level | None:
    """Return a frame's cell as a plain value; None where the variant does not have the parameter."""
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    value = value.item() if hasattr(value, "item") else value
    return value if isinstance(value, str | int | float | bool) else str(value)


def _measures(results: pd.DataFrame) -> dict[str, Measure]:
    first = results.drop_duplicates("key")
    return {
        str(key): measure_of(str(key), str(code), str(stat), str(scope), str(unit))
        for key, code, stat, scope, unit in zip(
            first["key"], first["code"], first["stat"], first["scope"], first["unit"], strict=True
        )
    }


def _is_number(level: Level) -> bool:
    return isinstance(level, int | float) and not isinstance(level, bool)


def _crowded(groups: Mapping[str, Sequence[Point]], axes: Collection[str]) -> bool:
    """Whether two points of one group stand in the same place."""
    return any(
        len({tuple(point.levels.get(axis) for axis in axes) for point in points}) < len(points)
        for points in groups.values()
    )


def _name_alone(point: Point) -> str:
    """Return a variant's name without the levels that it spells out, as `morning-sumo fleet.count=8`."""
    cuts = [place for name in point.levels if (place := point.label.find(f"{name}=")) >= 0]
    return point.label[: min(cuts, default=None)].strip()
