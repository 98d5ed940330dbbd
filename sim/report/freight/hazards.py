"""The map of hazards: where vehicles came too near each other, and where permits were broken."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from sim.kpi.conflicts import Conflict
from sim.report.figures import WIDTH_IN
from sim.report.ground import INK, Ground, bare, boxed, furnish
from sim.report.runs import ServiceRun

_MARGIN_M = 400.0
_ROADS = "#c3c9d0"
# by the severest measure: time to collision before post-encroachment before braking
_MEASURES = MappingProxyType({
    "ttc": ("o", "#c1272d", "collision 1.5 s away or less"),
    "pet": ("o", "#E69F00", "1.5 s or less after each other"),
    "drac": ("o", "#0072B2", "braking above 3.4 m/s²"),
})  # fmt: skip
_RULES = MappingProxyType({
    "geofence": ("s", "outside the zone"),
    "hours": ("D", "outside the hours"),
    "over_speed": ("^", "too fast"),
    "crew": ("P", "crew"),
    "operators": ("X", "too many for the operators"),
    "mass": ("v", "too heavy"),
    "surface": ("h", "surface"),
})  # fmt: skip
_VIOLATION = "#6a1b9a"


def hazard_maps(ground: Ground, runs: Sequence[ServiceRun]) -> Figure | None:
    """Draw conflicts and violations, one map a run on one scale; None where neither was measured."""
    if not any(run.conflicts is not None or run.freight.permits.violations for run in runs):
        return None
    box = _box(ground, runs)
    columns = 1 if len(runs) == 1 else 2
    rows = -(-len(runs) // columns)
    height = min(WIDTH_IN / columns * box.height / box.width, 6.5) + 0.35
    figure = Figure(figsize=(WIDTH_IN, rows * height + 0.7), layout="constrained")
    sheets = figure.subplots(rows, columns, squeeze=False)
    for axes, run in zip(sheets.flat, runs, strict=False):
        axes.set(xlim=box.intervalx, ylim=box.intervaly, aspect="equal")
        _map(axes, ground, run)
    for axes in sheets.flat[len(runs) :]:
        axes.set_visible(False)
    furnish(sheets[0, 0], ground)
    figure.legend(handles=_handles(runs), loc="outside lower center", ncols=4, fontsize=8)
    return figure


def _severe(run: ServiceRun) -> list[Conflict]:
    return [one for one in run.conflicts or () if one.measures]


def _box(ground: Ground, runs: Sequence[ServiceRun]) -> Bbox:
    """Return the area of all that is drawn, and of the freight sites."""
    points = [(one.x, one.y) for run in runs for one in _severe(run)]
    points += [(one.x, one.y) for run in runs for one in run.freight.permits.violations]
    sites = {site for run in runs if run.scenario.freight is not None for site in run.scenario.freight.sites}
    points += [(ground.network.sites[name].x, ground.network.sites[name].y)
               for name in sorted(sites & ground.network.sites.keys())]  # fmt: skip
    return boxed(np.array(points), _MARGIN_M) if len(points) > 1 else ground.box


def _map(axes: Axes, ground: Ground, run: ServiceRun) -> None:
    bare(axes)
    lines = LineCollection([line.shape for line in ground.roads], colors=_ROADS, linewidths=0.9)
    axes.add_collection(lines, autolim=False)
    severe, violations = _severe(run), run.freight.permits.violations
    for name, (marker, colour, _) in reversed(list(_MEASURES.items())):
        points = _points([(one.x, one.y) for one in severe if _worst(one) == name])
        axes.scatter(points[:, 0], points[:, 1], s=18, marker=marker, facecolor=colour, alpha=0.75, edgecolor="white",
                     linewidth=0.3, zorder=3)  # fmt: skip
    for rule, (marker, _) in _RULES.items():
        points = _points([(one.x, one.y) for one in violations if one.rule == rule])
        axes.scatter(points[:, 0], points[:, 1], s=30, marker=marker, facecolor=_VIOLATION, edgecolor="white",
                     linewidth=0.5, zorder=4)  # fmt: skip
    _name_sites(axes, ground, run)
    counts = f"{len(severe)} conflicts" if run.conflicts is not None else "conflicts not measured"
    axes.set_title(f"{run.label}: {counts}, {len(violations)} violations", color=run.colour)


def _worst(conflict: Conflict) -> str:
    return next(name for name in _MEASURES if name in conflict.measures)


def _points(points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _name_sites(axes: Axes, ground: Ground, run: ServiceRun) -> None:
    for name in run.scenario.freight.sites if run.scenario.freight is not None else ():
        if (site := ground.network.sites.get(name)) is not None:
            axes.plot(site.x, site.y, marker="o", markersize=3.5, color="white", markeredgecolor=INK, zorder=2)
            axes.annotate(
                site.name_ko.split("(")[0].strip(), (site.x, site.y), xytext=(4, 3), textcoords="offset points",
                fontsize=7, color="#5a626c", zorder=5, clip_on=True,
            )  # fmt: skip


def _handles(runs: Sequence[ServiceRun]) -> list[Line2D]:
    """Return the legend of what is there."""
    worst = {_worst(one) for run in runs for one in _severe(run)}
    rules = {one.rule for run in runs for one in run.freight.permits.violations}
    shown = [(marker, colour, f"conflict: {text}") for name, (marker, colour, text) in _MEASURES.items()
             if name in worst]  # fmt: skip
    shown += [(marker, _VIOLATION, f"violation: {text}") for rule, (marker, text) in _RULES.items() if rule in rules]
    shown.append(("o", "white", "freight site"))
    return [
        Line2D([], [], linestyle="", marker=marker, markersize=6, markerfacecolor=colour,
               markeredgecolor=INK if colour == "white" else "white", markeredgewidth=0.5, label=text)
        for marker, colour, text in shown
    ]  # fmt: skip
