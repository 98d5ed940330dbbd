"""Requests with a life of their own: booked ahead, in groups, withdrawn, met at a stop; vehicles that visit places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from sim.demand.population import Rider
from sim.engine.sumo import EngineName
from sim.errors import ControllerError
from sim.events import (
    Arrived,
    Cancelled,
    DroppedOff,
    Event,
    Offered,
    PersonDeparted,
    PickedUp,
    PromiseBroken,
    Promised,
    RequestSubmitted,
    StopServed,
    Unfinished,
    VehicleRetired,
    VehicleStarted,
)  # fmt: skip
from sim.scenario import Scenario, validate
from sim.world import BoardingPoint, Location, Offer, PlannedStop, Task, Visit, World
from tests.sumo.conftest import Grid, rider

Kind = TypeVar("Kind", bound=Event)
ENGINES: list[EngineName] = ["libsumo", "traci"]


def only(events: Iterable[Event], kind: type[Kind]) -> list[Kind]:
    return [one for one in events if isinstance(one, kind)]


def plan(*stops: str) -> list[Task]:
    """`+r1 -r1` reads: pick up r1, drop off r1."""
    return [PlannedStop(stop[1:], pickup=stop[0] == "+") for stop in stops]


def script(*acts: tuple[float, Callable[[World], object]]) -> Callable[[World], None]:
    def step(world: World) -> None:
        for time_s, act in acts:
            if world.time_s == time_s:
                act(world)

    return step


def offer(request: str, begin_s: float, end_s: float, **points: BoardingPoint) -> Offer:
    return Offer(
        request_id=request, pickup_earliest_s=begin_s, pickup_latest_s=end_s, dropoff_latest_s=end_s + 600, **points
    )


def booked(number: int, origin: str, destination: str, *, at_s: float, **traits: object) -> Rider:
    return replace(rider(number, origin, destination, at_s=at_s), booked_s=0.0, **traits)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_vehicle_waits_for_a_rider_who_booked_ahead(on_grid: Grid, engine: EngineName) -> None:
    acts = script(
        (10, lambda w: w.offer(offer("r1", 200, 260))),
        (10, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1"))),
    )
    events, _ = on_grid.run(acts, [booked(1, "B1C1", "C3D3", at_s=200)], engine=engine)
    assert [one.time_s for one in only(events, RequestSubmitted)] == [0]
    assert [one.pickup_latest_s for one in only(events, Offered)] == [260]
    assert [one.pickup_latest_s for one in only(events, Promised)] == [260]
    assert [one.time_s for one in only(events, PersonDeparted)] == [200]
    (pickup,) = only(events, PickedUp)
    assert 200 < pickup.time_s < 220  # it stands there, and rolls up to the rider
    assert len(only(events, Arrived)) == 1


def test_a_rider_who_booked_comes_for_the_promised_window(on_grid: Grid) -> None:
    acts = script(
        (10, lambda w: w.offer(offer("r1", 260, 300))),
        (10, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1"))),
    )
    events, _ = on_grid.run(acts, [booked(1, "B1C1", "C3D3", at_s=200)])
    assert [one.time_s for one in only(events, PersonDeparted)] == [260]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_vehicle_with_riders_on_board_waits_for_one_who_booked(on_grid: Grid, engine: EngineName) -> None:
    acts = script((10, lambda w: w.set_plan("shuttle.00", plan("+r1", "+r2", "-r1", "-r2"))))
    riders = [rider(1, "B1C1", "D3D2", at_s=5), booked(2, "B2C2", "C3D3", at_s=220)]
    events, _ = on_grid.run(acts, riders, engine=engine)
    assert [one.request_id for one in only(events, PickedUp)] == ["r1", "r2"]
    assert [one.request_id for one in only(events, DroppedOff)] == ["r1", "r2"]
    assert 220 < only(events, PickedUp)[1].time_s < 260
    dwells = [stop.time_s - stop.started_s for stop in only(events, StopServed)]
    assert dwells == pytest.approx([10] * 4, abs=1)


def test_somebody_else_is_fetched_on_the_way_to_a_booking(on_grid: Grid) -> None:
    acts = script(
        (10, lambda w: w.set_plan("shuttle.00", plan("+r2", "-r2"))),
        (40, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1", "+r2", "-r2"))),
    )
    riders = [rider(1, "B1C1", "C1C2", at_s=30), booked(2, "C3D3", "D3D2", at_s=280)]
    events, _ = on_grid.run(acts, riders)
    assert [one.request_id for one in only(events, PickedUp)] == ["r1", "r2"]
    assert 280 < only(events, PickedUp)[1].time_s < 300


@pytest.mark.parametrize("engine", ENGINES)
def test_who_does_not_show_up_is_waited_for_so_long_and_no_longer(on_grid: Grid, engine: EngineName) -> None:
    gone: list[str] = []
    acts = script((10, lambda w: w.set_plan("shuttle.00", plan("+r1", "+r2", "-r2", "-r1"))))

    def step(world: World) -> None:
        acts(world)
        gone.extend(world.withdrawn())

    riders = [rider(1, "B1C1", "D3D2", at_s=5), booked(2, "B2C2", "C3D3", at_s=150, shows_up=False)]
    events, _ = on_grid.run(step, riders, engine=engine)
    (cancelled,) = only(events, Cancelled)
    assert (cancelled.request_id, cancelled.cause) == ("r2", "no_show")
    assert cancelled.time_s >= 150 + 180
    assert gone == ["r2"]
    assert [one.request_id for one in only(events, Arrived)] == ["r1"]
    assert not only(events, Unfinished)


@pytest.mark.parametrize("sent", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_a_rider_cancels(on_grid: Grid, engine: EngineName, sent: bool) -> None:  # noqa: FBT001
    stops = plan("+r1", "+r2", "-r1", "-r2")
    acts = script((30, lambda w: w.set_plan("shuttle.00", stops) if sent else None))
    riders = [replace(rider(1, "B1C1", "C3D3"), cancel_s=45.0), rider(2, "C1C2", "C3D3")]
    events, outcome = on_grid.run(acts, riders, engine=engine)
    (cancelled,) = only(events, Cancelled)
    assert (cancelled.request_id, cancelled.cause, cancelled.time_s) == ("r1", "by_rider", 45)
    assert [one.request_id for one in only(events, Arrived)] == (["r2"] if sent else [])
    assert outcome.end == "finished"


def test_who_cancels_too_late_rides(on_grid: Grid) -> None:
    acts = script((30, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1"))))
    events, _ = on_grid.run(acts, [rider(1, "B1C1", "C3D3")])
    boards_s = only(events, PickedUp)[0].time_s
    again, _ = on_grid.run(acts, [replace(rider(1, "B1C1", "C3D3"), cancel_s=boards_s)], name="again")
    assert again == events


def test_patience_ends_after_the_wish_or_after_the_promised_window(on_grid: Grid) -> None:
    riders = [replace(rider(n, "B1C1", "C3D3"), patience_s=60.0) for n in (1, 2)]
    events, _ = on_grid.run(script((30, lambda w: w.offer(offer("r2", 20, 150)))), riders)
    assert [(one.request_id, one.cause, one.time_s) for one in only(events, Cancelled)] == [
        ("r1", "gave_up", 80),
        ("r2", "gave_up", 210),
    ]


def test_an_offer_beyond_what_riders_accept_is_declined(on_grid: Grid) -> None:
    taken: list[bool] = []
    events, _ = on_grid.run(
        script((30, lambda w: taken.append(w.offer(offer("r1", 20, 20 + 1801 + 1))))), [rider(1, "B1C1", "C3D3")]
    )
    assert taken == [False]
    assert [one.cause for one in only(events, Cancelled)] == ["offer_declined"]
    assert not only(events, Promised)


def test_only_who_waits_can_be_offered_a_ride(on_grid: Grid) -> None:
    with pytest.raises(ControllerError, match="'r9' cannot be offered a ride"):
        on_grid.run(script((30, lambda w: w.offer(offer("r9", 20, 30)))), [rider(1, "B1C1", "C3D3")])


def test_a_broken_promise_is_told_when_it_breaks(on_grid: Grid) -> None:
    acts = script(
        (30, lambda w: w.offer(offer("r1", 20, 40))),
        (60, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1"))),
    )
    events, _ = on_grid.run(acts, [rider(1, "B1C1", "C3D3")])
    (broken,) = only(events, PromiseBroken)
    (pickup,) = only(events, PickedUp)
    assert (broken.part, broken.late_s) == ("pickup", pickup.time_s - 40)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_group_travels_together_and_counts_its_heads(on_grid: Grid, engine: EngineName) -> None:
    riders = [replace(rider(1, "B1C1", "C3D3"), size=3), rider(2, "B1C1", "C3D3")]
    acts = script((30, lambda w: w.set_plan("shuttle.00", plan("+r2", "+r1", "-r1", "-r2"))))
    events, _ = on_grid.run(acts, riders, engine=engine)
    assert max(one.load for one in only(events, PickedUp)) == 4
    assert [one.load for one in only(events, DroppedOff)][-1] == 0
    assert len(only(events, Arrived)) == 2


def test_a_group_larger_than_the_vehicle_is_refused(on_grid: Grid) -> None:
    riders = [replace(rider(1, "B1C1", "C3D3"), size=5)]
    with pytest.raises(ControllerError, match="5 riders on board after picking up r1, allowed are 4"):
        on_grid.run(script((30, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1")))), riders)


def test_a_group_moves_to_another_vehicle(on_grid: Grid) -> None:
    riders = [replace(rider(1, "B1C1", "C3D3"), size=3), rider(2, "C1C2", "C3D3")]
    acts = script(
        (30, lambda w: w.set_plan("shuttle.00", plan("+r1", "+r2", "-r1", "-r2"))),
        (35, lambda w: w.set_plans({"shuttle.00": plan("+r2", "-r2"), "shuttle.01": plan("+r1", "-r1")})),
    )
    events, _ = on_grid.run(acts, riders)
    assert {one.request_id: one.vehicle_id for one in only(events, DroppedOff)} == {
        "r1": "shuttle.01",
        "r2": "shuttle.00",
    }


def location(world_edges: Sequence[str], edge: str, pos_m: float) -> Location:
    return Location(sorted(world_edges).index(edge), pos_m)


NODES = [f"{column}{row}" for column in "ABCD" for row in range(4)]
EDGES = [a + b for a in NODES for b in NODES if abs(ord(a[0]) - ord(b[0])) + abs(ord(a[1]) - ord(b[1])) == 1]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_vehicle_visits_places_and_is_sent_from_there(on_grid: Grid, engine: EngineName) -> None:
    seen: dict[float, Location] = {}
    first, second = location(EDGES, "C2C3", 100.0), location(EDGES, "B2B3", 60.0)
    acts = script(
        (10, lambda w: w.set_plan("shuttle.00", [Visit(first)])),
        (150, lambda w: w.set_plan("shuttle.00", [Visit(second)])),
        (160, lambda w: w.set_plan("shuttle.01", [Visit(second)])),
        (170, lambda w: w.set_plan("shuttle.01", [Visit(first)])),  # turns round on the way
        (300, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1"))),
    )

    def step(world: World) -> None:
        acts(world)
        if world.time_s in {140, 290}:
            seen.update({world.time_s + n: one.location for n, one in enumerate(world.vehicles())})

    events, outcome = on_grid.run(step, [rider(1, "B3C3", "C3D3", at_s=280)], engine=engine)
    assert (seen[140].edge, seen[290].edge, seen[291].edge) == (first.edge, second.edge, first.edge)
    assert seen[290].pos_m == pytest.approx(60, abs=15)
    assert [one.request_id for one in only(events, Arrived)] == ["r1"]
    assert outcome.end == "finished"


def test_riders_walk_to_the_meeting_point_that_was_promised(on_grid: Grid) -> None:
    boarding = BoardingPoint(location(EDGES, "C1C2", 40.0), 150.0)
    alighting = BoardingPoint(location(EDGES, "C3D3", 20.0), 60.0)
    document = on_grid.scenario().model_dump()
    document["requests"] = {"meeting_points": {}}
    acts = script(
        (30, lambda w: w.offer(offer("r1", 220, 280, boarding=boarding, alighting=alighting))),
        (30, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1"))),
    )
    events, _ = on_grid.run(acts, [rider(1, "B1C1", "C3D3")], scenario=validate(document, place="the test"))
    assert [one.access_walk_s for one in only(events, Offered)] == [150]
    assert [one.time_s for one in only(events, PersonDeparted)] == [70]
    assert [one.edge for one in only(events, PickedUp)] == ["C1C2"]
    assert only(events, Arrived)[0].time_s > only(events, DroppedOff)[0].time_s + 30


def mixed(on_grid: Grid, **fleet: object) -> Scenario:
    document = on_grid.scenario().model_dump(mode="json")
    document["fleet"] = {"seats": 4, "depot": "depot"} | fleet
    return validate(document, place="the test")


def test_wheelchairs_take_their_own_places(on_grid: Grid) -> None:
    scenario = mixed(on_grid, groups={"bus": {"count": 1}, "van": {"count": 1, "seats": 1, "wheelchairs": 1}})
    riders = [replace(rider(1, "B1C1", "C3D3"), size=2, wheelchairs=1)]
    with pytest.raises(ControllerError, match="1 riders and 1 wheelchairs on board after picking up r1, allowed are 4"):
        on_grid.run(script((30, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1")))), riders, scenario=scenario)
    act = script((30, lambda w: w.set_plan("shuttle.01", plan("+r1", "-r1"))))
    events, _ = on_grid.run(act, riders, scenario=scenario, name="van")
    assert [(one.vehicle_id, one.load) for one in only(events, PickedUp)] == [("shuttle.01", 2)]
    assert {(one.vehicle_id, one.group, one.seats) for one in only(events, VehicleStarted)} == {
        ("shuttle.00", "bus", 4),
        ("shuttle.01", "van", 2),
    }


def test_a_duty_ends_when_the_last_rider_is_out(on_grid: Grid) -> None:
    duties = [{"begin_s": 0, "end_s": 600}, {"begin_s": 20, "end_s": 60}]
    scenario = mixed(on_grid, count=2, duties=duties)
    act = script((30, lambda w: w.set_plan("shuttle.01", plan("+r1", "-r1"))))
    seen: set[tuple[float, int]] = set()

    def step(world: World) -> None:
        act(world)
        seen.add((world.time_s, len(world.vehicles())))

    events, _ = on_grid.run(step, [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "C3D3")], scenario=scenario)
    retired = {one.vehicle_id: one for one in only(events, VehicleRetired)}
    dropped_s = only(events, DroppedOff)[0].time_s
    assert retired["shuttle.01"].time_s == pytest.approx(dropped_s, abs=2)
    assert retired["shuttle.01"].duty_s == pytest.approx(dropped_s - 20, abs=3)
    assert retired["shuttle.00"].time_s == pytest.approx(601, abs=1)
    assert {count for time_s, count in seen if time_s < 20} == {1}
    assert {count for time_s, count in seen if time_s > dropped_s + 2} == {1}


@pytest.fixture
def charging(on_grid: Grid) -> Grid:
    """The grid with a charging station of 50 kW on C2C3."""
    additional = on_grid.folder / "chargers.add.xml"
    additional.write_text(
        '<additional><chargingStation id="cs" lane="C2C3_0" startPos="60" endPos="100" power="50000" efficiency="1"/>'
        "</additional>"
    )
    files = (*on_grid.network.additional_files, additional)
    return Grid(replace(on_grid.network, additional_files=files), on_grid.folder)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_battery_is_charged_at_a_charger(charging: Grid, engine: EngineName) -> None:
    sourced = {
        "capacity_kwh": 50, "mass_kg": 5000, "auxiliary_w": 0, "front_area_m2": 5, "drag_coefficient": 0.6,
        "rolling_coefficient": 0.01, "propulsion_efficiency": 0.9, "recuperation_efficiency": 0.6, "initial_share": 0.5,
    }  # fmt: skip
    scenario = mixed(charging, count=1, battery=sourced)
    charge: dict[float, float | None] = {}
    place = location(EDGES, "C2C3", 100.0)
    act = script((10, lambda w: w.set_plan("shuttle.00", [Visit(place, charger="cs")])))

    def step(world: World) -> None:
        act(world)
        charge[world.time_s] = world.vehicles()[0].charge_kwh if world.vehicles() else None

    events, outcome = charging.run(step, [rider(1, "B1C1", "C3D3")], scenario=scenario, engine=engine)
    before, after = charge[9], charge[590]
    assert before == pytest.approx(25, abs=0.1)
    assert after is not None
    assert 30 < after < 33  # 50 kW for some eight minutes, less what the way took
    assert outcome.end == "finished"
    assert len(only(events, VehicleRetired)) == 1


@pytest.mark.parametrize("engine", ENGINES)
def test_a_vehicle_stays_for_one_who_booked_the_place_where_others_board(on_grid: Grid, engine: EngineName) -> None:
    # once off, SUMO finds no way back to a place on the same edge
    acts = script((30, lambda w: w.set_plan("shuttle.00", plan("+r1", "+r2", "-r1", "-r2"))))
    riders = [rider(1, "B1C1", "C3D3"), booked(2, "B1C1", "D3D2", at_s=200)]
    events, _ = on_grid.run(acts, riders, engine=engine)
    first, second = only(events, PickedUp)
    assert (first.request_id, second.request_id) == ("r1", "r2")
    assert 200 <= second.time_s <= 202
    assert second.odometer_m == pytest.approx(first.odometer_m, abs=1)
    assert len(only(events, Arrived)) == 2


def test_a_vehicle_beyond_the_place_of_a_booking_comes_back_to_it(on_grid: Grid) -> None:
    acts = script(
        (30, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1"))),
        (80, lambda w: w.set_plan("shuttle.00", plan("+r2", "-r1", "-r2"))),
    )
    events, _ = on_grid.run(acts, [rider(1, "B1C1", "C3D3"), booked(2, "B1C1", "D3D2", at_s=300)])
    assert [one.request_id for one in only(events, PickedUp)] == ["r1", "r2"]
    assert len(only(events, Arrived)) == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_vehicle_that_waits_for_a_booking_stays_when_others_come(on_grid: Grid, engine: EngineName) -> None:
    seen: list[tuple[float, Location]] = []
    acts = script((10, lambda w: w.set_plan("shuttle.00", plan("+r1", "+r2", "+r3", "-r1", "-r2", "-r3"))))

    def step(world: World) -> None:
        acts(world)
        seen.extend((world.time_s, one.location) for one in world.vehicles() if one.id == "shuttle.00")

    coming = [rider(2, "B2C2", "D3D2", at_s=150), rider(3, "C2C3", "D3D2", at_s=190)]
    riders = [booked(1, "B1C1", "C3D3", at_s=300), *(replace(one, booked_s=0.0) for one in coming)]
    events, _ = on_grid.run(step, riders, engine=engine)
    waiting = {place for time_s, place in seen if 140 < time_s < 295}
    assert len(waiting) == 1  # each new dispatch would have ended the visit, and the vehicle gone on to r2
    assert [one.request_id for one in only(events, PickedUp)] == ["r1", "r2", "r3"]
    assert 300 < only(events, PickedUp)[0].time_s < 320


def test_a_vehicle_that_brakes_for_its_stop_is_not_seen_beyond_it(on_grid: Grid) -> None:
    seen: list[Location] = []
    acts = script((10, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1"))))

    def step(world: World) -> None:
        acts(world)
        seen.extend(one.location for one in world.vehicles() if one.id == "shuttle.00" and not one.on_board)

    events, _ = on_grid.run(step, [rider(1, "B1C1", "C3D3", at_s=5)])
    (pickup,) = only(events, PickedUp)
    assert pickup.edge == "B1C1"
    stop = seen[-1]
    assert max(place.pos_m for place in seen if place.edge == stop.edge) < stop.pos_m + 0.5
