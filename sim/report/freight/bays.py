"""The Gantt chart of bays: who stood in which bay from when to when, who waited for one, and what was out of use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.freight_document import Disruption
from sim.kpi.freight.sites import Stay
from sim.report.freight.sheet import (
    ALERT,
    CLASS_COLOURS,
    CLASS_TITLES,
    SOFT,
    clock_axis,
    sheets_of,
    site_title,
    span,
    ticks_of,
)
from sim.report.ground import INK, Ground
from sim.report.runs import ServiceRun

_BAY_IN = 0.17
_GAP = 0.7  # between sites, bays
_WAITS, _OUT = "waits", "out"  # rows of a site below its bays

_OUT_COLOUR, _OUT_HATCH = "#eceff2", "////"

Row = tuple[str, int | str]
Rows = dict[str, list[int | str]]
"""The rows of each site, from top to bottom: bays by number, waits that got none, outages."""


def bay_chart(runs: Sequence[ServiceRun], ground: Ground | None) -> Figure | None:
    """Draw a row for each bay, grouped by site, and a sheet for each run; None where nobody came to a site."""
    rows = _rows(runs)
    if not rows:
        return None
    places = _places(rows)
    height = max(places.values()) + 1
    figure, sheets = sheets_of(runs, max(1.6, _BAY_IN * height + 0.5), foot_in=0.5)
    columns = min(len(runs), 2)
    for run, axes in zip(runs, sheets, strict=True):
        _draw(axes, run, places)
        axes.set_ylim(height - 0.3, -0.7)
        clock_axis(axes, runs, ticks=ticks_of(columns))
        axes.grid(visible=False, axis="y")
    tops = {site: places[site, keys[0]] for site, keys in rows.items()}
    middles = {site: tops[site] + (len(keys) - 1) / 2 for site, keys in rows.items()}
    sheets[0].set_yticks(
        list(middles.values()), [f"{site_title(site, ground)} ({_there(runs, site)})" for site in middles]
    )
    for axes in sheets:
        axes.tick_params(axis="y", length=0)
        for site, keys in rows.items():
            axes.axhspan(tops[site] - 0.5, tops[site] + len(keys) - 0.5, color="#f4f6f8", zorder=0)
    _legend(figure, runs)
    return figure


def _rows(runs: Sequence[ServiceRun]) -> Rows:
    """Return the rows of each site that was used; of bays up to the highest number, as the first free one is taken."""
    bays: dict[str, int] = {}
    for run in runs:
        for stay in run.freight.sites.stays:
            if stay.dock_in is not None:
                bays[stay.site] = max(bays.get(stay.site, 0), stay.dock_in.bay + 1)
    waits = {one.site for run in runs for one in run.freight.sites.stays if one.waits}
    out = {str(one.site) for run in runs for one in _outages(run)}
    return {
        site: [*range(bays.get(site, 0)), *([_WAITS] if site in waits else []), *([_OUT] if site in out else [])]
        for site in sorted(bays.keys() | waits | out)
    }


def _outages(run: ServiceRun) -> list[Disruption]:
    """Return the bay outages that came about."""
    begin_s, end_s = span([run])
    told = run.scenario.freight.disruptions if run.scenario.freight is not None else ()
    return [one for one in told if one.kind == "bay_outage" and one.begin_s < end_s and one.end_s > begin_s]


def _there(runs: Sequence[ServiceRun], site: str) -> str:
    """Return how many bays a site has in each run, one number where they agree."""
    freights = [(run.freight.sites, run.scenario.freight) for run in runs if run.scenario.freight is not None]
    counts = [str(book.bays(site, freight) or "?") for book, freight in freights]
    return counts[0] if len(set(counts)) == 1 else ", ".join(counts)


def _places(rows: Rows) -> dict[Row, float]:
    """Return where each row is, counted from the top."""
    places: dict[Row, float] = {}
    at = 0.0
    for site, keys in rows.items():
        for key in keys:
            places[site, key] = at
            at += 1
        at += _GAP
    return places


def _draw(axes: Axes, run: ServiceRun, places: Mapping[Row, float]) -> None:
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
    _draw_open(axes, run, places)
    _draw_outages(axes, run, places)
    for name, drawn in bars.items():
        for extent, row in drawn:
            axes.broken_barh(
                [extent], (row - 0.38, 0.76), facecolor=CLASS_COLOURS[name], edgecolor="white", linewidth=0.4, zorder=2
            )


def _draw_open(axes: Axes, run: ServiceRun, places: Mapping[Row, float]) -> None:
    """Draw the waits that the end of the run cut off, one line each, from top to bottom by their begin."""
    end_s = span([run])[1]
    by_site: dict[str, list[float]] = {}
    for stay in run.freight.sites.stays:
        if stay.waits:
            by_site.setdefault(stay.site, []).append(stay.gate_in_s)
    lines = [
        [(since_s / 3600, at), (end_s / 3600, at)]
        for site, begins_s in by_site.items()
        for since_s, at in zip(
            sorted(begins_s), places[site, _WAITS] + np.linspace(-0.38, 0.38, len(begins_s) + 2)[1:-1], strict=True
        )
    ]
    axes.add_collection(LineCollection(lines, colors=ALERT, linewidths=1.2, zorder=3), autolim=False)


def _draw_outages(axes: Axes, run: ServiceRun, places: Mapping[Row, float]) -> None:
    begin_s, end_s = span([run])
    for one in _outages(run):
        since_h, until_h = max(one.begin_s, begin_s) / 3600, min(one.end_s, end_s) / 3600
        at = places[str(one.site), _OUT]
        axes.broken_barh(
            [(since_h, until_h - since_h)], (at - 0.38, 0.76), facecolor=_OUT_COLOUR, edgecolor=SOFT, hatch=_OUT_HATCH,
            linewidth=0.5, zorder=2,
        )  # fmt: skip
        text = f"{one.bays} out"
        axes.text(since_h, at, f" {text}", va="center", fontsize=7, color=INK, zorder=4, clip_on=True,
                  bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8})  # fmt: skip


def _out_s(stay: Stay, end_s: float) -> float:
    return end_s if stay.dock_out_s is None else stay.dock_out_s


def _classes(run: ServiceRun) -> dict[str, str]:
    return {name: one.started.vehicle_class for name, one in run.freight.trucks.ledgers.items()}


def _legend(figure: Figure, runs: Sequence[ServiceRun]) -> None:
    seen = {
        _classes(run).get(stay.vehicle_id, "lorry")
        for run in runs
        for stay in run.freight.sites.stays
        if stay.dock_in is not None or stay.waits
    }
    handles: list[Patch | Line2D] = [
        Patch(facecolor=colour, label=CLASS_TITLES[name]) for name, colour in CLASS_COLOURS.items() if name in seen
    ]
    handles.append(Line2D([], [], color=ALERT, alpha=0.6, linewidth=1.6, label="its wait for this bay"))
    if any(stay.waits for run in runs for stay in run.freight.sites.stays):
        handles.append(Line2D([], [], color=ALERT, linewidth=1.2, label="waits when the run ends, no bay yet"))
    if any(_outages(run) for run in runs):
        handles.append(Patch(facecolor=_OUT_COLOUR, edgecolor=SOFT, hatch=_OUT_HATCH, label="bays out of use"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
