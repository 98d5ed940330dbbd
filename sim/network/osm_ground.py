"""Polygons and points of OpenStreetMap in the metres of a built net."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
import sumolib
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Point, Polygon

from sim.network.osm import OsmData, is_place


@dataclass(frozen=True, slots=True)
class Feature:
    """A place of the map: a point, or a polygon with its area; `id` starts with n, w or r as its element."""

    id: str
    tags: Mapping[str, str]
    shape: Point | Polygon | MultiPolygon

    @property
    def point(self) -> tuple[float, float]:
        """A point of the feature, inside its polygon."""
        inside = self.shape.representative_point()
        return float(inside.x), float(inside.y)

    @property
    def area_m2(self) -> float:
        """The area; 0 of a point."""
        return float(self.shape.area)


class Ground:
    """Turns degrees into the net's metres and back, whole arrays at a time."""

    def __init__(self, net: sumolib.net.Net) -> None:
        self._proj = net.getGeoProj()
        self._shift = net.getLocationOffset()
        self.box = shapely.box(*net.getBBoxXY()[0], *net.getBBoxXY()[1])

    def metres(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return points in the net's frame, shape (n, 2)."""
        x, y = self._proj(lon, lat)
        return np.column_stack((np.asarray(x) + self._shift[0], np.asarray(y) + self._shift[1]))

    def degrees(self, x: float, y: float) -> tuple[float, float]:
        """Return longitude and latitude of a point in the net's frame, to a tenth of a metre."""
        lon, lat = self._proj(x - self._shift[0], y - self._shift[1], inverse=True)
        return round(float(lon), 6), round(float(lat), 6)


def find_features(data: OsmData, ground: Ground) -> list[Feature]:
    """Return the places that lie in the extent of the net, polygons cut to it; points first, then ways, relations."""
    found = [*_points(data, ground), *_areas(data, ground), *_multipolygons(data, ground)]
    clipped = ((feature, feature.shape.intersection(ground.box)) for feature in found)
    return [
        Feature(feature.id, feature.tags, shape)
        for feature, shape in clipped
        if isinstance(shape, (Point, Polygon, MultiPolygon)) and not shape.is_empty
    ]


def _points(data: OsmData, ground: Ground) -> Iterator[Feature]:
    spots = ground.metres(np.array([p.lon for p in data.points]), np.array([p.lat for p in data.points]))
    for point, (x, y) in zip(data.points, spots, strict=True):
        yield Feature(f"n{point.id}", point.tags, Point(x, y))


def _areas(data: OsmData, ground: Ground) -> Iterator[Feature]:
    for way in sorted(data.ways.values(), key=lambda way: way.id):
        if not is_place(way.tags):
            continue
        line = _line(data, way.refs, ground)
        if len(line) > 3 and way.refs[0] == way.refs[-1]:
            yield from _feature(f"w{way.id}", way.tags, Polygon(line))
        elif len(line):
            yield Feature(f"w{way.id}", way.tags, Point(line.mean(axis=0)))


def _multipolygons(data: OsmData, ground: Ground) -> Iterator[Feature]:
    for relation in sorted(data.relations, key=lambda relation: relation.id):
        if relation.tags.get("type") != "multipolygon":
            continue
        rims: dict[str, list[NDArray[np.float64]]] = {"outer": [], "inner": []}
        for member in relation.members:
            way = data.ways.get(member.ref) if member.kind == "way" else None
            line = _line(data, way.refs, ground) if way is not None else np.empty((0, 2))
            if len(line) > 1:
                rims["inner" if member.role == "inner" else "outer"].append(line)
        outer, inner = (_rings(rims[role]) for role in ("outer", "inner"))
        yield from _feature(f"r{relation.id}", relation.tags, outer.difference(inner))


def _rings(lines: Sequence[NDArray[np.float64]]) -> Polygon | MultiPolygon:
    """Return the ground that lines enclose together; what does not close encloses nothing."""
    noded = shapely.union_all([shapely.LineString(line) for line in lines])
    return shapely.union_all(list(shapely.polygonize([noded]).geoms))


def _feature(key: str, tags: Mapping[str, str], shape: Polygon | MultiPolygon) -> Iterator[Feature]:
    """Return a polygon as a feature, mended where it crosses itself; nothing where nothing is left of it."""
    whole = shapely.make_valid(shape)
    parts = [part for part in getattr(whole, "geoms", [whole]) if isinstance(part, (Polygon, MultiPolygon))]
    mended = shapely.union_all(parts)
    if isinstance(mended, (Polygon, MultiPolygon)) and not mended.is_empty:
        yield Feature(key, tags, mended)


def _line(data: OsmData, refs: Sequence[int], ground: Ground) -> NDArray[np.float64]:
    """Return the known positions of a way in the net's frame, shape (n, 2)."""
    rows = data.nodes.rows(refs)
    rows = rows[rows >= 0]
    lon, lat = (np.array([values[row] for row in rows]) for values in (data.nodes.lon, data.nodes.lat))
    return ground.metres(lon, lat)
