"""Plans judged by plain Python that shares no code with the core, and random problems to judge.

All limits of a plan are bounds on differences of times. Their least solution is found here by relaxing every bound
until nothing moves (Bellman and Ford), and a plan is infeasible where something still moves after that.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sim.dispatch.problem import NOWHERE, Batteries, Floats, Problem, Requests, Vehicles, Weights
from sim.dispatch.solution import Solution

NODES = 9
BATTERY_SHARE = 0.4
Bound = tuple[int, int, float]
"""Slot a begins no sooner than slot b plus a time."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A feasible plan's times by slot (start, stops, end) and its cost."""

    begin_s: list[float]
    cost: float


def judge(problem: Problem, v: int, plan: Sequence[int]) -> Judged | None:
    """Return times and cost of a plan, or None where it breaks a limit."""
    if not paired(problem, plan) or not carried(problem, v, plan) or min(left_m(problem, v, plan)) < -1e-6:
        return None
    begin = _least(problem, v, plan)
    if begin is None or not _in_time(problem, v, plan, begin):
        return None
    return Judged(begin, _drive(problem, v, plan) + _riders(problem, plan, begin))


def paired(problem: Problem, plan: Sequence[int]) -> bool:
    """Return whether every request in a plan boards and then alights, once, or alights and is on board."""
    if len(set(plan)) != len(plan):
        return False
    for k, stop in enumerate(plan):
        boarded = not math.isnan(problem.requests.boarded_s[stop // 2])
        if stop % 2 == 0 and (boarded or stop + 1 not in plan[k:]):
            return False
        if stop % 2 == 1 and not boarded and stop - 1 not in plan[:k]:
            return False
    return True


def carried(problem: Problem, v: int, plan: Sequence[int]) -> bool:
    """Return whether a vehicle can carry what a plan loads."""
    load = [int(units) for units in problem.vehicles.load[v]]
    for stop in plan:
        for d, units in enumerate(problem.requests.load[stop // 2].tolist()):
            load[d] += -units if stop % 2 else units
            if load[d] > problem.vehicles.capacity[v, d]:
                return False
    return True


def left_m(problem: Problem, v: int, plan: Sequence[int]) -> list[float]:
    """Return how far the vehicle can still drive where it comes to a charger, and beyond the way to one at the end."""
    if not len(problem.batteries.range_m) or np.isinf(problem.batteries.range_m[v]):
        return [math.inf]
    way_m, to_charger_m, range_m, charged_m = problem.batteries
    nodes, levels = [node for node in _nodes(problem, v, plan) if node != NOWHERE], []
    charge = float(range_m[v])
    for n, (a, b) in enumerate(itertools.pairwise(nodes)):
        charge -= float(way_m[a, b])
        stop = plan[n] if n < len(plan) else 0
        if stop % 2 and charged_m[stop // 2]:
            levels.append(charge)
            charge = float(charged_m[stop // 2])
    return [*levels, charge - float(to_charger_m[nodes[-1]])]


def _nodes(problem: Problem, v: int, plan: Sequence[int]) -> list[int]:
    stops = [int(problem.requests.node[stop]) for stop in plan]
    return [int(problem.vehicles.node[v]), *stops, int(problem.vehicles.end_node[v])]


def _way(matrix: Floats, a: int, b: int) -> float:
    return 0.0 if b == NOWHERE else float(matrix[a, b])


def _drive(problem: Problem, v: int, plan: Sequence[int]) -> float:
    return problem.weights.drive * sum(
        _way(problem.cost, a, b) for a, b in itertools.pairwise(_nodes(problem, v, plan))
    )


def _forward(problem: Problem, v: int, plan: Sequence[int]) -> Iterator[Bound]:
    """Yield the bounds of dwells and ways; stops of one node in a row share a dwell."""
    nodes = _nodes(problem, v, plan)
    service = [0.0, *(float(problem.requests.service_s[stop]) for stop in plan), 0.0]
    last = len(plan) + 1
    for a in range(last):
        for b in range(a + 1, last + 1):
            if nodes[a] != nodes[b] or b == last:
                yield b, a, service[a] + _way(problem.travel_s, nodes[a], nodes[b])
                break
            yield b, a, 0.0


def _backward(problem: Problem, v: int, plan: Sequence[int]) -> Iterator[Bound]:
    """Yield the bounds of rides and of the duty."""
    requests = problem.requests
    for k, stop in enumerate(plan):
        if stop % 2 == 0:
            yield k + 1, plan.index(stop + 1) + 1, -float(requests.service_s[stop] + requests.max_ride_s[stop // 2])
    yield 0, len(plan) + 1, -float(problem.vehicles.max_duration_s[v])


def _least(problem: Problem, v: int, plan: Sequence[int]) -> list[float] | None:
    begin = [
        float(problem.vehicles.ready_s[v]),
        *(float(problem.requests.earliest_s[stop]) for stop in plan),
        -math.inf,
    ]
    bounds = list(_forward(problem, v, plan))
    if problem.hold:
        bounds += _backward(problem, v, plan)
    for _ in range(len(begin) + 1):
        moved = False
        for a, b, time_s in bounds:
            if begin[b] + time_s > begin[a] + 1e-9:
                begin[a], moved = begin[b] + time_s, True
        if not moved:
            return begin
    return None


def _in_time(problem: Problem, v: int, plan: Sequence[int], begin: Sequence[float]) -> bool:
    requests, vehicles = problem.requests, problem.vehicles
    if begin[-1] > vehicles.latest_end_s[v] or begin[-1] - begin[0] > vehicles.max_duration_s[v]:
        return False
    for k, stop in enumerate(plan):
        if begin[k + 1] > requests.latest_s[stop]:
            return False
        if stop % 2 and begin[k + 1] - boarded_at(problem, plan, begin, stop) > requests.max_ride_s[stop // 2]:
            return False
    return True


def boarded_at(problem: Problem, plan: Sequence[int], begin: Sequence[float], dropoff: int) -> float:
    """Return when the boarding of a request ended."""
    if dropoff - 1 in plan:
        return begin[plan.index(dropoff - 1) + 1] + float(problem.requests.service_s[dropoff - 1])
    return float(problem.requests.boarded_s[dropoff // 2])


def _riders(problem: Problem, plan: Sequence[int], begin: Sequence[float]) -> float:
    requests, weights, cost = problem.requests, problem.weights, 0.0
    for k, stop in enumerate(plan):
        at, riders = begin[k + 1], float(requests.riders[stop // 2])
        cost += riders * weights.late * max(0.0, at - float(requests.due_s[stop]))
        if stop % 2:
            cost += riders * weights.ride * (at - boarded_at(problem, plan, begin, stop))
        else:
            cost += riders * weights.wait * (at - float(requests.earliest_s[stop]))
    return cost


def insertions(problem: Problem, v: int, plan: Sequence[int], r: int) -> Iterator[tuple[tuple[int, int], Judged]]:
    """Yield every feasible place of a request in one plan, behind the lock."""
    for i, j in itertools.combinations_with_replacement(range(len(plan) + 1), 2):
        if i >= problem.vehicles.locked[v]:
            judged = judge(problem, v, [*plan[:i], 2 * r, *plan[i:j], 2 * r + 1, *plan[j:]])
            if judged is not None:
                yield (i, j), judged


def total(problem: Problem, plans: Sequence[Sequence[int]]) -> float:
    """Return the cost of plans and of what they leave out; fails on a plan that is not feasible."""
    cost = 0.0
    for v, plan in enumerate(plans):
        judged = judge(problem, v, plan)
        assert judged is not None, (v, plan)
        cost += judged.cost
    served = {stop // 2 for plan in plans for stop in plan}
    return cost + sum(float(p) for r, p in enumerate(problem.requests.penalty) if r not in served)


def require_sound(problem: Problem, start: Sequence[Sequence[int]], solution: Solution) -> None:
    """Check everything a solution must keep: limits, loads, pairs, locks, pins, riders on board, its own cost."""
    assert math.isclose(total(problem, solution.plans), solution.cost, abs_tol=1e-3)
    stops = [stop for plan in solution.plans for stop in plan]
    assert len(set(stops)) == len(stops)
    served = {stop // 2 for stop in stops}
    assert solution.unserved == tuple(r for r in range(len(problem.requests.riders)) if r not in served)
    assert {stop // 2 for plan in start for stop in plan} <= served
    for v, (plan, old) in enumerate(zip(solution.plans, start, strict=True)):
        locked = int(problem.vehicles.locked[v])
        assert list(plan[:locked]) == list(old[:locked])
        for stop in plan:
            r = stop // 2
            assert problem.requests.vehicle[r] in {-1, v}
            assert np.isnan(problem.requests.boarded_s[r]) or stop % 2 == 1
    assert set(np.flatnonzero(~np.isnan(problem.requests.boarded_s)).tolist()) <= served


def random_ways(rng: np.random.Generator) -> Floats:
    """Return driving times as those of shortest paths: whole seconds, one-way streets among them."""
    ways = rng.integers(1, 40, (NODES, NODES)).astype(float)
    np.fill_diagonal(ways, 0.0)
    for k in range(NODES):
        ways = np.minimum(ways, ways[:, k, None] + ways[None, k, :])
    return ways


def random_requests(rng: np.random.Generator, count: int, ways: Floats) -> Requests:
    """Return requests of two dimensions, some tight, some nearly free."""
    node = rng.integers(0, NODES, 2 * count)
    direct = ways[node[::2], node[1::2]]
    earliest, latest = np.full(2 * count, -np.inf), np.full(2 * count, np.inf)
    earliest[::2] = rng.integers(0, 150, count)
    latest[::2] = earliest[::2] + rng.integers(0, 120, count)
    by_arrival = rng.random(count) < 0.4
    latest[1::2][by_arrival] = (earliest[::2] + direct + rng.integers(0, 160, count))[by_arrival]
    earliest[1::2][by_arrival] = latest[1::2][by_arrival] - rng.integers(0, 60, count)[by_arrival]
    return Requests(
        node=node,
        service_s=rng.choice([0.0, 2.0, 5.0], 2 * count),
        earliest_s=earliest,
        latest_s=latest,
        due_s=np.where(rng.random(2 * count) < 0.3, latest - 20, np.inf),
        load=rng.integers(0, 3, (count, 2)),
        riders=rng.integers(1, 4, count).astype(float),
        max_ride_s=direct + rng.integers(0, 60, count),
        boarded_s=np.full(count, np.nan),
        vehicle=np.full(count, -1),
        penalty=np.full(count, 1e5),
    )


def random_problem(seed: int, *, count: int = 8, hold: bool | None = None) -> tuple[Problem, list[list[int]]]:
    """Return a problem with plans that hold some of its requests, riders on board and locked stops among them."""
    rng = np.random.default_rng(seed)
    ways, size = random_ways(rng), int(rng.integers(1, 4))
    end_node = np.where(rng.random(size) < 0.5, NOWHERE, rng.integers(0, NODES, size))
    weights = (1.0, 0.0, 0.0, 0.0) if rng.random() < 0.3 else (float(rng.integers(0, 3)), 2.0, 1.0, 3.0)
    vehicles = Vehicles(
        node=rng.integers(0, NODES, size),
        ready_s=rng.integers(0, 30, size).astype(float),
        capacity=rng.integers(2, 6, (size, 2)),
        load=np.zeros((size, 2), np.int64),
        end_node=end_node,
        latest_end_s=rng.choice([250.0, 600.0, np.inf], size),
        max_duration_s=rng.choice([150.0, 400.0, np.inf], size),
        locked=np.zeros(size, np.int64),
    )
    holds = bool(rng.random() < 0.5) if hold is None else hold
    problem = Problem(ways, ways * 2, random_requests(rng, count, ways), vehicles, Weights(*weights), holds)
    plans: list[list[int]] = [[] for _ in range(size)]
    for r in range(count - 2):
        _place(problem, plans, rng, r)
    charges = np.random.default_rng([seed, 1])
    if charges.random() < BATTERY_SHARE:
        problem = with_batteries(problem, plans, charges)
    for v, plan in enumerate(plans):
        problem.requests.penalty[[stop // 2 for stop in plan]] = 1e7  # accepted: not to be given up for another
        vehicles.locked[v] = rng.integers(0, min(2, len(plan)) + 1)
    return problem, plans


def with_batteries(problem: Problem, plans: Sequence[Sequence[int]], rng: np.random.Generator) -> Problem:
    """Return the problem with charges that last for the plans, hardly more for some; some requests in them charge."""
    way_m, size, count = random_ways(rng), len(plans), len(problem.requests.riders)
    charged_m = np.zeros(count)
    for v, plan in enumerate(plans):
        for r in sorted({stop // 2 for stop in plan}):
            if np.isnan(problem.requests.boarded_s[r]) and rng.random() < 0.3:
                charged_m[r], problem.requests.vehicle[r] = 1.0, v
    to_charger_m = way_m[:, rng.integers(0, NODES, 2)].min(axis=1)
    problem = problem._replace(batteries=Batteries(way_m, to_charger_m, np.zeros(size), charged_m))
    for v, plan in enumerate(plans):
        charging = [stop // 2 for stop in plan if stop % 2 and charged_m[stop // 2]]
        first, *later = (float(level) for level in left_m(problem, v, plan))
        problem.batteries.range_m[v] = rng.integers(0, 60) - first if rng.random() < 0.8 else np.inf
        charged_m[charging] += rng.integers(1, 60, len(charging)) - np.array(later)
    return problem


def _place(problem: Problem, plans: list[list[int]], rng: np.random.Generator, r: int) -> None:
    """Put a request at a random feasible place, some of them as riders on board."""
    requests, vehicles, v = problem.requests, problem.vehicles, int(rng.integers(len(plans)))
    if rng.random() < 0.3:
        requests.boarded_s[r], requests.vehicle[r] = vehicles.ready_s[v] - 5.0, v
        vehicles.load[v] += requests.load[r]
        places = [[*plans[v][:j], 2 * r + 1, *plans[v][j:]] for j in range(len(plans[v]) + 1)]
        fitting = [plan for plan in places if judge(problem, v, plan) is not None]
        if fitting:
            plans[v] = fitting[int(rng.integers(len(fitting)))]
            return
        vehicles.load[v] -= requests.load[r]
        requests.boarded_s[r], requests.vehicle[r] = np.nan, -1
    fits = [place for place, _ in insertions(problem, v, plans[v], r)]
    if fits:
        i, j = fits[int(rng.integers(len(fits)))]
        plans[v] = [*plans[v][:i], 2 * r, *plans[v][i:j], 2 * r + 1, *plans[v][j:]]
        if rng.random() < 0.2:
            requests.vehicle[r] = v
