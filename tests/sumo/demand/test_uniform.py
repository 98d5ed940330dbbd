from __future__ import annotations

import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.demand.generate import generate
from sim.demand.population import Rider
from sim.errors import NetworkError, ScenarioError
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import validate
from sim.system import sumo_binary, sumo_env


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A grid of 5 × 5 junctions with blocks of 200 m, without sites."""
    file = tmp_path_factory.mktemp("grid") / "grid.net.xml"
    options = f"--grid --grid.number 5 --grid.length 200 --output-file {file}".split()
    subprocess.run([sumo_binary("netgenerate"), *options], check=True, capture_output=True, env=sumo_env())
    return _network(file)


def _network(file: Path) -> Network:
    return Network(
        name="grid", net_file=file, additional_files=(), sites={}, stops={}, lines={}, gateways={},
        junctions={}, attribution="", sha256="",
    )  # fmt: skip


@pytest.fixture(scope="module")
def graph(grid: Network) -> EdgeGraph:
    return EdgeGraph.from_net(grid.net_file)


def _riders(grid: Network, graph: EdgeGraph, **model: float) -> tuple[Rider, ...]:
    document: dict[str, Any] = {
        "name": "test", "title": "test", "network": "grid", "time": {"begin_s": "08:00", "end_s": "10:00"},
        "demand": {"uniform": model}, "fleet": {"count": 2, "seats": 6, "depot": None},
        "controllers": {"shuttle": {"use": "insertion"}},
    }  # fmt: skip
    return generate(validate(document, place="test.yaml"), grid, graph).riders


def test_requests_are_spread_over_time_and_edges(grid: Network, graph: EdgeGraph) -> None:
    riders = _riders(grid, graph, per_h=1200, min_distance_m=500)
    assert len(riders) == 2400
    assert min(rider.direct_distance_m for rider in riders) >= 500
    assert all(rider.latest_arrival_s is None and rider.shift_start_s is None for rider in riders)
    quarters = np.histogram([rider.earliest_s for rider in riders], bins=8, range=(8 * 3600, 10 * 3600))[0]
    assert np.abs(quarters - 300).max() <= 4 * math.sqrt(300)
    used = {rider.origin_edge for rider in riders} | {rider.destination_edge for rider in riders}
    assert used == set(graph.ids)
    for rider in riders:
        assert 15 <= rider.origin_pos_m <= graph.length_m[graph.position(rider.origin_edge)] - 15


def test_a_distance_that_the_network_does_not_have_is_told(grid: Network, graph: EdgeGraph) -> None:
    with pytest.raises(ScenarioError, match=r"demand\.uniform\.min_distance_m: found 5000"):
        _riders(grid, graph, per_h=10, min_distance_m=5000)


def test_a_single_edge_has_no_way_back_and_is_told(tmp_path: Path) -> None:
    nodes, edges, file = (tmp_path / name for name in ("one.nod.xml", "one.edg.xml", "one.net.xml"))
    nodes.write_text('<nodes><node id="a" x="0" y="0"/><node id="b" x="900" y="0"/></nodes>', encoding="utf-8")
    edges.write_text('<edges><edge id="ab" from="a" to="b" speed="14"/></edges>', encoding="utf-8")
    command = [str(sumo_binary("netconvert")), "-n", str(nodes), "-e", str(edges), "-o", str(file)]
    subprocess.run(command, check=True, capture_output=True, env=sumo_env())
    with pytest.raises(NetworkError, match="network 'grid': edge ab: found no way for taxis from its end back"):
        _riders(_network(file), EdgeGraph.from_net(file), per_h=40, min_distance_m=100)
