"""The KPIs of remote supervision by hand, open incidents among them, and breaches of their order."""

from __future__ import annotations

import pytest

from sim import events as ev
from sim.kpi.measure import Measurement, flat
from sim.scenario import Scenario
from tests.unit.kpi.build import DOCUMENT, HORIZON_S, retire, scenario, start

SUPERVISION = {
    "operators": 2,
    "incidents_per_1000_km": 20,
    "handling": {"mean_s": 100, "sd_s": 50, "status": "assumed", "source": "test"},
    "operator_hour_krw": 30_000,
}


def supervised(**changes: object) -> Scenario:
    return scenario(supervision=SUPERVISION, **changes)


def call(vehicle: str, time_s: float) -> ev.IncidentBegan:
    return ev.IncidentBegan(time_s=time_s, vehicle_id=vehicle, edge="A", odometer_m=1.0)


def handle(vehicle: str, time_s: float, queue_s: float = 0.0) -> ev.HandlingBegan:
    return ev.HandlingBegan(time_s=time_s, vehicle_id=vehicle, operator=0, queue_s=queue_s)


def resolve(vehicle: str, time_s: float, handling_s: float) -> ev.IncidentEnded:
    return ev.IncidentEnded(time_s=time_s, vehicle_id=vehicle, handling_s=handling_s)


def morning() -> list[ev.Event]:
    """Three incidents that end, one that is being handled at the end (60 s) and one that waits then (100 s)."""
    return [
        start("v"), start("w"),
        call("v", 1000), handle("v", 1000), call("w", 1040), handle("w", 1040), resolve("w", 1100, 60),
        resolve("v", 1120, 120),
        call("v", 2000), handle("v", 2030, 30), resolve("v", 2130, 100),
        call("v", 5290), call("w", 5300), handle("v", 5340, 50),
        retire("v", 10_000, energy_wh=(3000, 1000)), retire("w", 30_000, energy_wh=(3000, 1000)),
    ]  # fmt: skip


def values(log: list[ev.Event], of: Scenario) -> dict[str, float]:
    measurement = Measurement(of)
    for event in log:
        measurement.add(event)
    assert measurement.violations(final=True) == []
    return flat(measurement.records(final=True))


def test_supervision_by_hand() -> None:
    found = values(morning(), supervised())
    expected = {
        "incidents": 5, "vkm_per_incident": 40 / 5,
        "incident_queue_s": (0 + 0 + 30 + 50 + 100) / 5, "incident_queue_s.p50": 30, "incident_queue_s.max": 100,
        "incident_handling_s": (60 + 120 + 100) / 3, "incident_handling_s.max": 120,
        "operator_hours": 2 * HORIZON_S / 3600,
        "operator_utilisation": (60 + 120 + 100 + 60) / (2 * HORIZON_S),
        "vehicles_waiting_for_operator": (30 + 50 + 100) / HORIZON_S,
        "vehicles_waiting_for_operator.p95": 0, "vehicles_waiting_for_operator.max": 2,
        "halted_share": (180 + 340) / (2 * HORIZON_S),
        "cost_per_vehicle_hour_krw": (3 * 38_000 + 40 * 250 + 4 / 0.8 * 300 + 3 * 30_000) / 3,
    }  # fmt: skip
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_quantiles_of_those_who_wait_are_weighted_by_time() -> None:
    waits = [call("v", 100), call("w", 1000), handle("v", 4000, 3900), handle("w", 4000, 3000)]
    found = values([start("v"), start("w"), *waits, retire("v", 1.0), retire("w", 1.0)], supervised())
    # nobody for 1,500 of 5,400 s, one for 900 s, two for 3,000 s
    assert found["vehicles_waiting_for_operator"] == pytest.approx((900 + 2 * 3000) / HORIZON_S)
    assert found["vehicles_waiting_for_operator.p50"] == 2
    none = values([start("v"), retire("v", 1.0)], supervised())
    assert (none["incidents"], none["vehicles_waiting_for_operator.max"], none["operator_utilisation"]) == (0, 0, 0)
    assert "incident_queue_s" not in none
    assert "vkm_per_incident" not in none


def test_while_a_run_goes_on_operators_have_worked_until_now() -> None:
    measurement = Measurement(supervised())
    for event in morning()[:8]:
        measurement.add(event)
    found = flat(measurement.records())
    assert found["operator_hours"] == pytest.approx(2 * 1120 / 3600)
    assert found["operator_utilisation"] == pytest.approx(180 / (2 * 1120))


def test_without_supervision_its_kpis_are_absent() -> None:
    log = [start("v"), retire("v", 10_000, energy_wh=(3000, 1000))]
    absent = values(log, supervised()).keys() - values(log, scenario()).keys()
    assert absent == {"incidents", "breakdowns", "operator_hours", "operator_utilisation", "halted_share"} | {
        f"vehicles_waiting_for_operator{stat}" for stat in ("", ".p50", ".p90", ".p95", ".max")
    }


def test_a_document_without_supervision_keeps_its_hash() -> None:
    assert "supervision" not in scenario().model_dump(mode="json")
    assert scenario().hash() == Scenario.model_validate(DOCUMENT | {"supervision": None}).hash() != supervised().hash()


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ([call("x", 10)], "incident_began of vehicle x, which never started"),
        ([call("v", 10), call("v", 20)], "vehicle v has an incident within an incident"),
        ([handle("v", 10)], "handling_began of vehicle v, which has not called"),
        ([call("v", 10), handle("v", 20), handle("v", 30)], "handling_began of vehicle v, which has not called"),
        ([call("v", 10), resolve("v", 20, 10)], "incident_ended of vehicle v, which no operator has taken over"),
    ],
)
def test_breaches_are_found(log: list[ev.Event], message: str) -> None:
    measurement = Measurement(supervised())
    for event in [start("v"), *log, retire("v", 1.0)]:
        measurement.add(event)
    assert message in measurement.violations(final=True)


def test_order_within_a_time_step_does_not_matter() -> None:
    log = [start("v"), call("v", 10), handle("v", 10), resolve("v", 20, 10), retire("v", 1.0)]
    swapped = [log[0], log[2], log[1], *log[3:]]
    assert values(swapped, supervised()) == values(log, supervised())


def test_breakdowns_are_counted() -> None:
    broken = ev.VehicleBrokeDown(time_s=1100, vehicle_id="v", edge="A")
    log = [start("v"), call("v", 1000), handle("v", 1000), resolve("v", 1100, 100), broken, retire("v", 3000)]
    assert values(log, supervised())["breakdowns"] == 1
