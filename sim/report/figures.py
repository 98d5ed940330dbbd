"""The plots of a report: waits and journeys, the fleet over the morning, arrivals against the shift."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, PercentFormatter
from numpy.typing import NDArray

from sim import events as ev
from sim.fields import format_clock
from sim.report.runs import ServiceRun

Kind = TypeVar("Kind", bound=ev.Event)

WIDTH_IN = 11.6
_GRID_S = 5.0
_BIN_S = 120.0
_EDGES_MIN = np.arange(-60.0, 62.5, 5.0)
_EMPTY = "#dfe3e8"


def svg(figure: Figure) -> bytes:
    """Return the figure as SVG, without the date and the maker that would change its bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


# --- waits and journeys -------------------------------------------------------------------------------------


def travel_times(runs: Sequence[ServiceRun]) -> Figure:
    """Plot how many of all riders have waited, and travelled, no longer than so many minutes."""
    figure = Figure(figsize=(WIDTH_IN, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _cumulate(left, runs, lambda run: [one.times().wait_s for one in run.riders if one.served])
    _cumulate(right, runs, lambda run: [one.times().total_s for one in run.riders if one.served])
    left.set(title="Wait", xlabel="all waiting of the journey, min", ylabel="share of all riders")
    right.set(title="Door to door", xlabel="from the wish to travel to the arrival, min")
    left.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower center", ncols=min(len(runs), 4))
    return figure


def _cumulate(axes: Axes, runs: Sequence[ServiceRun], times_s: Callable[[ServiceRun], list[float]]) -> None:
    """Draw one curve a run; it ends at the share of the served, who are not all riders."""
    curves = [np.sort(times_s(run)) / 60 for run in runs]
    limit = max((float(minutes[-1]) for minutes in curves if len(minutes)), default=60.0) * 1.06
    for run, minutes in zip(runs, curves, strict=True):
        riders = len(run.riders)
        label = f"{run.label}: {len(minutes)} of {riders} served"
        share = np.arange(len(minutes) + 1) / max(riders, 1)
        axes.step(
            [0, *minutes, limit], [0, *share[1:], share[-1]], where="post", color=run.colour, label=label,
            linestyle=run.dashes, linewidth=1.8,
        )  # fmt: skip
        if len(minutes) < riders:
            axes.plot(limit, share[-1], marker="x", color=run.colour, markersize=7, markeredgewidth=2, clip_on=False)
    axes.set(xlim=(0, limit), ylim=(0, 1.02))


# --- fleet --------------------------------------------------------------------------------------------------


def fleet_use(runs: Sequence[ServiceRun]) -> Figure:
    """Plot what the vehicles do and how many riders are on board, one column a run."""
    figure = Figure(figsize=(WIDTH_IN, 4.6), layout="constrained")
    grid = figure.subplots(2, len(runs), sharex=True, sharey="row", squeeze=False, height_ratios=(3, 2))
    for run, (upper, lower) in zip(runs, grid.T, strict=True):
        times_h, states, riders = fleet_states(run)
        upper.stackplot(times_h, states, colors=(run.colour, to_rgba(run.colour, 0.4), _EMPTY), linewidth=0)
        upper.set_title(run.label)
        lower.fill_between(times_h, riders, color=run.colour, alpha=0.25, linewidth=0)
        lower.plot(times_h, riders, color=run.colour, linewidth=1.4)
        _clock_axis(lower, run)
    grid[0, 0].set_ylabel("vehicles")
    grid[1, 0].set_ylabel("riders on board")
    for axes in grid[:, 0]:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _legend_of_states(figure, runs[0].colour)
    return figure


def fleet_states(run: ServiceRun) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the middle of each interval in hours, the vehicles by state, and the riders on board.

    The states are: with riders and not at a stop; at a stop; nobody on board. Shapes (times,), (3, times),
    (times,); values are means over the interval.
    """
    begin_s, end_s = float(run.scenario.time.begin_s), _end_s(run)
    bins = max(1, int(np.ceil((end_s - begin_s) / _BIN_S)))
    moments = begin_s + _GRID_S * (np.arange(bins * int(_BIN_S / _GRID_S)) + 0.5)
    place = {one.vehicle_id: row for row, one in enumerate(_of(run, ev.VehicleStarted))}
    duty, stopped = (np.zeros((len(place), len(moments)), dtype=bool) for _ in range(2))
    load = np.zeros((len(place), len(moments)), dtype=np.int64)
    retired = {one.vehicle_id: one.time_s for one in _of(run, ev.VehicleRetired)}
    for started in _of(run, ev.VehicleStarted):
        span = _span(moments, started.time_s, retired.get(started.vehicle_id, end_s))
        duty[place[started.vehicle_id], span] = True
    for stop in _of(run, ev.StopServed):
        stopped[place[stop.vehicle_id], _span(moments, stop.started_s, stop.time_s)] = True
    for journey in run.journeys:
        for number, pickup in enumerate(journey.pickups):
            until_s = journey.dropoffs[number].time_s if number < len(journey.dropoffs) else end_s
            load[place[pickup.vehicle_id]][_span(moments, pickup.time_s, until_s)] += journey.request.size
    counts = [duty & (load > 0) & ~stopped, duty & stopped, duty & (load == 0) & ~stopped]
    states = np.array([_means(state.sum(axis=0), bins) for state in counts])
    return (begin_s + _BIN_S * (np.arange(bins) + 0.5)) / 3600, states, _means(load.sum(axis=0), bins)


def _of(run: ServiceRun, kind: type[Kind]) -> list[Kind]:
    return [one for one in run.events if isinstance(one, kind)]


def _end_s(run: ServiceRun) -> float:
    return max((one.time_s for one in run.events), default=float(run.scenario.time.end_s))


def _span(moments: NDArray[np.floating], start_s: float, end_s: float) -> slice:
    first, last = np.searchsorted(moments, (start_s, end_s))
    return slice(int(first), int(last))


def _means(series: NDArray[np.integer], bins: int) -> NDArray[np.float64]:
    return np.asarray(series.reshape(bins, -1).mean(axis=1))


def _clock_axis(axes: Axes, run: ServiceRun) -> None:
    axes.xaxis.set_major_locator(MultipleLocator(1 if _end_s(run) - run.scenario.time.begin_s > 5400 else 1 / 6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda hour, _: format_clock(round(hour * 3600))[:5]))
    axes.set_xlabel("time of day")


def _legend_of_states(figure: Figure, colour: str) -> None:
    handles = [
        Patch(facecolor=colour, label="with riders, between stops"),
        Patch(facecolor=to_rgba(colour, 0.4), label="standing at a stop, riders boarding or alighting"),
        Patch(facecolor=_EMPTY, label="nobody on board: driving empty, waiting or parked"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)


# --- arrivals -----------------------------------------------------------------------------------------------


def arrivals(runs: Sequence[ServiceRun]) -> Figure:
    """Plot when workers reach their site against the start of their shift, one column a run."""
    figure = Figure(figsize=(WIDTH_IN, 3.4), layout="constrained")
    row = figure.subplots(1, len(runs), sharex=True, sharey=True, squeeze=False)[0]
    for run, axes in zip(runs, row, strict=True):
        _margins(axes, run)
    row[0].set_ylabel("share of the workers")
    row[0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    row[0].set_ylim(bottom=0)
    figure.legend(*row[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _margins(axes: Axes, run: ServiceRun) -> None:
    workers = [(one.arrived_s, start_s) for one in run.riders if (start_s := one.request.shift_start_s) is not None]
    margins_s = [arrived_s - start_s for arrived_s, start_s in workers if arrived_s is not None]
    shares = _shares(margins_s, len(workers))
    late = _EDGES_MIN[:-1] >= 0
    axes.bar(
        _EDGES_MIN[:-1][~late],
        shares[~late],
        width=5,
        align="edge",
        color=run.colour,
        edgecolor="white",
        label="riders in time",
    )
    axes.bar(
        _EDGES_MIN[:-1][late], shares[late], width=5, align="edge", facecolor=to_rgba(run.colour, 0.35),
        edgecolor=run.colour, hatch="///", linewidth=0, label="riders late",
    )  # fmt: skip
    cars = [one.time_s - one.shift_start_s for one in _of(run, ev.CarArrived)]
    if cars:
        everyone = len(cars) + sum(one.state != "returning" for one in _of(run, ev.CarUnfinished))
        axes.stairs(_shares(cars, everyone), _EDGES_MIN, color="#3a4048", linewidth=1, label="commuters by car")
    axes.axvline(0, color="#1f2328", linewidth=1)
    axes.set_title(run.label)
    axes.xaxis.set_major_locator(MultipleLocator(30))
    axes.set_xlabel(f"minutes after the shift starts\n{len(workers) - len(margins_s)} of {len(workers)} never arrive")


def _shares(margins_s: Sequence[float], everyone: int) -> NDArray[np.float64]:
    """Return the share of everyone in each interval; what lies beyond the axis is counted at its ends."""
    minutes = np.clip(np.array(margins_s) / 60, _EDGES_MIN[0], _EDGES_MIN[-1] - 1e-6)
    counts, _ = np.histogram(minutes, bins=_EDGES_MIN)
    return np.asarray(counts / max(everyone, 1))
