"""A full bay: with a lot trucks wait off the road, without one the queue spills back onto it, and nobody is stuck."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engine.sumo import StepFacts
from sim.freight import Call, FreightWorld
from sim.freight_events import (
    DockIn,
    DockOut,
    FreightVehicleRetired,
    GateIn,
    GateOut,
    MissionEnded,
    OrderDelivered,
    ServiceEnded,
    SpilledBack,
)
from tests.sumo.engine.freight.plant import HUMAN, QUICK, TUG, Plant, Ran, order, probed, scenario, there_and_back

NAMES = [f"tug.{n:02d}" for n in range(4)]
SLOW = {"handling": {"fixed_s": 60, "per_pallet_s": 0, "variation": 0}}


def four_at_once(plant: Plant, origin: str, *, kind: dict[str, Any]) -> Ran:
    """Send four trucks to one site at the same moment."""
    sites = {"bare": SLOW, "east": {**SLOW, "bays": 1}, "west": QUICK}
    where = scenario(sites=sites, fleets={"tug": {**kind, "count": 4}}, end_s=1200)
    pairs = [(name, f"piece.{n}", origin, "west") for n, name in enumerate(NAMES)]
    return plant.run(there_and_back(*pairs), [order(one[1], origin, "west") for one in pairs], where=where)


@pytest.mark.parametrize("kind", [TUG, HUMAN], ids=["driverless", "human"])
def test_without_a_lot_the_queue_spills_back_and_is_served_in_its_order(plant: Plant, kind: dict[str, Any]) -> None:
    ran = four_at_once(plant, "bare", kind=kind)
    assert len(ran.only(OrderDelivered)) == 4, "nobody is stuck"
    assert len({one.vehicle_id for one in ran.only(MissionEnded)}) == 4
    spilled = ran.only(SpilledBack)
    assert len({one.vehicle_id for one in spilled if one.site == "bare"}) == 3
    for one in spilled:
        assert one.site == "bare"
        assert one.time_s > one.begin_s
    came = [one.vehicle_id for one in ran.only(GateIn) if one.site == "bare"]
    docked = [one.vehicle_id for one in ran.only(DockIn) if one.site == "bare"]
    assert docked == came, "first come, first served"
    # one bay: who comes next docks only when the one before has left it
    left = [one.time_s for one in ran.only(DockOut) if one.site == "bare"]
    begun = [one.time_s for one in ran.only(DockIn) if one.site == "bare"]
    assert all(begin > leave for begin, leave in zip(begun[1:], left, strict=False))


def test_the_second_of_the_queue_waits_for_the_whole_stay_of_the_first(plant: Plant) -> None:
    ran = four_at_once(plant, "bare", kind=dict(TUG))
    waited = sorted(one.time_s - one.begin_s for one in ran.only(SpilledBack))
    assert waited[0] < 90
    assert waited[2] > 150, "two stays of a minute before it"


def test_with_a_lot_nobody_stands_on_the_road(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    fullest = dict.fromkeys(("staging.east", "dock.east"), 0)

    def look(library: Any, _: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        for name in fullest:
            fullest[name] = max(fullest[name], library.parkingarea.getVehicleCount(name))

    probed(monkeypatch, look)
    ran = four_at_once(plant, "east", kind=dict(TUG))
    assert ran.only(SpilledBack) == []
    assert len(ran.only(OrderDelivered)) == 4
    places = sorted(one.place for one in ran.only(GateIn) if one.site == "east")
    assert places == ["bay", "staging", "staging", "staging"]
    assert fullest == {"staging.east": 3, "dock.east": 1}, "one bay in use though the network has two"


def test_a_gate_check_holds_everybody_in_the_lot(plant: Plant) -> None:
    sites = {"east": {**QUICK, "gate_s": 45}, "west": QUICK}
    ran = plant.run(there_and_back(("tug.00", "a", "east", "west")), [order("a", "east", "west")],
                    where=scenario(sites=sites))  # fmt: skip
    came = next(one for one in ran.only(GateIn) if one.site == "east")
    docked = next(one for one in ran.only(DockIn) if one.site == "east")
    assert came.place == "staging"
    assert docked.time_s - came.time_s > 40


def test_a_closed_site_lets_nobody_into_its_bays(plant: Plant) -> None:
    sites = {"east": {**QUICK, "hours": {"begin_s": 300, "end_s": 86400}}, "west": QUICK}
    ran = plant.run(there_and_back(("tug.00", "a", "east", "west")), [order("a", "east", "west")],
                    where=scenario(sites=sites))  # fmt: skip
    docked = next(one for one in ran.only(DockIn) if one.site == "east")
    assert docked.time_s > 300
    assert len(ran.only(OrderDelivered)) == 1


def test_two_sites_on_one_road_one_after_the_other(plant: Plant) -> None:
    """Who leaves a bay finds the gate of the next site on the same edge, and one behind it after a round."""
    pairs = [("tug.00", "on", "upper", "lower"), ("tug.01", "back", "lower", "upper")]
    orders = [order(name, origin, destination) for _, name, origin, destination in pairs]
    ran = plant.run(there_and_back(*pairs), orders, where=scenario(sites={"upper": QUICK, "lower": QUICK}))
    assert len(ran.only(OrderDelivered)) == 2
    assert len(ran.only(ServiceEnded)) == 4


def test_a_depot_on_the_road_of_a_site(plant: Plant) -> None:
    """Who goes from its bay to a place further on along the same road has left the site."""
    where = scenario(sites={"upper": QUICK, "east": QUICK}, depots={"yard": {"parking": "dock.lower"}},
                     fleets={"tug": {**TUG, "count": 1}})  # fmt: skip
    ran = plant.run(there_and_back(("tug.00", "a", "east", "upper")), [order("a", "east", "upper")], where=where)
    (ended,) = ran.only(MissionEnded)
    left = [one.time_s for one in ran.only(GateOut)]
    assert len(left) == 2
    assert left[1] <= ended.time_s


def test_a_truck_sent_elsewhere_leaves_the_queue(plant: Plant) -> None:
    """Its place on the road or in the lot is free again, and it does what it is told now."""
    sites = {"bare": {"handling": {"fixed_s": 300, "per_pallet_s": 0, "variation": 0}}, "west": QUICK, "north": QUICK}
    given = there_and_back(("tug.00", "a", "bare", "west"), ("tug.01", "b", "bare", "west"))
    turned: list[str] = []

    def script(world: FreightWorld) -> None:
        given(world)
        waiting = [one.id for one in world.vehicles() if one.phase == "queueing"]
        if waiting and not turned:
            turned.extend(waiting)
            world.set_plans({waiting[0]: [Call("north", load=("c",)), Call("west", unload=("c",))]})

    orders = [order("a", "bare", "west"), order("b", "bare", "west"), order("c", "north", "west")]
    ran = plant.run(script, orders, where=scenario(sites=sites, end_s=900))
    (name,) = turned
    delivered = {one.order_id: one.vehicle_id for one in ran.only(OrderDelivered)}
    assert delivered["c"] == name
    assert len(delivered) == 2, "the order it was to fetch waits for whoever is told to"
    assert [one.vehicle_id for one in ran.only(SpilledBack)] == [name]
    assert len(ran.only(FreightVehicleRetired)) == 3
