"""The tables of an experiment's page: the design, the runs that did not finish, and means with intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd

from sim.report.experiment.study import Measure, Needed, Point, Study, by_section, written
from sim.report.numbers import NONE, Scale, decimals_of, scale_of
from sim.report.runs import FINISHED
from sim.verdict import MOST_SEEDS

_NOISE = 1e-9  # of a mean: what sums differ by for their order alone


@dataclass(frozen=True, slots=True)
class Cell:
    """A mean as it is written with its interval, and a note where seeds are missing."""

    mean: str
    interval: str
    note: str


@dataclass(frozen=True, slots=True)
class Line:
    """One KPI, a cell for each of the variants that have any."""

    key: str
    title: str
    unit: str
    definition: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under one heading."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class NeededCell:
    """How many seeds a mean needs, in words, and whether there are as many."""

    text: str
    enough: bool


@dataclass(frozen=True, slots=True)
class NeededLine:
    """One KPI, a cell for each of the variants."""

    key: str
    title: str
    cells: tuple[NeededCell, ...]


@dataclass(frozen=True, slots=True)
class NeededTable:
    """How many seeds each mean needs; `enough` of the `told` cells have them."""

    lines: tuple[NeededLine, ...]
    enough: int
    told: int


@dataclass(frozen=True, slots=True)
class PointLine:
    """One variant of the design: its levels, and how many of its runs finished."""

    label: str
    levels: tuple[str, ...]
    finished: str
    complete: bool


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One run that gave no result, and what is known of why."""

    variant: str
    seeds: str
    status: str
    error: str


def sections_of_means(study: Study, measures: Sequence[Measure], points: Sequence[Point]) -> list[Section]:
    """Return the means of variants under the sections of the catalogue."""
    return [
        Section(title, tuple(_line(study, measure, points) for measure in group))
        for title, group in by_section(measures).items()
    ]


def seeds_needed(
    study: Study, measures: Sequence[Measure], points: Sequence[Point], *, precision: float
) -> NeededTable:
    """Return how many seeds find each mean within ± `precision` of it; a KPI without an answer has no line."""
    lines, cells = [], []
    for measure in measures:
        found = [study.needed(measure.key, point, precision) for point in points]
        told = [one for one in found if one is not None and one.spreads]
        if told:
            cells += told
            lines.append(NeededLine(measure.key, measure.title, tuple(map(_needed_cell, found))))
    return NeededTable(tuple(lines), sum(one.enough for one in cells), len(cells))


def _needed_cell(needed: Needed | None) -> NeededCell:
    if needed is None or not needed.spreads:
        return NeededCell(NONE, enough=True)
    reach = needed.number is not None and needed.number <= MOST_SEEDS
    return NeededCell(f"{needed.number}" if reach else f"more than {MOST_SEEDS:,}", enough=needed.enough)


def design_lines(study: Study) -> list[PointLine]:
    """Return a line for each point of the design, its levels in the order of the swept parameters."""
    return [
        PointLine(
            label=point.label,
            levels=tuple(written(point.levels[name]) if name in point.levels else NONE for name in study.swept),
            finished=f"{point.finished} of {point.planned}",
            complete=point.finished == point.planned,
        )
        for point in study.points
    ]


def unfinished(runs: pd.DataFrame) -> list[Unfinished]:
    """Return every run that did not finish, in the order of the runs."""
    return [
        Unfinished(
            variant=str(row["variant"]),
            seeds=seed_text(int(row["demand_seed"]), int(row["sumo_seed"])),
            status=str(row["status"]),
            error="" if pd.isna(row["error"]) else str(row["error"]),
        )
        for row in runs[runs["status"] != FINISHED].to_dict("records")
    ]


def seed_text(demand: int, sumo: int) -> str:
    """Write a pair of seeds."""
    return str(demand) if demand == sumo else f"demand {demand}, SUMO {sumo}"


def seeds_text(study: Study) -> str:
    """Write all seeds, runs of numbers as ranges."""
    if any(demand != sumo for demand, sumo in study.seeds):
        return "; ".join(seed_text(*seed) for seed in study.seeds)
    return ", ".join(_ranges([demand for demand, _ in study.seeds]))


def _ranges(numbers: Sequence[int]) -> Iterator[str]:
    first = last = numbers[0]
    for number in [*numbers[1:], None]:
        if number is not None and number == last + 1:
            last = number
            continue
        yield str(first) if first == last else f"{first}–{last}"
        if number is not None:
            first = last = number


def _line(study: Study, measure: Measure, points: Sequence[Point]) -> Line:
    estimates = [study.estimate(measure.key, point) for point in points]
    halves = [one.high - one.mean for one in estimates if one is not None and one.high is not None]
    means = [one.mean if one else None for one in estimates]
    scale = scale_of(measure.unit, means)
    known = sorted(one for one in means if one is not None)
    apart = [high - low for low, high in pairwise(known) if high - low > _NOISE * abs(high)]
    needed = [decimals_of(scale, least, digits=1) for least in (min(halves, default=0.0), min(apart, default=0.0))]
    scale = dataclasses.replace(scale, decimals=max(scale.decimals, *needed))
    cells = tuple(_cell(study, measure, point, scale) for point in points)
    return Line(measure.key, measure.title, scale.unit, measure.definition, cells)


def _cell(study: Study, measure: Measure, point: Point, scale: Scale) -> Cell:
    found = study.estimate(measure.key, point)
    if found is None:
        return Cell(NONE, "", "")
    interval = ""
    if found.low is not None and found.high is not None:
        same = found.low == found.high
        interval = "in every run" if same else f"{scale.number(found.low)} to {scale.number(found.high)}"
    return Cell(scale.number(found.mean), interval, f"n = {found.n}" if found.n < len(study.seeds) else "")
