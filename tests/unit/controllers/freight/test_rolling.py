"""The controller rolling in a world without SUMO."""

from __future__ import annotations

import dataclasses

import pytest

from sim.controllers.freight.greedy import Greedy, GreedyParameters
from sim.controllers.freight.rolling import Rolling, RollingParameters, _kept, _without
from sim.freight import Call, Cargo, DrivingWindow
from sim.freight_events import OrderAssigned
from tests.unit.controllers.freight.fake_world import FakeFreightWorld, Truck, fleet, order
from tests.unit.controllers.freight.plants import day_of_orders, plant, site, small_world, trucks

WIDE = (0.0, 7200.0)


def rolling(**parameters: float) -> Rolling:
    return Rolling(RollingParameters.model_validate({"iterations": 50, **parameters}))


@pytest.mark.parametrize("seed", [1, 2])
def test_under_load_more_is_on_time_with_fewer_empty_kilometres_than_by_greed(seed: int) -> None:
    worlds = [FakeFreightWorld(plant(), trucks(4), day_of_orders(36, seed=seed, end_s=5400)) for _ in range(2)]
    worlds[0].run(Greedy(GreedyParameters()), 40_000, period_s=30)
    worlds[1].run(rolling(), 40_000, period_s=30)
    assert all(len(world.delivered) == 36 for world in worlds)
    assert worlds[1].otif > worlds[0].otif
    assert worlds[1].empty_share < worlds[0].empty_share


def test_an_order_goes_to_a_vehicle_that_has_come_nearer_and_that_is_told() -> None:
    world = small_world([order("a", "cams", "line", (0, 9000)), order("b", "press", "lab", (0, 9000))], 1)
    controller = rolling()
    world.run(controller, 300)
    nearer = Truck("tug.09", world.trucks["tug.00"].fleet, site("cams").location)
    world.trucks["tug.09"] = nearer
    world.run(controller, 20_000)
    told = [(one.order_id, one.vehicle_id) for one in world.decisions if isinstance(one, OrderAssigned)]
    assert ("a", "tug.00") in told
    assert ("a", "tug.09") in told
    assert world.delivered["a"].vehicle_id == "tug.09"


def test_what_is_too_late_makes_way_for_what_can_still_be_in_time() -> None:
    orders = [order("lost", "cams", "line", (0, 60)), order("timely", "press", "line", (0, 1700))]
    world = small_world(orders, 1)
    world.run(rolling(margin_s=0), 20_000)
    assert world.delivered["timely"].on_time
    assert world.delivered["lost"].ended_s > world.delivered["timely"].ended_s


def test_goods_wanted_at_different_times_do_not_wait_on_board() -> None:
    world = small_world([order("now", "cams", "line", (0, 3600)), order("then", "cams", "line", (7200, 9000))], 1)
    world.run(rolling(), 20_000)
    assert all(one.on_time for one in world.delivered.values())
    assert len(world.delivered) == 2


def test_fleets_carry_what_they_may_and_the_other_takes_what_does_not_fit_into_a_window() -> None:
    quick = fleet("quick", windows=(DrivingWindow(0, 900), DrivingWindow(40_000, 41_000)))
    slow = fleet("slow")
    cars = [Truck("q", quick, quick.depot_location), Truck("s", slow, slow.depot_location)]
    world = FakeFreightWorld(plant(), cars, [order("a", "cams", "line", WIDE)])
    world.run(rolling(), 20_000)
    assert world.delivered["a"].vehicle_id == "s"


def test_only_the_most_urgent_are_planned_at_a_time() -> None:
    orders = [order(f"{n}", "cams", "line", (0, 3000 + 600.0 * n), cargo=Cargo(8, 1)) for n in range(6)]
    world = small_world(orders, 1)
    world.run(rolling(most_orders=2), 40_000, period_s=60)
    ended = [world.delivered[f"{n}"].ended_s for n in range(6)]
    assert len(ended) == 6
    assert ended[0] == min(ended)


def test_a_plan_keeps_what_is_still_to_be_done() -> None:
    plan = (("a", True), ("b", True), ("a", False), ("b", False), ("c", False))
    goods = order("b", "cams", "line", WIDE)
    assert _kept(plan, ("a", "d"), {"b": goods}) == (("d", False), ("b", True), ("a", False), ("b", False))


def test_calls_without_an_order_are_joined() -> None:
    calls = (Call("x", load=("a",)), Call("y", load=("b",)), Call("x", load=("c",)), Call("z", unload=("a", "b", "c")))
    assert _without(calls, {"b"}) == (Call("x", load=("a", "c")), Call("z", unload=("a", "c")))


def test_a_window_that_closes_leaves_orders_for_the_next_one() -> None:
    windows = (DrivingWindow(0, 2000), DrivingWindow(9000, 12_000))
    orders = [order(name, "cams", "line", (0, 12_000), cargo=Cargo(5, 1)) for name in "ab"]
    world = small_world(orders, 1, windows=windows)
    world.run(rolling(), 20_000, period_s=30)
    ended = sorted(one.ended_s for one in world.delivered.values())
    assert ended[0] < 2000
    assert 9000 < ended[1] < 12_000


def test_pallets_in_parts_do_not_add_up_to_more_than_there_is_room_for() -> None:
    orders = [order(f"{n}", "cams", "line", WIDE, cargo=Cargo(0.3, 10.0)) for n in range(5)]
    world = small_world(orders, 1, capacity=Cargo(1.0, 100.0))
    world.run(rolling(), 20_000)
    assert len(world.delivered) == 5
    assert len({one.docked_s for one in world.delivered.values()}) == 3


def test_the_charge_bounds_a_plan() -> None:
    orders = [order(f"{n}", "cams", "line", (0, 20_000), cargo=Cargo(8, 1)) for n in range(3)]
    world = small_world(orders, 1, kwh_per_km=1.0, reserve_share=0.1, depot_charging_kw=50.0)
    truck = world.trucks["tug.00"]
    truck.charge_kwh, truck.capacity_kwh = 16.0, 40.0
    world.run(rolling(), 300)
    assert len(truck.plan) == 2
    world.run(rolling(), 30_000)
    assert len(world.delivered) == 3


def test_equal_worlds_get_equal_plans_whatever_the_order_of_the_vehicles() -> None:
    orders = day_of_orders(15, seed=4, end_s=3600)
    worlds = [FakeFreightWorld(plant(), trucks(3)[::step], orders) for step in (1, -1)]
    for world in worlds:
        world.run(rolling(), 20_000, period_s=30)
    assert worlds[0].delivered == worlds[1].delivered
    assert dataclasses.asdict(worlds[0].decisions[-1]) == dataclasses.asdict(worlds[1].decisions[-1])
