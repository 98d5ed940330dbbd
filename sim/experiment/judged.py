"""A judgement as a table of the terminal: the mean of each side, their difference with its interval, the verdict."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from sim.report.experiment.outcomes import WORDS, verdict_of
from sim.report.numbers import NONE, ZERO, Scale, decimals_of, scale_of
from sim.verdict import Judgement, Row
from sim.wording import title

_STYLES = {"better": "green", "worse": "red", "fails": "red", "slightly worse": "red"}
_TITLE = 34  # letters that leave room for all columns in 120


def render_judgement(judgement: Judgement, warnings: Sequence[str], *, console: Console) -> None:
    """Print a judgement: a line for each KPI, what it comes to, and what is to be known with it."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    grid.add_column("KPI", max_width=_TITLE, overflow="fold")
    grid.add_column("unit", no_wrap=True)
    for head in ("A", "B", "B − A"):
        grid.add_column(head, justify="right", no_wrap=True)
    grid.add_column("95 % CI", no_wrap=True)
    grid.add_column("margin", justify="right", no_wrap=True)
    grid.add_column("verdict", no_wrap=True)
    for row in judgement.rows:
        verdict = verdict_of(row)
        grid.add_row(title(row.key), *_figures(row), WORDS[verdict], style=_STYLES.get(verdict, ""))
    for line in (f"A: {judgement.reference}", f"B: {judgement.other}"):
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    console.print(grid, highlight=False)
    for line in (*judgement.summary, *judgement.notes, *warnings):
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _figures(row: Row) -> tuple[str, ...]:
    """Return unit, both means, their difference, its interval and the harm that is accepted."""
    found, scale = row.paired, scale_for(row)
    interval = NONE
    if found.t is not None:
        interval = " to ".join(scale.difference(end).replace(ZERO, "0") for end in (found.t.low, found.t.high))
    return (
        scale.unit,
        scale.number(found.mean_reference),
        scale.number(found.mean_other),
        scale.difference(found.mean_difference),
        interval,
        scale.number(row.harm_margin),
    )


def scale_for(row: Row) -> Scale:
    """Return the scale of a row: with the digits that its difference and its interval need."""
    found = row.paired
    scale = scale_of(row.kind.unit, [found.mean_reference, found.mean_other])
    half = (found.t.high - found.t.low) / 2 if found.t is not None else 0.0
    needed = [
        decimals_of(scale, size, digits=digits) for size, digits in ((half, 2), (abs(found.mean_difference), 1)) if size
    ]
    if any(abs(mean) < 10 and mean % 1 for mean in (found.mean_reference, found.mean_other)):
        needed.append(1)  # a mean of few, as 0.4 orders, is no whole number
    return dataclasses.replace(scale, decimals=max(needed)) if needed else scale
