from __future__ import annotations

import dataclasses

import pytest

from sim.report.experiment.contrasts import Contrast
from sim.report.experiment.outcomes import verdict_of
from sim.statistics import Outcome
from sim.verdict import Direction, Judgement, judge
from tests.unit.report.experiment.build import Variant, frames

KEYS = ["service_rate", "wait_s", "wait_s.p95", "ride_s", "requests", "access_walk_s"]


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    results, _ = frames([Variant("timetable"), Variant("shuttle", 1)], 10)
    return judge(results, "timetable", "shuttle", keys=KEYS)


def test_judgement_becomes_what_the_page_shows(judgement: Judgement) -> None:
    contrast = Contrast.of(judgement)
    assert (contrast.variant, contrast.reference) == ("shuttle", "timetable")
    assert [one.key for one in contrast.differences] == KEYS
    assert tuple(contrast.sentences) == (*judgement.summary, *judgement.notes)
    by_key = {one.key: one for one in contrast.differences}
    wait, row = by_key["wait_s.p95"], judgement.rows[KEYS.index("wait_s.p95")]
    assert row.paired.t is not None
    assert (wait.title, wait.unit, wait.better, wait.margin) == (
        "Wait (95th percentile)",
        "s",
        "lower",
        row.harm_margin,
    )
    assert (wait.mean, wait.low, wait.high) == (row.paired.mean_difference, row.paired.t.low, row.paired.t.high)
    assert wait.percent(wait.mean) == pytest.approx(100 * row.paired.mean_difference / row.paired.mean_reference)
    assert [by_key[key].verdict for key in ("wait_s", "ride_s", "requests")] == ["better", "fails", "not judged"]


@pytest.mark.parametrize(
    ("direction", "outcome", "verdict"),
    [
        ("better", "pass", "better"),
        ("better", None, "better"),
        ("worse", "pass", "slightly worse"),
        ("worse", "inconclusive", "worse"),
        ("worse", None, "worse"),
        ("worse", "fail", "fails"),
        ("unclear", "pass", "no worse"),
        ("same", None, "no worse"),
        ("unclear", "inconclusive", "open"),
        ("unclear", None, "open"),
    ],
)
def test_verdict_is_one_word_for_direction_and_outcome(
    judgement: Judgement, direction: Direction, outcome: Outcome | None, verdict: str
) -> None:
    row = dataclasses.replace(judgement.rows[KEYS.index("wait_s")], direction=direction, outcome=outcome)
    assert verdict_of(row) == verdict


@pytest.mark.parametrize(
    ("direction", "verdict"), [("higher", "differs"), ("lower", "differs"), ("unclear", "not judged")]
)
def test_kpi_without_direction_is_not_judged(judgement: Judgement, direction: Direction, verdict: str) -> None:
    row = dataclasses.replace(judgement.rows[KEYS.index("requests")], direction=direction)
    assert verdict_of(row) == verdict


def test_one_seed_has_no_interval() -> None:
    results, _ = frames([Variant("a"), Variant("b", 1)], 1)
    contrast = Contrast.of(judge(results, "a", "b", keys=["wait_s"]))
    assert [(one.low, one.high, one.verdict) for one in contrast.differences] == [(None, None, "open")]
