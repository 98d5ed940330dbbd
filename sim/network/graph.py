"""A turn-aware edge graph of a built network: all-pairs times and distances, paths, nearest edges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import sumolib
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from sim.errors import NetworkError
from sim.network.edges import Edge, edges_by_id, kerb_lane

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]

VCLASSES = (
    *("passenger", "taxi", "bus", "coach", "delivery", "truck", "trailer", "emergency", "evehicle"),
    *("motorcycle", "bicycle", "pedestrian", "custom1", "custom2"),
)


@dataclass(frozen=True, slots=True, eq=False)
class EdgeGraph:
    """Normal edges of a net, sorted by id, with the turns between them.

    Attributes
    ----------
    ids, index
        Edge ids and their positions in every array.
    length_m
        Length of each edge without junctions.
    travel_m, time_s
        Length and free-flow time of each edge with the mean junction crossing at its end folded in.
    crossing_s
        Free-flow time of that crossing alone.
    permits
        Per vehicle class: which edges it may use.
    turn_from, turn_to, turn_permits
        The turns as pairs of edge positions, and per vehicle class which of them it may take.
    turn_m
        Length of each turn within the junction, on its shortest lane.
    shapes
        Kerb lane of each edge, shape (points, 2).
    """

    ids: tuple[str, ...]
    index: Mapping[str, int]
    length_m: FloatArray
    travel_m: FloatArray
    time_s: FloatArray
    crossing_s: FloatArray
    permits: Mapping[str, BoolArray]
    turn_from: IntArray
    turn_to: IntArray
    turn_permits: Mapping[str, BoolArray]
    turn_m: FloatArray
    shapes: tuple[FloatArray, ...]

    @classmethod
    def from_net(cls, path: Path) -> EdgeGraph:
        """Read a `.net.xml`.

        Raises
        ------
        NetworkError
            The file is missing or is not a SUMO network with edges.
        """
        try:
            return cls.of_net(sumolib.net.readNet(str(path), withInternal=True))
        except (OSError, ValueError, KeyError, AttributeError) as error:
            msg = f"{path}: cannot be read as a SUMO network: {error}"
            raise NetworkError(msg) from error
        except NetworkError as error:
            msg = f"{path}: {error}"
            raise NetworkError(msg) from error

    @classmethod
    def of_net(cls, net: sumolib.net.Net) -> EdgeGraph:
        """Take a net that was read with its internal lanes.

        Raises
        ------
        NetworkError
            It has no edges.
        """
        edges = edges_by_id(net)
        if not edges:
            msg = "found no edges, allowed: a SUMO network with at least one"
            raise NetworkError(msg)
        index = {edge.getID(): position for position, edge in enumerate(edges)}
        turns = _turns(net, edges, index)
        junction_m, junction_s = _junction_means(len(edges), turns)
        length_m = np.array([edge.getLength() for edge in edges])
        time_s = length_m / np.array([edge.getSpeed() for edge in edges])
        pairs = sorted(turns)
        return cls(
            ids=tuple(index),
            index=index,
            length_m=length_m,
            travel_m=length_m + junction_m,
            time_s=time_s + junction_s,
            crossing_s=junction_s,
            permits={vclass: np.array([edge.allows(vclass) for edge in edges]) for vclass in VCLASSES},
            turn_from=np.array([a for a, _ in pairs], dtype=np.int64),
            turn_to=np.array([b for _, b in pairs], dtype=np.int64),
            turn_permits={
                vclass: np.array([vclass in turns[pair].vclasses for pair in pairs], dtype=np.bool_)
                for vclass in VCLASSES
            },
            turn_m=np.array([turns[pair].least_m for pair in pairs], dtype=np.float64),
            shapes=tuple(np.array(kerb_lane(edge).getShape(), dtype=np.float64)[:, :2] for edge in edges),
        )

    def matrix(
        self, edge_weights: FloatArray, vclass: str = "passenger", *, targets: IntArray | None = None
    ) -> FloatArray:
        """Return the cheapest way from the end of each edge to the start of each target edge.

        Parameters
        ----------
        edge_weights
            Cost of passing each edge, > 0: `time_s`, measured times, `travel_m`; shape (edges,).
        vclass
            Vehicle class whose permissions hold.
        targets
            Positions of the edges to reach, all unless given: a few of them cost a fraction of all pairs
            (60 of 700 edges: 3 ms instead of 33).

        Returns
        -------
        Shape (edges, targets): `[a, b]` is 0 where b follows a directly, inf where b cannot be reached;
        where a is b, the way round back to the start of a.
        """
        turns = self.turn_costs(edge_weights, vclass)
        goals = np.arange(len(self.ids)) if targets is None else targets
        # SciPy searches from sources: all edges as such, or the few targets against the direction of travel
        to_end = dijkstra(turns) if targets is None else dijkstra(csr_array(turns.T), indices=targets).T
        legs: FloatArray = np.maximum(to_end - edge_weights[goals], 0.0)
        for column, goal in enumerate(goals.tolist()):
            onward = turns.indices[turns.indptr[goal] : turns.indptr[goal + 1]]
            legs[goal, column] = np.inf
            if onward.size:
                legs[goal, column] = 0.0 if goal in onward else (edge_weights[onward] + legs[onward, column]).min()
        return legs

    def legs_m(self, start: str, vclass: str) -> FloatArray:
        """Return the shortest way from the end of an edge to the start of each, each turn at its own length.

        Shape (edges,): inf where it cannot be reached; to itself, the way round.
        """
        allowed = self._of_class(self.turn_permits, vclass)
        first, rows, columns, crossing_m = (
            self.position(start), self.turn_from[allowed], self.turn_to[allowed], self.turn_m[allowed],
        )  # fmt: skip
        size = len(self.ids)
        turns = csr_array((crossing_m + self.length_m[columns], (rows, columns)), shape=(size, size))
        to_end: FloatArray = dijkstra(turns, indices=np.array(first))
        legs: FloatArray = to_end - self.length_m
        back = columns == first
        legs[first] = (to_end[rows[back]] + crossing_m[back]).min(initial=np.inf)
        return legs

    def shortest_path(
        self, start: str, end: str, *, edge_weights: FloatArray | None = None, vclass: str = "passenger"
    ) -> list[str]:
        """Return the edges from `start` to `end`, both included; by free-flow time unless weighted.

        Raises
        ------
        NetworkError
            An edge is unknown or there is no way.
        """
        first, last = self.position(start), self.position(end)
        turns = self.turn_costs(self.time_s if edge_weights is None else edge_weights, vclass)
        _, before = dijkstra(turns, indices=np.array(first), return_predecessors=True)
        path = [last]
        while path[-1] != first:
            previous = int(before[path[-1]])
            if previous < 0:
                msg = f"no way for {vclass} from edge {start} to edge {end}"
                raise NetworkError(msg)
            path.append(previous)
        return [self.ids[position] for position in reversed(path)]

    def reachable(self, vclass: str) -> BoolArray:
        """Return which edges a class may use and can reach from one another: the largest such set."""
        turns = self.turn_costs(self.time_s, vclass)
        _, labels = connected_components(turns, directed=True, connection="strong")
        permitted = self._of_class(self.permits, vclass)
        if not permitted.any():
            return permitted
        largest: BoolArray = permitted & (labels == np.bincount(labels[permitted]).argmax())
        return largest

    def restricted(self, name: str, *, like: str, edges: BoolArray) -> EdgeGraph:
        """Return the graph with one more class, `name`: it may go where `like` may, but on these edges alone."""
        turns = self._of_class(self.turn_permits, like) & edges[self.turn_from] & edges[self.turn_to]
        return replace(
            self,
            permits={**self.permits, name: self._of_class(self.permits, like) & edges},
            turn_permits={**self.turn_permits, name: turns},
        )

    def on_foot(self, name: str, *, edges: BoolArray) -> EdgeGraph:
        """Return the graph of one class alone, `name`, that walks along these edges and turns wherever any class may.

        Who walks goes both ways along a road: turns are taken in both directions.
        """
        there, back = (self.turn_from, self.turn_to), (self.turn_to, self.turn_from)
        start, end = np.unique(np.concatenate((there, back), axis=1), axis=1)
        return replace(
            self,
            permits={name: edges},
            turn_from=start,
            turn_to=end,
            turn_permits={name: edges[start] & edges[end] & (start != end)},
            turn_m=np.zeros(len(start)),
        )

    def position(self, edge: str) -> int:
        """Return the position of an edge in every array."""
        if edge not in self.index:
            msg = f"edge {edge!r} is not in the network; allowed: one of its {len(self.ids)} normal edges"
            raise NetworkError(msg)
        return self.index[edge]

    def turn_costs(self, edge_weights: FloatArray, vclass: str) -> csr_array[np.float64, tuple[int, int]]:
        """Return the turns a class may take as a sparse matrix, each with the cost of the edge it leads to."""
        allowed = self._of_class(self.turn_permits, vclass)
        rows, columns = self.turn_from[allowed], self.turn_to[allowed]
        size = len(self.ids)
        return csr_array((edge_weights[columns], (rows, columns)), shape=(size, size))

    @staticmethod
    def _of_class(permits: Mapping[str, BoolArray], vclass: str) -> BoolArray:
        if vclass not in permits:
            msg = f"vehicle class {vclass!r} is not known here; allowed: {', '.join(VCLASSES)}"
            raise NetworkError(msg)
        return permits[vclass]


@dataclass(slots=True)
class _Turn:
    """All lane-to-lane connections between two edges."""

    metres: float
    least_m: float
    seconds: float
    vclasses: set[str]


def _turns(net: sumolib.net.Net, edges: list[Edge], index: Mapping[str, int]) -> dict[tuple[int, int], _Turn]:
    turns: dict[tuple[int, int], _Turn] = {}
    for edge in edges:
        for target, connections in edge.getOutgoing().items():
            if target.getID() not in index:
                continue
            lanes = [(c.getFromLane(), c.getToLane()) for c in connections]
            metres, seconds = _crossing(net, connections[0].getViaLaneID())
            least_m = min(_crossing(net, one.getViaLaneID())[0] for one in connections)
            turns[index[edge.getID()], index[target.getID()]] = _Turn(
                metres, least_m, seconds, {v for v in VCLASSES if any(a.allows(v) and b.allows(v) for a, b in lanes)}
            )
    return turns


def _crossing(net: sumolib.net.Net, via: str) -> tuple[float, float]:
    """Return length and time of the internal lanes of one connection (a left turn has two)."""
    metres = seconds = 0.0
    while via:
        lane = net.getLane(via)
        metres += lane.getLength()
        seconds += lane.getLength() / lane.getSpeed()
        onward = lane.getOutgoing()
        via = onward[0].getViaLaneID() if onward else ""
    return metres, seconds


def _junction_means(size: int, turns: Mapping[tuple[int, int], _Turn]) -> tuple[FloatArray, FloatArray]:
    sums = np.zeros((3, size))
    for (start, end), turn in turns.items():
        if start != end:
            sums[:, start] += (1.0, turn.metres, turn.seconds)
    counts = np.maximum(sums[0], 1.0)
    return sums[1] / counts, sums[2] / counts
