"""What SUMO does otherwise than one expects, shown on SUMO itself, and how freight keeps clear of it.

Should a new release of SUMO mend one of these, its test fails and the way around can go. The table of all of them is in
docs/logistics.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sim.engine.freight.inputs import freight_options, freight_types
from sim.engine.freight.port import FreightPort
from sim.engine.freight.robots import RobotPort
from sim.engine.sumo import HELD_S, StepFacts, SumoPort
from sim.errors import InvariantError
from sim.freight_events import (
    BatteryEmpty,
    BatteryShortfall,
    DockIn,
    FreightVehicleRetired,
    GateIn,
    OrderDelivered,
    ServiceEnded,
    Violation,
)
from sim.kpi.measure import Measurement
from sim.kpi.record import flat
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.network.parking import ParkingArea, parking_areas
from tests.sumo.engine.freight.plant import (
    BATTERY,
    CHARGING,
    QUICK,
    TUG,
    Plant,
    build,
    greedy,
    order,
    permit,
    probed,
    scenario,
    there_and_back,
)

TRUCK = """
<additional>
  <vType id="t" vClass="truck" length="9" maxSpeed="14" mass="7000" emissionClass="Energy/unknown" sigma="0">
    <param key="has.battery.device" value="true"/>
    <param key="device.battery.capacity" value="30000"/>
    <param key="device.battery.chargeLevel" value="3000"/>
    <param key="constantPowerIntake" value="2000"/>
  </vType>
  <vType id="bot" vClass="pedestrian" maxSpeed="4" speedFactor="1" speedDev="0"/>
  <vType id="exact" vClass="truck" length="9" maxSpeed="30" sigma="0" speedFactor="1" speedDev="0"/>
  <vType id="drawn" vClass="truck" length="9" maxSpeed="30" sigma="0" speedFactor="1"/>
  <chargingStation id="hub" lane="A0B0_1" startPos="20" endPos="180" power="40000" totalPower="60000" efficiency="1"
    parkingArea="depot.trucks"/>
</additional>
"""


class Bench:
    """SUMO on the grid without the engine around it."""

    def __init__(self, network: Network, folder: Path, **options: str) -> None:
        types = folder / "types.add.xml"
        types.write_text(TRUCK)
        self.areas = parking_areas(network)
        additional = ",".join(str(path) for path in (*network.additional_files, types))
        given = {"net-file": str(network.net_file), "additional-files": additional, "no-step-log": "true"}
        given |= {"pedestrian.model": "nonInteracting", "xml-validation": "never"}
        self.sumo = SumoPort("libsumo", given | options, log=folder / "sumo.log")
        self.port, self.library = FreightPort(self.sumo), self.sumo.library

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.sumo.step()

    def stand(self, name: str) -> ParkingArea:
        """Let a truck stand at the depot."""
        area = self.areas["depot.trucks"]
        self.port.add_parked(name, "t", area)
        self.steps(2)
        assert self.library.vehicle.isStopped(name)
        return area

    def charge_wh(self, name: str) -> float:
        return self.sumo.charge_wh(name)


@pytest.fixture
def bench(plant_network: Network, tmp_path: Path) -> Iterator[Bench]:
    one = Bench(plant_network, tmp_path)
    yield one
    one.sumo.close()


# --- stops -----------------------------------------------------------------------------------------------------------


def test_a_vehicle_without_a_stop_ahead_is_gone_and_the_run_says_so(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strip(library: Any, facts: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        if facts.time_s == 12:
            library.vehicle.replaceStop("tug.00", 0, "")
            library.vehicle.setRoute("tug.00", [library.vehicle.getRoadID("tug.00")])

    probed(monkeypatch, strip)
    with pytest.raises(InvariantError, match=r"tug.00 left the network at .* the fleet must stay whole"):
        plant.run(there_and_back(("tug.00", "a", "east", "west")), [order("a", "east", "west")])


def test_a_stop_once_reached_cannot_be_replaced_but_sending_works(bench: Bench) -> None:
    bench.stand("v")
    dock = bench.areas["dock.east"]
    with pytest.raises(Exception, match="replace reached stop"):
        bench.library.vehicle.replaceStop("v", 0, dock.id, duration=HELD_S, flags=65)
    bench.port.send("v", dock)
    bench.steps(10)
    bench.port.send("v", bench.areas["dock.west"])  # on its way, too
    bench.steps(200)
    assert "v" in bench.library.parkingarea.getVehicleIDs("dock.west")


def test_before_it_departs_a_vehicle_takes_a_far_stop_by_insertion_alone(bench: Bench) -> None:
    vehicles = bench.library.vehicle
    bench.library.route.add("r", ["A1B1"])
    vehicles.add("set", "r", typeID="t")
    with pytest.raises(Exception, match="not downstream"):
        vehicles.setParkingAreaStop("set", "dock.east", duration=HELD_S)
    vehicles.remove("set")
    bench.port.add_driving("inserted", "t", "A1B1", "dock.east", passing=True)
    bench.steps(60)
    assert bench.library.parkingarea.getVehicleIDs("dock.east") == ("inserted",)


def test_a_watched_vehicle_is_unsubscribed_before_it_is_removed(bench: Bench) -> None:
    for name in ("kept", "freed"):
        bench.stand(name)
        bench.port.watch(name)
    bench.port.unwatch("freed")
    bench.port.remove("freed")
    bench.steps(1)
    bench.port.remove("kept")
    with pytest.raises(Exception, match="kept"):
        bench.steps(2)


# --- energy ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("told", "expected_w"), [(True, 60_000), (False, 120_000)])
def test_the_cap_of_a_hub_counts_only_with_the_charger_output(
    plant_network: Network, tmp_path: Path, *, told: bool, expected_w: float
) -> None:
    output = {"chargingstations-output": str(tmp_path / "c.xml"), "chargingstations-output.aggregated": "true"}
    one = Bench(plant_network, tmp_path, **(output if told else {}))
    names = ["a", "b", "c"]
    for name in names:
        one.stand(name)
    before = sum(map(one.charge_wh, names))
    one.steps(60)
    gained_w = (sum(map(one.charge_wh, names)) - before) * 60
    seen = one.library.chargingstation.getVehicleCount("hub")
    one.sumo.close()
    assert gained_w == pytest.approx(expected_w, rel=0.01)
    assert seen == 0, "a station bound to a parking area knows nobody, so batteries are read"


def test_every_scenario_with_chargers_asks_for_the_charger_output(plant: Plant, tmp_path: Path) -> None:
    where = scenario()
    setup = plant.resolve(where, greedy(), plant.no_goods).freight
    assert setup is not None
    assert "chargingstations-output" in freight_options(setup, work=tmp_path)


def test_a_bound_charger_charges_who_stops_at_its_parking_area_alone(bench: Bench) -> None:
    vehicles = bench.library.vehicle
    bench.library.route.add("r", ["A0B0"])
    vehicles.add("v", "r", typeID="t")
    vehicles.setChargingStationStop("v", "hub", duration=HELD_S)
    bench.steps(60)
    assert vehicles.isStopped("v")
    stood_wh = bench.charge_wh("v")
    bench.steps(60)
    assert bench.charge_wh("v") <= stood_wh
    bench.stand("w")
    began_wh = bench.charge_wh("w")
    bench.steps(60)
    assert bench.charge_wh("w") > began_wh + 300


def used_wh(bench: Bench, *, drag_before: str, drag_after: str) -> float:
    """Return what a truck takes whose drag is told before it comes, and again on its way."""
    vehicles, types = bench.library.vehicle, bench.library.vehicletype
    types.setParameter("t", "airDragCoefficient", drag_before)
    bench.stand("v")
    bench.port.send("v", bench.areas["dock.west"])
    bench.steps(10)
    bench.port.set_mass("v", 8000)
    vehicles.setParameter("v", "airDragCoefficient", drag_after)
    types.setParameter(vehicles.getTypeID("v"), "airDragCoefficient", drag_after)
    with pytest.raises(Exception, match="not supported"):
        vehicles.setParameter("v", "device.battery.airDragCoefficient", drag_after)
    bench.steps(60)
    used, _ = bench.sumo.battery_wh("v")
    bench.sumo.close()
    return used


def test_the_drag_of_a_vehicle_on_the_road_stays_what_it_was(plant_network: Network, tmp_path: Path) -> None:
    def used(drag_before: str, drag_after: str) -> float:
        return used_wh(Bench(plant_network, tmp_path), drag_before=drag_before, drag_after=drag_after)

    assert used("0.6", "0.6") == used("0.6", "0.1")
    assert used("0.1", "0.1") < used("0.6", "0.6")


def test_off_the_road_no_constant_load_is_drawn_so_that_the_ledger_draws_it(plant: Plant, bench: Bench) -> None:
    bench.port.add_driving("v", "t", "A1B1", "dock.east", passing=True)
    bench.steps(60)
    stood_wh = bench.charge_wh("v")
    bench.steps(180)
    assert bench.charge_wh("v") == stood_wh, "2 kW would be 100 Wh"
    bench.sumo.close()
    slow = {"handling": {"fixed_s": 180, "per_pallet_s": 0, "variation": 0}}
    sites = {"bare": slow, "west": {**slow, "gate_s": 60}}
    ran = plant.run(there_and_back(("tug.00", "a", "bare", "west")), [order("a", "bare", "west")],
                    where=scenario(sites=sites))  # fmt: skip
    entered = next(one.time_s for one in ran.only(GateIn) if one.site == "west")
    docked = [one.time_s for one in ran.only(DockIn)]
    served = [one.time_s for one in ran.only(ServiceEnded)]
    # from the lot to the bay it drives, and SUMO draws by itself: not more than ten seconds
    parked_s = sum(served) - sum(docked) + docked[1] - entered
    (retired,) = [one for one in ran.only(FreightVehicleRetired) if one.vehicle_id == "tug.00"]
    assert retired.auxiliary_wh == pytest.approx(2000 * parked_s / 3600, abs=2000 * 15 / 3600)


@pytest.mark.parametrize("capacity_kwh", [1, 0.5])
@pytest.mark.parametrize("charging", [None, CHARGING], ids=["no-charger", "charger"])
def test_an_empty_battery_takes_nobody_out_of_the_run_and_what_it_did_not_hold_is_metered(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, charging: Mapping[str, Any] | None, capacity_kwh: float
) -> None:
    """SUMO drives on and counts on: what was used step by step beyond the charge is the shortfall, and no more."""
    missing_wh, empty_s, before = [0.0], list[float](), [capacity_kwh * 1000, 0.0]

    def look(library: Any, facts: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        def told(name: str) -> float:
            return float(library.vehicle.getParameter("tug.00", f"device.battery.{name}"))

        if "tug.00" not in library.vehicle.getIDList():
            return
        charge_wh, used_wh = told("chargeLevel"), told("totalEnergyConsumed") - told("totalEnergyRegenerated")
        if charge_wh == 0 and used_wh - before[1] - before[0] > 0.02:
            missing_wh[0] += used_wh - before[1] - before[0]
            empty_s.append(facts.time_s)
        before[:] = charge_wh, used_wh

    probed(monkeypatch, look)
    low = {**TUG, "count": 1, "battery": {**BATTERY, "initial_share": 0.2, "capacity_kwh": capacity_kwh}}
    sites = {"bare": QUICK, "west": {**QUICK, "charging": charging}}
    where = scenario(fleets={"tug": low}, sites=sites, depots={"yard": {"parking": "depot.trucks"}}, end_s=300)
    ran = plant.run(there_and_back(("tug.00", "a", "bare", "west")), [order("a", "bare", "west")], where=where)
    assert len(ran.only(OrderDelivered)) == 1
    (retired,), (empty,), (short,) = (ran.only(FreightVehicleRetired), ran.only(BatteryEmpty),
                                      ran.only(BatteryShortfall))  # fmt: skip
    assert (empty.vehicle_id, empty.time_s) == ("tug.00", empty_s[0])
    assert 0 < empty.odometer_m < retired.odometer_m
    assert retired.consumed_wh is not None
    assert retired.charged_wh is not None
    assert (retired.charged_wh > 0) == (charging is not None)
    auxiliary_wh = retired.auxiliary_wh or 0.0
    assert missing_wh[0] - 0.1 <= short.shortfall_wh <= missing_wh[0] + auxiliary_wh + 0.1
    assert short.shortfall_wh < retired.consumed_wh + auxiliary_wh
    measured = Measurement(where)
    for one in ran.events:
        measured.add(one)
    kpis = flat(measured.records(final=True))
    assert (kpis["freight_batteries_empty"], kpis["run_quality"]) == (1, 0)
    assert kpis["freight_shortfall_kwh"] == pytest.approx(short.shortfall_wh / 1000)


def test_a_battery_that_lasts_is_short_of_nothing(plant: Plant) -> None:
    ran = plant.run(there_and_back(("tug.00", "a", "bare", "west")), [order("a", "bare", "west")])
    assert len(ran.only(OrderDelivered)) == 1
    assert [*ran.only(BatteryEmpty), *ran.only(BatteryShortfall)] == []
    lines = list(freight_types(plant.resolve(scenario(), greedy(), plant.no_goods).freight))  # type: ignore[arg-type]
    assert not any("stationfinder" in line for line in lines)


# --- speeds and lanes ------------------------------------------------------------------------------------------------


def test_a_factor_of_one_still_draws_a_deviation(bench: Bench) -> None:
    vehicles, factors = bench.library.vehicle, dict[str, set[float]]()
    bench.library.route.add("r", ["A1B1"])
    for kind in ("exact", "drawn"):
        for n in range(5):
            vehicles.add(f"{kind}{n}", "r", typeID=kind)
        factors[kind] = {vehicles.getSpeedFactor(f"{kind}{n}") for n in range(5)}
    assert factors["exact"] == {1.0}
    assert len(factors["drawn"]) == 5


def test_no_allowed_class_means_nobody_and_no_barred_class_means_everybody(bench: Bench) -> None:
    lanes, lane = bench.library.lane, "B1C1_1"
    lanes.setAllowed(lane, [])
    assert "truck" in bench.port.barred(lane)
    bench.port.bar(lane, [])
    assert bench.port.barred(lane) == ()


def test_driverless_trucks_keep_to_their_zone_on_a_net_that_is_open_to_all(tmp_path: Path) -> None:
    """Roads that nobody closed, as those of OpenStreetMap, let SUMO's free classes through."""
    network = build(tmp_path, closed=())
    graph = EdgeGraph.from_net(network.net_file)
    straight = {"B0B1", "A1B1", "C1C2"}  # the shortest way from the depot to the north
    zone = [edge for edge in graph.ids if edge not in straight]
    plant = Plant(network, tmp_path)
    where = scenario(permits={"round": permit(zone={"edges": zone})}, sites={"east": QUICK, "north": QUICK})
    ran = plant.run(greedy(), [order("a", "east", "north")], where=where)
    assert len(ran.only(OrderDelivered)) == 1
    assert ran.only(Violation) == []
    assert "custom2" not in network.net_file.read_text()


# --- people ----------------------------------------------------------------------------------------------------------


def test_an_edge_is_walked_at_the_speed_it_was_entered_with(bench: Bench) -> None:
    """SUMO tells the new speed at once: what is seen of a robot is how fast it really is."""
    robots, persons = RobotPort(bench.sumo, step_s=1.0), bench.library.person
    robots.add("bot", "bot", bench.areas["depot.trucks"])
    bench.steps(2)
    robots.watch("bot")
    robots.send("bot", bench.areas["dock.west"])
    paces: dict[str, set[tuple[float, float]]] = {}
    walked_m = []
    for second in range(70):
        bench.steps(1)
        seen = robots.seen()["bot"]
        paces.setdefault(seen.edge, set()).add((seen.speed_mps, persons.getSpeed("bot")))
        walked_m.append(seen.odometer_m)
        if second == 10:
            robots.set_top_speed("bot", 1.0)
            before_m = persons.getLanePosition("bot")
            bench.steps(1)
            assert persons.getLanePosition("bot") - before_m == pytest.approx(3.8, abs=0.2)
            robots.seen()
    assert paces == {"A0B0": {(4.0, 4.0), (4.0, 1.0)}, "B0B1": {(1.0, 1.0)}}
    assert walked_m[5] - walked_m[4] == 4.0
    assert walked_m[-1] - walked_m[-2] == 1.0
    assert list(robots.next_edges("bot", 2)) == ["B1B2", "C2B2"]
