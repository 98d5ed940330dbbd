"""A fleet laid out for the planning core, against travel times and dwells by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.controllers.shuttle.layout import UNPLANNED, Layout
from sim.controllers.shuttle.ride import Ride, in_time, rides_of
from sim.controllers.shuttle.shuttle import Start
from sim.dispatch.problem import Weights, laid_out
from sim.dispatch.schedule import time_plan
from sim.fleet_document import Fleet
from sim.scenario import RideLimits
from sim.world import BoardingPoint, Load, Location, PlannedStop, Request, TravelTimes
from tests.unit.controllers.shuttle.replay import grid_times
from tests.unit.controllers.shuttle.test_controller import request

FLEET = Fleet(count=1, seats=6, boarding_s=10, alighting_s=12)


@pytest.fixture(scope="module")
def times() -> TravelTimes:
    return grid_times(5, 200.0, 10.0)


def ride(number: int, origin: Location, destination: Location, *, earliest_s: float = 0.0) -> Ride:
    asked = request(number, origin, destination, earliest_s=earliest_s)
    return Ride(asked, None, None, earliest_s, earliest_s + 900, math.inf, 1200.0)


def stops(*names: str) -> list[PlannedStop]:
    """Return stops from names like `+r000` and `-r000`."""
    return [PlannedStop(name[1:], pickup=name[0] == "+") for name in names]


def test_plans_are_timed_by_driving_times_and_dwells_and_one_place_shares_its_dwell(times: TravelTimes) -> None:
    here, there, far = Location(3, 20.0), Location(17, 120.0), Location(40, 80.0)
    rides = {one.request.id: one for one in (ride(0, here, far), ride(1, there, far, earliest_s=400.0))}
    plan = stops("+r000", "+r001", "-r000", "-r001")
    start = Start(Location(3, 100.0), ready_s=50.0, capacity=Load(6, 0), load=Load(0, 0), locked=0)
    for factor in (1.0, 1.5):
        layout = Layout.of(times, [start], [plan], rides, fleet=FLEET, weights=Weights(1.0, 1.0, 1.0), factor=factor)
        first = 50 + factor * times.time_s(start.location, here)
        second = max(400.0, first + 10 + factor * times.time_s(here, there))
        third = second + 10 + factor * times.time_s(there, far)
        assert time_plan(layout.problem, 0, layout.plans[0]).begin_s == pytest.approx([first, second, third, third])
        assert layout.stops(layout.plans[0]) == plan


def test_riders_on_board_keep_their_vehicle_and_others_are_open(times: TravelTimes) -> None:
    places = [Location(edge, 50.0) for edge in (1, 9, 20, 33)]
    aboard, planned, asked = ride(0, places[0], places[1]), ride(1, places[1], places[2]), ride(2, *places[2:])
    aboard.boarded_s = 33.0
    group = Request("r003", "p003", places[0], places[3], size=3, earliest_s=5.0, latest_arrival_s=None,
                    direct_ride_s=0.0, wheelchairs=1)  # fmt: skip
    starts = [Start(places[0], 0.0, Load(4, 1), Load(0, 0), 0), Start(places[3], 40.0, Load(6, 0), Load(1, 0), 1)]
    layout = Layout.of(
        times,
        starts,
        [stops("+r001", "-r001"), stops("-r000")],
        {"r000": aboard, "r001": planned},
        others=[asked, Ride(group, None, None, 5.0, 600.0, math.inf, 900.0)],
        penalty_s=7.0,
        fleet=FLEET,
        weights=Weights(),
    )
    requests, vehicles = layout.problem.requests, layout.problem.vehicles
    assert [one.request.id for one in layout.rides] == ["r001", "r000", "r002", "r003"]
    assert layout.plans == ((0, 1), (3,))
    assert requests.vehicle.tolist() == [-1, 1, -1, -1]
    assert requests.boarded_s.tolist()[1] == 33.0
    assert requests.penalty.tolist() == [UNPLANNED, UNPLANNED, 7.0, 21.0]
    assert requests.load.tolist() == [[1, 0], [1, 0], [1, 0], [2, 1]]
    assert requests.riders.tolist() == [1, 1, 1, 3]
    assert vehicles.capacity.tolist() == [[4, 1], [6, 0]]
    assert vehicles.load.tolist() == [[0, 0], [1, 0]]
    assert vehicles.locked.tolist() == [0, 1]
    assert vehicles.node[0] == requests.node[7 - 1]  # the group boards where the first vehicle is
    assert laid_out(layout.problem).requests.latest_s is requests.latest_s


def test_a_ride_holds_both_dwells_for_the_rider_and_none_for_the_core(times: TravelTimes) -> None:
    asked = request(0, Location(3, 20.0), Location(40, 80.0), earliest_s=100.0)
    direct = times.time_s(asked.origin, asked.destination)

    def longest_s(**limits: float) -> float:
        (found,) = rides_of(asked, RideLimits(**limits), FLEET, now_s=0.0, way_s=times.time_s)
        return found.max_ride_s

    assert longest_s(max_detour_alpha=1.5, max_detour_beta_s=100) == pytest.approx(1.5 * direct + 100 - 22)
    assert longest_s(max_detour_alpha=1, max_detour_beta_s=0) == pytest.approx(direct)
    assert longest_s(max_ride_s=direct) == pytest.approx(direct - 22)
    assert longest_s(max_ride_s=1) == 0.0


def test_meeting_points_move_the_windows_by_the_walks(times: TravelTimes) -> None:
    near, stop, goal = Location(3, 20.0), Location(5, 50.0), Location(40, 80.0)
    asked = Request(
        "r", "p", near, goal, size=1, earliest_s=100.0, latest_arrival_s=900.0, direct_ride_s=0.0, arrive_by=True,
        boarding=(BoardingPoint(near, 0.0), BoardingPoint(stop, 90.0)),
        alighting=(BoardingPoint(goal, 30.0), BoardingPoint(stop, 60.0)),
    )  # fmt: skip
    limits = RideLimits(max_wait_s=600)
    found = list(rides_of(asked, limits, FLEET, now_s=150.0, way_s=times.time_s))
    pairs = [(one.boarding, one.alighting) for one in found]
    assert pairs == [
        (asked.boarding[0], asked.alighting[0]),
        (asked.boarding[0], asked.alighting[1]),
        (asked.boarding[1], asked.alighting[0]),
    ]  # from the stop to itself nobody rides
    assert [one.earliest_s for one in found] == [100.0, 100.0, 240.0]
    assert [one.latest_pickup_s for one in found] == [700.0, 700.0, 790.0]
    assert [one.latest_dropoff_s for one in found] == [900 - 12 - 30, 900 - 12 - 60, 900 - 12 - 30]
    lone_s = 10 + times.time_s(stop, goal)
    assert in_time(found[2], FLEET, now_s=858 - lone_s, way_s=times.time_s)
    assert not in_time(found[2], FLEET, now_s=858 - lone_s + 1, way_s=times.time_s)


def test_where_no_way_leads_there_is_no_ride(times: TravelTimes) -> None:
    cut_off = TravelTimes(0.0, times.edge_s, times.leg_s.copy(), times.length_m, times.leg_m)
    cut_off.leg_s[:, 40] = np.inf
    asked = request(0, Location(3, 20.0), Location(40, 80.0), earliest_s=0.0)
    assert not list(rides_of(asked, RideLimits(), FLEET, now_s=0.0, way_s=cut_off.time_s))
