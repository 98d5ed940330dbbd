"""The names of sites on a map: beside their points where there is room, or in columns beside the map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
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
# how far a tag may stand from its point, in points, nearest first; from _FAR on with a line
_REACHES = (6.0, 12.0, 22.0, 36.0, 54.0, 76.0, 100.0, 130.0)
_FAR = 12.0
_FINE_DPI = 288.0
_DIRECTIONS = tuple((float(np.cos(angle)), float(np.sin(angle))) for angle in np.linspace(0, 2 * np.pi, 17)[:-1])


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


@dataclass(frozen=True, slots=True)
class Tag:
    """A point on a map with what is to be written beside it."""

    x: float
    y: float
    text: str

    @classmethod
    def of_site(cls, name: str, site: SitePlace) -> Tag:
        """Return a site by its id and its Korean name without what stands in brackets."""
        return cls(site.x, site.y, f"{name} {site.name_ko.split('(')[0].strip()}")


def name_without_overlap(
    figure: Figure, axes: Axes, tags: Sequence[Tag], avoid: Sequence[tuple[float, float, float]] = ()
) -> list[Annotation]:
    """Write every tag within the frame where it covers no other; a thin line leads to one that had to go far.

    The figure has to be complete but for the tags, as its layout tells where there is room. `avoid` are circles on
    the map by x, y and radius in points. A tag that finds no room at all is left out.
    """
    dpi = figure.dpi
    figure.set_dpi(_FINE_DPI)  # at few dots the steps of letters differ from those of a drawing
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # what is written now must not move the map
    width_in, height_in = figure.get_size_inches()
    renderer = RendererAgg(width_in * _FINE_DPI, height_in * _FINE_DPI, _FINE_DPI)  # type: ignore[no-untyped-call]
    found = _placed(axes, renderer, tags, avoid)
    figure.set_dpi(dpi)
    return found


def _placed(
    axes: Axes, renderer: RendererAgg, tags: Sequence[Tag], avoid: Sequence[tuple[float, float, float]]
) -> list[Annotation]:
    pixels = _FINE_DPI / 72
    frame = axes.get_window_extent(renderer).padded(-2.0 * pixels)
    taken = [text.get_window_extent(renderer) for text in axes.texts if text.get_text()]
    for x, y, radius in [*((tag.x, tag.y, 3.0) for tag in tags), *avoid]:
        (across, up), half = axes.transData.transform((x, y)), radius * pixels
        taken.append(Bbox.from_bounds(across - half, up - half, 2 * half, 2 * half))
    found = []
    for tag in sorted(tags, key=lambda one: (-one.y, one.x)):
        for distance, (east, north) in product(_REACHES, _DIRECTIONS):
            text = _tagged(axes, tag, distance, east, north)
            extent = _words_of(text, renderer)
            inside = frame.x0 <= extent.x0 and extent.x1 <= frame.x1 and frame.y0 <= extent.y0 and extent.y1 <= frame.y1
            if inside and not any(extent.overlaps(other) for other in taken):
                taken.append(extent)
                found.append(text)
                break
            text.remove()
    return found


def _tagged(axes: Axes, tag: Tag, distance: float, east: float, north: float) -> Annotation:
    across = "left" if east > 0.3 else "right" if east < -0.3 else "center"
    along = "bottom" if north > 0.3 else "top" if north < -0.3 else "center"
    line = {"arrowstyle": "-", "color": "#8a919b", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
    text = axes.annotate(
        tag.text, (tag.x, tag.y), xytext=(distance * east, distance * north), textcoords="offset points", ha=across,
        va=along, fontsize=7.5, color=INK, zorder=6, arrowprops=line if distance >= _FAR else None,
        bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
    )  # fmt: skip
    text.set_in_layout(False)
    return text


def _words_of(text: Annotation, renderer: RendererAgg) -> Bbox:
    """Return where the words of a tag stand, without the line that leads to them."""
    text.update_positions(renderer)
    return Text.get_window_extent(text, renderer).padded(1.0 * _FINE_DPI / 72)


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
