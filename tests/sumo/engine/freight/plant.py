"""A plant of four sites on a small grid that is built closed to driverless classes, and runs of freight on it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest

from sim.controllers.base import FreightController, Preparation
from sim.controllers.freight.greedy import Greedy, GreedyParameters
from sim.demand.population import FinishedCar, Goods, Lorry, Population
from sim.engine import loop
from sim.engine.freight.setup import set_up_freight
from sim.engine.loop import Loop, Outcome
from sim.engine.resolve import Resolved
from sim.engine.sumo import EngineName, StepFacts, SumoPort
from sim.events import Event, VehicleTeleported
from sim.freight import Call, Cargo, FreightWorld, Order, OrderKind
from sim.kpi.measure import Measurement
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.rundir import COMMANDS, RunDir
from sim.scenario import Scenario, validate
from sim.system import sumo_binary, sumo_env
from sim.vehicle_classes import FreightClass

Kind = TypeVar("Kind", bound=Event)
Probe = Callable[[Any, StepFacts], None]
"""Looks at SUMO itself, by its library, after each step."""

CLOSED = ("custom1", "custom2", "private", "pedestrian")
AREAS = """
<additional>
  <parkingArea id="depot.trucks" lane="A0B0_1" startPos="20" endPos="180" roadsideCapacity="10" length="14"/>
  <parkingArea id="staging.east" lane="B1C1_1" startPos="30" endPos="90" roadsideCapacity="3" length="16"/>
  <parkingArea id="dock.east" lane="B1C1_1" startPos="110" endPos="170" roadsideCapacity="2" length="20"/>
  <parkingArea id="staging.west" lane="C2B2_1" startPos="30" endPos="90" roadsideCapacity="3" length="16"/>
  <parkingArea id="dock.west" lane="C2B2_1" startPos="110" endPos="170" roadsideCapacity="2" length="20"/>
  <parkingArea id="dock.bare" lane="D1D2_1" startPos="120" endPos="160" roadsideCapacity="1" length="20"/>
  <parkingArea id="dock.north" lane="B3C3_1" startPos="110" endPos="170" roadsideCapacity="2" length="20"/>
  <parkingArea id="dock.upper" lane="A3B3_1" startPos="30" endPos="70" roadsideCapacity="1" length="20"/>
  <parkingArea id="dock.lower" lane="A3B3_1" startPos="120" endPos="160" roadsideCapacity="1" length="20"/>
  <parkingArea id="compound" lane="C0D0_1" startPos="60" endPos="160" roadsideCapacity="10" length="8"/>
</additional>
"""
BATTERY: Mapping[str, Any] = {
    "capacity_kwh": 10, "mass_kg": 7000, "auxiliary_w": 2000, "front_area_m2": 6, "drag_coefficient": 0.6,
    "rolling_coefficient": 0.01, "propulsion_efficiency": 0.9, "recuperation_efficiency": 0.7, "initial_share": 0.5,
}  # fmt: skip
DIESEL: Mapping[str, Any] = {"emission_class": "HBEFA4/RT_gt12-14t_Euro-VI_D-E", "mass_kg": 7000}
CHARGING: Mapping[str, Any] = {"power_kw": 40, "hub_kw": 60}
TUG: Mapping[str, Any] = {
    "vehicle_class": "av_truck", "count": 3, "depot": "yard", "capacity_pallets": 6, "payload_kg": 4000,
    "length_m": 9, "max_speed_mps": 15, "crew": "none", "battery": BATTERY,
}  # fmt: skip
HUMAN: Mapping[str, Any] = {**TUG, "vehicle_class": "human_truck", "crew": "driver", "battery": None, "diesel": DIESEL}
QUICK: Mapping[str, Any] = {"handling": {"fixed_s": 30, "per_pallet_s": 5, "variation": 0}}


def only(events: Iterable[Event], kind: type[Kind]) -> list[Kind]:
    """Return the events of one kind."""
    return [one for one in events if isinstance(one, kind)]


def order(
    name: str, origin: str, destination: str, *, released_s: float = 0.0, pallets: float = 2.0, mass_kg: float = 600.0,
    latest_s: float = 1500.0, kind: OrderKind = "consignment", classes: tuple[FreightClass, ...] = (),
) -> Order:  # fmt: skip
    """Return an order that may be delivered from the begin on."""
    return Order(
        id=name, kind=kind, family="piece", origin=origin, destination=destination, cargo=Cargo(pallets, mass_kg),
        released_s=released_s, earliest_s=0.0, latest_s=latest_s, classes=classes,
    )  # fmt: skip


def freight(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 (parts of a document)
    """Return the freight of a scenario: two sites with staging lots, two without, three electric trucks."""
    sites = {"east": {**QUICK, "charging": CHARGING}, "west": QUICK, "bare": QUICK, "north": QUICK}
    return {
        "sites": sites, "depots": {"yard": {"parking": "depot.trucks", "charging": CHARGING}}, "fleets": {"tug": TUG},
        "conflicts": False, **changes,
    }  # fmt: skip


def scenario(
    *, end_s: int = 900, drain_s: int = 600, step_s: float = 1, permits: Mapping[str, Any] | None = None,
    period_s: float = 5.0, seeds: Mapping[str, int] | None = None, **changes: Any,  # noqa: ANN401 (parts of a document)
) -> Scenario:  # fmt: skip
    """Return a scenario on the grid from midnight on; `changes` are parts of its freight."""
    return validate(
        {
            "name": "plant", "title": "plant", "network": "plant",
            "time": {"begin_s": 0, "end_s": end_s, "drain_s": drain_s, "step_s": step_s},
            "freight": freight(**changes), "permits": permits or {}, "seeds": seeds or {},
            "controllers": {"freight": {"use": "greedy", "period_s": period_s}},
        },
        place="the test",
    )  # fmt: skip


def permit(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 (parts of a document)
    """Return a permit for driverless trucks everywhere at any hour."""
    plain = {"title": "t", "classes": ["av_truck"], "zone": {"everywhere": True}, "status": "assumed", "source": "test"}
    return plain | changes


def greedy(**parameters: float) -> Greedy:
    """Return the controller `greedy`, which sends its trucks as soon as it can."""
    return Greedy(GreedyParameters.model_validate(parameters))


Script = Callable[[FreightWorld], None]


@dataclass
class Scripted:
    """A controller whose every step is a function of the test's."""

    script: Script

    def start(self, world: FreightWorld) -> None:
        pass

    def step(self, world: FreightWorld) -> None:
        self.script(world)

    def finish(self, world: FreightWorld) -> None:
        pass


def there_and_back(*pairs: tuple[str, str, str, str]) -> Script:
    """Give each vehicle its order as soon as it waits: (vehicle, order, origin, destination)."""
    left = list(pairs)

    def script(world: FreightWorld) -> None:
        waiting = {one.id for one in world.orders()}
        for pair in [pair for pair in left if pair[1] in waiting]:
            vehicle, name, origin, destination = pair
            world.set_plans({vehicle: [Call(origin, load=(name,)), Call(destination, unload=(name,))]})
            left.remove(pair)

    return script


@dataclass
class Ran:
    """What a run left."""

    events: list[Event]
    outcome: Outcome
    commands: str

    def only(self, kind: type[Kind]) -> list[Kind]:
        """Return the events of one kind."""
        return only(self.events, kind)


@dataclass
class Plant:
    """Runs freight on the grid."""

    network: Network
    folder: Path
    runs: int = 0
    no_goods: ClassVar[Goods] = Goods()

    def run(
        self, controller: FreightController | Script, orders: Sequence[Order] = (), *, lorries: Sequence[Lorry] = (),
        cars: Sequence[FinishedCar] = (), where: Scenario | None = None, engine: EngineName = "libsumo",
    ) -> Ran:  # fmt: skip
        """Run a scenario to its end; nobody is teleported, and all that KPIs rest on holds."""
        where = where or scenario()
        dispatcher: FreightController = Scripted(controller) if callable(controller) else controller
        resolved = self.resolve(where, dispatcher, Goods(tuple(orders), tuple(lorries), tuple(cars)))
        self.runs += 1
        with RunDir(self.folder / f"run{self.runs}") as directory:
            outcome = Loop(resolved, directory, engine=engine, stop=lambda: False, report=lambda _: None).run()
            events = directory.seal_events()
            commands = (directory.work / COMMANDS).read_text()
        assert not only(events, VehicleTeleported)
        measured = Measurement(where)
        for event in events:
            measured.add(event)
        assert measured.violations(final=True) == []
        return Ran(events, outcome, commands)

    def resolve(self, where: Scenario, dispatcher: FreightController, goods: Goods) -> Resolved:
        """Put a run together without the network of a name."""
        graph = EdgeGraph.from_net(self.network.net_file)
        setup = set_up_freight(where, self.network, graph)
        population = Population((), (), (), goods=goods)
        return Resolved(where, self.network, graph, population, None, Preparation(), setup, dispatcher)


def build(folder: Path, *, closed: Sequence[str] = CLOSED) -> Network:
    """Build the grid: 4×4 junctions, 200 m apart, one lane and a sidewalk each way; lanes are closed to classes."""
    net, additional = folder / "plant.net.xml", folder / "plant.add.xml"
    grid = ["--grid", "--grid.number", "4", "--grid.length", "200"]
    grid += ["--default.disallow", " ".join(closed)] if closed else []
    walks = ["--default.sidewalk-width", "2", "--sidewalks.guess", "--crossings.guess"]
    subprocess.run(
        [str(sumo_binary("netgenerate")), *grid, *walks, "-o", str(net)],
        env=os.environ | sumo_env(),
        check=True,
        capture_output=True,
    )
    additional.write_text(AREAS)
    return Network(
        name="plant", net_file=net, additional_files=(additional,), sites={}, stops={}, lines={}, gateways={},
        junctions={}, attribution="", sha256="",
    )  # fmt: skip


def all_edges() -> list[str]:
    """Return the edges of the grid."""
    names = [f"{column}{row}" for column in "ABCD" for row in range(4)]
    near = [(a, b) for a in names for b in names if abs(ord(a[0]) - ord(b[0])) + abs(int(a[1]) - int(b[1])) == 1]
    return [a + b for a, b in near]


def probed(monkeypatch: pytest.MonkeyPatch, *probes: Probe) -> None:
    """Let the loop run on a port that shows SUMO to the probes after each step."""

    class Probed(SumoPort):
        def step(self) -> StepFacts:
            facts = super().step()
            for probe in probes:
                probe(self.library, facts)
            return facts

    monkeypatch.setattr(loop, "SumoPort", Probed)
