"""Bays over time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.controllers.freight.appointments import DAY_S, Ledger, Slot
from sim.errors import ControllerError

STAYS = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200), st.sampled_from("abcd")), max_size=30)


@given(st.integers(1, 4), STAYS)
def test_never_more_bookings_at_once_than_bays(bays: int, stays: list[tuple[int, int, str]]) -> None:
    ledger, slots = Ledger(bays), []
    for from_s, duration_s, holder in stays:
        begin_s = ledger.earliest_s(from_s, duration_s)
        assert begin_s >= from_s
        slots.append(Slot(begin_s, begin_s + duration_s))
        ledger.book(holder, slots[-1])
    for at_s in {slot.begin_s for slot in slots}:
        assert sum(slot.begin_s <= at_s < slot.end_s for slot in slots) <= bays


@given(st.integers(1, 3), STAYS, st.integers(0, 500), st.integers(1, 200))
def test_no_earlier_begin_is_free(bays: int, stays: list[tuple[int, int, str]], from_s: int, duration_s: int) -> None:
    ledger = Ledger(bays)
    for begin_s, stay_s, holder in stays:
        free_s = ledger.earliest_s(begin_s, stay_s)
        ledger.book(holder, Slot(free_s, free_s + stay_s))
    found = ledger.earliest_s(from_s, duration_s)
    for begin_s in range(from_s, int(found)):
        with pytest.raises(ControllerError, match="no bay is free"):
            ledger.book("x", Slot(begin_s, begin_s + duration_s))


def test_a_bay_is_free_at_once_when_a_booking_ends() -> None:
    ledger = Ledger(1)
    ledger.book("a", Slot(100, 200))
    assert ledger.earliest_s(0, 100) == 0
    assert ledger.earliest_s(50, 100) == 200


def test_own_bookings_do_not_stand_in_the_way_and_can_be_released() -> None:
    ledger = Ledger(1)
    ledger.book("a", Slot(0, 300))
    assert ledger.earliest_s(10, 50, besides="a") == 10
    assert ledger.earliest_s(10, 50) == 300
    ledger.release("a")
    assert ledger.earliest_s(10, 50) == 10


def test_stays_keep_to_the_hours_of_each_day() -> None:
    ledger = Ledger(1, open_s=8 * 3600, close_s=18 * 3600)
    assert ledger.earliest_s(0, 600) == 8 * 3600
    assert ledger.earliest_s(9 * 3600, 600) == 9 * 3600
    assert ledger.earliest_s(18 * 3600 - 300, 600) == 8 * 3600 + DAY_S
    assert ledger.earliest_s(DAY_S + 9 * 3600, 600) == DAY_S + 9 * 3600
    assert ledger.earliest_s(0, 11 * 3600) == 8 * 3600


def test_hours_over_midnight() -> None:
    ledger = Ledger(1, open_s=20 * 3600, close_s=30 * 3600)
    assert ledger.earliest_s(3600, 600) == 3600
    assert ledger.earliest_s(10 * 3600, 600) == 20 * 3600


def test_a_site_without_bays_is_never_free() -> None:
    assert ledger_is_closed(Ledger(0))


def ledger_is_closed(ledger: Ledger) -> bool:
    return math.isinf(ledger.earliest_s(0, 1))
