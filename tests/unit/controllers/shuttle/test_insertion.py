"""The planning core against a plain evaluator that shares no code with it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.controllers.shuttle.insertion import (
    CAPACITY,
    OTHERS,
    REACH,
    RIDE,
    WAIT,
    Attempt,
    Insertion,
    best_insertion,
    insert,
)
from sim.controllers.shuttle.plan import RequestTable, Start, fleet_of, matrix_of, time_plans, way_s
from sim.world import Location, TravelTimes
from tests.unit.controllers.shuttle.replay import graph_times, grid_times

EDGES = 10
seeds = st.integers(0, 2**32 - 1)


@dataclass(slots=True)
class Case:
    """Vehicles with plans, and one more request (the last row)."""

    times: TravelTimes
    table: RequestTable
    starts: list[Start]
    plans: list[list[int]]
    request: int
    alpha: float
    wait_weight: float
    shared_m: float

    def solve(self) -> Attempt:
        matrix, fleet = matrix_of(self.times), fleet_of(self.starts, self.plans)
        schedule = time_plans(matrix, self.table.columns, fleet, shared_m=self.shared_m)
        return best_insertion(
            matrix,
            self.table.columns,
            fleet,
            schedule,
            request=self.request,
            alpha=self.alpha,
            wait_weight=self.wait_weight,
            shared_m=self.shared_m,
        )


@dataclass(frozen=True, slots=True)
class Timing:
    """A plan timed by hand: dwells by stop, rides by request, driving time, highest load."""

    dwells: dict[int, tuple[float, float]]
    rides: dict[int, float]
    drive_s: float
    peak: int


def timed(case: Case, start: Start, plan: Sequence[int]) -> Timing:
    columns = case.table.columns
    dwells: dict[int, tuple[float, float]] = {}
    rides: dict[int, float] = {}
    drive, load, peak = 0.0, start.load, start.load
    place, begin, end = start.location, start.ready_s, start.ready_s
    for n, stop in enumerate(plan):
        here = Location(int(columns.edge[stop]), float(columns.pos_m[stop]))
        shares = n > 0 and here.edge == place.edge and 0 <= here.pos_m - place.pos_m <= case.shared_m
        service = float(columns.service_s[stop])
        if shares:
            begin = max(begin, float(columns.earliest_s[stop]))
            end = max(end, begin + service)
        else:
            leg = case.times.time_s(place, here)
            drive += leg
            begin = max(end + leg, float(columns.earliest_s[stop]))
            end = begin + service
        place = here
        dwells[stop] = begin, end
        size = int(columns.size[stop // 2])
        load += -size if stop % 2 else size
        peak = max(peak, load)
        if stop % 2:
            boarded = dwells[stop - 1][0] if stop - 1 in dwells else float(columns.boarded_s[stop // 2])
            rides[stop // 2] = end - boarded
    return Timing(dwells, rides, drive, peak)


def rider_cost(case: Case, timing: Timing) -> float:
    columns, cost = case.table.columns, 0.0
    for stop, (begin, end) in timing.dwells.items():
        size = int(columns.size[stop // 2])
        cost += size * (end if stop % 2 else (case.wait_weight - 1) * begin)
    return cost


def allowed(case: Case, start: Start, old: Timing, new: Timing) -> bool:
    """Return whether every limit holds, or is no more broken than before."""
    columns, slack = case.table.columns, 1e-6
    in_time = all(
        begin <= max(columns.latest_s[stop], old.dwells.get(stop, (-np.inf, 0.0))[0]) + slack
        for stop, (begin, _) in new.dwells.items()
    )
    short = all(ride <= max(columns.max_ride_s[r], old.rides.get(r, -np.inf)) + slack for r, ride in new.rides.items())
    return in_time and short and new.peak <= start.seats


def by_hand(case: Case) -> dict[tuple[int, int, int], float]:
    """Return the cost of every feasible insertion."""
    costs = {}
    r = case.request
    wish = float(case.table.columns.earliest_s[2 * r]) * int(case.table.columns.size[r])
    for v, (start, plan) in enumerate(zip(case.starts, case.plans, strict=True)):
        old = timed(case, start, plan)
        for i, j in itertools.combinations_with_replacement(range(len(plan) + 1), 2):
            if i < start.locked:
                continue
            longer = [*plan[:i], 2 * r, *plan[i:j], 2 * r + 1, *plan[j:]]
            new = timed(case, start, longer)
            if np.isfinite(new.drive_s) and allowed(case, start, old, new):
                riders = rider_cost(case, new) - rider_cost(case, old) - case.wait_weight * wish
                costs[v, i, j] = case.alpha * (new.drive_s - old.drive_s) + riders
    return costs


def random_times(rng: np.random.Generator) -> TravelTimes:
    """Return travel times on a ring of edges with chords."""
    ring = [(n, (n + 1) % EDGES) for n in range(EDGES)]
    chords = [(int(a), int(b)) for a, b in rng.integers(0, EDGES, (EDGES, 2)) if a != b]
    turns = np.array(sorted({*ring, *chords}), dtype=np.int64)
    return graph_times(turns, rng.integers(50, 300, EDGES).astype(float), rng.uniform(5, 60, EDGES))


def random_place(rng: np.random.Generator, times: TravelTimes) -> Location:
    edge = int(rng.integers(EDGES))
    share = float(rng.choice([0.0, 0.5, 1.0]))  # few places, so that some stops share a dwell
    return Location(edge, share * float(times.length_m[edge]))


def peak_load(table: RequestTable, load: int, plan: Sequence[int]) -> int:
    loads = [load]
    for stop in plan:
        loads.append(loads[-1] + int(table.columns.size[stop // 2]) * (-1 if stop % 2 else 1))
    return max(loads)


def random_case(seed: int) -> Case:
    """Return a case with riders on board, locked stops, tight limits and limits that are broken already."""
    rng = np.random.default_rng(seed)
    times = random_times(rng)
    table = RequestTable(2)
    starts, plans = [], []
    for _ in range(int(rng.integers(1, 4))):
        seats, load = int(rng.integers(1, 6)), 0
        plan: list[int] = []
        for _ in range(int(rng.integers(0, 5))):
            r = _random_request(rng, times, table)
            size = int(table.columns.size[r])
            at, longer = int(rng.integers(len(plan) + 1)), list(plan)
            if rng.random() < 0.3:
                longer.insert(at, 2 * r + 1)
                on_board = load + size
            else:
                insert(longer, Insertion(0, at, int(rng.integers(at, len(plan) + 1)), 0.0), r)
                on_board = load
            if peak_load(table, on_board, longer) <= seats:
                plan, load = longer, on_board
                table.columns.boarded_s[r] = np.nan if 2 * r in plan else rng.uniform(-300, 0)
        locked = int(rng.integers(0, min(2, len(plan)) + 1))
        starts.append(Start(random_place(rng, times), float(rng.uniform(0, 50)), seats, load, locked))
        plans.append(plan)
    request = _random_request(rng, times, table)
    alpha, wait_weight = float(rng.choice([0.0, 0.5, 3.0])), float(rng.choice([1.0, 2.0]))
    return Case(times, table, starts, plans, request, alpha, wait_weight, float(rng.choice([-1.0, 1.0])))


def _random_request(rng: np.random.Generator, times: TravelTimes, table: RequestTable) -> int:
    earliest = float(rng.choice([0.0, rng.uniform(0, 300)]))
    r = table.add(
        random_place(rng, times),
        random_place(rng, times),
        size=int(rng.integers(1, 4)),
        earliest_s=earliest,
        latest_pickup_s=earliest + float(rng.uniform(0, 600)),
        boarding_s=float(rng.choice([0.0, 10.0])),
        alighting_s=float(rng.choice([0.0, 15.0])),
    )
    if rng.random() < 0.7:
        table.columns.max_ride_s[r] = rng.uniform(20, 600)
    if rng.random() < 0.3:
        table.columns.latest_s[2 * r + 1] = earliest + rng.uniform(60, 900)
    return r


@settings(max_examples=400, deadline=None)
@given(seeds)
def test_the_best_insertion_is_that_of_the_plain_evaluator(seed: int) -> None:
    case = random_case(seed)
    costs, found = by_hand(case), case.solve().insertion
    if not costs:
        assert found is None
        return
    assert found is not None
    assert found.cost == pytest.approx(min(costs.values()), abs=1e-6)
    assert costs[found.vehicle, found.pickup_at, found.dropoff_at] == pytest.approx(found.cost, abs=1e-6)


def test_the_random_cases_hold_feasible_and_infeasible_ones_and_broken_limits() -> None:
    feasible, broken = [], []
    for seed in range(300):
        case = random_case(seed)
        feasible.append(bool(by_hand(case)))
        schedule = time_plans(
            matrix_of(case.times), case.table.columns, fleet_of(case.starts, case.plans), shared_m=-1.0
        )
        broken.append(feasible[-1] and schedule.broken.sum() > 0)
    assert 60 < sum(feasible) < 270
    assert sum(broken) > 30


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_an_insertion_keeps_the_locked_stops_in_front_and_every_other_stop_in_order(seed: int) -> None:
    case = random_case(seed)
    found = case.solve().insertion
    if found is None:
        return
    old, start = list(case.plans[found.vehicle]), case.starts[found.vehicle]
    plan = list(old)
    insert(plan, found, case.request)
    assert plan[: start.locked] == old[: start.locked]
    assert [stop for stop in plan if stop // 2 != case.request] == old
    assert plan.index(2 * case.request) < plan.index(2 * case.request + 1)


@settings(max_examples=200, deadline=None)
@given(seeds)
def test_times_of_plans_are_those_of_the_plain_evaluator(seed: int) -> None:
    case = random_case(seed)
    columns, fleet = case.table.columns, fleet_of(case.starts, case.plans)
    schedule = time_plans(matrix_of(case.times), columns, fleet, shared_m=case.shared_m)
    for v, (start, plan) in enumerate(zip(case.starts, case.plans, strict=True)):
        expected = timed(case, start, plan)
        late = {stop // 2 for stop, dwell in expected.dwells.items() if dwell[0] > columns.latest_s[stop] + 1e-6}
        late |= {r for r, ride in expected.rides.items() if ride > columns.max_ride_s[r] + 1e-6}
        assert schedule.broken[v] == len(late)
        for k, stop in enumerate(plan):
            assert (schedule.begin_s[v, k], schedule.end_s[v, k]) == pytest.approx(expected.dwells[stop])
            if stop % 2:
                assert schedule.ride_s[v, k] == pytest.approx(expected.rides[stop // 2])
        assert schedule.leg_s[v].clip(min=0).sum() == pytest.approx(expected.drive_s)


@given(seeds)
def test_driving_times_are_those_of_the_travel_times(seed: int) -> None:
    rng = np.random.default_rng(seed)
    times = random_times(rng)
    a, b = random_place(rng, times), random_place(rng, times)
    assert way_s(matrix_of(times), *a, *b) == pytest.approx(times.time_s(a, b))
    assert way_s(matrix_of(times, factor=1.5), *a, *b) == pytest.approx(1.5 * times.time_s(a, b))


def test_read_only_travel_times_are_taken() -> None:
    times = grid_times(3, 100.0, 10.0)
    times.leg_s.flags.writeable = False
    assert matrix_of(times).leg_s.flags.writeable
    assert not times.leg_s.flags.writeable


def one_vehicle(
    *,
    seats: int = 4,
    load: int = 0,
    max_ride_s: float = 600.0,
    latest_s: float = 600.0,
    held_up: bool = False,
) -> Case:
    """Return one request beside one shuttle; `held_up`: with a rider on board who can bear no delay."""
    times, table = grid_times(4, 200.0, 10.0), RequestTable(4)
    plan: list[int] = []
    if held_up or load:
        rider = table.add(
            Location(0, 0.0),
            Location(20, 100.0),
            size=max(load, 1),
            earliest_s=0.0,
            latest_pickup_s=0.0,
            boarding_s=10.0,
            alighting_s=10.0,
        )
        table.columns.boarded_s[rider] = 0.0
        plan.append(2 * rider + 1)
    start = Start(Location(0, 0.0), 0.0, seats, max(load, int(held_up)), 0)
    if held_up:
        table.columns.max_ride_s[0] = times.time_s(start.location, Location(20, 100.0)) + 10.0
    request = table.add(
        Location(6, 50.0),
        Location(9, 50.0),
        size=1,
        earliest_s=0.0,
        latest_pickup_s=latest_s,
        boarding_s=10.0,
        alighting_s=10.0,
    )
    table.columns.max_ride_s[request] = max_ride_s
    return Case(times, table, [start], [plan], request, 1.0, 1.0, -1.0)


def test_a_failed_attempt_says_at_which_check() -> None:
    def failed(case: Case) -> int:
        attempt = case.solve()
        assert attempt.insertion is None
        assert sum(attempt.failed) == len(case.starts)
        return attempt.failed.index(1)

    assert one_vehicle().solve().insertion is not None
    assert failed(one_vehicle(latest_s=1.0)) == WAIT
    assert failed(one_vehicle(max_ride_s=1.0)) == RIDE
    late = one_vehicle(held_up=True)
    behind = late.solve().insertion
    assert behind is not None
    assert behind.pickup_at == 1
    late.table.columns.latest_s[2 * late.request] = timed(late, late.starts[0], late.plans[0]).dwells[1][1]
    assert failed(late) == OTHERS
    full = one_vehicle(seats=2, load=2)
    full.table.columns.latest_s[2 * full.request] = timed(full, full.starts[0], full.plans[0]).dwells[1][1]
    assert failed(full) == CAPACITY
    cut_off = one_vehicle()
    cut_off.times.leg_s[:, 6] = np.inf
    assert failed(cut_off) == REACH


def test_ties_go_to_the_first_vehicle() -> None:
    case = one_vehicle()
    case.starts.append(case.starts[0])
    case.plans.append([])
    found = case.solve().insertion
    assert found is not None
    assert found.vehicle == 0


def test_a_table_grows_without_losing_a_row() -> None:
    table = RequestTable(1)
    for n in range(9):
        table.add(
            Location(n, 1.0 * n),
            Location(n + 1, 2.0 * n),
            size=n,
            earliest_s=10.0 * n,
            latest_pickup_s=20.0 * n,
            boarding_s=1.0,
            alighting_s=2.0,
        )
    columns = table.columns
    assert columns.edge[:18].tolist() == [edge for n in range(9) for edge in (n, n + 1)]
    assert columns.size[:9].tolist() == list(range(9))
    assert np.isnan(columns.boarded_s).all()
