"""Rolling re-optimisation in a world without SUMO."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from sim.controllers.shuttle.controller import InsertionParameters
from sim.controllers.shuttle.exchange import Exchange
from sim.controllers.shuttle.plan import RequestTable, Start, fleet_of, matrix_of, time_plans
from sim.controllers.shuttle.rolling import Lns, LnsParameters
from sim.dispatch.problem import Weights
from sim.dispatch.schedule import time_plan
from sim.events import Assigned, fingerprint
from sim.world import Location, TravelTimes, Vehicle
from tests.unit.controllers.shuttle.replay import Outcome, ReplayWorld, grid_times, replay
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


def test_the_planning_core_times_plans_as_the_controller_does(grid: TravelTimes) -> None:
    rng, table = np.random.default_rng(3), RequestTable()
    for one in uniform_requests(grid, seed=5, count=12):
        row = table.add(
            one.origin, one.destination, size=1 + int(rng.integers(2)), earliest_s=one.earliest_s,
            latest_pickup_s=one.earliest_s + 9000, boarding_s=10, alighting_s=12,
        )  # fmt: skip
        table.columns.max_ride_s[row] = 9000
    table.columns.boarded_s[0] = 5.0
    here = uniform_requests(grid, seed=6, count=1)[0].origin
    places = [here, Location(int(table.columns.edge[4]), float(table.columns.pos_m[4]))]
    starts = [
        Start(place, ready_s=20.0, seats=9, load=load, locked=0) for place, load in zip(places, (1, 0), strict=True)
    ]
    plans = [[2, 6, 1, 3, 7, 8, 9], [4, 10, 12, 5, 11, 13]]
    fleet, matrix = fleet_of(starts, plans), matrix_of(grid)
    schedule = time_plans(matrix, table.columns, fleet, shared_m=0.5)
    exchange = Exchange.of(matrix, table.columns, fleet, Weights())
    assert [exchange.stops(plan) for plan in exchange.plans] == plans
    assert exchange.problem.requests.vehicle[0] == 0
    for v, plan in enumerate(exchange.plans):
        timing = time_plan(exchange.problem, v, plan)
        assert timing.begin_s == pytest.approx(schedule.begin_s[v, : len(plan)])


def test_a_rider_who_boarded_before_the_move_stays(grid: TravelTimes) -> None:
    controller = Lns(LnsParameters())
    places = uniform_requests(grid, seed=1, count=2)
    for number, one in enumerate(places):
        controller._requests.append(one)
        controller._rows[one.id] = number
    for name, plan in (("a", [2, 3]), ("b", [0, 1])):
        vehicle = Vehicle(name, 6, places[0].origin, "driving", ())
        controller._observe(vehicle, 0.0)
        controller._shuttles[name].plan = plan
    late = Vehicle("a", 6, places[0].origin, "serving", (places[0].id,))
    controller._follow([late, Vehicle("b", 6, places[0].origin, "driving", ())])
    assert [controller._shuttles[name].plan for name in "ab"] == [[0, 1, 2, 3], []]
