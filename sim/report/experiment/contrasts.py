"""Contrasts: a variant against the reference as the page tells and draws it, by the judgement of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.report.experiment.forest import Difference, Verdict
from sim.report.experiment.study import measure_of
from sim.verdict import Judgement, Row

_WORSE: dict[str, Verdict] = {"fail": "fails", "pass": "slightly worse"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A variant against the reference: what is said of it, and a row for each KPI."""

    variant: str
    reference: str
    sentences: Sequence[str] = ()
    differences: Sequence[Difference] = ()

    @classmethod
    def of(cls, judgement: Judgement) -> Contrast:
        """Return a judgement as the page shows it."""
        return cls(
            variant=judgement.other,
            reference=judgement.reference,
            sentences=(*judgement.summary, *judgement.notes),
            differences=tuple(difference_of(row) for row in judgement.rows),
        )


def difference_of(row: Row) -> Difference:
    """Return a row of a judgement as the forest plot draws it, with the t interval."""
    kind, found = row.kind, row.paired
    measure = measure_of(row.key, kind.code, kind.stat, kind.scope, kind.unit)
    return Difference(
        key=row.key, title=measure.title, unit=kind.unit, better=kind.better, reference=found.mean_reference,
        mean=found.mean_difference, low=found.t.low if found.t else None, high=found.t.high if found.t else None,
        verdict=verdict_of(row), margin=row.harm_margin,
    )  # fmt: skip


def verdict_of(row: Row) -> Verdict:
    """Return the one word for a row that its direction and its outcome against the margin come to."""
    if row.kind.better == "neither":
        return "differs" if row.direction in {"higher", "lower"} else "not judged"
    if row.direction == "better":
        return "better"
    if row.direction == "worse":
        return _WORSE.get(row.outcome or "", "worse")
    return "no worse" if row.outcome == "pass" or row.direction == "same" else "open"
