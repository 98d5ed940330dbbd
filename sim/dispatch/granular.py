"""Which plans are asked to take a request, in a search over a fleet too large to ask all of them every time.

For each request the plans are kept to which it adds least by their bounds, after the granular neighbourhoods of
Toth and Vigo (2003). They are learnt by a look at all plans when the request is first placed, and anew after some
placements, for plans change. Plans that the iteration has changed are asked as well. Where none of these takes the
request, all are asked.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim.dispatch.bounds import bound_all, bound_in
from sim.dispatch.insertion import Place, Search, best_among, best_place
from sim.dispatch.marks import Marks
from sim.dispatch.plans import Plans
from sim.dispatch.problem import Ints, Problem, kernel

SMALL_FLEET = 32
"""Up to so many vehicles all are always asked."""

KEPT = 16
"""How many plans are kept for a request."""

USES = 12
"""After how many placements of a request its plans are learnt anew."""


class Granular(NamedTuple):
    """The plans kept for each request, shape (requests, kept); `known` of them, the least bound first.

    `uses` is how often they were asked, 0 where they are not known. No plans are kept in a small fleet.
    """

    kept: Ints
    known: Ints
    uses: Ints


def blank_granular(requests: int, vehicles: int) -> Granular:
    """Return room for the plans of so many requests, none known."""
    kept = KEPT if vehicles > SMALL_FLEET else 0
    return Granular(np.zeros((requests, kept), np.int64), np.zeros(requests, np.int64), np.zeros(requests, np.int64))


@kernel
def likely_place(
    problem: Problem, plans: Plans, search: Search, granular: Granular, touched: Marks, r: int
) -> tuple[int, Place]:
    """Return the vehicle (-1: none at all) and the place where a request adds least, among the plans asked."""
    if granular.kept.shape[1] == 0 or problem.requests.vehicle[r] >= 0:
        return best_place(problem, plans, search, r)
    if not learn(problem, plans, granular, r):
        v, place = best_among(problem, plans, search, r, _bound_likely(problem, plans, granular, touched, r))
        if v >= 0:
            return v, place
        granular.uses[r] = 0
        learn(problem, plans, granular, r)
    return best_among(problem, plans, search, r, bound_all(problem, plans, r))


@kernel
def learn(problem: Problem, plans: Plans, granular: Granular, r: int) -> bool:
    """Keep the plans of least bound for a request, unless those kept will do; return whether they were learnt."""
    granular.uses[r] += 1
    if 1 < granular.uses[r] <= USES:
        return False
    granular.uses[r] = 1
    kept, most, bound, count = granular.kept[r], granular.kept.shape[1], plans.bound, 0
    for n in range(bound_all(problem, plans, r)):
        v, at = plans.among[n], min(count, most)
        while at > 0 and bound[kept[at - 1]] > bound[v]:
            at -= 1
            if at + 1 < most:
                kept[at + 1] = kept[at]
        if at < most:
            kept[at] = v
            count = min(count + 1, most)
    granular.known[r] = count
    return True


@kernel
def _bound_likely(problem: Problem, plans: Plans, granular: Granular, touched: Marks, r: int) -> int:
    """List the plans kept for a request and those touched, bounded, in `plans.among`; return how many."""
    among, count = plans.among, 0
    for n in range(granular.known[r] + touched.size[0]):
        if n < granular.known[r]:
            v = granular.kept[r, n]
            if touched.held[v]:
                continue
        else:
            v = touched.items[n - granular.known[r]]
        plans.bound[v] = bound_in(problem, plans, r, v)
        if plans.bound[v] < np.inf:
            among[count] = v
            count += 1
    return count
