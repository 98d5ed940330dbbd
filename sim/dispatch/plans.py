"""The plans of a fleet, timed, with what the search for places looks up instead of timing them anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim.dispatch.battery import has_battery, lay_spare
from sim.dispatch.marks import Marks
from sim.dispatch.problem import Floats, Ints, Problem, kernel
from sim.dispatch.schedule import Draft, drive_cost, lay_latest, rider_cost, settle
from sim.errors import ControllerError

MAX_CELLS = 1 << 17
"""Bound on vehicles times stops, beyond what the plans need; only fleets of hundreds come near it."""

SPARE_STOPS = 16
"""How many stops the longest plan may grow by in any case."""


class Plans(NamedTuple):
    """Plans as rows of slots: slot 0 is the vehicle's start, slots 1 to n hold its stops, slot n + 1 is its end.

    `begin_s` and `end_s` are those of `Draft`, `latest_s` is the latest start that leaves the plan feasible, and
    `load` is what is on board after a slot, shape (vehicles, slots, dimensions). By how much the way from a slot to the
    next may become longer is `spare_m`, all ways between two chargers together, the first of which leaves slot
    `stretch`; neither has slots unless there are batteries. `length` is how many stops a plan
    has, `drive` and `rider` are its costs. `slot` holds by stop and `vehicle` by request: -1 for one whose alighting
    is in no plan. `free_node` and `free_s` are where and when a vehicle's lock ends. `bound` and `among` are
    scratch: what the request looked at last adds to each plan at least, and the plans to be searched for it.
    """

    stop: Ints
    node: Ints
    begin_s: Floats
    end_s: Floats
    latest_s: Floats
    load: Ints
    stretch: Ints
    spare_m: Floats
    length: Ints
    drive: Floats
    rider: Floats
    slot: Ints
    vehicle: Ints
    free_node: Ints
    free_s: Floats
    bound: Floats
    among: Ints


def blank_plans(problem: Problem, width: int) -> Plans:
    """Return empty plans with room for `width` stops each."""
    size, dimensions = problem.vehicles.load.shape
    requests, shape = len(problem.requests.riders), (size, width + 2)
    charging = shape if len(problem.batteries.range_m) else (size, 0)
    return Plans(
        stop=np.zeros(shape, np.int64),
        node=np.zeros(shape, np.int64),
        begin_s=np.zeros(shape),
        end_s=np.zeros(shape),
        latest_s=np.zeros(shape),
        load=np.zeros((*shape, dimensions), np.int64),
        stretch=np.zeros(charging, np.int64),
        spare_m=np.zeros(charging),
        length=np.zeros(size, np.int64),
        drive=np.zeros(size),
        rider=np.zeros(size),
        slot=np.full(2 * requests, -1, np.int64),
        vehicle=np.full(requests, -1, np.int64),
        free_node=np.zeros(size, np.int64),
        free_s=np.zeros(size),
        bound=np.zeros(size),
        among=np.zeros(size, np.int64),
    )


def width_for(problem: Problem, stops: Sequence[Sequence[int]]) -> int:
    """Return how many stops a plan may come to hold."""
    longest = max((len(plan) for plan in stops), default=0)
    size = max(1, len(stops))
    return min(len(problem.requests.node), max(longest + SPARE_STOPS, MAX_CELLS // size))


def lay_plans(problem: Problem, stops: Sequence[Sequence[int]], draft: Draft) -> Plans:
    """Time plans and prepare them for the search.

    Raises
    ------
    ControllerError
        A plan breaks a limit.
    """
    plans = blank_plans(problem, len(draft.stop) - 2)
    for v, plan in enumerate(stops):
        plans.length[v] = len(plan)
        plans.stop[v, 1 : len(plan) + 1] = plan
    broken = _refresh_all(problem, plans, draft)
    if broken >= 0:
        msg = f"plan of vehicle {broken} breaks a limit: {list(stops[broken])}"
        raise ControllerError(msg)
    return plans


@kernel
def _refresh_all(problem: Problem, plans: Plans, draft: Draft) -> int:
    """Time all plans; return the first vehicle whose plan breaks a limit, or -1."""
    for v in range(len(plans.length)):
        if not refresh(problem, plans, v, draft) or not carries_all(problem, plans, v):
            return v
    return -1


@kernel
def refresh(problem: Problem, plans: Plans, v: int, draft: Draft) -> bool:
    """Time a plan after its stops have changed, and what follows from that; return whether it keeps in time."""
    requests, vehicles, count = problem.requests, problem.vehicles, plans.length[v]
    draft.node[0], draft.node[count + 1] = vehicles.node[v], vehicles.end_node[v]
    draft.begin_s[0] = draft.end_s[0] = vehicles.ready_s[v]
    for k in range(1, count + 1):
        s = plans.stop[v, k]
        draft.stop[k], draft.node[k], draft.begin_s[k] = s, requests.node[s], -np.inf
        draft.slot[s] = plans.slot[s] = k
        if s % 2 == 1:
            plans.vehicle[s // 2] = v
    if not settle(problem, v, draft, count, 1):
        return False
    _lay_load(problem, plans, v)
    lay_latest(problem, v, draft, count, plans.latest_s[v])
    if has_battery(problem, v):
        lay_spare(problem, v, draft.stop, draft.node, count, plans.stretch[v], plans.spare_m[v])
    for k in range(count + 2):
        plans.node[v, k] = draft.node[k]
        plans.begin_s[v, k] = draft.begin_s[k]
        plans.end_s[v, k] = draft.end_s[k]
    plans.free_node[v], plans.free_s[v] = draft.node[vehicles.locked[v]], draft.begin_s[vehicles.locked[v]]
    plans.drive[v] = drive_cost(problem, draft, count)
    plans.rider[v] = rider_cost(problem, draft, count)
    return True


@kernel
def _lay_load(problem: Problem, plans: Plans, v: int) -> None:
    requests = problem.requests
    for d in range(plans.load.shape[2]):
        load = problem.vehicles.load[v, d]
        plans.load[v, 0, d] = load
        for k in range(1, plans.length[v] + 1):
            s = plans.stop[v, k]
            load += requests.load[s // 2, d] if s % 2 == 0 else -requests.load[s // 2, d]
            plans.load[v, k, d] = load


@kernel
def carries(problem: Problem, plans: Plans, v: int, slot: int) -> bool:
    """Return whether a vehicle can carry what is on board after a slot."""
    for d in range(plans.load.shape[2]):  # noqa: SIM110 (numba compiles no generator here)
        if plans.load[v, slot, d] > problem.vehicles.capacity[v, d]:
            return False
    return True


@kernel
def carries_all(problem: Problem, plans: Plans, v: int) -> bool:
    """Return whether a vehicle can carry all that its plan takes on board."""
    for slot in range(1, plans.length[v] + 1):  # noqa: SIM110 (as above)
        if not carries(problem, plans, v, slot):
            return False
    return True


@kernel
def put_in(plans: Plans, v: int, s: int, slot: int) -> None:
    """Put a stop into a plan, as its `slot`; the plan must be refreshed before it is looked at."""
    for k in range(plans.length[v], slot - 1, -1):
        plans.stop[v, k + 1] = plans.stop[v, k]
    plans.stop[v, slot] = s
    plans.length[v] += 1


@kernel
def take_out(plans: Plans, v: int, r: int, first: int) -> None:
    """Take the stops of a request from slot `first` on out of a plan; it must be refreshed."""
    kept = first
    for k in range(first, plans.length[v] + 1):
        s = plans.stop[v, k]
        if s // 2 == r:
            plans.slot[s] = -1
        else:
            plans.stop[v, kept] = s
            kept += 1
    plans.length[v] = kept - 1
    plans.vehicle[r] = -1


@kernel
def copy_plans(source: Plans, target: Plans, changed: Marks) -> None:
    """Copy the plans of some vehicles, and where their requests are; no other plan may differ."""
    for n in range(changed.size[0]):
        v = changed.items[n]
        for k in range(1, target.length[v] + 1):
            s = target.stop[v, k]
            target.slot[s] = -1
            if s % 2 == 1:
                target.vehicle[s // 2] = -1
    for n in range(changed.size[0]):
        _copy_plan(source, target, changed.items[n])


@kernel
def _copy_plan(source: Plans, target: Plans, v: int) -> None:
    for k in range(source.length[v] + 2):
        s = source.stop[v, k]
        target.stop[v, k] = s
        target.node[v, k] = source.node[v, k]
        target.begin_s[v, k] = source.begin_s[v, k]
        target.end_s[v, k] = source.end_s[v, k]
        target.latest_s[v, k] = source.latest_s[v, k]
        for d in range(source.load.shape[2]):
            target.load[v, k, d] = source.load[v, k, d]
        if source.spare_m.shape[1] > 0:
            target.stretch[v, k], target.spare_m[v, k] = source.stretch[v, k], source.spare_m[v, k]
        if 1 <= k <= source.length[v]:
            target.slot[s] = k
            if s % 2 == 1:
                target.vehicle[s // 2] = v
    target.length[v] = source.length[v]
    target.free_node[v], target.free_s[v] = source.free_node[v], source.free_s[v]
    target.drive[v] = source.drive[v]
    target.rider[v] = source.rider[v]


@kernel
def total_cost(problem: Problem, plans: Plans) -> float:
    """Return the cost of all plans and of what they leave out."""
    total = 0.0
    for v in range(len(plans.length)):
        total += plans.drive[v] + plans.rider[v]
    for r in range(len(plans.vehicle)):
        if plans.vehicle[r] < 0:
            total += problem.requests.penalty[r]
    return total


def stops_of(plans: Plans) -> tuple[tuple[int, ...], ...]:
    """Return the stops of every plan."""
    rows = zip(plans.stop.tolist(), plans.length.tolist(), strict=True)
    return tuple(tuple(row[1 : count + 1]) for row, count in rows)
