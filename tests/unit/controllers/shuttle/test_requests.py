"""The request model: bookings, classes, groups, meeting points, offers, withdrawals, in a world without SUMO."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from sim.controllers.shuttle import controller as shuttles
from sim.controllers.shuttle.layout import Layout
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.rolling import Lns, LnsParameters
from sim.dispatch.problem import Problem
from sim.dispatch.refusal import why_none
from sim.dispatch.solution import Solution, Stops
from sim.events import Assigned, Event, Offered, Promised
from sim.scenario import BookingRules, RequestLimits, ServiceClass
from sim.world import BoardingPoint, Location, Request, TravelTimes
from tests.unit.controllers.shuttle.replay import ReplayWorld, controller_for, grid_times
from tests.unit.controllers.shuttle.test_controller import check_promises, request, spread, uniform_requests

Actions = Mapping[float, Callable[[ReplayWorld], None]]
OWN = [InsertionParameters(), LnsParameters()]


@pytest.fixture(scope="module")
def grid() -> TravelTimes:
    return grid_times(6, 200.0, 10.0)


def asked(number: int, origin: Location, destination: Location, **fields: Any) -> Request:  # noqa: ANN401
    """Return a request with some of its fields set."""
    earliest_s = fields.pop("earliest_s", 0.0)
    return dataclasses.replace(request(number, origin, destination, earliest_s=earliest_s), **fields)


def run(
    world: ReplayWorld,
    *,
    until_s: float,
    parameters: InsertionParameters | None = None,
    limits: RequestLimits | None = None,
    actions: Actions | None = None,
) -> ReplayWorld:
    """Run a controller on a world in which things happen before the steps of their time."""
    controller = controller_for(world, limits or RequestLimits(), parameters or InsertionParameters())
    controller.start(world)
    while world.time_s < until_s:
        if actions and world.time_s in actions:
            actions[world.time_s](world)
        controller.step(world)
        world.advance(world.time_s + 5)
    return world


def events(world: ReplayWorld, kind: type[Event]) -> dict[str, Any]:
    """Return the first event of a kind by request."""
    found: dict[str, Any] = {}
    for one in world.events:
        if isinstance(one, kind):
            found.setdefault(one.row()["request_id"], one)
    return found


HERE, THERE, FAR = Location(0, 50.0), Location(60, 50.0), Location(100, 150.0)


@pytest.mark.parametrize("parameters", OWN)
def test_a_booking_is_promised_when_it_is_made_and_the_vehicle_waits_for_its_rider(
    grid: TravelTimes, parameters: InsertionParameters
) -> None:
    booking = asked(0, THERE, FAR, earliest_s=3000.0, submitted_s=10.0)
    on_the_spot = asked(1, FAR, HERE, earliest_s=1500.0)
    world = ReplayWorld(grid, [HERE], [booking, on_the_spot], seats=4)
    stood: list[str] = []
    idle = {1400.0: lambda one: stood.append(one.shuttles[0].phase)}
    run(world, parameters=parameters, until_s=4500, actions=idle)
    promise = events(world, Promised)["r000"]
    assert promise.time_s == 10.0
    assert (promise.pickup_earliest_s, promise.pickup_latest_s) == (3000.0, 3300.0 + 0.1 * (3000.0 - 10.0))
    assert stood == ["idle"]
    assert world.shuttles[0].at == FAR
    assert world.board_s["r000"] == 3000.0
    assert world.board_s["r001"] < 2000
    check_promises(world)


def test_the_planned_pickup_of_a_booking_binds_both_sides_and_its_wait_counts_from_the_wish(grid: TravelTimes) -> None:
    bookings = [asked(n, place, FAR, earliest_s=3000.0, submitted_s=float(n)) for n, place in enumerate((HERE, THERE))]
    world = run(ReplayWorld(grid, [HERE], bookings, seats=4), until_s=4500)
    first, second = (events(world, Promised)[f"r00{n}"] for n in range(2))
    assert {first.pickup_earliest_s, second.pickup_earliest_s} != {3000.0}
    for one in (first, second):
        assert one.pickup_earliest_s <= world.board_s[one.request_id] <= one.pickup_latest_s
    tight = RequestLimits(max_wait_s=60)
    world = run(ReplayWorld(grid, [HERE], bookings, seats=4), until_s=4500, limits=tight)
    assert set(world.board_s) == {"r000"}
    assert world.rejected == {"r001": "limits_of_accepted_riders"}
    assert world.events[-1].time_s == 3060.0


def test_who_books_first_is_served_first_and_at_one_time_who_wishes_first(grid: TravelTimes) -> None:
    late, early = (
        asked(0, HERE, FAR, earliest_s=900.0, submitted_s=2.0),
        asked(1, HERE, FAR, earliest_s=800.0, submitted_s=3.0),
    )
    also = asked(2, HERE, FAR, earliest_s=700.0, submitted_s=3.0)
    world = run(ReplayWorld(grid, [HERE], [late, early, also], seats=4), until_s=20)
    assert list(events(world, Offered)) == ["r000", "r002", "r001"]


def test_an_unplaced_booking_is_tried_seldom_while_it_is_far_off(
    grid: TravelTimes, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[float] = []
    world = ReplayWorld(grid, [], [asked(0, HERE, FAR, earliest_s=20_000.0, submitted_s=0.0)], seats=4)
    refused = why_none

    def counted(problem: Problem, plans: Sequence[Sequence[int]], row: int) -> Any:  # noqa: ANN401
        tries.append(world.time_s)
        return refused(problem, plans, row)

    monkeypatch.setattr(shuttles, "why_none", counted)
    run(world, until_s=22_000)
    assert len([time_s for time_s in tries if time_s < 19_000]) < 40
    assert len([time_s for time_s in tries if 20_000 < time_s < 21_000]) == pytest.approx(1000 / 15, abs=2)
    assert world.rejected == {"r000": "no_vehicle_within_max_wait"}


def test_a_class_has_limits_of_its_own(grid: TravelTimes) -> None:
    classes = {"hasty": ServiceClass(max_wait_s=30), "gentle": ServiceClass(max_detour_alpha=1, max_detour_beta_s=0)}
    limits = RequestLimits(classes=classes, max_wait_s=900)
    riders = [asked(n, THERE, FAR, service_class=name) for n, name in enumerate(("", "hasty", "gentle", "unheard-of"))]
    world = run(ReplayWorld(grid, [HERE], riders, seats=4), until_s=2000, limits=limits)
    assert world.rejected == {"r001": "no_vehicle_within_max_wait", "r003": "unknown_service_class"}
    assert set(world.alight_s) == {"r000", "r002"}
    promises = events(world, Promised)
    ride_s = {name: promises[name].dropoff_latest_s - promises[name].pickup_latest_s for name in ("r000", "r002")}
    assert ride_s["r002"] == pytest.approx(grid.time_s(THERE, FAR) + 20)
    assert ride_s["r000"] > ride_s["r002"] + 300


def test_wheelchairs_take_their_own_places_and_no_seat(grid: TravelTimes) -> None:
    def served(*groups: tuple[int, int], seats: int, wheelchairs: int) -> ReplayWorld:
        riders = [asked(n, HERE, FAR, size=size, wheelchairs=chairs) for n, (size, chairs) in enumerate(groups)]
        return run(ReplayWorld(grid, [HERE], riders, seats=seats, wheelchairs=wheelchairs), until_s=2500)

    assert served((3, 1), seats=2, wheelchairs=1).rejected == {}
    assert served((2, 2), seats=4, wheelchairs=1).rejected == {"r000": "group_larger_than_vehicle"}
    assert served((3, 0), seats=2, wheelchairs=1).rejected == {"r000": "group_larger_than_vehicle"}
    world = served((1, 1), (1, 1), seats=4, wheelchairs=1)  # one after the other; the world checks the load
    assert len(world.alight_s) == 2
    assert abs(world.board_s["r000"] - world.board_s["r001"]) > 100


def test_a_latest_arrival_binds_who_asks_for_it_and_nobody_else(grid: TravelTimes) -> None:
    lone_s = grid.time_s(HERE, FAR) + 20
    other = asked(1, THERE, FAR)
    wish = asked(0, HERE, FAR, latest_arrival_s=lone_s + 1)
    limit = dataclasses.replace(wish, arrive_by=True)
    thrifty = InsertionParameters(alpha=20)
    world = run(ReplayWorld(grid, [HERE], [wish, other], seats=4), until_s=2500, parameters=thrifty)
    assert world.alight_s["r000"] > lone_s + 1
    world = run(ReplayWorld(grid, [HERE], [limit, other], seats=4), until_s=2500, parameters=thrifty)
    assert world.alight_s["r000"] <= lone_s + 1
    assert events(world, Promised)["r000"].dropoff_latest_s == pytest.approx(lone_s + 1)
    assert len(world.alight_s) == 2


@pytest.mark.parametrize(
    ("fields", "cause"),
    [
        ({"arrive_by": True, "latest_arrival_s": 1060.0}, "latest_arrival_unreachable"),
        ({"arrive_by": True, "latest_arrival_s": 990.0}, "window_in_the_past"),
        ({"arrive_by": False, "latest_arrival_s": 990.0}, None),
        ({"earliest_s": -1000.0}, "window_in_the_past"),
        ({"submitted_s": 500.0}, "booking_rules"),
        ({"size": 9}, "group_larger_than_vehicle"),
    ],
)
def test_what_cannot_be_is_rejected_at_once_with_its_cause(
    grid: TravelTimes, fields: dict[str, Any], cause: str | None
) -> None:
    limits = RequestLimits(booking_rules=BookingRules(prior_notice_duration_max=60))
    rider = asked(0, HERE, FAR, **({"earliest_s": 1000.0, "submitted_s": 1000.0} | fields))
    rider = dataclasses.replace(rider, earliest_s=5000.0) if cause == "booking_rules" else rider
    limits = limits if cause != "window_in_the_past" else RequestLimits(max_wait_s=1800)
    world = run(ReplayWorld(grid, [HERE], [rider], seats=4, begin_s=1000.0), until_s=3000, limits=limits)
    assert world.rejected == ({} if cause is None else {"r000": cause})
    assert cause is None or world.events[-1].time_s == 1000.0


def test_one_whom_no_vehicle_can_bring_in_time_is_told_so_in_the_end(grid: TravelTimes) -> None:
    late = asked(0, HERE, FAR, arrive_by=True, latest_arrival_s=300.0)
    world = run(ReplayWorld(grid, [FAR], [late], seats=4), until_s=1000)
    assert world.rejected == {"r000": "no_vehicle_by_latest_arrival"}
    assert 0 < world.events[-1].time_s < 300


@pytest.mark.parametrize("parameters", OWN)
def test_who_declines_is_planned_nowhere_and_leaves_the_place_to_others(
    grid: TravelTimes, parameters: InsertionParameters
) -> None:
    riders = [asked(n, HERE, FAR) for n in range(3)]
    world = ReplayWorld(grid, [HERE], riders, seats=1, declines={"r000"})
    run(world, parameters=parameters, until_s=3000)
    assert set(world.alight_s) == {"r001", "r002"}
    assert world.board_s["r001"] == 0.0
    assert set(events(world, Assigned)) == {"r001", "r002"}
    assert [one.request_id for one in world.events if isinstance(one, Offered)].count("r000") == 1


@pytest.mark.parametrize("parameters", OWN)
def test_who_withdraws_leaves_the_plans_although_the_vehicle_is_on_its_way(
    grid: TravelTimes, parameters: InsertionParameters
) -> None:
    riders = [asked(0, FAR, HERE), asked(1, THERE, HERE)]
    world = ReplayWorld(grid, [HERE], riders, seats=4)
    driving: list[str] = []

    def withdraw(one: ReplayWorld) -> None:
        driving.append(one.shuttles[0].phase)
        one.withdraw("r000")

    run(world, parameters=parameters, until_s=2000, actions={30.0: withdraw})
    assert driving == ["driving"]
    assert set(world.alight_s) == {"r001"}
    assert world.shuttles[0].driven_m < grid.distance_m(HERE, THERE) + grid.distance_m(THERE, HERE) + 1000
    check = [one for one in world.events if isinstance(one, Assigned) and one.time_s > 30]
    assert all(one.request_id == "r001" for one in check)


class Counting(Lns):
    """Counts its searches."""

    world: ReplayWorld
    times: list[float]

    def _search(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        self.times.append(self.world.time_s)
        return super()._search(problem, plans)


def test_a_search_follows_a_new_promise_and_a_withdrawal_and_nothing_else(
    grid: TravelTimes, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[float] = []
    world = ReplayWorld(grid, [HERE, HERE], [asked(0, FAR, HERE), asked(1, THERE, HERE, earliest_s=20.0)], seats=4)
    plain = controller_for(world, RequestLimits(), LnsParameters())
    controller = Counting(LnsParameters())
    controller.world, controller.times = world, []
    controller._rng, controller._fleet, controller._limits = np.random.default_rng(1), plain._fleet, plain._limits
    lay_out = Layout.of

    def counted(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        laid.append(world.time_s)
        return lay_out(*arguments, **options)

    monkeypatch.setattr(Layout, "of", counted)
    controller.start(world)
    while world.time_s < 1000:
        if world.time_s == 30:
            world.withdraw("r001")
        controller.step(world)
        world.advance(world.time_s + 5)
    assert controller.times == [0.0, 20.0, 30.0]
    assert sorted(set(laid)) == [0.0, 20.0, 30.0]


@pytest.mark.parametrize("parameters", OWN)
def test_a_vehicle_stands_for_who_does_not_come_until_the_world_takes_the_rider_out(
    grid: TravelTimes, parameters: InsertionParameters
) -> None:
    absent = asked(0, THERE, FAR, earliest_s=600.0, submitted_s=0.0)
    other = asked(1, THERE, FAR, earliest_s=620.0)
    world = ReplayWorld(grid, [HERE], [absent, other], seats=4, absent={"r000"})
    seen: list[tuple[str, int]] = []

    def look(one: ReplayWorld) -> None:
        (vehicle,) = one.vehicles()
        seen.append((vehicle.phase, len(one.shuttles[0].plan)))

    run(world, parameters=parameters, until_s=2500, actions={610.0: look, 780.0: lambda one: one.withdraw("r000")})
    assert seen == [("idle", 2)]
    assert set(world.alight_s) == {"r001"}
    assert world.board_s["r001"] <= 780.0 + 5


STOP = Location(61, 50.0)


def walker(walk_s: float) -> Request:
    """Return a rider who may board at the door, or a walk away where the vehicle stands."""
    points = (BoardingPoint(THERE, 0.0), BoardingPoint(HERE, walk_s))
    return asked(0, THERE, FAR, earliest_s=2.0, boarding=points, alighting=(BoardingPoint(FAR, 40.0),))


def test_the_best_of_several_meeting_points_is_offered_and_the_walk_comes_first(grid: TravelTimes) -> None:
    def boarding(walk_s: float, walk_weight: float) -> tuple[float, ReplayWorld]:
        parameters = InsertionParameters(walk_weight=walk_weight, alpha=5)
        world = ReplayWorld(grid, [HERE], [walker(walk_s)], seats=4)
        run(world, until_s=2000, parameters=parameters)
        assert set(world.alight_s) == {"r000"}
        return events(world, Offered)["r000"].access_walk_s, world

    walk, world = boarding(60.0, 1.0)
    assert walk == 60.0
    assert world.offers["r000"].pickup_earliest_s == 65.0  # asked for at 2, offered in the step at 5
    assert world.board_s["r000"] == 65.0
    assert events(world, Offered)["r000"].egress_walk_s == 40.0
    walk, world = boarding(60.0, 100.0)
    assert walk == 0.0
    assert world.board_s["r000"] >= grid.time_s(HERE, THERE)
    assert boarding(5000.0, 1.0)[0] == 0.0


def test_meeting_points_that_no_way_joins_are_passed_over(grid: TravelTimes) -> None:
    cut_off = dataclasses.replace(grid, leg_s=grid.leg_s.copy())
    cut_off.leg_s[THERE.edge, :] = np.inf
    world = ReplayWorld(cut_off, [Location(HERE.edge, 0.0)], [walker(60.0)], seats=4)
    assert events(run(world, until_s=2000), Offered)["r000"].access_walk_s == 60.0
    lonely = dataclasses.replace(walker(60.0), boarding=walker(60.0).boarding[:1])
    world = run(ReplayWorld(cut_off, [HERE], [lonely], seats=4), until_s=2000)
    assert world.rejected == {"r000": "unreachable"}


def test_the_search_makes_room_for_who_found_no_place_if_that_is_worth_it(grid: TravelTimes) -> None:
    classes = {"hasty": ServiceClass(max_wait_s=30)}
    limits = RequestLimits(classes=classes)
    first = Location(0, 0.0)
    # another vehicle could have taken the first rider almost as soon, and none but the first comes to the second
    other = next(
        place
        for place in (Location(edge, 100.0) for edge in range(len(grid.edge_s)))
        if 30 < grid.time_s(place, THERE) - grid.time_s(first, THERE) < 60 and grid.time_s(place, first) > 60
    )
    riders = [asked(0, THERE, FAR), asked(1, Location(0, 150.0), FAR, earliest_s=5.0, service_class="hasty")]

    def served(parameters: InsertionParameters) -> ReplayWorld:
        return run(
            ReplayWorld(grid, [first, other], riders, seats=1), until_s=2500, limits=limits, parameters=parameters
        )

    assert served(InsertionParameters(promise_window_s=60)).rejected == {"r001": "limits_of_accepted_riders"}
    assert served(LnsParameters(promise_window_s=60, reject_penalty_s=0)).rejected == {
        "r001": "limits_of_accepted_riders"
    }
    world = served(LnsParameters(promise_window_s=60))
    assert world.rejected == {}
    assert world.board_s["r001"] <= 35 + 5
    assert events(world, Promised)["r001"].time_s == 5.0
    check_promises(world, limits=limits)


def test_promises_of_one_step_bind_each_other(grid: TravelTimes) -> None:
    batches = [
        dataclasses.replace(one, earliest_s=300.0 * (n // 8), submitted_s=300.0 * (n // 8))
        for n, one in enumerate(uniform_requests(grid, seed=3, count=48))
    ]
    world = ReplayWorld(grid, spread(grid, 3), batches, seats=6)
    run(world, until_s=6000, parameters=InsertionParameters(promise_window_s=0, alpha=5))
    assert len(world.alight_s) > 24
    check_promises(world)
    for name, promise in events(world, Promised).items():
        assert world.board_s[name] <= promise.pickup_latest_s + 1e-6
