"""What a search over the plans of a fleet returns, and what it may not change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.dispatch.plans import Plans, stops_of, total_cost
from sim.dispatch.problem import Problem

Stops = tuple[int, ...]


class Solution(NamedTuple):
    """The plans, their cost with the penalties of the requests left unserved, which those are, and the cost saved."""

    plans: tuple[Stops, ...]
    cost: float
    unserved: tuple[int, ...]
    saved: float


def pinned(problem: Problem, start: Sequence[Sequence[int]]) -> Problem:
    """Return the problem with every request that boards within a lock pinned to the vehicle."""
    vehicle = problem.requests.vehicle.copy()
    for v, plan in enumerate(start):
        for stop in plan[: problem.vehicles.locked[v]]:
            vehicle[stop // 2] = v
    return problem._replace(requests=problem.requests._replace(vehicle=vehicle))


def solution_of(problem: Problem, plans: Plans, before: float) -> Solution:
    """Return plans that came from some of the cost `before`."""
    unserved, cost = tuple(np.flatnonzero(plans.vehicle < 0).tolist()), float(total_cost(problem, plans))
    return Solution(stops_of(plans), cost, unserved, float(before) - cost)
