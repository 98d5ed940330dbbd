"""Why no vehicle can take a request."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim.dispatch.insertion import Planner
from sim.dispatch.problem import BY_STOP, NOWHERE, Batteries, Problem, Requests, Vehicles, Weights
from sim.dispatch.refusal import Cause, why_none
from tests.unit.dispatch.oracle import random_problem

seeds = st.integers(0, 2**32 - 1)
FREE = 1e6


def line(vehicles: int = 1, **columns: float) -> tuple[Problem, list[list[int]]]:
    """Return vehicles at 0 on a line of 10 s pieces, each with a rider on board to 8, and a request from 2 to 4.

    `columns` set what belongs to the request, or to a vehicle or its rider with the prefix `fleet_` or `rider_`.
    """
    ways = 10.0 * np.abs(np.subtract.outer(np.arange(10), np.arange(10)))
    count = vehicles + 1
    requests = Requests(
        node=np.array([0, 8] * vehicles + [2, 4]),
        service_s=np.zeros(2 * count),
        earliest_s=np.zeros(2 * count),
        latest_s=np.full(2 * count, FREE),
        due_s=np.full(2 * count, FREE),
        load=np.ones((count, 1), np.int64),
        riders=np.ones(count),
        max_ride_s=np.full(count, FREE),
        boarded_s=np.array([0.0] * vehicles + [np.nan]),
        vehicle=np.array([*range(vehicles), -1]),
        penalty=np.full(count, FREE),
    )
    fleet = Vehicles(
        node=np.zeros(vehicles, np.int64),
        ready_s=np.zeros(vehicles),
        capacity=np.full((vehicles, 1), int(columns.pop("seats", 4))),
        load=np.ones((vehicles, 1), np.int64),
        end_node=np.full(vehicles, NOWHERE),
        latest_end_s=np.full(vehicles, columns.pop("fleet_latest_end_s", np.inf)),
        max_duration_s=np.full(vehicles, columns.pop("fleet_max_duration_s", np.inf)),
        locked=np.zeros(vehicles, np.int64),
    )
    if columns.pop("cut_off", 0):
        ways[:, 2] = np.inf
    if columns.pop("no_way", 0):
        ways[2, 4:] = np.inf
    requests.latest_s[-2:] = columns.pop("pickup_s", FREE), columns.pop("dropoff_s", FREE)
    requests.max_ride_s[-1] = columns.pop("ride_s", FREE)
    requests.latest_s[1:-2:2] = columns.pop("rider_latest_s", FREE)
    requests.max_ride_s[:-1] = columns.pop("rider_ride_s", FREE)
    assert not columns
    plans = [[2 * v + 1] for v in range(vehicles)]
    return Problem(ways, ways, requests, fleet, Weights(1.0, 1.0, 1.0), hold=False), plans


@pytest.mark.parametrize(
    ("limits", "cause"),
    [
        ({"cut_off": 1}, Cause.UNREACHABLE),
        ({"no_way": 1}, Cause.UNREACHABLE),
        ({"pickup_s": 19}, Cause.LATE),
        ({"pickup_s": 79, "seats": 1}, Cause.FULL),
        ({"ride_s": 19}, Cause.DETOUR),
        ({"dropoff_s": 39}, Cause.ARRIVAL),
        ({"fleet_latest_end_s": 79}, Cause.DUTY),
        ({"fleet_max_duration_s": 79}, Cause.DUTY),
    ],
)
def test_each_limit_is_named_when_it_alone_stands_in_the_way(limits: dict[str, float], cause: Cause) -> None:
    problem, plans = line(1, **limits)
    if cause is Cause.DUTY:  # the rider who is on board alights on the way, or the vehicle would have no plan at all
        problem.requests.node[1] = 3
        problem.requests.node[-1] = 8 if limits.get("fleet_latest_end_s") else 9
    assert Planner(problem, plans).best(1) is None
    assert why_none(problem, plans, 1) is cause


def test_a_charge_that_does_not_last_is_named() -> None:
    problem, plans = line()
    problem.requests.node[-1] = 9  # 80 m with the rider on board, one piece more with the request, and one to a charger
    for range_m, cause in ((99.0, Cause.CHARGE), (100.0, None)):
        charges = Batteries(problem.travel_s, np.full(10, 10.0), np.array([range_m]), np.zeros(2))
        charged = problem._replace(batteries=charges)
        assert (Planner(charged, plans).best(1) is None) == (cause is not None)
        if cause is not None:
            assert why_none(charged, plans, 1) is cause


def test_who_is_on_board_already_may_stand_in_the_way() -> None:
    problem, plans = line(rider_latest_s=80, rider_ride_s=80, pickup_s=70)
    problem.requests.service_s[-2:] = 5.0
    assert Planner(problem, plans).best(1) is None
    assert why_none(problem, plans, 1) is Cause.OTHERS
    problem.requests.latest_s[1] = 90.0
    problem.requests.max_ride_s[0] = 90.0
    assert Planner(problem, plans).best(1) is not None


def test_what_most_vehicles_fail_at_is_named_of_those_that_could_come() -> None:
    problem, plans = line(3, ride_s=19)
    problem.vehicles.capacity[:2] = 1
    problem.requests.latest_s[-2] = 79.0
    assert why_none(problem, plans, 3) is Cause.FULL
    problem.vehicles.capacity[1] = 4
    assert why_none(problem, plans, 3) is Cause.DETOUR
    problem.vehicles.ready_s[:2] = 100.0
    assert why_none(problem, plans, 3) is Cause.DETOUR
    problem.vehicles.ready_s[:] = 100.0
    assert why_none(problem, plans, 3) is Cause.LATE


def test_a_pinned_request_asks_its_vehicle_alone() -> None:
    problem, plans = line(2)
    problem.vehicles.capacity[1] = 1
    problem.requests.latest_s[-2] = 79.0
    problem.requests.vehicle[-1] = 1
    assert Planner(problem, plans).best(2) is None
    assert why_none(problem, plans, 2) is Cause.FULL


def test_without_vehicles_nobody_comes_in_time() -> None:
    problem, _ = line()
    idle = Vehicles(**{name: column[:0] for name, column in problem.vehicles._asdict().items()})
    rows = {name: slice(-2 if name in BY_STOP else -1, None) for name in Requests._fields}
    alone = Requests(**{name: column[rows[name]] for name, column in problem.requests._asdict().items()})
    none = problem._replace(requests=alone, vehicles=idle)
    assert Planner(none, []).best(0) is None
    assert why_none(none, [], 0) is Cause.LATE


def lift(problem: Problem, r: int, cause: Cause) -> None:
    """Lift the limit that is named, for a request or for all vehicles."""
    requests, vehicles = problem.requests, problem.vehicles
    if cause is Cause.FULL:
        requests.load[r] = 0
    elif cause is Cause.LATE:
        requests.latest_s[2 * r] = np.inf
    elif cause is Cause.DETOUR:
        requests.max_ride_s[r] = np.inf
    elif cause is Cause.ARRIVAL:
        requests.latest_s[2 * r + 1] = np.inf
    elif cause is Cause.CHARGE:
        problem.batteries.range_m[:] = np.inf
    else:
        vehicles.latest_end_s[:], vehicles.max_duration_s[:] = np.inf, np.inf


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_lifting_the_limit_named_brings_another_cause_or_a_place(seed: int) -> None:
    problem, plans = random_problem(seed, hold=False)
    assume((problem.vehicles.load <= problem.vehicles.capacity).all())  # else it is those on board who are too many
    r = len(problem.requests.riders) - 1
    for _ in Cause:
        if Planner(problem, plans).best(r) is not None:
            return
        cause = why_none(problem, plans, r)
        if cause is Cause.OTHERS:
            return  # somebody else's limit
        assert cause is not Cause.UNREACHABLE, "all nodes are connected"
        lift(problem, r, cause)
        if len(plans) == 1:
            assert Planner(problem, plans).best(r) is not None or why_none(problem, plans, r) is not cause
        elif cause in {Cause.DUTY, Cause.CHARGE}:
            return
    pytest.fail("no limit is left to stand in the way")
