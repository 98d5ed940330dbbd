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

from sim.network.catalog import SitePlace
from sim.report.figures import WIDTH_IN
from sim.report.freight.places import Place, places_of, severe, told_apart, worst_of
from sim.report.ground import INK, Ground, bare, boxed, filled, furnish
from sim.report.labels import Tag, name_without_overlap
from sim.report.runs import ServiceRun
from sim.wording import counted

_MARGIN_M = 250.0
_MOST_IN = 6.5
_PART = 0.94  # of its column that a map takes, at least
_ROADS = "#c3c9d0"
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
    width = WIDTH_IN / columns
    height = min(width * box.height / box.width, _MOST_IN)
    box = filled(box, width / height)
    figure = Figure(figsize=(WIDTH_IN, rows * (height + 0.35) + 0.35), layout="constrained")
    sheets = figure.subplots(rows, columns, squeeze=False)
    metres = box.width / (72 * _PART * width)
    places = [told_apart(places_of(severe(run.conflicts)), lambda total: metres * radius_pt(total)) for run in runs]
    for axes, run, found in zip(sheets.flat, runs, places, strict=False):
        axes.set(xlim=box.intervalx, ylim=box.intervaly, aspect="equal")
        _map(axes, ground, run, found)
    for axes in sheets.flat[len(runs) :]:
        axes.set_visible(False)
    furnish(sheets[0, 0], ground)
    figure.legend(handles=_handles(runs), loc="outside lower center", ncols=4, fontsize=8)
    for axes, run, found in zip(sheets.flat, runs, places, strict=False):
        _name(figure, axes, ground, run, found)
    return figure


def _box(ground: Ground, runs: Sequence[ServiceRun]) -> Bbox:
    """Return the area of all that is drawn, and of the freight sites."""
    points = [(one.x, one.y) for run in runs for one in severe(run.conflicts)]
    points += [(one.x, one.y) for run in runs for one in run.freight.permits.violations]
    sites = {site for run in runs if run.scenario.freight is not None for site in run.scenario.freight.sites}
    points += [(ground.network.sites[name].x, ground.network.sites[name].y)
               for name in sorted(sites & ground.network.sites.keys())]  # fmt: skip
    return boxed(np.array(points), _MARGIN_M) if len(points) > 1 else ground.box


def _map(axes: Axes, ground: Ground, run: ServiceRun, places: Sequence[Place]) -> None:
    bare(axes)
    lines = LineCollection([line.shape for line in ground.roads], colors=_ROADS, linewidths=0.9)
    axes.add_collection(lines, autolim=False)
    violations = run.freight.permits.violations
    for place in places:
        _, colour, _ = _MEASURES[place.worst]
        axes.plot(place.x, place.y, marker="o", markersize=2 * radius_pt(place.total), color=colour, alpha=0.8,
                  markeredgecolor="white", markeredgewidth=0.5, zorder=3, gid="place")  # fmt: skip
        if place.total > 1:
            axes.text(place.x, place.y, str(place.total), ha="center", va="center_baseline", fontsize=7.5,
                      color="white", fontweight="bold", zorder=3.5)  # fmt: skip
    for rule, (marker, _) in _RULES.items():
        points = _points([(one.x, one.y) for one in violations if one.rule == rule])
        axes.scatter(points[:, 0], points[:, 1], s=30, marker=marker, facecolor=_VIOLATION, edgecolor="white",
                     linewidth=0.5, zorder=4)  # fmt: skip
    for site in _sites(ground, run).values():
        axes.plot(site.x, site.y, marker="o", markersize=3.5, color="white", markeredgecolor=INK, zorder=2)
    axes.set_title(f"{run.label}: {_counts(run, places)}, {counted(len(violations), 'violation')}", color=run.colour)


def radius_pt(total: int) -> float:
    """Return the radius of a place's circle, in points: its ground grows as the number of conflicts does."""
    return float(max(2.6 * total**0.5, 5.0 if total > 1 else 0.0))  # no smaller than its number


def _counts(run: ServiceRun, places: Sequence[Place]) -> str:
    if run.conflicts is None:
        return "conflicts not measured"
    total = sum(place.total for place in places)
    text = counted(total, "conflict")
    if len(places) > 1:
        text += f" at {len(places)} places"
        text += f", {places[0].total} of them at one" if places[0].total > 1 else ""
    elif total > 1:
        text += " at one place"
    return text


def _points(points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _sites(ground: Ground, run: ServiceRun) -> dict[str, SitePlace]:
    named = run.scenario.freight.sites if run.scenario.freight is not None else ()
    return {name: ground.network.sites[name] for name in named if name in ground.network.sites}


def _name(figure: Figure, axes: Axes, ground: Ground, run: ServiceRun, places: Sequence[Place]) -> None:
    """Write the sites' names where no circle, sign or other name is."""
    circles = [(place.x, place.y, radius_pt(place.total)) for place in places]
    signs = [(one.x, one.y, 3.0) for one in run.freight.permits.violations]
    tags = [Tag.of_site(name, site) for name, site in _sites(ground, run).items()]
    name_without_overlap(figure, axes, tags, [*circles, *signs])


def _handles(runs: Sequence[ServiceRun]) -> list[Line2D]:
    """Return the legend of what is there."""
    worst = {worst_of(one) for run in runs for one in severe(run.conflicts)}
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
