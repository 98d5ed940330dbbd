"""Limits of plans that new travel times have broken: lifted to what the plan does, so that it breaks no further."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.dispatch.problem import Floats, Problem, kernel, laid_out, require_plans
from sim.dispatch.schedule import Draft, draw_up, leg_s, settle


def relax(problem: Problem, plans: Sequence[Sequence[int]]) -> Problem:
    """Return the problem with the limits that the plans break lifted to what happens as soon as possible.

    What is lifted are latest starts, longest rides, latest ends and longest duties, each only where it is broken;
    `due_s` stays, so lateness costs as before. Capacity is never lifted.

    Raises
    ------
    ControllerError
        The problem or the plans are not valid.
    """
    problem = laid_out(problem)
    require_plans(problem, plans)
    requests, vehicles = problem.requests, problem.vehicles
    latest_s, max_ride_s = requests.latest_s.copy(), requests.max_ride_s.copy()
    latest_end_s, max_duration_s = vehicles.latest_end_s.copy(), vehicles.max_duration_s.copy()
    for v, plan in enumerate(plans):
        if settle(problem, v, draw_up(problem, v, plan), len(plan), 1):
            continue
        draft = draw_up(problem, v, plan)
        _hurry(problem, draft, len(plan))
        _lift(problem, draft, plan, latest_s, max_ride_s)
        latest_end_s[v] = max(latest_end_s[v], draft.begin_s[len(plan) + 1])
        max_duration_s[v] = max(max_duration_s[v], draft.begin_s[len(plan) + 1] - vehicles.ready_s[v])
    return problem._replace(
        requests=requests._replace(latest_s=latest_s, max_ride_s=max_ride_s),
        vehicles=vehicles._replace(latest_end_s=latest_end_s, max_duration_s=max_duration_s),
    )


@kernel
def _hurry(problem: Problem, draft: Draft, count: int) -> None:
    """Time a plan as soon as possible, whatever it breaks."""
    requests, node = problem.requests, draft.node
    for k in range(1, count + 1):
        s, shared = draft.stop[k], node[k] == node[k - 1]
        arrive = draft.begin_s[k - 1] if shared else draft.end_s[k - 1] + problem.travel_s[node[k - 1], node[k]]
        draft.begin_s[k] = max(arrive, requests.earliest_s[s])
        draft.end_s[k] = draft.begin_s[k] + requests.service_s[s]
        if shared:
            draft.end_s[k] = max(draft.end_s[k], draft.end_s[k - 1])
    draft.begin_s[count + 1] = draft.end_s[count] + leg_s(problem.travel_s, node[count], node[count + 1])


def _lift(problem: Problem, draft: Draft, plan: Sequence[int], latest_s: Floats, max_ride_s: Floats) -> None:
    requests = problem.requests
    for k, stop in enumerate(plan, start=1):
        r, begin_s = stop // 2, draft.begin_s[k]
        latest_s[stop] = max(latest_s[stop], begin_s)
        if stop % 2:
            boarded_s = requests.boarded_s[r]
            if np.isnan(boarded_s):
                boarded_s = draft.begin_s[draft.slot[stop - 1]] + requests.service_s[stop - 1]
            max_ride_s[r] = max(max_ride_s[r], begin_s - boarded_s)
