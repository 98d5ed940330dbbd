from __future__ import annotations

import numpy as np
import pytest
from numpy.random import SeedSequence

from sim.demand.draws import named_streams
from sim.demand.generate import STREAMS, generate
from sim.demand.goods import consignments
from sim.demand.line import line_of_day, part_orders
from sim.demand.traits import count_traits
from sim.documents import catalogue, load_scenario
from sim.freight import Cargo, Order
from sim.freight_document import Freight, TruckFleet
from sim.network.catalog import Network
from sim.network.freight_places import compound_parking, freight_depots, freight_places
from sim.network.graph import EdgeGraph
from sim.scenario import Scenario

MORNINGS = ["morning-none", "morning-shuttle", "morning-sumo", "morning-timetable"]
PARTS_OF_THE_DAY = ["day", "morning", "noon", "evening"]
FREIGHT = ["parts-to-line", "parts-to-line-human", "finished-vehicles", "robots-and-special-vehicles", "bitgreen-day"]
SHIPPED = [*MORNINGS, "morning-driverless", *PARTS_OF_THE_DAY, "morning-booked", "morning-mixed", "smoke", *FREIGHT]


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


def test_freight_scenarios_find_their_places_on_the_network(network: Network, graph: EdgeGraph) -> None:
    for name in FREIGHT:
        freight = load_scenario(name).freight
        assert freight is not None
        assert set(freight_places(network, graph, freight)) == set(freight.sites)
        assert set(freight_depots(network, graph, freight)) == set(freight.depots)
        assert (compound_parking(network, graph, freight) is None) is (freight.finished_cars is None)


def test_every_order_fits_a_vehicle_of_its_scenario() -> None:
    for name in FREIGHT:
        scenario = load_scenario(name)
        for order in draw_orders(scenario):
            assert any(_may_carry(fleet, order) for fleet in freight_of(scenario).fleets.values()), (name, order)


def test_the_fleet_for_the_line_is_neither_idle_nor_overrun() -> None:
    # a round trip of 22 minutes, as the document reckons it: 2.7 orders an hour and truck
    trucks = freight_of(load_scenario("parts-to-line")).fleets["parts"].count
    for seed in range(20):
        orders = draw_orders(load_scenario("parts-to-line", overrides=[f"seeds.demand={seed}"]))
        due_h = [order.latest_s / 3600 for order in orders]
        most = max(sum(start <= due < start + 1 for due in due_h) for start in np.arange(8, 16, 0.25))
        assert 0.35 < len(orders) / 8 / (2.7 * trucks) < 0.85
        assert most < 2.7 * trucks


@pytest.mark.parametrize("name", ["parts-to-line", "parts-by-night", "bitgreen-day"])
def test_whatever_the_stock_of_the_day_a_truck_can_bring_the_first_lots_in_time(name: str) -> None:
    seen = set()
    for seed in range(20):
        scenario = load_scenario(name, overrides=[f"seeds.demand={seed}"])
        duty = freight_of(scenario).fleets["parts"].duty
        begin_s = duty.begin_s if duty is not None else scenario.time.begin_s
        parts = [order for order in draw_orders(scenario) if order.kind == "part"]
        # 22 minutes there and back, as the document of parts-to-line reckons, and 10 to the first maker
        assert all(order.latest_s - max(order.released_s, begin_s) > 32 * 60 for order in parts)
        seen.add(tuple(order.latest_s for order in parts))
    assert len(seen) == 20


def test_the_human_baseline_differs_in_the_trucks_alone() -> None:
    own = {"name", "title", "description", "freight"}
    driverless, driven = (load_scenario(name) for name in ("parts-to-line", "parts-to-line-human"))
    assert driverless.model_dump(exclude=own) == driven.model_dump(exclude=own)
    fleets = {"fleets"}
    assert freight_of(driverless).model_dump(exclude=fleets) == freight_of(driven).model_dump(exclude=fleets)
    parts = [freight_of(one).fleets["parts"] for one in (driverless, driven)]
    assert [(one.vehicle_class, one.crew) for one in parts] == [("av_truck", "remote"), ("human_truck", "driver")]
    assert parts[0].count == parts[1].count


def test_carriers_take_what_the_line_gives(network: Network, graph: EdgeGraph) -> None:
    scenario = load_scenario("finished-vehicles")
    goods = generate(scenario, network, graph).goods
    assert len(goods.cars) == 236  # 29.5 an hour, 8 hours
    freight = freight_of(scenario)
    assert freight.lorries["carriers"].per_day.value * 6 == pytest.approx(236, rel=0.02)
    assert freight.finished_cars is not None
    left = freight.finished_cars.stored.value + 236 - 6 * len(goods.lorries)
    assert 0 <= left <= freight.finished_cars.capacity.value


def freight_of(scenario: Scenario) -> Freight:
    assert scenario.freight is not None
    return scenario.freight


def draw_orders(scenario: Scenario) -> list[Order]:
    freight, seeds = freight_of(scenario), SeedSequence(scenario.seeds.demand)
    goods = named_streams(SeedSequence(scenario.seeds.demand), STREAMS)["goods"]
    lines = [line_of_day(name, line, goods) for name, line in freight.lines.items()]
    orders = [order for line in lines for order in part_orders(line, scenario.time)]
    return orders + [
        order for name, flow in freight.consignments.items() for order in consignments(name, flow, scenario.time, seeds)
    ]


def _may_carry(fleet: TruckFleet, order: Order) -> bool:
    served = not fleet.sites or {order.origin, order.destination} <= set(fleet.sites)
    return served and order.kind in fleet.kinds and order.cargo.fits(Cargo(fleet.capacity_pallets, fleet.payload_kg))


def test_the_smoke_scenario_is_small(network: Network, graph: EdgeGraph) -> None:
    scenario = load_scenario("smoke")
    assert scenario.time.horizon_s - scenario.time.begin_s == 600
    people = generate(scenario, network, graph)
    assert 4 <= len(people.riders) <= 16
