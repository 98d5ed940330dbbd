"""Rolling re-optimisation in a world without SUMO."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.ride import rides_of
from sim.controllers.shuttle.rolling import LnsParameters
from sim.controllers.shuttle.shuttle import Shuttle
from sim.events import Assigned, fingerprint
from sim.world import PlannedStop, TravelTimes
from tests.unit.controllers.shuttle.replay import Outcome, ReplayWorld, controller_for, grid_times, replay
from tests.unit.controllers.shuttle.test_controller import LIMITS, check_promises, spread, uniform_requests

PLAIN = InsertionParameters(alpha=LnsParameters().alpha, wait_weight=LnsParameters().wait_weight)


@pytest.fixture(scope="module")
def grid() -> TravelTimes:
    return grid_times(10, 200.0, 13.89, 4.0)


def replayed(
    grid: TravelTimes, parameters: InsertionParameters, *, seed: int, count: int = 240, shuttles: int = 12
) -> tuple[ReplayWorld, Outcome]:
    world = ReplayWorld(grid, spread(grid, shuttles), uniform_requests(grid, seed=seed, count=count), seats=6)
    return world, replay(world, limits=LIMITS, parameters=parameters, until_s=7200)


def objective(result: Outcome, parameters: InsertionParameters) -> float:
    """Return what the controller minimises, in seconds of ride; at 10 m/s."""
    rider_s = result.served * (parameters.wait_weight * result.wait_s + result.ride_s)
    return rider_s + parameters.alpha * result.vkm * 100


def test_every_promise_holds_although_riders_change_vehicles(grid: TravelTimes) -> None:
    world, result = replayed(grid, LnsParameters(), seed=1)
    assert result.served == 240
    check_promises(world)
    vehicles: dict[str, set[str]] = {}
    for one in world.events:
        if isinstance(one, Assigned):
            vehicles.setdefault(one.request_id, set()).add(one.vehicle_id)
    assert Counter(len(found) > 1 for found in vehicles.values())[True] > 20


def test_it_is_better_than_insertion_alone(grid: TravelTimes) -> None:
    gains = []
    for seed in (1, 2, 3):
        plain, own = PLAIN, LnsParameters()
        gains.append(
            objective(replayed(grid, own, seed=seed)[1], own) / objective(replayed(grid, plain, seed=seed)[1], plain)
        )
    assert max(gains) < 1.0
    assert np.mean(gains) < 0.99


def test_without_a_try_it_is_insertion(grid: TravelTimes) -> None:
    plain, _ = replayed(grid, PLAIN, seed=1, count=60)
    own, _ = replayed(grid, LnsParameters(iterations=0), seed=1, count=60)
    assert plain.events == own.events


def test_an_unreachable_gain_leaves_plans_as_they_are(grid: TravelTimes) -> None:
    plain, _ = replayed(grid, PLAIN, seed=1, count=60)
    own, _ = replayed(grid, LnsParameters(least_gain_s=1e9), seed=1, count=60)
    assert plain.events == own.events


def test_same_seed_same_decisions_in_another_process(grid: TravelTimes) -> None:
    code = (
        "from tests.unit.controllers.shuttle import test_rolling as t; "
        "from sim.events import fingerprint; "
        "grid = t.grid_times(10, 200.0, 13.89, 4.0); "
        "print(fingerprint(t.replayed(grid, t.LnsParameters(), seed=4, count=80)[0].events))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": str(Path(__file__).parents[4])}
    done = subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == fingerprint(replayed(grid, LnsParameters(), seed=4, count=80)[0].events)


def test_a_rider_who_boarded_before_the_move_stays(grid: TravelTimes) -> None:
    first, second = uniform_requests(grid, seed=1, count=2)
    world = ReplayWorld(grid, [first.origin] * 2, [first, second], seats=6)
    controller = controller_for(world, LIMITS, LnsParameters())
    controller.start(world)
    controller._shuttles = {one.id: Shuttle() for one in world.shuttles}
    for shuttle, request in zip(controller._shuttles.values(), (second, first), strict=True):
        (controller._rides[request.id],) = rides_of(request, LIMITS, controller._fleet, now_s=0.0, way_s=grid.time_s)
        shuttle.plan = [PlannedStop(request.id, pickup=True), PlannedStop(request.id, pickup=False)]
    early, late = world.vehicles()
    controller._correct([dataclasses.replace(early, on_board=(first.id,)), late])
    plans = [[stop.request_id for stop in one.plan] for one in controller._shuttles.values()]
    assert plans == [[first.id, first.id, second.id, second.id], []]
    assert [one.changed for one in controller._shuttles.values()] == [False, True]


@pytest.mark.parametrize("bad", [{"reject_penalty_s": -1}, {"lateness_weight": -1}, {"iterations": -1}])
def test_parameters_are_strict(bad: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        LnsParameters.model_validate(bad)
