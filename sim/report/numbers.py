"""Numbers as the report writes them: as many decimals as their unit is worth, long times in minutes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NONE = "–"
ZERO = "±0"
_WHOLE = {
    "requests", "vehicles", "riders", "plans", "collisions", "KRW", "KRW/h", "orders", "violations", "conflicts",
    "encounters", "stock-outs", "gate",
}  # fmt: skip
_MOST_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class Scale:
    """How the numbers of one row are written: multiplied, with so many decimals and their unit."""

    unit: str
    factor: float = 1.0
    decimals: int = 0

    def number(self, value: float | None) -> str:
        """Write a value without its unit."""
        return NONE if value is None else _plain(f"{self.factor * value:,.{self.decimals}f}")

    def difference(self, value: float | None) -> str:
        """Write a difference with its sign."""
        if value is None:
            return NONE
        text = f"{self.factor * value:+,.{self.decimals}f}"
        return ZERO if float(text.replace(",", "")) == 0 else text.replace("-", "−")

    def text(self, value: float | None) -> str:
        """Write a value with its unit."""
        return NONE if value is None else f"{self.number(value)} {self.unit}"


def scale_of(unit: str, values: Sequence[float | None]) -> Scale:
    """Return one scale for all values of a row, so that they can be read against each other."""
    top = max((abs(value) for value in values if value is not None), default=0.0)
    if unit == "share":
        return Scale("%", 100, 1)
    if unit == "s":
        return Scale("min", 1 / 60, 1) if top >= 120 else Scale("s", 1, 1)
    if unit in _WHOLE:
        return Scale(unit)
    return Scale(unit, 1, 2 if top < 100 else 0)


def decimals_of(scale: Scale, half: float, *, digits: int) -> int:
    """Return the decimals that show so many digits of half an interval."""
    if half <= 0:
        return scale.decimals
    return min(max(digits - 1 - math.floor(math.log10(scale.factor * half)), 0), _MOST_DECIMALS)


def _plain(text: str) -> str:
    """Write zero without a sign and a minus as a minus."""
    return text.lstrip("-") if float(text.replace(",", "")) == 0 else text.replace("-", "−")
