"""Checks of a built network: does it follow from its tables, hang together, and lie where the survey says."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import sumolib

from sim.network.build import BuildReport, build_network, stale
from sim.network.catalog import Network, StopKerb, load_network, network_folder
from sim.network.graph import EdgeGraph
from sim.network.stops import OFF_NETWORK_M
from sim.network.tables import STATUSES, Tables, read_tables

SERVICE_CLASSES = ("passenger", "bus", "taxi")
LENGTH_TOLERANCE = 0.05
NEAR_M = 20.0
NEAR_SHARE = 0.7
"""At least this share of the surveyed posts beside a road is within `NEAR_M` of its kerb: the survey's lines are
simplified to 10 m, a six-lane road has its kerb 10 m from its centre, and posts in a junction move out of it."""
SHORTEST_EDGE_M = 30.0
"""Shorter than this, one lorry blocks both ends of an edge."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question about the network; `figure` is the answer in short, `detail` the cases."""

    name: str
    ok: bool
    figure: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All checks of one network."""

    name: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)


def check_network(name: str) -> CheckReport:
    """Check the committed build of a network against its tables and in itself.

    Raises
    ------
    NotFoundError, NetworkError
        There is no such network, or it cannot be read or built at all.
    """
    network = load_network(name)
    tables = read_tables(network_folder(name) / "tables").base()
    net = sumolib.net.readNet(str(network.net_file))
    graph = EdgeGraph.from_net(network.net_file)
    with tempfile.TemporaryDirectory(prefix="bitgreen-network-") as scratch:
        report = build_network(name, out=Path(scratch))
    old = stale(name)
    checks = [
        Check("built files follow from the tables", not old, f"{len(old)} stale", ", ".join(old)),
        Check(
            "netconvert",
            ok=True,
            figure=f"0 errors, {len(report.warnings)} warnings",
            detail="\n".join(report.warnings),
        ),
        *(_sites_connected(network, graph, vclass) for vclass in SERVICE_CLASSES),
        _lines_driveable(network, graph),
        _road_lengths(tables, net),
        _stop_distances(network, tables, net),
        _off_network(report),
        _shortest_edge(graph),
        _status_shares(tables),
        Check("signals", bool(report.signals), str(len(report.signals)), ", ".join(report.signals)),
    ]
    return CheckReport(name, tuple(checks))


def turn_graph(graph: EdgeGraph, vclass: str) -> nx.DiGraph[str]:
    """Return the edges of a net as nodes of a networkx graph with the turns a class may take between them."""
    turns: nx.DiGraph[str] = nx.DiGraph()
    turns.add_nodes_from(edge for edge, permitted in zip(graph.ids, graph.permits[vclass], strict=True) if permitted)
    allowed = graph.turn_permits[vclass]
    pairs = zip(graph.turn_from[allowed], graph.turn_to[allowed], strict=True)
    turns.add_edges_from((graph.ids[a], graph.ids[b]) for a, b in pairs)
    return turns


def _sites_connected(network: Network, graph: EdgeGraph, vclass: str) -> Check:
    turns = turn_graph(graph, vclass)
    sites = sorted(network.sites)
    cut = []
    for start in sites:
        edge = network.sites[start].edge
        reached = {edge, *nx.descendants(turns, edge)} if edge in turns else set()
        cut += [f"{start} -> {end}" for end in sites if network.sites[end].edge not in reached]
    pairs = len(sites) * (len(sites) - 1)
    return Check(f"sites reachable for {vclass}", not cut, f"{pairs - len(cut)} of {pairs} pairs", "\n".join(cut))


def _lines_driveable(network: Network, graph: EdgeGraph) -> Check:
    turns = turn_graph(graph, "bus")
    broken = []
    for key, line in network.lines.items():
        if not all(turns.has_edge(a, b) for a, b in itertools.pairwise(line.edges)):
            broken.append(f"{key}: a turn is missing")
        elif not nx.has_path(turns, line.edges[-1], line.edges[0]):
            broken.append(f"{key}: no way back from its end to its start")
    good = len(network.lines) - len(broken)
    return Check("lines driveable, with a way back", not broken, f"{good} of {len(network.lines)}", "\n".join(broken))


def _road_lengths(tables: Tables, net: sumolib.net.Net) -> Check:
    deviations = sorted(_length_deviations(tables, net), key=lambda item: -abs(item[0]))
    worst = [f"{road}: {share:+.1%} of {tables.roads[road].length_m:.0f} m" for share, road in deviations[:5]]
    ok = abs(deviations[0][0]) <= LENGTH_TOLERANCE
    return Check(f"road lengths within {LENGTH_TOLERANCE:.0%}", ok, f"worst {deviations[0][0]:+.1%}", "\n".join(worst))


def _length_deviations(tables: Tables, net: sumolib.net.Net) -> Iterator[tuple[float, str]]:
    for road in tables.roads.values():
        for side in "+-":
            shape = net.getEdge(f"{road.id}{side}").getRawShape()
            yield sumolib.geomhelper.polyLength(shape) / road.length_m - 1.0, road.id


def _stop_distances(network: Network, tables: Tables, net: sumolib.net.Net) -> Check:
    """Compare each surveyed post with the nearer of its stop's two stretches of kerb."""
    gaps = []
    for row in tables.stops:
        kerbs = [network.stops[f"{row.place}{side}"] for side in "+-" if f"{row.place}{side}" in network.stops]
        if kerbs and kerbs[0].position_status != "schematic":
            point = net.convertLonLat2XY(*row.lonlat)
            gaps.append((min(_kerb_gap(point, kerb, net) for kerb in kerbs), row.name))
    gaps.sort(reverse=True)
    near = sum(gap <= NEAR_M for gap, _ in gaps)
    worst = "\n".join(f"{name}: {gap:.0f} m" for gap, name in gaps[:8])
    figure = f"{near} of {len(gaps)} within {NEAR_M:.0f} m, worst {gaps[0][0]:.0f} m"
    return Check("stops where the survey has them", near >= NEAR_SHARE * len(gaps), figure, worst)


def _kerb_gap(point: tuple[float, float], kerb: StopKerb, net: sumolib.net.Net) -> float:
    shape = net.getLane(kerb.lane).getShape()
    along = sumolib.geomhelper.polygonOffsetWithMinimumDistanceToPoint(point, shape)
    foot = sumolib.geomhelper.positionAtShapeOffset(shape, min(max(along, kerb.start_m), kerb.end_m))
    return float(sumolib.geomhelper.distance(point, foot))


def _off_network(report: BuildReport) -> Check:
    detail = "\n".join(
        f"{stop.name_ko}: {stop.distance_m:.0f} m, {'on its line, schematic' if stop.built else 'left out'}"
        for stop in report.off_network
    )
    figure = f"{len(report.off_network)} beyond {OFF_NETWORK_M:.0f} m of any road"
    return Check("surveyed stops off the network are listed", ok=True, figure=figure, detail=detail)


def _shortest_edge(graph: EdgeGraph) -> Check:
    shortest = int(graph.length_m.argmin())
    length = float(graph.length_m[shortest])
    return Check("shortest edge", length >= SHORTEST_EDGE_M, f"{graph.ids[shortest]}, {length:.0f} m")


def _status_shares(tables: Tables) -> Check:
    lengths: Counter[str] = Counter()
    for road in tables.roads.values():
        lengths[road.status] += round(road.length_m)
    whole = lengths.total()
    shares = [f"{status} {lengths[status] / whole:.0%}" for status in STATUSES if lengths[status]]
    return Check("share of road length by status", lengths["planned"] == 0, ", ".join(shares), f"{whole / 1000:.1f} km")
