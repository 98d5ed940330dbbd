"""The report of an experiment: every variant judged against the reference, pictures and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from sim.compare import HEADLINE
from sim.experiment.design import Design
from sim.experiment.frames import FINISHED, Frames
from sim.experiment.names import names_of
from sim.margins import margin_of
from sim.report.experiment.contrasts import Contrast
from sim.report.experiment.page import ExperimentPage, write_experiment_report
from sim.runner.store import RunStore
from sim.verdict import Judgement, judge


def judgements(design: Design, results: pd.DataFrame, *, names: Mapping[str, str] | None = None) -> Iterator[Judgement]:
    """Yield each variant's judgement against the reference, where both have a finished run on the same seeds.

    Variants go by `names`, which has one for each label, or by their labels.
    """
    names = names or {one.label: one.label for one in design.variants}
    results = results.assign(variant=results["variant"].map(names))
    reference = names[design.reference.label]
    own = design.experiment
    seeds = {
        label: set(zip(one["demand_seed"], one["sumo_seed"], strict=True)) for label, one in results.groupby("variant")
    }
    there = set(results["key"])
    wanted = own.kpis or [key for key in HEADLINE if key in there and margin_of(key, own.margins) is not None]
    for variant in design.variants:
        name = names[variant.label]
        if variant.without or name == reference:
            continue
        if seeds.get(reference, set()) & seeds.get(name, set()):
            keys = [key for key in wanted if key in there]
            yield judge(results, reference, name, keys=keys, margins=own.margins)


def write_page(design: Design, frames: Frames, *, store: RunStore, out: Path) -> Path:
    """Write the report of an experiment, whatever of it is finished; return its path.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    names = names_of(design)
    found = list(judgements(design, frames.results, names=names))
    own = design.experiment
    done = frames.runs.loc[frames.runs["status"] == FINISHED, "run"]
    page = ExperimentPage(
        title=own.title,
        question=own.question,
        results=_named(frames.results, names),
        runs=_named(frames.runs, names),
        contrasts=[Contrast.of(one) for one in found],
        kpis=own.kpis,
        trade_offs=own.trade_offs,
        manifests=[store.manifest(key) for key in done],
        precision=own.precision,
        settings=own.set,
        scenarios={names[run.variant.label]: run.scenario for run in design.runs if not run.variant.without},
    )
    return write_experiment_report(page, out)


def _named(frame: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    return frame.assign(variant=frame["variant"].map(names))
