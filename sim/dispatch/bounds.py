"""What a request adds to a plan at least, and the looks in constant time that tell where it cannot go.

The looks are necessary conditions of a place where travel times obey the triangle inequality.
"""

from __future__ import annotations

import numpy as np

from sim.dispatch.battery import charged_m, has_battery, onward_m
from sim.dispatch.plans import Plans
from sim.dispatch.problem import TOLERANCE_M, TOLERANCE_S, Problem, kernel
from sim.dispatch.schedule import dwell_after, leg_s


@kernel
def bound_all(problem: Problem, plans: Plans, r: int) -> int:
    """List the plans that may have a place for a request, bounded, in `plans.among`; return how many."""
    count = 0
    for v in range(len(plans.length)):
        plans.bound[v] = bound_in(problem, plans, r, v)
        if plans.bound[v] < np.inf:
            plans.among[count] = v
            count += 1
    return count


@kernel
def bound_in(problem: Problem, plans: Plans, r: int, v: int) -> float:
    """Return what a request adds to a plan at least; inf where it can have no place.

    Its boarding and its alighting are looked at slot by slot, the alighting as if nobody boarded before it, which
    only makes it sooner. Delays of others are left out.
    """
    way_s = problem.travel_s[plans.free_node[v], problem.requests.node[2 * r]]
    if plans.free_s[v] + way_s > problem.requests.latest_s[2 * r] + TOLERANCE_S:
        return np.inf
    requests, cost, weights, pickup, dropoff = problem.requests, problem.cost, problem.weights, 2 * r, 2 * r + 1
    here, there = requests.node[pickup], requests.node[dropoff]
    earliest, latest = requests.earliest_s[pickup], requests.latest_s[pickup]
    per_s, service = requests.riders[r] * weights.ride, requests.service_s[pickup]
    arrive_until = min(requests.latest_s[dropoff], latest + service + requests.max_ride_s[r]) + TOLERANCE_S
    least = alighting = np.inf
    for k in range(plans.length[v], problem.vehicles.locked[v] - 1, -1):
        begin_s, latest_next = plans.begin_s[v, k], plans.latest_s[v, k + 1]
        if latest_next < earliest or (begin_s > arrive_until and k > 0):
            continue
        node, ahead = plans.node[v, k], plans.node[v, k + 1]
        skipped = leg_s(cost, node, ahead)
        onward = leg_s(cost, there, ahead) - skipped
        if (begin_s <= latest + TOLERANCE_S or k == 0) and has_room(problem, plans, r, v, k):
            begin, end = dwell_after(problem, node, begin_s, plans.end_s[v, k], pickup)
            if begin <= latest + TOLERANCE_S and reaches(problem, plans, v, k + 1, pickup, begin, end):
                detour = cost[node, here] + leg_s(cost, here, ahead) - skipped
                add = weights.drive * detour + alighting
                arrive, leave = dwell_after(problem, here, begin, end, dropoff)
                if arrive <= arrive_until and reaches(problem, plans, v, k + 1, dropoff, arrive, leave):
                    detour = cost[node, here] + cost[here, there] + onward
                    add = min(add, weights.drive * detour + per_s * arrive)
                own = requests.riders[r] * (weights.wait * (begin - earliest) - weights.ride * (begin + service))
                least = min(least, own + add)
        arrive, leave = dwell_after(problem, node, begin_s, plans.end_s[v, k], dropoff)
        if arrive <= arrive_until and reaches(problem, plans, v, k + 1, dropoff, arrive, leave):
            alighting = min(alighting, weights.drive * (cost[node, there] + onward) + per_s * arrive)
    return least


@kernel
def has_room(problem: Problem, plans: Plans, r: int, v: int, slot: int) -> bool:
    """Return whether the request fits in with what is on board after a slot."""
    for d in range(plans.load.shape[2]):
        if plans.load[v, slot, d] + problem.requests.load[r, d] > problem.vehicles.capacity[v, d]:
            return False
    return True


@kernel
def reaches(problem: Problem, plans: Plans, v: int, slot: int, s: int, begin: float, end: float) -> bool:
    """Return whether a slot of the plan can follow stop s without coming too late."""
    node, ahead = problem.requests.node[s], plans.node[v, slot]
    if node == ahead and slot <= plans.length[v]:
        return bool(begin <= plans.latest_s[v, slot] + TOLERANCE_S)
    return bool(end + leg_s(problem.travel_s, node, ahead) <= plans.latest_s[v, slot] + TOLERANCE_S)


@kernel
def lasts_with(problem: Problem, plans: Plans, r: int, v: int, after: int, until: int) -> bool:
    """Return whether the charge lasts with a request that boards behind slot `after`, -1: has boarded, and alights.

    Of one that charges itself nothing is said: it parts a stretch, which timing looks at.
    """
    batteries, requests = problem.batteries, problem.requests
    if not has_battery(problem, v) or charged_m(batteries, 2 * r + 1) > 0.0:
        return True
    here, there = requests.node[2 * r], requests.node[2 * r + 1]
    node, ahead, spare = plans.node[v, until], plans.node[v, until + 1], plans.spare_m[v, until] + TOLERANCE_M
    added = onward_m(batteries, there, ahead) - onward_m(batteries, node, ahead)
    if after == until:
        return bool(batteries.way_m[node, here] + batteries.way_m[here, there] + added <= spare)
    added += batteries.way_m[node, there]
    if after < 0:
        return bool(added <= spare)
    node, ahead = plans.node[v, after], plans.node[v, after + 1]
    before = batteries.way_m[node, here] + batteries.way_m[here, ahead] - batteries.way_m[node, ahead]
    if plans.stretch[v, after] == plans.stretch[v, until]:
        return bool(before + added <= spare)
    return bool(before <= plans.spare_m[v, after] + TOLERANCE_M and added <= spare)
