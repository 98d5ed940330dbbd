"""Sensitivity: how KPIs answer to one parameter, mean and interval over the seeds, one panel a KPI."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from sim.report.experiment.panels import COLUMNS, Plain, better_along, grid_of_panels, wrapped
from sim.report.experiment.study import Estimate, Level, Measure, Series, Study, written
from sim.report.numbers import Scale, scale_of

MOST_SERIES = 6
_MOST_TICKS = 9
_LEGEND_LINE_IN = 0.2


def sensitivity(study: Study, parameter: str, measures: Sequence[Measure]) -> Figure:
    """Draw each KPI over a numeric parameter, one line for each series of points that differ in it alone."""
    series = study.series([parameter])
    figure, panels = grid_of_panels(len(measures), height_in=2.35)
    for place, (axes, measure) in enumerate(zip(panels, measures, strict=True)):
        _panel(axes, study, parameter, measure, series)
        if place >= len(measures) - COLUMNS:
            axes.set_xlabel(_axis_title(study, parameter))
    if len(series) > 1:
        columns = min(len(series), len(measures), COLUMNS)
        labels = [wrapped(one.name, 44, lines=2) for one in series]
        figure.legend(panels[0].get_lines()[: len(series)], labels, loc="outside lower center", ncols=columns)
        width_in, height_in = figure.get_size_inches()
        figure.set_size_inches(width_in, height_in + _LEGEND_LINE_IN * -(-len(series) // columns))
    return figure


def _panel(axes: Axes, study: Study, parameter: str, measure: Measure, series: Sequence[Series]) -> None:
    values = [value for one in series for point in one.points for value in study.values(measure.key, point).values()]
    scale = scale_of(measure.unit, values)
    for one in series:
        _line(axes, one, _estimates(study, parameter, measure, one), scale)
    axes.set_title(wrapped(measure.title, 44, lines=2))
    axes.set_ylabel("   ".join(filter(None, [scale.unit, better_along(measure.better)])))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(Plain())
    levels = [float(level) for level in study.parameters[parameter]]
    axes.set_xlim(_margin(levels))
    if len(levels) <= _MOST_TICKS:
        axes.xaxis.set_major_locator(FixedLocator(levels))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda level, _: written(level)))


def _estimates(study: Study, parameter: str, measure: Measure, series: Series) -> list[tuple[float, Estimate]]:
    return [
        (float(point.levels[parameter]), one)
        for point in sorted(series.points, key=lambda point: float(point.levels[parameter]))
        if (one := study.estimate(measure.key, point)) is not None
    ]


def _line(axes: Axes, series: Series, found: Sequence[tuple[float, Estimate]], scale: Scale) -> None:
    x = np.array([level for level, _ in found])
    means = scale.factor * np.array([one.mean for _, one in found])
    axes.plot(x, means, color=series.colour, marker=series.marker, markersize=4.5, linewidth=1.5, label=series.name)
    lows = scale.factor * np.array([np.nan if one.low is None else one.low for _, one in found])
    highs = scale.factor * np.array([np.nan if one.high is None else one.high for _, one in found])
    if np.isfinite(lows).any():
        axes.fill_between(x, lows, highs, color=series.colour, alpha=0.16, linewidth=0, zorder=1)


def _axis_title(study: Study, parameter: str) -> str:
    """Return the parameter's path with those that were swept in step with it."""
    together = [name for name in study.parameters if name != parameter and study.in_step(name, parameter)]
    return wrapped(f"{parameter} (with {', '.join(together)})" if together else parameter, 46)


def _margin(levels: Sequence[Level]) -> tuple[float, float]:
    low, high = float(levels[0]), float(levels[-1])
    return low - 0.05 * (high - low), high + 0.05 * (high - low)
