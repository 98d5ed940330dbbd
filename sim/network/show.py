"""A map of a built network: roads by status, what lies beside them, and the complex close up."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import geopandas
import numpy as np
import shapely
import sumolib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Polygon, Rectangle
from matplotlib.transforms import Bbox
from matplotlib.typing import MarkerType
from numpy.typing import NDArray

from sim.errors import OutputError
from sim.maps import scale_bar
from sim.network.catalog import Network, SitePlace
from sim.network.edges import UNKNOWN
from sim.network.geo import read_net, road_frame
from sim.network.labels import Label, Labels, font

Dash = tuple[float, tuple[float, ...]]
STATUS_STYLES: dict[str, tuple[str, Dash | None]] = {
    "confirmed": ("#2b2b2b", None),
    "likely": ("#0072b2", None),
    "schematic": ("#d55e00", (0, (3, 1.2))),
    "assumed": ("#cc79a7", (0, (1, 1))),
    "planned": ("#009e73", (0, (5, 1.5, 1, 1.5))),
    UNKNOWN: ("#777777", None),
}
"""Colour and dash of each road status; the colours are told apart with any colour vision."""
AREA_COLOURS = {
    "plant_block": "#e6dcef",
    "plant_hall": "#cfc6d8",
    "test_track": "#d5e6d1",
    "housing": "#fbe7c3",
    "station": "#d3e3f1",
    "industrial": "#e6dcef",
    "commercial": "#f3d9dc",
}
OTHER_AREA = "#ececec"
SITE_COLOUR, HOME_COLOUR, STATION_COLOUR, DEPOT_COLOUR = "#7b2d8b", "#8a5a00", "#005b96", "#e69f00"
STOP_COLOUR, PARK_COLOUR, DOCK_COLOUR, CHARGER_COLOUR = "#009e73", "#1f6fd1", "#8c4a1f", "#f0e442"
MOTOR_CORE, GATEWAY_COLOUR = "#ffffff", "#555555"
HOME_KINDS, STATION_KINDS = frozenset({"housing", "town", "new_town", "residential"}), frozenset({"station"})
CLOSE_UP_LONLAT = (126.6552, 35.1605, 126.6838, 35.1925)
"""West, south, east, north of the complex with its access from NR22."""
SITES_OF_COMPLEX = 3
"""A network with fewer sites there shows another place."""
NAMES_AT_MOST = 70
"""Sites with names on a map; of a city's hundreds the largest employers and stations come first."""
DPI = 130
SHEET_IN2, LEGEND_IN = 260.0, 2.9
"""Area of all maps of a sheet, and the room beside a single map for its legend; inches."""
UNNAMED = re.compile(r"[wnr]?-?\d{4,}$")
"""Sites whose name ends in their number in OpenStreetMap have none there."""
DENSE_ROADS = 800
"""From this many roads on, lines are drawn finer."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A network with its roads in the frame of its places."""

    network: Network
    roads: geopandas.GeoDataFrame
    complex_box: Bbox | None


def draw_network(network: Network, path: Path) -> list[str]:
    """Draw a network's map as PNG and return the names there was no room for.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    ground = _ground(network)
    boxes = [(_whole(ground.roads), "roads by status")]
    if ground.complex_box is not None:
        boxes = [(boxes[0][0], "roads by status, places outside the complex, gateways"),
                 (ground.complex_box, "the complex (grey frame on the left)")]  # fmt: skip
    figure, places = _sheet([box for box, _ in boxes])
    canvas = FigureCanvasAgg(figure)
    missing = []
    for number, (axes, (box, title)) in enumerate(zip(places, boxes, strict=True)):
        missing += _panel(axes, canvas, ground, box, f"{network.name}: {title}", inset=number == 1)
    figure.text(0.994, 0.006, network.attribution, ha="right", va="bottom", fontproperties=font(10))
    save(figure, path)
    return missing


def _sheet(boxes: Sequence[Bbox]) -> tuple[Figure, list[Axes]]:
    """Return a figure with maps of one height side by side, in their proportions, at fixed places.

    A layout engine would move the maps again after the names have been fitted.
    """
    aspects = [box.width / box.height for box in boxes]
    map_in = math.sqrt(SHEET_IN2 / sum(aspects))
    gap_in, foot_in, head_in = 0.15, 0.35, 0.45
    side_in = LEGEND_IN if len(boxes) == 1 else 0.0
    width = map_in * sum(aspects) + gap_in * (len(boxes) + 1) + side_in
    height = map_in + foot_in + head_in
    figure = Figure(figsize=(width, height), dpi=DPI)
    places, left = [], gap_in
    for aspect in aspects:
        places.append(figure.add_axes((left / width, foot_in / height, map_in * aspect / width, map_in / height)))
        left += map_in * aspect + gap_in
    return figure, places


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG; the file appears when it is whole."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(part, dpi="figure", format="png", metadata={"Software": None})
        part.replace(path)
    except OSError as error:
        msg = f"{path}: the map cannot be written: {error.strerror}"  # not the name of the part
        raise OutputError(msg) from error
    finally:
        part.unlink(missing_ok=True)


def furnish(axes: Axes, title: str) -> None:
    """Add title, scale bar and north arrow to a map whose limits are set."""
    axes.set_title(title, fontproperties=font(13), loc="left")
    west, east = axes.get_xlim()
    south, north = axes.get_ylim()
    bar_m, text = scale_bar((east - west) / 7)
    x, y = west + 0.025 * (east - west), south + 0.025 * (north - south)
    thick = 0.004 * (north - south)
    for part, colour in enumerate(("black", "white")):
        axes.add_patch(
            Rectangle(
                (x + part * bar_m / 2, y), bar_m / 2, thick, facecolor=colour, edgecolor="black", lw=0.8, zorder=8
            )
        )
    axes.text(x + bar_m / 2, y + 1.8 * thick, text, ha="center", va="bottom", fontproperties=font(10), zorder=8)
    axes.annotate(
        "N", xy=(0.03, 0.985), xytext=(0.03, 0.93), xycoords="axes fraction", ha="center", va="center",
        fontproperties=font(13), zorder=8, arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 1.6},
    )  # fmt: skip


def frame(axes: Axes, box: Bbox) -> None:
    """Set the limits of a map and take its ticks away."""
    axes.set(xlim=(box.x0, box.x1), ylim=(box.y0, box.y1), xticks=[], yticks=[], aspect="equal")
    for spine in axes.spines.values():
        spine.set(color="#9aa0a6")


def _ground(network: Network) -> Ground:
    net = read_net(network)
    roads = road_frame(net)
    dx, dy = net.getLocationOffset()
    # drawn in the frame of places.json, where places need no moving
    roads = roads.set_geometry(roads.geometry.translate(dx, dy).set_crs(None, allow_override=True))
    return Ground(network, roads, complex_box(network, net))


def complex_box(network: Network, net: sumolib.net.Net) -> Bbox | None:
    """Return the complex in the net's frame; None for a network that lies elsewhere."""
    if not net.hasGeoProj():
        return None
    west, south, east, north = CLOSE_UP_LONLAT
    box = Bbox([net.convertLonLat2XY(west, south), net.convertLonLat2XY(east, north)])
    inside = sum(bool(box.contains(site.x, site.y)) for site in network.sites.values())
    return box if inside >= SITES_OF_COMPLEX else None


def _whole(roads: geopandas.GeoDataFrame) -> Bbox:
    west, south, east, north = roads.total_bounds
    margin = 0.03 * max(east - west, north - south)
    return Bbox([(west - margin, south - margin), (east + margin, north + margin)])


def _panel(axes: Axes, canvas: FigureCanvasAgg, ground: Ground, box: Bbox, title: str, *, inset: bool) -> list[str]:
    """Draw one map and return the names there was no room for."""
    network, roads = ground.network, ground.roads
    frame(axes, box)
    furnish(axes, title)
    scale = 2.1 if inset else 0.85 if len(roads) < DENSE_ROADS else 0.4
    draw_areas(axes, network)
    _draw_roads(axes, roads, scale)
    hidden = None if inset else ground.complex_box
    sites = {key: site for key, site in network.sites.items() if _shown(site.x, site.y, box, hidden)}
    marks = _draw_places(axes, network, sites, hidden, fine=inset)
    if hidden is not None:
        axes.add_patch(Rectangle(hidden.p0, hidden.width, hidden.height, fill=False, color="#888", lw=1.4))
    _legend(axes, ground, marks, inset=inset)
    canvas.figure.draw_without_rendering()
    step_m = 3.0 * box.width / axes.get_window_extent().width
    drawn = shapely.get_coordinates(shapely.segmentize(roads.geometry.to_numpy(), step_m))
    labels = Labels(axes, canvas, np.concatenate([drawn, *(_disc(s.x, s.y, 2.5 * step_m) for s in sites.values())]))
    labels.beside(_site_labels(sites, 9.5 if inset else 8.5))
    if not inset:
        labels.beside(_gateway_labels(network))
    _name_roads(labels, roads, box, main_only=not inset)
    if inset:
        labels.beside(_area_labels(network, sites, box))
    return labels.left_out


def _disc(x: float, y: float, radius: float) -> NDArray[np.float64]:
    """Return points that fill a mark; shape (points, 2)."""
    steps = np.linspace(-radius, radius, 9)
    return np.array([(x + dx, y + dy) for dx in steps for dy in steps])


def _shown(x: float, y: float, box: Bbox, hidden: Bbox | None) -> bool:
    return bool(box.contains(x, y)) and not (hidden is not None and bool(hidden.contains(x, y)))


def draw_areas(axes: Axes, network: Network) -> None:
    """Draw the pieces of ground, larger ones first."""
    areas = sorted(network.areas.values(), key=lambda area: -shapely.Polygon(area.shape).area)
    for area in areas:
        colour = AREA_COLOURS.get(area.kind, OTHER_AREA)
        axes.add_patch(Polygon(area.shape, facecolor=colour, edgecolor="#9a8fa5", lw=0.7, zorder=1))


def _draw_roads(axes: Axes, roads: geopandas.GeoDataFrame, scale: float) -> None:
    """Draw level by level: each over the casing of those below it, bridges with dark parapets."""
    for layer in sorted(roads["layer"].unique()):
        level = roads[roads["layer"] == layer]
        order = 2 + 0.1 * max(int(layer), 0)
        if layer > 0:
            _lines(axes, level, "#000000", scale, extra=2.2, zorder=order)
            _lines(axes, level, "#ffffff", scale, extra=1.2, zorder=order + 0.01)
        for status, (colour, dash) in STATUS_STYLES.items():
            _lines(axes, level[level["status"] == status], colour, scale, dash=dash, zorder=order + 0.02)
        motor = level[level["motor_road"] & (level["lanes"] > 1)]
        _lines(axes, motor, MOTOR_CORE, 0.28 * scale, zorder=order + 0.03)


def _lines(
    axes: Axes, roads: geopandas.GeoDataFrame, colour: str, scale: float, *, dash: Dash | None = None,
    extra: float = 0.0, zorder: float,
) -> None:  # fmt: skip
    if roads.empty:
        return
    widths = scale * (0.5 + 1.1 * roads["lanes"].to_numpy(dtype=float)) + extra
    segments = [shapely.get_coordinates(line) for line in roads.geometry]
    style = dash or "solid"
    axes.add_collection(LineCollection(segments, colors=colour, linewidths=widths, linestyles=[style], zorder=zorder))


def _draw_places(
    axes: Axes, network: Network, sites: Mapping[str, SitePlace], hidden: Bbox | None, *, fine: bool
) -> list[Line2D]:
    """Mark everything beside the roads and return the legend of what there is."""
    box = Bbox([(axes.get_xlim()[0], axes.get_ylim()[0]), (axes.get_xlim()[1], axes.get_ylim()[1])])
    handles: list[Line2D] = []

    def mark(points: Iterable[tuple[float, float]], marker: MarkerType, colour: str, size: float, text: str) -> None:
        shown = [point for point in points if _shown(*point, box, hidden)]
        if shown:
            x, y = zip(*shown, strict=True)
            axes.scatter(x, y, s=size**2, marker=marker, color=colour, edgecolor="#222222", linewidth=0.5, zorder=5)
            handles.append(Line2D([], [], ls="", ms=7, marker=marker, color=colour, mec="#222222", label=text))

    mark(((s.x, s.y) for s in network.stops.values()), "o", STOP_COLOUR, 5 if fine else 3, "bus stop kerb")
    mark(((p.x, p.y) for p in network.car_parks.values()), "s", PARK_COLOUR, 6 if fine else 4, "car park")
    mark(
        ((d.x, d.y) for d in network.docks.values()),
        "^",
        DOCK_COLOUR,
        7 if fine else 4,
        "docks, truck staging and depot, compound",
    )
    mark(((c.x, c.y) for c in network.chargers.values()), "P", CHARGER_COLOUR, 7 if fine else 5, "charger")
    for colour, text in (
        (SITE_COLOUR, "works, institution"),
        (HOME_COLOUR, "housing, town"),
        (STATION_COLOUR, "station"),
        (DEPOT_COLOUR, "depot"),
    ):
        mark(((s.x, s.y) for s in sites.values() if site_colour(s) == colour), "D", colour, 7, text)
    return handles


def site_colour(site: SitePlace) -> str:
    """Return the colour of a site's mark and name."""
    if site.kind in HOME_KINDS:
        return HOME_COLOUR
    if site.kind in STATION_KINDS:
        return STATION_COLOUR
    return DEPOT_COLOUR if site.kind == "depot" else SITE_COLOUR


def _site_labels(sites: Mapping[str, SitePlace], size: float) -> list[Label]:
    named = [site for site in sites.values() if not UNNAMED.search(site.name_en)]
    ranked = sorted(named, key=lambda site: (-(site.staff or 0), site.kind, site.name_ko))
    return [
        Label(_two_names(site.name_ko, site.name_en), site.x, site.y, text_colour(site), size)
        for site in ranked[:NAMES_AT_MOST]
    ]


def text_colour(site: SitePlace) -> str:
    """Return the colour of a site's name: that of its mark, dark enough to be read."""
    return "#8a5f00" if site.kind == "depot" else site_colour(site)


def _gateway_labels(network: Network) -> list[Label]:
    places = [(place, network.junctions[key]) for key, place in sorted(network.gateways.items())]
    return [
        Label(f"↔ {_two_names(place.name_ko, place.name)}", node.x, node.y, GATEWAY_COLOUR, 8.0)
        for place, node in places
    ]


def _area_labels(network: Network, sites: Mapping[str, SitePlace], box: Bbox) -> list[Label]:
    """Return the names of areas that no site's name stands for."""
    found = []
    for area in network.areas.values():
        point = shapely.Polygon(area.shape).representative_point()
        if area.site not in sites and box.contains(point.x, point.y):
            found.append(Label(_two_names(area.name_ko, area.name_en), point.x, point.y, "#6b5b73", 8.0))
    return found


def _two_names(korean: str, english: str) -> str:
    """Return a place's names without what stands in brackets; one of them when they are the same."""
    first, second = (name.partition("(")[0].strip() for name in (korean, english))
    return f"{first}\n{second}" if second and second != first else first


def _name_roads(labels: Labels, roads: geopandas.GeoDataFrame, box: Bbox, *, main_only: bool) -> None:
    """Write each road's name once, on its longest piece."""
    named = roads[(roads["name"] != "") & ~roads["name"].str.startswith(tuple("0123456789-"))]
    if main_only:
        named = named[(named["lanes"] >= 2) | named["motor_road"] | (named["speed_kmh"] >= 70)]
    extent = shapely.box(*box.extents)
    lines: dict[str, shapely.LineString] = {}
    for name, group in named.groupby("name"):
        merged = shapely.line_merge(shapely.union_all(group.geometry.to_numpy())).intersection(extent)
        parts = [part for part in shapely.get_parts(merged) if part.geom_type == "LineString"]
        if parts:
            lines[str(name)] = max(parts, key=lambda part: part.length)
    for name, line in sorted(lines.items(), key=lambda item: (-item[1].length, item[0])):
        labels.along(name, line, colour="#3c4043", size=8.0)


def _legend(axes: Axes, ground: Ground, marks: list[Line2D], *, inset: bool) -> None:
    entries: list[tuple[Artist | tuple[Artist, ...], str]] = [(mark, str(mark.get_label())) for mark in marks]
    if not inset:
        entries = [*_road_entries(ground.roads), *entries]
        if ground.network.gateways:
            arrow = Line2D([], [], color=GATEWAY_COLOUR, marker="$↔$", ls="", ms=9)
            entries.append((arrow, "gateway of traffic"))
    if inset or ground.complex_box is None:
        kinds = sorted({area.kind for area in ground.network.areas.values()})
        entries += [
            (Patch(facecolor=AREA_COLOURS.get(k, OTHER_AREA), ec="#9a8fa5"), k.replace("_", " ")) for k in kinds
        ]
    if entries:
        handles, texts = zip(*entries, strict=True)
        if ground.complex_box is None:
            axes.legend(handles, texts, loc="upper left", bbox_to_anchor=(1.005, 1.0), prop=font(10), frameon=False)
        else:
            corner: Literal["upper right", "lower right"] = "upper right" if inset else "lower right"
            axes.legend(handles, texts, loc=corner, prop=font(10), framealpha=0.95).set_zorder(10)


def _road_entries(roads: geopandas.GeoDataFrame) -> list[tuple[Artist | tuple[Artist, ...], str]]:
    whole = roads["length_m"].sum()
    entries: list[tuple[Artist | tuple[Artist, ...], str]] = []
    for status, (colour, dash) in STATUS_STYLES.items():
        if share := roads.loc[roads["status"] == status, "length_m"].sum() / whole:
            line = Line2D([], [], color=colour, linestyle=dash or "solid", lw=2.6)
            entries.append((line, f"{status} road ({share:.{0 if share >= 0.01 else 1}%} of length)"))
    if roads["motor_road"].any():
        entries.append((_cored("#2b2b2b", 4.0, MOTOR_CORE, 1.0), "motor road"))
    if (roads["layer"] > 0).any():
        entries.append((_cored("#000000", 5.0, "#ffffff", 3.4), "bridge"))
    entries.append((Line2D([], [], ls=""), "line width: lanes of a direction"))
    return entries


def _cored(colour: str, width: float, core: str, core_width: float) -> tuple[Artist, ...]:
    return Line2D([], [], color=colour, lw=width), Line2D([], [], color=core, lw=core_width)
