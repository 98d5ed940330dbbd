"""Driverless vehicles that halt for an operator on the grid: what they do to plans, riders and SUMO's taxi device."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

from sim.controllers.base import Inputs, Preparation
from sim.engine import supervision
from sim.engine.loop import Loop
from sim.engine.sumo import EngineName, SumoPort
from sim.events import (
    Arrived,
    DroppedOff,
    Event,
    HandlingBegan,
    IncidentBegan,
    IncidentEnded,
    PickedUp,
    PromiseBroken,
    StopServed,
    VehicleBrokeDown,
    VehicleRetired,
    VehicleTeleported,
)
from sim.rundir import RunDir
from sim.scenario import Scenario, validate
from sim.world import Offer, PlannedStop, Request, Vehicle, World
from tests.sumo.conftest import Grid, Scripted, rider

Kind = TypeVar("Kind", bound=Event)
RIDERS = [rider(n, "B1C1", "C3D3", at_s=20.0 + 7 * n) for n in range(1, 5)]
TWO_RIDERS = [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "D3D2", at_s=30)]


def only(events: Iterable[Event], kind: type[Kind]) -> list[Kind]:
    return [one for one in events if isinstance(one, kind)]


def plan(*stops: str) -> list[PlannedStop]:
    """`+r1 -r1` reads: pick up r1, drop off r1."""
    return [PlannedStop(stop[1:], pickup=stop[0] == "+") for stop in stops]


def supervised(on_grid: Grid, *, seed: int = 1, end_s: int = 300, teleport_s: int = 300, **changes: object) -> Scenario:
    """A halt each 625 m in the mean, handled within about 100 s by one operator."""
    handling = {"mean_s": 100, "sd_s": 20, "status": "assumed", "source": "test"}
    document: dict[str, Any] = on_grid.scenario(end_s=end_s, drain_s=3000).model_dump(mode="json")
    document["supervision"] = {"operators": 1, "incidents_per_1000_km": 1600, "handling": handling} | changes
    document |= {"seeds": {"sumo": seed}, "limits": {"time_to_teleport_s": teleport_s}}
    return validate(document, place="the test")


def once_at(monkeypatch: pytest.MonkeyPatch, odometer_m: float) -> None:
    """Let `shuttle.00` meet one incident, when it has driven so far, and the others none."""

    def next_due(one: supervision._Vehicle) -> None:
        one.due_m = odometer_m if one.id == "shuttle.00" and one.due_m == 0 else 1e9

    monkeypatch.setattr(supervision._Vehicle, "next_due", next_due)


def two_shared_rides(world: World) -> None:
    if world.time_s == 80:
        world.set_plan("shuttle.00", plan("+r1", "+r2", "-r1", "-r2"))
        world.set_plan("shuttle.01", plan("+r3", "+r4", "-r4", "-r3"))


def one_ride(world: World) -> None:
    if world.time_s == 30:
        world.set_plan("shuttle.00", plan("+r1", "-r1"))


def watched(script: Callable[[World], None], kept: dict[float, Vehicle]) -> Callable[[World], None]:
    """Keep how `shuttle.00` is seen in every step."""

    def step(world: World) -> None:
        kept.update((world.time_s, vehicle) for vehicle in world.vehicles() if vehicle.id == "shuttle.00")
        script(world)

    return step


def test_nothing_changes_without_incidents(on_grid: Grid) -> None:
    without, _ = on_grid.run(two_shared_rides, RIDERS, name="a", scenario=on_grid.scenario(drain_s=3000))
    none, _ = on_grid.run(two_shared_rides, RIDERS, name="b", scenario=supervised(on_grid, incidents_per_1000_km=0))
    assert none == without


@pytest.mark.parametrize("seed", range(1, 6))
def test_every_halt_is_handled_and_every_rider_arrives(on_grid: Grid, seed: int) -> None:
    events, _ = on_grid.run(two_shared_rides, RIDERS, scenario=supervised(on_grid, seed=seed))
    assert {one.request_id for one in only(events, Arrived)} == {"r1", "r2", "r3", "r4"}
    assert not only(events, VehicleTeleported)
    began, handled, ended = only(events, IncidentBegan), only(events, HandlingBegan), only(events, IncidentEnded)
    # the run ends with its last rider, whose vehicle may still be halted
    assert 1 <= len(began) - 1 <= len(ended) <= len(handled) <= len(began)
    one_operator = zip(ended, handled[1:], strict=False)
    assert all(before.time_s <= after.time_s for before, after in one_operator)


def test_a_second_operator_takes_over_at_once(on_grid: Grid) -> None:
    one, _ = on_grid.run(two_shared_rides, RIDERS, name="a", scenario=supervised(on_grid, seed=5))
    two, _ = on_grid.run(two_shared_rides, RIDERS, name="b", scenario=supervised(on_grid, seed=5, operators=2))
    assert max(handled.queue_s for handled in only(one, HandlingBegan)) > 50
    assert {handled.queue_s for handled in only(two, HandlingBegan)} == {0}
    assert {handled.operator for handled in only(two, HandlingBegan)} == {0, 1}
    first, second = ([(e.vehicle_id, e.odometer_m) for e in only(events, IncidentBegan)] for events in (one, two))
    assert len(first) == len(second)
    for (vehicle, odometer_m), (same, again_m) in zip(sorted(first), sorted(second), strict=True):
        assert vehicle == same
        assert odometer_m == pytest.approx(again_m, abs=15)  # a step at 14 m/s


def test_libsumo_and_traci_agree_to_the_event(on_grid: Grid) -> None:
    events, _ = on_grid.run(two_shared_rides, RIDERS, name="a", scenario=supervised(on_grid))
    again, _ = on_grid.run(two_shared_rides, RIDERS, name="b", scenario=supervised(on_grid), engine="traci")
    assert only(events, IncidentEnded)
    assert events == again


@pytest.mark.parametrize("odometer_m", [200, 400])
def test_a_vehicle_stands_longer_than_others_may_and_is_not_teleported(
    on_grid: Grid, monkeypatch: pytest.MonkeyPatch, odometer_m: float
) -> None:
    once_at(monkeypatch, odometer_m)
    seen: dict[float, Vehicle] = {}
    scenario = supervised(on_grid, teleport_s=30)
    events, _ = on_grid.run(watched(one_ride, seen), RIDERS[:1], scenario=scenario)
    (began,), (ended,) = only(events, IncidentBegan), only(events, IncidentEnded)
    assert ended.time_s - began.time_s > 60
    assert not only(events, VehicleTeleported)
    assert only(events, Arrived)
    stood = {seen[time_s].location for time_s in seen if began.time_s + 10 < time_s < ended.time_s}
    assert len(stood) == 1
    assert seen[ended.time_s + 5].location not in stood


def test_who_is_held_up_after_a_halt_is_not_teleported_for_having_stood(
    on_grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_at(monkeypatch, 200)
    release, held_up = SumoPort.release, []
    monkeypatch.setattr(SumoPort, "release", lambda port, vehicle_id: held_up.append((port, vehicle_id)))
    waited: list[float] = []

    def script(world: World) -> None:
        one_ride(world)
        if held_up and len(waited) < 10:
            waited.append(world.time_s)
            if len(waited) == 10:
                release(*held_up[0])

    scenario = supervised(on_grid, teleport_s=30)
    events, _ = on_grid.run(script, RIDERS[:1], scenario=scenario)
    assert len(waited) == 10
    assert not only(events, VehicleTeleported)
    assert only(events, Arrived)


def test_the_world_tells_the_expected_end_of_a_halt_and_never_the_drawn_one(
    on_grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_at(monkeypatch, 200)
    seen: dict[float, Vehicle] = {}
    events, _ = on_grid.run(watched(one_ride, seen), RIDERS[:1], scenario=supervised(on_grid))
    (began,), (ended,) = only(events, IncidentBegan), only(events, IncidentEnded)
    assert seen[began.time_s].halted_until_s == began.time_s + 100
    halted = {time_s for time_s in seen if seen[time_s].halted_until_s is not None}
    assert halted == {time_s for time_s in seen if began.time_s <= time_s < ended.time_s}
    assert all(until > time_s for time_s in halted if (until := seen[time_s].halted_until_s) is not None)


def test_a_vehicle_can_be_sent_elsewhere_while_it_is_halted(on_grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    once_at(monkeypatch, 420)  # with r1 on board
    at: list[float] = []

    def script(world: World) -> None:
        one_ride(world)
        first = world.vehicles()[0]
        if first.halted_until_s is not None and first.on_board and not at:
            at.append(world.time_s)
        if at and world.time_s == at[0] + 20:
            world.set_plan("shuttle.00", plan("+r2", "-r1", "-r2"))

    events, _ = on_grid.run(script, TWO_RIDERS, scenario=supervised(on_grid))
    (began,), (ended,) = only(events, IncidentBegan), only(events, IncidentEnded)
    second = only(events, PickedUp)[1]
    assert (second.request_id, second.vehicle_id) == ("r2", "shuttle.00")
    assert second.time_s > ended.time_s > began.time_s + 60
    assert len(only(events, Arrived)) == 2


def test_a_rider_who_waits_is_taken_over_from_a_halted_vehicle(on_grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    once_at(monkeypatch, 200)

    def script(world: World) -> None:
        one_ride(world)
        if world.time_s == 60:
            assert world.vehicles()[0].halted_until_s is not None
            world.set_plans({"shuttle.00": [], "shuttle.01": plan("+r1", "-r1")})

    events, _ = on_grid.run(script, RIDERS[:1], scenario=supervised(on_grid))
    assert [one.vehicle_id for one in only(events, DroppedOff)] == ["shuttle.01"]
    assert not only(events, VehicleTeleported)


def test_who_comes_to_a_stop_first_is_handled_there_and_riders_board_meanwhile(
    on_grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, _ = on_grid.run(one_ride, RIDERS[:1], name="a", scenario=on_grid.scenario())
    boarding = only(events, PickedUp)[0]
    once_at(monkeypatch, boarding.odometer_m - 0.01)  # within the last step ahead of the stop
    events, _ = on_grid.run(one_ride, RIDERS[:1], name="b", scenario=supervised(on_grid))
    (began,), (ended,) = only(events, IncidentBegan), only(events, IncidentEnded)
    assert only(events, PickedUp)[0].time_s == boarding.time_s
    assert only(events, StopServed)[0].time_s - boarding.time_s == pytest.approx(10, abs=1)
    assert boarding.time_s - 2 <= began.time_s <= boarding.time_s
    assert only(events, DroppedOff)[0].time_s > ended.time_s + 30
    assert only(events, Arrived)


def test_an_idle_vehicle_that_was_halted_at_its_last_stop_can_be_sent_again(
    on_grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, _ = on_grid.run(one_ride, RIDERS[:1], name="a", scenario=on_grid.scenario())
    once_at(monkeypatch, only(events, DroppedOff)[0].odometer_m - 0.01)
    seen: dict[float, Vehicle] = {}

    def script(world: World) -> None:
        one_ride(world)
        if world.time_s == 220:  # still halted, and idle
            world.set_plan("shuttle.00", plan("+r2", "-r2"))

    riders = [RIDERS[0], rider(2, "C1C2", "D3D2", at_s=210)]
    events, _ = on_grid.run(watched(script, seen), riders, name="b", scenario=supervised(on_grid))
    (ended,) = only(events, IncidentEnded)
    assert (seen[219].phase, seen[219].halted_until_s is not None) == ("idle", True)
    assert ended.time_s > 222
    assert only(events, PickedUp)[1].time_s > ended.time_s
    assert len(only(events, Arrived)) == 2
    assert not only(events, VehicleTeleported)


class LeftToSumo(Scripted):
    """Riders whom SUMO's own dispatcher serves, which clears a taxi's stops whenever it sends it."""

    def prepare(self, inputs: Inputs) -> Preparation:
        options = {"device.taxi.dispatch-algorithm": "greedyShared", "device.taxi.dispatch-period": "5"}
        return dataclasses.replace(super().prepare(inputs), taxi="sumo", options=options)


def test_a_vehicle_that_sumo_dispatches_stays_halted(on_grid: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    once_at(monkeypatch, 200)
    resolved = on_grid.resolve(supervised(on_grid), LeftToSumo(riders=RIDERS))
    with RunDir(on_grid.folder / "run") as directory:
        Loop(resolved, directory, engine="libsumo", stop=lambda: False, report=lambda _: None).run()
        events = directory.seal_events()
    (began,), (ended,) = only(events, IncidentBegan), only(events, IncidentEnded)
    first = [one.time_s for one in only(events, PickedUp) if one.vehicle_id == "shuttle.00"]
    assert ended.time_s > began.time_s + 50
    assert first
    assert min(first) > ended.time_s
    assert len(only(events, Arrived)) == len(RIDERS)


@pytest.mark.parametrize("engine", ["libsumo", "traci"])
def test_a_vehicle_that_breaks_down_hands_its_riders_over(
    on_grid: Grid, monkeypatch: pytest.MonkeyPatch, engine: EngineName
) -> None:
    once_at(monkeypatch, 500)
    void: list[str] = []
    given: list[str] = []

    def step(world: World) -> None:
        if world.time_s == 30:
            world.set_plan("shuttle.00", plan("+r1", "-r1", "+r2", "-r2"))
        void.extend(world.withdrawn())
        waiting = [request.id for request in world.waiting() if world.time_s > 40]
        if waiting:
            (vehicle,) = world.vehicles()
            assert vehicle.id == "shuttle.01"
            ahead = [one for one in given if one not in vehicle.on_board]
            given.extend(waiting)
            rest = [PlannedStop(one, pickup=False) for one in vehicle.on_board]
            world.set_plan("shuttle.01", [*rest, *plan(*(sign + one for one in [*ahead, *waiting] for sign in "+-"))])

    riders = [dataclasses.replace(RIDERS[0], size=2), TWO_RIDERS[1]]
    scenario = supervised(on_grid, breakdown_share=1, recovery_s=200)
    events, outcome = on_grid.run(step, riders, scenario=scenario, engine=engine)
    (broken,) = only(events, VehicleBrokeDown)
    assert broken.vehicle_id == "shuttle.00"
    assert sorted(void) == ["r1", "r2"]
    rides = [(one.request_id, one.vehicle_id) for one in only(events, PickedUp)]
    assert sorted(rides) == [("r1", "shuttle.00"), ("r1", "shuttle.01"), ("r2", "shuttle.01")]
    assert {one.request_id for one in only(events, Arrived)} == {"r1", "r2"}
    (towed,) = [one for one in only(events, VehicleRetired) if one.vehicle_id == "shuttle.00"]
    assert towed.time_s == broken.time_s + 200
    assert outcome.end == "finished"


def test_after_a_breakdown_the_wish_begins_anew_and_the_first_promise_is_judged(
    on_grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_at(monkeypatch, 500)
    seen: list[Request] = []

    def step(world: World) -> None:
        if world.time_s == 30:
            world.offer(Offer(request_id="r1", pickup_earliest_s=0, pickup_latest_s=150, dropoff_latest_s=200))
            world.set_plan("shuttle.00", plan("+r1", "-r1"))
        seen.extend(one for one in world.waiting() if world.time_s > 30)
        if seen and world.time_s > seen[0].earliest_s + 300 and world.waiting():
            offer = Offer(request_id="r1", pickup_earliest_s=0, pickup_latest_s=1500, dropoff_latest_s=2000)
            assert world.offer(offer)
            world.set_plan("shuttle.01", plan("+r1", "-r1"))

    events, _ = on_grid.run(step, TWO_RIDERS[:1], scenario=supervised(on_grid, breakdown_share=1))
    (out,) = [one for one in only(events, DroppedOff) if one.vehicle_id == "shuttle.00"]
    assert seen[0].earliest_s == pytest.approx(out.time_s, abs=10)
    boarded, *_ = only(events, PickedUp)
    assert boarded.time_s < 150
    (broken,) = only(events, PromiseBroken)
    assert (broken.part, broken.vehicle_id) == ("dropoff", "shuttle.01")
    assert broken.late_s == only(events, DroppedOff)[-1].time_s - 200
