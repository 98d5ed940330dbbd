"""Three trucks that leave their depot together close up on the road and keep their distance again at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sim.engine.sumo import EngineName, StepFacts
from sim.events import fingerprint
from sim.freight import Call, FreightWorld
from sim.freight_events import PlatoonMetered, Violation
from sim.scenario import Scenario
from tests.sumo.engine.freight.plant import TUG, Plant, Ran, order, permit, probed, scenario

TRUCKS = tuple(f"tug.{n:02d}" for n in range(3))
CLOSE: Mapping[str, Any] = {"time_gap_s": 0.6, "least_speed_mps": 5}
ORDERS = [order(name, "north", "bare") for name in TRUCKS]


def together(world: FreightWorld) -> None:
    """Send all trucks to the site that is furthest off, each for an order of its own."""
    world.set_plans({name: [Call("north", load=(name,)), Call("bare", unload=(name,))] for name in TRUCKS})


def once(script: Callable[[FreightWorld], None]) -> Callable[[FreightWorld], None]:
    left = [script]
    return lambda world: left.pop()(world) if left else None


def convoy(**changes: Any) -> Scenario:  # noqa: ANN401 (parts of a document)
    return scenario(
        step_s=0.5,
        permits={"all": permit()},
        **{"platooning": CLOSE, "fleets": {"tug": {**TUG, "count": 3}}, **changes},
    )


def drive(plant: Plant, where: Scenario, *, engine: EngineName = "libsumo") -> Ran:
    return plant.run(once(together), ORDERS, where=where, engine=engine)


def summed(ran: Ran, field: str) -> float:
    return sum(float(getattr(one, field)) for one in ran.only(PlatoonMetered))


def test_a_convoy_closes_up_and_opens_again(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[dict[str, float]] = []

    def look(library: Any, _: StepFacts) -> None:  # noqa: ANN401 (SUMO itself)
        there = set(library.vehicle.getIDList())
        found.append({name: library.vehicle.getTau(name) for name in TRUCKS if name in there})

    probed(monkeypatch, look)
    ran = drive(plant, convoy())
    assert max(sum(one == 0.6 for one in each.values()) for each in found) == 2
    assert found[-1] == dict.fromkeys(TRUCKS, 1.0)
    assert max(one.largest for one in ran.only(PlatoonMetered)) == 3
    assert summed(ran, "following_m") > summed(ran, "leading_m") > 100
    assert not ran.only(Violation)


def test_no_more_vehicles_than_allowed_drive_together(plant: Plant) -> None:
    ran = drive(plant, convoy(platooning={**CLOSE, "most_vehicles": 2}))
    assert max(one.largest for one in ran.only(PlatoonMetered)) == 2


def test_nothing_is_metered_without_platooning(plant: Plant) -> None:
    assert not drive(plant, convoy(platooning=None)).only(PlatoonMetered)


def test_traci_tells_the_same(plant: Plant) -> None:
    assert fingerprint(drive(plant, convoy()).events) == fingerprint(drive(plant, convoy(), engine="traci").events)
