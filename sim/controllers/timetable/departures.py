"""When trips leave: even loads, after Ceder's timetables with even average loads.

A. Ceder, Public Transit Planning and Operation (2007), chapter 4: departures follow the cumulated demand so
that each trip carries about the same load, and a policy headway bounds the wait where demand is thin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sim.controllers.timetable.patterns import Pattern

TIMETABLE_S = 60
"""Timetables are printed in minutes."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One run of a pattern; `departure_s` is that at its first stop."""

    pattern: Pattern
    departure_s: float

    @property
    def end_s(self) -> float:
        """Return when the last call ends."""
        return self.departure_s + self.pattern.run_s


class Expected(NamedTuple):
    """An expected rider, as departures at the first stop: the first usable, the last in time for work."""

    ready_s: float
    latest_s: float


def even_load_departures(
    expected: Sequence[Expected], *, load: float, policy_headway_s: float, earliest_s: float, slack_s: float
) -> list[float]:
    """Return departures that each take up about `load` expected riders, in whole minutes.

    A trip leaves as soon as its riders can all be there. It takes fewer when the first of them would wait
    longer than the policy headway, or one would come too late for work. `slack_s` loosens both bounds where
    the fleet is too small to keep them.
    """
    departures: list[float] = []
    quota, limit_s, leaves_s = load, math.inf, -math.inf
    for count, rider in enumerate(sorted(expected)):
        ready_s = max(rider.ready_s, earliest_s)
        full = count >= quota
        if math.isfinite(leaves_s) and (full or ready_s > limit_s):
            departures.append(_whole(leaves_s))
            quota = (quota if full else count) + load
            limit_s = math.inf
        if not math.isfinite(limit_s):
            limit_s = ready_s + policy_headway_s + slack_s
        if rider.latest_s >= ready_s:
            limit_s = min(limit_s, rider.latest_s + slack_s)
        leaves_s = ready_s
    if expected:
        departures.append(_whole(leaves_s))
    return sorted(set(departures))


def _whole(time_s: float) -> float:
    return float(math.ceil(time_s / TIMETABLE_S) * TIMETABLE_S)
