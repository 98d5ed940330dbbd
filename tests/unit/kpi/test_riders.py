"""Riders who book ahead, travel in groups, withdraw or fail to come, and what is promised to them; all by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import events as ev
from sim.kpi.measure import Measurement, flat, measure_run
from sim.kpi.riders import Cause
from sim.scenario import Scenario
from tests.unit.kpi.build import (
    HORIZON_S,
    SLOW,
    alight,
    arrive,
    board,
    booked,
    broken,
    cancel,
    leave,
    offered,
    promise,
    publish,
    refuse,
    retire,
    scenario,
    start,
    walked,
    wish,
)  # fmt: skip


def taken(log: Iterable[ev.Event], of: Scenario | None = None) -> Measurement:
    measurement = Measurement(of or scenario(**SLOW))
    for event in sorted(log, key=lambda event: event.time_s):
        measurement.add(event)
    return measurement


def values(log: Iterable[ev.Event], of: Scenario | None = None) -> dict[str, float]:
    measurement = taken(log, of)
    assert measurement.violations(final=True) == []
    return flat(measurement.records(final=True))


def ride(
    request: ev.RequestSubmitted, pickup_s: float, dropoff_s: float, before: Sequence[ev.Event] = ()
) -> list[ev.Event]:
    """Return a ride from door to door in a vehicle of its own."""
    name, size = request.request_id, request.size
    return [
        start(f"v.{name}"), request, *before, board(name, pickup_s, f"v.{name}", 1000, size),
        alight(name, dropoff_s, f"v.{name}", 6000, 0), arrive(name, dropoff_s), retire(f"v.{name}", 6000),
    ]  # fmt: skip


def test_outcomes_of_a_booked_morning_by_hand() -> None:
    found = values(booked())
    expected = {
        "requests": 7, "requests_served": 2, "requests_rejected": 0, "requests_cancelled": 5, "requests_no_show": 1,
        "requests_gave_up": 1, "requests_unfinished": 0, "riders_served": 3, "offers_declined": 1,
        # who cancelled before the wish, and who never came, are no part of rates and waits
        "service_rate": 2 / 5, "rejection_rate": 0, "requests@booked": 3, "service_rate@booked": 1,
        "requests@wheelchair": 1, "riders_served@wheelchair": 2,
        # the pair waits longer than its class accepts
        "within_limits_rate": 1 / 5,
        # pair 195 s from when it has to leave, lone 400 s, late until it withdraws; the others to the end of the drain
        "wait_s": (195 + 400 + 40 + 4100 + 3400) / 5, "wait_s@booked": 195, "wait_served_s": (195 + 400) / 2,
        "access_walk_s": 65 / 2, "ride_s": (500 + 800) / 2, "total_travel_s": (760 + 1200) / 2,
        "wait_plus_ride_s": (760 - 65 + 1200) / 2,
    }  # fmt: skip
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_promises_of_a_booked_morning_by_hand() -> None:
    found = values(booked())
    expected = {
        # pair late, lone in time, weary never fetched; early, late and absent released the service from its promise
        "promise_kept_rate": 1 / 3, "promise_window_s": (100 + 595 + 295) / 3, "response_s": (0 + 5 + 5) / 3,
        "pickup_delay_vs_promise_s": 50, "dropoff_delay_vs_promise_s": 50, "dropoff_delay_vs_promise_s.max": 100,
        "booking_shift_s": 240, "booking_shift_s@booked": 240,
    }  # fmt: skip
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_groups_count_with_all_who_travel_where_riders_are_meant() -> None:
    found = values(booked())
    expected = {
        "vkm_by_load.0": 2, "vkm_by_load.1": 2, "vkm_by_load.2": 1, "vkm_by_load.3": 4,
        "pax_km": 2 * 5 + 6, "direct_pax_km": 2 * 4 + 4, "pax_km_per_vkm": 16 / 9, "shared_ride_rate": 1,
        # 1.5 h × 38,000 + 9 km × 250 + 2.5 kWh × 300 = 60,000 won for three riders
        "cost_per_served_rider_krw": 20_000, "rides_per_vehicle_revenue_hour": 2 / (900 / 3600),
    }  # fmt: skip
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_a_published_run_with_bookings_is_measured_again(tmp_path: Path) -> None:
    run = publish(tmp_path / "run", sorted(booked(), key=lambda one: one.time_s), document=SLOW)
    assert {key: value for key, value in flat(measure_run(run)).items() if key in values(booked())} == values(booked())


def test_a_group_alone_does_not_share() -> None:
    assert values(ride(wish("a", 0, size=3), 60, 90))["shared_ride_rate"] == 0


# --- the clock ----------------------------------------------------------------------------------------


def test_a_rider_who_booked_stays_at_home_until_the_promised_begin() -> None:
    promised = offered("a", 100, (1600, 1900), 3000)
    found = values(ride(wish("a", 1000, booked_s=100), 1700, 2000, [*promised, leave("a", 1600)]))
    assert (found["wait_s"], found["total_travel_s"], found["booking_shift_s"]) == (100, 400, 600)
    # the wait of who asks on the spot counts from the wish, whatever is promised
    on_the_spot = values(ride(wish("a", 1000), 1700, 2000, offered("a", 1000, (1600, 1900), 3000)))
    assert (on_the_spot["wait_s"], on_the_spot["total_travel_s"]) == (700, 1000)
    assert "booking_shift_s" not in on_the_spot


def test_without_a_promise_or_with_an_earlier_one_the_clock_starts_with_the_wish() -> None:
    request = wish("a", 1000, booked_s=100)
    assert values(ride(request, 1700, 2000))["wait_s"] == 700
    early = values(ride(request, 1100, 2000, offered("a", 100, (900, 1200), 3000)))
    assert (early["wait_s"], early["booking_shift_s"]) == (100, 0)


def test_who_leaves_before_it_is_time_waits_from_then() -> None:
    promised = offered("a", 100, (1600, 1900), 3000, access_walk_s=100)
    log = ride(wish("a", 1000, booked_s=100), 1700, 2000, [*promised, leave("a", 1450), walked("a", 1590)])
    found = values(log)
    assert (found["access_walk_s"], found["wait_s"], found["total_travel_s"]) == (140, 110, 550)


def test_the_limit_to_arrive_by_is_no_moved_booking_but_a_limit() -> None:
    for latest_s, within in ((2000, 1), (1999, 0)):
        request = wish("a", 1000, booked_s=100, latest_s=latest_s)
        found = values(ride(request, 1700, 2000, offered("a", 100, (1600, 1900), 3000)))
        assert found["within_limits_rate"] == within
        assert "booking_shift_s" not in found


@given(
    shift_s=st.floats(-300, 900), walk_s=st.floats(0, 200), slower=st.floats(0.5, 2), early_s=st.floats(-60, 60),
    wait_s=st.floats(0, 900),
)  # fmt: skip
def test_the_parts_of_a_booked_journey_add_up(
    shift_s: float, walk_s: float, slower: float, early_s: float, wait_s: float
) -> None:
    wish_s = 2000.0
    begin_s = wish_s + shift_s
    left_s = max(wish_s, begin_s - walk_s - early_s)
    at_stop_s = left_s + slower * walk_s
    promised = offered("a", 0, (begin_s, begin_s + 5000), 20_000, access_walk_s=walk_s)
    on_foot = [walked("a", at_stop_s)] if at_stop_s > left_s else []
    log = ride(wish("a", wish_s, booked_s=0), at_stop_s + wait_s, 5000, [*promised, leave("a", left_s), *on_foot])
    found = values(log)
    parts = sum(found[code] for code in ("access_walk_s", "wait_s", "ride_s", "egress_walk_s"))
    assert parts == pytest.approx(found["total_travel_s"])
    assert found["wait_s"] >= wait_s - 1e-6


# --- who does not travel ------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", Cause)
def test_each_cancellation_is_an_outcome_of_its_own(cause: Cause) -> None:
    found = values([wish("a", 0), cancel("a", 60, cause), wish("b", 0), refuse("b", 60)])
    assert (found["requests"], found["requests_cancelled"], found["requests_rejected"]) == (2, 1, 1)
    assert found["requests_no_show"] == (cause is Cause.NO_SHOW)
    assert found["requests_gave_up"] == (cause is Cause.GAVE_UP)
    assert found["rejection_rate"] == (1 if cause is Cause.NO_SHOW else 0.5)


@given(fetched_s=st.floats(10, 2000), cancels_s=st.floats(10, 2000))
def test_no_service_shortens_waits_by_being_later_than_a_rider_has_patience(fetched_s: float, cancels_s: float) -> None:
    """A rider who withdraws at a given time never waits less for a service that comes later."""

    def wait_s(pickup_s: float) -> float:
        log = ride(wish("a", 0), pickup_s, pickup_s + 60) if pickup_s < cancels_s else [
            wish("a", 0), cancel("a", cancels_s)
        ]  # fmt: skip
        return values(log)["wait_s"]

    assert wait_s(fetched_s) <= wait_s(fetched_s + 100)


def test_who_gives_up_waits_to_the_end_of_the_drain() -> None:
    assert values([wish("a", 0), cancel("a", 60, "gave_up")])["wait_s"] == HORIZON_S
    assert values([wish("a", 0), cancel("a", 60, "by_rider")])["wait_s"] == 60
    assert "wait_s" not in values([wish("a", 0), cancel("a", 60, "no_show")])


def test_who_withdraws_with_the_wish_was_never_there() -> None:
    """A service that takes no cancellations learns of them then."""
    assert "wait_s" not in values([wish("a", 100), cancel("a", 100)])
    assert values([wish("a", 100), cancel("a", 101)])["wait_s"] == 1


def test_a_morning_on_which_all_stay_away_has_no_rates() -> None:
    found = values([wish("a", 100, booked_s=0), cancel("a", 50)])
    assert (found["requests"], found["requests_cancelled"]) == (1, 1)
    assert not {"service_rate", "wait_s", "within_limits_rate"} & found.keys()


@pytest.mark.parametrize(
    ("cause", "time_s", "kept"),
    [("by_rider", 1400, None), ("by_rider", 1401, 0), ("no_show", 1500, None), ("gave_up", 1400, 0)],
)
def test_a_promise_binds_until_the_rider_goes(cause: str, time_s: float, kept: float | None) -> None:
    found = values([wish("a", 1000), *offered("a", 1000, (1000, 1400), 3000), cancel("a", time_s, cause)])
    assert found.get("promise_kept_rate") == kept


# --- what must hold -----------------------------------------------------------------------------------

LATE = ride(wish("a", 1000), 1500, 2100, offered("a", 1000, (1000, 1400), 2000))
TOLD = [broken("a", 1500, "pickup", 100), broken("a", 2100, "dropoff", 100)]


def test_broken_promises_that_agree_with_the_rides_are_no_breach() -> None:
    assert taken([*LATE, *TOLD]).violations(final=True) == []
    assert values([*LATE, *TOLD])["promise_kept_rate"] == 0


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ([*LATE, TOLD[0]], "request a has its dropoff 100.0 s late, and no broken promise says so"),
        (
            [*LATE, TOLD[0], broken("a", 2100, "dropoff", 50)],
            "request a has its dropoff 100.0 s late by its ride, 50.0 s by the broken promise",
        ),
        ([*LATE, *TOLD, TOLD[0]], "request a has 2 broken promises of the pickup"),
        (
            [*ride(wish("a", 0), 60, 90, offered("a", 0, (0, 300), 300)), broken("a", 60, "pickup", 9)],
            "request a has its pickup 0.0 s late by its ride, 9.0 s by the broken promise",
        ),
        (
            [*ride(wish("a", 0), 60, 90), broken("a", 60, "pickup", 9)],
            "request a was promised nothing, but a promise to it was broken",
        ),
        ([cancel("a", 5)], "cancelled of request a, which was never submitted"),
        (
            [wish("a", 0), cancel("a", 5, "bored")],
            "request a is cancelled with the cause 'bored'; allowed are by_rider, offer_declined, no_show, gave_up",
        ),
        ([wish("a", 0), cancel("a", 5), refuse("a", 6)], "request a has 2 outcomes: cancelled, rejected"),
    ],
)
def test_breaches_are_found(log: list[ev.Event], message: str) -> None:
    assert message in taken(log).violations(final=True)


def test_a_step_of_lateness_may_be_told_or_not_and_promises_without_an_offer_have_no_report() -> None:
    on_the_dot = ride(wish("a", 1000), 1401, 1900, offered("a", 1000, (1000, 1400), 2000))
    assert taken(on_the_dot).violations(final=True) == []
    assert taken([*on_the_dot, broken("a", 1401, "pickup", 1)]).violations(final=True) == []
    assert len(taken([*on_the_dot, broken("a", 1401, "pickup", 2)]).violations(final=True)) == 1
    unreported = ride(wish("a", 1000), 1500, 1900, [promise("a", 1000, 1400, 2000)])
    assert taken(unreported).violations(final=True) == []


@given(lates_s=st.lists(st.tuples(st.floats(-200, 200), st.floats(-200, 200)), min_size=1, max_size=8))
def test_the_rate_of_kept_promises_is_that_of_requests_without_a_broken_one(lates_s: list[tuple[float, float]]) -> None:
    log: list[ev.Event] = []
    for number, (pickup_late_s, dropoff_late_s) in enumerate(lates_s):
        name = f"r{number}"
        log += ride(
            wish(name, 1000), 1400 + pickup_late_s, 2000 + dropoff_late_s,
            offered(name, 1000, (1000, 1400), 2000),
        )  # fmt: skip
        parts = (("pickup", pickup_late_s, 1400), ("dropoff", dropoff_late_s, 2000))
        log += [broken(name, at_s + late_s, part, late_s) for part, late_s, at_s in parts if late_s > 1]
    told = {event.request_id for event in log if isinstance(event, ev.PromiseBroken)}
    assert values(log)["promise_kept_rate"] == pytest.approx(1 - len(told) / len(lates_s))
