"""The report's tables: KPIs by section with differences, and the same few KPIs for parts of the riders."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.compare import Comparison, Row, compare_runs, table
from sim.kpi.catalogue import CATALOGUE
from sim.kpi.entry import ALL, CARS, SCOPES
from sim.report.numbers import NONE, ZERO, Scale, scale_of
from sim.report.runs import FINISHED
from sim.wording import STATS

SCOPE_TITLES = {
    "all": "All riders",
    "station_corridor": "Station corridor",
    "housing": "Housing districts",
    "villages": "Villages",
    "inside_complex": "Inside the complex",
    "booked": "Booked ahead",
    "wheelchair": "With a wheelchair",
    "cars": "Commuters by car",
}
_DELAYS = {"pickup_delay_vs_promise_s", "dropoff_delay_vs_promise_s"}
OF_SERVED = {code for code, kpi in CATALOGUE.items() if kpi.section == "Riders' time"} - {"wait_s"} | _DELAYS
OF_DELIVERED = {"tardiness_s", "order_lead_time_s"}
SERVED_TOLERANCE = 0.05
_SCOPE_CODES = ("service_rate", "on_time_rate", "wait_s", "total_travel_s", "promise_kept_rate")
_FREIGHT_PARTS = {
    "order": ("Orders", ("otif", "orders_released", "orders_late", "order_lead_time_s", "tardiness_s.p95")),
    "family": ("Stock of", ("stock_out_min", "stock_outs")),
    "site": (
        "Site",
        ("truck_turn_time_s", "dock_queue_s", "gate_check_s", "bay_wait_s", "dock_occupancy_s", "dock_utilisation",
         "detention_s", "appointment_adherence", "spill_back_veh_s"),
    ),
    "class": (
        "Class",
        ("freight_vehicles", "freight_km", "freight_empty_ratio", "load_factor", "load_factor_pallets", "modal_share",
         "distance_adjustment_factor", "freight_utilisation", "freight_energy_kwh_per_100km", "energy_kwh_per_tkm",
         "ghg_g_per_tkm_wtw", "unmanned_exposure_h", "unmanned_exposure_km"),
    ),
    "hub": ("Hub", ("charged_grid_kwh", "hub_peak_kw", "hub_peak_5min_kw")),
    "rule": ("Rule", ("violations", "violation_s")),
    "pair": ("Encounters", ("conflicts",)),
}  # fmt: skip


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


def kpi_sections(comparison: Comparison) -> list[Section]:
    """Return the headline KPIs under the sections of the catalogue, in its order and theirs."""
    titles = dict.fromkeys(kpi.section for kpi in CATALOGUE.values())
    by_section: dict[str, list[Line]] = {title: [] for title in titles}
    for row in table(comparison):
        by_section[CATALOGUE[row.code].section].append(_line(row, judged_runs(comparison, row)))
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
            lines = tuple(_line(row, judged_runs(comparison, row), scoped=True) for row in rows)
            sections.append(Section(f"{SCOPE_TITLES[scope]} ({riders} riders)", lines))
    return sections


def freight_sections(comparison: Comparison) -> list[Section]:
    """Return a few KPIs for each order family and kind, site, vehicle class, ... that any run has.

    Sites that nobody came to are named in one line: all that they have is a utilisation of 0.
    """
    names = {
        (kind, record.scope)
        for run in comparison.runs
        for record in run.records.values()
        if record.scope != ALL and (kind := _freight_kind(record.code)) is not None
    }
    sections = []
    for kind, (title, codes) in _FREIGHT_PARTS.items():
        idle = []
        for scope in sorted(name for found, name in names if found == kind):
            rows = table(comparison, keys=[f"{code}@{scope}" for code in codes])
            if kind == "site" and not any(cell.value for row in rows for cell in row.cells):
                idle.append(scope)
            elif rows:
                lines = tuple(_line(row, judged_runs(comparison, row), scoped=True) for row in rows)
                sections.append(Section(f"{title} {scope}", lines))
        if idle:
            sections.append(Section(f"Nobody came to {', '.join(idle)}", ()))
    return sections


def _freight_kind(code: str) -> str | None:
    """Return what a KPI of freight is given for; None for others."""
    kpi = CATALOGUE.get(code)
    return None if kpi is None or kpi.scoped_by in {None, "riders"} else kpi.scoped_by


def _line(row: Row, judged: Collection[int], *, scoped: bool = False) -> Line:
    """Write one row, all its values on one scale; under a heading of its scope the title leaves that out."""
    scale = scale_of(row.unit, [cell.value for cell in row.cells])
    best = best_places(row, judged)
    cells = tuple(
        Cell(
            value=scale.number(cell.value),
            difference=_difference(scale, cell.difference, cell.relative, is_share=row.unit == "share"),
            verdict=cell.verdict if scale.difference(cell.difference) != ZERO else "same",
            best=place in best,
        )
        for place, cell in enumerate(row.cells)
    )
    title = title_of(dataclasses.replace(row, scope=ALL) if scoped else row)
    return Line(row.key, title, scale.unit, CATALOGUE[row.code].definition, cells)


def judged_runs(comparison: Comparison, row: Row) -> set[int]:
    """Return which runs can be best in a KPI: those that came to their end.

    Times that rest on the served alone are judged among the services that serve about as many as the best does, and
    those of delivered orders likewise: whoever drops the long rides has short ones.
    """
    whole = {place for place, run in enumerate(comparison.runs) if run.manifest["status"] == FINISHED}
    if row.code not in OF_SERVED | OF_DELIVERED:
        return whole
    code = "service_rate" if row.code in OF_SERVED else "orders_in_full_rate"
    key = code if row.scope == ALL else f"{code}@{row.scope}"
    rates = {place: run.records[key].value for place, run in enumerate(comparison.runs) if key in run.records}
    best = max((rates[place] for place in whole & rates.keys()), default=0.0)
    return {place for place in whole if rates.get(place, 0.0) >= best - SERVED_TOLERANCE}


def best_places(row: Row, whole: Collection[int]) -> set[int]:
    """Return which of the whole runs have the best value as it is written.

    None has where the KPI has no direction, or all are equal.
    """
    scale = scale_of(row.unit, [cell.value for cell in row.cells])
    values = {place: cell.value for place, cell in enumerate(row.cells) if place in whole and cell.value is not None}
    written = {place: scale.number(value) for place, value in values.items()}
    if row.better == "neither" or len(set(written.values())) < 2:
        return set()
    best = (max if row.better == "higher" else min)(values, key=lambda place: values[place])
    return {place for place, text in written.items() if text == written[best]}


def title_of(row: Row) -> str:
    """Return the KPI's title with its stat in words; a mean says so only where other stats exist."""
    kpi = CATALOGUE[row.code]
    parts = [STATS.get(row.stat, row.stat)] if kpi.distribution else []
    parts += [SCOPE_TITLES[row.scope].lower()] if row.scope in SCOPE_TITLES and row.scope != ALL else []
    return f"{kpi.title} ({', '.join(parts)})" if parts else kpi.title


def _difference(scale: Scale, difference: float | None, relative: float | None, *, is_share: bool) -> str:
    text = scale.difference(difference)
    if text in {NONE, ZERO}:
        return text
    if is_share:
        return f"{text} pp"
    if relative is None or round(100 * relative) == 0:
        return text
    return f"{text} ({100 * relative:+.0f} %)".replace("(-", "(−")
