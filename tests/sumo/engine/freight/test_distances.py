"""No goods come by less than the shortest way of the vehicle that carries them."""

from __future__ import annotations

import pytest

from sim.freight_events import OrderDelivered, OrderLoaded, OrderReleased
from sim.kpi.measure import Measurement
from sim.kpi.record import flat
from tests.sumo.engine.freight.plant import HUMAN, QUICK, TUG, Plant, Ran, greedy, order, there_and_back
from tests.sumo.engine.freight.plant import scenario as plain
from tests.sumo.engine.freight.test_conservation import some_orders
from tests.sumo.engine.freight.test_robots import walks

STEP_M = 3.4
"""What a robot walks in a step: its odometer counts whole ones."""


def carried_m(ran: Ran) -> dict[str, tuple[float, float]]:
    """Return the metres that each order was on board, and the shortest that it could have been."""
    loaded = {one.order_id: one.odometer_m for one in ran.only(OrderLoaded)}
    return {
        one.order_id: (one.odometer_m - loaded[one.order_id], one.shortest_m or 0.0) for one in ran.only(OrderDelivered)
    }


def test_a_robot_is_held_against_the_way_on_foot(plant: Plant) -> None:
    """Who walks may go back along a road; by lanes it is the way round the block."""
    ways = walks(sites={"east": QUICK, "north": QUICK})
    light = order("a", "east", "north", pallets=0.1, mass_kg=5)
    ran = plant.run(there_and_back(("bot.00", "a", "east", "north")), [light], where=ways)
    driven_m, shortest_m = carried_m(ran)["a"]
    (released,) = ran.only(OrderReleased)
    assert shortest_m < released.direct_distance_m - 100
    assert shortest_m <= driven_m <= shortest_m + 5 * STEP_M  # a step at most on each edge, and at the door
    measured = Measurement(ways)
    for event in ran.events:
        measured.add(event)
    kpis = flat(measured.records(final=True))
    assert kpis["distance_adjustment_factor"] == pytest.approx(driven_m / shortest_m)
    assert kpis["transport_tkm"] == pytest.approx(5e-3 * shortest_m / 1000)


@pytest.mark.parametrize("fleet", [TUG, HUMAN])
def test_trucks_never_come_by_less_than_the_shortest_way(plant: Plant, fleet: dict[str, object]) -> None:
    ran = plant.run(greedy(), some_orders(12), where=plain(end_s=1200, drain_s=900, fleets={"tug": fleet}))
    found = carried_m(ran)
    assert len(found) == 12
    for driven_m, shortest_m in found.values():
        assert driven_m > shortest_m - 0.1
    direct = sum(driven_m < shortest_m + 0.1 for driven_m, shortest_m in found.values())
    assert direct > 3  # the others had calls on their way
