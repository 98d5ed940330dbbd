"""Bays of a site over time: who has booked one, and when one is free for how long."""

from __future__ import annotations

import math
from typing import NamedTuple

from sim.errors import ControllerError

DAY_S = 86_400.0
TOUCH_S = 1e-6
"""Bookings may touch: the bay is free in the moment in which one ends."""


class Slot(NamedTuple):
    """A time in a bay, [begin_s, end_s)."""

    begin_s: float
    end_s: float


class Ledger:
    """The bookings of a site's bays; never more at once than there are bays.

    Bays are alike, so that a number of bookings that overlap is all there is to know: intervals of which never more
    than k overlap can always be given to k bays. `open_s` and `close_s` are the hours of each day.
    """

    def __init__(self, bays: int, *, open_s: float = 0.0, close_s: float = 2 * DAY_S) -> None:
        self.bays = bays
        self._open_s, self._close_s = open_s, close_s
        self._slots: dict[str, list[Slot]] = {}

    def earliest_s(self, from_s: float, duration_s: float, *, besides: str = "") -> float:
        """Return the earliest begin from `from_s` on with a bay free for so long; bookings of `besides` do not count.

        Infinite without bays.
        """
        if self.bays <= 0:
            return math.inf
        taken = [slot for holder, slots in self._slots.items() if holder != besides for slot in slots]
        begin_s = self._in_hours(from_s, duration_s)
        while True:
            met = [slot for slot in taken if _overlap(slot, begin_s, begin_s + duration_s)]
            if len(met) < self.bays or _most_at_once(met, begin_s) < self.bays:
                return begin_s
            begin_s = self._in_hours(min(slot.end_s for slot in met), duration_s)

    def book(self, holder: str, slot: Slot) -> None:
        """Book a bay.

        Raises
        ------
        ControllerError
            No bay is free then.
        """
        met = [one for slots in self._slots.values() for one in slots if _overlap(one, *slot)]
        if len(met) >= self.bays and _most_at_once(met, slot.begin_s) >= self.bays:
            begin, end = (f"{second:.0f} s" for second in slot)
            msg = f"no bay is free for {holder!r} from {begin} to {end}; the site has {self.bays}"
            raise ControllerError(msg)
        self._slots.setdefault(holder, []).append(slot)

    def release(self, holder: str) -> None:
        """Take back all that somebody has booked."""
        self._slots.pop(holder, None)

    def _in_hours(self, from_s: float, duration_s: float) -> float:
        """Return when a stay of this length may begin; one longer than the hours begins with them."""
        if self._close_s - self._open_s >= DAY_S:
            return from_s
        day = math.floor((from_s - self._open_s) / DAY_S) * DAY_S
        last_s = max(self._open_s, self._close_s - duration_s) + day
        return max(from_s, self._open_s + day) if from_s <= last_s else self._open_s + day + DAY_S


def _overlap(slot: Slot, begin_s: float, end_s: float) -> bool:
    return slot.begin_s < end_s - TOUCH_S and begin_s < slot.end_s - TOUCH_S


def _most_at_once(slots: list[Slot], from_s: float) -> int:
    """Return how many bookings overlap at most, looking from `from_s` on: at it, and wherever one begins."""
    moments = {max(from_s, slot.begin_s) for slot in slots}
    return max((sum(s.begin_s <= at + TOUCH_S < s.end_s for s in slots) for at in moments), default=0)
