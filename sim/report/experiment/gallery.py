"""Which pictures fit an experiment's design: each only where the design has what it needs, else a word on why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from matplotlib.figure import Figure

from sim.report.experiment.contrasts import Contrast
from sim.report.experiment.distributions import LEAST_FOR_A_BOX, distributions
from sim.report.experiment.forest import forest
from sim.report.experiment.heatmap import MOST_PANELS, heatmap
from sim.report.experiment.pareto import pareto, spots_of
from sim.report.experiment.sensitivity import MOST_SERIES, sensitivity
from sim.report.experiment.study import Measure, Point, Study, by_section

MOST_CONTRASTS = 6
MOST_ROWS = 12
MOST_MAPS = 6
_TRADE_OFFS = (
    ("cost_per_served_rider_krw", "wait_s"),
    ("vehicle_hours", "service_rate"),
    ("cost_per_served_rider_krw", "on_time_rate"),
)
_MAPPED = ("service_rate", "wait_s", "total_travel_s", "cost_per_served_rider_krw")

_FOREST = (
    "Mean difference over the seeds (variant − reference, paired by seed) with its 95 % interval; sign, colour and "
    "mark tell the verdict. The grey band is the harm that the margin accepts; the small triangle stands on the side "
    "that is better. What lies beyond the axis ends in an arrow; the figures at the right are in the KPI's own unit. "
    "Verdicts are corrected for the number of KPIs, so that one whose interval just leaves zero out may stay open."
)
_SENSITIVITY = (
    "Mean over the seeds at each level, joined by lines; the band is the mean's 95 % interval (t, one value a seed)."
)
_PARETO = (
    "Means over the seeds; the crosses are their 95 % intervals (t, one value a seed), cut off where few seeds make "
    "them wider than the means lie apart. Filled marks are on the front: "
    "no other has a better mean in one KPI without a worse one in the other. Neighbours whose crosses overlap may "
    "change places with other seeds. The arrow points to where both KPIs are better."
)
_HEATMAP = (
    "Means over the seeds, under them half their 95 % interval (t, one value a seed); the framed cell is the best, "
    "hatched cells have no finished run."
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A figure under a label of its own, where its section has several."""

    figure: Figure
    label: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Sheets under one heading with one caption."""

    title: str
    caption: str
    sheets: list[Sheet]


@dataclass(frozen=True, slots=True)
class Gallery:
    """Sections of pictures, and notes on what was left out and why."""

    sections: list[Section] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def hang(self, title: str, caption: str, sheets: Iterator[Sheet]) -> None:
        """Add a section, if it has any sheets."""
        if found := list(sheets):
            self.sections.append(Section(title, caption, found))


def gallery(
    study: Study, measures: Sequence[Measure], contrasts: Sequence[Contrast], *,
    trade_offs: Sequence[tuple[str, str]] = (), chosen: bool = False,
) -> Gallery:  # fmt: skip
    """Draw the pictures that the design has room for.

    Parameters
    ----------
    measures
        The KPIs of the report.
    trade_offs
        Pairs of keys for the front, across and up; without them those of cost and service that the report has.
    chosen
        Whether somebody chose the KPIs; else those without a better direction are left to the table.
    """
    found = Gallery()
    drawn = [one for one in measures if study.varies(one.key) and (chosen or one.better != "neither")]
    found.hang("Differences to the reference", _FOREST, _forests(contrasts, found.notes))
    if not drawn:
        found.notes.append("No KPI of the report differs between any two runs: there is nothing to draw of its values.")
        return found
    found.hang("Distributions over the seeds", _strip(study, drawn), _distributions(study, drawn, found.notes))
    for parameter in study.numeric:
        found.hang(f"Sensitivity to {parameter}", _SENSITIVITY, _sensitivity(study, parameter, drawn, found.notes))
    found.hang("Trade-offs", f"{_labels(study)}{_PARETO}", _trade_offs(study, drawn, trade_offs, found.notes))
    for x, y in combinations(study.numeric, 2):
        found.hang(f"{x} × {y}", _HEATMAP, _maps(study, drawn, x, y, found.notes))
    return found


def _forests(contrasts: Sequence[Contrast], notes: list[str]) -> Iterator[Sheet]:
    told = [one for one in contrasts if one.differences]
    for one in told[:MOST_CONTRASTS]:
        yield Sheet(forest(one.differences, variant=one.variant, reference=one.reference))
    if len(told) > MOST_CONTRASTS:
        notes.append(
            f"Differences are drawn for the first {MOST_CONTRASTS} of {len(told)} variants; the verdict tells all."
        )


def _distributions(study: Study, drawn: Sequence[Measure], notes: list[str]) -> Iterator[Sheet]:
    rows = len(study.having(drawn))
    if rows > MOST_ROWS:
        notes.append(
            f"No distributions over the seeds: {rows} variants are more than the {MOST_ROWS} that can be read."
        )
        return
    for section, group in by_section(drawn).items():
        yield Sheet(distributions(study, group), section)


def _strip(study: Study, drawn: Sequence[Measure]) -> str:
    parts = ["Each point is one run."]
    if len(study.seeds) > 1:
        parts.append("The upright stroke is the mean over the seeds.")
    if len(study.seeds) >= LEAST_FOR_A_BOX:
        parts.append("The box holds the middle half of the seeds, its line is the median; whiskers reach all seeds.")
    if len(study.having(drawn)) == 2:
        parts.append("Thin lines join the runs of one seed.")
    return " ".join(parts)


def _sensitivity(study: Study, parameter: str, drawn: Sequence[Measure], notes: list[str]) -> Iterator[Sheet]:
    levels = study.parameters[parameter]
    series = study.series([parameter])
    if len(levels) < 3:
        return  # two levels are two variants: the differences show them
    if not series:
        notes.append(f"{parameter}: no sensitivity, as several variants share one level and nothing tells them apart.")
    elif len(series) > MOST_SERIES:
        notes.append(f"{parameter}: no sensitivity, as {len(series)} lines a panel are more than {MOST_SERIES}.")
    else:
        told = _of_points(study, drawn, [point for one in series for point in one.points])
        for section, group in by_section(told).items():
            yield Sheet(sensitivity(study, parameter, group), section)


def _of_points(study: Study, drawn: Sequence[Measure], points: Sequence[Point]) -> list[Measure]:
    return [one for one in drawn if any(point in points for point in study.having([one]))]


def _trade_offs(
    study: Study, drawn: Sequence[Measure], asked: Sequence[tuple[str, str]], notes: list[str]
) -> Iterator[Sheet]:
    measures = {one.key: one for one in drawn if one.better != "neither"}
    if not asked and not study.numeric:
        return
    for x, y in asked or _TRADE_OFFS:
        if x not in measures or y not in measures:
            if asked:
                notes.append(f"No trade-off of {x} and {y}: both must be on this page, vary and have a better side.")
        elif len(spots_of(study, measures[x], measures[y])) > 2 and study.series(study.numeric, partial=True):
            yield Sheet(pareto(study, measures[x], measures[y]))


def _labels(study: Study) -> str:
    if not study.numeric:
        return ""
    joined = ", which thin lines join in their order" if len(study.numeric) == 1 else ""
    return f"Labels are levels of {', '.join(study.numeric)}{joined}. "


def _maps(study: Study, drawn: Sequence[Measure], x: str, y: str, notes: list[str]) -> Iterator[Sheet]:
    series = study.series([x, y])
    cells = len(study.parameters[x]) * len(study.parameters[y]) * len(series)
    if not series or 2 * sum(len(one.points) for one in series) < cells:
        return  # more holes than cells: a list of points, not a grid
    if len(series) > MOST_PANELS:
        notes.append(f"{x} × {y}: no heat map, as {len(series)} panels are more than {MOST_PANELS}.")
        return
    points = [point for one in series for point in one.points]
    found = _of_points(study, drawn, points)
    liked = [one for one in found if one.key in _MAPPED] or found
    for measure in liked[:MOST_MAPS]:
        yield Sheet(heatmap(study, measure, x=x, y=y), measure.title)
