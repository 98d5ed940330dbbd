"""The cheapest order of one vehicle's stops: every order behind the lock, by depth-first branch and bound.

An order is given up as soon as a bound shows that it cannot be feasible or cheaper than the best so far. The bound
counts each stop still to come as if the vehicle went straight to it, and its driving by the cheapest way into each
node. The former needs the triangle inequality of travel times, as all of the core does. With `Problem.hold` the
times on the way down are those without it: no stop begins sooner, and as a wait weighs no less than a ride, none
costs less. A full order is timed by the rules of `schedule`, so that what is returned is exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dispatch.battery import charged_m, has_battery
from sim.dispatch.insertion import COST_STEP
from sim.dispatch.problem import NOWHERE, TOLERANCE_M, TOLERANCE_S, Floats, Ints, Problem, kernel
from sim.dispatch.schedule import Draft, drive_cost, dwell_after, leg_s, rider_cost, settle


class Tour(NamedTuple):
    """What the search for an order works with.

    The first rows hold by index of a stop: the `stop`, the index of its boarding in `pickup` (-1: none), whether it
    is `placed`, its node's index in `group`, and when the boarding of its request ended, `boarded_s`. `way_in` and
    `left` hold by group: the least cost of driving there, and how many of its stops are not placed. The others hold
    by depth, which is how many stops are placed: the vehicle's `node`, begin and end of its dwell, how far it can still
    drive, the load on board, the costs so far, the index `taken` to follow, and the one to be tried `next`. `best` is
    the order at hand.
    """

    stop: Ints
    pickup: Ints
    placed: NDArray[np.bool_]
    group: Ints
    boarded_s: Floats
    way_in: Floats
    left: Ints
    node: Ints
    begin_s: Floats
    end_s: Floats
    range_m: Floats
    load: Ints
    drive: Floats
    rider: Floats
    taken: Ints
    next: Ints
    best: Ints


def blank_tour(width: int, dimensions: int) -> Tour:
    """Return room for orders of that many stops."""

    def ints() -> Ints:
        return np.zeros(width + 1, np.int64)

    def floats() -> Floats:
        return np.zeros(width + 1)

    return Tour(
        stop=ints(),
        pickup=ints(),
        placed=np.zeros(width + 1, np.bool_),
        group=ints(),
        boarded_s=floats(),
        way_in=floats(),
        left=ints(),
        node=ints(),
        begin_s=floats(),
        end_s=floats(),
        range_m=floats(),
        load=np.zeros((width + 1, dimensions), np.int64),
        drive=floats(),
        rider=floats(),
        taken=ints(),
        next=ints(),
        best=ints(),
    )


@kernel
def best_tour(problem: Problem, tour: Tour, draft: Draft, v: int, count: int, below: float, tries: int) -> float:
    """Find the order of the `count` stops in `tour.best` that costs less than `below`, and least; return its cost.

    The order found replaces that in `tour.best`, which stays where there is none: then `below` is returned. The
    locked stops keep their places. After so many `tries` of a next stop the best order found by then stands.
    """
    locked = min(problem.vehicles.locked[v], count)
    groups = _lay_stops(problem, tour, v, count)
    for k in range(locked):
        _place(problem, tour, v, k, k)
    if locked == count:
        return min(below, _time(problem, tour, draft, v, count))
    best, depth = below, locked
    tour.taken[depth], tour.next[depth] = -1, locked
    while depth >= locked and tries > 0:
        _take_back(tour, depth)
        k = tour.next[depth]
        if k == count:
            depth -= 1
            continue
        tour.next[depth] = k + 1
        if not _may_follow(tour, k):
            continue
        tries -= 1
        if not _place(problem, tour, v, depth, k):
            continue
        if depth + 1 == count:
            best = _finish(problem, tour, draft, v, count, best)
        elif _bound(problem, tour, v, depth + 1, count, groups) < best - COST_STEP:
            depth += 1
            tour.taken[depth], tour.next[depth] = -1, locked
    return best


@kernel
def _may_follow(tour: Tour, k: int) -> bool:
    """Return whether stop k is not placed yet, and its boarding is if it has one."""
    return not tour.placed[k] and (tour.pickup[k] < 0 or bool(tour.placed[tour.pickup[k]]))


@kernel
def _finish(problem: Problem, tour: Tour, draft: Draft, v: int, count: int, best: float) -> float:
    """Keep a full order if it costs less than `best`; return the lower cost."""
    cost = _time(problem, tour, draft, v, count)
    if not cost < best - COST_STEP:  # nan where there is no way
        return best
    for n in range(count):
        tour.best[n] = tour.stop[tour.taken[n]]
    return cost


@kernel
def _lay_stops(problem: Problem, tour: Tour, v: int, count: int) -> int:
    """Note what is known of each stop, of each of their nodes, and of depth 0; return how many nodes there are."""
    requests, vehicles, groups = problem.requests, problem.vehicles, 0
    tour.node[0], tour.begin_s[0], tour.end_s[0] = vehicles.node[v], vehicles.ready_s[v], vehicles.ready_s[v]
    tour.drive[0] = tour.rider[0] = 0.0
    tour.range_m[0] = problem.batteries.range_m[v] if has_battery(problem, v) else np.inf
    for d in range(tour.load.shape[1]):
        tour.load[0, d] = vehicles.load[v, d]
    for k in range(count):
        s = tour.best[k]
        tour.stop[k], tour.placed[k], tour.pickup[k], tour.group[k] = s, False, -1, groups
        tour.boarded_s[k] = requests.boarded_s[s // 2]
        for j in range(k):
            if tour.stop[j] == s - 1 and s % 2 == 1:
                tour.pickup[k] = j
            if requests.node[tour.stop[j]] == requests.node[s]:
                tour.group[k] = tour.group[j]
        if tour.group[k] == groups:
            tour.left[groups] = 0
            groups += 1
        tour.left[tour.group[k]] += 1
    for k in range(count):
        node = requests.node[tour.stop[k]]
        least = 0.0 if node == tour.node[0] else problem.cost[tour.node[0], node]
        for j in range(count):
            if requests.node[tour.stop[j]] != node:
                least = min(least, problem.cost[requests.node[tour.stop[j]], node])
        tour.way_in[tour.group[k]] = least
    return groups


@kernel
def _take_back(tour: Tour, depth: int) -> None:
    """Undo what was placed last at a depth."""
    k = tour.taken[depth]
    if k >= 0:
        tour.placed[k] = False
        tour.left[tour.group[k]] += 1
        tour.taken[depth] = -1


@kernel
def _place(problem: Problem, tour: Tour, v: int, depth: int, k: int) -> bool:
    """Let stop k follow those placed; return whether it keeps its limits."""
    requests, s = problem.requests, tour.stop[k]
    node, pickup, fits = requests.node[s], tour.pickup[k], True
    begin, end = dwell_after(problem, tour.node[depth], tour.begin_s[depth], tour.end_s[depth], s)
    tour.taken[depth], tour.placed[k] = k, True
    tour.left[tour.group[k]] -= 1
    tour.node[depth + 1], tour.begin_s[depth + 1], tour.end_s[depth + 1] = node, begin, end
    tour.drive[depth + 1] = tour.drive[depth] + problem.cost[tour.node[depth], node]
    for d in range(tour.load.shape[1]):
        units = requests.load[s // 2, d]
        tour.load[depth + 1, d] = tour.load[depth, d] + (units if s % 2 == 0 else -units)
        fits = fits and tour.load[depth + 1, d] <= problem.vehicles.capacity[v, d]
    if s % 2 == 0:
        tour.boarded_s[k] = begin + requests.service_s[s]
    elif pickup >= 0:
        tour.boarded_s[k] = tour.boarded_s[pickup]
    tour.rider[depth + 1] = tour.rider[depth] + _stop_cost(problem, s, begin, tour.boarded_s[k])
    return _lasts(problem, tour, depth, s) and fits and _in_time(problem, tour, k, begin)


@kernel
def _lasts(problem: Problem, tour: Tour, depth: int, s: int) -> bool:
    """Return whether the charge at a depth lasts to stop s, and note what is left behind it."""
    arrives = leaves = tour.range_m[depth]
    if arrives < np.inf:
        arrives -= problem.batteries.way_m[tour.node[depth], problem.requests.node[s]]
        charged = charged_m(problem.batteries, s)
        leaves = charged if charged > 0.0 else arrives
    tour.range_m[depth + 1] = leaves
    return bool(arrives >= -TOLERANCE_M)


@kernel
def _stop_cost(problem: Problem, s: int, begin: float, boarded: float) -> float:
    """Return what the riders of a stop add to the cost where its dwell begins and their boarding ended so."""
    requests, weights = problem.requests, problem.weights
    late = weights.late * max(0.0, begin - requests.due_s[s])
    if s % 2 == 0:
        return float(requests.riders[s // 2] * (late + weights.wait * (begin - requests.earliest_s[s])))
    return float(requests.riders[s // 2] * (late + weights.ride * (begin - boarded)))


@kernel
def _in_time(problem: Problem, tour: Tour, k: int, begin: float) -> bool:
    """Return whether stop k may begin no sooner than so, by its window and its ride."""
    requests, s = problem.requests, tour.stop[k]
    if begin > requests.latest_s[s] + TOLERANCE_S:
        return False
    if s % 2 == 0:
        return True
    boarded = tour.boarded_s[k]
    if problem.hold and tour.pickup[k] >= 0:  # the boarding may come later yet
        boarded = requests.latest_s[s - 1] + requests.service_s[s - 1]
    return bool(begin - boarded <= requests.max_ride_s[s // 2] + TOLERANCE_S)


@kernel
def _bound(problem: Problem, tour: Tour, v: int, depth: int, count: int, groups: int) -> float:
    """Return what any order that goes on from here costs at least; inf where none can be feasible."""
    requests, drive, rider = problem.requests, tour.drive[depth], tour.rider[depth]
    node, begin, end = tour.node[depth], tour.begin_s[depth], tour.end_s[depth]
    here = tour.group[tour.taken[depth - 1]]
    for g in range(groups):
        if tour.left[g] > 0 and g != here:
            drive += tour.way_in[g]
    last = np.inf if problem.vehicles.end_node[v] != NOWHERE else 0.0
    for k in range(count):
        if tour.placed[k]:
            continue
        s, pickup = tour.stop[k], tour.pickup[k]
        last = min(last, leg_s(problem.cost, requests.node[s], problem.vehicles.end_node[v]))
        arrive, _ = dwell_after(problem, node, begin, end, s)
        if pickup >= 0:
            if tour.placed[pickup]:
                tour.boarded_s[k] = tour.boarded_s[pickup]
            else:
                board, leave = dwell_after(problem, node, begin, end, s - 1)
                arrive, _ = dwell_after(problem, requests.node[s - 1], board, leave, s)
                tour.boarded_s[k] = board + requests.service_s[s - 1]
        if not _in_time(problem, tour, k, arrive):
            return np.inf
        rider += _stop_cost(problem, s, arrive, tour.boarded_s[k])
    return float(problem.weights.drive * (drive + last) + rider)


@kernel
def _time(problem: Problem, tour: Tour, draft: Draft, v: int, count: int) -> float:
    """Time a full order; return its cost, inf where it breaks a limit."""
    draft.node[0], draft.node[count + 1] = problem.vehicles.node[v], problem.vehicles.end_node[v]
    draft.begin_s[0] = draft.end_s[0] = problem.vehicles.ready_s[v]
    for n in range(count):
        s = tour.stop[tour.taken[n]]
        draft.stop[n + 1], draft.node[n + 1], draft.begin_s[n + 1] = s, problem.requests.node[s], -np.inf
        draft.slot[s] = n + 1
    if not settle(problem, v, draft, count, 1):
        return np.inf
    return drive_cost(problem, draft, count) + rider_cost(problem, draft, count)
