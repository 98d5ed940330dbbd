"""The best place of a request: every vehicle, every pair of positions, exactly.

A first pass drops the vehicles that cannot come to the boarding in time even if they went there next, which takes one
look each, and bounds from below what the request adds to the plans of the others, in linear time. The plan of
the least bound is searched first, and after it only those whose bound lies below the best place found.

A place is looked at in constant time first: what its ways cost, whether the vehicle comes in time from the slot
before, carries the load, reaches the slot behind before its latest start, and keeps the request's own ride, and
whether the charge lasts. Only a place that passes and would be the cheapest so far is timed in full, by the rules of
`schedule`, so that what is returned is exact. The looks are necessary conditions where travel times obey the triangle
inequality.

Ties fall to the first vehicle, then the earlier boarding, then the earlier alighting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from sim.dispatch.bounds import bound_all, has_room, lasts_with, reaches
from sim.dispatch.plans import (
    Plans,
    carries,
    carries_all,
    lay_plans,
    put_in,
    refresh,
    stops_of,
    take_out,
    width_for,
)
from sim.dispatch.problem import TOLERANCE_S, Problem, kernel, laid_out, require_plans
from sim.dispatch.schedule import Draft, blank_draft, dwell_after, leg_s, rider_cost, settle
from sim.errors import ControllerError

COST_STEP = 1e-9
"""A place must be cheaper by this to displace an earlier one: rounding is no reason."""


class Insertion(NamedTuple):
    """Board before the stop at `pickup_at` of the old plan, alight before that at `dropoff_at`; what it adds."""

    vehicle: int
    pickup_at: int
    dropoff_at: int
    cost: float


class Place(NamedTuple):
    """A place being looked for: boarding behind slot `after`, alighting behind slot `until`; -1 where none is.

    For a request that has boarded, `after` is -1 as well, and `until` counts alone. `cost` is what it adds.
    """

    after: int
    until: int
    cost: float


class Search(NamedTuple):
    """What a search for places works with: `blinks` is the share of boardings passed over, at random."""

    draft: Draft
    rng: Generator
    blinks: float


class Planner:
    """Plans laid out once, for one insertion after another.

    Raises
    ------
    ControllerError
        The problem is not valid, or a plan breaks a limit.
    """

    def __init__(self, problem: Problem, plans: Sequence[Sequence[int]]) -> None:
        self._problem = laid_out(problem)
        require_plans(self._problem, plans)
        draft = blank_draft(len(self._problem.requests.riders), width_for(self._problem, plans))
        self._plans = lay_plans(self._problem, plans, draft)
        self._search = Search(draft, np.random.Generator(np.random.PCG64(0)), 0.0)

    @property
    def plans(self) -> tuple[tuple[int, ...], ...]:
        """Return the stops of every plan."""
        return stops_of(self._plans)

    def best(self, request: int) -> Insertion | None:
        """Find the cheapest feasible place of a request that no plan holds."""
        self._require_open(request)
        v, place = best_place(self._problem, self._plans, self._search, request)
        return Insertion(int(v), int(place.after), int(place.until), float(place.cost)) if v >= 0 else None

    def insert(self, request: int, insertion: Insertion) -> None:
        """Carry out an insertion found for the plans as they stand."""
        self._require_open(request)
        problem, plans, draft, v = self._problem, self._plans, self._search.draft, insertion.vehicle
        in_order = problem.vehicles.locked[v] <= insertion.pickup_at <= insertion.dropoff_at <= plans.length[v]
        place = Place(insertion.pickup_at, insertion.dropoff_at, insertion.cost)
        if in_order and settle_in(problem, plans, draft, request, v, place) and carries_all(problem, plans, v):
            return
        if in_order:
            take_out(plans, v, request, 1)
            refresh(problem, plans, v, draft)
        msg = f"{insertion} of request {request} breaks a limit: it was found for other plans"
        raise ControllerError(msg)

    def _require_open(self, request: int) -> None:
        if not 0 <= request < len(self._plans.vehicle) or self._plans.vehicle[request] >= 0:
            msg = f"request {request} is planned already, or none of {len(self._plans.vehicle)}"
            raise ControllerError(msg)


@kernel
def best_place(problem: Problem, plans: Plans, search: Search, r: int) -> tuple[int, Place]:
    """Return the vehicle (-1: none) and the place where a request adds least."""
    nowhere = Place(-1, -1, np.inf)
    pinned = problem.requests.vehicle[r]
    if pinned >= 0:
        place = place_in(problem, plans, search, r, pinned, np.inf)
        return (pinned, place) if place.until >= 0 else (-1, nowhere)
    return best_among(problem, plans, search, r, bound_all(problem, plans, r))


@kernel
def best_among(problem: Problem, plans: Plans, search: Search, r: int, count: int) -> tuple[int, Place]:
    """Return the vehicle (-1: none) and the place where a request adds least, out of `count` bounded plans listed."""
    best_v, best = -1, Place(-1, -1, np.inf)
    if count == 0:
        return best_v, best
    among, bound = plans.among, plans.bound
    lead = among[0]
    for n in range(1, count):
        if bound[among[n]] < bound[lead]:
            lead = among[n]
    place = place_in(problem, plans, search, r, lead, np.inf)
    if place.until >= 0:
        best_v, best = lead, place
    for n in range(count):
        v = among[n]
        below = best.cost + 2.0 * COST_STEP if v < best_v else best.cost
        if bound[v] < below and v != lead:
            place = place_in(problem, plans, search, r, v, below)
            if place.until >= 0:
                best_v, best = v, place
    return best_v, best


@kernel
def place_in(problem: Problem, plans: Plans, search: Search, r: int, v: int, below: float) -> Place:
    """Return the place in one plan where a request adds least, if it adds less than `below`."""
    if plans.length[v] + 4 > plans.stop.shape[1]:  # start, end, and two stops more
        return Place(-1, -1, below)
    if plans.slot[2 * r] > 0 or not np.isnan(problem.requests.boarded_s[r]):
        return _alighting_in(problem, plans, search, r, v, below)
    best = Place(-1, -1, below)
    pickup, earliest, latest = 2 * r, problem.requests.earliest_s[2 * r], problem.requests.latest_s[2 * r]
    for after in range(problem.vehicles.locked[v], plans.length[v] + 1):
        if plans.begin_s[v, after] > latest + TOLERANCE_S and after > 0:
            break
        if plans.latest_s[v, after + 1] < earliest or not has_room(problem, plans, r, v, after):
            continue
        begin, end = dwell_after(problem, plans.node[v, after], plans.begin_s[v, after], plans.end_s[v, after], pickup)
        if begin > latest + TOLERANCE_S or not reaches(problem, plans, v, after + 1, pickup, begin, end):
            continue
        if search.blinks > 0.0 and search.rng.random() < search.blinks:
            continue
        best = _alighting_after(problem, plans, search, r, v, after, best)
    return best


class _Boarding(NamedTuple):
    """A boarding behind slot `after`: its dwell, and what follows from it for the request's own alighting.

    The alighting may begin until `ride_until`. The request's own wait and ride cost `own` and `per_s` for every
    second to the alighting; the way to the boarding adds `added`.
    """

    after: int
    begin: float
    end: float
    ride_until: float
    own: float
    per_s: float
    added: float


@kernel
def _board(problem: Problem, plans: Plans, r: int, v: int, after: int) -> _Boarding:
    requests, weights, pickup = problem.requests, problem.weights, 2 * r
    node, here, ahead = plans.node[v, after], requests.node[pickup], plans.node[v, after + 1]
    begin, end = dwell_after(problem, node, plans.begin_s[v, after], plans.end_s[v, after], pickup)
    held = begin
    if problem.hold:
        held = requests.latest_s[pickup]
        if here != ahead:
            onward = leg_s(problem.travel_s, here, ahead)
            held = min(held, plans.latest_s[v, after + 1] - onward - requests.service_s[pickup])
    boarded = begin + requests.service_s[pickup]
    wait = weights.wait * (begin - requests.earliest_s[pickup])
    return _Boarding(
        after,
        begin,
        end,
        min(held + requests.service_s[pickup] + requests.max_ride_s[r], requests.latest_s[pickup + 1]),
        requests.riders[r] * (wait - weights.ride * boarded),
        requests.riders[r] * weights.ride,
        problem.cost[node, here] - leg_s(problem.cost, node, ahead),
    )


@kernel
def _alighting_after(problem: Problem, plans: Plans, search: Search, r: int, v: int, after: int, best: Place) -> Place:
    """Return the best place with the boarding behind slot `after`, if it beats `best`."""
    requests, cost = problem.requests, problem.cost
    board = _board(problem, plans, r, v, after)
    dropoff, there = 2 * r + 1, requests.node[2 * r + 1]
    node, begin, end, added = requests.node[2 * r], board.begin, board.end, board.added
    for until in range(after, plans.length[v] + 1):
        ahead = plans.node[v, until + 1]
        if until > after:
            s = plans.stop[v, until]
            if not has_room(problem, plans, r, v, until):
                break
            begin, end = dwell_after(problem, node, begin, end, s)
            if begin > min(plans.latest_s[v, until], board.ride_until) + TOLERANCE_S:
                break
            if until == after + 1:
                added += cost[node, requests.node[s]]
            node = requests.node[s]
        arrive, leave = dwell_after(problem, node, begin, end, dropoff)
        if arrive > board.ride_until + TOLERANCE_S:
            continue
        detour = added + cost[node, there] + leg_s(cost, there, ahead)
        if until > after:
            detour -= leg_s(cost, node, ahead)
        detour *= problem.weights.drive
        if detour + board.own + board.per_s * arrive >= best.cost - COST_STEP:
            continue
        if reaches(problem, plans, v, until + 1, dropoff, arrive, leave):
            best = _timed(problem, plans, search, r, v, Place(after, until, detour), best)
    return best


@kernel
def _alighting_in(problem: Problem, plans: Plans, search: Search, r: int, v: int, below: float) -> Place:
    """Return the best place of the alighting of a request that has boarded, or will within the lock."""
    requests, cost, best = problem.requests, problem.cost, Place(-1, -1, below)
    dropoff, there, latest = 2 * r + 1, requests.node[2 * r + 1], requests.latest_s[2 * r + 1]
    boarded = requests.boarded_s[r]
    if np.isnan(boarded):
        boarded = plans.latest_s[v, plans.slot[2 * r]] + requests.service_s[2 * r]
    latest = min(latest, boarded + requests.max_ride_s[r])
    for until in range(plans.length[v] + 1):
        if not carries(problem, plans, v, until):
            break
        if until < problem.vehicles.locked[v]:
            continue
        node, ahead = plans.node[v, until], plans.node[v, until + 1]
        arrive, leave = dwell_after(problem, node, plans.begin_s[v, until], plans.end_s[v, until], dropoff)
        if arrive > latest + TOLERANCE_S:
            continue
        detour = cost[node, there] + leg_s(cost, there, ahead) - leg_s(cost, node, ahead)
        detour *= problem.weights.drive
        if detour < best.cost - COST_STEP and reaches(problem, plans, v, until + 1, dropoff, arrive, leave):
            best = _timed(problem, plans, search, r, v, Place(-1, until, detour), best)
    return best


@kernel
def _timed(problem: Problem, plans: Plans, search: Search, r: int, v: int, place: Place, best: Place) -> Place:
    """Time a plan with a request at a place; return the place with its full cost, or `best` if that stays best."""
    if not lasts_with(problem, plans, r, v, place.after, place.until):
        return best
    draft, weights = search.draft, problem.weights
    first = place.after if place.after >= 0 else place.until
    count = _draw_up(problem, plans, draft, r, v, place)
    if not settle(problem, v, draft, count, first + 1):
        return best
    cost = place.cost
    if weights.wait > 0.0 or weights.late > 0.0:
        cost += rider_cost(problem, draft, count) - plans.rider[v]
    return Place(place.after, place.until, cost) if cost < best.cost - COST_STEP else best


@kernel
def _draw_up(problem: Problem, plans: Plans, draft: Draft, r: int, v: int, place: Place) -> int:
    """Write a plan with a request at a place into the draft; return how many stops it has."""
    requests, n = problem.requests, 0
    for k in range(plans.length[v] + 2):
        s = plans.stop[v, k]
        kept = problem.hold or k <= min(place.until, place.after if place.after >= 0 else place.until)
        draft.stop[n], draft.node[n], draft.end_s[n] = s, plans.node[v, k], plans.end_s[v, k]
        draft.begin_s[n] = plans.begin_s[v, k] if kept else -np.inf
        if 1 <= k <= plans.length[v]:
            draft.slot[s] = n
        n += 1
        if k == place.after:
            draft.stop[n], draft.node[n], draft.begin_s[n] = 2 * r, requests.node[2 * r], -np.inf
            draft.slot[2 * r] = n
            n += 1
        if k == place.until:
            draft.stop[n], draft.node[n], draft.begin_s[n] = 2 * r + 1, requests.node[2 * r + 1], -np.inf
            draft.slot[2 * r + 1] = n
            n += 1
    return n - 2


@kernel
def settle_in(problem: Problem, plans: Plans, draft: Draft, r: int, v: int, place: Place) -> bool:
    """Put a request into a plan at a place; return whether the plan still keeps in time."""
    put_in(plans, v, 2 * r + 1, place.until + 1)
    if place.after >= 0:
        put_in(plans, v, 2 * r, place.after + 1)
    return refresh(problem, plans, v, draft)
