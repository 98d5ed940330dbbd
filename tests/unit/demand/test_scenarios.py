from __future__ import annotations

import time

import pytest

from sim.demand.generate import generate
from sim.documents import catalogue, load_scenario
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph

SHIPPED = ["morning-none", "morning-shuttle", "morning-sumo", "morning-timetable", "smoke"]
MORNINGS = SHIPPED[:-1]


def test_the_catalogue_holds_the_shipped_scenarios() -> None:
    assert set(SHIPPED) <= set(catalogue())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_are_valid_and_drawn_in_time(name: str, network: Network, graph: EdgeGraph) -> None:
    scenario = load_scenario(name)
    started = time.process_time()
    people = generate(scenario, network, graph)
    assert time.process_time() - started < 1.5
    assert people.cars
    assert people.background
    assert bool(people.riders) is (scenario.controllers.shuttle is not None)


def test_mornings_differ_in_the_service_alone() -> None:
    own = {"name", "title", "description", "controllers"}
    first, *others = (load_scenario(name).model_dump(mode="json", exclude=own) for name in MORNINGS)
    assert all(other == first for other in others)
    uses = {name: load_scenario(name).controllers.shuttle for name in MORNINGS}
    assert {name: use.use if use else None for name, use in uses.items()} == {
        "morning-none": None,
        "morning-shuttle": "insertion",
        "morning-sumo": "sumo",
        "morning-timetable": "timetable",
    }


def test_the_morning_holds_about_3000_commuters_and_300_riders(network: Network, graph: EdgeGraph) -> None:
    people = generate(load_scenario("morning-shuttle"), network, graph)
    commuters = [rider for rider in people.riders if rider.purpose == "commute"]
    assert 2950 <= len(commuters) + len(people.cars) <= 3000
    assert 250 <= len(commuters) <= 350
    assert {scope for rider in people.riders for scope in rider.scopes} >= {
        "housing",
        "station_corridor",
        "villages",
    }


def test_the_smoke_scenario_is_small(network: Network, graph: EdgeGraph) -> None:
    scenario = load_scenario("smoke")
    assert scenario.time.horizon_s - scenario.time.begin_s == 600
    people = generate(scenario, network, graph)
    assert 4 <= len(people.riders) <= 16
