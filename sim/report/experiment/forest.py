"""The forest plot: the difference of each KPI to the reference with its interval, all on one axis of percent."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from sim.kpi.entry import Better
from sim.report.experiment.outcomes import WORDS, Verdict
from sim.report.experiment.panels import BAD, BAND, GOOD, INK, SOFT, wrapped
from sim.report.figures import WIDTH_IN
from sim.report.numbers import NONE, ZERO, decimals_of, scale_of

_LOOKS: dict[Verdict, tuple[str, str, str]] = {  # words, colour, marker: sign and marker do without the colour
    "better": (WORDS["better"], GOOD, "o"),
    "no worse": (WORDS["no worse"], "#0072b2", "D"),
    "slightly worse": (WORDS["slightly worse"], BAD, "v"),
    "worse": (WORDS["worse"], BAD, "s"),
    "fails": (WORDS["fails"], "#8c1d04", "X"),
    "open": (WORDS["open"], SOFT, "o"),
    "differs": (WORDS["differs"], "#3a4048", "d"),
    "not judged": (WORDS["not judged"], "#8a919b", "d"),
}
_HOLLOW = ("open", "not judged")
_MOST_PERCENT = 400.0
_LEGEND_ROW = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One KPI of a variant against the reference, paired by seed.

    `mean` is variant − reference with its interval, `margin` the harm that is accepted (not negative), `reference`
    the reference's mean; all are in the KPI's unit.
    """

    key: str
    title: str
    unit: str
    better: Better
    reference: float | None
    mean: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    margin: float | None = None

    def percent(self, value: float | None) -> float | None:
        """Return a figure in percent of the reference; none of a reference that is not above zero."""
        if value is None or self.reference is None or self.reference <= 0:
            return None
        return 100 * value / self.reference


def forest(differences: Sequence[Difference], *, variant: str, reference: str) -> Figure:
    """Draw a row for each KPI, with its figures in its own unit at the right."""
    count = len(differences)
    figure = Figure(figsize=(WIDTH_IN, 0.285 * count + 1.25), layout="constrained")
    axes, words = figure.subplots(1, 2, width_ratios=(1.25, 1), sharey=True)
    limit = _limit(differences)
    for row, one in enumerate(differences):
        _row(axes, row, one, limit)
        _figures(words, row, one)
    axes.set(xlim=(-limit, limit), ylim=(count - 0.4, -0.6))
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(count), [wrapped(one.title, 46, lines=1) for one in differences])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(9))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{_signed(percent)} %"))
    axes.set_xlabel("difference in percent of the reference")
    _heads(words, variant, reference)
    handles = _legend(differences)
    columns = len(handles) if len(handles) <= _LEGEND_ROW else -(-len(handles) // 2)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, fontsize=8, columnspacing=1.4)
    return figure


def _signed(percent: float) -> str:
    return f"{percent:+.3g}".replace("-", "−") if percent else "0"


def _limit(differences: Sequence[Difference]) -> float:
    """Return how far the axis goes: to the furthest end, unless some rows are far beyond the others."""
    ends = sorted(max(ends) for one in differences if (ends := [abs(end) for end in _ends(one)]))
    if not ends:
        return 10.0
    typical = float(np.quantile(ends, 0.6))
    return min(max(1.2 * min(ends[-1], max(2.5 * typical, 5.0)), 1.0), _MOST_PERCENT)


def _ends(one: Difference) -> list[float]:
    figures = (one.percent(value) for value in (one.mean, one.low, one.high))
    return [value for value in figures if value is not None]


def _row(axes: Axes, row: int, one: Difference, limit: float) -> None:
    if row % 2:
        axes.axhspan(row - 0.5, row + 0.5, color="#f5f6f8", linewidth=0, zorder=0)
    harm = {"lower": 1.0, "higher": -1.0, "neither": 0.0}[one.better]
    margin = one.percent(one.margin)
    if harm and margin is not None:
        width = harm * min(margin, limit)
        axes.add_patch(Rectangle((0, row - 0.5), width, 1, facecolor=BAND, linewidth=0, zorder=0.6, gid="margin"))
    if harm:
        axes.plot(-harm * 0.985 * limit, row, marker="<" if harm > 0 else ">", color=GOOD, markersize=4.5, alpha=0.8,
                  gid="better side")  # fmt: skip
    mean = one.percent(one.mean)
    if mean is None:
        why = "no seed has both" if one.mean is None else "no percent: the reference is not above 0"
        axes.text(0.02 * limit, row, why, va="center", fontsize=7.5, color="#8a919b")
        return
    _mark(axes, row, one, mean, limit)


def _mark(axes: Axes, row: int, one: Difference, mean: float, limit: float) -> None:
    """Draw mean and interval; an end beyond the axis is an arrow, a mean beyond it an arrow with its figure."""
    _, colour, marker = _LOOKS[one.verdict]
    edge = 0.94 * limit
    if abs(mean) > edge:
        side, arrow = ("right", ">") if mean > 0 else ("left", "<")
        axes.plot(np.sign(mean) * edge, row, marker=arrow, color=colour, markersize=7, zorder=4, gid="beyond")
        axes.text(
            np.sign(mean) * 0.91 * limit, row, f"{_signed(mean)} %", ha=side, va="center", color=colour, fontsize=8
        )
        return
    low, high = one.percent(one.low), one.percent(one.high)
    if low is not None and high is not None:
        axes.plot(np.clip([low, high], -edge, edge), [row, row], color=colour, linewidth=1.8, solid_capstyle="butt",
                  gid="interval", zorder=3)  # fmt: skip
        for end, arrow in ((low, "<"), (high, ">")):
            cap = "|" if abs(end) <= edge else arrow
            axes.plot(np.clip(end, -edge, edge), row, marker=cap, color=colour, markersize=6, zorder=3)
    axes.plot(
        mean, row, marker=marker, markersize=6.5, color=colour, linestyle="", zorder=4, gid="mean",
        markerfacecolor="white" if one.verdict in _HOLLOW else colour, markeredgewidth=1.4,
    )  # fmt: skip


_COLUMNS = ((0.17, "right"), (0.38, "right"), (0.42, "left"), (0.79, "left"))


def _figures(words: Axes, row: int, one: Difference) -> None:
    """Write reference, difference, interval and verdict in the KPI's unit."""
    half = (one.high - one.low) / 2 if one.low is not None and one.high is not None else None
    scale = scale_of(one.unit, [one.mean, one.low, one.high])
    interval = NONE
    if half is not None:
        scale = dataclasses.replace(scale, decimals=decimals_of(scale, half, digits=2))
        interval = " to ".join(scale.difference(end).replace(ZERO, "0") for end in (one.low, one.high))
    sign, colour, _ = _LOOKS[one.verdict]
    beside = scale_of(one.unit, [one.reference])
    if beside.decimals == 0 and one.reference is not None and 0 < abs(one.reference) < 10 and one.reference % 1:
        beside = dataclasses.replace(beside, decimals=1)  # a mean of few, as 0.4 orders, is no whole number
    if one.mean and beside.factor == scale.factor:  # what the difference is told to, its reference is told to
        enough = min(scale.decimals, decimals_of(scale, abs(one.mean), digits=1))
        beside = dataclasses.replace(beside, decimals=max(beside.decimals, enough))
    unit = "pp" if scale.unit == "%" else scale.unit
    said = one.reference is not None and unit == beside.unit  # a long unit stands once, beside the reference
    difference = NONE if one.mean is None else scale.difference(one.mean) + ("" if said else f" {unit}")
    texts = (beside.text(one.reference), difference, interval, sign)
    for (x, side), text, ink in zip(_COLUMNS, texts, (SOFT, INK, SOFT, colour), strict=True):
        weight = "bold" if text is sign and one.verdict in {"better", "worse", "fails"} else "normal"
        words.text(x, row, text, ha=side, va="center", fontsize=8.5, color=ink, fontweight=weight)


def _heads(words: Axes, variant: str, reference: str) -> None:
    words.set_axis_off()
    words.set_xlim(0, 1)
    titles = ("reference", "difference", "95 % interval", "verdict")
    for (x, side), title in zip(_COLUMNS, titles, strict=True):
        words.text(x, 1.0, title, ha=side, va="bottom", fontsize=8, color=SOFT, transform=words.get_xaxis_transform())
    title = f"{wrapped(variant, 60, lines=1)} against {wrapped(reference, 60, lines=1)}"
    words.figure.suptitle(title, x=0, ha="left", fontsize=10, fontweight="bold")


def _legend(differences: Sequence[Difference]) -> list[Line2D | Patch]:
    """Return the verdicts that occur, the margin and the better side."""
    found = [verdict for verdict in _LOOKS if any(one.verdict == verdict for one in differences)]
    handles: list[Line2D | Patch] = [
        Line2D(
            [], [], color=_LOOKS[verdict][1], marker=_LOOKS[verdict][2], markersize=6, label=_LOOKS[verdict][0],
            markerfacecolor="white" if verdict in _HOLLOW else _LOOKS[verdict][1], markeredgewidth=1.4,
        )
        for verdict in found
    ]  # fmt: skip
    if any(one.margin is not None and one.better != "neither" for one in differences):
        handles.append(Patch(facecolor=BAND, label="harm within the margin"))
    if any(one.better != "neither" for one in differences):
        handles.append(Line2D([], [], color=GOOD, marker="<", markersize=4.5, linestyle="", label="the better side"))
    return handles
