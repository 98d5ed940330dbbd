"""Comparison of what experiments left: two variants over their seeds, or one run among the seeds of a variant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from sim.compare import comparable_manifest, differing_paths
from sim.errors import NotFoundError, OutputError, SandboxError
from sim.experiment.drive import read_design
from sim.experiment.frames import DESIGN, RUNS, Frames, read
from sim.kpi.record import KpiRecord
from sim.margins import Margin
from sim.rundir import read_kpis
from sim.verdict import Judgement, Place, judge, place
from sim.wording import title

MUST_AGREE = ("network", "time", "overlays")


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One variant of an experiment: its rows of the results, its scenario, and what its runs were made with."""

    name: str
    results: pd.DataFrame
    scenario: Mapping[str, Any]
    made_with: frozenset[tuple[str, str]]
    margins: Mapping[str, Margin]


def is_experiment(folder: Path) -> bool:
    """Whether a folder holds the tables of an experiment."""
    return (folder / RUNS).is_file()


def sides(folder: Path, variant: str | None) -> dict[str, Side]:
    """Return the variants of an experiment by label, or the one of this label.

    Raises
    ------
    NotFoundError
        The experiment has no such variant.
    OutputError
        The folder's tables or its design are missing or damaged.
    """
    frames, design = read(folder), read_design(folder)
    labels = list(dict.fromkeys(frames.results["variant"]))
    if variant is not None and variant not in labels:
        msg = f"{folder.name} has no variant {variant!r} with finished runs; allowed are {', '.join(map(repr, labels))}"
        raise NotFoundError(msg)
    chosen = [variant] if variant is not None else labels
    try:
        margins = {key: Margin.model_validate(one) for key, one in design["experiment"]["margins"].items()}
        scenarios = {label: dict(design["scenarios"][label]) for label in chosen}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        msg = f"{folder / DESIGN} is damaged: {type(error).__name__} {error}"
        raise OutputError(msg) from None
    return {label: _side(folder.name, label, frames, scenarios[label], margins) for label in chosen}


def judge_sides(
    reference: Side, other: Side, *, keys: Sequence[str] | None = None, force: bool = False
) -> tuple[Judgement, tuple[str, ...]]:
    """Judge one variant against another; return the judgement and warnings to be shown with it.

    Raises
    ------
    SandboxError
        The two are on different networks, time spans or SUMO versions, and `force` is not set.
    """
    found = [path for path in differing_paths(reference.scenario, other.scenario) if _top(path) in MUST_AGREE]
    if reference.made_with != other.made_with:
        found.append("SUMO version or network hash")
    if found and not force:
        msg = f"{other.name} cannot be compared with {reference.name}: they differ in {', '.join(found)}"
        raise SandboxError(msg)
    both = pd.concat([reference.results, other.results])
    judgement = judge(both, reference.name, other.name, keys=keys, margins=reference.margins)
    return judgement, tuple(f"they differ in {path}" for path in found)


def among(run: Path, side: Side, *, keys: Sequence[str]) -> list[tuple[str, Place]]:
    """Tell where the KPIs of one run lie among those of a variant's seeds.

    Raises
    ------
    SandboxError
        The run is on another network, time span or SUMO version.
    """
    manifest = comparable_manifest(run)
    found = [path for path in differing_paths(manifest["scenario"], side.scenario) if _top(path) in MUST_AGREE]
    if (manifest["versions"]["sumo"], manifest["network"]["sha256"]) not in side.made_with:
        found.append("SUMO version or network hash")
    if found:
        msg = f"{run.name} cannot be compared with {side.name}: they differ in {', '.join(found)}"
        raise SandboxError(msg)
    records = {record.key: record for record in map(KpiRecord.from_document, read_kpis(run))}
    placed = []
    for key in keys:
        sample = side.results.loc[side.results["key"] == key, "value"].to_list()
        if key in records and sample:
            placed.append((key, place(records[key].value, sample, unit=records[key].unit)))
    return placed


def render_places(run: str, side: Side, placed: Sequence[tuple[str, Place]], *, console: Console) -> None:
    """Print where a run's KPIs lie among a variant's seeds."""
    grid = Table(title=f"{run} among the runs of {side.name}")
    grid.add_column("KPI", overflow="fold")
    grid.add_column("", overflow="fold")
    for key, one in placed:
        outside = one.expected is not None and not one.expected.holds(one.value)
        grid.add_row(title(key), one.words, style="yellow" if outside else "")
    console.print(grid)


def _side(
    experiment: str, label: str, frames: Frames, scenario: Mapping[str, Any], margins: Mapping[str, Margin]
) -> Side:
    name = f"{experiment}:{label}"
    runs = frames.runs[(frames.runs["variant"] == label) & frames.runs["sumo"].notna()]
    return Side(
        name=name,
        results=frames.results[frames.results["variant"] == label].assign(variant=name),
        scenario=scenario,
        made_with=frozenset(zip(runs["sumo"], runs["network"], strict=True)),
        margins=margins,
    )


def _top(path: str) -> str:
    return path.partition(".")[0]
