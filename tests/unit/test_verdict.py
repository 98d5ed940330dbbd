from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sim.compare import HEADLINE
from sim.errors import NotFoundError, OutputError, SandboxError
from sim.kpi.catalogue import CATALOGUE
from sim.margins import DEFAULTS, Margin, margin_of
from sim.verdict import Judgement, Row, judge, place
from sim.wording import title, titles

TEN = range(1, 11)
ABSOLUTE = {"wait_s": Margin(absolute=5), "service_rate": Margin(absolute=0.01)}
Series = Sequence[float | None]


def spread(mean: float, sd: float, n: int = 10) -> list[float]:
    """Return n values, evenly apart, with exactly this mean and standard deviation."""
    even = np.arange(n) - (n - 1) / 2
    return [float(value) for value in mean + sd * even / even.std(ddof=1)]


def table(
    variants: Mapping[str, Mapping[str, Series]], *, seeds: Sequence[tuple[int, int]] = (), n: int = 100
) -> pd.DataFrame:
    """Return results of variants, each with values by key; by default demand and SUMO seeds 1, 2, 3 ..."""
    rows = []
    for variant, series in variants.items():
        for key, values in series.items():
            name, _, scope = key.partition("@")
            code, _, stat = name.partition(".")
            unit = CATALOGUE[code].unit if code in CATALOGUE else ""
            for place_, value in enumerate(values):
                demand, sumo = seeds[place_] if seeds else (place_ + 1, place_ + 1)
                rows.append({
                    "variant": variant, "demand_seed": demand, "sumo_seed": sumo, "key": key, "code": code,
                    "stat": stat or "mean", "scope": scope or "all", "value": value, "unit": unit, "n": n, "run": "0",
                })  # fmt: skip
    return pd.DataFrame(rows)


def differing(key: str, differences: Sequence[float], *, level: float = 100.0) -> pd.DataFrame:
    """Return two variants, a and b, whose KPI differs by these."""
    return table({
        "a": {key: [level] * len(differences)}, "b": {key: [level + one for one in differences]},
    })  # fmt: skip


def only_row(judgement: Judgement) -> Row:
    (row,) = judgement.rows
    return row


def test_a_row_in_words() -> None:
    sd = 9 / 2.26216 * math.sqrt(10)  # t(0.975; 9) makes it an interval of ± 9
    judged = judge(differing("wait_s", spread(-31, sd), level=300), "a", "b", keys=["wait_s"])
    row = only_row(judged)
    assert row.words == "wait_s: 31 s shorter (95 % CI 22 to 40; 10 seeds), better"
    assert (row.direction, row.outcome, row.harm_margin) == ("better", "pass", 15)
    assert (row.kind.title, row.kind.unit, row.kind.better) == ("Wait", "s", "lower")
    assert judged.summary == (
        "b against a, 10 pairs of runs on the same seeds.",
        "Better: wait, 31 s shorter.",
        "Pass: harm beyond the margin is ruled out in 1 of 1 KPI.",
    )
    assert judged.notes == ()


@pytest.mark.parametrize(
    ("mean", "sd", "outcome", "direction", "ending"),
    [
        (1, 2, "pass", "unclear", "1.0 s longer (0.4 shorter to 2.4 longer), no clear difference, within the margin"),
        (3, 2, "pass", "worse", "3.0 s longer (1.6 to 4.4), worse, within the margin"),
        (5, 2, "inconclusive", "worse", "5.0 s longer (3.6 to 6.4), worse; harm beyond the margin is not ruled out"),
        (9, 2, "fail", "worse", "9.0 s longer (7.6 to 10.4), worse by more than the margin"),
        (0, 40, "inconclusive", "unclear", ("no difference on the mean (29 shorter to 29 longer), no clear "
                                            "difference; harm beyond the margin is not ruled out")),
    ],
)  # fmt: skip
def test_outcomes_against_a_margin(mean: float, sd: float, outcome: str, direction: str, ending: str) -> None:
    judged = judge(differing("wait_s", spread(mean, sd)), "a", "b", keys=["wait_s"], margins=ABSOLUTE)
    row = only_row(judged)
    assert (row.outcome, row.direction, judged.outcome) == (outcome, direction, outcome)
    short = row.words.replace("95 % CI ", "").replace("; 10 seeds", "").replace(" of 5 s", "")
    assert short == f"wait_s: {ending}"


def test_the_overall_outcome_is_the_worst_and_a_pass_needs_all() -> None:
    same, harm = [0.0] * 10, spread(30, 2)
    frame = table({
        "a": {"service_rate": [0.9] * 10, "wait_s": [100.0] * 10, "ride_s": [300.0] * 10},
        "b": {"service_rate": [0.9] * 10, "wait_s": [100 + one for one in harm], "ride_s": [300 + one for one in same]},
    })  # fmt: skip
    judged = judge(frame, "a", "b", keys=["service_rate", "ride_s", "wait_s"])
    assert [row.outcome for row in judged.rows] == ["pass", "pass", "fail"]
    assert judged.outcome == "fail"
    assert judged.summary[-1] == "Fail: worse by more than the margin in wait."
    assert judge(frame, "a", "b", keys=["service_rate", "ride_s"]).outcome == "pass"
    assert judge(frame, "b", "a", keys=["wait_s"]).outcome == "pass"


def test_a_higher_rate_is_better() -> None:
    up = judge(differing("service_rate", spread(0.05, 0.01), level=0.8), "a", "b")
    assert only_row(up).words == "service_rate: 5.0 pp higher (95 % CI 4.3 to 5.7; 10 seeds), better"
    down = judge(differing("service_rate", spread(-0.05, 0.01), level=0.8), "a", "b")
    assert (only_row(down).direction, down.outcome) == ("worse", "fail")


def test_where_neither_direction_is_better_nothing_is_judged() -> None:
    judged = judge(differing("fleet_size", [-8.0] * 10, level=24), "a", "b", keys=["fleet_size"])
    row = only_row(judged)
    assert row.words == "fleet_size: 8 vehicles fewer (in each of 10 seeds)"
    assert (row.direction, row.outcome, row.harm_margin, judged.outcome) == ("lower", None, None, "inconclusive")
    assert judged.summary[-1] == "Inconclusive: no KPI has a margin to be judged by."


def test_holm_takes_back_what_one_of_many_shows_alone() -> None:
    keys = ["wait_s", "ride_s", "access_walk_s", "egress_walk_s"]
    margins = {key: Margin(absolute=5) for key in keys}
    sd = 2 * math.sqrt(10)  # a standard error of 2
    # t = 2.1 beyond the margin is p = 0.033 alone and 0.13 among four; from zero t = 4.6, p = 0.0013
    differences = {key: spread(9.2 if key == "wait_s" else 0, sd) for key in keys}
    frame = table({
        "a": {key: [100.0] * 10 for key in keys},
        "b": {key: [100 + one for one in differences[key]] for key in keys},
    })  # fmt: skip
    row = judge(frame, "a", "b", keys=keys, margins=margins).rows[0]
    assert (row.outcome, row.direction) == ("inconclusive", "worse")
    assert "beyond the margin on its own, but not among 4 KPIs (Holm)" in row.notes
    alone = only_row(judge(frame, "a", "b", keys=["wait_s"], margins=margins))
    assert alone.outcome == "fail"
    assert row.p_harm == pytest.approx(4 * (alone.p_harm or 0))
    assert row.p_holm == pytest.approx(4 * (alone.p_holm or 0))


def test_kpis_without_a_better_direction_are_not_among_those_corrected_for() -> None:
    frame = table({
        "a": {"wait_s": [100.0] * 10, "requests": [50.0] * 10},
        "b": {"wait_s": [100 + one for one in spread(3, 3)], "requests": [50 + one for one in spread(3, 3)]},
    })  # fmt: skip
    wait, requests = judge(frame, "a", "b", keys=["wait_s", "requests"]).rows
    assert (wait.p_holm, requests.p_holm) == (wait.paired.p, requests.paired.p)
    assert (requests.p_harm, requests.direction) == (None, "higher")


def test_what_fails_is_called_worse_though_a_two_sided_test_is_not_sure() -> None:
    # t = 2.0 is p = 0.038 to one side, which is asked of harm, and 0.077 to both; without a margin they part
    row = only_row(judge(differing("teleports", spread(2, math.sqrt(10)), level=3), "a", "b", resamples=0))
    assert (row.outcome, row.direction) == ("fail", "worse")
    assert row.words.endswith("worse by more than the margin of 0 vehicles")


def test_a_difference_that_holm_takes_back_is_not_called_unclear_without_reason() -> None:
    keys = ["wait_s", "ride_s", "access_walk_s"]
    sd = 2 * math.sqrt(10)
    frame = table({
        "a": {key: [500.0] * 10 for key in keys},
        "b": {key: [500 + one for one in spread(-5 if key == "wait_s" else 0, sd)] for key in keys},
    })  # fmt: skip
    row = judge(frame, "a", "b", keys=keys).rows[0]
    assert row.direction == "unclear"
    assert row.words.endswith("10 seeds), not certain among 3 KPIs")


def test_one_seed_proves_nothing() -> None:
    judged = judge(differing("wait_s", [-31.0]), "a", "b", keys=["wait_s"])
    row = only_row(judged)
    assert row.words == "wait_s: 31 s shorter (1 seed, no interval)"
    assert (row.outcome, row.direction, row.p_holm, row.p_harm, row.notes) == (
        "inconclusive",
        "unclear",
        None,
        None,
        (),
    )
    assert judged.notes == ("only seed 1 is in both: no interval, no verdict",)
    assert judged.summary[1] == "One seed proves nothing: no difference is judged."


def test_two_seeds_have_wide_intervals() -> None:
    row = only_row(judge(differing("wait_s", [-30.0, -32.0]), "a", "b", keys=["wait_s"]))
    assert row.words.startswith("wait_s: 31 s shorter (95 % CI 18 to 44; 2 seeds), better")


def test_identical_variants_pass() -> None:
    judged = judge(differing("wait_s", [0.0] * 10), "a", "b", keys=["wait_s"])
    row = only_row(judged)
    assert (row.words, row.direction, row.outcome) == ("wait_s: the same in all 10 seeds", "same", "pass")
    assert judged.outcome == "pass"


def test_a_difference_without_spread_is_noted() -> None:
    row = only_row(judge(differing("wait_s", [-3.0] * 10), "a", "b", keys=["wait_s"]))
    assert row.words == "wait_s: 3 s shorter (in each of 10 seeds), better"
    assert row.notes == ("the difference does not vary over seeds: its interval has no width",)


def test_missing_runs_are_named_and_forbid_a_pass() -> None:
    frame = differing("wait_s", spread(-31, 5))
    frame = frame[~((frame["variant"] == "b") & frame["demand_seed"].isin([3, 5]))]
    judged = judge(frame, "a", "b", keys=["wait_s"])
    assert judged.notes == ("b has no run with seeds 3 and 5, which a has: left out",)
    row = only_row(judged)
    assert (row.paired.n, row.paired.missing, row.outcome, judged.outcome) == (8, 2, "inconclusive", "inconclusive")
    assert row.notes == ("not a pass, as seeds that the reference has are missing",)
    more = judge(frame, "b", "a", keys=["wait_s"], margins={"wait_s": Margin(absolute=50)})
    assert more.outcome == "pass"  # seeds that only the other has hide nothing


def test_missing_values_are_named() -> None:
    values: list[float | None] = [100.0, 101.0, math.nan, 99.0, None, 100.0]
    frame = table({"a": {"wait_s": [100.0] * 6, "ride_s": [5.0] * 6}, "b": {"wait_s": values, "ride_s": [5.0] * 6}})
    wait, ride = judge(frame, "a", "b", keys=["wait_s", "ride_s"]).rows
    assert wait.notes[:2] == (
        "b has no value in seeds 3 and 5",
        "not a pass, as seeds that the reference has are missing",
    )
    assert (wait.paired.n, wait.paired.missing, ride.paired.n, ride.outcome) == (4, 2, 6, "pass")


def test_kpis_of_one_variant_alone_are_listed_and_forbid_a_pass() -> None:
    frame = table({
        "a": {"wait_s": [100.0] * 10, "promise_kept_rate": [0.9] * 10},
        "b": {"wait_s": [100.0] * 10, "teleports": [0.0] * 10},
    })  # fmt: skip
    judged = judge(frame, "a", "b", keys=["wait_s", "promise_kept_rate", "teleports", "ride_s"])
    assert [row.key for row in judged.rows] == ["wait_s"]
    assert (judged.only_reference, judged.only_other) == (("promise_kept_rate",), ("teleports",))
    assert judged.notes == ("only a has promises kept", "only b has teleports")
    assert judged.outcome == "inconclusive"
    assert judged.summary[-1] == "Inconclusive: KPIs that the reference has are missing."
    assert judge(frame, "b", "a", keys=["wait_s", "promise_kept_rate"]).outcome == "pass"


def test_a_kpi_that_no_seed_has_in_both_forbids_a_pass() -> None:
    frame = table({
        "a": {"wait_s": [1.0, 1, None, None], "ride_s": [1.0] * 4},
        "b": {"wait_s": [None, None, 1.0, 1], "ride_s": [1.0] * 4},
    })  # fmt: skip
    judged = judge(frame, "a", "b", keys=["wait_s", "ride_s"])
    assert [row.outcome for row in judged.rows] == ["pass"]
    assert judged.outcome == "inconclusive"
    assert judged.notes == ("no seed has a value in both of wait",)


def test_intervals_that_disagree_are_noted_and_claim_nothing() -> None:
    skewed = [1.0, 2, 3, 1, 2, 1, 2, 3, 40, -1.5]  # t: −3.4 to 14.1; BCa follows the tail: 1.2 to 17.4
    frame = differing("wait_s", skewed)
    row = only_row(judge(frame, "a", "b", keys=["wait_s"], margins={"wait_s": Margin(absolute=1)}))
    assert row.notes[:2] == (
        "the t and the BCa interval disagree on whether there is a difference",
        "the t and the BCa interval disagree on the margin",
    )
    assert (row.direction, row.outcome) == ("unclear", "inconclusive")
    other_way = [4.0, 5, 6, 5, 4, 6, 5, 4, 6, -8]  # t: 0.7 to 6.7, BCa: −0.5 to 5.2
    row = only_row(judge(differing("wait_s", other_way), "a", "b", keys=["wait_s"]))
    assert row.direction == "unclear"
    assert row.words.endswith("10 seeds), not certain; harm beyond the margin of 6 s is not ruled out")


def test_an_open_kpi_tells_how_many_seeds_it_takes() -> None:
    row = only_row(judge(differing("wait_s", spread(0, 8)), "a", "b", keys=["wait_s"], margins=ABSOLUTE))
    assert row.outcome == "pass"
    row = only_row(judge(differing("wait_s", spread(0, 12.5)), "a", "b", keys=["wait_s"], margins=ABSOLUTE))
    assert row.notes == ("about 55 seeds would settle it, nine times in ten",)  # R's power.t.test at 0.4 sd: 54.9
    gain = differing("wait_s", spread(-1, 15))  # not counted on: the distance to the margin stays 5
    row = only_row(judge(gain, "a", "b", keys=["wait_s"], margins=ABSOLUTE))
    assert row.notes[-1] == "about 79 seeds would settle it, nine times in ten"
    at_margin = differing("wait_s", spread(4.9, 10))
    row = only_row(judge(at_margin, "a", "b", keys=["wait_s"], margins=ABSOLUTE))
    assert row.notes == ("more than 1,000 seeds would be needed to settle it",)


def test_congestion_is_said_first() -> None:
    traffic = {"time_loss_others_s": spread(216, 120), "teleports": [0.0, 1.0] * 5, "others_arrived": [60.0] * 10}
    free = {"time_loss_others_s": spread(160, 5), "teleports": [0.0] * 10, "others_arrived": [98.0] * 10}
    frame = table({
        "a": {"wait_s": [100.0] * 10, **free},
        "b": {"wait_s": [100.0] * 10, **traffic},
    })  # fmt: skip
    judged = judge(frame, "a", "b", keys=["wait_s"])
    assert judged.summary[1].startswith("Congested: b. Means near gridlock say little")
    assert judged.congestion["b"] == (
        "vehicles were teleported in 5 of 10 runs",
        "time loss varies by 56 % over seeds (216 ± 120 s)",
        "40 % of the vehicles are still under way at the end",
    )
    assert list(judged.congestion) == ["b"]
    assert judged.notes[-1].startswith("b is congested: vehicles were teleported")


def test_runs_on_the_same_demand_are_one_observation() -> None:
    seeds = [(demand, sumo) for demand in (1, 2, 3) for sumo in (1, 2)]
    frame = table({"a": {"wait_s": [100.0] * 6}, "b": {"wait_s": [101.0, 103, 110, 112, 90, 94]}}, seeds=seeds)
    judged = judge(frame, "a", "b", keys=["wait_s"])
    assert only_row(judged).paired.differences == (2, 11, -8)
    assert judged.notes == ("runs on the same demand are one observation: 6 pairs of runs, 3 observations",)
    frame = frame.drop(index=frame[(frame["variant"] == "b") & (frame["value"] == 110)].index)
    assert only_row(judge(frame, "a", "b", keys=["wait_s"])).paired.differences == (2, 12, -8)


def test_one_demand_with_many_sumo_seeds_holds_for_that_demand() -> None:
    seeds = [(7, sumo) for sumo in range(4)]
    frame = table({"a": {"wait_s": [1.0, 2, 3, 4]}, "b": {"wait_s": [2.0, 2, 3, 4]}}, seeds=seeds)
    judged = judge(frame, "a", "b", keys=["wait_s"])
    assert only_row(judged).paired.n == 4
    assert judged.notes == ("all runs have the demand of seed 7: what is found holds for these people and goods",)


def test_every_key_with_a_margin_is_judged_by_default() -> None:
    frame = table({side: {"wait_s": [1.0, 2], "requests": [3.0, 3], "my_kpi": [1.0, 1]} for side in ("a", "b")})
    assert [row.key for row in judge(frame, "a", "b").rows] == ["wait_s"]
    own = judge(frame, "a", "b", keys=["my_kpi"])
    assert (only_row(own).kind.title, only_row(own).outcome) == ("my_kpi", None)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_the_verdict_is_free_of_the_order_of_rows_and_seeds(differences: list[float], order: object) -> None:
    frame = differing("wait_s", differences)
    rows = list(range(len(frame)))
    order.shuffle(rows)  # type: ignore[attr-defined]  # a random.Random
    first, again = (judge(one, "a", "b", keys=["wait_s"], resamples=99) for one in (frame, frame.iloc[rows]))
    assert again == first


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["wait_sec"], r"no KPI 'wait_sec' \(code\.stat@scope\); did you mean wait_s"),
        (["wait_s.p59"], r"no KPI 'wait_s\.p59'.* did you mean wait_s"),
        (["wait_s@vilages"], r"no KPI 'wait_s@vilages'"),
        (["fleet_size@villages"], r"no KPI 'fleet_size@villages'.*did you mean fleet_size"),
        (["qqq"], "docs/kpis.md lists all codes"),
    ],
)
def test_a_kpi_that_does_not_exist_is_named_with_near_ones(keys: list[str], message: str) -> None:
    with pytest.raises(NotFoundError, match=message):
        judge(differing("wait_s", [1.0, 2.0]), "a", "b", keys=keys)


def test_a_margin_of_a_kpi_that_does_not_exist_is_refused() -> None:
    with pytest.raises(NotFoundError, match="no KPI 'wait'"):
        judge(differing("wait_s", [1.0, 2.0]), "a", "b", keys=["wait_s"], margins={"wait": Margin(absolute=1)})


def test_bad_input_is_named() -> None:
    frame = differing("wait_s", [1.0, 2.0])
    with pytest.raises(NotFoundError, match="no variant 'c' in the results; allowed are a, b"):
        judge(frame, "a", "c")
    with pytest.raises(SandboxError, match="a cannot be compared with itself"):
        judge(frame, "a", "a")
    with pytest.raises(OutputError, match="no column sumo_seed, n; found are variant, demand_seed"):
        judge(frame.drop(columns=["sumo_seed", "n"]), "a", "b")
    with pytest.raises(SandboxError, match=r"a has 2 values of wait_s for the seeds \(1, 1\)"):
        judge(pd.concat([frame, frame]), "a", "b")
    apart = frame.assign(demand_seed=frame["demand_seed"] + 10 * (frame["variant"] == "b"))
    with pytest.raises(
        SandboxError, match=r"no seed in common, seeds 11/1 and 12/2 \(demand/SUMO\) against seeds 1 and 2"
    ):
        judge(apart, "a", "b")


def test_a_run_among_the_seeds_of_a_variant() -> None:
    sample = spread(300, 20)
    inside = place(320, sample, unit="s")
    assert inside.expected is not None
    assert (inside.expected.low, inside.expected.high) == pytest.approx((252.55, 347.45), abs=0.01)
    assert inside.words == (
        "320 s lies within what one run more would show (95 % prediction interval 253 s to 347 s), above 8 of 10 seeds"
    )
    assert place(400, sample, unit="s").words.startswith("400 s lies outside")
    assert place(sample[0], sample, unit="s").below == 0.05
    assert place(0.5, [0.6], unit="share").words == "50 %: with one seed beside it, 60 %, nothing can be said"
    with pytest.raises(SandboxError, match="at least one value"):
        place(1, [], unit="s")


def test_every_headline_kpi_with_a_direction_has_a_margin_and_a_reason() -> None:
    directed = {key for key in HEADLINE if CATALOGUE[key.partition(".")[0].partition("@")[0]].better != "neither"}
    assert {key for key in directed if margin_of(key, {}) is None} == set()
    assert all(margin.reason and margin.status == "assumed" for margin in DEFAULTS.values())
    assert all(CATALOGUE[key.partition(".")[0]].better != "neither" for key in DEFAULTS)


def test_margins_by_key_then_code_and_the_experiments_own_first() -> None:
    own = {"wait_s.p95": Margin(relative=0.1, absolute=3)}
    assert margin_of("wait_s.p95@villages", own) == own["wait_s.p95"]
    assert margin_of("wait_s@villages", own) == DEFAULTS["wait_s"]
    assert margin_of("wait_s.p95", {}) == DEFAULTS["wait_s.p95"]
    assert margin_of("wait_s.p95", {"wait_s": Margin(absolute=1)}) == Margin(absolute=1)
    assert margin_of("fleet_size", {}) is None
    assert (own["wait_s.p95"].harm(20), own["wait_s.p95"].harm(-200)) == (3, 20)
    for wrong in ({"relative": -0.1}, {"absolute": math.nan}, {"relativ": 0.1}):
        with pytest.raises(ValidationError):
            Margin.model_validate(wrong)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("wait_s", "Wait"),
        ("order_lead_time_s.p95", "Order lead time (95th percentile)"),
        ("wait_s.p50@villages", "Wait (median, villages)"),
        ("violations@over_speed", "Violations (over_speed)"),
        ("own_kpi", "own_kpi"),
    ],
)
def test_titles_stand_for_keys(key: str, told: str) -> None:
    assert title(key) == told


def test_titles_within_a_sentence_keep_abbreviations_and_their_own_commas() -> None:
    assert titles(["otif", "ghg_g_per_tkm_wtw"]) == "on time, in full; CO2e per tkm, well to wheel"
