"""Modes, coaches, escorts, the way home, trains and visitors: each a part that can be switched alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sim.demand.generate import generate
from sim.demand.population import Population
from sim.demand.tables import read_trains
from sim.errors import ScenarioError
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import validate

Document = dict[str, Any]
Draw = Callable[[Document], Population]
ASSUMED = {"status": "assumed", "source": "test"}
LEAVING = {"mean_s": 600, "sd_s": 600, "least_s": 0, "most_s": 3600, **ASSUMED}
VISITORS = {"trips_per_h": 40, "rider_share": 0.25, "destinations": ["ggm", "cams", "labour_centre"]}


@pytest.fixture
def draw(network: Network, graph: EdgeGraph) -> Draw:
    return lambda document: generate(validate(document, place="test.yaml"), network, graph)


def _zone(document: Document, name: str) -> Document:
    zone: Document = document["demand"]["commuters"]["homes"][name]
    return zone


def test_shares_of_a_zone_split_its_people_into_modes(draw: Draw, document: Document) -> None:
    document["time"]["begin_s"] = "04:00"  # some walk for an hour and a half
    before = draw(document)
    _zone(document, "wolya")["modes"] = {"walk": 0.3}
    after = draw(document)
    assert after.riders == before.riders
    walked = {walker.person_id for walker in after.walkers}
    drove = {car.person_id for car in before.cars if car.zone == "wolya"}
    assert walked < drove
    assert abs(len(walked) - 0.3 * 600) < 4 * (0.3 * 0.7 * 600) ** 0.5
    assert {car.person_id for car in after.cars} == {car.person_id for car in before.cars} - walked


def test_a_zone_may_have_a_rider_share_of_its_own(draw: Draw, document: Document) -> None:
    _zone(document, "wolya")["modes"] = {"rider": 0.0}
    riders = [rider for rider in draw(document).riders if rider.purpose == "commute"]
    assert riders
    assert {rider.zone for rider in riders} == {"suwan"}


def test_shares_above_one_are_told(document: Document) -> None:
    _zone(document, "wolya")["modes"] = {"coach": 0.5, "walk": 0.4}
    with pytest.raises(ScenarioError, match=r"riders, coach and walk in homes\.wolya add up to 1\.1"):
        validate(document, place="test.yaml")


def test_coaches_carry_people_of_their_zone_while_seats_last(draw: Draw, document: Document) -> None:
    homes = document["demand"]["commuters"]["homes"]
    homes["rest_of_gwangju"] = homes.pop("suwan") | {"modes": {"coach": 0.5}}
    without = draw(document)
    assert not [trip for trip in without.background if trip.group == "coach"]
    document["demand"]["coaches"] = True
    people = draw(document)
    coaches = [trip for trip in people.background if trip.group == "coach"]
    inbound = [trip for trip in coaches if trip.vehicle_id.endswith(".in")]
    assert len(inbound) == 13
    assert max(trip.persons for trip in coaches) == 35  # the seats
    assert sum(trip.persons for trip in inbound) == len(without.cars) - len(people.cars)
    assert len(people.cars) + len(people.riders) < len(without.cars) + len(without.riders)


def test_coaches_take_home_whom_they_brought(draw: Draw, document: Document) -> None:
    homes = document["demand"]["commuters"]["homes"]
    homes["rest_of_gwangju"] = homes.pop("suwan") | {"modes": {"coach": 0.2}}
    document["demand"] |= {"coaches": True, "background": None, "rail": None}
    document["time"].update(begin_s="05:00", end_s="22:00")
    trips = draw(document).background
    brought = sum(trip.persons for trip in trips if trip.vehicle_id.endswith(".in"))
    taken = sum(trip.persons for trip in trips if ".out" in trip.vehicle_id)
    assert brought == taken > 100
    assert all(trip.persons == 0 for trip in trips if trip.vehicle_id.endswith(".empty"))


def test_people_go_home_after_their_shift(draw: Draw, document: Document) -> None:
    to_work = draw(document)
    document["demand"]["commuters"]["leaving"] = LEAVING
    document["time"].update(begin_s="15:00", end_s="20:00")
    home = draw(document)
    assert len(home.cars) == len(to_work.cars)
    assert not any(car.inbound for car in home.cars)
    ends = {"ggm": (16.5 * 3600,), "cams": (17.5 * 3600, 18 * 3600), "labour_centre": (17.5 * 3600, 18 * 3600)}
    for car in home.cars:
        assert car.leave_s == car.depart_s
        assert any(0 <= car.leave_s - end_s <= 3600 for end_s in ends[car.site])
    there = {rider.request_id: rider for rider in to_work.riders if rider.purpose == "commute"}
    back = [rider for rider in home.riders if rider.purpose == "commute"]
    assert {rider.request_id for rider in back} == {f"{name}.home" for name in there}
    for rider in back:
        outbound = there[rider.request_id.removesuffix(".home")]
        assert (rider.origin_edge, rider.destination_edge) == (outbound.destination_edge, outbound.origin_edge)
        assert (rider.zone, rider.scopes, rider.shift_start_s) == (outbound.zone, outbound.scopes, None)


def test_one_car_goes_in_and_back_out(draw: Draw, document: Document) -> None:
    document["demand"]["commuters"]["leaving"] = LEAVING
    document["time"].update(begin_s="05:00", end_s="22:00")
    for car in draw(document).cars:
        assert car.inbound
        assert car.leave_s is not None
        assert car.leave_s > car.shift_start_s > car.depart_s


def test_escorts_are_drivers_who_start_earlier(draw: Draw, document: Document) -> None:
    before = {car.person_id: car for car in draw(document).cars}
    document["demand"]["commuters"]["escorts"] = {"site": "daycare", "children": 70, "dwell_s": 240}
    after = draw(document).cars
    escorts = [car for car in after if car.escort is not None]
    assert 40 <= len(escorts) <= 75
    assert all(before[car.person_id].depart_s - car.depart_s == 240 for car in escorts)
    assert all(before[car.person_id] == car for car in after if car.escort is None)


def test_cars_park_at_their_site_in_proportion_to_the_places(draw: Draw, document: Document, network: Network) -> None:
    parked = [car for car in draw(document).cars if car.park is not None]
    assert all(network.car_parks[car.park].site == car.site for car in parked if car.park)
    document["demand"]["commuters"]["parking"] = False
    gone = draw(document).cars
    assert all(car.park is None for car in gone)
    assert [car.destination_edge for car in gone] == [car.destination_edge for car in parked]
    assert {car.destination_edge for car in gone} == {network.car_parks[car.park].edge for car in parked if car.park}


def test_trains_of_the_table_bring_the_riders(draw: Draw, document: Document) -> None:
    del document["demand"]["rail"]["trains_per_h"]
    document["demand"]["rail"]["scale"] = 3
    riders = [rider for rider in draw(document).riders if rider.purpose == "rail"]
    arrivals = {arrival_s + 200 for arrival_s in read_trains("bitgreen")}
    assert {rider.earliest_s for rider in riders} <= arrivals
    trains = sum(6 * 3600 <= at_s < 10 * 3600 for at_s in arrivals)
    assert abs(len(riders) - 9 * trains) < 4 * (9 * trains) ** 0.5


def test_visitors_are_the_same_in_every_part_of_the_day(draw: Draw, document: Document, network: Network) -> None:
    document["demand"] = {"visitors": VISITORS}
    whole = draw(document)
    rides = {rider.request_id: rider for rider in whole.riders}
    drives = {trip.vehicle_id: trip for trip in whole.background}
    assert abs(len(rides) + len(drives) - 160) < 4 * 160**0.5
    assert abs(len(rides) - 40) < 4 * 40**0.5
    gates = {network.sites[site].edge for site in VISITORS["destinations"]}  # type: ignore[attr-defined]
    assert {trip.origin_edge for trip in whole.background} <= gates
    assert all(rider.origin_edge != rider.destination_edge for rider in whole.riders)
    document["time"].update(begin_s="07:00", end_s="08:00")
    part = draw(document)
    assert all(rides[rider.request_id] == rider for rider in part.riders)
    assert all(drives[trip.vehicle_id] == trip for trip in part.background)


def test_background_fitted_to_counts_does_not_follow_the_rider_share(draw: Draw, document: Document) -> None:
    document["demand"]["background"] = {"scale": 0.2}
    few = draw(document)
    document["demand"]["commuters"]["rider_share"] = 0.6
    many = draw(document)
    assert few.background == many.background
    document["demand"]["background"]["scale"] = 0.4
    double = draw(document)
    assert len(double.background) == pytest.approx(2 * len(few.background), rel=0.1)
