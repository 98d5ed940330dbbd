"""The names of sites on a map: beside their points where there is room, or in columns beside the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from sim.network.catalog import SitePlace
from sim.report.ground import INK, Ground

# offset in points from the site, and how the text stands against it
_SPOTS = (
    (7, 0, "left", "center"),
    (-7, 0, "right", "center"),
    (0, 7, "center", "bottom"),
    (0, -7, "center", "top"),
    (7, 12, "left", "bottom"),
    (-7, 12, "right", "bottom"),
    (7, -12, "left", "top"),
    (-7, -12, "right", "top"),
)


@dataclass(frozen=True, slots=True)
class _Canvas:
    """What a label must not cover, in pixels."""

    renderer: RendererAgg
    axes: Axes
    frame: Bbox
    roads: NDArray[np.float64]
    taken: list[Bbox]

    def cost(self, extent: Bbox) -> float:
        """Return how bad a place is: each thing covered 1, leaving the map 3, 50 m of road 0.02."""
        inside = self.frame.x0 <= extent.x0 and extent.x1 <= self.frame.x1
        inside = inside and self.frame.y0 <= extent.y0 and extent.y1 <= self.frame.y1
        covered = sum(bool(extent.overlaps(other)) for other in self.taken)
        return covered + (0.0 if inside else 3.0) + 0.02 * float(extent.count_contains(self.roads))


def place_labels(figure: Figure, axes: Axes, ground: Ground, sites: Sequence[SitePlace]) -> None:
    """Write the names beside the points where there is most room."""
    canvas = _canvas(figure, axes, ground, sites)
    for site in sites:
        spots = [_write(canvas, site, place) for place in range(len(_SPOTS))]
        costs = [canvas.cost(extent) + 0.05 * place for place, (_, extent) in enumerate(spots)]
        best = costs.index(min(costs))
        canvas.taken.append(spots[best][1])
        for place, (text, _) in enumerate(spots):
            if place != best:
                text.remove()


def _canvas(figure: Figure, axes: Axes, ground: Ground, sites: Sequence[SitePlace]) -> _Canvas:
    width, height = figure.get_size_inches() * figure.dpi
    renderer = RendererAgg(width, height, figure.dpi)  # type: ignore[no-untyped-call]
    figure.draw_without_rendering()
    to_pixels = axes.transData.transform
    points = to_pixels(np.array([(site.x, site.y) for site in sites]).reshape(-1, 2))
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in points]
    if ground.complex_box is not None:
        taken.append(Bbox(to_pixels(ground.complex_box.get_points())))
    roads = to_pixels(np.concatenate([line.every(50.0) for line in ground.roads]))
    return _Canvas(renderer, axes, axes.get_window_extent(renderer), roads, taken)


def _write(canvas: _Canvas, site: SitePlace, place: int) -> tuple[Annotation, Bbox]:
    dx, dy, across, along = _SPOTS[place]
    text = canvas.axes.annotate(
        f"{site.name_en}\n{site.name_ko}", (site.x, site.y), xytext=(dx, dy), textcoords="offset points",
        ha=across, va=along, fontsize=7.5, linespacing=1.15, color=INK, zorder=6,
    )  # fmt: skip
    return text, text.get_window_extent(canvas.renderer)


def name_beside(axes: Axes, sites: Sequence[SitePlace], box: Bbox) -> None:
    """Write the names in two columns beside the box, joined to their points by thin lines."""
    ordered = sorted(sites, key=lambda site: site.x)
    half = len(ordered) // 2
    for column, x, gap, across in (
        (ordered[:half], box.x0, -0.05 * box.height, "right"),
        (ordered[half:], box.x1, 0.05 * box.height, "left"),
    ):
        rows = sorted(column, key=lambda site: site.y)
        heights = np.linspace(box.y0 + 0.17 * box.height, box.y1 - 0.06 * box.height, len(rows))
        for site, y in zip(rows, heights, strict=True):
            axes.plot([site.x, x, x + 0.8 * gap], [site.y, y, y], color="#8a919b", linewidth=0.7, zorder=4)
            text = f"{site.name_en}\n{site.name_ko}"
            axes.text(x + gap, y, text, ha=across, va="center", fontsize=8.5, linespacing=1.2)
