"""Same document and seeds: same events, on every engine and under every hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.events import fingerprint
from sim.freight_events import (
    CarsCollected,
    DisruptionEnded,
    HubMetered,
    LorryLeft,
    OrderDelivered,
    OrderFailed,
    PermitClosed,
)
from tests.sumo.engine.freight.everything import everything
from tests.sumo.engine.freight.plant import Plant

HOME = Path(__file__).parents[4]


@pytest.fixture
def first(plant: Plant) -> str:
    return fingerprint(everything(plant).events)


def test_all_of_freight_happens_in_the_run_that_is_compared(plant: Plant) -> None:
    ran = everything(plant)
    for kind in (
        CarsCollected, DisruptionEnded, HubMetered, LorryLeft, OrderDelivered, OrderFailed, PermitClosed
    ):  # fmt: skip
        assert ran.only(kind), kind.__name__
    assert {one.vehicle_id.split(".")[0] for one in ran.only(OrderDelivered)} >= {"bot", "human", "tug"}


def test_the_same_seeds_give_the_same_events_and_others_do_not(plant: Plant, first: str) -> None:
    assert fingerprint(everything(plant).events) == first
    assert fingerprint(everything(plant, sumo_seed=2).events) != first
    assert fingerprint(everything(plant, demand_seed=2).events) != first


def test_traci_tells_the_same_events(plant: Plant, first: str) -> None:
    assert fingerprint(everything(plant, engine="traci").events) == first


def test_another_hash_seed_tells_the_same_events(tmp_path: Path, first: str) -> None:
    program = [sys.executable, "-m", "tests.sumo.engine.freight.everything", str(tmp_path)]
    found = subprocess.run(
        program, env=os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(HOME)}, cwd=HOME, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    assert found.stdout.splitlines()[-1] == first
