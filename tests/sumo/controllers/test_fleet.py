"""A mixed fleet on SUMO: groups serve what is theirs, rest in their breaks, and are home when their duty ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from sim.controllers.base import Inputs
from sim.controllers.shuttle.assignment import Rtv, RtvParameters
from sim.controllers.shuttle.controller import Insertion
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.rolling import Lns, LnsParameters
from sim.demand.population import Population, Rider
from sim.engine.loop import Loop
from sim.engine.resolve import Resolved
from sim.events import Arrived, BreakTaken, Event, PickedUp, Rejected, VehicleRetired
from sim.network.catalog import Area, Network
from sim.network.graph import EdgeGraph
from sim.rundir import RunDir
from sim.scenario import Scenario, validate
from sim.world import Vehicle, World
from tests.sumo.conftest import rider
from tests.sumo.controllers.test_shuttles import mixed_riders

DEPOT = "A0B0"
END_S = 1000


@dataclass
class Watched:
    """Notes how the fleet stands in every step of a controller."""

    controller: Insertion
    seen: list[tuple[float, list[Vehicle]]]

    def prepare(self, inputs: Inputs):  # type: ignore[no-untyped-def]  # noqa: ANN201
        return self.controller.prepare(inputs)

    def start(self, world: World) -> None:
        self.controller.start(world)

    def step(self, world: World) -> None:
        self.seen.append((world.time_s, list(world.vehicles())))
        self.controller.step(world)

    def finish(self, world: World) -> None:
        self.controller.finish(world)


def scenario() -> Scenario:
    rest = {"earliest_s": 300, "latest_s": 700, "duration_s": 120}
    return validate(
        {
            "name": "mixed-fleet", "title": "mixed fleet", "network": "grid",
            "time": {"begin_s": 0, "end_s": 1500, "drain_s": 1200},
            "fleet": {
                "depot": "depot", "seats": 4,
                "groups": {
                    "minibus": {"count": 3, "duties": [{"begin_s": 0, "end_s": END_S, "breaks": [rest]},
                                                       {"begin_s": 0, "end_s": 7200, "breaks": [rest]}]},
                    "accessible": {"count": 1, "seats": 2, "wheelchairs": 1, "areas": ["south"]},
                },
            },
            "requests": {"max_wait_s": 700, "areas": ["south", "north"], "classes": {"hasty": {"max_wait_s": 400}}},
            "controllers": {"shuttle": {"use": "insertion", "period_s": 5}},
        },
        place="the test",
    )  # fmt: skip


def with_areas(network: Network) -> Network:
    """The grid's lower rows as the south, all above the lowest as the north; its westernmost streets lie in neither."""

    def strip(low: float, high: float) -> Area:
        shape = ((10.0, low), (650.0, low), (650.0, high), (10.0, high))
        return Area(name_ko="구역", name_en="strip", kind="housing", site=None, shape=shape, status="assumed")

    return replace(network, areas={"south": strip(-50, 250), "north": strip(150, 650)})


def run(
    network: Network, folder: Path, controller: Insertion, riders: Sequence[Rider]
) -> tuple[list[Event], list[tuple[float, list[Vehicle]]], EdgeGraph]:
    document, graph = scenario(), EdgeGraph.from_net(network.net_file)
    inputs = Inputs(document, network, graph, riders, np.random.default_rng(1))
    watched = Watched(controller, [])
    population = Population(tuple(riders), (), ())
    resolved = Resolved(document, network, graph, population, watched, watched.prepare(inputs))
    with RunDir(folder) as directory:
        outcome = Loop(resolved, directory, engine="libsumo", stop=lambda: False, report=lambda _: None).run()
        assert outcome.end == "finished"
        return directory.seal_events(), watched.seen, graph


@pytest.mark.parametrize(
    "controller", [Insertion(InsertionParameters()), Lns(LnsParameters(iterations=50)), Rtv(RtvParameters())]
)
def test_a_mixed_fleet_keeps_its_areas_duties_and_breaks(grid: Network, tmp_path: Path, controller: Insertion) -> None:
    riders = [one for one in mixed_riders(4, count=60) if one.size <= 3 and one.shows_up]
    chairs = {"r92": ("B1C1", "C0D0"), "r93": ("C0D0", "B1C1")}
    riders += [replace(rider(int(name[1:]), *ends), wheelchairs=1) for name, ends in chairs.items()]
    riders.append(rider(90, "A3A2", "B1C1", at_s=30.0))
    riders.append(rider(91, "A1B1", "C1C2", at_s=1450.0))  # keeps the run going when the first duty has ended
    events, seen, graph = run(with_areas(grid), tmp_path / "run", controller, riders)

    rejected = {one.request_id: one.cause for one in events if isinstance(one, Rejected)}
    assert rejected["r90"] == "outside_service_area"
    assert "r91" in {one.request_id for one in events if isinstance(one, Arrived)}
    assert sum(isinstance(one, Arrived) for one in events) > 20

    boarded = [one for one in events if isinstance(one, PickedUp)]
    assert [one.vehicle_id for one in boarded if one.request_id in chairs] == ["shuttle.03"] * 2
    doors = {one.request_id: (one.origin_edge, one.destination_edge) for one in riders}
    for one in boarded:
        if one.vehicle_id == "shuttle.03":
            assert all(graph.shapes[graph.index[edge]][:, 1].min() < 250 for edge in doors[one.request_id])

    breaks = [one for one in events if isinstance(one, BreakTaken)]
    assert sorted(one.vehicle_id for one in breaks) == ["shuttle.00", "shuttle.01", "shuttle.02"]
    for rest in breaks:
        assert 300 <= rest.begin_s <= 705 + rest.late_s
        assert 120 <= rest.time_s - rest.begin_s <= 125
        name, begin_s, end_s = rest.vehicle_id, rest.begin_s, rest.time_s
        rested = [v for time_s, fleet in seen for v in fleet if v.id == name and begin_s <= time_s <= end_s]
        assert len(rested) >= 24
        assert {(graph.ids[v.location.edge], v.on_board, v.phase) for v in rested} == {(DEPOT, (), "idle")}

    retired = {one.vehicle_id: one.time_s for one in events if isinstance(one, VehicleRetired)}
    for name in ("shuttle.00", "shuttle.02"):
        assert END_S <= retired[name] <= END_S + 120  # traffic may make it late
        last = next(v for t, fleet in reversed(seen) for v in fleet if v.id == name)
        assert graph.ids[last.location.edge] == DEPOT
    assert retired["shuttle.01"] > 1450
