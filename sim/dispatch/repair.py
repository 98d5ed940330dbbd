"""How requests without a plan are placed: one after another where each adds least, or by regret.

The greedy way draws an order and passes over some boardings at random (Christiaens and Vanden Berghe 2020). By
regret the request goes first that would lose most if it had to take its second-best plan (Ropke and Pisinger 2006).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from sim.dispatch.insertion import Place, Search, best_place, place_in, settle_in
from sim.dispatch.marks import mark
from sim.dispatch.plans import Plans
from sim.dispatch.problem import Floats, Ints, Problem, kernel
from sim.dispatch.removal import REMOVED, Ruin, draw

ORDERS = 5
GREEDY, REGRET = range(2)


class Offers(NamedTuple):
    """The best place of every request to be placed in every plan, shape (requests, vehicles)."""

    after: Ints
    until: Ints
    cost: Floats


def blank_offers(requests: int, vehicles: int) -> Offers:
    """Return room for the offers of that many requests."""
    shape = (requests, vehicles)
    return Offers(np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape))


@kernel
def repair(problem: Problem, plans: Plans, search: Search, ruin: Ruin, offers: Offers, way: int) -> bool:
    """Place the removed requests; return False if one whose boarding stands finds no place to alight."""
    waiting = _place_boarded(problem, plans, search, ruin)
    if waiting < 0:
        return False
    if way == REGRET and waiting <= len(offers.cost):
        _place_by_regret(problem, plans, search, ruin, offers, waiting)
    else:
        _order(problem, ruin, search.rng, waiting)
        for n in range(waiting):
            r = ruin.waiting[n]
            v, place = best_place(problem, plans, search, r)
            if v >= 0:
                settle_in(problem, plans, search.draft, r, v, place)
                mark(ruin.touched, v)
    return True


@kernel
def _place_boarded(problem: Problem, plans: Plans, search: Search, ruin: Ruin) -> int:
    """Place the alightings of requests that have boarded; list the others in the pool and return how many, or -1."""
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
        settle_in(problem, plans, search.draft, r, v, place)
        mark(ruin.touched, v)
    return waiting


@kernel
def _order(problem: Problem, ruin: Ruin, rng: Generator, count: int) -> None:
    """Put the pool in an order drawn at random: any, early or narrow windows, long trips, high penalties first."""
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
def _place_by_regret(problem: Problem, plans: Plans, search: Search, ruin: Ruin, offers: Offers, waiting: int) -> None:
    for v in range(len(plans.length)):
        _ask(problem, plans, search, ruin, offers, waiting, v)
    while waiting > 0:
        n, v = _most_regret(offers, waiting)
        if n < 0:
            return
        r = ruin.waiting[n]
        place = Place(offers.after[n, v], offers.until[n, v], offers.cost[n, v])
        settle_in(problem, plans, search.draft, r, v, place)
        mark(ruin.touched, v)
        waiting -= 1
        ruin.waiting[n] = ruin.waiting[waiting]
        for u in range(len(plans.length)):
            offers.after[n, u], offers.until[n, u] = offers.after[waiting, u], offers.until[waiting, u]
            offers.cost[n, u] = offers.cost[waiting, u]
        _ask(problem, plans, search, ruin, offers, waiting, v)


@kernel
def _ask(problem: Problem, plans: Plans, search: Search, ruin: Ruin, offers: Offers, waiting: int, v: int) -> None:
    """Work out what one plan offers to the requests in the pool."""
    for n in range(waiting):
        r = ruin.waiting[n]
        offers.cost[n, v] = np.inf
        if problem.requests.vehicle[r] in (-1, v):
            place = place_in(problem, plans, search, r, v, np.inf)
            offers.after[n, v], offers.until[n, v], offers.cost[n, v] = place.after, place.until, place.cost


@kernel
def _most_regret(offers: Offers, waiting: int) -> tuple[int, int]:
    """Return the request that regrets most, and its best plan; -1 if none has a place."""
    chosen, plan, most, least = -1, -1, -np.inf, np.inf
    for n in range(waiting):
        best_v, best, second = -1, np.inf, np.inf
        for v in range(offers.cost.shape[1]):
            cost = offers.cost[n, v]
            if cost < best:
                best_v, best, second = v, cost, best
            elif cost < second:
                second = cost
        regret = second - best if best_v >= 0 else -np.inf
        if best_v >= 0 and (regret > most or (regret == most and best < least)):
            chosen, plan, most, least = n, best_v, regret, best
    return chosen, plan
