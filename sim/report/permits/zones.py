"""The zones of permits: which roads they hold, in words, and drawn on a map."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from sim.network.graph import EdgeGraph
from sim.permit_document import Permit, Zone
from sim.permits.zones import border_of, zone_edges
from sim.report.figures import WIDTH_IN
from sim.report.ground import INK, Ground, bare, boxed, filled, furnish
from sim.report.labels import Tag, name_without_overlap
from sim.report.permits.words import Sheet
from sim.wording import listed

_INSIDE = "#0072B2"
_OUTSIDE = "#c9ced5"
_MOST_IN = 6.5
_MARGIN_M = 350.0


@dataclass(frozen=True)
class ZoneMap:
    """The zones of permits on the ground that the report's maps share."""

    ground: Ground

    @cached_property
    def _graph(self) -> EdgeGraph:
        return EdgeGraph.from_net(self.ground.network.net_file)

    def roads(self, zone: Zone, name: str) -> frozenset[str]:
        """Return the ids of the edges of a zone."""
        return zone_edges(zone, self.ground.network, self._graph, place=f"permits.{name}.zone")

    def borders(self, zone: Zone, name: str) -> list[NDArray[np.float64]]:
        """Return the borders of a zone's areas and of its polygon, each with shape (corners, 2)."""
        network = self.ground.network
        found = [np.array(network.areas[area].shape) for area in zone.areas]
        if zone.polygon:
            found.append(np.array(border_of(zone.polygon, network, place=f"permits.{name}.zone.polygon")))
        return found

    def words(self, sheet: Sheet) -> str:
        """Write a zone with the number of its roads, their length and its ground."""
        zone = sheet.permit.zone
        text = zone_words(sheet.permit)
        if zone.everywhere:
            return text
        roads = sorted(self.roads(zone, sheet.name))
        km = sum(self.ground.edges[one].length_m for one in roads) / 1000
        km2 = sum(map(_ground_m2, self.borders(zone, sheet.name))) / 1e6
        ground = f", {km2:.1f} km²" if km2 else ""
        return f"{text}{ground}; it holds {len(roads)} edges, {km:.1f} km by direction (map)"

    def figure(self, sheets: Sequence[Sheet]) -> Figure | None:
        """Draw each distinct zone that is not everywhere, two beside each other; None without any."""
        groups = _by_zone(sheets)
        if not groups:
            return None
        columns = min(len(groups), 2)
        rows = -(-len(groups) // columns)
        boxes = [self._box(group[0]) for group in groups]
        width = WIDTH_IN / columns
        height = min(max(width * box.height / box.width for box in boxes), _MOST_IN) + 0.35
        figure = Figure(figsize=(WIDTH_IN, rows * height + 0.4), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat[len(groups) :]:
            axes.set_visible(False)
        for axes, group, box in zip(grid.flat, groups, boxes, strict=False):
            self._draw(axes, group, filled(box, width / (height - 0.35)), width=150 // columns)
        furnish(grid[0, 0], self.ground)
        figure.legend(handles=_handles(), loc="outside lower center", ncols=3, fontsize=8)
        for axes, box in zip(grid.flat, boxes, strict=False):
            sites = [Tag.of_site(name, site) for name, site in self.ground.destinations.items()
                     if box.contains(site.x, site.y)]  # fmt: skip
            name_without_overlap(figure, axes, sites)
        return figure

    def _box(self, sheet: Sheet) -> Bbox:
        edges = self.ground.edges
        points = [edges[one].shape for one in sorted(self.roads(sheet.permit.zone, sheet.name))]
        return boxed(np.concatenate([*points, *self.borders(sheet.permit.zone, sheet.name)]), _MARGIN_M)

    def _draw(self, axes: Axes, group: Sequence[Sheet], box: Bbox, *, width: int) -> None:
        bare(axes)
        axes.set(xlim=box.intervalx, ylim=box.intervaly, aspect="equal")
        zone, name = group[0].permit.zone, group[0].name
        edges = self.ground.edges
        axes.add_collection(
            LineCollection([line.shape for line in self.ground.roads], colors=_OUTSIDE, linewidths=0.9), autolim=False
        )
        inside = LineCollection(
            [edges[one].shape for one in sorted(self.roads(zone, name))], colors=_INSIDE, linewidths=2.0, zorder=3,
            gid="zone",
        )  # fmt: skip
        axes.add_collection(inside, autolim=False)
        for border in self.borders(zone, name):
            axes.add_patch(
                Polygon(
                    border, closed=True, facecolor=(0, 0.45, 0.7, 0.07), edgecolor=_INSIDE, linestyle="--", zorder=2
                )
            )
        for site in self.ground.destinations.values():
            if box.contains(site.x, site.y):
                axes.plot(site.x, site.y, marker="o", markersize=4, color="white", markeredgecolor=INK, zorder=4)
        words = textwrap.wrap(listed([_title(one) for one in group]), width)
        axes.set_title("\n".join(words), fontsize=9)


def zone_words(permit: Permit) -> str:
    """Write a zone as the document has it; the parts of one add up."""
    zone = permit.zone
    roads = "sidewalks and crossings" if permit.surface == "sidewalk" else "roads"
    if zone.everywhere:
        return f"All {roads} of the network that are open to the class"
    parts = [f"the area {name}" for name in zone.areas]
    parts += [f"a polygon of {len(zone.polygon)} corners"] if zone.polygon else []
    parts += [f"{len(zone.edges)} listed edges"] if zone.edges else []
    return f"{roads.capitalize()} of {listed(parts)}"


def _by_zone(sheets: Sequence[Sheet]) -> list[list[Sheet]]:
    groups: dict[str, list[Sheet]] = {}
    for sheet in sheets:
        if not sheet.permit.zone.everywhere:
            groups.setdefault(sheet.permit.zone.model_dump_json(), []).append(sheet)
    return list(groups.values())


def _title(sheet: Sheet) -> str:
    return f"{sheet.name} ({', '.join(sheet.holders)})" if sheet.holders else sheet.name


def _ground_m2(border: NDArray[np.float64]) -> float:
    """Return what a border encloses, by the shoelace formula."""
    x, y = border.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _handles() -> list[Line2D | Patch]:
    return [
        Line2D([], [], color=_INSIDE, linewidth=2.0, label="edges of the zone"),
        Patch(facecolor=(0, 0.45, 0.7, 0.07), edgecolor=_INSIDE, linestyle="--", label="its border, where it has one"),
        Line2D([], [], color=_OUTSIDE, linewidth=0.9, label="other roads"),
    ]
