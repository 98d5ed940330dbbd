"""Verdicts: a variant of an experiment against another, KPI by KPI, judged over seeds and told in words.

A difference is claimed where zero lies outside both intervals after Holm's correction over the KPIs. Harm is judged
against a margin: a variant passes where it is shown not to be worse than the margin, fails where it is shown to be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from sim.errors import SandboxError
from sim.kpi.entry import Better
from sim.kpi.keys import canonical
from sim.margins import DEFAULTS, Margin, margin_of
from sim.observations import Kind, Pair, Variant, check_keys, matched, nested, read_variant
from sim.statistics import (
    RESAMPLES,
    Interval,
    Outcome,
    Paired,
    holm,
    mean_harm,
    non_inferiority,
    p_worse,
    paired,
    pairs_needed,
    prediction_interval,
)
from sim.wording import amount, brief, counted, listed, lowered, seeds_in_words, title, titles, told

Direction = Literal["better", "worse", "higher", "lower", "same", "unclear"]

MOST_SEEDS = 1000  # to ask for more is no advice


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One KPI of two variants.

    `harm_margin` (in the KPI's unit) and `outcome` are None where there is no margin or no better direction. `p_holm`
    belongs to any difference, `p_harm` to harm beyond the margin; both are adjusted for the KPIs judged together.
    """

    key: str
    kind: Kind
    paired: Paired
    direction: Direction
    margin: Margin | None
    harm_margin: float | None
    outcome: Outcome | None
    p_holm: float | None
    p_harm: float | None
    words: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A variant against the reference: rows in the order asked for, the outcome over all, and both in words.

    `only_reference` and `only_other` list the KPIs asked for that the other one lacks; `congestion` has the reasons
    by variant. `notes` are to be shown wherever the rows are.
    """

    reference: str
    other: str
    rows: tuple[Row, ...]
    outcome: Outcome
    only_reference: tuple[str, ...]
    only_other: tuple[str, ...]
    congestion: Mapping[str, tuple[str, ...]]
    summary: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies among a variant's seeds; one run more lies in `expected`, `below` is the share beneath it."""

    value: float
    n: int
    expected: Interval | None
    below: float
    words: str


def judge(
    results: pd.DataFrame,
    reference: str,
    other: str,
    *,
    keys: Sequence[str] | None = None,
    margins: Mapping[str, Margin] | None = None,
    confidence: float = 0.95,
    alpha: float = 0.05,
    resamples: int = RESAMPLES,
) -> Judgement:
    """Judge one variant against another, both by label.

    Parameters
    ----------
    results
        One row for each run and KPI: variant, demand_seed, sumo_seed, key, code, stat, scope, value, unit and n.
    keys
        The KPIs to judge, in this order; by default those with a margin.
    margins
        Margins that go before the defaults, by flat key or by code.
    alpha
        Level of every claim. Who judges, adds seeds and judges again does so at half of it each time.

    Raises
    ------
    NotFoundError
        A variant or KPI does not exist; the message names near matches.
    SandboxError
        The variants are the same or have no seed in common, or one has several values of a KPI for one seed.
    OutputError
        The table lacks a column.
    """
    if reference == other:
        msg = f"{reference} cannot be compared with itself"
        raise SandboxError(msg)
    sides = (read_variant(results, reference), read_variant(results, other))
    margins = {canonical(key): margin for key, margin in (margins or {}).items()}
    chosen = list(dict.fromkeys(map(canonical, keys if keys is not None else [*DEFAULTS, *margins])))
    check_keys([*chosen, *margins], *sides)
    shared = _shared(*sides)
    levels = _Levels(confidence, alpha, resamples, by_demand=nested(shared))
    drafts = [_measured(*sides, key, margin_of(key, margins), levels) for key in chosen if _comparable(*sides, key)]
    rows = _judged(drafts, alpha)
    only = [
        tuple(key for key in chosen if key in a.observed and key not in b.observed) for a, b in (sides, sides[::-1])
    ]
    lost = {key for key in chosen if key in sides[0].observed} - {row.key for row in rows}
    congestion = {side.label: reasons for side in sides if (reasons := side.congested())}
    outcome = _overall(rows, complete=not any(margin_of(key, margins) for key in lost))
    return Judgement(
        reference=reference,
        other=other,
        rows=rows,
        outcome=outcome,
        only_reference=only[0],
        only_other=only[1],
        congestion=congestion,
        summary=tuple(_summary(sides, rows, outcome, pairs=len(shared), congested=list(congestion))),
        notes=tuple(_notes(sides, shared, chosen)),
    )


def place(value: float, sample: Sequence[float], *, unit: str) -> Place:
    """Tell where one run's value lies among the values of a variant's seeds.

    Raises
    ------
    SandboxError
        The sample is empty or has a value that is not finite.
    """
    expected = prediction_interval(sample)
    n = len(sample)
    under = sum(one < value for one in sample)
    below = (under + sum(one == value for one in sample) / 2) / n
    seen = amount(value, unit, beside=sample, difference=False)
    if expected is None:
        words = f"{seen}: with one seed beside it, {amount(sample[0], unit, difference=False)}, nothing can be said"
        return Place(value, n, None, below, words)
    bounds = [amount(end, unit, beside=sample, difference=False) for end in (expected.low, expected.high)]
    where = "within" if expected.holds(value) else "outside"
    words = (
        f"{seen} lies {where} what one run more would show (95 % prediction interval {bounds[0]} to {bounds[1]}), "
        f"above {under} of {counted(n, 'seed')}"
    )
    return Place(value, n, expected, below, words)


@dataclass(frozen=True, slots=True)
class _Levels:
    """How certain a claim must be, and what counts as one observation."""

    confidence: float
    alpha: float
    resamples: int
    by_demand: bool


def _shared(reference: Variant, other: Variant) -> frozenset[Pair]:
    shared = reference.seeds & other.seeds
    if not shared:
        msg = (
            f"{other.label} cannot be compared with {reference.label}: no seed in common, "
            f"{seeds_in_words(other.seeds)} against {seeds_in_words(reference.seeds)}"
        )
        raise SandboxError(msg)
    return shared


def _comparable(reference: Variant, other: Variant, key: str) -> bool:
    return not reference.observed.get(key, {}).keys().isdisjoint(other.observed.get(key, {}))


def _measured(reference: Variant, other: Variant, key: str, margin: Margin | None, levels: _Levels) -> Row:
    """Return a KPI's row as it stands alone: not yet corrected for the other KPIs, and without words."""
    left, right = matched(reference.observed[key], other.observed[key], by_demand=levels.by_demand)
    result = paired(left, right, confidence=levels.confidence, alpha=levels.alpha, resamples=levels.resamples)
    kind = reference.kinds[key]
    notes = [
        f"{here.label} has no value in {seeds_in_words(lacking)}"
        for here, there in ((reference, other), (other, reference))
        if (lacking := (there.observed[key].keys() - here.observed[key].keys()) & here.seeds)
    ]
    if result.sd == 0 and result.mean_difference:
        notes.append("the difference does not vary over seeds: its interval has no width")
    harm_margin = outcome = None
    if margin is not None and kind.better != "neither":
        harm_margin = margin.harm(result.mean_reference)
        outcome = non_inferiority(result, harm_margin, kind.better)
        if outcome == "pass" and reference.observed[key].keys() - other.observed[key].keys():
            outcome = "inconclusive"
            notes.append("not a pass, as seeds that the reference has are missing")
    return Row(
        key=key,
        kind=kind,
        paired=result,
        direction="unclear",
        margin=margin,
        harm_margin=harm_margin,
        outcome=outcome,
        p_holm=result.p,
        p_harm=None if harm_margin is None else p_worse(result, harm_margin, kind.better),
        words="",
        notes=tuple(notes),
    )


def _judged(drafts: Sequence[Row], alpha: float) -> tuple[Row, ...]:
    """Correct the rows for how many they are, then say what each comes to."""
    directed = [row for row in drafts if row.kind.better != "neither"]
    differs = _adjusted({row.key: row.p_holm for row in directed})
    harms = _adjusted({row.key: row.p_harm for row in directed})
    rows = []
    for row in drafts:
        outcome, notes = row.outcome, list(row.notes)
        p_holm, p_harm = differs.get(row.key, row.p_holm), harms.get(row.key)
        if outcome == "fail" and (p_harm is None or p_harm >= alpha):
            outcome = "inconclusive"
            notes.append(f"beyond the margin on its own, but not among {counted(len(harms), 'KPI')} (Holm)")
        notes += [f"the t and the BCa interval disagree on {what}" for what in _at_odds(row)]
        if outcome == "inconclusive" and row.harm_margin is not None:
            notes += _advice(row.paired, row.harm_margin, row.kind.better)
        direction = "worse" if outcome == "fail" else _direction(row, p_holm, alpha)
        done = dataclasses.replace(
            row, outcome=outcome, direction=direction, p_holm=p_holm, p_harm=p_harm, notes=tuple(notes)
        )
        rows.append(dataclasses.replace(done, words=_words(done, of=len(differs))))
    return tuple(rows)


def _adjusted(p_values: Mapping[str, float | None]) -> dict[str, float]:
    known = {key: p for key, p in p_values.items() if p is not None}
    return dict(zip(known, holm(list(known.values())), strict=True))


def _at_odds(row: Row) -> Iterator[str]:
    """Yield what the t and the BCa interval disagree on."""
    result = row.paired
    if result.t is None or result.bca is None:
        return
    if result.t.holds(0) != result.bca.holds(0):
        yield "whether there is a difference"
    if row.harm_margin is not None:
        alone = (dataclasses.replace(result, bound_bca=None), dataclasses.replace(result, bound_t=None))
        if len({non_inferiority(one, row.harm_margin, row.kind.better) for one in alone}) > 1:
            yield "the margin"


def _direction(row: Row, p: float | None, alpha: float) -> Direction:
    result = row.paired
    if p is None:
        return "unclear"
    if result.sd == 0 and result.mean_difference == 0:
        return "same"
    if p >= alpha or (result.bca is not None and result.bca.holds(0)):
        return "unclear"
    up = result.mean_difference > 0
    if row.kind.better == "neither":
        return "higher" if up else "lower"
    return "better" if up == (row.kind.better == "higher") else "worse"


def _advice(result: Paired, margin: float, better: Better) -> Iterator[str]:
    """Yield how many seeds would settle an open KPI, if spread and difference stay as they are."""
    if result.sd is None or non_inferiority(result, margin, better) == "pass":
        return  # one seed tells no spread; a pass is withheld only for what is missing
    harm = max(0.0, mean_harm(result, better))  # to count on a gain would promise too much
    needed = pairs_needed(result.differences, margin, alpha=result.alpha, harm=harm)
    if needed is None or needed > MOST_SEEDS:
        yield f"more than {MOST_SEEDS:,} seeds would be needed to settle it"
    else:
        yield f"about {max(needed, result.n + 1):,} seeds would settle it, nine times in ten"


def _words(row: Row, *, of: int) -> str:
    """Return a row as a sentence, as "wait_s: 31 s shorter (95 % CI 22 to 40; 10 seeds), better"."""
    text = f"{row.key}: {told(row.paired, row.kind.unit)}"
    if row.paired.t is None or row.direction in {"same", "higher", "lower"}:
        return text
    judged: str = row.direction
    if row.direction == "unclear":
        alone = not row.paired.t.holds(0) and row.kind.better != "neither"
        at_odds = row.paired.bca is not None and row.paired.bca.holds(0)
        uncertain = "not certain" if at_odds else f"not certain among {counted(of, 'KPI')}"
        judged = uncertain if alone else "no clear difference"
    passes_on_gain = row.outcome == "pass" and mean_harm(row.paired, row.kind.better) < 0
    if row.harm_margin is None or row.direction == "better" or passes_on_gain:
        return f"{text}, {judged}"
    margin = f"the margin of {amount(row.harm_margin, row.kind.unit)}"
    if row.outcome == "fail":
        return f"{text}, worse by more than {margin}"
    if row.outcome == "pass":
        return f"{text}, {judged}, within {margin}"
    return f"{text}, {judged}; harm beyond {margin} is not ruled out"


def _overall(rows: Sequence[Row], *, complete: bool) -> Outcome:
    """Fail where one KPI fails; pass only where every one with a margin passes and none is lost."""
    outcomes = {row.outcome for row in rows if row.outcome is not None}
    if "fail" in outcomes:
        return "fail"
    return "pass" if outcomes == {"pass"} and complete else "inconclusive"


def _summary(
    sides: tuple[Variant, Variant], rows: Sequence[Row], outcome: Outcome, *, pairs: int, congested: Sequence[str]
) -> Iterator[str]:
    reference, other = sides
    yield f"{other.label} against {reference.label}, {counted(pairs, 'pair')} of runs on the same seeds."
    if pairs == 1:
        yield "One seed proves nothing: no difference is judged."
        return
    if congested:
        yield f"Congested: {listed(congested)}. Means near gridlock say little, however many seeds there are."
    for direction, head in (("better", "Better"), ("worse", "Worse")):
        found = [_changed(row) for row in rows if row.direction == direction]
        if found:
            yield f"{head}: {'; '.join(found)}."
    directed = [row for row in rows if row.kind.better != "neither"]
    open_ = [row for row in directed if row.direction == "unclear"]
    if open_:
        yield f"No clear difference in {len(open_)} of {counted(len(directed), 'KPI')}."
    yield _ruling(rows, outcome)


def _changed(row: Row) -> str:
    """Return a KPI with its difference, as "wait, 31 s shorter"."""
    return f"{lowered(title(row.key))}, {brief(row.paired, row.kind.unit)}"


def _ruling(rows: Sequence[Row], outcome: Outcome) -> str:
    """Return what the outcome rests on."""
    by_outcome = {one: [row.key for row in rows if row.outcome == one] for one in ("pass", "fail", "inconclusive")}
    judged = sum(map(len, by_outcome.values()))
    if not judged:
        return "Inconclusive: no KPI has a margin to be judged by."
    if outcome == "fail":
        return f"Fail: worse by more than the margin in {titles(by_outcome['fail'])}."
    if outcome == "pass":
        return f"Pass: harm beyond the margin is ruled out in {judged} of {counted(judged, 'KPI')}."
    if not by_outcome["inconclusive"]:
        return "Inconclusive: KPIs that the reference has are missing."
    return f"Inconclusive: harm beyond the margin is not ruled out in {titles(by_outcome['inconclusive'])}."


def _notes(sides: tuple[Variant, Variant], shared: frozenset[Pair], chosen: Sequence[str]) -> Iterator[str]:
    """Yield what limits the comparison as a whole."""
    if len(shared) == 1:
        yield f"only {seeds_in_words(shared)} is in both: no interval, no verdict"
    for here, there in (sides, sides[::-1]):
        if lacking := there.seeds - here.seeds:
            yield f"{here.label} has no run with {seeds_in_words(lacking)}, which {there.label} has: left out"
        if names := [key for key in chosen if key in here.observed and key not in there.observed]:
            yield f"only {here.label} has {titles(names)}"
    if names := [key for key in chosen if all(key in side.observed for side in sides) and not _comparable(*sides, key)]:
        yield f"no seed has a value in both of {titles(names)}"
    demands = {demand for demand, _ in shared}
    if nested(shared):
        yield f"runs on the same demand are one observation: {len(shared)} pairs of runs, {len(demands)} observations"
    elif len(demands) == 1 and len(shared) > 1:
        yield f"all runs have the demand of seed {min(demands)}: what is found holds for these people and goods"
    for side in sides:
        if reasons := side.congested():
            yield f"{side.label} is congested: {'; '.join(reasons)}"
