"""OpenStreetMap XML, read once and as a stream: what roads and places need of it, and when it was current."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import re
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn, cast
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from sim.errors import NetworkError, NotFoundError

Progress = Callable[[str, float], None]
"""Told the step and the share of it that is done, 0 to 1."""

CHUNK = 1 << 20
PLACE_TAGS: Mapping[str, frozenset[str]] = {
    "amenity": frozenset({"parking", "charging_station", "bus_station"}),
    "highway": frozenset({"bus_stop", "traffic_signals"}),
    "landuse": frozenset({"industrial", "commercial", "residential"}),
    "man_made": frozenset({"works"}),
    "public_transport": frozenset({"platform"}),
    "railway": frozenset({"station", "halt"}),
}
"""Keys and values that make something a place."""
WAY_KEYS = frozenset({"highway", "railway", "waterway", "route"})
"""Keys that keep a way beside those of places; all but `highway` only to be counted."""
PACKED: Mapping[bytes, str] = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}
ENDINGS = ".osm, .osm.gz, .osm.bz2 or .osm.xz"
LARGEST_ID = 2**63 - 1


class Box(NamedTuple):
    """Degrees."""

    west: float
    south: float
    east: float
    north: float

    def holds(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which points lie inside or on the rim."""
        return (lon >= self.west) & (lon <= self.east) & (lat >= self.south) & (lat <= self.north)

    def __str__(self) -> str:
        return ",".join(f"{degrees:g}" for degrees in self)


@dataclass(frozen=True, slots=True)
class Way:
    """A way as it stands in the file; `refs` are ids of nodes, which the file need not hold."""

    id: int
    refs: Sequence[int]
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Point:
    """A node that is a place."""

    id: int
    lon: float
    lat: float
    tags: Mapping[str, str]


class Member(NamedTuple):
    """A member of a relation."""

    kind: str
    ref: int
    role: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A multipolygon that is a place, or a turn restriction."""

    id: int
    members: tuple[Member, ...]
    tags: Mapping[str, str]


@dataclass(slots=True)
class Nodes:
    """Positions of all nodes; ids are kept in 8 bytes each and looked up by bisection."""

    ids: array[int] = field(default_factory=lambda: array("q"))
    lon: array[float] = field(default_factory=lambda: array("d"))
    lat: array[float] = field(default_factory=lambda: array("d"))
    without_position: int = 0
    """Nodes that the file holds without longitude or latitude; they are not among these."""
    _sorted: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    def add(self, node_id: int, lon: float, lat: float) -> None:
        """Keep a position; of several under one id the first counts."""
        self.ids.append(node_id)
        self.lon.append(lon)
        self.lat.append(lat)

    def rows(self, refs: Sequence[int]) -> NDArray[np.int64]:
        """Return where in the arrays the nodes stand, -1 for those that the file lacks."""
        ids, order = self._index()
        wanted = np.asarray(refs, dtype=np.int64)
        if not len(ids):
            return np.full(len(wanted), -1, dtype=np.int64)
        found = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
        return np.where(ids[found] == wanted, order[found], -1)

    def _index(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the ids in order, and where each stands in the arrays."""
        if self._sorted is None:
            ids = np.array(self.ids, dtype=np.int64)
            order = np.argsort(ids, kind="stable")
            self._sorted = ids[order], order
        return self._sorted

    def contradictions(self) -> int:
        """Return how often an id comes again at another position."""
        ids, order = self._index()
        lon, lat = (np.array(values, dtype=np.float64)[order] for values in (self.lon, self.lat))
        again = ids[1:] == ids[:-1]
        return int((again & ((np.diff(lon) != 0) | (np.diff(lat) != 0))).sum())


@dataclass(slots=True)
class OsmData:
    """What a file holds that matters here."""

    nodes: Nodes = field(default_factory=Nodes)
    points: list[Point] = field(default_factory=list)
    ways: dict[int, Way] = field(default_factory=dict)
    relations: list[Relation] = field(default_factory=list)
    bounds: Box | None = None
    timestamp: str = ""
    """When the data was current: as the file says, else the latest change in it, else empty."""
    driving_sides: Counter[str] = field(default_factory=Counter)
    elements: Counter[str] = field(default_factory=Counter)


def parse_bbox(text: str) -> Box:
    """Return the box of `west,south,east,north` in degrees.

    Raises
    ------
    NetworkError
        There are not four numbers, one is out of range, or west and east or south and north are swapped.
    """
    parts = re.split(r"\s*,\s*|\s+", text.strip())
    allowed = "west,south,east,north in degrees, for example 126.62,35.12,126.72,35.20"
    try:
        box = Box(*(float(part) for part in parts))
    except (ValueError, TypeError) as error:
        msg = f"--bbox: found {text!r}; allowed: {allowed}"
        raise NetworkError(msg) from error
    if not all(map(math.isfinite, box)) or max(map(abs, box)) > 180 or max(abs(box.south), abs(box.north)) > 90:
        msg = f"--bbox: found {text!r}, a degree out of range; allowed: {allowed}"
        raise NetworkError(msg)
    if box.west >= box.east or box.south >= box.north:
        msg = f"--bbox: found {text!r}; west must be less than east and south less than north: {allowed}"
        raise NetworkError(msg)
    return box


def read_osm(file: Path, *, progress: Progress = lambda _step, _share: None) -> OsmData:
    """Read an OpenStreetMap XML file, plain or packed with gzip, bzip2 or xz.

    Raises
    ------
    NotFoundError
        There is no such file.
    NetworkError
        The file is empty, cut off, not XML or not OpenStreetMap data.
    """
    require_file(file)
    size = file.stat().st_size
    reader = _Reader(file)
    try:
        with file.open("rb") as raw, _unpacked(raw, file) as stream:
            while chunk := stream.read(CHUNK):
                reader.feed(chunk)
                progress("reading", min(raw.tell() / size, 1.0))
        reader.close()
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        msg = f"{file}: cannot be unpacked or read: {error}; the file is cut off or damaged: fetch it again"
        raise NetworkError(msg) from error
    return reader.data


def require_file(file: Path) -> None:
    """Raise a `NotFoundError` unless there is a file of this name."""
    if not file.is_file():
        found = "a folder" if file.is_dir() else "no such file"
        msg = f"{file}: found {found}; allowed: an OpenStreetMap extract, {ENDINGS}"
        raise NotFoundError(msg)


def _unpacked(raw: BinaryIO, file: Path) -> BinaryIO:
    head = raw.read(16)
    raw.seek(0)
    if not head:
        msg = f"{file}: empty; allowed: an OpenStreetMap extract with roads"
        raise NetworkError(msg)
    packing = next((name for magic, name in PACKED.items() if head.startswith(magic)), "")
    if packing == "gzip":
        return cast("BinaryIO", gzip.GzipFile(fileobj=raw))
    if packing == "bzip2":
        return cast("BinaryIO", bz2.BZ2File(raw))
    if packing == "xz":
        return cast("BinaryIO", lzma.LZMAFile(raw))
    if b"OSMHeader" in head or file.suffix == ".pbf":
        msg = f"{file}: found OpenStreetMap's binary form; allowed: XML, which `osmium cat {file.name} -o x.osm` writes"
        raise NetworkError(msg)
    if head.startswith(b"PK"):
        msg = f"{file}: found a zip archive; allowed: {ENDINGS}: unpack it first"
        raise NetworkError(msg)
    return raw


class _Reader:
    """Takes the file in chunks and keeps what matters."""

    def __init__(self, file: Path) -> None:
        self.data = OsmData()
        self._file = file
        self._depth = 0
        self._latest = ""
        self._kind = ""
        self._attributes: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._refs: array[int] = array("q")
        self._members: list[Member] = []
        self._text: list[str] | None = None
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, chunk: bytes, *, final: bool = False) -> None:
        try:
            self._parser.Parse(chunk, final)
        except (expat.ExpatError, LookupError) as error:  # the latter for an encoding that nobody knows
            cut = " (the file is cut off?)" if final else ""
            msg = f"{self._file}: not well-formed XML: {error}{cut}; allowed: an OpenStreetMap extract"
            raise NetworkError(msg) from error

    def close(self) -> None:
        self.feed(b"", final=True)
        self.data.timestamp = self.data.timestamp or self._latest

    def _refuse(self, found: str, allowed: str, cause: Exception | None = None) -> NoReturn:
        msg = f"{self._file}, line {self._parser.CurrentLineNumber}: found {found}; allowed: {allowed}"
        raise NetworkError(msg) from cause

    def _doctype(self, name: str, *_: object) -> None:
        # an entity declaration can blow a small file up to any size, and OpenStreetMap's files have none
        self._refuse(f"a document type {name!r}", "OpenStreetMap XML, whose root is <osm>")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 1:
            if name != "osm":
                self._refuse(f"the root <{name}>", "OpenStreetMap XML, whose root is <osm>")
            self.data.timestamp = attributes.get("osmosis_replication_timestamp", attributes.get("timestamp", ""))
        elif self._depth == 2:
            self._open(name, attributes)
        elif name == "tag":
            self._tags[attributes.get("k", "")] = attributes.get("v", "")
        elif name == "nd" and self._kind == "way":
            ref = self._id(attributes, "ref")
            self._refs.append(ref)
            if "lat" in attributes:  # the form with geometry, in which ways carry the positions of their nodes
                self._node(ref, attributes)
        elif name == "member" and self._kind == "relation":
            kind, role = attributes.get("type", ""), attributes.get("role", "")
            self._members.append(Member(kind, self._id(attributes, "ref"), role))

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        self._kind, self._attributes, self._tags = name, attributes, {}
        self._refs, self._members = array("q"), []
        self._text = [] if name == "remark" else None
        if name == "bounds":
            self._bounds([attributes.get(key, "") for key in ("minlon", "minlat", "maxlon", "maxlat")])
        elif name == "bound":
            south, west, north, east = (attributes.get("box", "").split(",") + [""] * 4)[:4]
            self._bounds([west, south, east, north])
        elif name == "meta":
            self.data.timestamp = attributes.get("osm_base", self.data.timestamp)
        self._latest = max(self._latest, attributes.get("timestamp", ""))

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._text.append(text)

    def _end(self, name: str) -> None:
        if self._depth == 2:
            if self._text is not None and "error" in (remark := "".join(self._text).strip()):
                # Overpass ends an answer that took too long in good order, with a remark
                self._refuse(f"the remark {remark!r}", "a complete extract: ask for a smaller box")
            self._take(name)
        self._depth -= 1

    def _take(self, name: str) -> None:
        attributes, tags = self._attributes, self._tags
        if name not in {"node", "way", "relation"}:
            return
        if attributes.get("visible") == "false" or attributes.get("action") == "delete":
            return
        self.data.elements[name] += 1
        if "driving_side" in tags:
            self.data.driving_sides[tags["driving_side"]] += 1
        element = self._id(attributes, "id")
        if name == "node":
            position = self._node(element, attributes)
            if position is not None and is_place(tags):
                self.data.points.append(Point(element, *position, tags))
        elif name == "way":
            # a way without a tag of its own may be the rim of a multipolygon; buildings never matter
            if is_place(tags) or not WAY_KEYS.isdisjoint(tags) or "building" not in tags:
                self.data.ways[element] = Way(element, self._refs, tags)
        elif tags.get("type") == "restriction" or (tags.get("type") == "multipolygon" and is_place(tags)):
            self.data.relations.append(Relation(element, tuple(self._members), tags))

    def _node(self, node_id: int, attributes: Mapping[str, str]) -> tuple[float, float] | None:
        if "lat" not in attributes or "lon" not in attributes:
            self.data.nodes.without_position += 1
            return None
        try:
            lon, lat = float(attributes["lon"]), float(attributes["lat"])
        except ValueError as error:
            self._refuse(f"node {node_id} at {attributes['lon']!r}, {attributes['lat']!r}", "degrees", error)
        if not (-180 <= lon <= 180 and -90 <= lat <= 90):
            self._refuse(f"node {node_id} at lon {lon:g}, lat {lat:g}", "degrees: lon ±180, lat ±90")
        self.data.nodes.add(node_id, lon, lat)
        return lon, lat

    def _bounds(self, degrees: Sequence[str]) -> None:
        """Keep the file's box; a merged file has several, whose hull counts."""
        try:
            box = Box(*map(float, degrees))
        except ValueError:
            return
        old = self.data.bounds or box
        self.data.bounds = Box(
            min(old.west, box.west), min(old.south, box.south), max(old.east, box.east), max(old.north, box.north)
        )

    def _id(self, attributes: Mapping[str, str], key: str) -> int:
        found = attributes.get(key, "")
        try:
            number = int(found)
        except ValueError as error:
            self._refuse(f"{key}={found!r}", "a whole number", error)
        if abs(number) > LARGEST_ID:
            self._refuse(f"{key}={found!r}", f"a whole number of at most {LARGEST_ID}")
        return number


def is_place(tags: Mapping[str, str]) -> bool:
    """Return whether tags make something a place."""
    return any(tags.get(key) in values for key, values in PLACE_TAGS.items())
