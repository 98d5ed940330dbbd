"""Ends of duties and breaks, in a world without SUMO."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from sim.controllers.shuttle.assignment import RtvParameters
from sim.controllers.shuttle.duties import Duties, Post
from sim.controllers.shuttle.errand import errand_ride, put_behind_riders, stops_of
from sim.controllers.shuttle.layout import Layout
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.rolling import LnsParameters
from sim.controllers.shuttle.shuttle import Shuttle, Start
from sim.dispatch.problem import Weights
from sim.dispatch.schedule import time_plan
from sim.events import BreakTaken
from sim.fleet_document import Break, Fleet
from sim.scenario import RequestLimits
from sim.world import Load, Location, PlannedStop, TravelTimes, Visit
from tests.unit.controllers.shuttle.replay import ReplayWorld, controller_for, grid_times
from tests.unit.controllers.shuttle.test_controller import check_promises, request, uniform_requests
from tests.unit.controllers.shuttle.test_layout import ride

OWN: list[InsertionParameters] = [InsertionParameters(), LnsParameters(iterations=100), RtvParameters()]
HOME, NEAR, FAR = Location(0, 100.0), Location(3, 50.0), Location(118, 150.0)
LIMITS = RequestLimits()


@pytest.fixture(scope="module")
def grid() -> TravelTimes:
    return grid_times(6, 200.0, 10.0)


def post(end_s: float, *breaks: Break, returns: bool = True) -> Post:
    return Post(HOME, end_s, Load(4, 0), returns=returns, breaks=breaks)


def run(
    world: ReplayWorld,
    posts: Mapping[str, Post],
    *,
    parameters: InsertionParameters | None = None,
    until_s: float = 6000,
    slow_at: tuple[float, TravelTimes] | None = None,
) -> list[tuple[float, list[tuple[Location, bool]]]]:
    """Run a controller on a world; return at each time where each vehicle stands or last was, and whether empty."""
    for one in world.shuttles:
        if one.id in posts:
            one.duty_end_s = posts[one.id].end_s
    controller = controller_for(world, LIMITS, parameters or InsertionParameters())
    controller._duties = Duties(posts, slack_s=60)
    controller.start(world)
    seen = []
    while world.time_s < until_s:
        if slow_at and world.time_s == slow_at[0]:
            world.slow_down(slow_at[1])
        controller.step(world)
        world.advance(world.time_s + 5)
        seen.append((world.time_s, [(one.at, not one.on_board) for one in world.shuttles]))
    return seen


@pytest.mark.parametrize("parameters", OWN)
def test_every_vehicle_is_back_at_its_depot_by_the_end_and_every_promise_holds(
    grid: TravelTimes, parameters: InsertionParameters
) -> None:
    world = ReplayWorld(grid, [HOME] * 6, uniform_requests(grid, seed=3, count=120), seats=4)
    posts = {one.id: post(2000.0 + 600 * n) for n, one in enumerate(world.shuttles)}
    seen = run(world, posts, parameters=parameters)
    assert len(world.alight_s) > 90
    check_promises(world)
    for n, one in enumerate(world.shuttles):
        end_s = posts[one.id].end_s
        assert all(places[n] == (HOME, True) for time_s, places in seen if time_s >= end_s)
        last_s = max(world.alight_s[name] for name, vehicle in world.vehicle_of.items() if vehicle == one.id)
        assert end_s - 700 < last_s <= end_s


def test_a_vehicle_without_a_depot_ends_where_it_is(grid: TravelTimes) -> None:
    asked = [request(0, NEAR, FAR, earliest_s=0.0)]
    world = ReplayWorld(grid, [HOME], asked, seats=4)
    seen = run(world, {"shuttle.00": post(3000.0, returns=False)}, until_s=3100)
    assert seen[-1][1] == [(FAR, True)]
    world = ReplayWorld(grid, [HOME], asked, seats=4)
    run(world, {"shuttle.00": post(60.0, returns=False)}, until_s=3100)
    assert world.rejected == {"r000": "end_of_duty"}


def test_an_idle_vehicle_sets_off_home_in_time_and_no_sooner(grid: TravelTimes) -> None:
    world = ReplayWorld(grid, [HOME], [request(0, NEAR, FAR, earliest_s=0.0)], seats=4)
    seen = run(world, {"shuttle.00": post(3000.0)}, until_s=3000)
    home_s = next(time_s for time_s, places in seen if time_s > 600 and places[0][0] == HOME)
    assert 3000 - 60 - 10 <= home_s <= 3000 - 60 + 10
    leaves_s = home_s - grid.time_s(FAR, HOME)
    assert all(places[0][0] == FAR for time_s, places in seen if 600 < time_s < leaves_s)


def test_traffic_that_makes_a_vehicle_late_breaks_nothing_else(grid: TravelTimes) -> None:
    slow = dataclasses.replace(grid, edge_s=2 * grid.edge_s, leg_s=2 * grid.leg_s, refreshed_s=700.0)
    world = ReplayWorld(grid, [HOME] * 2, uniform_requests(grid, seed=3, count=20, last_s=800), seats=4)
    posts = {one.id: post(1000.0) for one in world.shuttles}
    run(world, posts, until_s=3000, slow_at=(700.0, slow))
    assert all(one.retired and not one.plan for one in world.shuttles)
    assert set(world.alight_s) == set(world.vehicle_of)
    assert max(world.alight_s.values()) > 1000


@pytest.mark.parametrize("parameters", OWN)
def test_a_break_is_taken_at_the_depot_in_its_window_with_nobody_on_board(
    grid: TravelTimes, parameters: InsertionParameters
) -> None:
    rests = Break(earliest_s=1200, latest_s=1800, duration_s=600), Break(earliest_s=2900, latest_s=3000, duration_s=300)
    world = ReplayWorld(grid, [HOME] * 4, uniform_requests(grid, seed=5, count=80), seats=4)
    posts = {one.id: post(5000.0, *rests) for one in world.shuttles}
    seen = run(world, posts, parameters=parameters)
    assert len(world.alight_s) > 60
    check_promises(world)
    taken = [one for one in world.events if isinstance(one, BreakTaken)]
    assert sorted(one.vehicle_id for one in taken) == sorted([*posts, *posts])
    for one in taken:
        rest = next(rest for rest in rests if rest.earliest_s <= one.begin_s <= rest.latest_s + 5)
        assert one.late_s <= 5
        assert one.time_s - one.begin_s == pytest.approx(rest.duration_s, abs=5)
        n = [shuttle.id for shuttle in world.shuttles].index(one.vehicle_id)
        assert all(places[n] == (HOME, True) for time_s, places in seen if one.begin_s < time_s <= one.time_s)


def test_an_idle_vehicle_goes_to_its_break_when_it_is_time(grid: TravelTimes) -> None:
    world = ReplayWorld(grid, [HOME], [request(0, NEAR, FAR, earliest_s=0.0)], seats=4)
    rest = Break(earliest_s=2000, latest_s=2400, duration_s=300)
    seen = run(world, {"shuttle.00": post(4000.0, rest)}, until_s=4000)
    (taken,) = (one for one in world.events if isinstance(one, BreakTaken))
    assert taken.begin_s == 2000
    leaves_s = 2000 - 60 - grid.time_s(FAR, HOME)
    assert all(places[0][0] == FAR for time_s, places in seen if 600 < time_s < leaves_s)


def test_who_waits_at_the_depot_shares_no_dwell_with_a_break(grid: TravelTimes) -> None:
    rest = errand_ride("break", Visit(HOME), capacity=Load(4, 0), duration_s=600, earliest_s=1000)
    asked = ride(0, HOME, FAR, earliest_s=1000.0)
    start = Start(HOME, 900.0, Load(4, 0), Load(0, 0), 0)
    layout = Layout.of(
        grid, [start], [[*stops_of(rest), *stops_of(asked)]], {"break": rest, "r000": asked},
        fleet=Fleet(count=1, seats=4), weights=Weights(),
    )  # fmt: skip
    begin_s = time_plan(layout.problem, 0, layout.plans[0]).begin_s
    assert begin_s == pytest.approx([1000, 1600, 1600, 1610 + grid.time_s(HOME, FAR)])
    assert layout.problem.requests.vehicle.tolist() == [0, -1]
    assert layout.problem.requests.load.tolist() == [[4, 0], [1, 0]]


def test_a_break_moves_behind_who_boarded_before_it() -> None:
    rest = errand_ride("break", Visit(HOME), capacity=Load(4, 0), duration_s=600, earliest_s=0)
    early, later = ride(0, HOME, FAR), ride(1, NEAR, FAR)
    rides = {one.request.id: one for one in (rest, early, later)}
    alighting = PlannedStop("r000", pickup=False)
    shuttle = Shuttle(plan=[*stops_of(rest), *stops_of(later)[:1], alighting, *stops_of(later)[1:]])
    put_behind_riders(shuttle, rides, ("r000",))
    # behind the alighting of the one on board, and of who boards meanwhile
    assert [stop.request_id for stop in shuttle.plan] == ["r001", "r000", "r001", "break", "break"]
    assert shuttle.changed


def test_room_on_duties_to_come_keeps_a_booking_open(grid: TravelTimes) -> None:
    group = dataclasses.replace(request(0, NEAR, FAR, earliest_s=100.0), size=6)
    for end_s, cause in ((5000.0, "capacity"), (50.0, "group_larger_than_vehicle")):
        world = ReplayWorld(grid, [HOME], [group], seats=4)
        large = dataclasses.replace(post(end_s), capacity=Load(8, 0))
        run(world, {"large": large}, until_s=2500)
        assert world.rejected == {"r000": cause}
