"""The heat map: one KPI over two parameters, its means in the cells, cells without a run hatched."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sim.kpi.entry import Better
from sim.report.experiment.panels import INK, better_along, wrapped
from sim.report.experiment.study import Estimate, Measure, Series, Study, written
from sim.report.figures import WIDTH_IN
from sim.report.numbers import Scale, scale_of

MOST_PANELS = 6
_COLUMNS = 3
_LETTERS_PER_IN = 14
_MISSING = "#8a919b"
Cells = list[list[Estimate | None]]


def heatmap(study: Study, measure: Measure, *, x: str, y: str) -> Figure:
    """Draw the KPI's mean over the seeds for each pair of levels, one panel for each series, on one scale of colour.

    Under each mean stands half its interval; the best cell of all is framed.
    """
    series = study.series([x, y])
    cells = [_cells(study, measure, one, x=x, y=y) for one in series]
    means = [cell.mean for panel in cells for row in panel for cell in row if cell is not None]
    scale = scale_of(measure.unit, means)
    colours = _colours(means, measure.better)
    best = {"lower": min, "higher": max}.get(measure.better)
    target = best(means) if best is not None and len(set(means)) > 1 else None
    figure, panels = _sheet(study, len(series), x=x, y=y)
    for axes, one, panel in zip(panels, series, cells, strict=True):
        axes.set_title(wrapped(one.name, 120 // min(len(series), _COLUMNS), lines=2))
        _panel(axes, panel, scale, colours, target)
    bar = figure.colorbar(colours, ax=panels, pad=0.02, aspect=18, shrink=0.95)
    bar.outline.set_visible(False)
    bar.ax.yaxis.set_major_formatter(lambda value, _: scale.number(value))
    bar.ax.tick_params(length=0)
    bar.ax.grid(visible=False)
    bar.set_label("   ".join(filter(None, [scale.unit, better_along(measure.better)])))
    return figure


def _sheet(study: Study, count: int, *, x: str, y: str) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many panels whose axes have the levels for ticks."""
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    x_levels, y_levels = study.parameters[x], study.parameters[y]
    width_in = min(WIDTH_IN, max(5.5, columns * (0.95 * len(x_levels) + 0.6) + 1.6))
    panel_in = max(1.3, 0.5 * len(y_levels))
    figure = Figure(figsize=(width_in, rows * (panel_in + 0.85) + 0.35), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    for axes in grid.flat[:count]:
        axes.set_xticks(range(len(x_levels)), [wrapped(written(level), 14) for level in x_levels])
        axes.set_yticks(range(len(y_levels)), [wrapped(written(level), 18) for level in y_levels])
        axes.set_xlabel(wrapped(x, 100 // columns))
    for axes in grid[:, 0]:
        axes.set_ylabel(wrapped(y, int(panel_in * _LETTERS_PER_IN)))
    return figure, list(grid.flat[:count])


def _cells(study: Study, measure: Measure, series: Series, *, x: str, y: str) -> Cells:
    points = {(point.levels[y], point.levels[x]): point for point in series.points}
    return [
        [study.estimate(measure.key, points[row, column]) if (row, column) in points else None
         for column in study.parameters[x]]
        for row in study.parameters[y]
    ]  # fmt: skip


def _panel(axes: Axes, cells: Cells, scale: Scale, colours: ScalarMappable, target: float | None) -> None:
    means = np.array([[np.nan if cell is None else cell.mean for cell in row] for row in cells])
    axes.imshow(colours.to_rgba(np.ma.masked_invalid(means)), aspect="auto", origin="lower")
    for y, row in enumerate(cells):
        for x, cell in enumerate(row):
            if cell is None:
                _hatch(axes, x, y)
            else:
                _write(axes, (x, y), cell, scale, dark=_is_dark(colours, cell.mean), framed=cell.mean == target)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _hatch(axes: Axes, x: int, y: int) -> None:
    axes.add_patch(
        Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor="white", edgecolor=_MISSING, hatch="////", linewidth=0)
    )


def _is_dark(colours: ScalarMappable, value: float) -> bool:
    """Return whether white is read better than ink on the value's colour, by its luminance (WCAG 2.2)."""
    channels = np.asarray(colours.to_rgba(np.array([value])))[0, :3]
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return bool(linear @ (0.2126, 0.7152, 0.0722) < 0.2)


def _write(axes: Axes, place: tuple[int, int], cell: Estimate, scale: Scale, *, dark: bool, framed: bool) -> None:
    x, y = place
    ink = "white" if dark else INK
    axes.text(x, y, scale.number(cell.mean), ha="center", va="center" if cell.high is None else "bottom", color=ink,
              fontweight="bold" if framed else "normal", fontsize=9)  # fmt: skip
    if cell.high is not None:
        axes.text(x, y - 0.08, f"±{scale.number(cell.high - cell.mean)}", ha="center", va="top", color=ink, fontsize=7)
    if framed:
        axes.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, edgecolor=INK, linewidth=2))


def _colours(means: list[float], better: Better) -> ScalarMappable:
    """Return blue to yellow over the means, told apart by the colour-blind too; light where the KPI is good."""
    low, high = min(means), max(means)
    margin = 0.0 if high > low else max(abs(low), 1.0)  # equal means stand in the middle
    colours = ScalarMappable(
        Normalize(low - margin, high + margin), mpl.colormaps["cividis_r" if better == "lower" else "cividis"]
    )
    colours.set_array(means)
    return colours
