"""The stock at the line: a small sheet for each part family, all runs in it, stock-outs shaded."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim.kpi.freight.stock import Stock, stocks
from sim.report.figures import WIDTH_IN
from sim.report.freight.sheet import SOFT, clock_axis
from sim.report.ground import INK
from sim.report.runs import ServiceRun

_SHEET_IN = 1.75


def stock_chart(runs: Sequence[ServiceRun]) -> Figure | None:
    """Draw the course of the stock of each part family; None where no line uses parts."""
    courses = [{(one.site, one.family): one for one in _stocks(run)} for run in runs]
    families = sorted({key for one in courses for key in one})
    if not families:
        return None
    columns = min(3, len(families))
    rows = -(-len(families) // columns)
    figure = Figure(figsize=(WIDTH_IN, rows * _SHEET_IN + 0.6), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False)
    for axes in grid.flat[len(families) :]:
        axes.set_visible(False)
    several = len({site for site, _ in families}) > 1
    for (site, family), axes in zip(families, grid.flat, strict=False):
        for run, course in zip(runs, courses, strict=True):
            if (site, family) in course:
                _draw(axes, run, course[site, family])
        _safety(axes, runs, site, family)
        _outs(axes, runs, [course.get((site, family)) for course in courses])
        axes.set_title(f"{family} ({site})" if several else family, fontsize=9, loc="left")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        clock_axis(axes, runs, ticks={1: 16, 2: 8}.get(columns, 5))
    for row in grid:
        row[0].set_ylabel("pieces")
    handles = [grid[0, 0].plot([], [], color=run.colour, linestyle=run.dashes, label=run.label)[0] for run in runs]
    handles.append(Line2D([], [], color=SOFT, linewidth=0.8, linestyle=":", label="safety stock"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _stocks(run: ServiceRun) -> list[Stock]:
    if run.scenario.freight is None:
        return []
    begin_s, end_s = float(run.scenario.time.begin_s), min(float(run.scenario.time.end_s), run.horizon_s)
    orders = run.freight.orders.ledgers.values()
    return stocks(run.scenario.freight, run.freight.counted, orders, begin_s=begin_s, end_s=end_s)


def _draw(axes: Axes, run: ServiceRun, stock: Stock) -> None:
    hours = [time_s / 3600 for time_s in stock.times_s]
    axes.plot(hours, stock.pieces, color=run.colour, linestyle=run.dashes, linewidth=1.1)
    axes.axhline(0, color=INK, linewidth=0.7)
    short = [pieces < 0 for pieces in stock.pieces]
    axes.fill_between(hours, stock.pieces, where=short, interpolate=True, color=run.colour, alpha=0.3, linewidth=0)


def _safety(axes: Axes, runs: Sequence[ServiceRun], site: str, family: str) -> None:
    """Draw the safety stock, one line where all runs have the same."""
    levels = {
        line.parts[family].safety_stock.value
        for run in runs
        if run.scenario.freight is not None
        for line in run.scenario.freight.lines.values()
        if line.site == site and family in line.parts
    }
    for level in sorted(levels):
        axes.axhline(level, color=SOFT, linewidth=0.8, linestyle=":")


def _outs(axes: Axes, runs: Sequence[ServiceRun], found: Sequence[Stock | None]) -> None:
    """Write how long each run was without, from right to left in the sheet's corner."""
    at = 1.0
    for run, stock in reversed(list(zip(runs, found, strict=True))):
        if stock is not None:
            text = f"{stock.out_s / 60:.0f} min"
            axes.text(at, 1.02, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=8, color=run.colour)
            at -= 0.028 * (len(text) + 1)
