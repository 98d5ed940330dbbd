"""A small grid that the engine's tests drive on, and what it takes to put a scripted run together."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from sim.controllers.base import Inputs, Preparation, RideLeg, RiderPlan
from sim.controllers.fleet import waiting_fleet
from sim.demand.population import Population, Rider
from sim.engine.loop import Loop, Outcome
from sim.engine.resolve import Resolved
from sim.engine.sumo import EngineName
from sim.events import Event
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.rundir import RunDir
from sim.scenario import Scenario, validate
from sim.system import sumo_binary, sumo_env
from sim.world import World


@pytest.fixture(scope="session")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """A 4×4 grid of 200 m blocks, one lane each way, a depot on A0B0."""
    folder = tmp_path_factory.mktemp("grid")
    net, additional = folder / "grid.net.xml", folder / "grid.add.xml"
    subprocess.run(
        [str(sumo_binary("netgenerate")), "--grid", "--grid.number", "4", "--grid.length", "200", "-o", str(net)],
        env=os.environ | sumo_env(),
        check=True,
        capture_output=True,
    )
    additional.write_text(
        '<additional><parkingArea id="depot" lane="A0B0_0" startPos="20" endPos="120" roadsideCapacity="10" '
        'length="8"/></additional>'
    )
    return Network(
        name="grid", net_file=net, additional_files=(additional,), sites={}, stops={}, lines={}, gateways={},
        junctions={}, attribution="", sha256="",
    )  # fmt: skip


def rider(number: int, origin: str, destination: str, *, at_s: float = 20.0, origin_m: float = 50.0) -> Rider:
    """A rider between two edges of the grid."""
    return Rider(
        person_id=f"p{number}", request_id=f"r{number}", purpose="uniform", origin_edge=origin, origin_pos_m=origin_m,
        destination_edge=destination, destination_pos_m=100.0, earliest_s=at_s, latest_arrival_s=None,
        shift_start_s=None, direct_ride_s=60.0, direct_distance_m=600.0, zone="", site="", scopes=(),
    )  # fmt: skip


@dataclass
class Scripted:
    """A controller whose every step is a function of the test's."""

    script: Callable[[World], None] = lambda _: None
    riders: Sequence[Rider] = ()
    finished: list[float] = field(default_factory=list)

    def prepare(self, inputs: Inputs) -> Preparation:
        plans = tuple(RiderPlan(one, one.earliest_s, (RideLeg("taxi"),)) for one in self.riders)
        return Preparation(vehicles=waiting_fleet(inputs), riders=plans, taxi="world")

    def start(self, world: World) -> None:
        pass

    def step(self, world: World) -> None:
        self.script(world)

    def finish(self, world: World) -> None:
        self.finished.append(world.time_s)


@dataclass
class Grid:
    """Runs scripts on the grid and keeps what they leave."""

    network: Network
    folder: Path

    def scenario(self, *, vehicles: int = 2, seats: int = 4, end_s: int = 300, drain_s: int = 300) -> Scenario:
        return validate(
            {
                "name": "scripted", "title": "scripted", "network": "grid",
                "time": {"begin_s": 0, "end_s": end_s, "drain_s": drain_s},
                "fleet": {"count": vehicles, "seats": seats, "depot": "depot"},
                "controllers": {"shuttle": {"use": "scripted", "period_s": 1}},
            },
            place="the test",
        )  # fmt: skip

    def run(
        self, script: Callable[[World], None], riders: Sequence[Rider], *, scenario: Scenario | None = None,
        engine: EngineName = "libsumo", name: str = "run", stop: Callable[[], bool] = lambda: False,
    ) -> tuple[list[Event], Outcome]:  # fmt: skip
        scenario = scenario or self.scenario()
        resolved = self.resolve(scenario, Scripted(script, riders))
        with RunDir(self.folder / name) as directory:
            outcome = Loop(resolved, directory, engine=engine, stop=stop, report=lambda _: None).run()
            return directory.seal_events(), outcome

    def resolve(self, scenario: Scenario, controller: Scripted) -> Resolved:
        graph = EdgeGraph.from_net(self.network.net_file)
        population = Population(tuple(controller.riders), (), ())
        inputs = Inputs(scenario, self.network, graph, population.riders, np.random.default_rng(1))
        return Resolved(scenario, self.network, graph, population, controller, controller.prepare(inputs))


@pytest.fixture
def on_grid(grid: Network, tmp_path: Path) -> Grid:
    return Grid(grid, tmp_path)
