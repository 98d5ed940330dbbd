"""Limits of plans that new travel times have broken: lifted to what the plan does, so that it breaks no further."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.dispatch.battery import has_battery, lift_charge
from sim.dispatch.problem import Floats, Ints, Problem, kernel, laid_out, require_plans
from sim.dispatch.schedule import Draft, blank_draft, leg_s, settle


class _Limits(NamedTuple):
    """What can be lifted, as in the columns of a problem."""

    latest_s: Floats
    max_ride_s: Floats
    latest_end_s: Floats
    max_duration_s: Floats
    range_m: Floats
    charged_m: Floats


def relax(problem: Problem, plans: Sequence[Sequence[int]]) -> Problem:
    """Return the problem with the limits that the plans break lifted to what happens as soon as possible.

    What is lifted are latest starts, longest rides, latest ends, longest duties and charges that do not last, each only
    where it is broken; `due_s` stays, so lateness costs as before. Capacity is never lifted. The limits are columns of
    their own.

    Raises
    ------
    ControllerError
        The problem or the plans are not valid.
    """
    problem = laid_out(problem)
    require_plans(problem, plans)
    requests, vehicles, batteries = problem.requests, problem.vehicles, problem.batteries
    limits = _Limits(
        requests.latest_s.copy(),
        requests.max_ride_s.copy(),
        vehicles.latest_end_s.copy(),
        vehicles.max_duration_s.copy(),
        batteries.range_m.copy(),
        batteries.charged_m.copy(),
    )
    ends = np.array([0, *itertools.accumulate(len(plan) for plan in plans)], np.int64)
    draft = blank_draft(len(requests.riders), max((len(plan) for plan in plans), default=0))
    _lift_all(problem, np.array(list(itertools.chain.from_iterable(plans)), np.int64), ends, draft, limits)
    return problem._replace(
        requests=requests._replace(latest_s=limits.latest_s, max_ride_s=limits.max_ride_s),
        vehicles=vehicles._replace(latest_end_s=limits.latest_end_s, max_duration_s=limits.max_duration_s),
        batteries=batteries._replace(range_m=limits.range_m, charged_m=limits.charged_m),
    )


@kernel
def _lift_all(problem: Problem, stops: Ints, ends: Ints, draft: Draft, limits: _Limits) -> None:
    """Lift what the plans break; plan v is `stops[ends[v]:ends[v + 1]]`."""
    for v in range(len(ends) - 1):
        count = ends[v + 1] - ends[v]
        _draw_up(problem, v, stops, ends[v], count, draft)
        if not settle(problem, v, draft, count, 1):
            _draw_up(problem, v, stops, ends[v], count, draft)
            hurry(problem, draft, count)
            _lift(problem, v, draft, count, limits)
            if has_battery(problem, v):
                lift_charge(problem, v, draft.stop, draft.node, count, limits.range_m, limits.charged_m)


@kernel
def _draw_up(problem: Problem, v: int, stops: Ints, first: int, count: int, draft: Draft) -> None:
    vehicles = problem.vehicles
    draft.node[0], draft.node[count + 1] = vehicles.node[v], vehicles.end_node[v]
    draft.begin_s[0] = draft.end_s[0] = vehicles.ready_s[v]
    for k in range(1, count + 1):
        s = stops[first + k - 1]
        draft.stop[k], draft.node[k], draft.begin_s[k], draft.slot[s] = s, problem.requests.node[s], -np.inf, k


@kernel
def hurry(problem: Problem, draft: Draft, count: int) -> None:
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


@kernel
def _lift(problem: Problem, v: int, draft: Draft, count: int, limits: _Limits) -> None:
    requests = problem.requests
    for k in range(1, count + 1):
        s, begin = draft.stop[k], draft.begin_s[k]
        r = s // 2
        limits.latest_s[s] = max(limits.latest_s[s], begin)
        if s % 2 == 1:
            boarded = requests.boarded_s[r]
            if np.isnan(boarded):
                boarded = draft.begin_s[draft.slot[s - 1]] + requests.service_s[s - 1]
            limits.max_ride_s[r] = max(limits.max_ride_s[r], begin - boarded)
    end = draft.begin_s[count + 1]
    limits.latest_end_s[v] = max(limits.latest_end_s[v], end)
    limits.max_duration_s[v] = max(limits.max_duration_s[v], end - problem.vehicles.ready_s[v])
