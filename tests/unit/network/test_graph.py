from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest

from sim.errors import NetworkError
from sim.network.graph import VCLASSES, EdgeGraph, FloatArray


def toy(seed: int, size: int, *, turns_each: int = 3) -> EdgeGraph:
    """Return random edges with random turns; buses may use only every other edge."""
    rng = np.random.default_rng(seed)
    pairs = sorted({(a, int(b)) for a in range(size) for b in rng.integers(size, size=turns_each)})
    starts, ends = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    bus = np.arange(size) % 2 == 0
    permits = {vclass: bus if vclass == "bus" else np.ones(size, dtype=bool) for vclass in VCLASSES}
    length_m = rng.uniform(20, 900, size)
    ids = tuple(f"e{number:03d}" for number in range(size))
    return EdgeGraph(
        ids=ids,
        index={edge: position for position, edge in enumerate(ids)},
        length_m=length_m,
        travel_m=length_m + 10.0,
        time_s=length_m / 12.0,
        crossing_s=np.zeros(size),
        permits=permits,
        turn_from=starts,
        turn_to=ends,
        turn_m=np.random.default_rng(seed).uniform(2, 40, len(starts)),
        turn_permits={vclass: allowed[starts] & allowed[ends] for vclass, allowed in permits.items()},
        shapes=tuple(np.array([[0.0, 10.0 * n], [100.0, 10.0 * n]]) for n in range(size)),
    )


def by_networkx(graph: EdgeGraph, weights: FloatArray, vclass: str) -> FloatArray:
    """Return the same matrix from a graph whose nodes are the ends of edges."""
    ends: nx.DiGraph[int] = nx.DiGraph()
    ends.add_nodes_from(range(len(graph.ids)))
    allowed = graph.turn_permits[vclass]
    for a, b in zip(graph.turn_from[allowed], graph.turn_to[allowed], strict=True):
        ends.add_edge(int(a), int(b), weight=float(weights[b]))
    legs = np.full((len(graph.ids),) * 2, np.inf)
    to_ends = dict(nx.all_pairs_dijkstra_path_length(ends))
    for a, reached in to_ends.items():
        for b, cost in reached.items():
            legs[a, b] = cost - weights[b]
        ways_round = [weights[b] + to_ends[b].get(a, np.inf) - weights[a] for b in ends.successors(a) if b != a]
        legs[a, a] = 0.0 if ends.has_edge(a, a) else min(ways_round, default=np.inf)
    return legs


@pytest.mark.parametrize(("seed", "vclass"), list(itertools.product((1, 2, 3), ("passenger", "bus"))))
def test_matrix_equals_networkx(seed: int, vclass: str) -> None:
    graph = toy(seed, 30, turns_each=2)
    for weights in (graph.time_s, graph.travel_m):
        np.testing.assert_allclose(graph.matrix(weights, vclass), by_networkx(graph, weights, vclass), atol=1e-9)


def test_a_direct_turn_costs_nothing_and_a_loop_is_not_free() -> None:
    graph = toy(4, 40)
    legs = graph.matrix(graph.time_s)
    direct = graph.turn_from != graph.turn_to
    assert np.all(legs[graph.turn_from[direct], graph.turn_to[direct]] == 0.0)
    no_self_turn = np.setdiff1d(np.arange(40), graph.turn_from[~direct])
    assert np.all(legs[no_self_turn, no_self_turn] > 0.0)


def test_shortest_path_costs_what_the_matrix_says() -> None:
    graph = toy(5, 40)
    legs = graph.matrix(graph.time_s)
    for a, b in ((0, 7), (12, 31), (39, 2)):
        path = graph.shortest_path(graph.ids[a], graph.ids[b])
        inner = sum(graph.time_s[graph.position(edge)] for edge in path[1:-1])
        assert inner == pytest.approx(legs[a, b])


@pytest.mark.parametrize(("seed", "vclass"), list(itertools.product((1, 2, 3), ("passenger", "bus"))))
def test_shortest_ways_take_each_turn_at_its_own_length(seed: int, vclass: str) -> None:
    graph = toy(seed, 30, turns_each=2)
    ends: nx.DiGraph[tuple[int, str]] = nx.DiGraph()
    ends.add_weighted_edges_from(((n, "begin"), (n, "end"), m) for n, m in enumerate(graph.length_m.tolist()))
    turns = zip(graph.turn_from.tolist(), graph.turn_to.tolist(), graph.turn_m.tolist(), strict=True)
    allowed = [one for one, open_to in zip(turns, graph.turn_permits[vclass], strict=True) if open_to]
    ends.add_weighted_edges_from(((a, "end"), (b, "begin"), m) for a, b, m in allowed)
    for first in (0, 7):
        found = nx.single_source_dijkstra_path_length(ends, (first, "end"))
        ways_m = [found.get((n, "begin"), np.inf) for n in range(30)]
        np.testing.assert_allclose(graph.legs_m(graph.ids[first], vclass), ways_m, atol=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_few_targets_are_columns_of_the_whole(seed: int) -> None:
    graph = toy(seed, 30, turns_each=2)
    targets = np.array([3, 4, 17, 29])
    for vclass in ("passenger", "bus"):
        few = graph.matrix(graph.time_s, vclass, targets=targets)
        np.testing.assert_allclose(few, graph.matrix(graph.time_s, vclass)[:, targets], atol=1e-9)


def test_reachable_is_the_largest_set_that_is_strongly_connected() -> None:
    graph = toy(8, 40, turns_each=2)
    turns: nx.DiGraph[int] = nx.DiGraph()
    turns.add_nodes_from(range(40))
    turns.add_edges_from(zip(graph.turn_from.tolist(), graph.turn_to.tolist(), strict=True))
    largest = max(nx.strongly_connected_components(turns), key=len)
    assert set(np.flatnonzero(graph.reachable("passenger")).tolist()) == largest


def test_unknown_names_are_refused() -> None:
    graph = toy(9, 10)
    with pytest.raises(NetworkError, match="'nowhere' is not in the network"):
        graph.shortest_path("nowhere", "e001")
    with pytest.raises(NetworkError, match=r"'hovercraft'.*passenger"):
        graph.matrix(graph.time_s, "hovercraft")
    with pytest.raises(NetworkError, match="no way for bus"):
        graph.shortest_path("e000", "e001", vclass="bus")
