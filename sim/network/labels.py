"""Names on a map: each beside its mark or along its road, none over another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import shapely
import shapely.affinity
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from sim.maps import hangul_font

RADII_PT = (8, 13, 20, 30, 44, 62, 84, 110, 140)
ANGLES_DEG = (0, 180, 90, 270, 35, 145, 215, 325, 60, 120, 240, 300)
CELL_PX = 2.0
"""Grain of the picture of what is drawn already."""


@dataclass(frozen=True, slots=True)
class Label:
    """A name and the mark it belongs to, in the map's coordinates."""

    text: str
    x: float
    y: float
    colour: str
    size: float


class Labels:
    """Places names on one map, in the order they come, where they cover least of what is drawn.

    Parameters
    ----------
    axes
        A map with its final limits.
    canvas
        Its figure's canvas.
    drawn
        Points along everything a name should not cover, in the map's coordinates; shape (points, 2).
    """

    def __init__(self, axes: Axes, canvas: FigureCanvasAgg, drawn: NDArray[np.float64]) -> None:
        self._axes = axes
        self._renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
        self._frame = axes.get_window_extent(self._renderer)
        self._dots_per_pt = axes.figure.dpi / 72.0
        self._ink = _summed(axes.transData.transform(drawn.reshape(-1, 2)), self._frame)
        texts = [Text.get_window_extent(text, self._renderer) for text in axes.texts]
        legend = axes.get_legend()
        self.boxes: list[Bbox] = [*texts, *([legend.get_window_extent(self._renderer)] if legend else [])]
        self.left_out: list[str] = []

    def beside(self, labels: Iterable[Label]) -> None:
        """Write each name beside its mark, joined to it by a thin line; one without room is left out."""
        for label in labels:
            width, height = self._size(label.text, label.size)
            place = self._best(self._spots(label, width, height))
            if place is None:
                self.left_out.append(label.text)
                continue
            (dx, dy), box = place
            self.boxes.append(box)
            self._axes.annotate(
                label.text, xy=(label.x, label.y), xytext=(dx, dy), textcoords="offset pixels",
                ha="left", va="bottom", fontproperties=font(label.size), color=label.colour, linespacing=1.05, zorder=9,
                path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.85)],
                arrowprops={"arrowstyle": "-", "color": label.colour, "lw": 0.6, "shrinkA": 0, "shrinkB": 2,
                            "relpos": (float(dx + width / 2 < 0), float(dy + height / 2 < 0))},
            )  # fmt: skip

    def along(self, text: str, line: shapely.LineString, *, colour: str, size: float) -> bool:
        """Write a name on a line, turned with it, at the first free place from its middle on; returns whether."""
        width, height = self._size(text, size)
        pixels = shapely.LineString(self._axes.transData.transform(np.array(line.coords)))
        if pixels.length < 1.3 * width:
            return False
        for share in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8):
            before, after = (pixels.interpolate(share * pixels.length + side * width / 2) for side in (-1, 1))
            middle = pixels.interpolate(share * pixels.length)
            chord = shapely.LineString([before, after])
            if chord.distance(middle) > height or chord.length < 0.95 * width:
                continue  # the road bends under the name
            angle = math.degrees(math.atan2(after.y - before.y, after.x - before.x))
            turned = shapely.affinity.rotate(shapely.box(-width / 2, -height / 2, width / 2, height / 2), angle)
            x0, y0, x1, y1 = shapely.affinity.translate(turned, middle.x, middle.y).bounds
            box = Bbox([(x0, y0), (x1, y1)])
            if self._free(box):
                self.boxes.append(box)
                x, y = self._axes.transData.inverted().transform((middle.x, middle.y))
                self._axes.text(
                    x, y, text, rotation=(angle + 90.0) % 180.0 - 90.0, rotation_mode="anchor", ha="center",
                    va="center", fontproperties=font(size), color=colour, zorder=8,
                    path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.9)],
                )  # fmt: skip
                return True
        return False

    def _size(self, text: str, size: float) -> tuple[float, float]:
        probe = self._axes.text(0, 0, text, fontproperties=font(size), linespacing=1.05)
        box = probe.get_window_extent(self._renderer)
        probe.remove()
        return box.width + 3.0, box.height + 3.0

    def _spots(self, label: Label, width: float, height: float) -> list[tuple[tuple[float, float], Bbox]]:
        """Return where a text's lower left corner may stand, in pixels from its mark, nearest first."""
        x, y = self._axes.transData.transform((label.x, label.y))
        spots = []
        for radius, angle in product(RADII_PT, ANGLES_DEG):
            east, north = math.cos(math.radians(angle)), math.sin(math.radians(angle))
            reach = radius * self._dots_per_pt
            dx = reach * east - (0.0 if east > 0.1 else width if east < -0.1 else width / 2)
            dy = reach * north - (0.0 if north > 0.1 else height if north < -0.1 else height / 2)
            spots.append(((dx, dy), Bbox.from_bounds(x + dx, y + dy, width, height)))
        return spots

    def _best(self, spots: Sequence[tuple[tuple[float, float], Bbox]]) -> tuple[tuple[float, float], Bbox] | None:
        free = [(self._covered(box) + 2.0 * rank, rank) for rank, (_, box) in enumerate(spots) if self._free(box)]
        return spots[min(free)[1]] if free else None

    def _free(self, box: Bbox) -> bool:
        """Whether a box lies within the map and over no other text."""
        inner = self._frame.padded(-2.0)
        inside = box.x0 > inner.x0 and box.y0 > inner.y0 and box.x1 < inner.x1 and box.y1 < inner.y1
        return inside and not any(box.overlaps(other) for other in self.boxes)

    def _covered(self, box: Bbox) -> float:
        """Return how many cells with something drawn lie under a box, which is within the map."""
        west, east = (int((x - self._frame.x0) / CELL_PX) for x in (box.x0, box.x1 + CELL_PX))
        south, north = (int((y - self._frame.y0) / CELL_PX) for y in (box.y0, box.y1 + CELL_PX))
        ink = self._ink
        return float(ink[north, east] - ink[south, east] - ink[north, west] + ink[south, west])


def font(size: float) -> FontProperties:
    """Return the font of all maps, which has Hangul."""
    return FontProperties(fname=str(hangul_font(400)), size=size)


def _summed(pixels: NDArray[np.float64], frame: Bbox) -> NDArray[np.float64]:
    """Return the summed-area table of points in the map's frame, a cell each `CELL_PX`, with an empty first edge."""
    columns, rows = (int(side / CELL_PX) + 1 for side in (frame.width, frame.height))
    span = [(0.0, rows * CELL_PX), (0.0, columns * CELL_PX)]
    counts, _, _ = np.histogram2d(pixels[:, 1] - frame.y0, pixels[:, 0] - frame.x0, bins=(rows, columns), range=span)
    return np.pad(np.minimum(counts, 1.0).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
