"""Plans that come to a place twice: who waits there boards at the first time, unless others would find no seat then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from sim.demand.population import Rider
from sim.engine.sumo import EngineName
from sim.events import Arrived, DroppedOff, PickedUp, VehicleTeleported
from sim.world import PlannedStop, Vehicle, World
from tests.sumo.conftest import Grid, rider
from tests.sumo.engine.test_riders import ENGINES, booked, only, plan, script

X = "B1C1"
SINGLE, WAITS = rider(1, "C2C3", "D3D2", at_s=5), rider(2, X, "D3D2", at_s=5)
PAIR = replace(SINGLE, size=2)
TO_X = replace(rider(3, "B2C2", X, at_s=5), destination_pos_m=50.0)
PAST_X = rider(4, "B2C2", "C3D3", at_s=5)


def carried_out(on_grid: Grid, engine: EngineName, riders: Sequence[Rider], *plans: tuple[float, str]) -> str:
    """Carry plans out with a vehicle of two seats; return in which order riders boarded and alighted."""
    acts = [(time_s, plan(*stops.split())) for time_s, stops in plans]
    follow = script(*((time_s, lambda w, tasks=tasks: w.set_plan("shuttle.00", tasks)) for time_s, tasks in acts))
    scenario = on_grid.scenario(vehicles=1, seats=2, end_s=600, drain_s=600)
    events, outcome = on_grid.run(follow, riders, scenario=scenario, engine=engine)
    assert outcome.end == "finished"
    assert not only(events, VehicleTeleported)
    seen = [one for one in events if isinstance(one, PickedUp | DroppedOff)]
    return " ".join(f"{'+' if isinstance(one, PickedUp) else '-'}{one.request_id}" for one in seen)


@pytest.mark.parametrize("engine", ENGINES)
def test_who_fits_boards_where_somebody_alights(on_grid: Grid, engine: EngineName) -> None:
    order = carried_out(on_grid, engine, [SINGLE, WAITS, TO_X], (30, "+r3 -r3 +r1 -r1 +r2 -r2"))
    assert order == "+r3 -r3 +r2 +r1 -r1 -r2"


@pytest.mark.parametrize("engine", ENGINES)
def test_who_would_take_the_seats_of_others_is_sent_for_in_turn(on_grid: Grid, engine: EngineName) -> None:
    order = carried_out(on_grid, engine, [PAIR, WAITS, TO_X], (30, "+r3 -r3 +r1 -r1 +r2 -r2"))
    assert order == "+r3 -r3 +r1 -r1 +r2 -r2"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("changed_s", [60, 110, 162])
def test_who_was_sent_for_before_others_came_between_is_taken_back(
    on_grid: Grid, engine: EngineName, changed_s: float
) -> None:
    first = "-r3" if changed_s > 92 else "+r3 -r3"
    changed = changed_s, f"{first} +r1 -r1 +r2 -r2"
    order = carried_out(on_grid, engine, [PAIR, WAITS, TO_X], (30, "+r3 -r3 +r2 -r2"), changed)
    assert order == "+r3 -r3 +r1 -r1 +r2 -r2"


@pytest.mark.parametrize("engine", ENGINES)
def test_who_boards_before_that_alights_before_others_board(on_grid: Grid, engine: EngineName) -> None:
    # the vehicle lets r3 alight since 163 s: no time to take anybody back
    changed = 168, "-r3 -r4 +r1 -r1 +r2 -r2"
    order = carried_out(on_grid, engine, [PAIR, WAITS, TO_X, PAST_X], (30, "+r3 +r4 -r3 +r2 -r4 -r2"), changed)
    assert order == "+r3 +r4 -r3 +r2 -r2 -r4 +r1 -r1"


@pytest.mark.parametrize("engine", ENGINES)
def test_who_waits_where_the_vehicle_waits_for_a_booking_is_sent_for_in_turn(on_grid: Grid, engine: EngineName) -> None:
    # r5 boards at X before r2, and r6 takes the second seat
    riders = [PAST_X, WAITS, booked(5, X, "C2C3", at_s=400), rider(6, "C1C2", "D3D2", at_s=5)]
    changed = 60, "+r4 -r4 +r5 +r6 -r5 -r6 +r2 -r2"
    order = carried_out(on_grid, engine, riders, (30, "+r4 +r2 -r4 -r2"), changed)
    assert order == changed[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_no_taxi_waits_for_who_has_boarded_early(on_grid: Grid, engine: EngineName) -> None:
    riders = [rider(1, "C2C3", "B2B3", at_s=5), WAITS, TO_X]
    order = carried_out(on_grid, engine, riders, (30, "+r3 -r3 +r1 +r2 -r1 -r2"))
    assert order == "+r3 -r3 +r2 +r1 -r1 -r2"


class Crowd:
    """Has each new rider served by any vehicle, whose plan is drawn anew, as full as its seats let it."""

    def __init__(self, seed: int, sizes: dict[str, int], *, seats: int) -> None:
        self._rng, self._sizes, self._seats = np.random.default_rng(seed), sizes, seats
        self._riders: dict[str, list[str]] = {}

    def __call__(self, world: World) -> None:
        new = world.waiting() if world.time_s % 7 == 0 else ()
        vehicles = world.vehicles()
        for vehicle in vehicles:
            waiting = self._riders.get(vehicle.id, [])
            self._riders[vehicle.id] = [one for one in waiting if one not in vehicle.on_board]
        for request in new:
            self._riders[vehicles[int(self._rng.integers(len(vehicles)))].id].append(request.id)
        if new:
            world.set_plans({vehicle.id: self._drawn(vehicle) for vehicle in vehicles})

    def _drawn(self, vehicle: Vehicle) -> list[PlannedStop]:
        aboard, waiting, stops = list(vehicle.on_board), list(self._riders[vehicle.id]), list[PlannedStop]()
        while aboard or waiting:
            seats = self._seats - sum(self._sizes[one] for one in aboard)
            boards = bool(waiting) and self._sizes[waiting[0]] <= seats and (not aboard or self._rng.random() < 0.6)
            one = waiting.pop(0) if boards else aboard.pop(int(self._rng.integers(len(aboard))))
            aboard += [one] if boards else []
            stops.append(PlannedStop(one, pickup=boards))
        return stops


def crowd(seed: int, count: int) -> list[Rider]:
    """Riders, alone or in pairs, who board and alight at the same few places."""
    rng, edges = np.random.default_rng(seed), [X, "C1C2", "C2C3", "D3D2", "B2B3"]
    found = []
    for number in range(1, count + 1):
        origin, destination = rng.choice(len(edges), 2, replace=False)
        one = rider(number, edges[origin], edges[destination], at_s=20.0 + float(rng.integers(30, 500)))
        found.append(replace(one, destination_pos_m=50.0, size=int(rng.integers(1, 3))))
    return found


@pytest.mark.parametrize("seed", [0, 2])
def test_whatever_is_planned_among_few_places_everybody_arrives_and_the_engines_agree(on_grid: Grid, seed: int) -> None:
    riders = crowd(seed, 14)
    scenario = on_grid.scenario(vehicles=2, seats=3, end_s=600, drain_s=6000)
    runs = []
    for engine in ENGINES:
        draws = Crowd(seed, {one.request_id: one.size for one in riders}, seats=3)
        events, _ = on_grid.run(draws, riders, name=engine, engine=engine, scenario=scenario)
        runs.append(events)
    assert runs[0] == runs[1]
    assert len({one.request_id for one in only(runs[0], Arrived)}) == len(riders)
    assert not only(runs[0], VehicleTeleported)
