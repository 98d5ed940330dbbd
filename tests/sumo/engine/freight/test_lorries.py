"""Lorries from outside and finished cars: handled alike, counted in and out, and told where the end finds them."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest

from sim.demand.population import FinishedCar, Lorry
from sim.engine.freight.inputs import freight_types
from sim.engine.freight.setup import set_up_freight
from sim.engine.sumo import StepFacts
from sim.freight_events import (
    CarFinished,
    CarOpen,
    CarsCollected,
    CarStored,
    DockIn,
    DockOut,
    GateIn,
    GateOut,
    LorryEntered,
    LorryLeft,
    LorryOpen,
    ServiceEnded,
    SpilledBack,
    Violation,
)
from sim.network.graph import EdgeGraph
from sim.scenario import Scenario
from sim.vehicle_classes import VEHICLE_CLASSES
from tests.sumo.engine.freight.plant import HUMAN, QUICK, TUG, Plant, order, permit, probed, scenario, there_and_back

FLOW = {"site": "east", "per_day": 10, "gateways": {"A1": 1}, "handling_s": 60}
LINE = {"site": "east", "cars_per_h": 30, "work": [{"begin_s": "00:00", "end_s": "01:00"}]}
CARS = {"line": "assembly", "start_edge": "B0C0", "compound": "north", "parking": "compound", "capacity": 3}


def lorry(number: int, *, site: str = "east", depart_s: float = 5.0, collects: int = 0, flow: str = "inbound") -> Lorry:
    return Lorry(
        vehicle_id=f"{flow}.{number:03d}", flow=flow, site=site, gateway="A1", entry_edge="A1B1", exit_edge="B1A1",
        depart_s=depart_s, handling_s=60.0, collects=collects,
    )  # fmt: skip


def built(number: int, *, finished_s: float = 10.0) -> FinishedCar:
    return FinishedCar(f"built.{number:04d}", "assembly", finished_s)


def with_cars(*, end_s: int = 900, drain_s: int = 600, cars: dict[str, Any] | None = None, **changes: Any) -> Scenario:  # noqa: ANN401 (parts of a document)
    flows = {"inbound": FLOW, "carrier": {**FLOW, "site": "north", "collects": 2}}
    sites = {"east": QUICK, "west": QUICK, "north": QUICK}
    return scenario(
        end_s=end_s, drain_s=drain_s, sites=sites, lines={"assembly": LINE}, lorries=flows,
        finished_cars={**CARS, **(cars or {})}, **changes,
    )  # fmt: skip


def test_lorries_come_are_handled_and_leave(plant: Plant) -> None:
    lorries = [lorry(n, depart_s=5.0 + 20 * n) for n in range(4)]
    ran = plant.run(lambda _: None, lorries=lorries, where=scenario(lorries={"inbound": FLOW}))
    ids = {one.vehicle_id for one in lorries}
    for kind in (LorryEntered, LorryLeft, GateIn, DockIn, ServiceEnded, DockOut, GateOut):
        told = [one.vehicle_id for one in ran.only(kind)]  # type: ignore[attr-defined]
        assert sorted(told) == sorted(ids), kind.__name__
    docked = {one.vehicle_id: one.time_s for one in ran.only(DockIn)}
    assert all(one.time_s - docked[one.vehicle_id] == pytest.approx(60, abs=1) for one in ran.only(ServiceEnded))
    assert min(one.odometer_m for one in ran.only(LorryLeft)) > 300
    assert ran.only(LorryOpen) == []
    assert ran.outcome.end_s < 900 + 600, "the run ends when the last has left"


def test_fleets_with_drivers_carry_the_measuring_device_and_lorries_do_not(plant: Plant) -> None:
    """The fleet with drivers is what a driverless one is compared with; rates are over the km of fleets."""
    where = scenario(conflicts=True, fleets={"human": HUMAN, "tug": TUG}, lorries={"inbound": FLOW})
    setup = set_up_freight(where, plant.network, EdgeGraph.from_net(plant.network.net_file))
    assert setup is not None
    types = ET.fromstring(f"<types>{''.join(freight_types(setup))}</types>")  # noqa: S314 (our own)
    carry = {one.attrib["id"] for one in types if one.find("param[@key='has.ssm.device'][@value='true']") is not None}
    assert carry == {"freight.human", "freight.tug"}
    assert "lorry.inbound" in {one.attrib["id"] for one in types}


def test_lorries_and_trucks_share_bays(plant: Plant) -> None:
    """The lorry has the one bay: the truck waits for it."""
    sites = {"east": {**QUICK, "bays": 1}, "west": QUICK}
    where = scenario(sites=sites, lorries={"inbound": {**FLOW, "handling_s": 300}})
    slow = Lorry("inbound.000", "inbound", "east", "A1", "A1B1", "B1A1", 5.0, 300.0)
    ran = plant.run(there_and_back(("tug.00", "a", "east", "west")), [order("a", "east", "west")], lorries=[slow],
                    where=where)  # fmt: skip
    docked = {one.vehicle_id: one.time_s for one in ran.only(DockIn) if one.site == "east"}
    left = {one.vehicle_id: one.time_s for one in ran.only(DockOut) if one.site == "east"}
    assert docked["inbound.000"] < left["inbound.000"] < docked["tug.00"]


def test_the_end_tells_of_every_lorry_where_it_is(plant: Plant) -> None:
    """One is handled, one waits in the lot, one is on its way, and those yet to come are no part of the run."""
    lorries = [lorry(0), lorry(1, depart_s=10), lorry(2, depart_s=15), lorry(3, depart_s=112), lorry(4, depart_s=500)]
    lorries = [Lorry(*[*_values(one)[:7], 1000.0, 0]) for one in lorries]
    ran = plant.run(lambda _: None, lorries=lorries,
                    where=scenario(lorries={"inbound": FLOW}, end_s=120, drain_s=0))  # fmt: skip
    states = {one.vehicle_id: one.state for one in ran.only(LorryOpen)}
    assert states == {
        "inbound.000": "handling", "inbound.001": "handling", "inbound.002": "queueing", "inbound.003": "driving",
    }  # fmt: skip
    assert len(ran.only(LorryEntered)) == 4
    assert ran.only(LorryLeft) == []


def _values(one: Lorry) -> tuple[Any, ...]:
    return (one.vehicle_id, one.flow, one.site, one.gateway, one.entry_edge, one.exit_edge, one.depart_s)


def test_a_jam_of_lorries_does_not_hold_the_run(plant: Plant) -> None:
    """Six at once at one bay without a lot: they stand back onto the road, are served in turn, and all leave."""
    flow = {**FLOW, "site": "bare"}
    lorries = [lorry(n, site="bare", depart_s=5.0 + 3 * n) for n in range(6)]
    ran = plant.run(lambda _: None, lorries=lorries, where=scenario(lorries={"inbound": flow}, end_s=1200))
    assert len(ran.only(LorryLeft)) == 6
    assert [one.vehicle_id for one in ran.only(DockIn)] == [one.vehicle_id for one in lorries]
    assert len(ran.only(SpilledBack)) >= 4


def test_cars_drive_to_the_compound_and_leave_sumo_there(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watched vehicle has to be unsubscribed before it is removed, or SUMO's next step fails."""
    present: dict[float, set[str]] = {}
    probed(monkeypatch, lambda library, facts: present.update({facts.time_s: set(library.vehicle.getIDList())}))
    cars = [built(n, finished_s=10.0 + 30 * n) for n in range(3)]
    ran = plant.run(lambda _: None, cars=cars, where=with_cars())
    assert [one.vehicle_id for one in ran.only(CarFinished)] == [one.vehicle_id for one in cars]
    stored = ran.only(CarStored)
    assert [one.stored for one in stored] == [1, 2, 3]
    assert all(100 < one.odometer_m < 600 for one in stored)
    for one in stored:
        assert one.vehicle_id in present[one.time_s]
        assert all(one.vehicle_id not in names for time_s, names in present.items() if time_s > one.time_s)


def test_while_the_compound_is_full_cars_wait_at_the_line(plant: Plant) -> None:
    cars = [built(n) for n in range(5)]
    ran = plant.run(lambda _: None, cars=cars, where=with_cars(end_s=300, drain_s=0))
    assert [one.stored for one in ran.only(CarStored)] == [1, 2, 3]
    assert {one.vehicle_id: one.state for one in ran.only(CarOpen)} == {
        "built.0003": "at_line",
        "built.0004": "at_line",
    }


def test_a_carrier_waits_for_its_cars_and_makes_room_for_others(plant: Plant) -> None:
    cars = [built(n, finished_s=200.0 + 10 * n) for n in range(5)]
    carrier = lorry(0, site="north", collects=2, flow="carrier")
    ran = plant.run(lambda _: None, cars=cars, lorries=[carrier], where=with_cars())
    (docked,), (collected,) = ran.only(DockIn), ran.only(CarsCollected)
    stored = ran.only(CarStored)
    assert docked.time_s < 200 < stored[1].time_s <= collected.time_s
    (service,) = ran.only(ServiceEnded)
    assert service.time_s == pytest.approx(collected.time_s + 60, abs=1)
    assert (collected.cars, collected.stored) == (2, 0)
    assert len(stored) == 5, "there is room for all with two of them gone"
    assert len(ran.only(LorryLeft)) == 1


def test_cars_begin_with_the_stock_of_the_morning_and_drive_under_their_permit(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    fastest = [0.0]

    def look(library: Any, _: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        built_cars = [name for name in library.vehicle.getIDList() if name.startswith("built.")]
        fastest[0] = max([*fastest, *(library.vehicle.getSpeed(name) * 3.6 for name in built_cars)])

    probed(monkeypatch, look)
    hours = [{"begin_s": 120, "end_s": 86_400}]
    allowed = permit(classes=["finished_car"], max_speed_kmh=20, windows=hours)
    where = with_cars(cars={"stored": 1}, permits={"cars": allowed})
    ran = plant.run(lambda _: None, cars=[built(0)], where=where)
    (stored,) = ran.only(CarStored)
    assert (stored.stored, stored.time_s > 120) == (2, True)
    assert fastest[0] == pytest.approx(20, abs=0.1)
    assert ran.only(Violation) == []


def test_when_the_hours_of_cars_are_over_their_lanes_are_shut_behind_the_last_of_them(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that would not be there in the first window waits at the line for the next, and finds the lanes open."""
    is_open: dict[float, bool] = {}
    driving: dict[float, bool] = {}

    def look(library: Any, facts: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        is_open[facts.time_s] = VEHICLE_CLASSES["finished_car"].sumo not in library.lane.getDisallowed("C0D0_1")
        driving[facts.time_s] = any(name.startswith("built.") for name in library.vehicle.getIDList())

    probed(monkeypatch, look)
    hours = [{"begin_s": 0, "end_s": 200}, {"begin_s": 400, "end_s": 600}]
    where = with_cars(permits={"cars": permit(classes=["finished_car"], windows=hours)}, end_s=800, drain_s=0)
    ran = plant.run(lambda _: None, cars=[built(0, finished_s=10.0), built(1, finished_s=180.0)], where=where)
    first, last = (one.time_s for one in ran.only(CarStored))
    assert first < 200
    assert last > 400
    assert ran.only(Violation) == []
    assert all(is_open[time_s] for time_s, drives in driving.items() if drives), "none is caught by a shut lane"
    assert not any(is_open[float(t)] for t in range(212, 400))
    assert not any(is_open[float(t)] for t in range(620, 800))


def test_a_truck_may_not_use_the_name_of_a_car(plant: Plant) -> None:
    """What drives beside finished cars is its own class: a permit for cars leaves trucks alone."""
    where = with_cars(permits={"cars": permit(classes=["finished_car"])}, fleets={"tug": {**TUG, "count": 1}})
    ran = plant.run(there_and_back(("tug.00", "a", "east", "west")), [order("a", "east", "west")], cars=[built(0)],
                    where=where)  # fmt: skip
    assert len(ran.only(CarStored)) == 1
    assert len(ran.only(ServiceEnded)) == 2
    assert ran.only(Violation) == []
