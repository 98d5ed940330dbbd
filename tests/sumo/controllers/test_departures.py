"""Shuttles that wait where they stand before they drive to a booking, on SUMO."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.controllers.base import Inputs
from sim.controllers.shuttle.controller import Insertion
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.demand.population import Population
from sim.engine.loop import Loop
from sim.engine.resolve import Resolved
from sim.events import Arrived, Event, PickedUp, RepositionBegan, VehicleRetired
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.rundir import COMMANDS, RunDir
from sim.scenario import validate
from tests.sumo.conftest import rider

WISH_S = 600.0


def run(network: Network, folder: Path, waiting: str) -> tuple[list[Event], list[dict[str, Any]]]:
    """One shuttle, a booking at the far end, and meanwhile somebody next to the depot who goes a short way."""
    document = validate(
        {
            "name": "booked", "title": "booked", "network": "grid",
            "time": {"begin_s": 0, "end_s": 700, "drain_s": 900},
            "fleet": {"count": 1, "seats": 4, "depot": "depot"},
            "controllers": {"shuttle": {"use": "insertion", "period_s": 5}},
        },
        place="the test",
    )  # fmt: skip
    riders = [
        replace(rider(1, "D3C3", "C3B3", at_s=WISH_S, origin_m=60.0), booked_s=30.0),
        rider(2, "B0B1", "B1B2", at_s=150.0, origin_m=60.0),
    ]
    graph = EdgeGraph.from_net(network.net_file)
    controller = Insertion(InsertionParameters.model_validate({"waiting": waiting}))
    inputs = Inputs(document, network, graph, riders, np.random.default_rng(1))
    resolved = Resolved(
        document, network, graph, Population(tuple(riders), (), ()), controller, controller.prepare(inputs)
    )
    with RunDir(folder) as directory:
        Loop(resolved, directory, engine="libsumo", stop=lambda: False, report=lambda _: None).run()
        events = directory.seal_events()
        lines = (directory.work / COMMANDS).read_text().splitlines()
        return events, [json.loads(line) for line in lines]


@pytest.mark.parametrize("waiting", ["drive_first", "wait_first"])
def test_when_a_shuttle_sets_off(grid: Network, tmp_path: Path, waiting: str) -> None:
    events, commands = run(grid, tmp_path / "run", waiting)
    assert sum(isinstance(one, Arrived) for one in events) == 2
    assert not any(isinstance(one, RepositionBegan) for one in events)
    boarded_s = {one.request_id: one.time_s for one in events if isinstance(one, PickedUp)}
    assert WISH_S <= boarded_s["r1"] <= WISH_S + 15
    first_s = min(one["time_s"] for one in commands if one["command"] == "visit")
    (driven_m,) = [one.odometer_m for one in events if isinstance(one, VehicleRetired)]
    if waiting == "drive_first":
        assert first_s < 50
        assert driven_m > 2500  # it comes back from the far end
    else:
        assert first_s > 300
        assert boarded_s["r2"] < 200
        assert driven_m < 2500
