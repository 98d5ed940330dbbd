"""A controller that changes its mind all the time: whatever it tells vehicles to do, nothing is lost or double."""

from __future__ import annotations

import numpy as np
import pytest

from sim.freight import Call, FreightTask, FreightVehicle, FreightWorld, Rest
from sim.freight_events import OrderDelivered, OrderReleased
from tests.sumo.engine.freight.plant import BATTERY, HUMAN, QUICK, TUG, Plant, permit, scenario
from tests.sumo.engine.freight.test_conservation import some_orders
from tests.sumo.engine.freight.test_lorries import FLOW, lorry
from tests.sumo.engine.freight.test_robots import BY_MASS, ROBOT

SITES = {"east": {**QUICK, "bays": 1}, "west": {**QUICK, "gate_s": 15}, "bare": QUICK, "north": QUICK, "lower": QUICK}


class Whims:
    """Gives vehicles new plans at random, some empty, some with calls for nothing or rests in between."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def start(self, world: FreightWorld) -> None:
        pass

    def finish(self, world: FreightWorld) -> None:
        pass

    def step(self, world: FreightWorld) -> None:
        for vehicle in world.vehicles():
            if self._rng.random() < 0.15:
                world.set_plans({vehicle.id: self._plan(world, vehicle)})

    def _plan(self, world: FreightWorld, vehicle: FreightVehicle) -> list[FreightTask]:
        others = [one for one in world.vehicles() if one.id != vehicle.id]
        taken = {name for one in others for task in one.plan if isinstance(task, Call) for name in task.load}
        plan: list[FreightTask] = list(vehicle.plan[: vehicle.locked])
        on_board = list(vehicle.on_board)
        for task in plan:
            if isinstance(task, Call):
                on_board = [name for name in (*on_board, *task.load) if name not in task.unload]
        held = {name for task in plan if isinstance(task, Call) for name in task.load}
        self._rng.shuffle(on_board)
        plan += [Call(world.order(name).destination, unload=(name,)) for name in on_board]
        fleet = world.fleets()[vehicle.fleet]
        if self._rng.random() < 0.3:
            plan.append(Rest(fleet.depot))
        if self._rng.random() < 0.2:
            plan.append(Call(str(self._rng.choice(sorted(fleet.sites or world.sites())))))
        for order in world.orders():
            able = order.id not in taken | held and order.cargo.fits(vehicle.capacity)
            known = not fleet.sites or {order.origin, order.destination} <= fleet.sites
            if able and known and self._rng.random() < 0.4:
                plan += [Call(order.origin, load=(order.id,)), Call(order.destination, unload=(order.id,))]
                break
        return plan


@pytest.mark.parametrize("outside", ["hold", "return", "forbid"])
@pytest.mark.parametrize("seed", [4, 15])
def test_whatever_is_told_all_adds_up(plant: Plant, seed: int, outside: str) -> None:
    disruptions = [
        {"kind": "breakdown", "begin_s": 100, "end_s": 180, "fleet": "tug", "number": 0},
        {"kind": "breakdown", "begin_s": 150, "end_s": 350, "fleet": "bot", "number": 0},
        {"kind": "bay_outage", "begin_s": 200, "end_s": 300, "site": "east", "bays": 1},
    ]
    fleets = {
        "tug": {**TUG, "crew": "remote", "operators": 2, "battery": {**BATTERY, "capacity_kwh": 100}}, "human": HUMAN,
        "bot": {**ROBOT, "depot": "door", "sites": ["east", "west", "north"]},
    }  # fmt: skip
    hours = [{"begin_s": 0, "end_s": 400}, {"begin_s": 600, "end_s": 86_400}]
    where = scenario(
        sites=SITES, fleets=fleets, disruptions=disruptions, end_s=1200, drain_s=300, lorries={"inbound": FLOW},
        depots={"yard": {"parking": "depot.trucks"}, "door": {"parking": "compound"}},
        permits={**BY_MASS, "trucks": permit(vehicles_per_operator=1, windows=hours, outside=outside)},
    )  # fmt: skip
    orders = some_orders(20, seed=seed)
    ran = plant.run(Whims(seed), orders, lorries=[lorry(n, depart_s=30.0 * n) for n in range(6)], where=where)
    assert len(ran.only(OrderReleased)) == len(orders)
    assert ran.only(OrderDelivered)
