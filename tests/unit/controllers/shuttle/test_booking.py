"""Booking rules by the clock."""

from __future__ import annotations

import pytest

from sim.controllers.shuttle.booking import keeps
from sim.scenario import BookingRules

H, DAY = 3600.0, 86_400.0


@pytest.mark.parametrize(
    ("rules", "submitted_s", "earliest_s", "kept"),
    [
        # real time: on the spot or ahead, as far as wanted
        (BookingRules(), 8 * H, 8 * H, True),
        (BookingRules(), -30 * DAY, 8 * H, True),
        (BookingRules(prior_notice_duration_max=60), 7 * H, 8 * H, True),
        (BookingRules(prior_notice_duration_max=60), 7 * H - 1, 8 * H, False),
        # notice on the day
        (BookingRules(booking_type=1, prior_notice_duration_min=30), 7.5 * H, 8 * H, True),
        (BookingRules(booking_type=1, prior_notice_duration_min=30), 7.5 * H + 1, 8 * H, False),
        (BookingRules(booking_type=1, prior_notice_duration_min=30), -DAY, 8 * H, True),
        (BookingRules(booking_type=1, prior_notice_duration_min=30, prior_notice_duration_max=90), 6 * H, 8 * H, False),
        # the day before, until 17:00
        (BookingRules(booking_type=2, prior_notice_last_time=17 * 3600), -7 * H, 8 * H, True),
        (BookingRules(booking_type=2, prior_notice_last_time=17 * 3600), -7 * H + 1, 8 * H, False),
        (BookingRules(booking_type=2, prior_notice_last_time=17 * 3600), -3 * DAY, 8 * H, True),
        # the day before, until midnight: not on the day itself
        (BookingRules(booking_type=2), -1.0, 8 * H, True),
        (BookingRules(booking_type=2), 0.0, 8 * H, False),
        (BookingRules(booking_type=2, prior_notice_last_time=26 * 3600), 1 * H, 8 * H, False),
        # a ride after midnight is one of the next day
        (BookingRules(booking_type=2), 20 * H, 25 * H, True),
        (BookingRules(booking_type=2), 24 * H, 25 * H, False),
    ],
)
def test_who_books_in_time_may_ride(rules: BookingRules, submitted_s: float, earliest_s: float, kept: bool) -> None:  # noqa: FBT001
    assert keeps(rules, submitted_s=submitted_s, earliest_s=earliest_s) is kept
