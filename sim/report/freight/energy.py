"""Energy over the day: what fleets use hour by hour, and what the hubs take from the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from sim.fields import format_clock
from sim.freight_events import EnergyMetered
from sim.kpi.freight.energy import QUARTER_S, mean_load
from sim.report.figures import WIDTH_IN
from sim.report.freight.sheet import PALETTE, clock_axis, span
from sim.report.ground import INK
from sim.report.runs import ServiceRun

_HOUR_S = 3600.0


def energy_chart(runs: Sequence[ServiceRun]) -> Figure | None:
    """Draw use by fleet above and load by hub below, a column for each run; None where nothing was metered.

    Where no vehicle charges, there is no sheet of loads.
    """
    fleets = sorted({one.fleet for run in runs for one in _uses(run)})
    hubs = sorted({one.hub for run in runs for one in run.freight.hubs.meterings if one.grid_kwh > 0})
    if not fleets and not hubs:
        return None
    figure = Figure(figsize=(WIDTH_IN, 4.9 if hubs else 2.9), layout="constrained")
    grid = figure.subplots(2 if hubs else 1, len(runs), sharex=True, sharey="row", squeeze=False)
    for run, sheets in zip(runs, grid.T, strict=True):
        sheets[0].set_title(run.label, color=run.colour)
        _draw_use(sheets[0], run, fleets)
        if hubs:
            _draw_load(sheets[1], run, {hub: _colour(len(fleets) + n) for n, hub in enumerate(hubs)})
        clock_axis(sheets[-1], runs, ticks={1: 16, 2: 8}.get(len(runs), 4))
        for axes in sheets:
            axes.grid(visible=False, axis="x")
    grid[0, 0].set_ylabel("used, kWh in the hour")
    if hubs:
        grid[1, 0].set_ylabel("from the grid, kW over 15 min")
    for axes in grid[:, 0]:
        axes.set_ylim(0, axes.get_ylim()[1] * 1.15)
    handles = [Patch(facecolor=_colour(n), label=f"fleet {name}") for n, name in enumerate(fleets)]
    handles += [Patch(facecolor=_colour(len(fleets) + n), label=f"hub {name}") for n, name in enumerate(hubs)]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)))
    return figure


def hourly_use(run: ServiceRun, fleet: str, hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what a fleet used net, kWh, in each hour that begins at `hours`; metered use counts evenly."""
    kwh = np.zeros(len(hours))
    for one in _uses(run):
        if one.fleet == fleet and one.time_s > one.begin_s:
            net_kwh = (one.consumed_wh + one.auxiliary_wh - one.regenerated_wh) / 1000
            begins_s = _HOUR_S * hours
            shared_s = np.minimum(begins_s + _HOUR_S, one.time_s) - np.maximum(begins_s, one.begin_s)
            kwh += net_kwh * np.clip(shared_s, 0, None) / (one.time_s - one.begin_s)
    return kwh


def _uses(run: ServiceRun) -> list[EnergyMetered]:
    return [one for one in run.events if isinstance(one, EnergyMetered)]


def _colour(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def _draw_use(axes: Axes, run: ServiceRun, fleets: Sequence[str]) -> None:
    begin_s, end_s = span([run])
    hours = np.arange(begin_s // _HOUR_S, np.ceil(end_s / _HOUR_S))
    foot = np.zeros(len(hours))
    for number, fleet in enumerate(fleets):
        kwh = hourly_use(run, fleet, hours)
        axes.bar(hours, kwh, bottom=foot, width=0.92, align="edge", color=_colour(number), linewidth=0)
        foot += kwh


def _draw_load(axes: Axes, run: ServiceRun, colours: Mapping[str, str]) -> None:
    """Stack the hubs' load, and mark the highest quarter of an hour of all of them."""
    every = run.freight.hubs.meterings
    if not every:
        return
    begins_s, total_kw = mean_load(every, bin_s=QUARTER_S)
    foot = np.zeros(len(begins_s))
    for hub, colour in colours.items():
        own_s, own_kw = mean_load([one for one in every if one.hub == hub], bin_s=QUARTER_S)
        load_kw = np.zeros(len(begins_s))
        load_kw[np.searchsorted(begins_s, own_s)] = own_kw
        edges_h = np.append(begins_s, begins_s[-1] + QUARTER_S) / _HOUR_S
        axes.stairs(
            foot + load_kw, edges_h, baseline=foot, fill=True, facecolor=colour, linewidth=0,
        )  # fmt: skip
        foot = foot + load_kw
    top = int(np.argmax(total_kw))
    if total_kw[top] <= 0:
        return
    clock = format_clock(begins_s[top])[:5]
    along = top / len(begins_s)
    side = "left" if along < 0.2 else "right" if along > 0.8 else "center"
    axes.annotate(
        f"{total_kw[top]:.0f} kW at {clock}", ((begins_s[top] + QUARTER_S / 2) / _HOUR_S, total_kw[top]), xytext=(0, 5),
        textcoords="offset points", ha=side, fontsize=8, color=INK,
    )  # fmt: skip
