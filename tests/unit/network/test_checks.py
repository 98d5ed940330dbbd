from __future__ import annotations

import pytest

from sim.network.checks.geometry import sharpest_bend_deg
from sim.network.checks.record import Check, CheckReport, judged, skipped
from sim.network.checks.signals import Phase, plan_faults
from sim.network.checks.warnings import judge


def test_a_report_fails_with_one_failed_check_alone() -> None:
    good = (judged("a", "1 of 1", ok=True), skipped("b", "no data"), judged("c", "2 too short", ok=False, ours=False))
    assert [check.outcome for check in good] == ["ok", "skipped", "noted"]
    assert CheckReport("town", good).ok
    report = CheckReport("town", (*good, judged("d", "0 of 1", ok=False, detail=["x -> y"])))
    assert not report.ok
    assert report.document()["checks"][3] == {
        "name": "d", "outcome": "failed", "figure": "0 of 1", "detail": ("x -> y",),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "bend"),
    [
        ([(0, 0), (100, 0)], 0.0),
        ([(0, 0), (50, 0), (50, 50)], 90.0),
        ([(0, 0), (50, 0), (50, 20), (0, 20)], 180.0),  # two corners 20 m apart are one hairpin
        ([(0, 0), (50, 0), (50, 40), (0, 40)], 90.0),  # 40 m apart they are two corners
        ([(0, 0), (50, 0), (60, 5), (70, 5), (120, 5)], 26.6),  # there and back again
        ([(0, 0), (50, 0), (50, 0), (50, 50)], 90.0),  # a vertex twice has no heading of its own
    ],
)
def test_bends_add_up_within_thirty_metres(shape: list[tuple[float, float]], bend: float) -> None:
    assert sharpest_bend_deg(shape) == pytest.approx(bend, abs=0.1)
    assert sharpest_bend_deg(shape[::-1]) == pytest.approx(bend, abs=0.1)


def faults(*phases: tuple[str, float]) -> list[str]:
    return list(plan_faults(("R1", "0"), [Phase(*phase) for phase in phases], {0, 1}))


def test_a_sound_plan_has_no_faults() -> None:
    assert faults(("Gr", 20), ("yr", 3), ("rr", 1), ("rG", 10), ("ry", 3), ("rr", 1)) == []
    assert faults(("gG", 20), ("gy", 3), ("gr", 10), ("gr", 2)) == []  # a link may be green for ever


def test_green_over_the_end_of_the_cycle_is_one_green() -> None:
    assert faults(("Gr", 3), ("yr", 3), ("rG", 20), ("ry", 3), ("Gr", 3)) == []


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ([("Gr", 20), ("yr", 3)], "link 1: never green"),
        ([("Gr", 20), ("yr", 2), ("rG", 20), ("ry", 3)], "link 0: after green 2 s of yellow, at least 3 s"),
        ([("Gr", 20), ("rG", 20), ("ry", 3)], "link 0: after green red at once"),
        ([("Gr", 4), ("yr", 3), ("rG", 20), ("ry", 3)], "link 0: green for 4 s, at least 5 s"),
    ],
)
def test_each_fault_of_a_plan_is_named(phases: list[tuple[str, float]], message: str) -> None:
    found = faults(*phases)
    assert len(found) == 1
    assert message in found[0]
    assert found[0].startswith("signal R1, program 0")


def test_warnings_are_explained_by_kind_the_counts_too() -> None:
    slower = (
        "Speed of turn connection 'a_0->b_0' reduced by 7.23 due to turning radius of 11.78 (length=2.26, angle=9)."
    )
    total = "9 total messages of type: Speed of % connection '%' reduced by % due to turning radius of % (length=%)."
    strange = "Edge 'a' has no successors."
    reasons = [reason for _, reason in judge((slower, total, strange))]
    assert reasons[0] == reasons[1] is not None
    assert reasons[2] is None


def test_a_lane_without_detector_is_explained_where_it_is_known_to_be_harmless() -> None:
    lanes = "At actuated tlLogic 'R1', linkIndex 2,3,4 has no controlling detector."
    through = "At actuated tlLogic 'R1', actuated phase 0 has no controlling detector."
    elsewhere = "At actuated tlLogic 'R2', linkIndex 1 has no controlling detector."
    assert [reason is not None for _, reason in judge((lanes, through, elsewhere))] == [True, False, False]


def test_a_check_that_is_not_ours_never_fails() -> None:
    assert Check("x", "noted", "").ok
    assert not Check("x", "failed", "").ok
