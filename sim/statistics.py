"""Statistics over seeds: paired differences, intervals, tests against a margin, and how many seeds are needed.

The unit of analysis is one seed. What happens within a run is not independent, so a KPI enters with one value a run,
and two variants are compared seed by seed. Every result is free of the order in which the seeds are given.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sim.errors import SandboxError

Better = Literal["higher", "lower", "neither"]
Outcome = Literal["pass", "fail", "inconclusive"]
Seed = TypeVar("Seed", int, tuple[int, int])
Values = NDArray[np.float64]

RESAMPLES = 10_000
BOOTSTRAP_SEED = 23423  # any fixed number: the same values always give the same interval
BCA_FROM = 10  # a bootstrap of fewer values draws from too few different samples
PRELIMINARY_RUNS = 4  # FHWA-HOP-18-036 (Traffic Analysis Toolbox III, 2019), chapter 6
OUT_OF_REACH = 1_000_000  # nobody runs so many
_ROUNDING = 1e-12  # differences that vary by no more than this share of the values do not vary

# Figures that tell a jam from free flow; measured where no other source is named.
VARIATION = 0.25  # sd / mean of time loss over seeds: 0.03 in free flow, 0.56 near gridlock on a 4 × 4 grid
FLOWING_LOSS_S = 30.0  # below it spread is the chance of few vehicles; a free morning loses 160 s on 15 min trips
STUCK_S = 900.0  # p95 of time loss: 335 to 445 s on free mornings, 15,764 s on a day that jammed without a teleport
UNFINISHED = 0.25  # share under way at the end: 2 % to 15 % on free mornings, by how long after them the run ends
HASTY_LOSS_S = 60.0  # a run shorter than its trips ends with most under way, which have lost less: 38 s in 10 min


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval from `low` to `high`, both included."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Sample:
    """One variant's mean over seeds; `t` and `bca` are intervals of the mean, None with too few values."""

    n: int
    mean: float
    sd: float | None
    t: Interval | None
    bca: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """Differences other − reference over the seeds that both have; `missing` counts the seeds that one lacks.

    `t` and `bca` are two-sided intervals of the mean difference at `confidence`; the ends of `bound_t` and `bound_bca`
    are one-sided bounds at level `alpha` each. None stands for what so few seeds cannot give. `variance_saved` is the
    variance of an unpaired difference over that of the paired one; `relative` is a share of the reference's mean.
    """

    n: int
    missing: int
    mean_reference: float
    mean_other: float
    mean_difference: float
    differences: tuple[float, ...]
    sd: float | None
    confidence: float
    alpha: float
    t: Interval | None
    bca: Interval | None
    bound_t: Interval | None
    bound_bca: Interval | None
    p: float | None
    correlation: float | None
    variance_saved: float | None
    relative: float | None


def paired(
    reference: Mapping[Seed, float | None],
    other: Mapping[Seed, float | None],
    *,
    confidence: float = 0.95,
    alpha: float = 0.05,
    resamples: int = RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> Paired:
    """Compare two variants seed by seed: paired t test, t interval, BCa bootstrap interval of the mean difference.

    Parameters
    ----------
    reference, other
        Seed to value; a seed that one of them lacks, or has as None or NaN, is left out and counted.
    alpha
        Level of the one-sided bounds. Who looks twice, adding seeds in between, tests each time at half of it.
    resamples
        Bootstrap samples from `BCA_FROM` pairs on; 0 leaves the BCa intervals out.

    Raises
    ------
    SandboxError
        No seed has a value in both, or a level is not between 0 and 1.
    """
    _between(confidence, "confidence")
    _between(2 * alpha, "twice alpha")
    seeds = sorted(reference.keys() | other.keys())
    pairs = [(reference.get(one), other.get(one)) for one in seeds]
    both = [(left, right) for left, right in pairs if _known(left) and _known(right)]
    if not both:
        msg = f"no seed has a value in both: the reference has {len(reference)} seeds, the other {len(other)}"
        raise SandboxError(msg)
    left, right = np.array(both, dtype=np.float64).T
    differences = right - left
    mean, sd = _moments(differences, floor=float(np.abs([left, right]).max()))
    t, bca = _intervals(differences, mean, sd, (confidence, 1 - 2 * alpha), resamples=resamples, seed=seed)
    reference_mean = float(left.mean())
    correlation, saved = _gain(left, right, sd)
    return Paired(
        n=len(both),
        missing=len(pairs) - len(both),
        mean_reference=reference_mean,
        mean_other=float(right.mean()),
        mean_difference=mean,
        differences=tuple(differences.tolist()),
        sd=sd,
        confidence=confidence,
        alpha=alpha,
        t=t[0],
        bca=bca[0],
        bound_t=t[1],
        bound_bca=bca[1],
        p=None if sd is None else 2 * _tail(abs(mean), sd, len(both)),
        correlation=correlation,
        variance_saved=saved,
        relative=mean / reference_mean if reference_mean > 1e-9 else None,  # of nothing there is no share
    )


def interval(
    values: Sequence[float], *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = BOOTSTRAP_SEED
) -> Sample:
    """Return the mean of one variant's values over seeds with its intervals.

    Raises
    ------
    SandboxError
        There is no value, or one is not finite.
    """
    series = _series(values)
    mean, sd = _moments(series, floor=float(np.abs(series).max()))
    (t,), (bca,) = _intervals(series, mean, sd, (confidence,), resamples=resamples, seed=seed)
    return Sample(len(series), mean, sd, t, bca)


def prediction_interval(values: Sequence[float], *, confidence: float = 0.95) -> Interval | None:
    """Return where one more run would lie: mean ± t·s·√(1 + 1/n), for values of a normal kind; None below two."""
    series = _series(values)
    mean, sd = _moments(series, floor=float(np.abs(series).max()))
    if sd is None:
        return None
    half = _t(confidence, len(series)) * sd * math.sqrt(1 + 1 / len(series))
    return Interval(mean - half, mean + half)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values adjusted for how many there are, in the order given (Holm 1979, step down).

    Raises
    ------
    SandboxError
        A p value is not between 0 and 1.
    """
    if wrong := [p for p in p_values if not 0 <= p <= 1]:
        msg = f"p values lie between 0 and 1, found {wrong[0]}"
        raise SandboxError(msg)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def non_inferiority(result: Paired, margin: float, better: Better) -> Outcome:
    """Judge whether the other is worse than the reference by more than `margin`, in the KPI's own unit.

    It passes when the upper one-sided bound of the harm is within the margin, and fails when the lower one is beyond
    it. Where there is a BCa bound it must say the same as the t bound; else, as with one seed, it is inconclusive.
    Who judges many KPIs corrects `fail` by `holm` over `p_worse`; `pass` needs no correction where all must pass.
    """
    outcomes = {_against(_harm(bound, better), margin) for bound in (result.bound_t, result.bound_bca) if bound}
    return outcomes.pop() if len(outcomes) == 1 else "inconclusive"


def p_worse(result: Paired, margin: float, better: Better) -> float | None:
    """Return the one-sided p value of "not worse than the margin"; None with one seed."""
    if result.sd is None:
        return None
    return _tail(mean_harm(result, better) - margin, result.sd, result.n)


def mean_harm(result: Paired, better: Better) -> float:
    """Return how much worse the other is on the mean; negative where it is better."""
    return _harm(Interval(result.mean_difference, result.mean_difference), better).low


def runs_needed(values: Sequence[float], relative_error: float = 0.05, confidence: float = 0.95) -> int | None:
    """Return how many runs bring the mean's interval within ± `relative_error` of it; None where no number does.

    N = (t·s / (e·mean))² with t at N − 1 degrees of freedom, found by iteration (FHWA Traffic Analysis Toolbox III,
    2004, appendix B), and at least the four preliminary runs of its 2019 update. TxDOT asks for 10 and caps at 25.
    """
    _between(confidence, "confidence")
    series = _series(values)
    mean, sd = _moments(series, floor=float(np.abs(series).max()))
    tolerance = relative_error * abs(mean)
    normal = float(stats.norm.ppf((1 + confidence) / 2))  # the smallest that t can be
    if sd is None or normal * sd >= math.sqrt(OUT_OF_REACH) * tolerance:
        return None
    n = max(PRELIMINARY_RUNS, math.ceil((normal * sd / tolerance) ** 2))
    while _t(confidence, n) * sd / math.sqrt(n) > tolerance:
        n += 1
    return n


def pairs_needed(
    differences: Sequence[float], margin: float, power: float = 0.9, alpha: float = 0.05, *, harm: float = 0.0
) -> int | None:
    """Return how many pairs settle on which side of the margin a true `harm` lies; None where no number does.

    The power is that of the one-sided t test at level `alpha` by the non-central t distribution, at the spread of the
    differences. With the default it is the number that shows that a change without effect is within the margin.
    """
    _between(power, "power")
    _between(alpha, "alpha")
    series = _series(differences)
    _, sd = _moments(series, floor=float(np.abs(series).max()))
    distance = abs(margin - harm)
    quantiles = float(stats.norm.ppf(power) + stats.norm.ppf(1 - alpha))
    if sd is None or quantiles * sd >= math.sqrt(OUT_OF_REACH) * distance:
        return None
    n = max(2, math.ceil((quantiles * sd / distance) ** 2))  # with a known spread; t asks for a few more
    while sd > 0 and _power(n, distance / sd, alpha) < power:
        n += 1
    return n


def congested(
    *,
    teleports: Sequence[float],
    time_loss_s: Sequence[float],
    time_loss_p95_s: Sequence[float] = (),
    unfinished_share: Sequence[float] = (),
) -> tuple[str, ...]:
    """Return in words why a variant's runs are congested; nothing where traffic flows.

    Each argument has one value a seed. Near gridlock the spread over seeds outgrows every effect and no number of
    seeds helps; a day that jams in every seed spreads little, so vehicles that lost a quarter of an hour tell it too.
    """
    reasons = []
    jumped = sum(value > 0 for value in teleports)
    if 2 * jumped >= max(1, len(teleports)):
        reasons.append(f"vehicles were teleported in {jumped} of {len(teleports)} runs")
    if len(time_loss_s) >= PRELIMINARY_RUNS:
        mean, sd = float(np.mean(time_loss_s)), float(np.std(time_loss_s, ddof=1))
        if mean >= FLOWING_LOSS_S and sd > VARIATION * mean:
            reasons.append(f"time loss varies by {100 * sd / mean:.0f} % over seeds ({mean:.0f} ± {sd:.0f} s)")
    if len(time_loss_p95_s) and (stuck := float(np.median(time_loss_p95_s))) > STUCK_S:
        reasons.append(f"one vehicle in twenty loses more than {stuck / 60:.0f} min")
    delayed = len(time_loss_s) and float(np.mean(time_loss_s)) >= HASTY_LOSS_S
    if delayed and len(unfinished_share) and (share := float(np.median(unfinished_share))) > UNFINISHED:
        reasons.append(f"{100 * share:.0f} % of the vehicles are still under way at the end")
    return tuple(reasons)


def _intervals(
    series: Values, mean: float, sd: float | None, levels: Sequence[float], *, resamples: int, seed: int
) -> tuple[list[Interval | None], list[Interval | None]]:
    """Return the t and the BCa intervals of the mean at each level."""
    none: list[Interval | None] = [None for _ in levels]
    if sd is None:
        return none, none
    n = len(series)
    halves = [_t(level, n) * sd / math.sqrt(n) for level in levels]
    t: list[Interval | None] = [Interval(mean - half, mean + half) for half in halves]
    if n < BCA_FROM or resamples == 0:
        return t, none
    return t, list(t) if sd == 0 else [*_bca(series, mean, sd, levels, resamples=resamples, seed=seed)]


def _bca(
    series: Values, mean: float, sd: float, levels: Sequence[float], *, resamples: int, seed: int
) -> list[Interval]:
    """Return bias-corrected and accelerated bootstrap intervals, all of one set of resamples."""
    scaled = ((series - mean) / sd).tolist()  # free of the unit, so that no square underflows
    intervals = []
    for level in levels:  # the same seed draws the same resamples
        rng = np.random.default_rng(seed)
        drawn = stats.bootstrap(
            (scaled,), np.mean, n_resamples=resamples, confidence_level=level, method="BCa", rng=rng
        )
        low, high = drawn.confidence_interval
        intervals.append(Interval(mean + sd * float(low), mean + sd * float(high)))
    return intervals


def _moments(series: Values, *, floor: float) -> tuple[float, float | None]:
    """Return mean and standard deviation, both freed of rounding noise; None as the deviation of one value."""
    mean = float(series.mean())
    spread = float(np.ptp(series))
    if spread <= _ROUNDING * floor:
        mean, spread = (0.0 if abs(mean) <= _ROUNDING * floor else mean), 0.0
    if len(series) < 2:
        return mean, None
    if spread == 0:
        return mean, 0.0
    return mean, spread * float(np.std((series - mean) / spread, ddof=1))  # so scaled no square underflows


def _gain(left: Values, right: Values, sd: float | None) -> tuple[float | None, float | None]:
    """Return the correlation of the pairs and the variance saved by pairing; None below three or without spread."""
    if sd is None or len(left) < 3:
        return None, None
    (_, a), (_, b) = (_moments(side, floor=float(np.abs(side).max())) for side in (left, right))
    if not a or not b:
        return None, None
    scaled = (left - left.mean()) / a * ((right - right.mean()) / b)
    correlation = float(np.clip(scaled.sum() / (len(left) - 1), -1, 1))
    saved = (a / sd) ** 2 + (b / sd) ** 2 if sd > 0 else None
    return correlation, saved


def _t(confidence: float, n: int) -> float:
    """Return the two-sided t quantile for n values."""
    return float(stats.t.ppf((1 + confidence) / 2, n - 1))


def _tail(excess: float, sd: float, n: int) -> float:
    """Return the probability that a true mean of zero shows such an excess; without spread it is certain."""
    if sd == 0:
        return 0.5 if excess == 0 else float(excess < 0)
    return float(stats.t.sf(excess / (sd / math.sqrt(n)), n - 1))


def _power(n: int, effect: float, alpha: float) -> float:
    """Return the power of the one-sided t test; an effect beyond 30 standard errors is sure to be seen."""
    shift = min(30.0, effect * math.sqrt(n))
    return float(stats.nct.sf(stats.t.ppf(1 - alpha, n - 1), n - 1, shift))


def _harm(bounds: Interval, better: Better) -> Interval:
    """Turn bounds of a difference into bounds of the harm."""
    if better == "neither":
        msg = "a KPI of which neither direction is better cannot be judged; allowed is higher or lower"
        raise SandboxError(msg)
    return bounds if better == "lower" else Interval(-bounds.high, -bounds.low)


def _against(harm: Interval, margin: float) -> Outcome:
    if not (math.isfinite(margin) and margin >= 0):
        msg = f"a margin is a finite figure of at least 0, found {margin}"
        raise SandboxError(msg)
    if harm.high <= margin:
        return "pass"
    return "fail" if harm.low > margin else "inconclusive"


def _series(values: Sequence[float]) -> Values:
    series = np.sort(np.array(values, dtype=np.float64))
    if not series.size or not np.isfinite(series).all():
        msg = f"statistics need at least one value, all finite, found {list(values)}"
        raise SandboxError(msg)
    return series


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _between(value: float, name: str) -> None:
    if not 0 < value < 1:
        msg = f"{name} must lie between 0 and 1, found {value}"
        raise SandboxError(msg)
