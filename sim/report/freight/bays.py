"""The Gantt chart of bays: who stood in which bay from when to when, and who waited for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.kpi.freight.sites import Stay
from sim.report.freight.sheet import (
    ALERT,
    CLASS_COLOURS,
    CLASS_TITLES,
    clock_axis,
    sheets_of,
    site_title,
    span,
    ticks_of,
)
from sim.report.ground import Ground
from sim.report.runs import ServiceRun

_BAY_IN = 0.17
_GAP = 0.7  # between sites, bays


def bay_chart(runs: Sequence[ServiceRun], ground: Ground | None) -> Figure | None:
    """Draw a row for each bay, grouped by site, and a sheet for each run; None where nobody came to a bay."""
    bays = _bays(runs)
    if not bays:
        return None
    places = _places(bays)
    height = max(places.values()) + 1
    figure, sheets = sheets_of(runs, max(1.6, _BAY_IN * height + 0.5), foot_in=0.5)
    columns = min(len(runs), 2)
    for run, axes in zip(runs, sheets, strict=True):
        _draw(axes, run, places)
        axes.set_ylim(height - 0.3, -0.7)
        clock_axis(axes, runs, ticks=ticks_of(columns))
        axes.grid(visible=False, axis="y")
    middles = {site: places[site, 0] + (count - 1) / 2 for site, count in bays.items()}
    sheets[0].set_yticks(
        list(middles.values()), [f"{site_title(site, ground)} ({_there(runs, site)})" for site in middles]
    )
    for axes in sheets:
        axes.tick_params(axis="y", length=0)
        for site, count in bays.items():
            axes.axhspan(places[site, 0] - 0.5, places[site, 0] + count - 0.5, color="#f4f6f8", zorder=0)
    _legend(figure, runs)
    return figure


def _bays(runs: Sequence[ServiceRun]) -> dict[str, int]:
    """Return the bays of each site that were used: the highest number and one, as the first free one is taken."""
    found: dict[str, int] = {}
    for run in runs:
        for stay in run.freight.sites.stays:
            if stay.dock_in is not None:
                found[stay.site] = max(found.get(stay.site, 0), stay.dock_in.bay + 1)
    return dict(sorted(found.items()))


def _there(runs: Sequence[ServiceRun], site: str) -> str:
    """Return how many bays a site has in each run, one number where they agree."""
    freights = [(run.freight.sites, run.scenario.freight) for run in runs if run.scenario.freight is not None]
    counts = [str(book.bays(site, freight) or "?") for book, freight in freights]
    return counts[0] if len(set(counts)) == 1 else ", ".join(counts)


def _places(bays: Mapping[str, int]) -> dict[tuple[str, int], float]:
    """Return the row of each bay, counted from the top."""
    places, row = {}, 0.0
    for site, count in bays.items():
        for bay in range(count):
            places[site, bay] = row
            row += 1
        row += _GAP
    return places


def _draw(axes: Axes, run: ServiceRun, places: Mapping[tuple[str, int], float]) -> None:
    end_s = span([run])[1]
    classes = _classes(run)
    bars: dict[str, list[tuple[tuple[float, float], float]]] = {}
    waits = []
    for stay in run.freight.sites.stays:
        if stay.dock_in is None:
            continue
        row = places[stay.site, stay.dock_in.bay]
        since_h, until_h = stay.dock_in.time_s / 3600, _out_s(stay, end_s) / 3600
        bars.setdefault(classes.get(stay.vehicle_id, "lorry"), []).append(((since_h, until_h - since_h), row))
        if stay.dock_in.time_s > stay.gate_in_s:
            waits.append([(stay.gate_in_s / 3600, row + 0.33), (since_h, row + 0.33)])
    axes.add_collection(LineCollection(waits, colors=ALERT, alpha=0.45, linewidths=1.6, zorder=3), autolim=False)
    for name, drawn in bars.items():
        for extent, row in drawn:
            axes.broken_barh(
                [extent], (row - 0.38, 0.76), facecolor=CLASS_COLOURS[name], edgecolor="white", linewidth=0.4, zorder=2
            )


def _out_s(stay: Stay, end_s: float) -> float:
    return end_s if stay.dock_out_s is None else stay.dock_out_s


def _classes(run: ServiceRun) -> dict[str, str]:
    return {name: one.started.vehicle_class for name, one in run.freight.trucks.ledgers.items()}


def _legend(figure: Figure, runs: Sequence[ServiceRun]) -> None:
    seen = {
        _classes(run).get(stay.vehicle_id, "lorry")
        for run in runs
        for stay in run.freight.sites.stays
        if stay.dock_in is not None
    }
    handles: list[Patch | Line2D] = [
        Patch(facecolor=colour, label=CLASS_TITLES[name]) for name, colour in CLASS_COLOURS.items() if name in seen
    ]
    handles.append(Line2D([], [], color=ALERT, linewidth=1.4, label="its wait for this bay"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
