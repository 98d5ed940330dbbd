from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim.errors import SandboxError
from sim.statistics import (
    BCA_FROM,
    Interval,
    Paired,
    congested,
    holm,
    interval,
    mean_harm,
    non_inferiority,
    p_worse,
    paired,
    pairs_needed,
    prediction_interval,
    runs_needed,
)

# Hours of sleep gained by ten patients on two drugs: Student (1908), The probable error of a mean, Biometrika 6.
DRUG_1 = dict(enumerate([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]))
DRUG_2 = dict(enumerate([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))

# Four p values whose Holm thresholds at 5 % are 0.0125, 0.0167, 0.025 and 0.05: two hypotheses are rejected.
P_VALUES = [0.01, 0.04, 0.03, 0.005]


def pairs_of(differences: list[float], *, level: float = 100.0) -> Paired:
    """Pair runs at a level with runs that differ from it by the differences."""
    reference = dict(enumerate(np.full(len(differences), level).tolist()))
    return paired(reference, {seed: level + one for seed, one in enumerate(differences)})


def spread(n: int, *, mean: float, sd: float) -> list[float]:
    """Return n values, evenly apart, with exactly this mean and standard deviation."""
    even = np.arange(n) - (n - 1) / 2
    return [float(value) for value in mean + sd * even / even.std(ddof=1)]


def test_students_sleep_data() -> None:
    result = paired(DRUG_2, DRUG_1)
    assert result.t is not None
    assert result.n == 10
    assert result.mean_difference == pytest.approx(-1.58)
    # the figures of R's t.test(extra ~ group, paired = TRUE)
    assert result.mean_difference / (result.sd or 0) * math.sqrt(10) == pytest.approx(-4.0621, abs=5e-5)
    assert result.p == pytest.approx(0.002833, abs=5e-7)
    assert (result.t.low, result.t.high) == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)
    assert result.correlation == pytest.approx(0.7952, abs=5e-5)
    assert result.bca is not None
    assert result.bca.high < 0


def test_paired_agrees_with_scipy() -> None:
    rng = np.random.default_rng(7)
    left = rng.gamma(4, 30, 14)
    right = 0.7 * left + rng.exponential(20, 14)
    result = paired(dict(enumerate(left.tolist())), dict(enumerate(right.tolist())), confidence=0.9)
    test = stats.ttest_rel(right, left)
    bounds = test.confidence_interval(0.9)
    assert result.t is not None
    assert result.bca is not None
    assert result.p == pytest.approx(test.pvalue)
    assert (result.t.low, result.t.high) == pytest.approx((bounds.low, bounds.high))
    assert result.correlation == pytest.approx(np.corrcoef(left, right)[0, 1])
    assert result.variance_saved == pytest.approx((left.var() + right.var()) / (right - left).var())
    assert result.relative == pytest.approx((right - left).mean() / left.mean())

    drawn = stats.bootstrap(
        (right, left),
        lambda a, b, axis: np.mean(a - b, axis=axis),
        paired=True,
        confidence_level=0.9,
        n_resamples=20_000,
        method="BCa",
        rng=np.random.default_rng(1),
    ).confidence_interval
    width = bounds.high - bounds.low
    assert (result.bca.low, result.bca.high) == pytest.approx((drawn.low, drawn.high), abs=0.03 * width)


def test_one_sided_bounds_are_the_ends_of_the_interval_at_twice_the_level() -> None:
    result = paired(DRUG_2, DRUG_1, alpha=0.025)
    assert (result.bound_t, result.bound_bca) == (result.t, result.bca)
    wider = paired(DRUG_2, DRUG_1, confidence=0.9)
    assert (wider.bound_t, wider.bound_bca) == (wider.t, wider.bca)


def test_bca_needs_ten_pairs_and_can_be_left_out() -> None:
    nine = {seed: value for seed, value in DRUG_1.items() if seed < BCA_FROM - 1}
    assert paired(nine, DRUG_2).bca is None
    assert paired(nine, DRUG_2).t is not None
    assert paired(DRUG_1, DRUG_2, resamples=0).bca is None


def test_seeds_without_a_value_on_both_sides_are_left_out_and_counted() -> None:
    reference: dict[int, float | None] = {1: 10.0, 2: math.nan, 3: 12.0, 4: 11.0, 6: None, 7: 14.0}
    other: dict[int, float | None] = {1: 11.0, 2: 9.0, 3: None, 4: 13.0, 5: 8.0, 6: None, 7: 17.0}
    result = paired(reference, other)
    assert (result.n, result.missing, result.differences) == (3, 4, (1.0, 2.0, 3.0))
    with pytest.raises(SandboxError, match="no seed has a value in both"):
        paired({1: 1.0, 2: math.nan}, {2: 1.0, 3: 1.0})


@pytest.mark.parametrize("n", [2, 9, 12])
@pytest.mark.parametrize(("shift", "p"), [(0.0, 1.0), (-7.7, 0.0)])
def test_differences_without_spread_are_certain(n: int, shift: float, p: float) -> None:
    values = {seed: 0.1 * seed for seed in range(n)}  # rounding leaves differences that agree to 16 digits
    result = paired(values, {seed: value + shift for seed, value in values.items()})
    assert (result.sd, result.p) == (0, p)
    assert result.mean_difference == pytest.approx(shift)
    assert result.t == result.bound_t == Interval(result.mean_difference, result.mean_difference)
    assert result.bca == (result.t if n >= BCA_FROM else None)
    assert result.variance_saved is None
    assert non_inferiority(result, 1.0, "lower") == "pass"
    assert non_inferiority(result, 1.0, "higher") == ("fail" if shift else "pass")
    assert p_worse(result, 1.0, "higher") == (0 if shift else 1)


def test_one_seed_has_no_interval_and_two_have() -> None:
    one = paired({1: 5.0}, {1: 7.0})
    assert (one.n, one.mean_difference, one.relative) == (1, 2.0, 0.4)
    assert (one.sd, one.t, one.bca, one.bound_t, one.p, one.correlation) == (None,) * 6
    assert non_inferiority(one, 100, "lower") == "inconclusive"
    assert p_worse(one, 100, "lower") is None
    two = paired({1: 5.0, 2: 6.0}, {1: 7.0, 2: 9.0})
    assert two.t is not None
    assert two.t.high - two.t.low == pytest.approx(2 * 12.7062 * 0.5, abs=1e-4)  # t at one degree of freedom
    assert (two.correlation, two.variance_saved) == (None, None)  # a line goes through any two points


def test_there_is_no_share_of_nothing_or_less() -> None:
    assert paired({1: 0.0, 2: 0.0}, {1: 1.0, 2: 2.0}).relative is None
    assert paired({1: -5.0, 2: -4.0}, {1: 1.0, 2: 2.0}).relative is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=14),
    st.randoms(use_true_random=False),
)
def test_the_order_of_seeds_is_of_no_account(values: list[tuple[float, float]], order: object) -> None:
    seeds = list(range(len(values)))
    first = paired({seed: values[seed][0] for seed in seeds}, {seed: values[seed][1] for seed in seeds}, resamples=99)
    order.shuffle(seeds)  # type: ignore[attr-defined]  # a random.Random
    left = {seed: values[seed][0] for seed in seeds}
    order.shuffle(seeds)  # type: ignore[attr-defined]
    again = paired(left, {seed: values[seed][1] for seed in seeds}, resamples=99)
    assert again == first
    figures = [first.mean_difference, first.sd, first.p, first.correlation, first.variance_saved, first.relative]
    assert all(math.isfinite(figure) for figure in figures if figure is not None)
    intervals = [one for one in (first.t, first.bca, first.bound_t, first.bound_bca) if one is not None]
    assert all(math.isfinite(one.low) and one.low <= one.high for one in intervals)


def test_swapping_the_sides_mirrors_the_result() -> None:
    there, back = paired(DRUG_1, DRUG_2), paired(DRUG_2, DRUG_1)
    assert there.t is not None
    assert back.t == Interval(-there.t.high, -there.t.low)
    assert (back.p, back.variance_saved) == (there.p, there.variance_saved)
    for margin in (0.5, 1.5, 3.0):
        assert non_inferiority(back, margin, "higher") == non_inferiority(there, margin, "lower")


def test_holms_step_down() -> None:
    assert holm(P_VALUES) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert [p <= 0.05 for p in holm(P_VALUES)] == [True, False, False, True]
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([0.7, 0.8]) == [1, 1]
    assert holm([]) == []
    with pytest.raises(SandboxError, match=r"between 0 and 1, found 1\.5"):
        holm([0.1, 1.5])


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_lies_between_no_correction_and_bonferroni(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= one <= min(1, len(p_values) * p) for p, one in zip(p_values, adjusted, strict=True))
    assert holm(p_values[::-1]) == adjusted[::-1]


@pytest.mark.parametrize(
    ("mean", "better", "outcome"),
    [
        (0.0, "lower", "pass"),
        (3.8, "lower", "pass"),
        (4.2, "lower", "inconclusive"),
        (5.8, "lower", "inconclusive"),
        (6.2, "lower", "fail"),
        (-6.2, "lower", "pass"),
        (-6.2, "higher", "fail"),
        (-3.8, "higher", "pass"),
        (6.2, "higher", "pass"),
    ],
)
def test_non_inferiority_at_a_margin_of_five(mean: float, better: str, outcome: str) -> None:
    # n = 5 and sd = 1.049 put the one-sided bounds 1.0 from the mean: t(0.95; 4) = 2.132
    result = pairs_of(spread(5, mean=mean, sd=1.0489))
    assert non_inferiority(result, 5, better) == outcome  # type: ignore[arg-type]  # one of the two
    p = p_worse(result, 5, better)  # type: ignore[arg-type]
    assert p is not None
    assert (p < 0.05) is (outcome == "fail")


def test_both_intervals_must_agree() -> None:
    result = pairs_of(spread(12, mean=0, sd=1))
    assert non_inferiority(result, 2, "lower") == "pass"
    wider = dataclasses.replace(result, bound_bca=Interval(-1, 2.5))
    beyond = dataclasses.replace(result, bound_bca=Interval(2.1, 2.5))
    assert {non_inferiority(one, 2, "lower") for one in (wider, beyond)} == {"inconclusive"}


def test_bad_input_is_named() -> None:
    result = pairs_of([1.0, 2.0])
    with pytest.raises(SandboxError, match="allowed is higher or lower"):
        non_inferiority(result, 1, "neither")
    for margin in (-1.0, math.nan, math.inf):
        with pytest.raises(SandboxError, match="a margin is a finite figure of at least 0"):
            non_inferiority(result, margin, "lower")
    with pytest.raises(SandboxError, match=r"confidence must lie between 0 and 1, found 95"):
        paired(DRUG_1, DRUG_2, confidence=95)
    with pytest.raises(SandboxError, match=r"twice alpha must lie between 0 and 1, found 1\.2"):
        paired(DRUG_1, DRUG_2, alpha=0.6)
    for call in (interval, prediction_interval, runs_needed):
        with pytest.raises(SandboxError, match="at least one value, all finite"):
            call([1.0, math.nan])
        with pytest.raises(SandboxError, match="at least one value, all finite"):
            call([])


def test_mean_harm_looks_in_the_direction_that_is_worse() -> None:
    result = pairs_of([1.0, 3.0])
    assert (mean_harm(result, "lower"), mean_harm(result, "higher")) == (2, -2)


def test_interval_of_one_sample_agrees_with_scipy() -> None:
    values = np.random.default_rng(3).gamma(3, 10, 12)
    sample = interval(values.tolist())
    bounds = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert sample.t is not None
    assert sample.bca is not None
    assert sample.n == 12
    assert (sample.mean, sample.sd) == pytest.approx((values.mean(), values.std(ddof=1)))
    assert (sample.t.low, sample.t.high) == pytest.approx((bounds.low, bounds.high))
    assert interval(values[::-1].tolist()) == sample
    assert interval([4.0]).t is None
    assert interval([4.0] * 10).bca == Interval(4, 4)


def test_prediction_interval() -> None:
    bounds = prediction_interval(spread(10, mean=50, sd=4))
    assert bounds is not None
    assert bounds.high - 50 == pytest.approx(2.26216 * 4 * math.sqrt(1.1), abs=1e-4)  # t(0.975; 9)
    assert prediction_interval([3.0]) is None
    assert prediction_interval([3.0, 3.0]) == Interval(3, 3)


def test_runs_needed_by_the_formula_of_fhwa() -> None:
    jammed = runs_needed(spread(8, mean=216, sd=120), 0.05)
    assert jammed == 477  # the smallest N with t(0.975; N - 1) · 120 / √N ≤ 0.05 · 216
    for n, enough in ((jammed, True), (jammed - 1, False)):
        assert bool(stats.t.ppf(0.975, n - 1) * 120 / math.sqrt(n) <= 0.05 * 216) is enough
    assert runs_needed(spread(8, mean=10, sd=0.3)) == 4  # never fewer than the preliminary runs
    assert runs_needed(spread(8, mean=10, sd=1)) == 18
    assert runs_needed([5.0, 5.0]) == 4
    assert runs_needed([5.0]) is None
    assert runs_needed([-1.0, 1.0]) is None
    assert runs_needed(spread(8, mean=10, sd=1), 1e-9) is None  # out of reach


@pytest.mark.parametrize(("effect", "power", "pairs"), [(0.5, 0.8, 27), (0.5, 0.9, 36), (1.0, 0.9, 11)])
def test_pairs_needed_as_tables_of_the_one_sample_t_test_have_it(effect: float, power: float, pairs: int) -> None:
    # as R's power.t.test has them, of one sample and one-sided
    differences = spread(6, mean=9, sd=1)
    assert pairs_needed(differences, effect, power) == pairs
    assert pairs_needed(differences, 9 + effect, power, harm=9) == pairs
    assert pairs_needed(differences, 9 - effect, power, harm=9) == pairs


def test_pairs_needed_where_there_is_little_to_say() -> None:
    assert pairs_needed([1.0, 2.0], 0) is None  # no margin, no distance to it
    assert pairs_needed([1.0], 5) is None
    assert pairs_needed([2.0, 2.0], 5) == 2
    assert pairs_needed(spread(5, mean=0, sd=1e-9), 5) == 2
    assert pairs_needed(spread(5, mean=0, sd=100), 1) == pytest.approx(85_640, rel=0.001)
    assert pairs_needed(spread(5, mean=0, sd=100), 1, harm=1 - 1e-15) is None  # at the margin: out of reach


def test_coverage_of_the_intervals_on_normal_values() -> None:
    five, ten = coverage(lambda rng: rng.normal(0, 1, 5), 0), coverage(lambda rng: rng.normal(0, 1, 10), 0)
    assert five["t"] == pytest.approx(0.95, abs=0.02)
    assert ten["t"] == pytest.approx(0.95, abs=0.02)
    assert 0.87 < ten["bca"] < 0.93  # too short for ten values, so a verdict never rests on it alone


def test_coverage_of_the_intervals_on_skewed_values() -> None:
    found = coverage(lambda rng: rng.lognormal(0, 0.75, 20), math.exp(0.75**2 / 2))
    assert found["t"] == pytest.approx(0.897, abs=0.03)  # 0.897 and 0.881 in 3,000 samples: skew costs both
    assert found["bca"] == pytest.approx(0.881, abs=0.03)
    assert found["bca below"] < found["t below"]  # BCa follows the skew


def coverage(draw: Callable[[np.random.Generator], np.ndarray], true: float) -> dict[str, float]:
    """Return how often 1000 intervals hold the true mean, and how often they lie below it."""
    rng = np.random.default_rng(20)
    samples = [interval(draw(rng).tolist(), resamples=500) for _ in range(1000)]
    found: dict[str, float] = {}
    for name, intervals in (("t", [one.t for one in samples]), ("bca", [one.bca for one in samples])):
        found[name] = float(np.mean([one is not None and one.holds(true) for one in intervals]))
        found[f"{name} below"] = float(np.mean([one is not None and one.high < true for one in intervals]))
    return found


# Rates in percent as measured on SUMO runs of a 4 × 4 grid without congestion, margin 5 %: mean 100, and the sd of
# paired differences, 1.9, at which the non-central t distribution gives the same rates.
@pytest.mark.parametrize(
    ("n", "change", "any_worse", "not_shown", "proven"),
    [
        (5, 0, 4.7, 0.2, 0.0),
        (5, 2, 61.9, 11.4, 0.0),
        (10, 0, 4.8, 0.0, 0.0),
        (10, 2, 92.2, 0.2, 0.0),
        (10, 5, 100.0, 94.9, 5.2),
        (10, 8, 100.0, 100.0, 99.8),
    ],
)
def test_false_alarms_and_power(n: int, change: float, any_worse: float, not_shown: float, proven: float) -> None:
    rng = np.random.default_rng(5)
    runs = 1000
    results = [
        paired(dict.fromkeys(range(n), 100.0), dict(enumerate(100 + rng.normal(change, 1.9, n))), resamples=0)
        for _ in range(runs)
    ]
    outcomes = [non_inferiority(one, 5, "lower") for one in results]
    found = {
        "any worse": sum(one.mean_difference > 0 and (one.p or 0) / 2 < 0.05 for one in results),
        "not shown": sum(outcome != "pass" for outcome in outcomes),
        "proven": outcomes.count("fail"),
    }
    for share, expected in zip(found.values(), (any_worse, not_shown, proven), strict=True):
        error = 3.5 * math.sqrt(expected * (100 - expected) / runs)
        assert 100 * share / runs == pytest.approx(expected, abs=max(0.5, error)), found


def test_a_second_interval_makes_no_false_alarms() -> None:
    rng = np.random.default_rng(6)
    outcomes = []
    for _ in range(300):
        other = dict(enumerate(105 + rng.normal(0, 1.9, 10)))
        outcomes.append(non_inferiority(paired(dict.fromkeys(other, 100.0), other, resamples=400), 5, "lower"))
    assert outcomes.count("fail") / 300 == pytest.approx(0.05, abs=0.04)
    assert outcomes.count("pass") / 300 == pytest.approx(0.05, abs=0.04)


def test_a_free_scenario_is_not_congested() -> None:
    free = spread(10, mean=160, sd=5)
    assert (
        congested(teleports=[0] * 10, time_loss_s=free, time_loss_p95_s=[400] * 10, unfinished_share=[0.02] * 10) == ()
    )
    assert congested(teleports=[0] * 9 + [1], time_loss_s=free) == ()  # one of ten may be chance
    assert congested(teleports=[], time_loss_s=[]) == ()
    assert congested(teleports=[0] * 10, time_loss_s=spread(10, mean=4, sd=2)) == ()  # few vehicles, not a jam
    assert congested(teleports=[0] * 3, time_loss_s=[100, 200, 300]) == ()  # too few to tell a spread


def test_congestion_is_told_with_its_reason() -> None:
    gridlock = spread(10, mean=216, sd=120)
    (teleported,) = congested(teleports=[0, 3, 1, 0], time_loss_s=[])
    assert teleported == "vehicles were teleported in 2 of 4 runs"
    (varies,) = congested(teleports=[0] * 10, time_loss_s=gridlock)
    assert varies == "time loss varies by 56 % over seeds (216 ± 120 s)"
    (stuck,) = congested(teleports=[0], time_loss_s=[2590], time_loss_p95_s=[15_764])
    assert stuck == "one vehicle in twenty loses more than 263 min"
    (late,) = congested(teleports=[0], time_loss_s=[100], unfinished_share=[0.4])
    assert congested(teleports=[0], time_loss_s=[38], unfinished_share=[0.7]) == ()  # too short a run to arrive in
    assert late == "40 % of the vehicles are still under way at the end"
