"""A map of a built network: roads by status, sites, stops, depot; the complex close up."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import sumolib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox
from shapely.geometry import LineString

from sim.errors import OutputError, SetupError
from sim.network.catalog import Network, SitePlace, load_network

CRS = "EPSG:32652"
STATUS_STYLES: dict[str, tuple[str, tuple[float, tuple[float, ...]] | None]] = {
    "confirmed": ("#2b2b2b", None),
    "likely": ("#0072b2", None),
    "schematic": ("#d55e00", (0, (3, 1.5))),
    "assumed": ("#cc79a7", (0, (1, 1))),
}
"""Colour and dash of each road status; the colours are told apart with any colour vision."""
SITE_COLOUR, STOP_COLOUR, DEPOT_COLOUR = "#7b2d8b", "#009e73", "#e69f00"
CLOSE_UP_LONLAT = (126.6592, 35.1605, 126.6838, 35.1925)
"""West, south, east, north of the complex with its access from NR22."""
OFFSETS_PT = tuple(
    (radius * np.cos(angle), radius * np.sin(angle))
    for radius in (8, 14, 22, 32, 46, 64)
    for angle in np.radians((0, 180, 90, 270, 35, 145, 215, 325))
)
"""Where a label may stand around its mark, nearest first."""


@dataclass(frozen=True, slots=True)
class _Label:
    text: str
    x: float
    y: float
    colour: str
    size: float


def road_frame(name: str) -> geopandas.GeoDataFrame:
    """Return the roads of a built network in UTM 52N.

    Columns: `road`, `name`, `status`, `lanes` per direction, `speed_kmh`, `length_m`, `geometry` of the centre.

    Raises
    ------
    NotFoundError, NetworkError
        There is no such network, or it is not built.
    """
    return _roads(_net(load_network(name)))


def draw_network(name: str, path: Path) -> None:
    """Draw a network's map as PNG.

    Raises
    ------
    NotFoundError, NetworkError
        There is no such network, or it is not built.
    OutputError
        The file cannot be written.
    """
    network = load_network(name)
    net = _net(network)
    roads, shift = _roads(net), net.getLocationOffset()
    figure = Figure(figsize=(20, 9.8))
    canvas = FigureCanvasAgg(figure)
    # fixed places: a layout engine would move the axes again after the labels have been fitted
    whole, close = figure.add_axes((0.008, 0.03, 0.685, 0.93)), figure.add_axes((0.703, 0.03, 0.289, 0.93))
    box = _box(net, CLOSE_UP_LONLAT)
    inside = {key: site for key, site in network.sites.items() if box.contains(*_utm(site, shift))}
    outside = {key: site for key, site in network.sites.items() if key not in inside}
    for axes, sites, scale in ((whole, outside, 1.0), (close, inside, 2.3)):
        _draw_roads(axes, roads, 0.55 * scale)
        _draw_places(axes, network, sites, shift, scale)
    margin = 900.0
    west, south, east, north = roads.total_bounds
    _frame(whole, Bbox([(west - margin, south - margin), (east + margin, north + margin)]))
    _frame(close, box)
    whole.add_patch(Rectangle((box.x0, box.y0), box.width, box.height, fill=False, color="#888", lw=1.2))
    _furnish(whole, f"{name}: roads by status, sites outside the complex, gateways", 2000)
    _furnish(close, "The complex close up (grey box on the left)", 500)
    _legend(whole, roads)
    figure.text(0.995, 0.004, network.attribution, ha="right", va="bottom", fontproperties=_font(9))
    figure.draw_without_rendering()
    _place_labels(whole, canvas, _site_labels(outside, shift, 8.0) + _gateway_labels(network, shift), roads)
    _place_labels(close, canvas, _site_labels(inside, shift, 8.5), roads)
    try:
        figure.savefig(path, dpi=110, format="png", metadata={"Software": None})
    except OSError as error:
        msg = f"{path}: the map cannot be written: {error}"
        raise OutputError(msg) from error


class _Box(Bbox):
    """The extent of a map in metres."""

    def contains(self, x: float, y: float) -> bool:
        return bool(self.x0 <= x <= self.x1 and self.y0 <= y <= self.y1)


def _net(network: Network) -> sumolib.net.Net:
    return sumolib.net.readNet(str(network.net_file))


def _roads(net: sumolib.net.Net) -> geopandas.GeoDataFrame:
    dx, dy = net.getLocationOffset()
    rows = [
        {
            "road": edge.getParam("road"),
            "name": edge.getName(),
            "status": edge.getParam("status"),
            "lanes": edge.getLaneNumber(),
            "speed_kmh": round(edge.getSpeed() * 3.6),
            "length_m": sumolib.geomhelper.polyLength(edge.getRawShape()),
            "geometry": LineString([(x - dx, y - dy) for x, y in edge.getRawShape()]),
        }
        for edge in sorted(net.getEdges(), key=lambda edge: edge.getID())
        if edge.getID().endswith("+")
    ]
    return geopandas.GeoDataFrame(rows, crs=CRS)


def _utm(site: SitePlace, shift: tuple[float, float]) -> tuple[float, float]:
    return site.x - shift[0], site.y - shift[1]


def _box(net: sumolib.net.Net, lonlat: tuple[float, float, float, float]) -> _Box:
    dx, dy = net.getLocationOffset()
    corners = [net.convertLonLat2XY(*lonlat[:2]), net.convertLonLat2XY(*lonlat[2:])]
    return _Box([(x - dx, y - dy) for x, y in corners])


def _font(size: float) -> FontProperties:
    # found, not imported: the package sets matplotlib's global font when it is imported
    spec = importlib.util.find_spec("koreanize_matplotlib")
    if spec is None or spec.origin is None:
        msg = "the package koreanize-matplotlib, which brings the font NanumGothic, is not installed"
        raise SetupError(msg)
    return FontProperties(fname=str(Path(spec.origin).parent / "fonts" / "NanumGothic.ttf"), size=size)


def _draw_roads(axes: Axes, roads: geopandas.GeoDataFrame, scale: float) -> None:
    for status, (colour, dash) in STATUS_STYLES.items():
        chosen = roads[roads["status"] == status]
        if not chosen.empty:
            widths = scale * (0.6 + chosen["lanes"])
            chosen.plot(ax=axes, color=colour, linestyle=dash or "solid", linewidth=widths.to_numpy(), zorder=2)


def _draw_places(
    axes: Axes, network: Network, sites: dict[str, SitePlace], shift: tuple[float, float], scale: float
) -> None:
    dx, dy = shift
    stops = np.array([(stop.x - dx, stop.y - dy) for stop in network.stops.values()])
    axes.scatter(stops[:, 0], stops[:, 1], s=9 * scale, color=STOP_COLOUR, edgecolor="white", linewidth=0.3, zorder=4)
    marks = np.array([_utm(site, shift) for key, site in sites.items() if key != "shuttle_depot"])
    if marks.size:
        axes.scatter(marks[:, 0], marks[:, 1], s=36, marker="D", color=SITE_COLOUR, edgecolor="white", zorder=5)
    if "shuttle_depot" in sites:
        axes.scatter(
            *_utm(sites["shuttle_depot"], shift),
            s=90,
            marker="s",
            color=DEPOT_COLOUR,
            edgecolor="black",
            zorder=6,
        )


def _site_labels(sites: dict[str, SitePlace], shift: tuple[float, float], size: float) -> list[_Label]:
    return [
        _Label(f"{_short(site.name_ko)}\n{_short(site.name_en)}", *_utm(site, shift), SITE_COLOUR, size)
        for site in sites.values()
    ]


def _gateway_labels(network: Network, shift: tuple[float, float]) -> list[_Label]:
    places = [(place, network.junctions[key]) for key, place in network.gateways.items()]
    return [
        _Label(f"↔ {place.name_ko}\n{_short(place.name)}", node.x - shift[0], node.y - shift[1], "#555555", 7.0)
        for place, node in places
    ]


def _short(name: str) -> str:
    """Return a name without what stands in brackets."""
    return name.partition("(")[0].strip()


def _frame(axes: Axes, box: Bbox) -> None:
    axes.set_xlim(box.x0, box.x1)
    axes.set_ylim(box.y0, box.y1)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xlabel("")
    axes.set_ylabel("")


def _furnish(axes: Axes, title: str, bar_m: int) -> None:
    """Add title, scale bar and north arrow."""
    axes.set_title(title, fontproperties=_font(12), loc="left")
    west, east = axes.get_xlim()
    south, north = axes.get_ylim()
    x, y = west + 0.03 * (east - west), south + 0.03 * (north - south)
    axes.add_patch(Rectangle((x, y), bar_m, 0.006 * (north - south), color="black", zorder=8))
    text = f"{bar_m / 1000:g} km" if bar_m >= 1000 else f"{bar_m} m"
    axes.text(x + bar_m / 2, y + 0.012 * (north - south), text, ha="center", va="bottom", fontproperties=_font(9))
    axes.annotate(
        "N",
        xy=(0.965, 0.985),
        xytext=(0.965, 0.925),
        xycoords="axes fraction",
        ha="center",
        va="center",
        fontproperties=_font(12),
        arrowprops={"arrowstyle": "-|>", "color": "black", "lw": 1.5},
    )


def _legend(axes: Axes, roads: geopandas.GeoDataFrame) -> None:
    whole = roads["length_m"].sum()
    handles = [
        Line2D([], [], color=colour, linestyle=dash or "solid", lw=2.2, label=f"{status} road ({share:.0%} of length)")
        for status, (colour, dash) in STATUS_STYLES.items()
        if (share := roads.loc[roads["status"] == status, "length_m"].sum() / whole)
    ]
    marks = (
        (SITE_COLOUR, "D", "site"),
        (STOP_COLOUR, "o", "bus stop kerb"),
        (DEPOT_COLOUR, "s", "shuttle depot"),
    )
    handles += [Line2D([], [], color=c, marker=m, ls="", label=text) for c, m, text in marks]
    handles.append(Line2D([], [], color="#555555", marker="$↔$", ls="", label="gateway of background traffic"))
    handles.append(Line2D([], [], color="#888888", lw=3, label="line width: lanes per direction, 1 to 3"))
    axes.legend(handles=handles, loc="lower right", prop=_font(9), framealpha=0.95)


def _place_labels(axes: Axes, canvas: FigureCanvasAgg, labels: Sequence[_Label], roads: geopandas.GeoDataFrame) -> None:
    """Write labels beside their marks, covering each other, marks, frame and roads as little as may be."""
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    frame = axes.get_window_extent(renderer)
    step_m = 4.0 * (axes.get_xlim()[1] - axes.get_xlim()[0]) / frame.width
    points = [p for line in roads.geometry for p in line.segmentize(step_m).coords]
    inked = axes.transData.transform(np.array(points))
    marks = [axes.transData.transform((label.x, label.y)) for label in labels]
    taken = [Bbox.from_bounds(x - 6, y - 6, 12, 12) for x, y in marks]
    taken += [Text.get_window_extent(text, renderer) for text in axes.texts]
    if legend := axes.get_legend():
        taken.append(legend.get_window_extent(renderer))
    for label in labels:
        note = _annotation(axes, label)
        ranked = []
        for rank, offset in enumerate(OFFSETS_PT):
            _move(note, offset)
            note.update_positions(renderer)
            # of the text alone: an annotation's own extent includes its arrow
            box = Text.get_window_extent(note, renderer).padded(1.5)
            covered = sum(_area(box, other) for other in taken) + 5 * (box.width * box.height - _area(box, frame))
            crossed = np.count_nonzero(((inked > box.min) & (inked < box.max)).all(axis=1))
            ranked.append((covered + 12.0 * crossed + 6.0 * rank, rank, box))
        _, rank, box = min(ranked, key=lambda item: item[:2])
        _move(note, OFFSETS_PT[rank])
        taken.append(box)


def _annotation(axes: Axes, label: _Label) -> Annotation:
    return axes.annotate(
        label.text,
        xy=(label.x, label.y),
        xytext=(0, 0),
        textcoords="offset points",
        fontproperties=_font(label.size),
        color=label.colour,
        linespacing=1.05,
        zorder=9,
        path_effects=[withStroke(linewidth=2.5, foreground="white", alpha=0.85)],
        arrowprops={"arrowstyle": "-", "color": label.colour, "lw": 0.6, "shrinkA": 0, "shrinkB": 2},
    )


def _move(note: Annotation, offset: tuple[float, float]) -> None:
    dx, dy = offset
    note.set_position(offset)
    note.set_horizontalalignment("left" if dx > 1 else "right" if dx < -1 else "center")
    note.set_verticalalignment("bottom" if dy > 1 else "top" if dy < -1 else "center")


def _area(a: Bbox, b: Bbox) -> float:
    overlap = Bbox.intersection(a, b)
    return float(overlap.width * overlap.height) if overlap is not None else 0.0
