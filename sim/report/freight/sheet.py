"""What the pictures of freight share: their clock, the colours of classes, the names of sites, a grid for runs."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator
from numpy.typing import NDArray

from sim.fields import format_clock
from sim.report.figures import WIDTH_IN
from sim.report.ground import Ground
from sim.report.runs import ServiceRun

CLASS_COLOURS = MappingProxyType({
    "av_truck": "#0072B2",
    "special_vehicle": "#009E73",
    "robot": "#56B4E9",
    "human_truck": "#E69F00",
    "lorry": "#8b95a1",
})  # fmt: skip
CLASS_TITLES = MappingProxyType({
    "av_truck": "driverless truck",
    "special_vehicle": "special vehicle",
    "robot": "robot",
    "human_truck": "truck with a driver",
    "lorry": "lorry from outside",
})  # fmt: skip
SOFT = "#5a626c"
PALE = "#dfe3e8"
ALERT = "#c1272d"
# for what has no colour of its own, as fleets and hubs
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#AA4499", "#56B4E9", "#D55E00", "#6b7785", "#b8a14a")
_STEPS_H = (1 / 6, 0.5, 1, 2, 3, 4, 6, 12)


def span(runs: Sequence[ServiceRun]) -> tuple[float, float]:
    """Return the time that the pictures cover, seconds: all of what happened in any run."""
    begin_s = min(float(run.scenario.time.begin_s) for run in runs)
    ends_s = [max((one.time_s for one in run.events), default=0.0) for run in runs]
    return begin_s, max([*ends_s, *(float(run.scenario.time.end_s) for run in runs if not ends_s)])


def clock_axis(axes: Axes, runs: Sequence[ServiceRun], *, ticks: int = 8) -> None:
    """Give an axis in hours the time of day, with about so many ticks, and the limits of all runs."""
    begin_s, end_s = span(runs)
    hours = (end_s - begin_s) / 3600
    step_h = next((step for step in _STEPS_H if hours / step <= ticks), _STEPS_H[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step_h))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda hour, _: format_clock(round(hour * 3600))[:5]))
    axes.set_xlim(begin_s / 3600, end_s / 3600)


def ticks_of(columns: int) -> int:
    """Return how many times of day a column has room for."""
    return {1: 16, 2: 8, 3: 5}.get(columns, 4)


def sheets_of(runs: Sequence[ServiceRun], row_in: float, *, foot_in: float) -> tuple[Figure, list[Axes]]:
    """Return a figure with a sheet for each run under its name, two beside each other."""
    columns = min(len(runs), 2)
    rows = -(-len(runs) // columns)
    figure = Figure(figsize=(WIDTH_IN, rows * row_in + foot_in), layout="constrained")
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(runs) :]:
        axes.set_visible(False)
    for run, axes in zip(runs, grid.flat, strict=False):
        axes.set_title(run.label, color=run.colour)
    return figure, list(grid.flat[: len(runs)])


def site_title(site: str, ground: Ground | None) -> str:
    """Return a site's name, Korean before its id where the network knows it."""
    known = ground.network.sites.get(site) if ground is not None else None
    return site if known is None else f"{known.name_ko.split('(')[0].strip()} {site}"


def covered(moments_s: NDArray[np.floating], spans: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    """Return at which moments one of the spans, [begin, end), is under way; shape (moments,)."""
    found = np.zeros(len(moments_s), dtype=bool)
    for begin_s, end_s in spans:
        first, last = np.searchsorted(moments_s, (begin_s, end_s))
        found[first:last] = True
    return found
