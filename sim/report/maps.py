"""The maps of a report: the area, the sites of the complex, and where riders waited long; metres, equal scales."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from sim.network.catalog import Network, SitePlace
from sim.report.figures import WIDTH_IN
from sim.report.roads import EdgeLine, one_per_road, read_edges
from sim.report.runs import ServiceRun
from sim.scenario import Scenario

_STATUS_LINES: Mapping[str, tuple[str, str | tuple[int, tuple[float, ...]]]] = {
    "confirmed": ("#4a525c", "-"),
    "likely": ("#6b7785", (0, (5, 1.5))),
    "schematic": ("#9a7b4f", (0, (1.5, 1.2))),
    "assumed": ("#9a5f8f", (0, (4, 1.2, 1, 1.2))),
    "planned": ("#7d9a4f", (0, (7, 2.5))),
    "unknown": ("#6b7785", "-"),
}
_KINDS = {"depot": ("s", "#1f2328", "depot"), "station": ("^", "#0072B2", "station")}
_DESTINATION = ("o", "#D55E00", "destination of commuters")
_SITE = ("o", "white", "other site")
_STOP = "#4c8dbd"
_HALO = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.6}
_WAITS = LinearSegmentedColormap.from_list("waits", colormaps["inferno_r"](np.linspace(0.12, 0.92, 64)))


@dataclass(frozen=True)
class Ground:
    """The network that all maps of a report share; its geometry is read once."""

    network: Network
    scenario: Scenario

    @cached_property
    def edges(self) -> dict[str, EdgeLine]:
        return read_edges(self.network.net_file)

    @cached_property
    def roads(self) -> list[EdgeLine]:
        return sorted(one_per_road(self.edges), key=lambda line: line.road)

    @property
    def destinations(self) -> Mapping[str, SitePlace]:
        """The sites that commuters travel to."""
        commuters = self.scenario.demand.commuters
        names = commuters.destinations if commuters else []
        return {name: self.network.sites[name] for name in names if name in self.network.sites}

    @cached_property
    def complex_box(self) -> Bbox | None:
        """The area around the commuters' destinations, or None without any."""
        points = [(site.x, site.y) for site in self.destinations.values()]
        if not points:
            return None
        return _boxed(np.array(points), 250.0)

    @cached_property
    def box(self) -> Bbox:
        """The area of all roads."""
        points = np.concatenate([line.shape for line in self.roads])
        return _boxed(points, 0.025 * float(np.ptp(points[:, 0])))

    def stop_points(self) -> NDArray[np.float64]:
        """Return one point for each stop, the middle of its kerbs; shape (stops, 2)."""
        places: dict[str, list[tuple[float, float]]] = {}
        for kerb in self.network.stops.values():
            places.setdefault(kerb.place, []).append((kerb.x, kerb.y))
        return np.array([np.mean(points, axis=0) for _, points in sorted(places.items())]).reshape(-1, 2)


# --- the area --------------------------------------------------------------------------------------------------


def area_map(ground: Ground) -> Figure:
    """Draw the roads by status and lanes, the stops, and the sites that do not lie in the complex."""
    figure, axes = _sheet(ground.box)
    _draw_roads(axes, ground.roads, widths=1.0)
    _draw_stops(axes, ground, size=5)
    box = ground.complex_box
    crowded = {name for name, site in ground.network.sites.items() if box is not None and box.contains(site.x, site.y)}
    _draw_sites(axes, ground, ground.network.sites, size=26)
    _place_labels(axes, [site for name, site in sorted(ground.network.sites.items()) if name not in crowded])
    if box is not None and len(crowded) > 1:
        axes.add_patch(_frame(box))
        axes.annotate("Sites of the complex: next map", (box.x0, box.y1), xytext=(0, 3), textcoords="offset points",
                      fontsize=8, color="#D55E00", va="bottom")  # fmt: skip
    _legend(axes, ground)
    _furnish(axes, ground)
    return figure


def complex_map(ground: Ground) -> Figure | None:
    """Draw the complex with the names of its sites beside it; None when the scenario has no commuters."""
    box = ground.complex_box
    if box is None:
        return None
    figure = Figure(figsize=(WIDTH_IN, 6.2))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    _bare(axes)
    inside = [site for _, site in sorted(ground.network.sites.items()) if box.contains(site.x, site.y)]
    height = box.height * 1.02
    middle = (box.x0 + box.x1) / 2
    axes.set_xlim(middle - height * WIDTH_IN / 6.2 / 2, middle + height * WIDTH_IN / 6.2 / 2)
    axes.set_ylim(box.y0 - 0.01 * box.height, box.y1 + 0.01 * box.height)
    _draw_roads(axes, ground.roads, widths=2.2, within=box)
    _draw_stops(axes, ground, size=14, within=box)
    _draw_sites(axes, ground, {name: site for name, site in ground.network.sites.items() if site in inside}, size=46)
    _name_beside(axes, inside, box)
    axes.add_patch(_frame(box))
    _furnish(axes, ground)
    return figure


def _draw_roads(axes: Axes, roads: Iterable[EdgeLine], *, widths: float, within: Bbox | None = None) -> None:
    for status, (colour, dashes) in _STATUS_LINES.items():
        lines = [line for line in roads if line.status == status]
        collection = LineCollection(
            [line.shape for line in lines], colors=colour, linestyles=[dashes], zorder=2,
            linewidths=[widths * (0.3 + 0.55 * line.lanes) for line in lines],
        )  # fmt: skip
        axes.add_collection(collection, autolim=False)
        if within is not None:
            collection.set_clip_path(_frame(within).get_path(), axes.transData)


def _draw_stops(axes: Axes, ground: Ground, *, size: float, within: Bbox | None = None) -> None:
    points = ground.stop_points()
    if within is not None and len(points):
        points = points[[within.contains(x, y) for x, y in points]]
    axes.scatter(*points.T, s=size, facecolor="white", edgecolor=_STOP, linewidth=0.7, zorder=3)


def _draw_sites(axes: Axes, ground: Ground, sites: Mapping[str, SitePlace], *, size: float) -> None:
    for name, site in sorted(sites.items()):
        marker, colour, _ = _look(site, is_destination=name in ground.destinations)
        axes.scatter(site.x, site.y, s=size, marker=marker, facecolor=colour, edgecolor="#1f2328", linewidth=0.7, zorder=5)


def _look(site: SitePlace, *, is_destination: bool) -> tuple[str, str, str]:
    return _DESTINATION if is_destination else _KINDS.get(site.kind, _SITE)


def _legend(axes: Axes, ground: Ground) -> None:
    present = {line.status for line in ground.roads}
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=1.6, label=f"road, {status}")
        for status, (colour, dashes) in _STATUS_LINES.items()
        if status in present
    ]
    lanes = sorted({line.lanes for line in ground.roads})
    handles += [
        Line2D([], [], color="#4a525c", linewidth=0.3 + 0.55 * count, label=f"{count} lane{'s' if count > 1 else ''} a direction")
        for count in lanes
    ]
    if ground.network.stops:
        handles.append(Line2D([], [], marker="o", linestyle="", markersize=3, markerfacecolor="white", markeredgecolor=_STOP, label="stop"))
    looks = {_look(site, is_destination=name in ground.destinations) for name, site in ground.network.sites.items()}
    handles += [
        Line2D([], [], marker=marker, linestyle="", markersize=5, markerfacecolor=colour, markeredgecolor="#1f2328", label=label)
        for marker, colour, label in sorted(looks, key=lambda look: look[2])
    ]
    axes.legend(handles=handles, loc="upper left", fontsize=8, frameon=True, framealpha=0.9, edgecolor="#d5d9de", ncols=2)


# --- names -----------------------------------------------------------------------------------------------------


def _place_labels(axes: Axes, sites: Sequence[SitePlace]) -> None:
    """Write the names beside the points where they cover neither each other nor another point."""
    figure = axes.get_figure(root=True)
    if figure is None:
        return
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    frame = axes.get_window_extent(renderer)
    pixels = axes.transData.transform(np.array([(site.x, site.y) for site in sites]).reshape(-1, 2))
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in pixels]
    spots = [(7, 0, "left", "center"), (-7, 0, "right", "center"), (0, 7, "center", "bottom"), (0, -7, "center", "top"),
             (7, 12, "left", "bottom"), (-7, 12, "right", "bottom"), (7, -12, "left", "top"), (-7, -12, "right", "top")]  # fmt: skip
    for site in sites:
        best = None
        for dx, dy, across, along in spots:
            text = axes.annotate(
                f"{site.name_en}\n{site.name_ko}", (site.x, site.y), xytext=(dx, dy), textcoords="offset points",
                ha=across, va=along, fontsize=7.5, linespacing=1.15, color="#1f2328", zorder=6, bbox=_HALO,
            )  # fmt: skip
            extent = text.get_window_extent(renderer)
            cost = sum(extent.overlaps(other) for other in taken) + 3 * (not _holds(frame, extent))
            if best is None or cost < best[0]:
                if best is not None:
                    best[1].remove()
                best = (cost, text, extent)
            else:
                text.remove()
            if best[0] == 0:
                break
        if best is not None:
            taken.append(best[2])


def _holds(outer: Bbox, inner: Bbox) -> bool:
    return bool(outer.x0 <= inner.x0 and inner.x1 <= outer.x1 and outer.y0 <= inner.y0 and inner.y1 <= outer.y1)


def _name_beside(axes: Axes, sites: Sequence[SitePlace], box: Bbox) -> None:
    """Write the names in two columns beside the box, joined to their points by thin lines."""
    ordered = sorted(sites, key=lambda site: site.x)
    half = len(ordered) // 2
    for column, x, gap, across in (
        (ordered[:half], box.x0, -0.05 * box.height, "right"),
        (ordered[half:], box.x1, 0.05 * box.height, "left"),
    ):
        rows = sorted(column, key=lambda site: site.y)
        heights = np.linspace(box.y0 + 0.1 * box.height, box.y1 - 0.06 * box.height, len(rows))
        for site, y in zip(rows, heights, strict=True):
            axes.plot([site.x, x, x + 0.8 * gap], [site.y, y, y], color="#8a919b", linewidth=0.7, zorder=4)
            axes.text(x + gap, y, f"{site.name_en}\n{site.name_ko}", ha=across, va="center", fontsize=8.5, linespacing=1.2)


# --- waits -----------------------------------------------------------------------------------------------------


def wait_maps(ground: Ground, runs: Sequence[ServiceRun]) -> Figure:
    """Draw where riders wished to leave from and how long they waited, one map a run on one scale."""
    columns = 1 if len(runs) == 1 else 2
    rows = -(-len(runs) // columns)
    width = WIDTH_IN / columns
    height = min(width * ground.box.height / ground.box.width, 6.5) + 0.35
    figure = Figure(figsize=(WIDTH_IN, rows * height + 0.7), layout="constrained")
    sheets = figure.subplots(rows, columns, squeeze=False)
    waits_min = [one.times().wait_s / 60 for run in runs for one in run.journeys if one.served]
    norm = Normalize(0, 10 * np.ceil(max([*waits_min, 10.0]) / 10))
    for axes, run in zip(sheets.flat, runs, strict=False):
        _wait_map(axes, ground, run, norm)
    for axes in sheets.flat[len(runs) :]:
        axes.set_visible(False)
    _furnish(sheets[0, 0], ground)
    bar = figure.colorbar(ScalarMappable(norm, _WAITS), ax=sheets, location="bottom", shrink=0.4, aspect=40, pad=0.02)
    bar.set_label("wait of a served rider, min; larger is longer          × not served")
    bar.outline.set_visible(False)
    return figure


def _wait_map(axes: Axes, ground: Ground, run: ServiceRun, norm: Normalize) -> None:
    _bare(axes)
    axes.set(xlim=ground.box.intervalx, ylim=ground.box.intervaly, aspect="equal")
    axes.add_collection(LineCollection([line.shape for line in ground.roads], colors="#c3c9d0", linewidths=0.8), autolim=False)
    served = sorted((one.times().wait_s / 60, *_origin(ground, one.request.origin_edge, one.request.origin_pos_m))
                    for one in run.journeys if one.served)  # fmt: skip
    missed = [_origin(ground, one.request.origin_edge, one.request.origin_pos_m) for one in run.journeys if not one.served]
    if served:
        minutes, x, y = np.array(served).T
        sizes = 8 + 70 * np.clip(norm(minutes), 0, 1)
        axes.scatter(x, y, s=sizes, c=minutes, cmap=_WAITS, norm=norm, edgecolor="white", linewidth=0.4, zorder=3)
    if missed:
        axes.scatter(*np.array(missed).T, s=22, marker="x", color="#1f2328", linewidth=1.0, zorder=4)
    _name_zones(axes, ground)
    share = f"{len(served)} of {len(run.journeys)} served"
    axes.set_title(f"{run.label}: {share}", color=run.colour)


def _origin(ground: Ground, edge: str, pos_m: float) -> tuple[float, float]:
    return ground.edges[edge].point(pos_m)


def _name_zones(axes: Axes, ground: Ground) -> None:
    commuters = ground.scenario.demand.commuters
    for zone in commuters.homes.values() if commuters else ():
        known = [ground.network.junctions[name] for name in zone.junctions if name in ground.network.junctions]
        if known:
            x, y = np.mean([one.x for one in known]), max(one.y for one in known) + zone.radius_m
            axes.text(
                float(x), y, f"{zone.name_en} {zone.name_ko}", fontsize=7, color="#5a626c", ha="center", zorder=5, bbox=_HALO
            )


# --- furniture -------------------------------------------------------------------------------------------------


def _sheet(box: Bbox) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_IN, min(WIDTH_IN * box.height / box.width, 12.0)))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    _bare(axes)
    axes.set(xlim=box.intervalx, ylim=box.intervaly, aspect="equal")
    return figure, axes


def _bare(axes: Axes) -> None:
    axes.grid(visible=False)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color="#d5d9de")


def _furnish(axes: Axes, ground: Ground) -> None:
    """Add the scale bar, the north arrow and the attribution to a map."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    length_m = _round_length((x1 - x0) / 6)
    x, y, tick = x0 + 0.03 * (x1 - x0), y0 + 0.04 * (y1 - y0), 0.008 * (y1 - y0)
    axes.plot([x, x, x + length_m, x + length_m], [y + tick, y, y, y + tick], color="#1f2328", linewidth=1.2, zorder=7)
    text = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    axes.text(x + length_m / 2, y + 1.5 * tick, text, ha="center", va="bottom", fontsize=8, zorder=7)
    axes.annotate(
        "N", xy=(x + length_m + 0.025 * (x1 - x0), y + 6 * tick), xytext=(0, -18), textcoords="offset points", ha="center",
        va="center", fontsize=8, fontweight="bold", arrowprops={"arrowstyle": "-|>", "color": "#1f2328"}, zorder=7,
    )  # fmt: skip
    axes.text(0.995, 0.008, ground.network.attribution, transform=axes.transAxes, ha="right", va="bottom", fontsize=7,
              color="#5a626c", zorder=7, bbox=_HALO)  # fmt: skip


def _round_length(length_m: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is not longer."""
    power = 10 ** np.floor(np.log10(length_m))
    return float(max(step * power for step in (1, 2, 5) if step * power <= length_m))


def _boxed(points: NDArray[np.float64], margin_m: float) -> Bbox:
    return Bbox([points.min(axis=0) - margin_m, points.max(axis=0) + margin_m])


def _frame(box: Bbox) -> Rectangle:
    return Rectangle((box.x0, box.y0), box.width, box.height, facecolor="none", edgecolor="#D55E00", linewidth=1.0, zorder=4)
