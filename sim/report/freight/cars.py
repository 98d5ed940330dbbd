"""Finished cars: how full the compound is, and how long the way from the line takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from sim.report.figures import WIDTH_IN
from sim.report.freight.sheet import SOFT, clock_axis, span
from sim.report.runs import ServiceRun

_ALIKE_MIN = 0.1  # who differ by less than six seconds took as long


def car_chart(runs: Sequence[ServiceRun]) -> Figure | None:
    """Draw the cars in the compound over time and the shares by time from line to compound; None without any."""
    if not any(run.freight.cars.stored for run in runs):
        return None
    figure = Figure(figsize=(WIDTH_IN, 3.1), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    for run in runs:
        _fill(left, run)
    ways = [_ways_min(run) for run in runs]
    alike = all(minutes[-1] - minutes[0] < _ALIKE_MIN for minutes in ways if len(minutes))
    (_tell_ways if alike else _draw_ways)(right, runs, ways)
    for capacity in sorted({run.scenario.freight.finished_cars.capacity.value for run in runs
                            if run.scenario.freight and run.scenario.freight.finished_cars}):  # fmt: skip
        left.axhline(capacity, color=SOFT, linewidth=0.9, linestyle=":")
        left.annotate("capacity", (0.005, capacity), xycoords=("axes fraction", "data"), xytext=(0, 2),
                      textcoords="offset points", fontsize=8, color=SOFT)  # fmt: skip
    left.set(title="In the compound", ylabel="cars", ylim=(0, 1.1 * left.dataLim.y1))
    left.yaxis.set_major_locator(MaxNLocator(integer=True))
    clock_axis(left, runs, ticks=9)
    right.set_title("From the line to the compound")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=min(len(runs), 4))
    return figure


def _fill(axes: Axes, run: ServiceRun) -> None:
    cars, rules = run.freight.cars, run.scenario.freight
    begin_s, end_s = span([run])
    first = rules.finished_cars.stored.value if rules and rules.finished_cars else 0
    steps = [(one.time_s, one.stored) for one in cars.stored.values()]
    steps = sorted([*steps, *((one.time_s, one.stored) for one in cars.collected)])
    hours = [time_s / 3600 for time_s, _ in [(begin_s, 0), *steps, (end_s, 0)]]
    levels = [first, *(stored for _, stored in steps)]
    axes.step(hours, [*levels, levels[-1]], where="post", color=run.colour, linestyle=run.dashes, label=run.label)


def _ways_min(run: ServiceRun) -> NDArray[np.float64]:
    """Return the minutes that each stored car took, in ascending order."""
    cars = run.freight.cars
    both = sorted(cars.stored.keys() & cars.finished.keys())
    return np.sort([(cars.stored[name].time_s - cars.finished[name].time_s) / 60 for name in both])


def _draw_ways(axes: Axes, runs: Sequence[ServiceRun], ways: Sequence[NDArray[np.float64]]) -> None:
    for run, minutes in zip(runs, ways, strict=True):
        if len(minutes):
            shares = np.arange(1, len(minutes) + 1) / max(1, len(run.freight.cars.finished))
            axes.step([0, *minutes], [0, *shares], where="post", color=run.colour, linestyle=run.dashes)
    axes.set(xlabel="min", ylabel="share of the cars", ylim=(0, 1.02))
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _tell_ways(axes: Axes, runs: Sequence[ServiceRun], ways: Sequence[NDArray[np.float64]]) -> None:
    """Say it in words where all cars took as long: a curve would be a step."""
    axes.set_axis_off()
    for row, (run, minutes) in enumerate(zip(runs, ways, strict=True)):
        took = f", each in {60 * minutes[0]:.0f} s" if len(minutes) else ""
        text = f"{len(minutes)} of {len(run.freight.cars.finished)} cars stored{took}"
        axes.text(0.5, 0.85 - 0.13 * row, text, transform=axes.transAxes, ha="center", color=run.colour)
