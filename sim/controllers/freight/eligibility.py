"""When a fleet may drive."""

from __future__ import annotations

import math

from sim.freight import FleetTraits


def window_end_s(fleet: FleetTraits, at_s: float) -> float:
    """Return until when a fleet may drive that drives now; minus infinity where it may not."""
    if not fleet.duty_begin_s <= at_s < fleet.duty_end_s:
        return -math.inf
    end_s = at_s
    for window in sorted(fleet.windows, key=lambda one: one.begin_s):  # a night is two windows that touch
        if window.begin_s <= end_s:
            end_s = max(end_s, window.end_s)
    return min(end_s, fleet.duty_end_s) if end_s > at_s else -math.inf


def is_forbidden(fleet: FleetTraits, from_s: float, duration_s: float) -> bool:
    """Whether no window is left for what lasts so long, and permits forbid to begin what they would not see ended."""
    fits = any(max(from_s, one.begin_s) + duration_s <= one.end_s for one in fleet.windows)
    return fleet.outside == "forbid" and not fits


def next_start_s(fleet: FleetTraits, from_s: float, duration_s: float) -> float:
    """Return when a mission of this length may begin that must be over by the end of a window; infinite if never."""
    starts = [max(from_s, fleet.duty_begin_s), *(one.begin_s for one in fleet.windows if one.begin_s > from_s)]
    fitting = [at_s for at_s in starts if at_s + duration_s <= window_end_s(fleet, at_s)]
    return min(fitting, default=math.inf)
