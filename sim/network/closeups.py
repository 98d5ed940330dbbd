"""Pictures of junctions lane by lane: carriageways, bridges, turn arrows, stop lines, kerbs and what lies beside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
import shapely.ops
import sumolib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.transforms import Bbox

from sim.errors import NotFoundError, OutputError
from sim.network.catalog import KerbPlace, Network
from sim.network.edges import (
    UNKNOWN,
    Edge,
    Lane,
    edge_line,
    edges_by_id,
    kerb_point,
    lane_line,
    layer_of,
    status_of,
    takes_cars,
)
from sim.network.geo import read_net
from sim.network.labels import Label, Labels, font
from sim.network.show import (
    CHARGER_COLOUR,
    DOCK_COLOUR,
    PARK_COLOUR,
    STOP_COLOUR,
    complex_box,
    draw_areas,
    frame,
    furnish,
    save,
    site_colour,
    text_colour,
)

LANE_COLOURS = {
    "confirmed": "#6d7278",
    "likely": "#6f8aa3",
    "schematic": "#b0835f",
    "assumed": "#a58a9e",
    "planned": "#7fa392",
    UNKNOWN: "#808080",
}
WALK_COLOUR, CYCLE_COLOUR, GRASS = "#d9c9b0", "#b5655b", "#eef1ea"
ARROW_BEND = {"s": 0.0, "l": 1.0, "L": 0.5, "r": -1.0, "R": -0.5, "t": 2.2}
"""Turn of an arrow's head, radians counter-clockwise, by SUMO's direction of a connection."""
ARROW_LANE_M = 25.0
"""Shorter lanes carry no arrows."""


@dataclass(frozen=True, slots=True)
class View:
    """A close-up: file name, title and extent."""

    name: str
    title: str
    box: Bbox


INTERCHANGES = (
    ("jipyeong-ic", "R4", "Jipyeong IC (지평IC): NR22, Eodeung-daero, road 49"),
    ("unsu-ic", "R10", "Unsu IC (운수IC): Mujin-daero, W end"),
    ("naju-ic", "R29", "Naju IC (나주IC): access road, expressway 12"),
    ("samgeo", "R1", "Samgeo junction (삼거교차로): NR22, access to the complex"),
)
"""File name, junction and title."""
SITES = (
    ("plant-gate", "ggm", "Gate of GGM (광주글로벌모터스)"),
    ("songjeong", "songjeong_station", "Songjeong station (광주송정역)"),
)
"""File name, site and title."""
AROUND_M = 260.0
RAMPS_WITHIN_M = 1200.0
"""Bridges and ramps this near to a junction belong to its interchange."""


def _views(network: Network, net: sumolib.net.Net) -> list[View]:
    """Return the close-ups that a network has something to show for."""
    found = []
    for name, key, title in INTERCHANGES:
        if key in network.junctions:
            node = network.junctions[key]
            found.append(View(name, title, _interchange(net, node.x, node.y)))
    for name, key, title in SITES:
        if key in network.sites:
            site = network.sites[key]
            found.append(View(name, title, _square(*kerb_point(net.getEdge(site.edge), site.pos_m), AROUND_M)))
    box = complex_box(network, net)
    return found if box is None else [*found, View("complex", "The complex, lane by lane", box)]


def _interchange(net: sumolib.net.Net, x: float, y: float) -> Bbox:
    """Return the square around the bridges and ramps of an interchange, or around a level junction."""
    near = shapely.Point(x, y).buffer(RAMPS_WITHIN_M)
    lines = [
        line
        for edge in net.getEdges(withInternal=False)
        if (layer_of(edge) > 0 or _is_ramp(edge)) and near.contains((line := edge_line(edge)).centroid)
    ]
    west, south, east, north = shapely.union_all(lines).bounds if lines else (x, y, x, y)
    half_m = max(east - west, north - south) / 2 + (AROUND_M / 4 if lines else AROUND_M)
    return _square((west + east) / 2, (south + north) / 2, half_m)


def _is_ramp(edge: Edge) -> bool:
    """Whether an edge is a lane of its own between roads: one way, closed to people on foot."""
    back = any(other.getToNode() is edge.getFromNode() for other in edge.getToNode().getOutgoing())
    return edge.getLaneNumber() == 1 and not back and not edge.allows("pedestrian")


def draw_close_ups(network: Network, folder: Path) -> list[Path]:
    """Draw every close-up of a network as PNG into a folder, made if missing, and return the files.

    Raises
    ------
    NotFoundError
        The network has none of the places that close-ups are drawn of.
    OutputError
        A file cannot be written.
    """
    net = read_net(network)
    chosen = _views(network, net)
    if not chosen:
        msg = (
            f"network {network.name!r} has none of the places that close-ups are drawn of: the interchanges, the plant "
            "gate and the station of Bitgreen; allowed here: --out for the map, --gpkg for the roads in any GIS"
        )
        raise NotFoundError(msg)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder}: cannot be made: {error}"
        raise OutputError(msg) from error
    return [_draw(network, net, view, folder / f"{view.name}.png") for view in chosen]


def _square(x: float, y: float, half_m: float) -> Bbox:
    return Bbox([(x - half_m, y - half_m), (x + half_m, y + half_m)])


def _draw(network: Network, net: sumolib.net.Net, view: View, path: Path) -> Path:
    box = view.box
    width = 12.0 if box.width > 0.9 * box.height else 16.0 * box.width / box.height
    figure = Figure(figsize=(width, width * box.height / box.width + 0.7), dpi=130)
    height = figure.get_figheight()
    axes = figure.add_axes((0.01, 0.3 / height, 0.98, 1 - 0.7 / height))
    canvas = FigureCanvasAgg(figure)
    frame(axes, box)
    axes.set_facecolor(GRASS)
    furnish(axes, f"{network.name}: {view.title}")
    draw_areas(axes, network)
    seen = shapely.box(*box.extents).buffer(50.0)
    edges = [edge for edge in edges_by_id(net) if edge_line(edge).intersects(seen)]
    fine = box.width < 1500.0
    for layer in sorted({layer_of(edge) for edge in edges}):
        level = [edge for edge in edges if layer_of(edge) == layer]
        _draw_level(axes, net, level, layer=layer, fine=fine)
    _draw_beside(axes, network, net)
    _legend(axes, network, edges)
    figure.text(0.99, 0.006, network.attribution, ha="right", va="bottom", fontproperties=font(9))
    figure.draw_without_rendering()
    _name(axes, canvas, network, edges, box, fine=fine)
    save(figure, path)
    return path


def _draw_level(axes: Axes, net: sumolib.net.Net, edges: Sequence[Edge], *, layer: int, fine: bool) -> None:
    """Draw the junctions, lanes and markings of one level over those below."""
    order = 2.0 + max(layer, 0)
    ends = {node.getID() for edge in edges for node in (edge.getFromNode(), edge.getToNode())}
    lanes = [lane for edge in edges for lane in edge.getLanes()]
    strips = [_strip(lane, 0.0) for lane in lanes]
    colours = [_lane_colour(lane) for lane in lanes]
    if layer > 0:
        casing = [_strip(lane, 1.2) for lane in lanes]
        axes.add_collection(PolyCollection(casing, facecolors="#1a1a1a", edgecolors="none", zorder=order))
    junctions = [
        np.array(node.getShape())[:, :2] for key in sorted(ends) if len((node := net.getNode(key)).getShape()) > 2
    ]
    axes.add_collection(PolyCollection(junctions, facecolors="#83888d", edgecolors="none", zorder=order + 0.1))
    lines = 0.5 if fine else 0.15
    axes.add_collection(
        PolyCollection(strips, facecolors=colours, edgecolors="white", linewidths=lines, zorder=order + 0.2)
    )
    if fine:
        _draw_markings(axes, lanes, order + 0.3)


def _strip(lane: Lane, extra_m: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the outline of a lane; shape (points, 2)."""
    polygon = lane_line(lane).buffer(lane.getWidth() / 2 + extra_m, cap_style="flat", join_style="mitre")
    largest = max(shapely.get_parts(polygon), key=lambda part: part.area)
    return np.array(largest.exterior.coords)


def _lane_colour(lane: Lane) -> str:
    if not takes_cars(lane):
        return WALK_COLOUR if lane.allows("pedestrian") else CYCLE_COLOUR
    return LANE_COLOURS.get(status_of(lane.getEdge()), LANE_COLOURS[UNKNOWN])


def _draw_markings(axes: Axes, lanes: Sequence[Lane], order: float) -> None:
    """Draw turn arrows, and stop lines: red at signals."""
    shafts, heads, stops, priorities = [], [], [], []
    for lane in lanes:
        links = lane.getOutgoing()
        shape = [point[:2] for point in lane.getShape()]
        if not links or not takes_cars(lane):
            continue
        (x0, y0), (x1, y1) = shape[-2], shape[-1]
        heading = math.atan2(y1 - y0, x1 - x0)
        across = np.array([-math.sin(heading), math.cos(heading)]) * lane.getWidth() / 2
        bar = [np.array(shape[-1]) - across, np.array(shape[-1]) + across]
        if any(link.getTLSID() for link in links):
            stops.append(bar)
        elif any(link.getState() in "ms" for link in links):
            priorities.append(bar)
        if lane.getLength() >= ARROW_LANE_M:
            for direction in sorted({link.getDirection() for link in links} & set(ARROW_BEND)):
                shaft, head = _arrow(shape, heading, ARROW_BEND[direction])
                shafts.append(shaft)
                heads.append(head)
    axes.add_collection(LineCollection(shafts, colors="white", linewidths=0.7, zorder=order))
    axes.add_collection(PolyCollection(heads, facecolors="white", edgecolors="none", zorder=order))
    axes.add_collection(LineCollection(stops, colors="#e02020", linewidths=1.8, zorder=order))
    axes.add_collection(LineCollection(priorities, colors="#ffd23f", linewidths=1.4, zorder=order))


def _arrow(
    shape: Sequence[tuple[float, float]], heading: float, bend: float
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return shaft and head of an arrow before the end of a lane."""
    line = shapely.LineString(shape)
    foot, knee = (line.interpolate(line.length - back) for back in (12.0, 7.0))
    out = heading + bend
    tip_m = 2.2 if bend else 3.0
    tip = knee.x + tip_m * math.cos(out), knee.y + tip_m * math.sin(out)
    head = [
        (tip[0] + reach * math.cos(out + turn), tip[1] + reach * math.sin(out + turn))
        for reach, turn in ((1.8, 0.0), (0.8, math.pi / 2), (0.8, -math.pi / 2))
    ]
    return [(foot.x, foot.y), (knee.x, knee.y), tip], head


def _beside(network: Network) -> tuple[tuple[Mapping[str, KerbPlace], str, str], ...]:
    """Return what lies beside the lanes, with colour and word."""
    return (
        (network.stops, STOP_COLOUR, "bus stop"),
        (network.car_parks, PARK_COLOUR, "car park"),
        (network.docks, DOCK_COLOUR, "dock, staging, depot, compound"),
        (network.chargers, CHARGER_COLOUR, "charger"),
    )


def _draw_beside(axes: Axes, network: Network, net: sumolib.net.Net) -> None:
    """Draw stops, car parks, docks and chargers as stretches of kerb."""
    for places, colour, _ in _beside(network):
        stretches = []
        for place in places.values():
            lane = net.getLane(place.lane)
            line = lane_line(lane)
            scale = line.length / lane.getLength()
            part = shapely.ops.substring(line, place.start_m * scale, place.end_m * scale)
            beside = part.offset_curve(-(lane.getWidth() / 2 + 1.0))
            if beside.geom_type == "LineString" and not beside.is_empty:
                stretches.append(np.array(beside.coords))
        axes.add_collection(LineCollection(stretches, colors=colour, linewidths=4.0, zorder=7))
    for site in network.sites.values():
        axes.plot(site.x, site.y, ls="", marker="D", ms=8, color=site_colour(site), mec="white", zorder=8, clip_on=True)


def _legend(axes: Axes, network: Network, edges: Sequence[Edge]) -> None:
    statuses = {status_of(edge) for edge in edges}
    lanes = [lane for edge in edges for lane in edge.getLanes()]
    entries = [(colour, f"{status} road") for status, colour in LANE_COLOURS.items() if status in statuses]
    if any(_lane_colour(lane) == WALK_COLOUR for lane in lanes):
        entries.append((WALK_COLOUR, "sidewalk"))
    if any(layer_of(edge) > 0 for edge in edges):
        entries.append(("#1a1a1a", "parapet of a bridge"))
    entries += [("#e02020", "stop line at a signal"), ("#ffd23f", "give way")]
    entries += [(colour, text) for places, colour, text in _beside(network) if places]
    handles = [Patch(facecolor=colour, edgecolor="#555555", label=text) for colour, text in entries]
    axes.legend(handles=handles, loc="lower right", prop=font(9), framealpha=0.95).set_zorder(10)


def _name(
    axes: Axes, canvas: FigureCanvasAgg, network: Network, edges: Sequence[Edge], box: Bbox, *, fine: bool
) -> None:
    """Name sites, stops and roads where there is room."""
    extent = shapely.box(*box.extents)
    lines = [edge_line(edge).intersection(extent) for edge in edges]
    step_m = 3.0 * box.width / axes.get_window_extent().width
    labels = Labels(axes, canvas, shapely.get_coordinates(shapely.segmentize(np.array(lines), step_m)))
    sites = [site for site in network.sites.values() if box.contains(site.x, site.y)]
    labels.beside(Label(f"{site.name_ko}\n{site.name_en}", site.x, site.y, text_colour(site), 9.5) for site in sites)
    if fine:
        stops = {stop.place: stop for stop in network.stops.values() if box.contains(stop.x, stop.y)}
        labels.beside(Label(stop.name, stop.x, stop.y, "#00664a", 8.5) for _, stop in sorted(stops.items()))
    longest: dict[str, shapely.LineString] = {}
    for edge, line in zip(edges, lines, strict=True):
        name = edge.getName()
        for part in shapely.get_parts(line):
            if name and part.geom_type == "LineString" and part.length > longest.get(name, shapely.LineString()).length:
                longest[name] = part
    for name, line in sorted(longest.items(), key=lambda item: (-item[1].length, item[0])):
        labels.along(name, line, colour="#222222", size=9.0)
