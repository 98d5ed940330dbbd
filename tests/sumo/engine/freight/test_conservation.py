"""Nothing is lost: orders, mass, energy, vehicles; no bay holds two."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from sim.engine.sumo import StepFacts
from sim.freight import Cargo, Order
from sim.freight_events import (
    DockIn,
    DockOut,
    EnergyMetered,
    FreightVehicleRetired,
    FreightVehicleStarted,
    GateIn,
    GateOut,
    HubMetered,
    MissionBegan,
    MissionEnded,
    OrderDelivered,
    OrderFailed,
    OrderLoaded,
    OrderOpen,
    OrderReleased,
)
from tests.sumo.engine.freight.plant import (
    BATTERY,
    CHARGING,
    HUMAN,
    TUG,
    Plant,
    Ran,
    freight,
    greedy,
    order,
    probed,
    scenario,
)

SITES = ("east", "west", "bare", "north")
BAYS = {"east": 2, "west": 2, "bare": 1, "north": 2}


def some_orders(count: int, *, seed: int = 1, over_s: float = 600.0) -> list[Order]:
    """Return orders between any two sites, among them one that no truck can carry."""
    rng = np.random.default_rng(seed)
    found = []
    for n in range(count):
        origin, destination = (str(one) for one in rng.choice(SITES, 2, replace=False))
        released_s = float(int(rng.uniform(0, over_s)))
        found.append(order(f"piece.{n:02d}", origin, destination, released_s=released_s, latest_s=released_s + 900,
                           pallets=float(rng.integers(1, 4)), mass_kg=float(rng.integers(100, 1500))))  # fmt: skip
    return [*found, order("piece.huge", "east", "west", pallets=7.0)]


def names(events: Iterable[OrderReleased | OrderDelivered | OrderFailed | OrderOpen]) -> set[str]:
    """Return the orders of events, which must be one for each."""
    found = [one.order_id for one in events]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("end_s", [400, 1200])  # the shorter run ends with orders on board
def test_orders_mass_vehicles_and_bays_add_up(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, end_s: int, seed: int
) -> None:
    fullest: Counter[str] = Counter()
    present: list[int] = []

    def look(library: Any, _: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        for site in SITES:
            fullest[site] = max(fullest[site], library.parkingarea.getVehicleCount(f"dock.{site}"))
        present.append(library.vehicle.getIDCount())

    probed(monkeypatch, look)
    orders = some_orders(14, seed=seed)
    ran = plant.run(greedy(), orders, where=scenario(end_s=end_s, drain_s=0))
    released, delivered = names(ran.only(OrderReleased)), names(ran.only(OrderDelivered))
    failed, still_open = names(ran.only(OrderFailed)), names(ran.only(OrderOpen))
    assert released == {each.id for each in orders if each.released_s < end_s}
    assert len(delivered) + len(failed) + len(still_open) == len(released)
    assert delivered | failed | still_open == released
    assert failed == {"piece.huge"}
    assert delivered
    assert_loads_add_up(ran, {each.id: each for each in orders})
    assert all(fullest[site] <= BAYS[site] for site in SITES), "SUMO never had more in a dock than it has bays"
    assert sum(fullest.values()) >= 2
    assert set(present[2:]) == {3}, "the fleet stays whole"
    assert_stays_are_in_order(ran)


def assert_loads_add_up(ran: Ran, orders: dict[str, Order]) -> None:
    """What vehicles say they carry is what they loaded and have not unloaded, and never more than they can."""
    on_board: dict[str, dict[str, Cargo]] = {}
    for one in ran.events:
        if isinstance(one, (OrderLoaded, OrderDelivered)):
            load = on_board.setdefault(one.vehicle_id, {})
            if isinstance(one, OrderLoaded):
                assert one.order_id not in load
                load[one.order_id] = orders[one.order_id].cargo
                assert one.site == orders[one.order_id].origin
            else:
                assert load.pop(one.order_id) == orders[one.order_id].cargo
                assert one.site == orders[one.order_id].destination
            assert one.load_kg == pytest.approx(sum(each.mass_kg for each in load.values()))
            assert one.load_pallets == pytest.approx(sum(each.pallets for each in load.values()))
            assert one.load_pallets <= 6
            assert one.load_kg <= 4000
    left = {name for load in on_board.values() for name in load}
    assert left == {one.order_id for one in ran.only(OrderOpen) if one.state == "on_board"}


def assert_stays_are_in_order(ran: Ran) -> None:
    """Gate in, dock in, dock out, gate out, one site after the other; no bay is given to two at a time."""
    inside: dict[str, str] = {}
    bays: dict[tuple[str, int], str] = {}
    for one in ran.events:
        if isinstance(one, GateIn):
            assert inside.setdefault(one.vehicle_id, one.site) == one.site
        elif isinstance(one, DockIn):
            assert inside[one.vehicle_id] == one.site
            assert one.bay < BAYS[one.site]
            assert bays.setdefault((one.site, one.bay), one.vehicle_id) == one.vehicle_id
        elif isinstance(one, DockOut):
            assert bays.pop((one.site, one.bay)) == one.vehicle_id
        elif isinstance(one, GateOut):
            assert inside.pop(one.vehicle_id) == one.site


def test_the_mass_in_sumo_is_that_of_the_vehicle_with_its_load(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    masses: set[float] = set()
    probed(monkeypatch, lambda library, _: masses.update(map(library.vehicle.getMass, library.vehicle.getIDList())))
    where = scenario(fleets={"tug": {**TUG, "count": 1}})
    plant.run(greedy(), [order("a", "east", "west", mass_kg=1200.0)], where=where)
    assert masses == {7000.0, 8200.0}


def test_the_energy_of_every_vehicle_balances_at_docks_and_depot_under_one_cap(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    power_w: list[float] = []

    def look(library: Any, _: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        at_depot = set(library.parkingarea.getVehicleIDs("depot.trucks"))
        charged = (float(library.vehicle.getParameter(one, "device.battery.energyCharged")) for one in at_depot)
        power_w.append(sum(charged) * 3600)

    probed(monkeypatch, look)
    where = scenario(end_s=1200, drain_s=0)
    ran = plant.run(greedy(), some_orders(12), where=where)
    started = {one.vehicle_id: one for one in ran.only(FreightVehicleStarted)}
    assert len(ran.only(FreightVehicleRetired)) == 3
    for one in ran.only(FreightVehicleRetired):
        assert one.consumed_wh is not None
        assert one.regenerated_wh is not None
        assert one.auxiliary_wh is not None
        assert one.charged_wh is not None
        assert one.charge_kwh is not None
        began_kwh = started[one.vehicle_id].charge_kwh
        assert began_kwh is not None
        net_wh = one.consumed_wh - one.regenerated_wh + one.auxiliary_wh
        change_wh = 1000 * (one.charge_kwh - began_kwh)
        assert one.charged_wh - net_wh == pytest.approx(change_wh, abs=0.001 * one.consumed_wh)
        assert min(one.consumed_wh, one.regenerated_wh, one.auxiliary_wh, one.charged_wh) > 0
    hubs: dict[str, float] = defaultdict(float)
    for metered in ran.only(HubMetered):
        hubs[metered.hub] += metered.battery_kwh
        assert metered.battery_kwh == pytest.approx(metered.grid_kwh * 0.95, abs=0.001)  # kept to the Wh
    retired = ran.only(FreightVehicleRetired)
    assert set(hubs) == {"yard", "east"}
    assert 1000 * sum(hubs.values()) == pytest.approx(sum(one.charged_wh or 0 for one in retired), rel=1e-3)
    used = ran.only(EnergyMetered)
    assert sum(one.consumed_wh for one in used) == pytest.approx(sum(one.consumed_wh or 0 for one in retired), rel=1e-3)
    # three stand there: 40 kW each would be 120, the hub has 60, of which 95 % come into batteries
    assert max(power_w) == pytest.approx(60_000 * 0.95, rel=0.01)


def test_missions_begin_and_end_at_the_depot(plant: Plant) -> None:
    ran = plant.run(greedy(), [order("a", "east", "west"), order("b", "west", "north", released_s=500.0)])
    began, ended = ran.only(MissionBegan), ran.only(MissionEnded)
    assert len(began) == 2
    for first, last in zip(began, ended, strict=False):
        assert first.time_s < last.time_s
        assert last.odometer_m > first.odometer_m + 1000


def test_a_run_without_a_hub_or_a_battery_meters_nothing(plant: Plant) -> None:
    plain = freight()["sites"]["west"]
    where = scenario(sites={"east": plain, "west": plain}, depots={"yard": {"parking": "depot.trucks"}},
                     fleets={"tug": HUMAN})  # fmt: skip
    ran = plant.run(greedy(), [order("a", "east", "west")], where=where)
    assert ran.only(HubMetered) == []
    assert ran.only(EnergyMetered) == []
    burnt = [one.fuel_kg for one in ran.only(FreightVehicleRetired)]
    assert sorted(kg is not None and kg > 0.05 for kg in burnt) == [False, False, True]


def test_the_power_of_a_hub_is_shared(plant: Plant) -> None:
    """Below the cap each takes what its charger gives."""
    low = {**TUG, "battery": {**BATTERY, "initial_share": 0.2}}
    found = {}
    for count in (1, 3):
        where = scenario(fleets={"tug": {**low, "count": count}}, end_s=600, drain_s=0,
                         depots={"yard": {"parking": "depot.trucks", "charging": CHARGING}})  # fmt: skip
        ran = plant.run(lambda _: None, [order("a", "east", "west")], where=where)
        found[count] = sum(one.charged_wh or 0 for one in ran.only(FreightVehicleRetired))
    assert found[1] == pytest.approx(40_000 * 0.95 / 6, rel=0.02)
    assert found[3] == pytest.approx(60_000 * 0.95 / 6, rel=0.02)
