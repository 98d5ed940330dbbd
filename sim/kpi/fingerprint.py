"""Where two event logs part: the first time step that differs, and how."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from sim.events import Event, dump


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first time step in which two logs differ, with the lines that only one of them has."""

    time_s: float
    only_a: tuple[str, ...]
    only_b: tuple[str, ...]


def first_divergence(a: Iterable[Event], b: Iterable[Event]) -> Divergence | None:
    """Return where two logs part, or None if they are equal; free of the order within one step."""
    steps_a, steps_b = _steps(a), _steps(b)
    for time_s in sorted(steps_a.keys() | steps_b.keys()):
        lines_a, lines_b = steps_a[time_s], steps_b[time_s]
        if lines_a != lines_b:
            only_a, only_b = lines_a - lines_b, lines_b - lines_a
            return Divergence(time_s, tuple(sorted(only_a.elements())), tuple(sorted(only_b.elements())))
    return None


def _steps(events: Iterable[Event]) -> defaultdict[float, Counter[str]]:
    steps: defaultdict[float, Counter[str]] = defaultdict(Counter)
    for one in events:
        steps[round(one.time_s, 3)][dump(one)] += 1
    return steps
