"""A full bay: with a lot trucks wait off the road, without one the queue spills back onto it, and nobody is stuck."""

from __future__ import annotations

from collections import defaultdict
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
    LorryLeft,
    MissionEnded,
    OrderDelivered,
    ServiceEnded,
    SpilledBack,
)
from tests.sumo.engine.freight.plant import HUMAN, QUICK, TUG, Plant, Ran, order, probed, scenario, there_and_back
from tests.sumo.engine.freight.test_lorries import FLOW, lorry

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


def test_a_queue_is_counted_however_far_it_reaches_back(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty lorries at one bay: seven have room on its road, the others stand back over two junctions.

    Three cars of others are caught among them. A truck that has broken down on its way there is in no queue.
    """
    stood_s: dict[str, dict[float, str]] = defaultdict(dict)

    def look(library: Any, facts: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        if facts.time_s == 10:
            library.route.add("through", ["A1B1", "B1C1", "C1D1", "D1D2", "D2D3"])
        if facts.time_s in {20, 41, 50}:
            library.vehicle.add(f"car.{facts.time_s:.0f}", "through")
        for name in library.vehicle.getIDList():
            if library.vehicle.getLaneID(name) and library.vehicle.getSpeed(name) < 0.1:
                stood_s[name][facts.time_s] = library.vehicle.getRoadID(name)

    probed(monkeypatch, look)
    lorries = [lorry(n, site="bare", depart_s=5.0 + 3 * n) for n in range(20)]
    broken = {"kind": "breakdown", "begin_s": 20, "end_s": 400, "fleet": "tug", "number": 0}
    where = scenario(lorries={"inbound": {**FLOW, "site": "bare"}}, disruptions=[broken], end_s=1800)
    given = there_and_back(("tug.00", "a", "bare", "west"))
    ran = plant.run(given, [order("a", "bare", "west")], lorries=lorries, where=where)
    assert len(ran.only(LorryLeft)) == 20
    spilled = {one.vehicle_id: one for one in ran.only(SpilledBack)}
    assert {one.edge for one in spilled.values()} == {"D1D2", "C1D1", "B1C1"}
    came = {one.vehicle_id: one for one in ran.only(GateIn)}
    for name in (one.vehicle_id for one in lorries[1:]):
        began_s, ended_s, edge = spilled[name].begin_s, spilled[name].time_s, spilled[name].edge
        # not while it waits for somebody else to pass a junction, but soon after it has come to the queue
        first_s = min(time_s for time_s in stood_s[name] if time_s > 70)
        assert first_s <= began_s <= first_s + 5
        assert (came[name].time_s, came[name].place) == (began_s, "queue")
        assert stood_s[name][began_s] == edge
        waited = [time_s for time_s in stood_s[name] if began_s <= time_s < ended_s]
        assert len(waited) > 0.8 * (ended_s - began_s), "it creeps forward, and stands otherwise"
    (tug,) = [one for one in spilled.values() if one.vehicle_id.startswith("tug")]
    assert tug.begin_s > 400


def test_who_stands_back_and_is_sent_elsewhere_is_in_the_queue_no_more(plant: Plant) -> None:
    """Far back on the road it is told to go to another site; controllers see how many queue, it among them."""
    most, turned = [0], list[float]()

    def script(world: FreightWorld) -> None:
        most[0] = max(most[0], world.sites()["bare"].queueing)
        (tug,) = world.vehicles()
        if world.time_s == 60:
            world.set_plans({"tug.00": [Call("bare", load=("a",)), Call("west", unload=("a",))]})
        elif tug.phase == "queueing" and world.time_s >= 300 and not turned:
            turned.append(world.time_s)
            world.set_plans({"tug.00": [Call("north", load=("b",)), Call("west", unload=("b",))]})

    lorries = [lorry(n, site="bare", depart_s=5.0 + 3 * n) for n in range(12)]
    where = scenario(lorries={"inbound": {**FLOW, "site": "bare"}}, fleets={"tug": {**TUG, "count": 1}}, end_s=1500)
    ran = plant.run(script, [order("a", "bare", "west"), order("b", "north", "west")], lorries=lorries, where=where)
    (spilled,) = [one for one in ran.only(SpilledBack) if one.vehicle_id == "tug.00"]
    assert spilled.edge != "D1D2"
    assert spilled.begin_s < 300
    assert [spilled.time_s] == pytest.approx(turned, abs=10)
    assert [one.order_id for one in ran.only(OrderDelivered)] == ["b"]
    assert [one.site for one in ran.only(GateOut) if one.vehicle_id == "tug.00"] == ["bare", "north", "west"]
    assert most[0] == 12, "eleven lorries, for one is in the bay, and the truck"


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
