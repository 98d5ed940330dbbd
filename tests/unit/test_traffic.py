from __future__ import annotations

import pandas as pd
import pytest

from sim.traffic import SAMPLE_S, ClassSpeed, DrivingTime, Halt, Traffic, in_traffic, longest_halt, traffic_report


def samples(*rows: tuple[float, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["time_s", "vehicle_id", "edge", "speed_mps"])


def test_the_longest_halt_is_that_of_one_vehicle_without_a_break() -> None:
    drive = [(5.0 * step, "a", "e", 0.0 if 2 <= step <= 6 else 10.0) for step in range(20)]
    other = [(5.0 * step, "b", "f", 0.0 if step in {1, 2, 4, 5} else 10.0) for step in range(20)]
    halt = longest_halt(samples(*drive, *other))
    assert (halt.vehicle_id, halt.edge, halt.until_s) == ("a", "e", 35.0)
    assert halt.seconds == 20.0 + 2 * SAMPLE_S


def test_two_vehicles_that_stand_one_after_the_other_are_two_halts() -> None:
    halt = longest_halt(samples((0, "a", "e", 0.0), (5, "a", "e", 0.0), (10, "b", "e", 0.0), (15, "b", "e", 0.0)))
    assert halt.seconds == 5.0 + 2 * SAMPLE_S


@pytest.mark.parametrize(
    ("stop", "halt_s"),
    [((0.0, 200.0), 0.0), ((0.0, 100.0), 90.0 + 2 * SAMPLE_S), ((0.0, float("inf")), 0.0), ((500.0, 900.0), 205.0)],
)
def test_a_stop_that_was_meant_is_no_halt(stop: tuple[float, float], halt_s: float) -> None:
    rows = samples(
        *((5.0 * step, vehicle, "e", speed) for step in range(40) for vehicle, speed in (("a", 9.0), ("bus", 0.0)))
    )
    stops = pd.DataFrame([("bus", *stop)], columns=["vehicle_id", "began_s", "ended_s"])
    driving = in_traffic(rows, stops)
    assert longest_halt(driving).seconds == halt_s
    assert (driving["vehicle_id"] == "a").sum() == 40


def measured(**changes: object) -> Traffic:
    speed = ClassSpeed("arterial", 40.0, (60, 70), 400.0, 50.0, 65.0, 0.8, 1.05)
    figures: dict[str, object] = {
        "scenario": "morning-none", "network": "bitgreen", "network_sha256": "", "vehicles": 10, "arrived": 9,
        "never_inserted": 0, "teleports": 0, "collisions": 0, "emergency_braking": 1, "mean_depart_delay_s": 0.1,
        "mean_time_loss_s": 20.0, "halt": Halt(90.0, "car", "L001+", 27000.0), "speeds": (speed,),
        "times": (DrivingTime("a", "b", None, 5, 15.0, 16.0), DrivingTime("a", "b", 7, 5, 25.0, 30.0)),
    }  # fmt: skip
    return Traffic(**(figures | changes))  # type: ignore[arg-type]


def test_sound_traffic_passes() -> None:
    assert traffic_report(measured()).ok


@pytest.mark.parametrize(
    ("changes", "failed"),
    [
        ({"teleports": 1}, "no teleport"),
        ({"collisions": 1}, "no collision"),
        ({"halt": Halt(305.0, "car", "L001+", 27000.0)}, "longest halt"),
        ({"never_inserted": 1}, "morning-none: every vehicle"),
        ({"speeds": (ClassSpeed("street", 1.0, (40, 40), 5.0, 12.0, 40.0, 0.3, 1.0),)}, "plausible speeds"),
        ({"times": (DrivingTime("a", "b", None, 5, 20.0, 21.0),)}, "driving time off-peak"),
    ],
)
def test_each_fault_of_the_traffic_fails_its_own_check(changes: dict[str, object], failed: str) -> None:
    checks = [check for check in traffic_report(measured(**changes)).checks if not check.ok]
    assert len(checks) == 1
    assert checks[0].name.startswith(failed)
