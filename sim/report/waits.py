"""The maps of waits: where riders wished to leave from and how long they waited, a map for each run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from sim.kpi.riders import Journey
from sim.report.figures import WIDTH_IN
from sim.report.ground import INK, Ground, bare, boxed, furnish
from sim.report.runs import ServiceRun

# fixed classes, so that reports can be set side by side; colours of the map "inferno", light to dark
_CLASSES = (
    (0, 5, "#fcb216", 10),
    (5, 10, "#f3701f", 16),
    (10, 20, "#d1403f", 24),
    (20, 30, "#9a2964", 34),
    (30, 60, "#58126e", 46),
    (60, np.inf, "#160b39", 60),
)
_EDGE = "#3a4048"


def wait_maps(ground: Ground, runs: Sequence[ServiceRun]) -> Figure:
    """Draw where riders wished to leave from and how long they waited, one map a run on one scale."""
    box = _riders_box(ground, runs)
    columns = 1 if len(runs) == 1 else 2
    rows = -(-len(runs) // columns)
    width = WIDTH_IN / columns
    height = min(width * box.height / box.width, 6.5) + 0.35
    figure = Figure(figsize=(WIDTH_IN, rows * height + 0.7), layout="constrained")
    sheets = figure.subplots(rows, columns, squeeze=False)
    for axes, run in zip(sheets.flat, runs, strict=False):
        axes.set(xlim=box.intervalx, ylim=box.intervaly, aspect="equal")
        _wait_map(axes, ground, run)
    for axes in sheets.flat[len(runs) :]:
        axes.set_visible(False)
    furnish(sheets[0, 0], ground)
    handles = [
        Line2D(
            [], [], linestyle="", marker="o", markersize=size**0.5, markerfacecolor=colour,
            markeredgecolor=_EDGE, markeredgewidth=0.3,
            label=f"over {least} min" if most == np.inf else f"{least}–{most} min",
        )
        for least, most, colour, size in _CLASSES
    ]  # fmt: skip
    handles.append(Line2D([], [], linestyle="", marker="x", color=INK, markersize=5, label="not served"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8)
    return figure


def _riders_box(ground: Ground, runs: Sequence[ServiceRun]) -> Bbox:
    """Return the area that all riders wished to leave from, and the complex."""
    points = [_origin(ground, one) for run in runs for one in run.journeys]
    if ground.complex_box is not None:
        points += [(x, y) for x, y in ground.complex_box.corners()]
    return boxed(np.array(points), 1800.0) if points else ground.box


def _wait_map(axes: Axes, ground: Ground, run: ServiceRun) -> None:
    bare(axes)
    lines = LineCollection([line.shape for line in ground.roads], colors="#c3c9d0", linewidths=0.8)
    axes.add_collection(lines, autolim=False)
    served = [(one.times().wait_s / 60, _origin(ground, one)) for one in run.riders if one.served]
    for least, most, colour, size in _CLASSES:
        points = np.array([point for minutes, point in served if least <= minutes < most]).reshape(-1, 2)
        axes.scatter(points[:, 0], points[:, 1], s=size, facecolor=colour, edgecolor=_EDGE, linewidth=0.3, zorder=3)
    missed = np.array([_origin(ground, one) for one in run.riders if not one.served]).reshape(-1, 2)
    axes.scatter(missed[:, 0], missed[:, 1], s=22, marker="x", color=INK, linewidth=1.0, zorder=4)
    _name_zones(axes, ground)
    axes.set_title(f"{run.label}: {len(served)} of {len(run.riders)} served", color=run.colour)


def _origin(ground: Ground, journey: Journey) -> tuple[float, float]:
    return ground.edges[journey.request.origin_edge].point(journey.request.origin_pos_m)


def _name_zones(axes: Axes, ground: Ground) -> None:
    commuters = ground.scenario.demand.commuters
    junctions = ground.network.junctions
    left, right = axes.get_xlim()
    margin = 0.2 * (right - left)  # half of a long name
    for zone in commuters.homes.values() if commuters else ():
        known = [junctions[name] for name in zone.junctions if name in junctions]
        if known:
            x, y = float(np.mean([one.x for one in known])), max(one.y for one in known) + zone.radius_m
            side = "left" if x < left + margin else "right" if x > right - margin else "center"
            x = {"left": left + 0.01 * (right - left), "right": right - 0.01 * (right - left), "center": x}[side]
            name = f"{zone.name_en} {zone.name_ko}"
            axes.text(x, y, name, fontsize=7, color="#7a828c", ha=side, zorder=1.5, clip_on=True)
