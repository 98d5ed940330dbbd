"""The trips of the vehicles: the request-trip-vehicle graph of Alonso-Mora et al. (2017), grown size by size.

A trip is a set of requests that one vehicle serves within all limits, besides those it is bound to. As in the paper a
set is looked at only if all its subsets of one request less are trips. Where the paper stops growing by the clock,
here counts do: so many requests by vehicle, so many trips by vehicle and size. Plans at hand with more requests than
trips may have are varied instead: with one request less, more, or another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.dispatch.insertion import Search, place_in, settle_in
from sim.dispatch.plans import Plans, blank_plans, refresh
from sim.dispatch.problem import Floats, Ints, Problem, kernel
from sim.dispatch.schedule import blank_draft
from sim.dispatch.tour import Tour, best_tour, blank_tour

Members = tuple[int, ...]


class Caps(NamedTuple):
    """What bounds the graph in place of a clock.

    Attributes
    ----------
    size
        Requests of a trip, besides those the vehicle is bound to. A plan at hand that has more changes by one.
    requests
        Requests that a vehicle is connected with: those it serves at the least cost above their cheapest vehicle's.
    trips
        Trips looked at for each vehicle and size.
    tries
        Stops tried in the search for the best order of a trip. Beyond it the best found by then stands, which costs
        no more than the order of one request less with the last one inserted.
    """

    size: int = 4
    requests: int = 12
    trips: int = 30
    tries: int = 100


class Trip(NamedTuple):
    """A vehicle, the requests it serves besides those it is bound to, its plan, and what that costs."""

    vehicle: int
    members: Members
    plan: tuple[int, ...]
    cost: float


class Batch(NamedTuple):
    """Plans to be priced: of which vehicle, and with which request beyond those in the plan, -1: none.

    Pricing leaves the best plan with the request in it, how many stops it has, and its cost, inf where there is none.
    """

    vehicle: Ints
    request: Ints
    stop: Ints
    length: Ints
    cost: Floats


class Room(NamedTuple):
    """What pricing works with."""

    plans: Plans
    search: Search
    tour: Tour


class Graph:
    """The trips of every vehicle, the one without requests first; `start` and `costs` are the plans at hand."""

    def __init__(self, problem: Problem, start: Sequence[Sequence[int]], costs: Sequence[float], caps: Caps) -> None:
        self._problem, self._caps = problem, caps
        free = free_requests(problem, start)
        bound = [tuple(stop for stop in plan if not free[stop // 2]) for plan in start]
        self.held = [
            Trip(v, tuple(sorted(stop // 2 for stop in plan if stop % 2 and free[stop // 2])), tuple(plan), cost)
            for v, (plan, cost) in enumerate(zip(start, costs, strict=True))
        ]
        """The plans at hand as trips, one by vehicle."""
        width = max(max(map(len, bound), default=0) + 2 * caps.size, max(map(len, start), default=0) + 2)
        draft = blank_draft(len(problem.requests.riders), width)
        search = Search(draft, np.random.Generator(np.random.PCG64(0)), 0.0)
        self._room = Room(blank_plans(problem, width), search, blank_tour(width, problem.vehicles.load.shape[1]))
        bases = self._priced([(Trip(v, (), plan, np.inf), -1) for v, plan in enumerate(bound)])
        self._base = {trip.vehicle: trip.cost for trip in bases}
        self._cheapest: dict[int, float] = {}
        self.trips = bases
        """Trips with their plans and costs."""
        if caps.size:
            self._grow(bases, np.flatnonzero(free).tolist(), start)

    def _grow(self, bases: Sequence[Trip], free: Sequence[int], start: Sequence[Sequence[int]]) -> None:
        pinned = self._problem.requests.vehicle.tolist()
        level = self._priced([(base, r) for base in bases for r in free if pinned[r] in {-1, base.vehicle}])
        for trip in level:
            r, added = trip.members[0], trip.cost - self._base[trip.vehicle]
            self._cheapest[r] = min(self._cheapest.get(r, np.inf), added)
        level = [
            trip
            for own in by_vehicle(level)
            for rank, trip in enumerate(sorted(own, key=self._excess))
            if rank < self._caps.requests or 2 * trip.members[0] in start[trip.vehicle]
        ]
        self.trips = self.trips + level
        self.trips = self.trips + self._varied(level)
        for _ in range(1, self._caps.size):
            level = self._priced([grown for own in by_vehicle(level) for grown in self._joined(own)])
            self.trips = self.trips + level

    def _varied(self, singles: Sequence[Trip]) -> list[Trip]:
        """Return the plans at hand that are too large to be grown, with one request less, more, or another."""
        large = [trip for trip in self.held if len(trip.members) > self._caps.size]
        less = self._priced([(without(trip, r), -1) for trip in large for r in trip.members])
        own = {trips[0].vehicle: [trip.members[0] for trip in trips] for trips in by_vehicle(singles)}
        held = {trip.vehicle: trip.members for trip in large}
        return less + self._priced([
            (trip, r)
            for trip in (*large, *less)
            for r in own.get(trip.vehicle, [])
            if r not in held[trip.vehicle]
        ])  # fmt: skip

    def _joined(self, trips: Sequence[Trip]) -> list[tuple[Trip, int]]:
        """Return the sets of one request more all of whose subsets are among a vehicle's trips.

        Each as the subset that is to be extended and the request. Those come first whose subsets cost least above
        what their requests cost alone, up to the cap.
        """
        excess = {trip.members: self._excess(trip)[0] for trip in trips}
        found = []
        for n, one in enumerate(ordered := sorted(trips, key=lambda trip: trip.members)):
            for other in ordered[n + 1 :]:
                if other.members[:-1] != one.members[:-1]:
                    break
                members = (*one.members, other.members[-1])
                # all subsets but `one` and `other`, of which a pair has none
                subsets = [members[:k] + members[k + 1 :] for k in range(len(members) - 2)]
                if all(subset in excess for subset in subsets):
                    rank = sum((excess[subset] for subset in subsets), excess[one.members] + excess[other.members])
                    found.append((rank, members, one))
        found.sort(key=lambda candidate: candidate[:2])
        return [(one, members[-1]) for _, members, one in found[: self._caps.trips]]

    def _excess(self, trip: Trip) -> tuple[float, Members]:
        """Return what a trip costs above what its requests cost alone by their cheapest vehicles, and its members."""
        return trip.cost - self._base[trip.vehicle] - sum(self._cheapest[r] for r in trip.members), trip.members

    def _priced(self, grown: Sequence[tuple[Trip, int]]) -> list[Trip]:
        """Return the trips that come of adding a request to a trip each, -1: none, where there is a feasible plan."""
        stop = np.zeros((len(grown), len(self._room.tour.best)), np.int64)
        for n, (trip, _) in enumerate(grown):
            stop[n, : len(trip.plan)] = trip.plan
        batch = Batch(
            vehicle=np.array([trip.vehicle for trip, _ in grown], np.int64),
            request=np.array([r for _, r in grown], np.int64),
            stop=stop,
            length=np.array([len(trip.plan) for trip, _ in grown], np.int64),
            cost=np.full(len(grown), np.inf),
        )
        price(self._problem, self._room, batch, self._caps.tries)
        rows = zip(grown, batch.stop.tolist(), batch.length.tolist(), batch.cost.tolist(), strict=True)
        return [
            Trip(trip.vehicle, trip.members if r < 0 else tuple(sorted((*trip.members, r))), tuple(plan[:count]), cost)
            for (trip, r), plan, count, cost in rows
            if cost < np.inf
        ]


def free_requests(problem: Problem, start: Sequence[Sequence[int]]) -> list[bool]:
    """Return by request whether no vehicle is bound to it: not on board, in no lock, and in no plan it is pinned to."""
    free = np.isnan(problem.requests.boarded_s)
    for v, plan in enumerate(start):
        free[[stop // 2 for stop in plan[: problem.vehicles.locked[v]]]] = False
        free[[stop // 2 for stop in plan if problem.requests.vehicle[stop // 2] == v]] = False
    found: list[bool] = free.tolist()
    return found


def without(trip: Trip, r: int) -> Trip:
    """Return a trip less one of its requests, not yet priced."""
    members = tuple(member for member in trip.members if member != r)
    return Trip(trip.vehicle, members, tuple(stop for stop in trip.plan if stop // 2 != r), np.inf)


def by_vehicle(trips: Sequence[Trip]) -> list[list[Trip]]:
    """Return the trips of each vehicle that has any."""
    found: dict[int, list[Trip]] = {}
    for trip in trips:
        found.setdefault(trip.vehicle, []).append(trip)
    return list(found.values())


@kernel
def price(problem: Problem, room: Room, batch: Batch, tries: int) -> None:
    """Find the best order of every plan of a batch, each with the request that it is to serve as well."""
    plans, tour = room.plans, room.tour
    for n in range(len(batch.vehicle)):
        v, r, count = batch.vehicle[n], batch.request[n], batch.length[n]
        for k in range(count):
            plans.stop[v, k + 1] = batch.stop[n, k]
        plans.length[v] = count
        cost = _inserted(problem, room, v, r)
        if cost == np.inf and r >= 0:
            plans.stop[v, count + 1], plans.stop[v, count + 2] = 2 * r, 2 * r + 1
            plans.length[v] = count + 2
        count = plans.length[v]
        for k in range(count):
            tour.best[k] = plans.stop[v, k + 1]
        batch.cost[n] = best_tour(problem, tour, room.search.draft, v, count, cost, tries)
        batch.length[n] = count
        for k in range(count):
            s = tour.best[k]
            batch.stop[n, k] = s
            plans.slot[s], plans.vehicle[s // 2] = -1, -1


@kernel
def _inserted(problem: Problem, room: Room, v: int, r: int) -> float:
    """Insert a request, if any, into a plan at its best place; return what the plan costs, inf where that fails."""
    plans, search = room.plans, room.search
    if not refresh(problem, plans, v, search.draft):
        return np.inf
    if r >= 0:
        place = place_in(problem, plans, search, r, v, np.inf)
        if place.until < 0:
            return np.inf
        settle_in(problem, plans, search.draft, r, v, place)
    return float(plans.drive[v] + plans.rider[v])
