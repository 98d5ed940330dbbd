from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sim.controllers.base import RideLeg, WalkLeg
from sim.controllers.timetable.controller import Timetable, TimetableParameters
from sim.controllers.timetable.departures import Trip
from sim.controllers.timetable.journeys import Departures, Journey, Option, Seats, idle_calls, plan_journeys
from sim.controllers.timetable.patterns import Pattern
from sim.demand.population import Rider
from sim.network.walking import Place

LINE = Pattern(
    line="1",
    stops=("a", "b", "c", "d"),
    boarding=3,
    places=tuple(Place(edge, 0.0) for edge in "abcd"),
    offsets_s=(0.0, 100.0, 200.0, 300.0),
    edges=("a", "b", "c", "d"),
    policy_headway_s=600,
)


def rider(number: int, wish_s: float, *, latest_s: float | None = None) -> Rider:
    return Rider(
        person_id=f"p{number:03d}", request_id=f"r{number:03d}", purpose="commute", origin_edge="a",
        origin_pos_m=0.0, destination_edge="d", destination_pos_m=0.0, earliest_s=wish_s,
        latest_arrival_s=latest_s, shift_start_s=latest_s, direct_ride_s=200.0, direct_distance_m=2000.0,
        zone="", site="", scopes=(),
    )  # fmt: skip


def option(board: int, alight: int, *, access_s: float = 0.0, egress_s: float = 0.0) -> Option:
    return Option(LINE, board, alight, access_s, egress_s)


def plan(
    wishes_s: list[float], options: list[tuple[Option, ...]], departures_s: list[float], *, seats: int = 12
) -> tuple[Journey, ...]:
    riders = [rider(number, wish_s) for number, wish_s in enumerate(wishes_s)]
    trips = Departures([Trip(LINE, departure_s) for departure_s in departures_s], 60.0, 100_000.0)
    return plan_journeys(riders, options, trips, Seats(seats))


def test_a_rider_takes_the_first_trip_that_walk_and_margin_allow() -> None:
    (journey,) = plan([1000.0], [(option(0, 3, access_s=200, egress_s=50),)], [1000.0, 1259.0, 1260.0, 2000.0])
    assert journey.plan.depart_s == 1000.0
    assert journey.arrival_s == 1260 + 300 + 50
    assert journey.plan.legs == (WalkLeg("a"), RideLeg("1", "d"), WalkLeg())


def test_among_equal_arrivals_the_rider_leaves_home_last() -> None:
    far, near = option(0, 3, access_s=10), option(1, 3, access_s=20)
    (journey,) = plan([0.0], [(far, near)], [1000.0])
    assert journey.plan.legs[0] == WalkLeg("b")
    assert journey.plan.depart_s == 1000 + 100 - 20 - 60


def test_a_full_trip_is_left_to_those_who_wished_first() -> None:
    journeys = plan([3.0, 1.0, 2.0], [(option(0, 3),)] * 3, [1000.0, 2000.0], seats=2)
    assert [journey.arrival_s for journey in journeys] == [2300.0, 1300.0, 1300.0]


def test_a_seat_is_free_again_where_its_rider_alights() -> None:
    journeys = plan([1.0, 2.0, 3.0], [(option(0, 1),), (option(1, 3),), (option(0, 3),)], [1000.0, 2000.0], seats=1)
    assert [journey.arrival_s for journey in journeys] == [1100.0, 1300.0, 2300.0]


def test_a_group_travels_together_or_takes_the_next_trip() -> None:
    riders = [replace(rider(0, 1.0), size=2), replace(rider(1, 2.0), size=2), rider(2, 3.0)]
    trips = Departures([Trip(LINE, 1000.0), Trip(LINE, 2000.0)], 60.0, 100_000.0)
    journeys = plan_journeys(riders, [(option(0, 3),)] * 3, trips, Seats(3))
    assert [journey.arrival_s for journey in journeys] == [1300.0, 2300.0, 1300.0]


def test_the_operator_expects_all_who_travel_in_a_group() -> None:
    riders = [replace(rider(0, 1.0), size=2), rider(1, 2.0), replace(rider(2, 3.0), size=4)]
    expected = Timetable(TimetableParameters())._expected(riders, [(option(0, 3),), (option(0, 3),), ()])
    assert [len(people) for people in expected.values()] == [3]


def test_each_refusal_has_its_cause() -> None:
    journeys = plan([1.0, 2.0, 3.0, 5000.0], [(option(0, 3),), (option(0, 3),), (), (option(0, 3),)], [1000.0], seats=1)
    assert [journey.plan.refused for journey in journeys] == [
        None,
        "no_seat",
        "no_stop_within_walk",
        "no_departure_in_time",
    ]
    assert [math.isinf(journey.arrival_s) for journey in journeys] == [False, True, True, True]


@given(
    rides=st.lists(
        st.tuples(st.floats(0, 3000), st.integers(0, 2), st.integers(1, 3)).filter(lambda ride: ride[1] < ride[2]),
        max_size=40,
    ),
    seats=st.integers(1, 5),
)
def test_no_segment_of_a_trip_carries_more_than_its_seats(rides: list[tuple[float, int, int]], seats: int) -> None:
    departures_s = [1000.0, 2000.0, 3000.0]
    journeys = plan([wish for wish, _, _ in rides], [(option(a, b),) for _, a, b in rides], departures_s, seats=seats)
    load: Counter[tuple[float, int]] = Counter()
    for (wish_s, board, alight), journey in zip(rides, journeys, strict=True):
        if journey.plan.refused is None:
            assert journey.plan.depart_s >= int(wish_s)
            load.update((journey.arrival_s - LINE.offsets_s[alight], segment) for segment in range(board, alight))
    assert not load or max(load.values()) <= seats
    assert {departure_s for departure_s, _ in load} <= set(departures_s)


def test_a_stop_for_few_is_passed_unless_it_is_the_last_within_a_walk() -> None:
    many = (option(0, 3, access_s=10), option(1, 3, access_s=200))
    few = (option(1, 3, access_s=10), option(0, 3, access_s=300))
    only = (option(2, 3, access_s=10),)
    riders = [rider(number, 0.0) for number in range(40)]
    options = [many] * 38 + [few, only]
    assert idle_calls(riders, options, share=0.05, margin_s=60) == {"1": {"b"}}
    assert idle_calls(riders, options, share=0.0, margin_s=60) == {"1": set()}
