"""How far vehicles can drive: the charge of a battery as a resource that plans use up and chargers fill again.

As in the electric autonomous dial-a-ride problem (Bongiovanni, Kaspi and Geroliminis 2019), with one difference: a
visit to a charger always fills up to a level set beforehand. So a plan falls into stretches from one charger to the
next, each with a length that it may not exceed, and what an insertion may add to a stretch is looked up. A visit to a
charger is a request like any other: it may be inserted, and moved.
"""

from __future__ import annotations

import numpy as np

from sim.dispatch.problem import TOLERANCE_M, Batteries, Floats, Ints, Problem, kernel


@kernel
def has_battery(problem: Problem, v: int) -> bool:
    """Return whether there is a bound to how far a vehicle can drive."""
    return len(problem.batteries.range_m) > 0 and bool(problem.batteries.range_m[v] < np.inf)


@kernel
def charged_m(batteries: Batteries, s: int) -> float:
    """Return how far a vehicle can drive when it leaves a stop at which it has charged; 0 where it has not."""
    return float(batteries.charged_m[s // 2]) if s % 2 == 1 else 0.0


@kernel
def onward_m(batteries: Batteries, node: int, ahead: int) -> float:
    """Return the way from one slot of a plan to the next; where that is nowhere, the way to a charger."""
    return float(batteries.way_m[node, ahead] if ahead >= 0 else batteries.to_charger_m[node])


@kernel
def stretch(problem: Problem, v: int, stop: Ints, node: Ints, count: int, first: int) -> tuple[int, float]:
    """Return the slot at which a stretch ends, and how far the vehicle could still drive there.

    The stretch begins with slot `first`, the start or a stop where the vehicle has charged; slots are those of
    `Draft`. At the end of the plan the way to a charger is taken off.
    """
    batteries = problem.batteries
    left = batteries.range_m[v] if first == 0 else batteries.charged_m[stop[first] // 2]
    for k in range(first + 1, count + 1):
        left -= batteries.way_m[node[k - 1], node[k]]
        if charged_m(batteries, stop[k]) > 0.0:
            return k, left
    left -= onward_m(batteries, node[count], node[count + 1])
    if node[count + 1] >= 0:
        left -= batteries.to_charger_m[node[count + 1]]
    return count + 1, left


@kernel
def lasts(problem: Problem, v: int, stop: Ints, node: Ints, count: int) -> bool:
    """Return whether the charge lasts for every stretch of a plan."""
    at = 0
    while at <= count:
        at, left = stretch(problem, v, stop, node, count, at)
        if left < -TOLERANCE_M:
            return False
    return True


@kernel
def left_at_end_m(problem: Problem, v: int, stop: Ints, node: Ints, count: int) -> float:
    """Return how far a vehicle can drive after its plan, beyond the way to a charger."""
    at, left = 0, np.inf
    while has_battery(problem, v) and at <= count:
        at, left = stretch(problem, v, stop, node, count, at)
    return left


@kernel
def lay_spare(
    problem: Problem, v: int, stop: Ints, node: Ints, count: int, begins: Ints, spare_m: Floats
) -> None:  # fmt: skip
    """Fill in for every slot where its stretch begins, and by how much the stretch may become longer."""
    at = 0
    while at <= count:
        first = at
        at, left = stretch(problem, v, stop, node, count, first)
        begins[first:at] = first
        spare_m[first:at] = left


@kernel
def lift_charge(
    problem: Problem, v: int, stop: Ints, node: Ints, count: int, range_m: Floats, charged: Floats
) -> None:  # fmt: skip
    """Raise what a vehicle begins those stretches with that are too long, in `range_m` and, by request, `charged`."""
    at = 0
    while at <= count:
        first = at
        at, left = stretch(problem, v, stop, node, count, first)
        if left < -TOLERANCE_M:
            if first == 0:
                range_m[v] -= left
            else:
                charged[stop[first] // 2] -= left
