"""Which requests are refused before any plan is looked at."""

from __future__ import annotations

from collections.abc import Sequence

from sim.controllers.shuttle import booking
from sim.scenario import RequestLimits
from sim.world import Load, Request

TOO_LARGE = "group_larger_than_vehicle"
NO_CLASS = "unknown_service_class"
OUTSIDE_RULES = "booking_rules"
PAST = "window_in_the_past"
TOO_TIGHT = "latest_arrival_unreachable"


def ruled_out(request: Request, limits: RequestLimits, room: Sequence[Load], *, now_s: float) -> str | None:
    """Return the cause that rules a request out at first sight, None if there is none.

    `room` is what each vehicle on duty, and each whose duty has yet to begin, can carry.
    `TOO_TIGHT` is not looked at here, for that takes travel times.
    """
    if room and not any(request.load.fits(one) for one in room):
        return TOO_LARGE
    if request.service_class and request.service_class not in limits.classes:
        return NO_CLASS
    if not booking.keeps(limits.booking_rules, submitted_s=request.submitted_s, earliest_s=request.earliest_s):
        return OUTSIDE_RULES
    last_s = request.earliest_s + limits.of(request.service_class).max_wait_s
    if request.arrive_by and request.latest_arrival_s is not None:
        last_s = min(last_s, request.latest_arrival_s)
    return PAST if last_s < now_s else None
