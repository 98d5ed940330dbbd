"""The guarded executor: each trap of SUMO's taxi device that can be set off, and what keeps us out of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

from sim.engine.sumo import EngineName
from sim.errors import ControllerError
from sim.events import Arrived, DroppedOff, Event, PickedUp, Rejected, StopServed, Unfinished
from sim.network.boarding import kerb_m
from sim.world import PlannedStop, World
from tests.sumo.conftest import Grid, rider

Kind = TypeVar("Kind", bound=Event)


def only(events: Iterable[Event], kind: type[Kind]) -> list[Kind]:
    return [one for one in events if isinstance(one, kind)]


def plan(*stops: str) -> list[PlannedStop]:
    """`+r1 -r1` reads: pick up r1, drop off r1."""
    return [PlannedStop(stop[1:], pickup=stop[0] == "+") for stop in stops]


def at(time_s: float, act: Callable[[World], None]) -> Callable[[World], None]:
    return lambda world: act(world) if world.time_s == time_s else None


def test_a_shared_ride_is_carried_out_in_the_order_planned(on_grid: Grid) -> None:
    riders = [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "C3D3", origin_m=60)]
    events, _ = on_grid.run(at(30, lambda w: w.set_plan("shuttle.00", plan("+r1", "+r2", "-r1", "-r2"))), riders)
    assert [one.request_id for one in only(events, PickedUp)] == ["r1", "r2"]
    assert [one.load for one in only(events, PickedUp)] == [1, 2]
    assert {one.request_id for one in only(events, Arrived)} == {"r1", "r2"}


def test_boarding_and_alighting_take_the_fleets_times(on_grid: Grid) -> None:
    # SUMO's own are 0 s and 60 s
    events, _ = on_grid.run(at(30, lambda w: w.set_plan("shuttle.00", plan("+r1", "-r1"))), [rider(1, "B1C1", "C3D3")])
    pickup, dropoff = only(events, StopServed)
    assert pickup.time_s - pickup.started_s == pytest.approx(10, abs=1)
    assert dropoff.time_s - dropoff.started_s == pytest.approx(10, abs=1)


def test_one_request_for_two_taxis_is_refused(on_grid: Grid) -> None:
    def twice(world: World) -> None:
        world.set_plan("shuttle.00", plan("+r1", "-r1"))
        world.set_plan("shuttle.01", plan("+r1", "-r1"))

    with pytest.raises(ControllerError, match=r"shuttle\.01.*r1 belongs to shuttle\.00"):
        on_grid.run(at(30, twice), [rider(1, "B1C1", "C3D3")])


def test_more_riders_than_seats_are_refused(on_grid: Grid) -> None:
    riders = [rider(n, "B1C1", "C3D3") for n in range(1, 4)]
    stops = plan("+r1", "+r2", "+r3", "-r1", "-r2", "-r3")
    with pytest.raises(ControllerError, match="3 riders on board after picking up r3, allowed are 2"):
        on_grid.run(at(30, lambda w: w.set_plan("shuttle.00", stops)), riders, scenario=on_grid.scenario(seats=2))


def test_a_rider_cannot_be_taken_back(on_grid: Grid) -> None:
    # SUMO issue 11619
    def script(world: World) -> None:
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "-r1"))
        if world.time_s == 35:
            world.set_plan("shuttle.00", plan("+r2", "-r2"))

    with pytest.raises(ControllerError, match="r1 cannot be taken back without a place in another"):
        on_grid.run(script, [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "C3D3")])


def served_by(events: Iterable[Event]) -> dict[str, str]:
    return {one.request_id: one.vehicle_id for one in only(events, DroppedOff)}


@pytest.mark.parametrize("engine", ["libsumo", "traci"])
def test_a_rider_who_waits_moves_to_another_vehicle(on_grid: Grid, engine: EngineName) -> None:
    def script(world: World) -> None:
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "+r2", "-r1", "-r2"))
        if world.time_s == 35:
            world.set_plans({"shuttle.00": plan("+r2", "-r2"), "shuttle.01": plan("+r1", "-r1")})

    events, _ = on_grid.run(script, [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "C3D3")], engine=engine)
    assert served_by(events) == {"r1": "shuttle.01", "r2": "shuttle.00"}
    assert {one.edge for one in only(events, DroppedOff)} == {"C3D3"}


def test_a_vehicle_that_gives_up_all_its_riders_stays(on_grid: Grid) -> None:
    def script(world: World) -> None:
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "-r1"))
        if world.time_s == 40:
            world.set_plans({"shuttle.00": [], "shuttle.01": plan("+r1", "-r1")})
        if world.time_s == 300:
            world.set_plan("shuttle.00", plan("+r2", "-r2"))

    events, _ = on_grid.run(script, [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "C3D3", at_s=250)])
    assert served_by(events) == {"r1": "shuttle.01", "r2": "shuttle.00"}


@pytest.mark.parametrize("later", [0, 1])
def test_a_vehicle_with_riders_on_board_that_gives_up_its_last_pickup_is_not_lost(on_grid: Grid, later: int) -> None:
    # its taxi device goes on to believe in a pick-up, and SUMO takes it out of the network after its last stop
    given: list[float] = []

    def script(world: World) -> None:
        first = world.vehicles()[0]
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "+r2", "-r1", "-r2"))
        if first.on_board and first.phase == "driving" and not given:
            given.append(world.time_s)
            world.set_plans({"shuttle.00": plan("-r1"), "shuttle.01": plan("+r2", "-r2")})
        if world.time_s == 400 and later:
            assert first.phase == "idle"
            world.set_plan("shuttle.00", plan("+r3", "-r3"))

    riders = [rider(1, "B1C1", "C3D3"), rider(2, "C2C3", "C3D3"), rider(3, "C1C2", "C3D3", at_s=350)]
    events, outcome = on_grid.run(script, riders[: 2 + later])
    assert given
    assert served_by(events) == {"r1": "shuttle.00", "r2": "shuttle.01"} | ({"r3": "shuttle.00"} if later else {})
    assert outcome.end == "finished"
    assert all(stop.time_s - stop.started_s <= 11 for stop in only(events, StopServed))


@pytest.mark.parametrize("phase", ["boarding", "alighting"])
def test_a_rider_is_taken_back_after_the_dwell_and_does_not_cut_it(on_grid: Grid, phase: str) -> None:
    # unguarded, the vehicle drove off at once, or stopped a second time
    given: list[float] = []
    stops = plan("+r1", "-r1", "+r2", "-r2") if phase == "boarding" else plan("+r1", "+r3", "-r1", "-r3", "+r2", "-r2")
    rest = {"boarding": plan("-r1"), "alighting": plan("-r1", "-r3")}[phase]

    def script(world: World) -> None:
        first = world.vehicles()[0]
        if world.time_s == 30:
            world.set_plan("shuttle.00", stops)
        at_last = first.on_board == ("r1",) if phase == "boarding" else len(first.on_board) == 2
        if first.phase == "serving" and at_last and (phase == "boarding" or world.time_s > 70) and not given:
            given.append(world.time_s)
            world.set_plans({"shuttle.00": rest, "shuttle.01": plan("+r2", "-r2")})

    riders = [rider(1, "B1C1", "C2C3"), rider(2, "C3D3", "D3D2"), rider(3, "B1C1", "D2D1")]
    events, _ = on_grid.run(script, riders[: 2 + (phase == "alighting")])
    assert given
    assert served_by(events)["r2"] == "shuttle.01"
    dwells = [stop.time_s - stop.started_s for stop in only(events, StopServed)]
    assert dwells == pytest.approx([10] * len(dwells), abs=1)


@pytest.mark.parametrize(
    ("plans", "fault"),
    [
        ({"shuttle.01": ["+r1", "-r1"]}, "r1 belongs to shuttle.00, whose plan is not replaced with this one"),
        ({"shuttle.00": ["+r1", "-r1"], "shuttle.01": ["+r1", "-r1"]}, "r1 stands in two plans"),
        ({"shuttle.00": [], "shuttle.01": ["+r2", "-r2"]}, "r1 cannot be taken back without a place"),
        ({"shuttle.00": [], "shuttle.09": ["+r1", "-r1"]}, "no vehicle 'shuttle.09'"),
    ],
)
def test_a_move_that_loses_or_doubles_a_rider_is_refused_whole(
    on_grid: Grid, plans: dict[str, list[str]], fault: str
) -> None:
    def script(world: World) -> None:
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "-r1"))
        if world.time_s == 35:
            world.set_plans({vehicle: plan(*stops) for vehicle, stops in plans.items()})

    with pytest.raises(ControllerError, match=fault):
        on_grid.run(script, [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "C3D3")])


def test_a_rider_who_boards_is_not_taken_back(on_grid: Grid) -> None:
    def script(world: World) -> None:
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "-r1"))
        if world.vehicles()[0].phase == "serving":
            world.set_plans({"shuttle.00": [], "shuttle.01": plan("+r1", "-r1")})

    with pytest.raises(ControllerError, match=r"r1 never dropped off|r1 cannot be taken back while the vehicle stands"):
        on_grid.run(script, [rider(1, "B1C1", "C3D3")])


@pytest.mark.parametrize(
    ("stops", "fault"),
    [
        (["+r1"], "r1 never dropped off"),
        (["-r1", "+r1"], "r1 is dropped off out of turn"),
        (["+r1", "+r1", "-r1"], "r1 is picked up out of turn"),
        (["+r9", "-r9"], "'r9' does not wait"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(on_grid: Grid, stops: list[str], fault: str) -> None:
    with pytest.raises(ControllerError, match=fault):
        on_grid.run(at(30, lambda w: w.set_plan("shuttle.00", plan(*stops))), [rider(1, "B1C1", "C3D3")])


def test_a_new_plan_while_riders_board_does_not_cut_the_dwell(on_grid: Grid) -> None:
    # unguarded, the dwell shrank from 10 s to 1 s
    boarding: list[float] = []

    def script(world: World) -> None:
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "-r1"))
        vehicle = world.vehicles()[0]
        if vehicle.phase == "serving" and vehicle.on_board and not boarding:
            boarding.append(world.time_s)
            world.set_plan("shuttle.00", plan("+r2", "-r1", "-r2"))

    events, _ = on_grid.run(script, [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "C3D3")])
    first = only(events, StopServed)[0]
    assert first.started_s <= boarding[0] < first.time_s
    assert first.time_s - first.started_s == pytest.approx(10, abs=1)
    assert len(only(events, Arrived)) == 2


def test_a_new_plan_while_riders_alight_does_not_restart_the_stop(on_grid: Grid) -> None:
    # SUMO issue 13976
    sent: list[float] = []

    def script(world: World) -> None:
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "+r2", "-r1", "-r2"))
        vehicle = world.vehicles()[0]
        waits = {request.id for request in world.waiting()}
        if (
            vehicle.phase == "serving"
            and len(vehicle.on_board) == 2
            and "r3" in waits
            and world.time_s > 60
            and not sent
        ):
            sent.append(world.time_s)
            world.set_plan("shuttle.00", plan("-r1", "-r2", "+r3", "-r3"))

    riders = [rider(1, "B1C1", "C2C3"), rider(2, "B1C1", "C3D3"), rider(3, "C3D3", "D3D2")]
    events, _ = on_grid.run(script, riders)
    assert sent
    assert all(stop.time_s - stop.started_s <= 11 for stop in only(events, StopServed))
    assert len(only(events, Arrived)) == 3


def test_an_idle_taxi_that_stands_at_its_last_stop_is_sent_at_once(on_grid: Grid) -> None:
    # an idle taxi keeps the stop of its last drop-off: "is stopped" alone would hold it for ever
    def script(world: World) -> None:
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "-r1"))
        for request in world.waiting():
            if request.id == "r2" and world.vehicles()[0].phase == "idle":
                world.set_plan("shuttle.00", plan("+r2", "-r2"))

    events, _ = on_grid.run(script, [rider(1, "B1C1", "C1C2"), rider(2, "C2D2", "C3D3", at_s=200)])
    assert {one.request_id for one in only(events, Arrived)} == {"r1", "r2"}
    assert only(events, PickedUp)[1].time_s < 300


def near(on_grid: Grid, *, origin_m: float) -> list[Event]:
    """Run a taxi that drops r1 off at 100 m of an edge, with r3 on board, and is to pick up r2 on the same edge."""
    riders = [rider(1, "B1C1", "C3D3"), rider(2, "C3D3", "D3D2", origin_m=origin_m), rider(3, "B1C1", "D2D1")]
    stops = plan("+r1", "+r3", "-r1", "+r2", "-r2", "-r3")
    events, _ = on_grid.run(at(30, lambda w: w.set_plan("shuttle.00", stops)), riders)
    return events


@pytest.mark.parametrize("origin_m", [80.0, 100.0, 120.0])
def test_stops_at_boarding_places_are_served_whatever_their_order(on_grid: Grid, origin_m: float) -> None:
    assert kerb_m(origin_m, 180.0) == origin_m
    assert {one.request_id for one in only(near(on_grid, origin_m=origin_m), Arrived)} == {"r1", "r2", "r3"}


def test_sumo_still_waits_for_ever_for_a_rider_who_boarded_nearby(on_grid: Grid) -> None:
    """The reason for boarding places 20 m apart."""
    events = near(on_grid, origin_m=107.8)
    assert {one.request_id for one in only(events, PickedUp)} == {"r1", "r2", "r3"}
    assert {one.request_id for one in only(events, Unfinished)} == {"r2", "r3"}


def test_riders_at_one_place_share_one_stop(on_grid: Grid) -> None:
    riders = [rider(n, "B1C1", "C3D3") for n in range(1, 4)]
    stops = plan("+r1", "+r2", "+r3", "-r1", "-r2", "-r3")
    events, _ = on_grid.run(at(30, lambda w: w.set_plan("shuttle.00", stops)), riders)
    assert [(one.boarded, one.alighted) for one in only(events, StopServed)] == [(3, 0), (0, 3)]


def test_every_request_is_seen_although_somebody_looked_before(on_grid: Grid) -> None:
    # a reservation once retrieved is no longer new (SUMO issues 11429, 11501)
    seen: list[tuple[float, int]] = []
    on_grid.run(
        lambda w: seen.append((w.time_s, len(w.waiting()))), [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "C3D3")]
    )
    assert {count for time_s, count in seen if time_s > 25} == {2}


def test_a_rejected_rider_leaves_and_has_one_outcome(on_grid: Grid) -> None:
    events, _ = on_grid.run(at(40, lambda w: w.reject("r1", "no_vehicle")), [rider(1, "B1C1", "C3D3")])
    assert [one.cause for one in only(events, Rejected)] == ["no_vehicle"]
    assert not only(events, Unfinished)
    assert not only(events, Arrived)


def test_whoever_nobody_serves_is_unfinished(on_grid: Grid) -> None:
    events, outcome = on_grid.run(lambda _: None, [rider(1, "B1C1", "C3D3")])
    assert [one.state for one in only(events, Unfinished)] == ["waiting"]
    assert outcome.end_s == pytest.approx(601, abs=1)


def test_libsumo_and_traci_agree_to_the_event(on_grid: Grid) -> None:
    riders = [rider(n, "B1C1", "C3D3", at_s=20.0 + 7 * n) for n in range(1, 5)]

    def script(world: World) -> None:
        if world.time_s == 80:
            world.set_plan("shuttle.00", plan("+r1", "+r2", "-r1", "-r2"))
            world.set_plan("shuttle.01", plan("+r3", "+r4", "-r4", "-r3"))

    events, _ = on_grid.run(script, riders, name="a")
    again, _ = on_grid.run(script, riders, name="b", engine="traci")
    assert events == again
    assert len(only(events, DroppedOff)) == 4


UNGUARDED = """
import sys
import libsumo as sumo
sumo.start(["sumo", "-n", sys.argv[1], "-a", sys.argv[2], "-r", sys.argv[3], "--no-step-log", "--no-warnings",
            "--device.taxi.dispatch-algorithm", "traci", "--pedestrian.model", "nonInteracting"])
while sumo.simulation.getTime() < 30:
    sumo.simulation.step()
one = [r.id for r in sumo.person.getTaxiReservations(3)][0]
sumo.vehicle.dispatchTaxi("t0", [one, one])
sumo.vehicle.dispatchTaxi("t1", [one, one])
print("accepted", flush=True)
"""


def test_sumo_still_accepts_one_request_for_two_taxis(on_grid: Grid) -> None:
    """The reason for the guard. When a release refuses this, the guard may go."""
    routes = on_grid.folder / "r.rou.xml"
    stop = '<stop parkingArea="depot" duration="1"/>'
    taxi = f'<trip id="t{{0}}" type="t" depart="0" from="A0B0" departPos="stop" line="taxi">{stop}</trip>'
    routes.write_text(
        '<routes><vType id="t" vClass="taxi"><param key="has.taxi.device" value="true"/></vType>'
        + taxi.format(0) + taxi.format(1)
        + '<person id="p" depart="10"><ride from="B1C1" to="C3D3" lines="taxi"/></person></routes>'
    )  # fmt: skip
    arguments = [str(on_grid.network.net_file), str(on_grid.network.additional_files[0]), str(routes)]
    done = subprocess.run(
        [sys.executable, "-c", UNGUARDED, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert "accepted" in done.stdout
