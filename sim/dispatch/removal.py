"""Which requests to take out of their plans, so that a repair may place them better.

Four ways: at random; related ones, close in place and time (Shaw 1997); those that cost most where they are
(Ropke and Pisinger 2006); and strings of neighbouring stops in plans near each other (Christiaens and
Vanden Berghe 2020). Stops within a lock stay: of a request that boards there, the alighting alone is taken out.

What a removal costs does not grow with the fleet, nor with the requests but for a first look at the neighbours of one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sim.dispatch.marks import Marks, blank_marks, clear, mark
from sim.dispatch.plans import Plans, take_out
from sim.dispatch.problem import Floats, Ints, Problem, kernel
from sim.dispatch.schedule import leg_s

NEIGHBOURS = 64
"""How many related requests are kept for each."""

RANDOM, RELATED, WORST, STRINGS = range(4)


SAMPLE = 256
"""Among how many requests, drawn at random, those that cost most are looked for."""

REMOVED, MOVABLE, LISTED, BUSY = range(4)


class Ruin(NamedTuple):
    """What a removal works with and what it leaves behind.

    `removed[: size[REMOVED]]` are the requests to be placed anew, `touched` the vehicles of those taken out. `pool`
    lists the requests that no lock holds, `size[LISTED]` of them: those served by the plans at hand,
    `size[MOVABLE]`, come first; `rank` is where in the pool a request is. `size[BUSY]` is how many plans hold a stop.
    `near` holds the requests related to a request, itself first, shape (requests, neighbours), once `known`. `score`
    and `waiting` are scratch.
    """

    removed: Ints
    size: Ints
    touched: Marks
    near: Ints
    known: NDArray[np.bool_]
    score: Floats
    waiting: Ints
    pool: Ints
    rank: Ints


def ruin_of(problem: Problem, plans: Plans) -> Ruin:
    """Return a ruin of the plans with nothing removed."""
    requests, vehicles = len(plans.vehicle), len(plans.length)
    served = plans.vehicle >= 0
    locked = served & (plans.slot[1::2] <= problem.vehicles.locked[np.maximum(plans.vehicle, 0)])
    pool = np.concatenate([np.flatnonzero(served & ~locked), np.flatnonzero(~served)])
    rank = np.full(requests, -1, np.int64)
    rank[pool] = np.arange(len(pool))
    sizes = (0, int((served & ~locked).sum()), len(pool), int((plans.length > 0).sum()))
    return Ruin(
        removed=np.zeros(requests, np.int64),
        size=np.array(sizes, np.int64),
        touched=blank_marks(vehicles),
        near=np.zeros((requests, min(NEIGHBOURS, requests)), np.int64),
        known=np.zeros(requests, np.bool_),
        score=np.zeros(requests),
        waiting=np.zeros(requests, np.int64),
        pool=pool,
        rank=rank,
    )


@kernel
def remove(problem: Problem, plans: Plans, ruin: Ruin, rng: Generator, way: int, most: int) -> None:
    """Take up to `most` requests out of their plans, beside as many unserved; touched plans must be refreshed."""
    clear(ruin.touched)
    _list_unserved(ruin, rng, most)
    count = ruin.size[MOVABLE]
    if count == 0:
        return
    goal = 1 + draw(rng, min(most, count))
    if way == RANDOM:
        _remove_random(problem, plans, ruin, rng, goal)
    elif way == RELATED:
        _remove_related(problem, plans, ruin, rng, goal)
    elif way == WORST:
        _remove_worst(problem, plans, ruin, rng, goal)
    else:
        _remove_strings(problem, plans, ruin, rng, most)


@kernel
def settle_pool(before: Plans, after: Plans, ruin: Ruin) -> None:
    """Note which of the removed requests are served now, and which plans hold stops."""
    for n in range(ruin.size[REMOVED]):
        r = ruin.removed[n]
        rank, movable = ruin.rank[r], ruin.size[MOVABLE]
        if after.vehicle[r] >= 0 and rank >= movable:
            _swap(ruin, rank, movable)
            ruin.size[MOVABLE] += 1
        elif after.vehicle[r] < 0 and rank < movable:
            _swap(ruin, rank, movable - 1)
            ruin.size[MOVABLE] -= 1
    for n in range(ruin.touched.size[0]):
        v = ruin.touched.items[n]
        ruin.size[BUSY] += int(after.length[v] > 0) - int(before.length[v] > 0)


@kernel
def _swap(ruin: Ruin, a: int, b: int) -> None:
    pool = ruin.pool
    pool[a], pool[b] = pool[b], pool[a]
    ruin.rank[pool[a]], ruin.rank[pool[b]] = a, b


@kernel
def draw(rng: Generator, count: int) -> int:
    """Return one of `count` numbers from 0 on."""
    return int(rng.random() * count)


@kernel
def _list_unserved(ruin: Ruin, rng: Generator, most: int) -> None:
    """Begin the list of removed requests with those that no plan serves, from a random one on."""
    count = ruin.size[LISTED] - ruin.size[MOVABLE]
    ruin.size[REMOVED] = min(most, count)
    first = draw(rng, count)
    for n in range(ruin.size[REMOVED]):
        ruin.removed[n] = ruin.pool[ruin.size[MOVABLE] + (first + n) % count]


@kernel
def _take(problem: Problem, plans: Plans, ruin: Ruin, r: int) -> None:
    v = plans.vehicle[r]
    take_out(plans, v, r, problem.vehicles.locked[v] + 1)
    mark(ruin.touched, v)
    ruin.removed[ruin.size[REMOVED]] = r
    ruin.size[REMOVED] += 1


@kernel
def _remove_random(problem: Problem, plans: Plans, ruin: Ruin, rng: Generator, goal: int) -> None:
    for n in range(goal):
        _swap(ruin, n, n + draw(rng, ruin.size[MOVABLE] - n))
        _take(problem, plans, ruin, ruin.pool[n])


@kernel
def _remove_related(problem: Problem, plans: Plans, ruin: Ruin, rng: Generator, goal: int) -> None:
    _take(problem, plans, ruin, ruin.pool[draw(rng, ruin.size[MOVABLE])])
    for _ in range(1, goal):
        seed = ruin.removed[draw(rng, ruin.size[REMOVED])]
        _learn_near(problem, ruin, seed)
        ahead = int(rng.random() ** 4 * ruin.near.shape[1])  # mostly the nearest of those still planned
        chosen = -1
        for n in range(ruin.near.shape[1]):
            r = ruin.near[seed, n]
            v = plans.vehicle[r]
            if v >= 0 and plans.slot[2 * r + 1] > problem.vehicles.locked[v]:
                chosen = r
                ahead -= 1
                if ahead < 0:
                    break
        if chosen >= 0:
            _take(problem, plans, ruin, chosen)


@kernel
def _remove_worst(problem: Problem, plans: Plans, ruin: Ruin, rng: Generator, goal: int) -> None:
    count = min(SAMPLE, ruin.size[MOVABLE])
    for n in range(count):
        if count < ruin.size[MOVABLE]:
            _swap(ruin, n, n + draw(rng, ruin.size[MOVABLE] - n))
        ruin.score[n] = _saving(problem, plans, ruin.pool[n]) * (0.5 + rng.random())
    for _ in range(goal):
        worst = 0
        for n in range(1, count):
            if ruin.score[n] > ruin.score[worst]:
                worst = n
        ruin.score[worst] = -np.inf
        _take(problem, plans, ruin, ruin.pool[worst])


@kernel
def _saving(problem: Problem, plans: Plans, r: int) -> float:
    """Return the cost of the ways that a plan saves without a request."""
    v, dropoff = plans.vehicle[r], plans.slot[2 * r + 1]
    node, cost = plans.node[v], problem.cost
    pickup = plans.slot[2 * r]
    if pickup < 0:
        return _detour(cost, node, dropoff)
    if dropoff > pickup + 1:
        return _detour(cost, node, dropoff) + _detour(cost, node, pickup)
    before, behind = node[pickup - 1], node[dropoff + 1]
    ways = cost[before, node[pickup]] + cost[node[pickup], node[dropoff]] + leg_s(cost, node[dropoff], behind)
    return float(ways - leg_s(cost, before, behind))


@kernel
def _detour(cost: Floats, node: Ints, slot: int) -> float:
    before, here, behind = node[slot - 1], node[slot], node[slot + 1]
    return float(cost[before, here] + leg_s(cost, here, behind) - leg_s(cost, before, behind))


@kernel
def _remove_strings(problem: Problem, plans: Plans, ruin: Ruin, rng: Generator, most: int) -> None:
    """Take out strings of stops from plans near a request drawn at random, one string a plan."""
    count = ruin.size[MOVABLE]
    longest = max(2.0, min(STRING_STOPS, 2.0 * count / ruin.size[BUSY]))
    strings = 1 + draw(rng, max(1, int(4.0 * most / (1.0 + longest))))
    unserved = ruin.size[REMOVED]
    seed = ruin.removed[draw(rng, unserved)] if rng.random() * unserved > 0.5 else ruin.pool[draw(rng, count)]
    _learn_near(problem, ruin, seed)
    for n in range(ruin.near.shape[1]):
        r = ruin.near[seed, n]
        v = plans.vehicle[r]
        if v < 0 or ruin.touched.held[v] or plans.slot[2 * r + 1] <= problem.vehicles.locked[v]:
            continue
        _take_string(problem, plans, ruin, rng, r, 1 + draw(rng, min(int(longest), plans.length[v])))
        strings -= 1
        if strings == 0 or ruin.size[REMOVED] - unserved >= most:
            break


STRING_STOPS = 12.0


@kernel
def _take_string(problem: Problem, plans: Plans, ruin: Ruin, rng: Generator, r: int, length: int) -> None:
    """Take out the requests with a stop in a string of that length around one of a request's stops."""
    v = plans.vehicle[r]
    lock, count = problem.vehicles.locked[v], plans.length[v]
    at = plans.slot[2 * r] if plans.slot[2 * r] > lock and rng.random() < 0.5 else plans.slot[2 * r + 1]
    first = max(lock + 1, at - draw(rng, length))
    for _ in range(min(length, count - first + 1)):
        if first > plans.length[v]:
            break
        other = plans.stop[v, first] // 2
        if plans.slot[2 * other + 1] > lock:
            _take(problem, plans, ruin, other)
        else:
            first += 1


@kernel
def _learn_near(problem: Problem, ruin: Ruin, r: int) -> None:
    """Work out which requests are related to a request, when that is first asked for."""
    if ruin.known[r]:
        return
    ruin.known[r] = True
    most = ruin.near.shape[1]
    for other in range(len(ruin.score)):
        distance = _distance(problem, r, other)
        at = min(other, most)
        while at > 0 and ruin.score[at - 1] > distance:
            at -= 1
            if at + 1 < most:
                ruin.near[r, at + 1], ruin.score[at + 1] = ruin.near[r, at], ruin.score[at]
        if at < most:
            ruin.near[r, at], ruin.score[at] = other, distance


@kernel
def _distance(problem: Problem, r: int, other: int) -> float:
    """Return how far two requests are from each other, in seconds of driving and of their windows."""
    if r == other:
        return -1.0
    node, earliest = problem.requests.node, problem.requests.earliest_s
    ways = problem.travel_s[node[2 * r], node[2 * other]] + problem.travel_s[node[2 * r + 1], node[2 * other + 1]]
    return float(ways + abs(earliest[2 * r] - earliest[2 * other]))
