"""What holds for every freight controller, in a world without SUMO."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import pytest

from sim.controllers.base import FreightController
from sim.controllers.freight.greedy import Greedy, GreedyParameters
from sim.controllers.freight.rolling import Rolling, RollingParameters
from sim.events import Event
from sim.freight import Call, Cargo, DrivingWindow, Order, Rest
from sim.freight_events import OrderAssigned
from sim.permit_document import Outside
from tests.unit.controllers.freight.fake_world import TOLERANCE_S, FakeFreightWorld, order
from tests.unit.controllers.freight.plants import day_of_orders, plant, site, small_world, trucks

WIDE = (0.0, 7200.0)

Make = Callable[..., FreightController]


def greedy(**parameters: float) -> FreightController:
    return Greedy(GreedyParameters.model_validate(parameters))


def rolling(**parameters: float) -> FreightController:
    return Rolling(RollingParameters.model_validate({"iterations": 50, **parameters}))


@pytest.fixture(params=[greedy, rolling], ids=["greedy", "rolling"])
def make(request: pytest.FixtureRequest) -> Make:
    found: Make = request.param
    return found


def served(
    make: Make, orders: list[Order], count: int = 2, until_s: float = 12_000.0, **changes: object
) -> FakeFreightWorld:
    world = small_world(orders, count, **changes)
    world.run(make(), until_s, period_s=20)
    return world


def rows(decisions: Sequence[Event]) -> list[dict[str, object]]:
    return [decision.row() for decision in decisions]


def test_everything_is_delivered_in_its_window_where_there_is_time(make: Make) -> None:
    world = FakeFreightWorld(plant(), trucks(8), day_of_orders(30, seed=3, end_s=7200))
    world.run(make(), 30_000, period_s=30)
    assert world.otif == 1.0
    assert world.most_in_bays <= 0


def test_same_orders_same_decisions(make: Make) -> None:
    worlds = [FakeFreightWorld(plant(), trucks(3), day_of_orders(15, seed=5, end_s=3600)) for _ in range(2)]
    for world in worlds:
        world.run(make(), 30_000, period_s=30)
    assert rows(worlds[0].decisions) == rows(worlds[1].decisions)
    assert worlds[0].delivered == worlds[1].delivered


def test_the_nearest_vehicle_in_time_carries_an_order_and_that_is_told(make: Make) -> None:
    world = small_world([order("a", "cams", "line", WIDE)])
    world.trucks["tug.01"].at = site("cams").location
    world.run(make(), 20_000)
    (assigned,) = world.decisions
    assert isinstance(assigned, OrderAssigned)
    assert (assigned.order_id, assigned.vehicle_id) == ("a", "tug.01")
    assert assigned.unloading_s == pytest.approx(world.delivered["a"].ended_s, abs=30)


def test_an_order_whose_window_opens_late_waits_and_is_not_in_the_bay_too_early(make: Make) -> None:
    world = served(make, [order("a", "cams", "line", (9000, 10_800))])
    assert 9000 - TOLERANCE_S <= world.delivered["a"].docked_s <= 9000 + 60
    assert world.decisions[0].time_s > 6000


def test_orders_with_the_same_ends_go_together_where_there_is_room(make: Make) -> None:
    world = served(make, [order(name, "cams", "line", WIDE, cargo=Cargo(3, 900)) for name in "abc"])
    assert len({(one.vehicle_id, one.docked_s) for one in world.delivered.values()}) == 2
    assert sum(truck.driven_m for truck in world.trucks.values()) <= 2 * sum_of_legs() + 1e-3


def sum_of_legs() -> float:
    return 250.0 * ((9 + 8) + (8 + 10) + (1 + 2))


def test_an_order_that_is_late_is_delivered_late(make: Make) -> None:
    world = served(make, [order("a", "cams", "line", (0, 60))])
    assert world.delivered["a"].ended_s > 60


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "consignment"},
        {"classes": ("robot",)},
        {"cargo": Cargo(9, 1)},
        {"cargo": Cargo(1, 9000)},
        {"origin": "lab"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_no_vehicle_may_carry_fails_at_once_and_the_rest_goes_on(make: Make, change: dict[str, object]) -> None:
    plain = order("a", "cams", "line", WIDE)
    bad = dataclasses.replace(plain, id="bad", **change)  # type: ignore[arg-type]  # one field of an order
    world = served(make, [plain, bad], kinds=frozenset({"part"}), sites=frozenset({"cams", "line"}))
    assert world.failed == {"bad": "no_vehicle_may_carry_it"}
    assert list(world.delivered) == ["a"]


def test_no_mission_that_would_not_be_over_by_the_end_of_the_window(make: Make) -> None:
    windows = (DrivingWindow(0, 1200), DrivingWindow(5000, 9000))
    world = small_world([order("a", "cams", "line", (0, 9000))], 1, windows=windows)
    controller = make()
    world.run(controller, 4990)
    assert world.trucks["tug.00"].driven_m == 0
    world.run(controller, 9000)
    assert 5000 < world.delivered["a"].ended_s < 9000


@pytest.mark.parametrize(("outside", "failed"), [("hold", {}), ("return", {}), ("forbid", {"b": "forbidden"})])
def test_what_no_window_holds_is_refused_where_it_is_forbidden_to_begin_it(
    make: Make, outside: Outside, failed: dict[str, str]
) -> None:
    """The first order fits the window; the second comes when too little of it is left."""
    orders = [order("a", "cams", "line", WIDE), order("b", "cams", "line", WIDE, released_s=2400)]
    world = small_world(orders, 1, windows=(DrivingWindow(0, 3000),), outside=outside)
    controller = make()
    world.run(controller, 2390)
    assert world.failed == {}
    world.run(controller, 3000)
    assert world.failed == failed
    assert list(world.delivered) == ["a"]


def test_what_a_later_window_holds_is_not_refused(make: Make) -> None:
    windows = (DrivingWindow(0, 100), DrivingWindow(5000, 9000))
    world = small_world([order("a", "cams", "line", (0, 9000))], 1, windows=windows, outside="forbid")
    world.run(make(), 9000)
    assert list(world.delivered) == ["a"]


def test_a_plan_is_not_stretched_beyond_the_window(make: Make) -> None:
    orders = [order(name, site, "line", WIDE, cargo=Cargo(5, 1)) for name, site in (("a", "cams"), ("b", "press"))]
    world = served(make, orders, count=1, windows=(DrivingWindow(0, 3000),))
    (delivered,) = world.delivered.values()
    assert delivered.ended_s < 3000


def test_no_more_vehicles_are_out_than_operators_can_watch(make: Make) -> None:
    orders = [order(name, origin, "line", WIDE) for name, origin in zip("abc", ("cams", "press", "seats"), strict=True)]
    world = small_world(orders, 3, max_parallel=1)
    world.run(make(), 20_000)
    assert len(world.delivered) == 3
    assert len({one.vehicle_id for one in world.delivered.values()}) == 1


def test_a_vehicle_charges_before_its_reserve_would_be_touched(make: Make) -> None:
    orders = [order(f"{n}", "cams", "line", (0, 30_000), released_s=1500.0 * n) for n in range(6)]
    world = small_world(orders, 1, kwh_per_km=1.0, reserve_share=0.1, depot_charging_kw=50.0)
    truck = world.trucks["tug.00"]
    truck.charge_kwh, truck.capacity_kwh = 30.0, 40.0
    least = []
    controller = make()
    while world.time_s < 30_000 and len(world.delivered) < 6:
        world.run(controller, world.time_s + 30, period_s=30)
        assert truck.charge_kwh is not None
        least.append(truck.charge_kwh)
    assert len(world.delivered) == 6
    assert min(least) >= 4.0


def test_an_empty_battery_is_charged_first(make: Make) -> None:
    world = small_world([order("a", "cams", "line", WIDE)], 1, kwh_per_km=1.0, depot_charging_kw=50.0)
    truck = world.trucks["tug.00"]
    truck.charge_kwh, truck.capacity_kwh = 8.0, 40.0
    world.run(make(), 10)
    assert truck.plan[0] == Rest("yard", 0.8)
    world.run(make(), 20_000)
    assert world.delivered["a"].ended_s > 3600 * 24 / 50


def test_a_vehicle_that_was_let_go_a_trifle_before_it_was_charged_keeps_its_calls(make: Make) -> None:
    orders = [order("a", "cams", "line", WIDE), order("b", "press", "line", WIDE, released_s=30.0)]
    world = small_world(orders, 1, kwh_per_km=1.0, depot_charging_kw=50.0)
    truck, controller = world.trucks["tug.00"], make()
    truck.charge_kwh, truck.capacity_kwh = 8.0, 40.0
    world.run(controller, 20)
    truck.charge_kwh = 31.5  # soon done: it is given work
    world.run(controller, 40)
    assert [type(task) for task in truck.plan[:3]] == [Rest, Call, Call]
    del truck.plan[0]
    truck.charge_kwh = 31.999
    world.run(controller, 20_000)
    assert sorted(world.delivered) == ["a", "b"]


def test_bays_are_booked_once_and_moved_only_when_the_vehicle_will_be_elsewhere_in_time(make: Make) -> None:
    sites = [dataclasses.replace(one, appointments=one.name == "line") for one in plant()]
    world = FakeFreightWorld(sites, trucks(1), [order("a", "cams", "line", WIDE)])
    world.run(make(), 20_000)
    ((vehicle, place, begin_s, end_s),) = world.appointments
    assert (vehicle, place) == ("tug.00", "line")
    assert begin_s == pytest.approx(world.delivered["a"].docked_s, abs=30)
    assert end_s == pytest.approx(world.delivered["a"].ended_s, abs=30)


def test_a_queue_of_lorries_at_a_site_counts(make: Make) -> None:
    free = FakeFreightWorld([site("cams"), site("line")], trucks(1), [order("a", "cams", "line", WIDE)])
    full = FakeFreightWorld([site("cams"), site("line", occupied=2)], trucks(1), [order("a", "cams", "line", WIDE)])
    for world in (free, full):
        world.run(make(stay_s=14_000), 10)
    (soon,), (late,) = free.decisions, full.decisions
    assert isinstance(soon, OrderAssigned)
    assert isinstance(late, OrderAssigned)
    assert late.unloading_s > 14_000 > soon.unloading_s


def test_a_vehicle_that_broke_down_loses_what_it_has_not_loaded(make: Make) -> None:
    world = small_world([order("a", "cams", "line", WIDE)], 2)
    controller = make()
    world.run(controller, 60)
    (busy,) = [truck for truck in world.trucks.values() if truck.plan]
    world.halt(busy, until_s=50_000)
    world.run(controller, 10_000)
    assert world.delivered["a"].vehicle_id != busy.id
