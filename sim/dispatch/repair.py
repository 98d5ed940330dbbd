"""How requests without a plan are placed: one after another where each adds least, or by regret.

The greedy way draws an order and passes over some boardings at random (Christiaens and Vanden Berghe 2020). By
regret the request goes first that would lose most if it had to take its second-best plan (Ropke and Pisinger 2006).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from sim.dispatch.bounds import bound_in
from sim.dispatch.granular import KEPT, SMALL_FLEET, Granular, learn, likely_place
from sim.dispatch.insertion import Place, Search, best_place, place_in, settle_in
from sim.dispatch.marks import mark
from sim.dispatch.plans import Plans
from sim.dispatch.problem import Floats, Ints, Problem, kernel
from sim.dispatch.removal import REMOVED, Ruin, draw

ORDERS = 5
GREEDY, REGRET = range(2)


class Offers(NamedTuple):
    """The best place of every request to be placed in every plan asked, shape (requests, plans asked).

    The plans asked are `vehicle[: size[0]]`, and `column` is where a vehicle stands among them, -1 for those not asked.
    """

    after: Ints
    until: Ints
    cost: Floats
    vehicle: Ints
    column: Ints
    size: Ints


def blank_offers(requests: int, vehicles: int) -> Offers:
    """Return room for the offers of that many requests."""
    shape = requests, min(vehicles, max(SMALL_FLEET, requests * (KEPT + 2)))  # as many are touched at most, twice
    return Offers(
        after=np.zeros(shape, np.int64),
        until=np.zeros(shape, np.int64),
        cost=np.zeros(shape),
        vehicle=np.zeros(shape[1], np.int64),
        column=np.full(vehicles, -1, np.int64),
        size=np.zeros(1, np.int64),
    )


@kernel
def repair(
    problem: Problem, plans: Plans, search: Search, ruin: Ruin, granular: Granular, offers: Offers, way: int
) -> bool:
    """Place the removed requests; return False if one whose boarding stands finds no place to alight."""
    waiting = _place_boarded(problem, plans, search, ruin)
    if waiting < 0:
        return False
    if way == REGRET and waiting <= len(offers.cost):
        waiting = _place_by_regret(problem, plans, search, ruin, granular, offers, waiting)
    else:
        _order(problem, ruin, search.rng, waiting)
    for n in range(waiting):
        r = ruin.waiting[n]
        v, place = likely_place(problem, plans, search, granular, ruin.touched, r)
        if v >= 0:
            _settle(problem, plans, search, ruin, r, v, place)
    return True


@kernel
def _settle(problem: Problem, plans: Plans, search: Search, ruin: Ruin, r: int, v: int, place: Place) -> None:
    settle_in(problem, plans, search.draft, r, v, place)
    mark(ruin.touched, v)


@kernel
def _place_boarded(problem: Problem, plans: Plans, search: Search, ruin: Ruin) -> int:
    """Place the alightings of requests that have boarded; list the others as waiting and return how many, or -1."""
    waiting = 0
    exact = Search(search.draft, search.rng, 0.0)
    for n in range(ruin.size[REMOVED]):
        r = ruin.removed[n]
        if plans.slot[2 * r] < 0 and np.isnan(problem.requests.boarded_s[r]):
            ruin.waiting[waiting] = r
            waiting += 1
            continue
        v, place = best_place(problem, plans, exact, r)
        if v < 0:
            return -1
        _settle(problem, plans, search, ruin, r, v, place)
    return waiting


@kernel
def _order(problem: Problem, ruin: Ruin, rng: Generator, count: int) -> None:
    """Put those waiting in an order drawn at random: any, early or narrow windows, long trips, high penalties first."""
    requests, order = problem.requests, draw(rng, ORDERS)
    for n in range(count):
        r = ruin.waiting[n]
        if order == 0:
            score = rng.random()
        elif order == 1:
            score = requests.earliest_s[2 * r]
        elif order == 2:
            score = requests.latest_s[2 * r] - requests.earliest_s[2 * r]
        elif order == 3:
            score = -problem.travel_s[requests.node[2 * r], requests.node[2 * r + 1]]
        else:
            score = -requests.penalty[r]
        ruin.score[n] = score
    for n in range(1, count):
        r, score, at = ruin.waiting[n], ruin.score[n], n
        while at > 0 and ruin.score[at - 1] > score:
            ruin.waiting[at], ruin.score[at] = ruin.waiting[at - 1], ruin.score[at - 1]
            at -= 1
        ruin.waiting[at], ruin.score[at] = r, score


@kernel
def _place_by_regret(
    problem: Problem, plans: Plans, search: Search, ruin: Ruin, granular: Granular, offers: Offers, waiting: int
) -> int:
    """Place requests, most regret first, while any plan asked takes one; return how many are left waiting."""
    _ask_all(problem, plans, search, ruin, granular, offers, waiting)
    while waiting > 0:
        n, column = _most_regret(offers, waiting)
        if n < 0:
            break
        place = Place(offers.after[n, column], offers.until[n, column], offers.cost[n, column])
        v = offers.vehicle[column]
        _settle(problem, plans, search, ruin, ruin.waiting[n], v, place)
        waiting -= 1
        ruin.waiting[n] = ruin.waiting[waiting]
        for c in range(offers.size[0]):
            offers.after[n, c], offers.until[n, c] = offers.after[waiting, c], offers.until[waiting, c]
            offers.cost[n, c] = offers.cost[waiting, c]
        for other in range(waiting):
            _ask(problem, plans, search, offers, other, ruin.waiting[other], v)
    for c in range(offers.size[0]):
        offers.column[offers.vehicle[c]] = -1
    offers.size[0] = 0
    return waiting


@kernel
def _ask_all(
    problem: Problem, plans: Plans, search: Search, ruin: Ruin, granular: Granular, offers: Offers, waiting: int
) -> None:
    """Work out what every plan offers in a small fleet, and else what the likely ones do."""
    for n in range(waiting):
        r = ruin.waiting[n]
        for c in range(offers.size[0]):
            offers.cost[n, c] = np.inf
        if granular.kept.shape[1] == 0:
            for v in range(len(plans.length)):
                _ask(problem, plans, search, offers, n, r, v)
            continue
        learn(problem, plans, granular, r)
        for k in range(granular.known[r]):
            _ask(problem, plans, search, offers, n, r, granular.kept[r, k])
        for k in range(ruin.touched.size[0]):
            v = ruin.touched.items[k]
            if offers.column[v] < 0 or offers.cost[n, offers.column[v]] == np.inf:
                _ask(problem, plans, search, offers, n, r, v)


@kernel
def _ask(problem: Problem, plans: Plans, search: Search, offers: Offers, n: int, r: int, v: int) -> None:
    """Work out what one plan offers to request r, the n-th of those waiting."""
    c = offers.column[v]
    if c < 0:
        c = offers.column[v] = offers.size[0]
        offers.vehicle[c] = v
        offers.size[0] += 1
        for other in range(n):
            offers.cost[other, c] = np.inf
    offers.cost[n, c] = np.inf
    if problem.requests.vehicle[r] in (-1, v) and bound_in(problem, plans, r, v) < np.inf:
        place = place_in(problem, plans, search, r, v, np.inf)
        offers.after[n, c], offers.until[n, c], offers.cost[n, c] = place.after, place.until, place.cost


@kernel
def _most_regret(offers: Offers, waiting: int) -> tuple[int, int]:
    """Return the request that regrets most, and the column of its best plan; -1 if none has a place."""
    chosen, column, most, least = -1, -1, -np.inf, np.inf
    for n in range(waiting):
        best_c, best, second = -1, np.inf, np.inf
        for c in range(offers.size[0]):
            cost = offers.cost[n, c]
            if cost < best:
                best_c, best, second = c, cost, best
            elif cost < second:
                second = cost
        regret = second - best if best_c >= 0 else -np.inf
        if best_c >= 0 and (regret > most or (regret == most and best < least)):
            chosen, column, most, least = n, best_c, regret, best
    return chosen, column
