"""The one word that a KPI's judgement comes to."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

from sim.verdict import Row

Verdict = Literal["better", "no worse", "slightly worse", "worse", "fails", "open", "differs", "not judged"]

WORDS: MappingProxyType[Verdict, str] = MappingProxyType({  # sign and word do without colour
    "better": "✓ better",
    "no worse": "= no worse",
    "slightly worse": "✗ worse, in margin",
    "worse": "✗ worse",
    "fails": "✗✗ beyond margin",
    "open": "? open",
    "differs": "≠ differs",
    "not judged": "– no verdict",
})  # fmt: skip
_WORSE: dict[str, Verdict] = {"fail": "fails", "pass": "slightly worse"}


def verdict_of(row: Row) -> Verdict:
    """Return the one word for a row that its direction and its outcome against the margin come to."""
    if row.kind.better == "neither":
        return "differs" if row.direction in {"higher", "lower"} else "not judged"
    if row.direction == "better":
        return "better"
    if row.direction == "worse":
        return _WORSE.get(row.outcome or "", "worse")
    return "no worse" if row.outcome == "pass" or row.direction == "same" else "open"
