"""The KPIs of batteries, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim.events import Charged, Event
from sim.kpi.measure import Measurement
from sim.kpi.record import flat
from sim.scenario import Scenario
from tests.unit.kpi.build import HORIZON_S, retire, scenario, start

BATTERY = {
    "capacity_kwh": 50, "mass_kg": 6000, "auxiliary_w": 0, "front_area_m2": 5, "drag_coefficient": 0.6,
    "rolling_coefficient": 0.01, "propulsion_efficiency": 0.9, "recuperation_efficiency": 0.6,
}  # fmt: skip
MIXED = {"seats": 3, "groups": {"small": {"count": 1, "battery": BATTERY}, "diesel": {"count": 1}}}


def charge(vehicle: str, begin_s: float, end_s: float, held_kwh: float, kwh: float) -> Charged:
    return Charged(time_s=end_s, vehicle_id=vehicle, charger="c", begin_s=begin_s, charge_kwh=held_kwh, charged_kwh=kwh)


def kpis(events: list[Event], document: Scenario) -> dict[str, float]:
    measurement = Measurement(document)
    for one in events:
        measurement.add(one)
    return flat(measurement.records(final=True))


def fleet(*charges: Charged, left_kwh: float = 30.0) -> list[Event]:
    """Return the log of a vehicle with a battery and one without."""
    small, diesel = replace(start("s"), group="small"), replace(start("d"), group="diesel")
    return [small, diesel, *charges, replace(retire("s", 9000), charge_kwh=left_kwh), retire("d", 9000)]


def test_charges_are_added_up_and_the_lowest_charge_is_found() -> None:
    found = kpis(fleet(charge("s", 1000, 1540, 20, 15), charge("s", 3000, 3540, 10, 25)), scenario(fleet=MIXED))
    expected = {"charges": 2, "charged_kwh": 40, "charging_share": 2 * 540 / HORIZON_S, "charge_share_min": 0.2}
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    assert kpis(fleet(left_kwh=5), scenario(fleet=MIXED))["charge_share_min"] == pytest.approx(0.1)


def test_without_batteries_there_is_nothing_to_tell() -> None:
    found = kpis([start("d"), retire("d", 9000)], scenario())
    assert not {"charges", "charged_kwh", "charging_share", "charge_share_min"} & found.keys()
