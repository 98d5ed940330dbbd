"""Idle shuttles on SUMO: they go where riders ask, stand there, and come from there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.controllers.base import Inputs
from sim.controllers.shuttle.controller import Insertion
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.demand.population import Population, Rider
from sim.engine.loop import Loop
from sim.engine.resolve import Resolved
from sim.engine.sumo import EngineName
from sim.events import Arrived, Event, PickedUp, RepositionBegan, RepositionEnded, fingerprint
from sim.kpi.measure import Measurement
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.rundir import RunDir
from sim.scenario import Scenario, validate
from tests.sumo.conftest import rider

EVERY_S = 150


def riders() -> list[Rider]:
    """Return riders of whom one asks every few minutes in one corner, to be taken to the other."""
    return [
        rider(n, ("A0A1", "A1B1")[n % 2], ("D3C3", "D2D3")[n % 2], at_s=20.0 + EVERY_S * n, origin_m=60.0)
        for n in range(12)
    ]


def scenario() -> Scenario:
    return validate(
        {
            "name": "rebalanced", "title": "rebalanced", "network": "grid",
            "time": {"begin_s": 0, "end_s": 1900, "drain_s": 900},
            "fleet": {"count": 2, "seats": 4, "depot": "depot"},
            "controllers": {"shuttle": {"use": "insertion", "period_s": 5}},
        },
        place="the test",
    )  # fmt: skip


def run(network: Network, folder: Path, rebalance_s: float, *, engine: EngineName = "libsumo") -> list[Event]:
    document, graph = scenario(), EdgeGraph.from_net(network.net_file)
    people = riders()
    controller = Insertion(InsertionParameters(rebalance_s=rebalance_s, rebalance_cell_m=200, rebalance_worth_s=2000))
    inputs = Inputs(document, network, graph, people, np.random.default_rng(1))
    resolved = Resolved(
        document, network, graph, Population(tuple(people), (), ()), controller, controller.prepare(inputs)
    )
    with RunDir(folder) as directory:
        outcome = Loop(resolved, directory, engine=engine, stop=lambda: False, report=lambda _: None).run()
        assert outcome.end == "finished"
        return directory.seal_events()


def figures(events: list[Event]) -> dict[str, float]:
    measurement = Measurement(scenario())
    for one in events:
        measurement.add(one)
    assert measurement.violations(final=True) == []
    return {record.code: record.value for record in measurement.records(final=True) if record.stat in {"mean", "value"}}


@pytest.fixture(scope="module")
def moved(grid: Network, tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    return run(grid, tmp_path_factory.mktemp("moved") / "run", 30)


def test_riders_wait_less_where_shuttles_wait_for_them(grid: Network, tmp_path: Path, moved: list[Event]) -> None:
    stays = run(grid, tmp_path / "run", 0)
    assert sum(isinstance(one, Arrived) for one in moved) == sum(isinstance(one, Arrived) for one in stays) == 12
    assert not any(isinstance(one, RepositionBegan) for one in stays)
    before, after = figures(stays), figures(moved)
    assert before["vkm_reposition"] == 0
    assert 0 < after["vkm_reposition"] <= after["vkm_empty"]
    assert after["wait_s"] < 0.7 * before["wait_s"]


def test_nobody_circles(moved: list[Event]) -> None:
    """Between two riders of a shuttle lies one way to a waiting place at most, and each is ended."""
    ways: dict[str, list[str]] = {}
    for one in moved:
        if isinstance(one, RepositionBegan | RepositionEnded | PickedUp):
            ways.setdefault(one.vehicle_id, []).append(one.kind)
    assert ways
    for kinds in ways.values():
        assert "reposition_began" in kinds
        *between, after = (part.split() for part in " ".join(kinds).split("picked_up"))
        way = ["reposition_began", "reposition_ended"]
        assert all(part in ([], way) for part in between)
        assert after in ([], way[:1], way)  # the run may end with a vehicle on its way


def test_equal_over_traci(grid: Network, tmp_path: Path, moved: list[Event]) -> None:
    assert fingerprint(run(grid, tmp_path / "run", 30, engine="traci")) == fingerprint(moved)
