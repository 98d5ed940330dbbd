from __future__ import annotations

import pytest

from sim.demand.generate import generate
from sim.demand.traits import count_traits
from sim.documents import catalogue, load_scenario
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph

MORNINGS = ["morning-none", "morning-shuttle", "morning-sumo", "morning-timetable"]
PARTS_OF_THE_DAY = ["day", "morning", "noon", "evening"]
SHIPPED = [*MORNINGS, "morning-driverless", *PARTS_OF_THE_DAY, "morning-booked", "morning-mixed", "smoke"]


def test_the_catalogue_holds_the_shipped_scenarios() -> None:
    assert set(SHIPPED) <= set(catalogue())


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_scenarios_are_valid_and_can_be_drawn(name: str, network: Network, graph: EdgeGraph) -> None:
    scenario = load_scenario(name)
    people = generate(scenario, network, graph)
    assert bool(people.cars) is (name != "noon")  # the shifts begin and end outside its span
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


def test_the_driverless_morning_differs_in_supervision_and_its_cost_alone() -> None:
    own = {"name", "title", "description", "supervision", "costs"}
    driven, driverless = (load_scenario(name) for name in ("morning-shuttle", "morning-driverless"))
    assert driven.model_dump(exclude=own) == driverless.model_dump(exclude=own)
    assert driven.supervision is None
    assert driverless.supervision is not None


def test_the_morning_holds_about_3000_commuters_and_300_riders(network: Network, graph: EdgeGraph) -> None:
    people = generate(load_scenario("morning-shuttle"), network, graph)
    commuters = [rider for rider in people.riders if rider.purpose == "commute"]
    by_coach = sum(trip.persons for trip in people.background if trip.group == "coach")
    assert 2950 <= len(commuters) + len(people.cars) + by_coach + len(people.walkers) <= 3000
    assert 250 <= len(commuters) <= 350
    assert 150 <= by_coach <= 13 * 35
    assert people.walkers
    assert {scope for rider in people.riders for scope in rider.scopes} >= {
        "housing",
        "station_corridor",
        "villages",
    }


def test_the_parts_of_the_day_share_one_definition() -> None:
    own = {"name", "title", "description", "time"}
    first, *others = (load_scenario(name).model_dump(mode="json", exclude=own) for name in PARTS_OF_THE_DAY)
    assert all(other == first for other in others)


def test_the_main_job_takes_the_people_of_the_day_and_less_traffic() -> None:
    part, whole = load_scenario("morning-shuttle").demand, load_scenario("morning").demand
    assert part.background is not None
    assert whole.background is not None
    assert part.commuters is not None
    assert part.background.scale < whole.background.scale == 1
    traffic = part.background.model_copy(update={"scale": 1.0})
    people = part.commuters.model_copy(update={"parking": True})
    assert part.model_copy(update={"background": traffic, "commuters": people}) == whole


def test_the_booked_morning_has_the_people_of_the_other_mornings(network: Network, graph: EdgeGraph) -> None:
    booked, plain = (generate(load_scenario(name), network, graph) for name in ("morning-booked", "morning-shuttle"))
    assert [one.request_id for one in booked.riders] == [one.request_id for one in plain.riders]
    assert (booked.cars, booked.background) == (plain.cars, plain.background)
    assert {"booked ahead", "booked ahead, recurring", "groups of 2", "do not come"} <= count_traits(
        booked.riders
    ).keys()
    assert count_traits(plain.riders) == {}


def test_people_go_home_in_the_evening(network: Network, graph: EdgeGraph) -> None:
    evening = generate(load_scenario("evening"), network, graph)
    home = [rider for rider in evening.riders if rider.purpose == "commute"]
    assert len(home) > 200
    assert all(rider.person_id.endswith(".home") and rider.latest_arrival_s is None for rider in home)
    day = generate(load_scenario("day"), network, graph)
    assert {rider.person_id for rider in home} < {rider.person_id for rider in day.riders}
    assert sum(not car.inbound for car in evening.cars) > 2000
    whole = {car.person_id: car for car in day.cars}
    assert all(whole[car.person_id].leave_s == car.leave_s for car in evening.cars)


def test_the_smoke_scenario_is_small(network: Network, graph: EdgeGraph) -> None:
    scenario = load_scenario("smoke")
    assert scenario.time.horizon_s - scenario.time.begin_s == 600
    people = generate(scenario, network, graph)
    assert 4 <= len(people.riders) <= 16
