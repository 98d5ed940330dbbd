"""The ground of all maps: the network's geometry, read once, with scale bar, north and attribution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from sim.maps import scale_bar
from sim.network.catalog import Network, SitePlace
from sim.report.roads import EdgeLine, one_per_road, read_edges
from sim.scenario import Scenario

INK = "#1f2328"
ACCENT = "#D55E00"


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

    @cached_property
    def destinations(self) -> Mapping[str, SitePlace]:
        """The sites that commuters travel to, or without commuters those that goods do."""
        commuters, freight = self.scenario.demand.commuters, self.scenario.freight
        names = commuters.destinations if commuters else list(freight.sites) if freight else []
        return {name: self.network.sites[name] for name in names if name in self.network.sites}

    @cached_property
    def complex_box(self) -> Bbox | None:
        """The area around the destinations, or None without any."""
        points = [(site.x, site.y) for site in self.destinations.values()]
        if not points:
            return None
        return boxed(np.array(points), 250.0)

    @cached_property
    def box(self) -> Bbox:
        """The area of all roads."""
        points = np.concatenate([line.shape for line in self.roads])
        return boxed(points, 0.025 * float(np.ptp(points[:, 0])))

    def stop_points(self) -> NDArray[np.float64]:
        """Return one point for each stop, the middle of its kerbs; shape (stops, 2)."""
        places: dict[str, list[tuple[float, float]]] = {}
        for kerb in self.network.stops.values():
            places.setdefault(kerb.place, []).append((kerb.x, kerb.y))
        return np.array([np.mean(points, axis=0) for _, points in sorted(places.items())]).reshape(-1, 2)


def bare(axes: Axes) -> None:
    """Take ticks and grid off a map."""
    axes.grid(visible=False)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color="#d5d9de")


def furnish(axes: Axes, ground: Ground) -> None:
    """Add the scale bar, the north arrow and the attribution to a map whose limits are set."""
    (x0, x1), (y0, y1) = axes.get_xlim(), axes.get_ylim()
    width, height = x1 - x0, y1 - y0
    length_m, text = scale_bar(width / 6)
    left, right, foot, top = (
        x0 + 0.03 * width,
        x0 + 0.03 * width + length_m,
        y0 + 0.04 * height,
        y0 + 0.048 * height,
    )
    axes.plot([left, left, right, right], [top, foot, foot, top], color=INK, linewidth=1.2, zorder=7)
    axes.text((left + right) / 2, top, text, ha="center", va="bottom", fontsize=8, zorder=7)
    axes.annotate(
        "N", xy=(right + 0.025 * width, foot), xytext=(0, 20), textcoords="offset points", ha="center",
        va="bottom", fontsize=8, fontweight="bold", zorder=7,
        arrowprops={"arrowstyle": "<|-", "color": INK, "shrinkB": 0},
    )  # fmt: skip
    axes.text(
        0.995, 0.008, ground.network.attribution, transform=axes.transAxes, ha="right", va="bottom",
        fontsize=7, color="#5a626c", zorder=7,
    )  # fmt: skip


def boxed(points: NDArray[np.float64], margin_m: float) -> Bbox:
    """Return the box around points, shape (points, 2), with a margin."""
    return Bbox([points.min(axis=0) - margin_m, points.max(axis=0) + margin_m])


def filled(box: Bbox, ratio: float) -> Bbox:
    """Return a box widened to the ratio of width to height that its sheet has."""
    width, height = max(box.width, ratio * box.height), max(box.height, box.width / ratio)
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    return Bbox.from_bounds(x - width / 2, y - height / 2, width, height)


def outline(box: Bbox) -> Rectangle:
    """Return a thin frame around a box."""
    return Rectangle(
        (box.x0, box.y0), box.width, box.height, facecolor="none", edgecolor=ACCENT, linewidth=1.0, zorder=4
    )
