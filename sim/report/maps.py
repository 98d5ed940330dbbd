"""The maps of the area and of the complex: roads by status and lanes, stops, sites by both their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from sim.network.catalog import SitePlace
from sim.report.figures import WIDTH_IN
from sim.report.ground import ACCENT, INK, Ground, bare, furnish, outline
from sim.report.labels import name_beside, place_labels
from sim.report.roads import EdgeLine

_STATUS_LINES: Mapping[str, tuple[str, tuple[float, Sequence[float]] | None]] = {
    "confirmed": ("#4a525c", None),
    "likely": ("#6b7785", (0, (5, 1.5))),
    "schematic": ("#9a7b4f", (0, (1.5, 1.2))),
    "assumed": ("#9a5f8f", (0, (4, 1.2, 1, 1.2))),
    "planned": ("#7d9a4f", (0, (7, 2.5))),
    "unknown": ("#6b7785", None),
}
_KINDS = {"depot": ("s", INK, "depot"), "station": ("^", "#0072B2", "station")}
_DESTINATION = ("o", ACCENT, "destination of commuters")
_SITE = ("o", "white", "other site")
_STOP = "#4c8dbd"
_LEGEND_IN = 0.55
_COMPLEX_IN = 6.2


def area_map(ground: Ground) -> Figure:
    """Draw the roads by status and lanes, the stops and the sites; those of the complex unnamed."""
    map_in = min(WIDTH_IN * ground.box.height / ground.box.width, 12.0)
    height_in = map_in + _LEGEND_IN
    figure = Figure(figsize=(WIDTH_IN, height_in))
    axes = figure.add_axes((0.0, _LEGEND_IN / height_in, 1.0, map_in / height_in))
    bare(axes)
    axes.set(xlim=ground.box.intervalx, ylim=ground.box.intervaly, aspect="equal")
    _draw_roads(axes, ground.roads, widths=1.0)
    _draw_stops(axes, ground.stop_points(), size=5)
    _draw_sites(axes, ground, ground.network.sites, size=26)
    box = ground.complex_box
    if box is not None:
        axes.add_patch(outline(box))
        axes.annotate(
            "the complex: next map", (box.x1, box.y1), xytext=(4, 0), textcoords="offset points", fontsize=8,
            color=ACCENT, va="top",
        )  # fmt: skip
    inside = _sites_within(ground, box)
    place_labels(
        figure,
        axes,
        ground,
        [site for name, site in sorted(ground.network.sites.items()) if name not in inside],
    )
    figure.legend(handles=_handles(ground), loc="lower center", fontsize=8, ncols=6, borderaxespad=0.2)
    furnish(axes, ground)
    return figure


def complex_map(ground: Ground) -> Figure | None:
    """Draw the complex with the names of its sites beside it; None when the scenario has no commuters."""
    box = ground.complex_box
    if box is None:
        return None
    figure = Figure(figsize=(WIDTH_IN, _COMPLEX_IN))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    bare(axes)
    height = 1.02 * box.height
    half_width, middle = height * WIDTH_IN / _COMPLEX_IN / 2, (box.x0 + box.x1) / 2
    axes.set(xlim=(middle - half_width, middle + half_width), ylim=(box.y0 - 0.01 * height, box.y0 + 0.99 * height))
    frame = axes.add_patch(outline(box))
    _draw_roads(axes, ground.roads, widths=2.2, clip=frame)
    _draw_stops(
        axes,
        np.array([point for point in ground.stop_points() if box.contains(*point)]).reshape(-1, 2),
        size=14,
    )
    sites = _sites_within(ground, box)
    _draw_sites(axes, ground, sites, size=46)
    name_beside(axes, [site for _, site in sorted(sites.items())], box)
    furnish(axes, ground)
    return figure


def _sites_within(ground: Ground, box: Bbox | None) -> dict[str, SitePlace]:
    sites = ground.network.sites.items()
    return {name: site for name, site in sites if box is not None and box.contains(site.x, site.y)}


def _draw_roads(axes: Axes, roads: Iterable[EdgeLine], *, widths: float, clip: Patch | None = None) -> None:
    for status, (colour, dashes) in _STATUS_LINES.items():
        lines = [line for line in roads if line.status == status]
        collection = LineCollection(
            [line.shape for line in lines], colors=colour, linestyles=[dashes or "-"], zorder=2,
            linewidths=[widths * _road_width(line.lanes) for line in lines],
        )  # fmt: skip
        axes.add_collection(collection, autolim=False)
        if clip is not None:
            collection.set_clip_path(clip)


def _road_width(lanes: int) -> float:
    return 0.3 + 0.55 * lanes


def _draw_stops(axes: Axes, points: NDArray[np.float64], *, size: float) -> None:
    axes.scatter(points[:, 0], points[:, 1], s=size, facecolor="white", edgecolor=_STOP, linewidth=0.7, zorder=3)


def _draw_sites(axes: Axes, ground: Ground, sites: Mapping[str, SitePlace], *, size: float) -> None:
    for name, site in sorted(sites.items()):
        marker, colour, _ = _look(ground, name)
        axes.scatter(site.x, site.y, s=size, marker=marker, facecolor=colour, edgecolor=INK, linewidth=0.7, zorder=5)


def _look(ground: Ground, name: str) -> tuple[str, str, str]:
    """Return the marker, the colour and the words for a site."""
    return _DESTINATION if name in ground.destinations else _KINDS.get(ground.network.sites[name].kind, _SITE)


def _handles(ground: Ground) -> list[Line2D]:
    """Return the entries of the legend, for what the map shows."""
    present = {line.status for line in ground.roads}
    handles = [
        Line2D([], [], color=colour, linestyle=dashes or "-", linewidth=1.6, label=f"road, {status}")
        for status, (colour, dashes) in _STATUS_LINES.items()
        if status in present
    ]
    for lanes in sorted({line.lanes for line in ground.roads}):
        text = f"{lanes} lane{'s' if lanes > 1 else ''} a direction"
        handles.append(Line2D([], [], color="#4a525c", linewidth=_road_width(lanes), label=text))
    if ground.network.stops:
        handles.append(_point("o", "white", "stop", size=3, edge=_STOP))
    looks = {_look(ground, name) for name in ground.network.sites}
    return [*handles, *(_point(*look) for look in sorted(looks, key=lambda look: look[2]))]


def _point(marker: str, colour: str, label: str, *, size: float = 5, edge: str = INK) -> Line2D:
    return Line2D(
        [],
        [],
        marker=marker,
        linestyle="",
        markersize=size,
        markerfacecolor=colour,
        markeredgecolor=edge,
        label=label,
    )
