"""More trucks never serve fewer orders on time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sim.controllers.base import FreightController
from sim.controllers.freight.rolling import Rolling, RollingParameters
from sim.freight_events import OrderDelivered, OrderReleased
from tests.sumo.engine.freight.plant import TUG, Plant, Ran, greedy, order, scenario


def in_time(ran: Ran) -> int:
    latest = {one.order_id: one.latest_s for one in ran.only(OrderReleased)}
    return sum(one.time_s <= latest[one.order_id] for one in ran.only(OrderDelivered))


def rolling() -> FreightController:
    return Rolling(RollingParameters(iterations=20))


@pytest.mark.parametrize("controller", [greedy, rolling], ids=["greedy", "rolling"])
def test_fewer_trucks_are_never_more_punctual(plant: Plant, controller: Callable[[], FreightController]) -> None:
    orders = [
        order(f"p{n:02d}", *(("east", "west") if n % 2 else ("north", "east")), released_s=40.0 * n,
              latest_s=40.0 * n + 420, pallets=4)
        for n in range(12)
    ]  # fmt: skip
    found = []
    for count in (1, 2, 5):
        where = scenario(fleets={"tug": {**TUG, "count": count, "battery": {**TUG["battery"], "initial_share": 1}}})
        ran = plant.run(controller(), orders, where=where)
        assert len(ran.only(OrderReleased)) == 12
        found.append(in_time(ran))
    assert found == sorted(found)
    assert found[0] < found[-1], "the orders are too many for one truck"
