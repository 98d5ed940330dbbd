from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from sim.controllers.base import Inputs, Preparation, RideLeg, WalkLeg
from sim.controllers.timetable.controller import Timetable, TimetableParameters
from sim.demand.generate import generate
from sim.demand.population import Population
from sim.documents import load_scenario
from sim.engine.inputs import TRIPINFO, options, write_inputs
from sim.network.catalog import load_network
from sim.network.graph import EdgeGraph
from sim.network.walking import Place, walking_distances
from sim.system import sumo_binary, sumo_env

SET_DOWN = {"B001", "B080", "B021", "B020"}
"""There a late bus is late, and a bus ahead of time drives on: nobody waits for it."""


@dataclass(frozen=True)
class Run:
    inputs: Inputs
    service: Preparation
    journeys: dict[str, list[ET.Element]]
    stops: dict[str, list[ET.Element]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Every eighth rider of the morning on an empty network, by the whole timetable."""
    folder = tmp_path_factory.mktemp("timetable")
    scenario = load_scenario("morning-timetable")
    network = load_network(scenario.network)
    graph = EdgeGraph.from_net(network.net_file)
    riders = generate(scenario, network, graph).riders[::8]
    inputs = Inputs(scenario, network, graph, riders, np.random.default_rng(0))
    service = Timetable(TimetableParameters()).prepare(inputs)
    chosen = write_inputs(folder, scenario, network, Population(riders, (), ()), service)
    chosen |= options(scenario, service, work=folder)
    chosen |= {"stop-output": str(folder / "stops.xml"), "end": str(scenario.time.horizon_s)}
    command = [
        str(sumo_binary("sumo")),
        *(word for key, value in chosen.items() for word in (f"--{key}", value)),
    ]
    subprocess.run(command, env=os.environ | sumo_env(), check=True, capture_output=True)
    return Run(inputs, service, _elements(folder / TRIPINFO, "personinfo"), _elements(folder / "stops.xml", "stopinfo"))


def _elements(path: Path, tag: str) -> dict[str, list[ET.Element]]:
    found: dict[str, list[ET.Element]] = {}
    for element in ET.parse(path).getroot().iter(tag):  # noqa: S314 (SUMO wrote it a moment ago)
        found.setdefault(element.attrib["id"], []).append(element)
    return found


def test_every_rider_with_a_plan_is_carried_door_to_door(run: Run) -> None:
    carried = [plan for plan in run.service.riders if plan.refused is None]
    assert len(carried) > 30
    for plan in carried:
        (journey,) = run.journeys[plan.rider.person_id]
        assert all(float(stage.attrib["arrival"]) >= 0 for stage in journey)
        assert journey.find("ride") is not None


def test_walks_take_what_the_plan_expects(run: Run) -> None:
    plans = [plan for plan in run.service.riders if plan.refused is None]
    speed = run.inputs.scenario.requests.walk_speed_mps
    for plan in plans:
        walk, ride, _ = plan.legs
        assert isinstance(walk, WalkLeg)
        assert isinstance(ride, RideLeg)
        stops = [str(walk.stop_id), str(ride.stop_id)]
        places = [
            Place(plan.rider.origin_edge, plan.rider.origin_pos_m),
            Place(plan.rider.destination_edge, plan.rider.destination_pos_m),
        ]
        metres = walking_distances(run.inputs.network, run.inputs.graph, stops, places)
        stages = list(run.journeys[plan.rider.person_id][0])
        at = next(number for number, stage in enumerate(stages) if stage.tag == "ride")
        for part, planned_m in ((stages[:at], metres[0, 0]), (stages[at + 1 :], metres[1, 1])):
            walked_s = float(part[-1].attrib["arrival"]) - float(part[0].attrib["depart"])
            # half a kerb's length, and whole steps at every edge
            assert walked_s == pytest.approx(planned_m / speed, abs=30)


def test_buses_keep_the_timetable_on_an_empty_network(run: Run) -> None:
    late = []
    for vehicle in run.service.vehicles:
        served = sorted(run.stops.get(vehicle.id, []), key=lambda stop: float(stop.attrib["started"]))
        # the last call, at the depot, lasts to the end of the run
        for stop, call in zip(served, vehicle.calls[:-1], strict=True):
            assert (stop.get("busStop") or stop.get("parkingArea")) == call.stop_id
            if call.stop_id[:-1] not in SET_DOWN:
                late.append(float(stop.attrib["ended"]) - call.until_s)
    assert len(late) > 100
    assert min(late) > -1
    assert np.percentile(late, 95) <= 60
