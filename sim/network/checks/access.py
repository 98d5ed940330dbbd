"""Who gets where: every class from every place to every other it serves, and nowhere it must not go."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import networkx as nx
import numpy as np
import sumolib
from scipy.sparse.csgraph import breadth_first_order

from sim.network.catalog import SitePlace
from sim.network.checks.record import Check, judged, skipped
from sim.network.checks.subject import Subject
from sim.network.edges import Edge
from sim.network.graph import BoolArray, EdgeGraph
from sim.network.sidewalks import COMPLEX_LONLAT

ROAD_CLASSES = ("passenger", "taxi", "bus", "coach", "delivery", "emergency")
GOODS_CLASSES = ("truck", "trailer")
GOODS_KINDS = frozenset({"car_plant", "parts_maker", "compound", "depot", "industrial"})
SLOW_CLASSES = ("pedestrian", "bicycle", "moped", "scooter", "wheelchair")
"""Classes that motor roads exclude by law."""
PERMIT_CLASSES = ("custom1", "custom2")
"""SUMO's classes that stand for autonomous vehicles; a permit opens roads to them, the network none."""


class Place(NamedTuple):
    """Where trips start and end: the edges that lead away from it, and those that lead to it."""

    name: str
    starts: tuple[str, ...]
    ends: tuple[str, ...]


def access_checks(subject: Subject) -> Iterator[Check]:
    """Yield the checks of reachability, of bus lines, and of what is closed to a class."""
    gateways = [Place(f"gateway {key}", g.entry_edges, g.exit_edges) for key, g in subject.network.gateways.items()]
    sites = [*gateways, *_sites(subject.network.sites.items())]
    for vclass in ROAD_CLASSES:
        yield _connected(subject, vclass, sites, "sites and gateways")
    heavy = {key: site for key, site in subject.network.sites.items() if site.kind in GOODS_KINDS}
    docks = [Place(key, (dock.edge,), (dock.edge,)) for key, dock in subject.network.docks.items()]
    goods = [*gateways, *_sites(heavy.items()), *docks]
    for vclass in GOODS_CLASSES:
        yield _connected(subject, vclass, goods, "works, docks and gateways")
    inside = _sites((key, site) for key, site in subject.network.sites.items() if _in_complex(site))
    yield _connected(subject, "bicycle", inside, "sites of the complex")
    yield _walkable(subject, inside)
    yield _lines_driveable(subject)
    yield _motor_roads(subject)
    yield _reserved(subject)


def bus_turns(graph: EdgeGraph) -> nx.DiGraph[str]:
    """Return the edges that buses may use as nodes of a networkx graph, with the turns between them."""
    turns: nx.DiGraph[str] = nx.DiGraph()
    turns.add_nodes_from(edge for edge, permitted in zip(graph.ids, graph.permits["bus"], strict=True) if permitted)
    allowed = graph.turn_permits["bus"]
    pairs = zip(graph.turn_from[allowed], graph.turn_to[allowed], strict=True)
    turns.add_edges_from((graph.ids[a], graph.ids[b]) for a, b in pairs)
    return turns


def _sites(sites: Iterable[tuple[str, SitePlace]]) -> list[Place]:
    return [Place(key, (site.edge,), (site.edge,)) for key, site in sorted(sites)]


def _in_complex(site: SitePlace) -> bool:
    west, south, east, north = COMPLEX_LONLAT
    return west <= site.lon <= east and south <= site.lat <= north


def _connected(subject: Subject, vclass: str, places: Sequence[Place], what: str) -> Check:
    """Check that a class gets from each place to every other."""
    name = f"{vclass}: {what} reach one another"
    if len(places) < 2:
        return skipped(name, f"{len(places)} of them in this network")
    cut = [
        f"{start.name} -> {end.name}"
        for start, reached in zip(places, _reached(subject.graph, vclass, places), strict=True)
        for end in places
        if end is not start and not any(reached[subject.graph.position(edge)] for edge in end.ends)
    ]
    pairs = len(places) * (len(places) - 1)
    return judged(name, f"{pairs - len(cut)} of {pairs} ways", ok=not cut, detail=cut, ours=subject.surveyed)


def _reached(graph: EdgeGraph, vclass: str, places: Sequence[Place]) -> Iterator[BoolArray]:
    """Yield for each place which edges a class gets to from there."""
    turns = graph.turn_costs(graph.time_s, vclass)
    for place in places:
        reached = np.zeros(len(graph.ids), dtype=np.bool_)
        for start in {graph.position(edge) for edge in place.starts}:
            if graph.permits[vclass][start]:
                reached[breadth_first_order(turns, start, return_predecessors=False)] = True
        yield reached


def _walkable(subject: Subject, places: Sequence[Place]) -> Check:
    """Check that people get from each place to every other on foot, over sidewalks, corners and crossings.

    A net without walking areas joins the roads at a junction as SUMO does.
    """
    name = "pedestrian: sites of the complex reach one another"
    if len(places) < 2:
        return skipped(name, f"{len(places)} of them in this network")
    ways = _footways(subject.net)
    part_of = {edge: number for number, part in enumerate(nx.connected_components(ways)) for edge in part}
    home = [part_of.get(place.starts[0], -1) for place in places]
    main = max(sorted(set(home) - {-1}), key=home.count, default=-2)
    cut = [place.name for place, where in zip(places, home, strict=True) if where != main]
    figure = f"{len(places) - len(cut)} of {len(places)} places on one network of ways"
    return judged(name, figure, ok=not cut, detail=cut, ours=subject.surveyed)


def _footways(net: sumolib.net.Net) -> nx.Graph[str]:
    """Return the edges people walk on, joined where they walk from one to the next."""
    ways: nx.Graph[str] = nx.Graph()
    edges = [edge for edge in net.getEdges(withInternal=True) if edge.allows("pedestrian")]
    ways.add_nodes_from(edge.getID() for edge in edges)
    corners = any(edge.getFunction() == "walkingarea" for edge in edges)
    for edge in edges:
        if corners:
            links = [link for lane in edge.getLanes() for link in lane.getOutgoing()]
            on_foot = [(one.getFromLane(), one.getToLane()) for one in links]
            ends = [b.getEdge().getID() for a, b in on_foot if a.allows("pedestrian") and b.allows("pedestrian")]
        else:
            ends = [f"junction {node.getID()}" for node in (edge.getFromNode(), edge.getToNode())]
        ways.add_edges_from((edge.getID(), end) for end in ends)
    return ways


def _lines_driveable(subject: Subject) -> Check:
    name = "bus lines driveable, with a way back"
    lines = subject.network.lines
    if not lines:
        return skipped(name, "no bus line in this network")
    turns = bus_turns(subject.graph)
    broken = []
    for key, line in lines.items():
        if not all(turns.has_edge(a, b) for a, b in itertools.pairwise(line.edges)):
            broken.append(f"{key}: a turn is missing")
        elif not nx.has_path(turns, line.edges[-1], line.edges[0]):
            broken.append(f"{key}: no way back from its end to its start")
    return judged(name, f"{len(lines) - len(broken)} of {len(lines)}", ok=not broken, detail=broken)


def _motor_edges(subject: Subject) -> list[Edge]:
    """Return the edges of motor roads: those the tables close to slow classes, or motorways of OpenStreetMap."""
    edges = subject.net.getEdges(withInternal=False)
    if subject.tables is None:
        return [edge for edge in edges if edge.getType().startswith("highway.motorway")]
    roads = subject.tables.roads
    return [edge for edge in edges if (road := edge.getParam("road")) in roads and roads[road].motor_only]


def _motor_roads(subject: Subject) -> Check:
    name = "motor roads closed to slow classes"
    edges = _motor_edges(subject)
    if not edges:
        return skipped(name, "no motor road in this network")
    faults = [f"{edge.getID()}: {vclass}" for edge in edges for vclass in SLOW_CLASSES if edge.allows(vclass)]
    figure = f"{len(edges)} edges, {len(faults)} open to one of {', '.join(SLOW_CLASSES)}"
    return judged(name, figure, ok=not faults, detail=faults, ours=subject.surveyed)


def _reserved(subject: Subject) -> Check:
    """Check every lane, those inside junctions too."""
    lanes = [lane for edge in subject.net.getEdges(withInternal=True) for lane in edge.getLanes()]
    faults = [f"{lane.getID()}: {vclass}" for lane in lanes for vclass in PERMIT_CLASSES if lane.allows(vclass)]
    figure = f"{len(faults)} of {len(lanes)} lanes open"
    return judged("no lane open to classes that need a permit", figure, ok=not faults, detail=faults)
