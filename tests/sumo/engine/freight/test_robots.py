"""Robots: pedestrians by law, at the cap of their mass, handled at doors."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from sim.engine.sumo import StepFacts
from sim.freight_events import (
    DisruptionEnded,
    DockIn,
    EnergyMetered,
    FreightVehicleRetired,
    GateIn,
    GateOut,
    OrderDelivered,
    OrderLoaded,
    ServiceEnded,
    SpilledBack,
    Violation,
)
from sim.scenario import Scenario
from tests.sumo.engine.freight.plant import (
    QUICK,
    Plant,
    all_edges,
    greedy,
    order,
    permit,
    probed,
    scenario,
    there_and_back,
)

ROBOT = {
    "vehicle_class": "robot", "count": 2, "depot": "door", "capacity_pallets": 1, "payload_kg": 60, "length_m": 0.9,
    "width_m": 0.7, "max_speed_mps": 4.17, "crew": "none", "robot": {"mass_kg": 80, "wh_per_km": 40},
}  # fmt: skip
WALKS = {"classes": ["robot"], "surface": "sidewalk"}
BY_MASS = {
    "light": permit(**WALKS, max_mass_kg=100, max_speed_kmh=12),
    "heavy": permit(**WALKS, min_mass_kg=100, max_mass_kg=230, max_speed_kmh=6),
}


def walks(**changes: Any) -> Scenario:  # noqa: ANN401 (parts of a document)
    return scenario(**{
        "depots": {"door": {"parking": "depot.trucks"}}, "fleets": {"bot": ROBOT}, "permits": BY_MASS, "end_s": 1800,
        "sites": {"east": QUICK, "west": QUICK}, **changes,
    })  # fmt: skip


def test_a_robot_walks_at_the_cap_of_its_mass(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """80 kg may do 12 km/h, with 50 kg more 6 km/h; the walk begun last counts in SUMO, so each leg has its own."""
    speeds: dict[float, float] = {}
    lanes: set[str] = set()

    def look(library: Any, facts: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        if "bot.00" in library.person.getIDList():
            speeds[facts.time_s] = library.person.getSpeed("bot.00") * 3.6
            lanes.add(library.person.getRoadID("bot.00"))

    probed(monkeypatch, look)
    heavy = order("a", "east", "west", pallets=0.5, mass_kg=50)
    ran = plant.run(there_and_back(("bot.00", "a", "east", "west")), [heavy], where=walks())
    (loaded,), (delivered,) = ran.only(OrderLoaded), ran.only(OrderDelivered)
    to_load = [v for t, v in speeds.items() if t < loaded.time_s - 40]
    with_load = [v for t, v in speeds.items() if loaded.time_s + 1 < t < delivered.time_s - 40]
    home = [v for t, v in speeds.items() if t > delivered.time_s + 1]
    assert [max(part) for part in (to_load, with_load, home)] == pytest.approx([12, 6, 12], abs=0.02)
    assert ran.only(Violation) == []


def test_robots_are_handled_at_doors_and_need_no_bay(plant: Plant) -> None:
    orders = [order(f"p{n}", "east", "west", pallets=0.1, mass_kg=5) for n in range(6)]
    ran = plant.run(greedy(), orders, where=walks())
    assert len(ran.only(OrderDelivered)) == 6
    assert ran.only(DockIn) == []
    assert ran.only(SpilledBack) == []
    assert {one.place for one in ran.only(GateIn)} == {"door"}
    assert len(ran.only(GateIn)) == len(ran.only(GateOut)) == len(ran.only(ServiceEnded))
    for one in ran.only(FreightVehicleRetired):
        assert one.consumed_wh == pytest.approx(40 * one.odometer_m / 1000, abs=0.01)
        assert one.charge_kwh is None
    assert max(one.odometer_m for one in ran.only(FreightVehicleRetired)) > 800
    metered_wh = sum(one.consumed_wh for one in ran.only(EnergyMetered) if one.fleet == "bot")
    assert metered_wh == pytest.approx(sum(one.consumed_wh or 0.0 for one in ran.only(FreightVehicleRetired)), abs=0.1)


def test_a_broken_robot_stands_and_walks_on(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    places: dict[str, dict[float, tuple[float, float]]] = defaultdict(dict)

    def look(library: Any, facts: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        for name in library.person.getIDList():
            places[name][facts.time_s] = library.person.getPosition(name)

    probed(monkeypatch, look)
    broken = {"kind": "breakdown", "begin_s": 60, "end_s": 160, "fleet": "bot", "number": 0}
    light = order("a", "east", "west", pallets=0.1, mass_kg=5)
    ran = plant.run(there_and_back(("bot.00", "a", "east", "west")), [light], where=walks(disruptions=[broken]))
    assert places["bot.00"][40.0] != places["bot.00"][59.0]
    assert len({places["bot.00"][float(t)] for t in range(62, 159)}) == 1
    assert len(ran.only(OrderDelivered)) == 1
    assert [one.subject for one in ran.only(DisruptionEnded)] == ["bot.00"]


def test_a_robot_comes_into_a_slower_zone_at_the_lower_speed(plant: Plant) -> None:
    """Each edge is walked as it was entered, so that the cap has to come an edge ahead."""
    slow = permit(**WALKS, zone={"edges": ["B1C1", "C1B1", "C1C2", "C2C1"]}, max_speed_kmh=5)
    fast = permit(**WALKS, zone={"edges": [one for one in all_edges() if one not in slow["zone"]["edges"]]},
                  max_speed_kmh=12)  # fmt: skip
    light = order("a", "east", "west", pallets=0.1, mass_kg=5)
    ran = plant.run(there_and_back(("bot.00", "a", "east", "west")), [light],
                    where=walks(permits={"slow": slow, "fast": fast}))  # fmt: skip
    assert len(ran.only(OrderDelivered)) == 1
    assert ran.only(Violation) == []


def test_a_robot_without_its_permit_is_told_by_the_monitor(plant: Plant) -> None:
    """On a road it has no sidewalk to be on: the surface is what the permit is about."""
    only_roads = {"all": permit(classes=["robot"], surface="road")}
    light = order("a", "east", "west", pallets=0.1, mass_kg=5)
    ran = plant.run(there_and_back(("bot.00", "a", "east", "west")), [light], where=walks(permits=only_roads))
    assert {one.rule for one in ran.only(Violation)} == {"surface"}


def test_where_a_robot_breaks_down_before_it_sets_off_it_stays_at_its_door(plant: Plant) -> None:
    broken = {"kind": "breakdown", "begin_s": 0, "end_s": 200, "fleet": "bot", "number": 0}
    light = order("a", "east", "west", pallets=0.1, mass_kg=5)
    ran = plant.run(there_and_back(("bot.00", "a", "east", "west")), [light], where=walks(disruptions=[broken]))
    (loaded,) = ran.only(OrderLoaded)
    assert loaded.time_s > 300
    assert len(ran.only(OrderDelivered)) == 1
