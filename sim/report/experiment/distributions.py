"""Distributions over the seeds: every run a point, a box where there are enough, one panel a KPI."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.report.experiment.panels import INK, Plain, better_along, grid_of_panels, wrapped
from sim.report.experiment.study import MARKERS, Measure, Point, Seed, Study
from sim.report.numbers import scale_of
from sim.report.runs import COLOURS

LEAST_FOR_A_BOX = 5
_SPREAD = 0.22
_PAIR = "#b4bac2"


def distributions(study: Study, measures: Sequence[Measure]) -> Figure:
    """Draw each seed's value for each variant; with two variants thin lines join the runs of one seed.

    A box (quartiles, whiskers to the extremes) is drawn from five seeds on; the upright stroke is the mean. A variant
    without any of the KPIs, such as traffic without the service, has no row.
    """
    points = study.having(measures)
    height_in = 0.75 + max(0.85, 0.36 * len(points))
    figure, panels = grid_of_panels(len(measures), height_in=height_in, sharey=True)
    for axes, measure in zip(panels, measures, strict=True):
        _panel(axes, study, measure, points)
    names = [wrapped(point.short, 26, lines=2) for point in points]
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    return figure


def _panel(axes: Axes, study: Study, measure: Measure, points: Sequence[Point]) -> None:
    values = [study.values(measure.key, point) for point in points]
    scale = scale_of(measure.unit, [value for one in values for value in one.values()])
    rows = [
        {seed: (scale.factor * value, row + _offset(study, seed)) for seed, value in one.items()}
        for row, one in enumerate(values)
    ]
    if len(rows) == 2:
        _join(axes, rows[0], rows[1])
    for row, (point, dots) in enumerate(zip(points, rows, strict=True)):
        _variant(axes, point, row, list(dots.values()))
    axes.set_title(wrapped(measure.title, 44, lines=2))
    axes.set_xlabel("   ".join(filter(None, [scale.unit, better_along(measure.better)])))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(Plain())
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.08)


def _variant(axes: Axes, point: Point, row: int, dots: Sequence[tuple[float, float]]) -> None:
    if not dots:
        axes.text(0.5, row, "no run has it", transform=axes.get_yaxis_transform(), ha="center", va="center",
                  color="#8a919b", fontsize=8)  # fmt: skip
        return
    colour = COLOURS[point.place % len(COLOURS)]
    marker = MARKERS[point.place // len(COLOURS) % len(MARKERS)]
    x, y = np.array(dots).T
    if len(x) >= LEAST_FOR_A_BOX:
        line = {"color": colour, "linewidth": 0.9, "alpha": 0.75}
        axes.boxplot(
            [x], positions=[row], orientation="horizontal", widths=0.62, whis=(0, 100), manage_ticks=False,
            showfliers=False, patch_artist=True, boxprops={"facecolor": colour, "alpha": 0.14, "linewidth": 0},
            whiskerprops=line, capprops=line, medianprops=line | {"linewidth": 1.4}, zorder=1.5,
        )  # fmt: skip
    axes.scatter(x, y, s=17, color=colour, marker=marker, edgecolor="white", linewidth=0.4, zorder=3, label=point.label)
    if len(x) > 1:
        middle, half = float(x.mean()), 0.38
        axes.plot([middle, middle], [row - half, row + half], color=INK, linewidth=1.3, zorder=4)


def _join(axes: Axes, upper: dict[Seed, tuple[float, float]], lower: dict[Seed, tuple[float, float]]) -> None:
    for seed in sorted(upper.keys() & lower.keys()):
        (x0, y0), (x1, y1) = upper[seed], lower[seed]
        axes.plot([x0, x1], [y0, y1], color=_PAIR, linewidth=0.7, zorder=2, gid="pair")


def _offset(study: Study, seed: Seed) -> float:
    """Return the seed's place across its row, the same in each row, so that no two dots hide one another."""
    count = len(study.seeds)
    return 0.0 if count == 1 else _SPREAD * (2 * study.seeds.index(seed) / (count - 1) - 1)
