"""Contrasts: a variant against the reference as the page tells and draws it, by the judgement of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sim.report.experiment.forest import Difference
from sim.report.experiment.outcomes import verdict_of
from sim.report.experiment.study import measure_of
from sim.verdict import Judgement, Row


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
