"""Assignment of trips in a world without SUMO."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError

from sim.controllers.shuttle.assignment import Rtv, RtvParameters
from sim.events import Assigned, fingerprint
from sim.world import TravelTimes
from tests.unit.controllers.shuttle.replay import grid_times
from tests.unit.controllers.shuttle.test_controller import check_promises
from tests.unit.controllers.shuttle.test_rolling import PLAIN, objective, replayed

SMALL = RtvParameters(trip_requests=3, requests_per_vehicle=6, trips_per_size=12, tries=100)


@pytest.fixture(scope="module")
def grid() -> TravelTimes:
    return grid_times(10, 200.0, 13.89, 4.0)


def test_every_promise_holds_although_riders_change_vehicles(grid: TravelTimes) -> None:
    world, result = replayed(grid, SMALL, seed=1)
    assert result.served == 240
    check_promises(world)
    vehicles: dict[str, set[str]] = {}
    for one in world.events:
        if isinstance(one, Assigned):
            vehicles.setdefault(one.request_id, set()).add(one.vehicle_id)
    assert Counter(len(found) > 1 for found in vehicles.values())[True] > 20


def test_it_is_better_than_insertion_alone(grid: TravelTimes) -> None:
    gains = [
        objective(replayed(grid, SMALL, seed=seed)[1], SMALL) / objective(replayed(grid, PLAIN, seed=seed)[1], PLAIN)
        for seed in (1, 2)
    ]
    assert max(gains) < 0.995


def test_an_unreachable_gain_leaves_plans_as_they_are(grid: TravelTimes) -> None:
    plain, _ = replayed(grid, PLAIN, seed=1, count=60)
    own, _ = replayed(grid, RtvParameters(least_gain_s=1e9), seed=1, count=60)
    assert plain.events == own.events


def test_same_decisions_in_another_process(grid: TravelTimes) -> None:
    code = (
        "from tests.unit.controllers.shuttle import test_assignment as t; "
        "from sim.events import fingerprint; "
        "grid = t.grid_times(10, 200.0, 13.89, 4.0); "
        "print(fingerprint(t.replayed(grid, t.SMALL, seed=4, count=80)[0].events))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    root = Path(__file__).parents[4]
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, cwd=root, capture_output=True, text=True
    )
    assert done.stdout.strip() == fingerprint(replayed(grid, SMALL, seed=4, count=80)[0].events)


def test_its_parameters_say_what_they_are_and_refuse_what_they_cannot_be() -> None:
    assert Rtv.Parameters is RtvParameters
    assert all(field.description for field in RtvParameters.model_fields.values())
    with pytest.raises(ValidationError, match="trips_per_size"):
        RtvParameters(trips_per_size=0)
