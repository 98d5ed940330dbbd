from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterable, Sequence

import pytest

from sim import events as ev
from sim import freight_events as fe
from sim.errors import NotFoundError
from sim.kpi.conflicts import Conflict
from sim.kpi.freight.stock import stocks
from sim.kpi.keys import canonical, require_kpis
from sim.kpi.measure import Measurement
from sim.kpi.record import flat
from tests.unit.kpi.build import scenario
from tests.unit.kpi.freight_build import (
    CONFLICT_ROWS,
    END_S,
    FREIGHT,
    around,
    book,
    delivered,
    freight_incident,
    loaded,
    moved,
    stay,
    supervised_freight,
    tug,
    van,
    watched,
)


def measured(log: Iterable[ev.Event], conflicts: Sequence[Conflict] | None = None) -> dict[str, float]:
    return flat(fed(log).records(final=True, conflicts=conflicts))


def fed(log: Iterable[ev.Event]) -> Measurement:
    measurement = Measurement(scenario(**FREIGHT))
    for event in sorted(log, key=lambda one: one.time_s):
        measurement.add(event)
    return measurement


def breaches(log: Iterable[ev.Event]) -> str:
    return "; ".join(fed(log).violations(final=True))


@pytest.fixture(scope="module")
def kpis() -> dict[str, float]:
    return measured(moved(), CONFLICT_ROWS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        # due by 5400: o1 (whole), o2 (late), o3 (failed), o5 (open), o6 (400 s early, a tenth missing)
        ("otif", 1 / 5),
        ("otif@bumper", 1 / 2),
        ("otif@part", 1 / 3),
        ("otif@consignment", 0),
        ("orders_on_time_rate", 1 / 5),
        ("orders_in_full_rate", 2 / 5),
        ("orders_released", 6),
        ("orders_delivered", 3),
        ("orders_late", 1),
        ("orders_failed", 1),
        ("orders_open", 2),
        ("tardiness_s", 100),
        ("tardiness_s.max", 300),
        ("order_lead_time_s", (1500 + 2800 + 2200) / 3),
        ("order_lead_time_s@bumper", 1500),
        # 10 bumpers last 1000 s, a break from 1200 on, 20 more at 1500
        ("stock_out_min", 200 / 60),
        ("stock_out_min@bumper", 200 / 60),
        ("stock_out_min@seat", 0),
        ("stock_outs", 1),
        ("truck_turn_time_s@cams", (400 + 300 + 300) / 3),
        ("truck_turn_time_s@ggm", (1200 + 300) / 2),
        ("dock_queue_s@cams", (100 + 100 + 160) / 3),
        ("gate_check_s@cams", 0),
        ("bay_wait_s@cams", (100 + 100 + 160) / 3),
        ("gate_check_s@ggm", 55),  # 60 s of 100, all of 50
        ("bay_wait_s@ggm", 20),
        ("dock_occupancy_s@ggm", (750 + 150) / 2),
        ("dock_utilisation@ggm", 900 / (2 * END_S)),
        ("dock_utilisation@cams", 410 / END_S),
        ("dock_utilisation", 1310 / (3 * END_S)),
        ("detention_s@ggm", 100),
        ("detention_s@cams", 0),
        ("appointment_adherence@ggm", 1 / 2),
        ("spill_back_veh_s", 150),
        ("spill_back_veh_s@ggm", 0),
        ("freight_vehicles", 2),
        ("freight_km", 12),
        ("freight_km@av_truck", 7),
        ("freight_empty_ratio", 4.5 / 12),
        ("load_factor", 3.0 / 19),
        ("load_factor_pallets", 12.5 / 66),  # 10 and 0.5 pallet-km of 56, 2 of 10
        ("transport_tkm", 2.4),
        ("distance_adjustment_factor", 7.5 / 6),
        ("freight_utilisation", 6000 / 10_800),
        ("modal_share@av_truck", 2.1 / 2.4),
        ("modal_share@human_truck", 0.3 / 2.4),
        ("freight_energy_kwh", 8.5),
        ("freight_energy_kwh_per_100km", 850 / 7),
        ("energy_kwh_per_tkm", 8.5 / 2.1),
        ("freight_fuel_kg", 2),
        ("freight_charge_change_kwh", -4),
        ("freight_batteries_empty", 0),
        ("freight_shortfall_kwh", 0),
        ("ghg_g_per_tkm_ttw", 1000 * 2 * 3.2 / 2.4),
        ("ghg_g_per_tkm_wtw", 1000 * (8.5 / 0.9 * 0.5 + 2 * 3.9) / 2.4),
        ("charged_grid_kwh", 5),
        ("hub_peak_kw@yard", 20),
        ("hub_peak_5min_kw", 40),
        ("platoon_share", 4 / 7),
        ("platoon_size", 450 / 200),
        ("platoon_formation_s", 30),
        ("platoon_time_gap_s", 0.73),
        ("platoon_time_gap_s.p50", 0.75),
        ("platoon_splits_per_100km", 25),
        ("platoon_cut_ins_per_100km", 25),
        ("ttc_conflicts_per_1000km", 1000 * 1 / 13),
        ("ttc_below_3s_per_1000km", 1000 * 3 / 13),
        ("pet_conflicts_per_1000km", 1000 * 1 / 13),
        ("drac_conflicts_per_1000km", 1000 * 1 / 13),
        ("conflicts", 3),
        ("conflicts@av-av", 1),
        ("conflicts@av-human", 1),
        ("conflicts@human-human", 1),
        ("both_in_conflict_area", 0),
        ("violations", 1),
        ("violation_s@over_speed", 60),
        ("violation_severity@over_speed", 60 * 3),
        ("unmanned_exposure_h", 0.5),
        ("unmanned_exposure_km@av_truck", 7.2),
        ("finished_cars_stored", 1),
        ("line_to_compound_s", 300),
        ("compound_fill_max", 11 / 20),
        ("run_quality", 1),
    ],
)
def test_value(kpis: dict[str, float], key: str, value: float) -> None:
    assert kpis[key] == pytest.approx(value)


def test_what_nobody_did_is_absent(kpis: dict[str, float]) -> None:
    absent = {"modal_share", "requests", "fleet_size", "freight_fuel_kg@av_truck", "violation_severity"}
    absent |= {"freight_interventions_per_operator_h", "incidents"}
    assert not absent & kpis.keys()


def test_what_is_broken_or_not_has_its_seconds_for_severity() -> None:
    left = fe.Violation(
        time_s=1090.0, vehicle_id="tug.1", vehicle_class="av_truck", rule="geofence", permit="zone", lane="A_0",
        begin_s=1000.0, excess=0.0, x=0.0, y=0.0,
    )  # fmt: skip
    kpis = measured([*moved(), left, dataclasses.replace(left, begin_s=1080.0)])
    assert kpis["violation_severity@geofence"] == 100
    assert kpis["violations"] == 3


def supervised(log: Iterable[ev.Event], *, operators: int) -> Measurement:
    measurement = Measurement(scenario(**supervised_freight(operators=operators)))
    for event in sorted(log, key=lambda one: one.time_s):
        measurement.add(event)
    return measurement


@pytest.mark.parametrize("operators", [1, 2])
def test_the_load_of_remote_operators(operators: int) -> None:
    """Three calls; the second comes while the first is handled, the third in the moment in which that one ends."""
    calls = [
        *freight_incident("tug.1", 1000, queue_s=0, handling_s=100),
        *freight_incident("tug.2", 1050, queue_s=50, handling_s=200),
        *freight_incident("tug.3", 1300, queue_s=0, handling_s=60),
    ]
    measurement = supervised([*watched(vehicles=3), *calls], operators=operators)
    assert measurement.violations(final=True) == []
    kpis = flat(measurement.records(final=True))
    assert kpis["freight_interventions_per_operator_h"] == 3 / operators
    assert kpis["freight_interventions_per_operator_h@av_truck"] == 3 / operators
    assert kpis["freight_interventions_at_once"] == 2
    assert kpis["freight_operator_queue_s"] == pytest.approx(50 / 3)
    assert kpis["freight_operator_queue_s.max"] == 50
    assert kpis["freight_operator_utilisation"] == pytest.approx(360 / 3600 / operators)
    assert not {"incidents", "freight_interventions_at_once@human_truck"} & kpis.keys()


def test_an_incident_that_is_open_at_the_end_has_lasted_until_then() -> None:
    call, *_ = freight_incident("tug.1", 3000, queue_s=0, handling_s=0)
    kpis = flat(supervised([*watched(vehicles=1), call], operators=1).records(final=True))
    assert kpis["freight_operator_queue_s"] == 600
    assert kpis["freight_operator_utilisation"] == 0


def test_an_incident_within_an_incident_is_a_breach() -> None:
    call, *_ = freight_incident("tug.1", 3000, queue_s=0, handling_s=0)
    again = dataclasses.replace(call, time_s=3001.0)
    found = supervised([*watched(vehicles=1), call, again], operators=1).violations(final=True)
    assert "vehicle tug.1 has an incident within an incident" in found


def test_pairs_that_nobody_could_measure_are_absent() -> None:
    """Without the van nobody with a driver carries the device: no figure, and not 0."""
    kpis = measured([*REST, *tug()], CONFLICT_ROWS[:3])
    assert kpis["conflicts@av-human"] == 1
    assert "conflicts@human-human" not in kpis
    no_cars = [one for one in [*REST, *van()] if not isinstance(one, fe.CarStored)]
    by_driver = measured(no_cars, CONFLICT_ROWS[3:])
    assert by_driver["conflicts@human-human"] == 1
    assert "conflicts@av-av" not in by_driver


def test_both_within_a_conflict_area_are_counted_apart() -> None:
    inside = Conflict("tug.1", "bg.9", "av_truck", "car", 50, 90, "both_inside", None, None, 0.4, 0, 0, 60)
    kpis = measured(moved(), [*CONFLICT_ROWS, inside])
    assert kpis["both_in_conflict_area"] == 1
    assert (kpis["conflicts"], kpis["collisions"]) == (3, 0)
    assert kpis["ttc_conflicts_per_1000km"] == pytest.approx(1000 / 13)


def test_the_order_within_a_time_step_does_not_matter(kpis: dict[str, float]) -> None:
    log = moved()
    random.Random(1).shuffle(log)  # noqa: S311 (nothing secret)
    assert measured(log, CONFLICT_ROWS) == kpis


def test_a_teleport_fails_the_quality_gate() -> None:
    log = [*moved(), ev.VehicleTeleported(time_s=800, vehicle_id="bg.1", edge="A", fleet=False)]
    assert measured(log)["run_quality"] == 0


def test_what_a_battery_did_not_hold_is_used_energy_and_fails_the_quality_gate() -> None:
    """600 Wh less came from a charger; they are used all the same, and the balance closes with them."""
    log = [
        dataclasses.replace(one, charged_wh=3900.0) if isinstance(one, fe.FreightVehicleRetired) and one.charged_wh
        else one for one in moved()
    ]  # fmt: skip
    empty = fe.BatteryEmpty(time_s=2900.0, vehicle_id="tug.1", edge="A", odometer_m=6500.0)
    short = fe.BatteryShortfall(time_s=END_S, vehicle_id="tug.1", shortfall_wh=600.0)
    assert "the battery of tug.1 gave 4600 Wh by its sums, its charge fell by 4000 Wh" in breaches(log)
    assert breaches([*log, empty, short]) == ""
    kpis = measured([*log, empty, short])
    assert kpis["freight_shortfall_kwh"] == pytest.approx(0.6)
    assert (kpis["freight_energy_kwh"], kpis["freight_batteries_empty"], kpis["run_quality"]) == (8.5, 1, 0)
    assert kpis["freight_batteries_empty@av_truck"] == 1


def test_a_run_under_way_counts_what_is_due_and_is_not_judged() -> None:
    kpis = flat(fed([one for one in moved() if one.time_s <= 3100]).records())
    assert kpis["otif"] == pytest.approx(1 / 3)  # o1, o2 and o3
    assert not {"orders_open", "run_quality", "freight_energy_kwh"} & kpis.keys()


def arrives(vehicle: str, time_s: float, *, place: str = "queue") -> fe.GateIn:
    return fe.GateIn(time_s=time_s, vehicle_id=vehicle, site="cams", place=place)


def test_who_still_waits_for_a_bay_at_the_end_has_waited_until_then() -> None:
    kpis = measured([*moved(), arrives("lorry.1", END_S - 1500)])
    assert kpis["dock_queue_s@cams"] == pytest.approx((100 + 100 + 160 + 1500) / 4)
    assert kpis["bay_wait_s.max"] == kpis["dock_queue_s.max"] == 1500
    assert kpis["truck_turn_time_s@cams"] == pytest.approx((400 + 300 + 300) / 3)  # it has none yet


def test_robots_at_doors_and_those_who_left_without_a_bay_do_not_wait() -> None:
    gave_up = fe.GateOut(time_s=4000.0, vehicle_id="lorry.1", site="cams")
    log = [*moved(), arrives("bot.1", 3000, place="door"), arrives("lorry.1", 3500), gave_up]
    assert measured(log)["dock_queue_s@cams"] == pytest.approx((100 + 100 + 160) / 3)


def test_the_distance_is_that_of_the_vehicle_that_delivered() -> None:
    """The van's class has 3,200 m for o2, not the 3,000 m that a truck would have."""
    log = [
        dataclasses.replace(one, shortest_m=3200.0) if isinstance(one, fe.OrderDelivered) and one.order_id == "o2"
        else one for one in moved()
    ]  # fmt: skip
    kpis = measured(log)
    assert kpis["distance_adjustment_factor@human_truck"] == pytest.approx(4000 / 3200)
    assert kpis["transport_tkm@human_truck"] == pytest.approx(0.32)


def test_a_whole_day_has_no_breach() -> None:
    assert breaches(moved()) == ""


REST = [*book(), *around()]


@pytest.mark.parametrize(
    ("log", "found"),
    [
        ([*REST, *tug()], "order o2 has 0 outcomes"),
        ([*moved(), fe.OrderFailed(time_s=3000, order_id="o1", cause="late")], "order o1 has 2 outcomes"),
        ([*moved(), fe.OrderFailed(time_s=3000, order_id="o9", cause="late")], "o9, which was never released"),
        ([*moved(), loaded("o1", "tug.1", 650, 1000, (8.0, 2000.0))], "order o1 was loaded 2 times"),
        (
            [*REST, *van(), *(one for one in tug() if not isinstance(one, fe.OrderLoaded))],
            "order o1 was delivered without being loaded",
        ),
        (
            [
                *REST,
                *tug()[:-1],
                *(one for one in van() if not isinstance(one, fe.OrderDelivered)),
                delivered("o2", "tug.1", 3200, 7000, docked_s=2760),
                tug()[-1],
            ],
            "order o2 was loaded by van.1 and delivered by tug.1",
        ),
        (
            [dataclasses.replace(one, load_kg=7.0) if isinstance(one, fe.OrderLoaded) else one for one in moved()],
            "tug.1 has 4 pallets and 1000 kg on board by its orders, 4 pallets and 7 kg by its events",
        ),
        ([*moved(), *stay("lorry.1", "cams", (500, 610, 700, 800, 900))], "bay 0 of cams is occupied by"),
        ([*moved(), *stay("lorry.1", "ggm", (500, 610, 700, 800, 900), bay=2)], "bay 2 of ggm, which has 2 from 0"),
        ([*moved(), *stay("lorry.1", "ggm", (500, 610, 700, 800, 900))[1:]], "dock_in of lorry.1 at ggm follows on"),
        ([*REST, *van(), *tug(charge_end_kwh=95.9)], "the battery of tug.1 gave 4000 Wh by its sums"),
        ([*REST, *tug(), *van()[:-1]], "freight vehicle van.1 is still on duty"),
        ([one for one in moved() if not isinstance(one, fe.LorryLeft)], "lorry carrier.1 came in and was lost"),
        ([one for one in moved() if not isinstance(one, fe.CarOpen)], "car built.2 came off the line and was lost"),
        (
            [dataclasses.replace(one, cars=1) if isinstance(one, fe.CarsCollected) else one for one in moved()],
            "the compound holds 10 cars by those that came and went, [9] by its events",
        ),
    ],
)
def test_breach(log: list[ev.Event], found: str) -> None:
    assert found in breaches(log)


def test_a_mission_may_begin_in_the_step_that_ends_another() -> None:
    swapped = [
        fe.MissionEnded(time_s=950.0, vehicle_id="van.1", odometer_m=0.0),
        fe.MissionBegan(time_s=950.0, vehicle_id="van.1", odometer_m=0.0),
    ]
    log = [*moved(), *swapped]
    assert measured(log)["freight_utilisation"] == pytest.approx(6000 / 10_800)
    assert breaches(log) == ""


def test_a_stay_may_be_at_a_door_or_have_two_services() -> None:
    arrival, dock, service, out, left = stay("lorry.1", "ggm", (3000, 3010, 3100, 3200, 3300))
    again = fe.ServiceEnded(time_s=3200.0, vehicle_id="lorry.1", site="ggm", pallets_in=0.0, pallets_out=0.0)
    assert breaches([*moved(), arrival, dock, service, again, out, left]) == ""
    gone = dataclasses.replace(left, time_s=3200.0)
    assert breaches([*moved(), arrival, service, gone, again]) == ""
    assert "gate_out of lorry.1 at ggm, it is in a bay" in breaches([*moved(), arrival, dock, service, left])


def test_a_course_begins_with_what_was_counted() -> None:
    line = scenario(**FREIGHT).freight
    assert line is not None
    (bumper,) = stocks(line, {("ggm", "bumper"): 19}, [], begin_s=1100, end_s=3600)
    assert (bumper.family, bumper.pieces[0]) == ("bumper", 19)
    assert bumper.pieces[-1] == pytest.approx(19 - (100 + 1800) / 100)  # 36 an hour, without the break


def test_one_vehicle_may_follow_another_into_a_bay_within_a_step() -> None:
    log = [*moved(), *stay("lorry.1", "cams", (610, 620, 700, 800, 900))]  # tug.1 leaves it at 620
    assert breaches(log) == ""


@pytest.mark.parametrize("key", ["dock_utilisation@ggm", "otif@bumper", "L1", "D2.p95@ggm", "violations@over_speed"])
def test_keys_of_freight_are_known(key: str) -> None:
    require_kpis([key])


@pytest.mark.parametrize("key", ["run_quality@ggm", "wait_s@ggm", "D2@", "L99"])
def test_keys_that_cannot_be_are_refused(key: str) -> None:
    with pytest.raises(NotFoundError, match="no KPI"):
        require_kpis([key])


def test_an_alias_stands_for_its_code() -> None:
    assert canonical("D2.p95@ggm") == "dock_queue_s.p95@ggm"
    assert canonical("wait_s.p95@villages") == "wait_s.p95@villages"
