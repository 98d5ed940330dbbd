"""Breakdowns, bays out of use and hubs with less power, as SUMO lives through them."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from sim.engine.sumo import StepFacts
from sim.freight_events import (
    DisruptionBegan,
    DisruptionEnded,
    DockIn,
    FreightVehicleRetired,
    HubMetered,
    MissionEnded,
    OrderDelivered,
)
from tests.sumo.engine.freight.plant import (
    BATTERY,
    QUICK,
    TUG,
    Plant,
    order,
    probed,
    scenario,
    there_and_back,
)


@pytest.mark.parametrize("begin_s", [20, 45, 70])
def test_a_broken_truck_stands_on_the_road_and_goes_on(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, begin_s: int
) -> None:
    speeds: dict[str, dict[float, float]] = defaultdict(dict)

    def look(library: Any, facts: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        for name in library.vehicle.getIDList():
            speeds[name][facts.time_s] = library.vehicle.getSpeed(name)

    probed(monkeypatch, look)
    broken = {"kind": "breakdown", "begin_s": begin_s, "end_s": begin_s + 120, "fleet": "tug", "number": 0}
    where = scenario(disruptions=[broken], fleets={"tug": {**TUG, "count": 2}})
    ran = plant.run(
        there_and_back(("tug.00", "a", "east", "west"), ("tug.01", "b", "east", "west")),
        [order("a", "east", "west"), order("b", "east", "west")], where=where,
    )  # fmt: skip
    assert [one.subject for one in ran.only(DisruptionBegan)] == ["tug.00"]
    assert [one.time_s for one in ran.only(DisruptionEnded)] == [begin_s + 120]
    stood = [speeds["tug.00"][float(t)] for t in range(begin_s + 8, begin_s + 120)]
    assert max(stood) == 0
    assert {one.order_id for one in ran.only(OrderDelivered)} == {"a", "b"}
    assert {one.vehicle_id for one in ran.only(MissionEnded)} == {"tug.00", "tug.01"}


def test_a_truck_that_breaks_down_in_its_bay_keeps_it(plant: Plant) -> None:
    broken = {"kind": "breakdown", "begin_s": 130, "end_s": 400, "fleet": "tug", "number": 0}
    given = there_and_back(("tug.00", "a", "bare", "west"), ("tug.01", "b", "bare", "west"))
    orders = [order("a", "bare", "west"), order("b", "bare", "west", released_s=40.0)]
    slow = {"handling": {"fixed_s": 90, "per_pallet_s": 0, "variation": 0}}
    ran = plant.run(given, orders, where=scenario(disruptions=[broken], sites={"bare": slow, "west": QUICK}))
    docked = {one.vehicle_id: one.time_s for one in ran.only(DockIn) if one.site == "bare"}
    assert docked["tug.00"] < 130
    assert docked["tug.01"] > 400
    assert len(ran.only(OrderDelivered)) == 2


def test_nobody_is_called_to_a_bay_out_of_use(plant: Plant) -> None:
    outage = {"kind": "bay_outage", "begin_s": 0, "end_s": 300, "site": "east", "bays": 1}
    every = {**outage, "site": "west", "bays": 2, "end_s": 400}
    pairs = [(f"tug.0{n}", f"p{n}", "east", "west") for n in range(3)]
    slow = {"handling": {"fixed_s": 60, "per_pallet_s": 0, "variation": 0}}
    where = scenario(sites={"east": slow, "west": QUICK}, disruptions=[outage, every])
    ran = plant.run(there_and_back(*pairs), [order(one[1], "east", "west") for one in pairs], where=where)
    east = [one for one in ran.only(DockIn) if one.site == "east"]
    assert {one.bay for one in east if one.time_s < 300} == {0}
    assert min(one.time_s for one in ran.only(DockIn) if one.site == "west") >= 400
    assert len(ran.only(OrderDelivered)) == 3


def test_a_hub_gives_no_more_than_it_is_left_with(plant: Plant) -> None:
    """Without SUMO's charger output its caps would count for nothing: here the power is really lower."""
    derated = {"kind": "charger_derating", "begin_s": 300, "end_s": 600, "site": "yard", "hub_kw": 15}
    low = {**TUG, "battery": {**BATTERY, "capacity_kwh": 30, "initial_share": 0.1}}
    where = scenario(fleets={"tug": low}, disruptions=[derated], end_s=900, drain_s=0)
    ran = plant.run(lambda _: None, [order("a", "east", "west")], where=where)
    mean_kw = [one.grid_kwh * 3600 / (one.time_s - one.begin_s) for one in ran.only(HubMetered)]
    assert mean_kw[:3] == pytest.approx([60, 15, 60], rel=0.03)
    assert [one.vehicles for one in ran.only(HubMetered)][:3] == [3, 3, 3]
    assert len(ran.only(FreightVehicleRetired)) == 3
