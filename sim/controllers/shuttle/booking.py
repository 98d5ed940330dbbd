"""Booking rules, in the words of GTFS-Flex: who books outside of them is refused."""

from __future__ import annotations

from sim.scenario import BookingRules

DAY_S = 86_400
REAL_TIME, SAME_DAY, PRIOR_DAY = 0, 1, 2


def keeps(rules: BookingRules, *, submitted_s: float, earliest_s: float) -> bool:
    """Whether a ride wished for at `earliest_s` may be booked at `submitted_s`.

    Both count from midnight of the run's day, so that a booking of a day before is negative. Notice is met to the
    second; a clock time of the day before ends with that day at the latest.
    """
    notice_s = earliest_s - submitted_s
    most = rules.prior_notice_duration_max
    if most is not None and notice_s > 60 * most:
        return False
    if rules.booking_type == SAME_DAY:
        return notice_s >= 60 * rules.prior_notice_duration_min
    if rules.booking_type == PRIOR_DAY:
        midnight_s = earliest_s // DAY_S * DAY_S
        return submitted_s < midnight_s and submitted_s <= midnight_s - DAY_S + rules.prior_notice_last_time
    return True
