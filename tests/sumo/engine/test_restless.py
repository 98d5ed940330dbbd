"""Plans that change at random, for riders of every kind: nobody is lost, and the engines agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
import pytest

from sim.demand.population import Rider
from sim.events import Arrived, Cancelled, Event, Unfinished, VehicleTeleported
from sim.scenario import validate
from sim.world import Location, PlannedStop, Task, Visit, World
from tests.sumo.conftest import Grid, rider

Kind = TypeVar("Kind", bound=Event)
EDGES = ["B1C1", "C1C2", "C2C3", "D3D2", "B2B3", "A1A2"]


def only(events: Iterable[Event], kind: type[Kind]) -> list[Kind]:
    return [one for one in events if isinstance(one, kind)]


class Restless:
    """Every 10 s moves some of those who wait to another vehicle, shares a ride or not, and sends the idle anywhere."""

    def __init__(self, seed: int, *, edges: int) -> None:
        self._rng, self._edges = np.random.default_rng(seed), edges
        self._plans: dict[str, list[str]] = {}
        self._boarded: set[str] = set()
        self.moves = 0

    def __call__(self, world: World) -> None:
        gone = set(world.withdrawn())
        self._plans = {name: [one for one in riders if one not in gone] for name, riders in self._plans.items()}
        if world.time_s % 10:
            return
        vehicles = world.vehicles()
        self._boarded.update(*(vehicle.on_board for vehicle in vehicles))
        known = {one for riders in self._plans.values() for one in riders}
        free = [request.id for request in world.waiting() if request.id not in known]
        plans: dict[str, list[str]] = {}
        for vehicle in vehicles:
            waiting = [one for one in self._plans.get(vehicle.id, []) if one not in self._boarded]
            leaves = [one for one in waiting[vehicle.locked :] if self._rng.random() < 0.3]
            self.moves += len(leaves)
            free += leaves
            plans[vehicle.id] = [one for one in waiting if one not in leaves]
        for one in free:
            plans[vehicles[int(self._rng.integers(len(vehicles)))].id].append(one)
        self._plans = plans
        world.set_plans({vehicle.id: self._tasks(vehicle.on_board, plans[vehicle.id]) for vehicle in vehicles})

    def _tasks(self, on_board: Sequence[str], riders: Sequence[str]) -> list[Task]:
        tasks: list[Task] = [PlannedStop(one, pickup=False) for one in on_board]
        if riders and len(on_board) <= 1 and self._rng.random() < 0.5:  # the first to wait shares the ride
            tasks = [PlannedStop(riders[0], pickup=True), *tasks, PlannedStop(riders[0], pickup=False)]
            riders = riders[1:]
        tasks += [PlannedStop(one, pickup=pickup) for one in riders for pickup in (True, False)]
        if not tasks and self._rng.random() < 0.3:
            tasks = [Visit(Location(int(self._rng.integers(self._edges)), 60.0))]
        return tasks


def any_riders(seed: int, count: int) -> list[Rider]:
    """Riders who ask on the spot or ahead, alone or in pairs, and some who cancel, do not come or lose patience."""
    rng, found = np.random.default_rng(seed), []
    for number in range(1, count + 1):
        origin, destination = rng.choice(len(EDGES), 2, replace=False)
        wish_s = 20.0 + float(rng.integers(30, 500))
        found.append(
            replace(
                rider(number, EDGES[origin], EDGES[destination], at_s=wish_s),
                booked_s=max(0.0, wish_s - float(rng.integers(0, 400))) if rng.random() < 0.5 else None,
                size=2 if rng.random() < 0.2 else 1,
                cancel_s=wish_s + float(rng.integers(-100, 150)) if rng.random() < 0.25 else None,
                shows_up=rng.random() > 0.15,
                patience_s=float(rng.integers(50, 400)) if rng.random() < 0.2 else None,
            )
        )
    return found


# all but the first lost a vehicle or a rider before the executor knew better
@pytest.mark.parametrize("seed", [2, 8, 15, 17, 39])
def test_whatever_is_planned_everybody_has_an_outcome_and_the_engines_agree(on_grid: Grid, seed: int) -> None:
    riders = any_riders(seed, 14)
    document = on_grid.scenario(vehicles=3, end_s=600, drain_s=3000).model_dump(mode="json")
    document["requests"] = {"no_show_wait_s": 15}  # plans do not stay longer
    scenario = validate(document, place="the test")
    scripts = Restless(seed, edges=48), Restless(seed, edges=48)
    events, outcome = on_grid.run(scripts[0], riders, name="a", scenario=scenario)
    again, _ = on_grid.run(scripts[1], riders, name="b", engine="traci", scenario=scenario)
    assert events == again
    assert len(only(events, Arrived)) + len(only(events, Cancelled)) == len(riders)
    assert not only(events, Unfinished)
    assert not only(events, VehicleTeleported)
    assert outcome.end == "finished"
    assert scripts[0].moves > 10
    cancelled = {one.request_id for one in only(events, Cancelled)}
    fickle = {one.request_id for one in riders if one.cancel_s or not one.shows_up or one.patience_s}
    assert cancelled <= fickle
