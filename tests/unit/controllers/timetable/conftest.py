from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from sim.controllers.base import Inputs, Preparation
from sim.controllers.timetable.controller import Timetable, TimetableParameters
from sim.demand.generate import generate
from sim.documents import load_scenario
from sim.network.catalog import load_network
from sim.network.graph import EdgeGraph


@dataclass(frozen=True)
class Morning:
    inputs: Inputs
    service: Preparation


def morning_inputs() -> Inputs:
    scenario = load_scenario("morning-timetable")
    network = load_network(scenario.network)
    graph = EdgeGraph.from_net(network.net_file)
    riders = generate(scenario, network, graph).riders
    return Inputs(scenario, network, graph, riders, np.random.default_rng(0))


def with_fleet(inputs: Inputs, **changes: object) -> Inputs:
    """Return the inputs with other figures in the fleet."""
    assert inputs.scenario.fleet is not None
    fleet = inputs.scenario.fleet.model_copy(update=changes)
    return replace(inputs, scenario=inputs.scenario.model_copy(update={"fleet": fleet}))


def prepare(inputs: Inputs, *, max_walk_m: float = 1500) -> Preparation:
    return Timetable(TimetableParameters(max_walk_m=max_walk_m)).prepare(inputs)


@pytest.fixture(scope="session")
def morning() -> Morning:
    inputs = morning_inputs()
    return Morning(inputs, prepare(inputs))
