from __future__ import annotations

import pytest

from sim.errors import ScenarioError
from sim.network.catalog import load_network
from sim.traffic import Traffic, check_traffic, measure_traffic


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return measure_traffic(overrides=["time.begin_s=07:30", "time.end_s=07:35", "time.drain_s=1500"])


def test_a_few_minutes_of_the_standard_morning_are_measured(traffic: Traffic) -> None:
    assert traffic.network_sha256 == load_network("bitgreen").sha256
    assert traffic.vehicles > 100
    assert traffic.teleports == 0
    assert 0 < traffic.halt.seconds < 300
    motor, street = (next(one for one in traffic.speeds if one.road_class == name) for name in ("motor road", "street"))
    assert motor.mean_kmh > 1.5 * street.mean_kmh
    for one in traffic.speeds:
        assert one.mean_kmh < one.p85_kmh < 1.3 * one.limits_kmh[1]
        assert one.vehicle_km > 0


def test_probes_drive_both_ways_on_empty_roads_and_in_the_traffic(traffic: Traffic) -> None:
    ways = {(one.origin, one.destination, one.hour) for one in traffic.times}
    assert ways == {
        (origin, destination, hour)
        for origin, destination in (("ggm", "songjeong_station"), ("songjeong_station", "ggm"))
        for hour in (None, 7)
    }
    for one in traffic.times:
        assert 10 < one.mean_min <= one.longest_min < 25


def test_a_scenario_with_a_service_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"controllers\.shuttle"):
        measure_traffic("morning-shuttle")


def test_another_network_has_no_standard_morning() -> None:
    assert [check.outcome for check in check_traffic("town").checks] == ["skipped"]
