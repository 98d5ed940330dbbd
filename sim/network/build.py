"""Survey tables to the committed files of a network: net, additional file, places."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sumolib

from sim.errors import NetworkError, OutputError
from sim.network.catalog import dump_places, has_tables, network_folder
from sim.network.graph import EdgeGraph
from sim.network.overlays import read_overlays
from sim.network.places import additional_xml, collect_places
from sim.network.plain import write_plain
from sim.network.programs import netconvert
from sim.network.signals import retime
from sim.network.stops import OffNetworkStop, place_stops
from sim.network.survey import Tables
from sim.network.tables import read_tables
from sim.network.yields import slow_yields

PROJECTION = "+proj=utm +zone=52 +ellps=WGS84 +datum=WGS84 +units=m +no_defs"
NETCONVERT_OPTIONS = (
    *("--proj", PROJECTION),
    *("--output.street-names", "true"),
    *("--tls.default-type", "actuated"),
    # NR22 through R4 jams at 1,800 veh/h with the default of 50 s and carries 2,200 with 90 s
    *("--tls.max-dur", "90"),
    *("--tls.allred.time", "2"),
    # left turns share a lane with through traffic on two-lane roads: no pocket is surveyed, so they give way there
    *("--tls.minor-left.max-speed", "23"),
    *("--no-turnarounds.except-deadend", "false"),
    # at signals and between roads of 50 km/h or less; a net with any has walking areas everywhere
    *("--crossings.guess", "true"),
    *("--precision", "2"),
    *("--xml-validation", "never"),
)


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build made and what it has to say about it."""

    files: tuple[Path, ...]
    warnings: tuple[str, ...]
    """netconvert's warnings, one a line."""
    off_network: tuple[OffNetworkStop, ...]
    """Surveyed stops away from every road, worst first."""

    def stale(self, folder: Path) -> list[str]:
        """Return which of the files differ from those in a folder, or are missing there; by name."""
        old = {file: folder / file.name for file in self.files}
        return sorted(
            file.name for file in old if not old[file].is_file() or old[file].read_bytes() != file.read_bytes()
        )


def build_network(name: str, *, out: Path | None = None, overlays: Sequence[str] = ()) -> BuildReport:
    """Build a network from its tables.

    Parameters
    ----------
    name
        A folder in `networks/`.
    out
        Where the files go, once all are made; the network's own `built/` unless given.
    overlays
        What to build on top, in this order; needs `out`, for `built/` holds the network without.

    Raises
    ------
    NotFoundError
        No network has this name.
    NetworkError
        The network has no tables, a table is not valid, netconvert refuses, or a stop, line, site or gateway does
        not fit the roads.
    OutputError
        The files cannot be written.
    """
    folder = network_folder(name)
    if not has_tables(name):
        msg = (
            f"network {name}: found no tables in {folder}: it was imported, and what is built are survey tables; "
            f"`bitgreen network import-osm FILE --name {name} --force` imports it again"
        )
        raise NetworkError(msg)
    if overlays and out is None:
        msg = f"network {name} with overlays: its files need a folder of their own (--out), not {folder / 'built'}"
        raise NetworkError(msg)
    target = folder / "built" if out is None else out
    if target.exists() and not target.is_dir():
        msg = f"{target}: found a file; allowed: a folder for the network's files"
        raise OutputError(msg)
    tables = built_tables(name, overlays)
    with tempfile.TemporaryDirectory(prefix="bitgreen-network-") as scratch:
        work = Path(scratch)
        net_file = work / f"{name}.net.xml"
        warnings = netconvert(write_plain(tables, work, name), net_file, NETCONVERT_OPTIONS)
        net_file.write_text(slow_yields(retime(net_file.read_text(encoding="utf-8"), tables)), encoding="utf-8")
        net = sumolib.net.readNet(str(net_file))
        graph = EdgeGraph.from_net(net_file)
        placement = place_stops(tables, net, graph)
        places = collect_places(tables, net, placement)
        add_file, places_file = work / f"{name}.add.xml", work / "places.json"
        add_file.write_bytes(additional_xml(places, net))
        places_file.write_bytes(dump_places(places))
        try:
            target.mkdir(parents=True, exist_ok=True)
            files = tuple(Path(shutil.copyfile(file, target / file.name)) for file in (net_file, add_file, places_file))
        except OSError as error:
            msg = f"{target}: the network cannot be written: {error.strerror}"
            raise OutputError(msg) from error
    off = tuple(sorted(placement.off_network, key=lambda stop: -stop.distance_m))
    return BuildReport(files, warnings, off)


def built_tables(name: str, overlays: Sequence[str]) -> Tables:
    """Read the tables of a network and of overlays on it as they are built: without junctions that no road needs.

    Raises
    ------
    NotFoundError
        No network or overlay has this name.
    NetworkError
        A table is not valid, or overlays contradict each other.
    """
    folders = [overlay.folder for overlay in read_overlays(name, overlays)]
    return read_tables(network_folder(name) / "tables", overlays=folders).without_unused_junctions()
