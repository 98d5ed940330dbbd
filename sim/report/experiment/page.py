"""The page of an experiment: one HTML file that asks nothing of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from sim.compare import HEADLINE
from sim.errors import SandboxError
from sim.network.overlaid import load_overlaid
from sim.report import html
from sim.report.experiment import provenance, tables
from sim.report.experiment.contrasts import Contrast
from sim.report.experiment.gallery import Section, gallery
from sim.report.experiment.study import Study
from sim.report.fonts import figure_style
from sim.report.ground import Ground
from sim.report.permits.section import permit_section
from sim.report.runs import FINISHED
from sim.scenario import Scenario
from sim.wording import titles

_TEMPLATE = "experiment/experiment.html.j2"


@dataclass(frozen=True, kw_only=True)
class ExperimentPage:
    """What the page is made of.

    `results` and `runs` are the experiment's two frames; `verdicts` are sentences over all contrasts, `manifests` those
    of the finished runs. Without `kpis` the page has the headline ones; `trade_offs` are pairs of keys, across and up.
    `precision` is the share of a mean within which the page tells how many seeds find it; `settings` are the changes to
    every scenario, path to value. `scenarios` are those of the variants by name: what they permit is told with a map.
    """

    title: str
    question: str
    results: pd.DataFrame
    runs: pd.DataFrame
    verdicts: Sequence[str] = ()
    contrasts: Sequence[Contrast] = ()
    kpis: Sequence[str] = ()
    trade_offs: Sequence[tuple[str, str]] = ()
    manifests: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    precision: float = 0.05
    settings: Mapping[str, Any] = field(default_factory=dict)
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)


def write_experiment_report(page: ExperimentPage, out: Path) -> Path:
    """Write one self-contained HTML file on an experiment, and return its path.

    The same content gives the same bytes. An existing file is replaced.

    Raises
    ------
    OutputError
        A frame lacks a column; the file cannot be written.
    """
    return html.write(render_experiment(page), out)


def render_experiment(page: ExperimentPage) -> str:
    """Return the page; see `write_experiment_report`."""
    keys = page.kpis or HEADLINE
    study = Study.from_frames(page.results, page.runs, keys=keys)
    measures = [study.measures[key] for key in keys if key in study.measures]
    columns = study.having(measures)
    facts = [*provenance.changes(page.settings), *provenance.facts(page.manifests)]
    with figure_style():
        permits = permit_section([(name, one.permits) for name, one in page.scenarios.items()], _ground(page))
        shown = gallery(study, measures, page.contrasts, trade_offs=page.trade_offs, chosen=bool(page.kpis))
        pictures = [_embedded(section) for section in shown.sections]
    content = {
        "title": page.title,
        "question": page.question,
        "study": study,
        "seeds": tables.seeds_text(study),
        "planned": len(page.runs),
        "finished": int((page.runs["status"] == FINISHED).sum()),
        "wall_h": float(page.runs["wall_s"].sum()) / 3600,
        "verdicts": page.verdicts,
        "contrasts": page.contrasts,
        "warnings": [*page.warnings, *_warnings(study, page), *provenance.disagreements(facts)],
        "permits": permits,
        "settings": provenance.changed(page.settings),
        "design": tables.design_lines(study),
        "unfinished": tables.unfinished(page.runs),
        "columns": columns,
        "sections": tables.sections_of_means(study, measures, columns),
        "precision": f"{100 * page.precision:g} %",
        "needed": tables.seeds_needed(study, measures, columns, precision=page.precision),
        "pictures": pictures,
        "notes": shown.notes,
        "facts": facts,
        "attributions": provenance.attributions(page.manifests),
    }
    return html.render(_TEMPLATE, content)


def _embedded(section: Section) -> tuple[str, str, list[tuple[str, str]]]:
    """Return the section's title and caption, and of each sheet the label and a `data:` address."""
    return section.title, section.caption, [(one.label, html.embedded(one.figure)) for one in section.sheets]


def _ground(page: ExperimentPage) -> Ground | None:
    """Return the network that the permits' zones are drawn on; None where it is not as it was for the runs."""
    bound = [one for one in page.scenarios.values() if one.permits]
    if not bound:
        return None
    try:
        network = load_overlaid(bound[0].network, bound[0].overlays)
    except SandboxError:
        return None
    rebuilt = any(manifest["network"]["sha256"] != network.sha256 for manifest in page.manifests)
    return None if rebuilt else Ground(network, bound[0])


def _warnings(study: Study, page: ExperimentPage) -> list[str]:
    """Return what a reader has to know before any figure."""
    found = []
    if len(study.seeds) == 1:
        found.append("One seed: chance cannot be told from the variants, and no mean has an interval.")
    if missing := [key for key in page.kpis if key not in study.measures]:
        found.append(f"No finished run has the KPIs {titles(missing)}.")
    return found
