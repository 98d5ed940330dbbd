"""The report's tables: KPIs by section with differences, and the same few KPIs for parts of the riders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.compare import Comparison, Row, compare_runs, table
from sim.kpi.catalogue import ALL, CARS, CATALOGUE, SCOPES
from sim.report.numbers import NONE, Scale, scale_of

SCOPE_TITLES = {
    "all": "All riders",
    "station_corridor": "Station corridor",
    "housing": "Housing districts",
    "villages": "Villages",
    "inside_complex": "Inside the complex",
}
_SCOPE_CODES = ("service_rate", "on_time_rate", "wait_s", "total_travel_s")
_STATS = {"p50": "median", "p90": "90th percentile", "p95": "95th percentile", "max": "longest", "mean": "mean"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One run's value as it is written; `verdict` judges the difference to the first run."""

    value: str
    difference: str
    verdict: str
    best: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One KPI as it is written."""

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


def compare_all(paths: Sequence[Path], *, reference: Path | None) -> Comparison:
    """Compare one run or more; a run alone stands beside itself, so that its table needs no other way."""
    found = compare_runs(*paths, *(paths if len(paths) == 1 else ()), without_service=reference)
    count = len(paths)
    return Comparison(found.runs[:count], found.changes[:count], found.warnings)


def kpi_sections(rows: Sequence[Row]) -> list[Section]:
    """Return the rows under the sections of the catalogue, in its order and theirs."""
    titles = dict.fromkeys(kpi.section for kpi in CATALOGUE.values())
    by_section: dict[str, list[Line]] = {title: [] for title in titles}
    for row in rows:
        by_section[CATALOGUE[row.code].section].append(line_of(row))
    return [Section(title, tuple(lines)) for title, lines in by_section.items() if lines]


def scope_sections(comparison: Comparison) -> list[Section]:
    """Return the same few KPIs for each part of the riders that any run has."""
    sections = []
    for scope in SCOPES:
        if scope in {ALL, CARS}:
            continue
        rows = table(comparison, keys=[f"{code}@{scope}" for code in _SCOPE_CODES])
        riders = max((n for row in rows for n in row.n if n is not None), default=0)
        if rows:
            lines = tuple(line_of(row) for row in rows)
            sections.append(Section(f"{SCOPE_TITLES[scope]} ({riders} riders)", lines))
    return sections


def line_of(row: Row) -> Line:
    """Write one row, all its values on one scale."""
    scale = scale_of(row.unit, [cell.value for cell in row.cells])
    best = best_places(row)
    cells = tuple(
        Cell(
            value=scale.number(cell.value),
            difference=_difference(scale, cell.difference, cell.relative, is_share=row.unit == "share"),
            verdict=cell.verdict,
            best=place in best,
        )
        for place, cell in enumerate(row.cells)
    )
    return Line(row.key, title_of(row), scale.unit, CATALOGUE[row.code].definition, cells)


def best_places(row: Row) -> set[int]:
    """Return which runs have the best value; none where no direction is better or all are equal."""
    values = {place: cell.value for place, cell in enumerate(row.cells) if cell.value is not None}
    if row.better == "neither" or len(set(values.values())) < 2:
        return set()
    best = max(values.values()) if row.better == "higher" else min(values.values())
    return {place for place, value in values.items() if value == best}


def title_of(row: Row) -> str:
    """Return the KPI's title with its stat in words; a mean says so only where other stats exist."""
    kpi = CATALOGUE[row.code]
    parts = [kpi.title]
    if kpi.distribution:
        parts.append(_STATS.get(row.stat, row.stat))
    if row.scope == CARS:
        parts.append("commuters by car")
    return ", ".join(parts)


def _difference(scale: Scale, difference: float | None, relative: float | None, *, is_share: bool) -> str:
    text = scale.difference(difference)
    if text in {NONE, "±0"}:
        return text
    if is_share:
        return f"{text} pp"
    return text if relative is None else f"{text} ({100 * relative:+.0f} %)".replace("(-", "(−")
