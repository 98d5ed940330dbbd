"""The built networks by name: files, sites, stops, lines and gateways, typed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sim.errors import NetworkError, NotFoundError
from sim.home import home

CHARGING_EFFICIENCY = 0.95
"""Share of a charger's power that comes into a battery, assumed for all of them."""

ATTRIBUTION = "© OpenStreetMap contributors, ODbL 1.0"


DockKind = Literal["dock", "staging", "depot", "compound"]


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class SitePlace(_Place):
    """A site with its entrance: metre `pos_m` of `edge`; the coordinates are the site's own."""

    name_ko: str
    name_en: str
    kind: str
    node: str
    edge: str
    pos_m: float
    lon: float
    lat: float
    x: float
    y: float
    staff: int | None
    shift: str
    opens: int | None
    status: str
    position_status: str


class KerbPlace(_Place):
    """What lies beside a stretch of lane; `x` and `y` mark it on a map."""

    name: str
    edge: str
    lane: str
    start_m: float
    end_m: float
    x: float
    y: float


class StopKerb(KerbPlace):
    """One kerb of a stop; the kerbs of one stop share `place`."""

    place: str
    lon: float
    lat: float
    position_status: str


class CarPark(KerbPlace):
    """Parking for private cars; its parking area in the additional file has the same id."""

    site: str | None
    capacity: int
    status: str


class DockPlace(KerbPlace):
    """Dock bays of a site, truck staging, a truck depot, or where finished cars are handed over to their compound.

    Its parking area in the additional file has the same id.
    """

    kind: DockKind
    site: str | None
    bays: int
    status: str


class Charger(KerbPlace):
    """A charging station; the additional file's chargingStation has the same id."""

    power_kw: float
    status: str


class LinePath(_Place):
    """One direction of a bus line: its stops in order and the edges from the first to the last."""

    stops: tuple[str, ...]
    edges: tuple[str, ...]
    length_m: float


class GatewayPlace(_Place):
    """A junction where background traffic enters and leaves."""

    name: str
    name_ko: str
    entry_edges: tuple[str, ...]
    exit_edges: tuple[str, ...]
    status: str


class JunctionPlace(_Place):
    """A junction of the survey."""

    name: str
    x: float
    y: float
    status: str


class Area(_Place):
    """A piece of ground: a plant's closed block, a test track, a housing district; `shape` as (x, y) corners."""

    name_ko: str
    name_en: str
    kind: str
    site: str | None
    shape: tuple[tuple[float, float], ...]
    status: str


class Places(_Place):
    """The whole of `places.json`."""

    sites: dict[str, SitePlace]
    stops: dict[str, StopKerb]
    lines: dict[str, LinePath]
    gateways: dict[str, GatewayPlace]
    junctions: dict[str, JunctionPlace]
    car_parks: dict[str, CarPark] = {}
    docks: dict[str, DockPlace] = {}
    chargers: dict[str, Charger] = {}
    areas: dict[str, Area] = {}


@dataclass(frozen=True, slots=True)
class Network:
    """A built network; coordinates in its places are metres in the net's own frame."""

    name: str
    net_file: Path
    additional_files: tuple[Path, ...]
    sites: Mapping[str, SitePlace]
    stops: Mapping[str, StopKerb]
    lines: Mapping[str, LinePath]
    gateways: Mapping[str, GatewayPlace]
    junctions: Mapping[str, JunctionPlace]
    attribution: str
    sha256: str
    car_parks: Mapping[str, CarPark] = field(default_factory=dict)
    docks: Mapping[str, DockPlace] = field(default_factory=dict)
    chargers: Mapping[str, Charger] = field(default_factory=dict)
    areas: Mapping[str, Area] = field(default_factory=dict)
    overlays: tuple[str, ...] = ()


def network_names() -> list[str]:
    """Return the names of the networks in the home's `networks/`, sorted; a leading point hides one in the making."""
    folders = (home() / "networks").glob("[!.]*")
    return sorted(folder.name for folder in folders if (folder / "tables").is_dir() or (folder / "built").is_dir())


def network_folder(name: str) -> Path:
    """Return the folder of a network.

    Raises
    ------
    NotFoundError
        No network has this name; the message lists the names.
    """
    if name not in (names := network_names()):
        msg = f"network {name!r} is not known; allowed: {', '.join(names)}"
        raise NotFoundError(msg)
    return home() / "networks" / name


def has_tables(name: str) -> bool:
    """Return whether a network is made from survey tables; an imported one is not.

    Raises
    ------
    NotFoundError
        No network has this name.
    """
    return (network_folder(name) / "tables").is_dir()


def load_network(name: str, *, folder: Path | None = None, overlays: tuple[str, ...] = ()) -> Network:
    """Read a built network.

    Parameters
    ----------
    name
        A folder in `networks/`.
    folder
        Where the built files lie; the network's own `built/` unless given.
    overlays
        What was built on top of the network there; `sim.network.overlaid` loads a network with overlays by name.

    Raises
    ------
    NotFoundError
        No network has this name.
    NetworkError
        A built file is missing or not valid.
    """
    folder = network_folder(name) / "built" if folder is None else folder
    net_file, additional, places_file = (folder / f for f in (f"{name}.net.xml", f"{name}.add.xml", "places.json"))
    for file in (net_file, additional, places_file):
        if not file.is_file():
            anew = f"build {name}" if has_tables(name) else f"import-osm FILE --name {name} --force"
            msg = f"{file}: missing; `bitgreen network {anew}` writes it"
            raise NetworkError(msg)
    try:
        places = Places.model_validate_json(places_file.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        # of a damaged file as a whole pydantic holds the bytes
        found = "" if isinstance(first["input"], bytes) else f"; found {str(first['input'])[:80]!r}"
        msg = f"{places_file}: at {where or 'the top'}: {first['msg']}{found}"
        raise NetworkError(msg) from error
    return Network(
        name=name,
        net_file=net_file,
        additional_files=(additional,),
        sites=MappingProxyType(places.sites),
        stops=MappingProxyType(places.stops),
        lines=MappingProxyType(places.lines),
        gateways=MappingProxyType(places.gateways),
        junctions=MappingProxyType(places.junctions),
        car_parks=MappingProxyType(places.car_parks),
        docks=MappingProxyType(places.docks),
        chargers=MappingProxyType(places.chargers),
        areas=MappingProxyType(places.areas),
        attribution=ATTRIBUTION,
        sha256=hashlib.sha256(net_file.read_bytes()).hexdigest(),
        overlays=overlays,
    )


def dump_places(places: Places) -> bytes:
    """Return `places.json`: sorted keys, one value a line, UTF-8."""
    text = json.dumps(places.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True)
    return text.encode() + b"\n"
