from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import events as ev
from sim.errors import InvariantError, NotFoundError, OutputError, ScenarioError
from sim.kpi.measure import Measurement, flat, measure_run, records_as_json
from sim.kpi.record import KpiRecord
from sim.rundir import EVENTS, PERFORMANCE, VEHICLES, read_kpis
from sim.scenario import Scenario
from tests.unit.kpi.build import (
    HORIZON_S,
    alight,
    arrive,
    board,
    fail,
    leave,
    pooled,
    publish,
    refuse,
    retire,
    scenario,
    start,
    walked,
    wish,
)  # fmt: skip


def taken(log: Iterable[ev.Event], of: Scenario | None = None) -> Measurement:
    measurement = Measurement(of or scenario())
    for event in log:
        measurement.add(event)
    return measurement


def values(log: Iterable[ev.Event], of: Scenario | None = None) -> dict[str, float]:
    measurement = taken(log, of)
    assert measurement.violations(final=True) == []
    return flat(measurement.records(final=True))


def test_pooled_shuttle_riders_by_hand() -> None:
    found = values(pooled())
    expected = {
        "requests": 4, "requests_served": 2, "requests_rejected": 1, "requests_cancelled": 0,
        "requests_unfinished": 1, "requests_walked": 0, "service_rate": 0.5, "rejection_rate": 0.25,
        "share_wait_below_600s": 0.5, "within_limits_rate": 0.5,
        "on_time_rate": 1 / 3, "on_time_rate@cars": 0.5, "on_time_rate@housing": 0.5,
        "on_time_rate@villages": 0,
        # a waits 100 s, b 150 s, c from 390 s and d from 1000 s to the end of the drain at 5400 s
        "wait_s": (100 + 150 + 5010 + 4400) / 4, "wait_s.max": 5010, "wait_s@housing": (100 + 5010) / 2,
        "wait_s.p50": (150 + 4400) / 2, "wait_served_s": 125, "access_walk_s": 0, "egress_walk_s": 0,
        "ride_s": 300, "direct_ride_s": 245, "detour_abs_s": 55, "detour_rel": (60 / 240 + 50 / 250) / 2,
        "total_travel_s": (400 + 450) / 2, "wait_plus_ride_s": (400 + 450) / 2,
        # only the first promise counts: a is dropped off 20 s late, b picked up 0.5 s late, within a step
        "promise_kept_rate": 0.5, "response_s": 2.5, "pickup_delay_vs_promise_s": 0.25,
        "dropoff_delay_vs_promise_s": 10,
    }  # fmt: skip
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_pooled_shuttle_fleet_by_hand() -> None:
    found = values(pooled())
    expected = {
        "fleet_size": 1, "vehicle_hours": 1.5, "vkm_total": 10, "vkm_empty": 3, "empty_ratio": 0.3,
        "vkm_by_load.0": 3, "vkm_by_load.1": 4, "vkm_by_load.2": 3, "vkm_by_load.3": 0,
        "pax_km": 10, "direct_pax_km": 9, "pax_km_per_vkm": 1, "l_det": 10 / 9,
        "occupancy_distance_weighted": 10 / 7, "shared_ride_rate": 1, "fleet_utilisation": 400 / 5400,
        "rides_per_vehicle_revenue_hour": 2 / (400 / 3600),
        "dwell_s": 10, "plans_replanned": 2, "infeasible_after_update": 2, "repaired_after_update": 1,
        "teleports": 1, "collisions": 0,
        "energy_kwh": 2, "energy_kwh_per_100km": 20, "co2e_kg": 1, "co2e_g_per_pax_km": 1000 / 9,
        # 1.5 h × 38,000 + 10 km × 250 + 2.5 kWh × 300 = 60,250 won
        "cost_per_served_rider_krw": 60_250 / 2, "cost_per_vehicle_hour_krw": 60_250 / 1.5,
    }  # fmt: skip
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_timetable_with_transfer_by_hand() -> None:
    log = [
        start("bus.1", seats=12),
        start("bus.2", seats=12),
        wish("t", 1000, direct_s=500),
        leave("t", 1300),
        walked("t", 1500),
        board("t", 1600, "bus.1", 2000, 1),
        alight("t", 2000, "bus.1", 6000, 0),
        walked("t", 2060),
        board("t", 2160, "bus.2", 500, 1),
        alight("t", 2500, "bus.2", 3500, 0),
        walked("t", 2620),
        arrive("t", 2620),
        retire("bus.1", 9000),
        retire("bus.2", 9000),
    ]
    found = values(log)
    expected = {
        # waits of 300 s at home and 100 s at each stop; walks of 200 s and 60 s to vehicles, then 120 s
        "wait_s": 500, "access_walk_s": 260, "egress_walk_s": 120, "ride_s": 740, "total_travel_s": 1620,
        "detour_abs_s": 240, "pax_km": 7, "shared_ride_rate": 0, "service_rate": 1, "fleet_size": 2,
        "rides_per_vehicle_revenue_hour": 1 / (740 / 3600),
    }  # fmt: skip
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_who_walks_all_the_way_is_served_and_shown() -> None:
    found = values([wish("w", 0), leave("w", 100), walked("w", 500), arrive("w", 500)])
    assert found["requests_walked"] == 1
    assert (found["wait_s"], found["access_walk_s"], found["egress_walk_s"]) == (100, 400, 0)
    assert not {"ride_s", "detour_abs_s", "vkm_total"} & found.keys()


def test_dropping_a_hard_rider_never_shortens_the_mean_wait() -> None:
    easy = [
        start("v"),
        wish("a", 0),
        board("a", 60, "v", 10, 1),
        alight("a", 90, "v", 20, 0),
        arrive("a", 90),
    ]
    served = [wish("b", 0), board("b", 3000, "v", 500, 1), alight("b", 3100, "v", 600, 0), arrive("b", 3100)]
    dropped = [wish("b", 0), refuse("b", 1)]
    assert values([*easy, *dropped, retire("v", 20)])["wait_s"] > values([*easy, *served, retire("v", 600)])["wait_s"]


def test_a_rider_on_board_at_the_end_is_unfinished_and_counts_in_passenger_km() -> None:
    log = [
        start("v"),
        wish("a", 0),
        board("a", 60, "v", 1000, 1),
        fail("a", state="riding"),
        retire("v", 5000),
    ]
    found = values(log)
    assert (found["requests_unfinished"], found["pax_km"], found["wait_s"]) == (1, 4, HORIZON_S)
    assert "ride_s" not in found


def test_absent_inputs_leave_kpis_absent() -> None:
    log = [*pooled()[:-1], retire("v", 10_000)]
    assert not any(key.startswith(("energy", "co2e", "cost")) for key in values(log))
    no_rates = values(pooled(), scenario(costs=None))
    assert "co2e_kg" in no_rates
    assert "cost_per_served_rider_krw" not in no_rates
    assert "energy_kwh" in values(pooled(), scenario(emissions=None, costs=None))
    assert values([]) == {"teleports": 0, "collisions": 0}


def test_while_a_run_goes_on_only_the_settled_count() -> None:
    found = flat(taken(event for event in pooled() if event.time_s <= 450).records())
    assert (found["requests"], found["requests_rejected"], found["service_rate"]) == (3, 1, 0)
    assert "requests_unfinished" not in found
    assert found["vkm_total"] == pytest.approx(3)


def test_a_second_journey_of_the_same_person_has_its_own_times() -> None:
    there = [wish("a", 0), leave("a", 10), walked("a", 60), arrive("a", 60)]
    back = [
        dataclasses.replace(wish("b", 1000), person_id="p.a"),
        ev.PersonDeparted(time_s=1030, person_id="p.a", edge="B"),
        ev.WalkEnded(time_s=1100, person_id="p.a", edge="A"),
        ev.Arrived(time_s=1100, person_id="p.a", request_id="b", edge="A"),
    ]
    found = values([*there, *back])
    assert (found["wait_s"], found["access_walk_s"], found["access_walk_s.max"]) == (20, 60, 70)


# --- what must hold ---------------------------------------------------------------------------------

RIDE = (
    start("v", seats=1), wish("a", 0), board("a", 60, "v", 1000, 1), alight("a", 90, "v", 3000, 0),
    arrive("a", 90), retire("v", 3000),
)  # fmt: skip


def without(kind: type[ev.Event]) -> list[ev.Event]:
    return [event for event in RIDE if not isinstance(event, kind)]


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ([*RIDE, refuse("a", 100)], "request a has 2 outcomes: rejected, served"),
        (without(ev.Arrived), "request a has no outcome at the end of the run"),
        (without(ev.Arrived), "1 requests, but 0 are served, rejected, cancelled or unfinished"),
        (without(ev.RequestSubmitted), "picked_up of request a, which was never submitted"),
        (without(ev.PickedUp), "request a alighted from v without being on board"),
        (without(ev.DroppedOff), "request a was picked up 1 and dropped off 0 times"),
        (without(ev.VehicleStarted), "picked_up of vehicle v, which never started"),
        (without(ev.VehicleRetired), "vehicle v is still on duty at the end of the run"),
        ([*RIDE, wish("a", 100)], "request a was submitted twice"),
        ([*RIDE, start("v", 100)], "vehicle v started twice"),
        ([*RIDE, retire("v", 9000, 9000)], "vehicle v acts after the end of its duty"),
        ([start("x"), retire("x", 100, 10), retire("x", 50, 20)], "the odometer of x goes back from 100.0 m"),
        ([start("x"), wish("a", 0), board("a", 5, "x", 1, 2)], "vehicle x has 1 on board by its riders, [2]"),
        ([start("x", seats=1), wish("a", 0, size=2), board("a", 5, "x", 1, 2)], "vehicle x has 2 on board"),
        ([wish("a", 50), leave("a", 10), arrive("a", 60)], "request a has a negative time"),
        (
            [
                start("x"), start("y"), wish("a", 0), board("a", 5, "x", 0, 1), alight("a", 9, "y", 500, 0),
                retire("x", 800), retire("y", 500),
            ],
            "request a boarded x and alighted from y",
        ),
    ],
)  # fmt: skip
def test_breaches_are_found(log: list[ev.Event], message: str) -> None:
    assert any(found.startswith(message) for found in taken(log).violations(final=True))


def test_passenger_km_that_do_not_balance_are_found() -> None:
    log = [
        start("x"), start("y"), wish("a", 0), board("a", 5, "x", 0, 1), alight("a", 9, "y", 500, 0),
        arrive("a", 9), retire("x", 800), retire("y", 500),
    ]  # fmt: skip
    measurement = taken(log)
    assert measurement.pax_km_of_riders() == pytest.approx(0.5)
    assert measurement.pax_km_of_vehicles() == pytest.approx(0.8)
    assert "riders rode 0.500 km, the vehicles' load × distance is 0.800 km" in measurement.violations(final=True)


# --- any log ----------------------------------------------------------------------------------------


def random_log(rng: np.random.Generator, *, riders: int = 40, vehicles: int = 3) -> list[ev.Event]:
    """Return the log of vehicles that pool riders at random, with many events in each time step."""
    log: list[ev.Event] = [start(f"v{number}", seats=3) for number in range(vehicles)]
    todo = [[f"r{number}" for number in range(first, riders, vehicles)] for first in range(vehicles)]
    for number, names in enumerate(todo):
        vehicle, odometer_m, time_s = f"v{number}", 0.0, 600.0
        on_board: list[str] = []
        for name in names:
            earliest_s = float(rng.integers(0, 60)) * 10
            log += [
                wish(name, earliest_s, scopes=["housing"] if rng.random() < 0.5 else []),
                leave(name, earliest_s),
            ]
            if rng.random() < 0.3:
                log.append(walked(name, earliest_s + 10))
        while names or on_board:
            steps = int(rng.integers(0, 4))
            time_s += steps * 10.0
            odometer_m = round(odometer_m + steps * float(rng.uniform(0, 300)), 3)
            if on_board and (len(on_board) == 3 or not names or rng.random() < 0.5):
                name = on_board.pop(int(rng.integers(len(on_board))))
                log.append(alight(name, time_s, vehicle, odometer_m, len(on_board)))
                log += [walked(name, time_s + 60), arrive(name, time_s + 60)]
            else:
                name = names.pop()
                on_board.append(name)
                log.append(board(name, time_s, vehicle, odometer_m, len(on_board)))
        log.append(retire(vehicle, odometer_m + 100))
    return sorted(log, key=lambda event: event.time_s)


@pytest.mark.parametrize("seed", range(5))
def test_order_within_a_time_step_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    log = random_log(rng)
    shuffled = sorted((log[place] for place in rng.permutation(len(log))), key=lambda event: event.time_s)
    assert shuffled != log
    assert taken(shuffled).violations(final=True) == []
    assert taken(shuffled).records(final=True) == taken(log).records(final=True)


def test_reading_in_between_changes_nothing() -> None:
    log = random_log(np.random.default_rng(7))
    measurement = Measurement(scenario())
    for event in log:
        measurement.add(event)
        measurement.records()
        assert measurement.violations() == []
    assert measurement.records(final=True) == taken(log).records(final=True)


@given(
    home_s=st.floats(0, 2000),
    legs=st.lists(st.tuples(*[st.floats(1, 900)] * 3, st.booleans()), max_size=3),
    egress_s=st.floats(1, 900),
)
def test_the_parts_of_a_served_journey_add_up(
    home_s: float, legs: list[tuple[float, float, float, bool]], egress_s: float
) -> None:
    time_s = 100.0
    log: list[ev.Event] = [wish("a", time_s)]
    time_s += home_s
    log.append(leave("a", time_s))
    walk_s = wait_s = ride_s = 0.0
    for number, (to_stop_s, at_stop_s, riding_s, walks) in enumerate(legs):
        vehicle = f"v{number}"
        if walks:
            time_s += to_stop_s
            log.append(walked("a", time_s))
        time_s += at_stop_s
        log += [start(vehicle), board("a", time_s, vehicle, 100, 1)]
        time_s += riding_s
        log += [alight("a", time_s, vehicle, 900, 0), retire(vehicle, 900, 20_000)]
        walk_s, wait_s, ride_s = walk_s + to_stop_s * walks, wait_s + at_stop_s, ride_s + riding_s
    time_s += egress_s
    log += [walked("a", time_s), arrive("a", time_s)]
    found = values(sorted(log, key=lambda event: event.time_s))
    assert all(math.isfinite(value) for value in found.values())
    expected = {
        "access_walk_s": walk_s if legs else egress_s,
        "egress_walk_s": egress_s if legs else 0.0,
        "wait_s": home_s + wait_s,
        "total_travel_s": time_s - 100,
    } | ({"ride_s": ride_s} if legs else {})
    assert {key: found[key] for key in expected} == pytest.approx(expected, abs=1e-6)
    parts = ("access_walk_s", "wait_s", "egress_walk_s")
    assert sum(found[code] for code in parts) + found.get("ride_s", 0) == pytest.approx(found["total_travel_s"])


# --- runs -------------------------------------------------------------------------------------------


def test_a_published_run_is_measured_again_to_the_same_records(tmp_path: Path) -> None:
    run = publish(tmp_path / "run", pooled())
    again = measure_run(run)
    assert records_as_json(again) == read_kpis(run)
    assert [KpiRecord.from_document(one) for one in read_kpis(run)] == again
    found = flat(again)
    assert found["time_loss_others_s"] == pytest.approx((30 + 10 + 60) / 2)
    assert (found["others_arrived"], found["dispatch_ms"], found["dispatch_ms.max"]) == (1, 3, 6)
    assert next(record.n for record in again if record.code == "others_arrived") == 2


def test_a_run_that_contradicts_itself_has_no_kpis(tmp_path: Path) -> None:
    with pytest.raises(InvariantError, match=r"2 breaches in the events of .*request a has 2 outcomes"):
        publish(tmp_path / "run", [*pooled(), refuse("a", HORIZON_S)])
    assert not (tmp_path / "run").exists()


def test_damaged_runs_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no published run"):
        measure_run(tmp_path)
    run = publish(tmp_path / "run", pooled())
    (run / PERFORMANCE).write_text("{}")
    with pytest.raises(OutputError, match=PERFORMANCE):
        measure_run(run)
    (run / VEHICLES).write_bytes((run / EVENTS).read_bytes())
    with pytest.raises(OutputError, match="vehicle_id, group"):
        measure_run(run)
    (run / VEHICLES).write_text("no parquet")
    with pytest.raises(OutputError, match=VEHICLES):
        measure_run(run)
    with pytest.raises(ScenarioError, match="the scenario in"):
        measure_run(run, manifest={"scenario": {}})


def test_a_run_without_a_table_of_vehicles_says_nothing_about_others(tmp_path: Path) -> None:
    run = publish(tmp_path / "run", pooled())
    (run / VEHICLES).unlink()
    assert not {"time_loss_others_s", "others_arrived"} & flat(measure_run(run)).keys()


def test_keys_and_their_order() -> None:
    assert KpiRecord("wait_s", "mean", "all", 1, "s", 1).key == "wait_s"
    assert KpiRecord("wait_s", "p95", "villages", 1, "s", 1).key == "wait_s.p95@villages"
    assert KpiRecord("service_rate", "value", "housing", 1, "share", 1).key == "service_rate@housing"
    records = taken(pooled()).records(final=True)
    assert list(flat(reversed(records))) == list(flat(records)) == [record.key for record in records]
    assert records[0].code == "service_rate"
    loads = [record.stat for record in records if record.code == "vkm_by_load"]
    assert loads == ["0", "1", "2", "3"]
