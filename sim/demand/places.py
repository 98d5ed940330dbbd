"""The places of a scenario on its network: names to edges, and the free-flow drives between them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sim.demand.draws import Floats, Integers
from sim.errors import NetworkError, NotFoundError, ScenarioError
from sim.network.catalog import Network, SitePlace
from sim.network.graph import EdgeGraph
from sim.network.overlays import planned_sites

KERB_MARGIN_M = 15.0
"""Nobody is picked up nearer to an edge's end: a shuttle must stand wholly on it and be able to brake."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points on the network: positions of edges in the graph and metres along them, both of shape (n,)."""

    edge: Integers
    pos_m: Floats

    def __len__(self) -> int:
        return len(self.edge)

    def take(self, chosen: Integers | NDArray[np.bool_]) -> Points:
        """Return the chosen points."""
        return Points(self.edge[chosen], self.pos_m[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """A network as the generators see it; `leg_s` is the taxi's free-flow matrix of `EdgeGraph.matrix`."""

    network: Network
    graph: EdgeGraph
    leg_s: Floats
    drivable: NDArray[np.bool_]

    @classmethod
    def of(cls, network: Network, graph: EdgeGraph) -> Self:
        """Find what can be driven in a network, and the free-flow ways."""
        drivable = graph.reachable("taxi") & graph.reachable("passenger")
        return cls(network, graph, graph.matrix(graph.time_s, "taxi"), drivable)

    def site(self, name: str, where: str) -> SitePlace:
        """Return a site of the network, overlays included, that can be driven to; `where` is its path."""
        site = self.network.sites.get(name)
        if site is None:
            raise ScenarioError(self._absent_site(name, where))
        if not self.drivable[self.graph.position(site.edge)]:
            msg = (
                f"{where}: site {name!r} cannot be reached: its entrance edge {site.edge} is not among "
                f"those that taxis and cars can reach from one another"
            )
            raise ScenarioError(msg)
        return site

    def site_points(self, names: Sequence[str], where: str) -> Points:
        """Return the entrances of sites."""
        sites = [self.site(name, where) for name in names]
        edges = np.array([self.graph.position(site.edge) for site in sites], dtype=np.int64)
        return Points(edges, np.array([site.pos_m for site in sites]))

    def staff(self, names: Sequence[str], where: str) -> Floats:
        """Return how many people work at each site."""
        staff = [(name, self.site(name, where).staff) for name in names]
        missing = [name for name, count in staff if not count]
        if missing:
            known = [name for name, site in sorted(self.network.sites.items()) if site.staff]
            msg = f"{where}: no staff is known for {', '.join(missing)}; allowed are {', '.join(known)}"
            raise ScenarioError(msg)
        return np.array([count for _, count in staff], dtype=np.float64)

    def point(self, points: Points, row: int) -> tuple[str, float]:
        """Return one of the points as edge id and metre."""
        return self.graph.ids[points.edge[row]], round(float(points.pos_m[row]), 2)

    def roads_around(self, junctions: Sequence[str], radius_m: float, where: str) -> Integers:
        """Return the edges to walk on and be fetched from, whose middle lies near one of the junctions."""
        for name in junctions:
            require(name, self.network.junctions, where=f"{where}.junctions", kind="junction")
        centres = np.array([(self.network.junctions[name].x, self.network.junctions[name].y) for name in junctions])
        middles = np.array([_middle(shape) for shape in self.graph.shapes])
        gaps = np.hypot(*(middles[:, np.newaxis, :] - centres[np.newaxis, :, :]).transpose(2, 0, 1))
        nearest_m = np.where(self.kerbside() & self.graph.permits["pedestrian"], gaps.min(axis=1), np.inf)
        found = np.flatnonzero(nearest_m <= radius_m)
        if not found.size:
            msg = (
                f"{where}: no road to walk and drive on has its middle within radius_m = {radius_m:g} "
                f"of {', '.join(junctions)}; allowed is {np.ceil(nearest_m.min()):g} or more"
            )
            raise ScenarioError(msg)
        return found

    def kerbside(self) -> NDArray[np.bool_]:
        """Return which edges a rider can be fetched from: drivable, and longer than both margins."""
        return self.drivable & (self.graph.length_m > 2 * KERB_MARGIN_M)

    def along(self, edges: Integers, uniforms: Floats) -> Points:
        """Spread numbers in [0, 1) evenly by length over edges, leaving a margin at both ends of each."""
        usable = self.graph.length_m[edges] - 2 * KERB_MARGIN_M
        ends = np.cumsum(usable)
        reached = uniforms * ends[-1]
        found = np.minimum(np.searchsorted(ends, reached, side="right"), len(edges) - 1)
        return Points(edges[found], KERB_MARGIN_M + reached - (ends - usable)[found])

    def direct_s(self, origins: Points, destinations: Points) -> Floats:
        """Return the free-flow driving times from origins to destinations, shape (n,)."""
        time_s, length_m = self.graph.time_s, self.graph.length_m
        head, tail = origins.pos_m / length_m[origins.edge], destinations.pos_m / length_m[destinations.edge]
        onward = (origins.edge == destinations.edge) & (tail >= head)
        around = (1 - head) * time_s[origins.edge] + tail * time_s[destinations.edge]
        around = around + self.leg_s[origins.edge, destinations.edge]
        return np.where(onward, (tail - head) * time_s[origins.edge], around)

    def direct_m(self, origins: Points, destinations: Points) -> Floats:
        """Return the metres driven on the fastest ways from origins to destinations, shape (n,)."""
        between: dict[tuple[int, int], float] = {}
        metres = np.empty(len(origins))
        rows = zip(origins.edge, origins.pos_m, destinations.edge, destinations.pos_m, strict=True)
        for row, (start, start_m, end, end_m) in enumerate(rows):
            if start == end and end_m >= start_m:
                metres[row] = end_m - start_m
                continue
            pair = int(start), int(end)
            if pair not in between:
                between[pair] = self._between_m(*pair)
            metres[row] = self.graph.travel_m[start] - start_m + between[pair] + end_m
        return metres

    def _between_m(self, start: int, end: int) -> float:
        """Return the metres from the end of an edge to the start of another, or the way round to its own."""
        graph = self.graph
        if start == end:
            onward = graph.turn_to[(graph.turn_from == start) & graph.turn_permits["taxi"]]
            if not np.isfinite(graph.time_s[onward] + self.leg_s[onward, end]).any():
                msg = (
                    f"network {self.network.name!r}: edge {graph.ids[end]}: found no way for taxis from its end back "
                    "to it, which a ride that starts behind its destination needs; allowed: roads with a way round"
                )
                raise NetworkError(msg)
            start = int(onward[(graph.time_s[onward] + self.leg_s[onward, end]).argmin()])
            return float(graph.travel_m[start]) + self._between_m(start, end) if start != end else 0.0
        path = graph.shortest_path(graph.ids[start], graph.ids[end], vclass="taxi")
        return float(sum(graph.travel_m[graph.position(edge)] for edge in path[1:-1]))

    def _absent_site(self, name: str, where: str) -> str:
        try:
            planned = planned_sites(self.network.name)
        except (NotFoundError, NetworkError):
            planned = {}
        if name in planned:
            opens, overlay = planned[name]
            return f"{where}: site {name!r} is planned and opens in {opens}; the overlay {overlay} brings it"
        return f"{where}: unknown site {name!r}; allowed are {', '.join(sorted(self.network.sites))}"


def require(name: str, allowed: Collection[str], *, where: str, kind: str) -> None:
    """Raise a `ScenarioError` that lists what is allowed unless the name is known."""
    if name not in allowed:
        msg = f"{where}: unknown {kind} {name!r}; allowed are {', '.join(sorted(allowed))}"
        raise ScenarioError(msg)


def _middle(shape: Floats) -> Floats:
    """Return the point half-way along a polyline."""
    along = np.concatenate(([0.0], np.cumsum(np.hypot(*np.diff(shape, axis=0).T))))
    return np.array([np.interp(along[-1] / 2, along, shape[:, axis]) for axis in (0, 1)])
