"""The controller greedy in a world without SUMO."""

from __future__ import annotations

import pytest

from sim.controllers.freight.greedy import Greedy, GreedyParameters
from sim.freight import Call, Cargo
from tests.unit.controllers.freight.fake_world import order
from tests.unit.controllers.freight.plants import small_world

WIDE = (0.0, 7200.0)


def greedy(**parameters: float) -> Greedy:
    return Greedy(GreedyParameters.model_validate(parameters))


def test_the_order_with_the_least_slack_goes_first() -> None:
    world = small_world([order("a", "cams", "line", (0, 9000)), order("b", "press", "line", (0, 1500))], 1)
    world.run(greedy(), 20_000)
    assert world.delivered["b"].ended_s < world.delivered["a"].ended_s


def test_an_order_waits_for_a_vehicle_that_is_free_soon() -> None:
    orders = [order("a", "cams", "line", (0, 9000)), order("b", "press", "line", (0, 9000))]
    world = small_world(orders, 1)
    world.run(greedy(commit_s=0), 10)
    assert world.trucks["tug.00"].plan == [Call("cams", load=("a",)), Call("line", unload=("a",))]
    world.run(greedy(commit_s=9000), 20)
    assert len(world.trucks["tug.00"].plan) == 4


def test_what_comes_from_where_something_was_unloaded_is_loaded_in_the_same_stay() -> None:
    world = small_world([order("a", "cams", "line", WIDE), order("b", "line", "lab", (0, 9000))], 1)
    world.run(greedy(commit_s=9000), 10)
    assert Call("line", unload=("a",), load=("b",)) in world.trucks["tug.00"].plan


def test_no_company_makes_an_order_late() -> None:
    orders = [
        order("a", "cams", "line", (0, 1950), cargo=Cargo(4, 1)),
        order("b", "cams", "line", WIDE, cargo=Cargo(4, 1)),
    ]
    world = small_world(orders, 1)
    world.run(greedy(), 20_000)
    assert world.delivered["a"].ended_s <= 1950
    assert world.delivered["b"].docked_s > world.delivered["a"].docked_s


def test_charging_to_less_than_where_it_begins_is_refused() -> None:
    with pytest.raises(ValueError, match=r"charge_to_share \(0.3\) must not be below"):
        GreedyParameters(charge_to_share=0.3)
