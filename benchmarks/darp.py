"""The planning core on published dial-a-ride instances: every file of a folder, against the best known costs.

Each instance is built up by insertion and improved by the large-neighbourhood search, with iterations set by its
size, never by the clock. A judge that shares no code with the solver then checks every solution and works out its
cost: the total Euclidean distance. Gaps are shares of the best known cost of `best.json`, null where it has none.
`cpu_s` is the process's own, kernels compiled beforehand.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from benchmarks.darp_check import Route, cost_of, faults
from benchmarks.darp_files import Instance, read_best, read_folder
from sim.dispatch.lns import compile_kernels, insert_all, solve
from sim.dispatch.problem import Floats, Problem, Requests, Vehicles, Weights
from sim.dispatch.schedule import time_plan
from sim.dispatch.solution import Solution
from sim.errors import SandboxError


class Row(TypedDict):
    """The result of one instance."""

    name: str
    requests: int
    vehicles: int
    seed: int
    cost: float
    best: float | None
    gap: float | None
    iterations: int
    cpu_s: float
    faults: list[str]


def problem_of(instance: Instance) -> Problem:
    """Return an instance as the core takes it: stop 2r is place r + 1, and the depots are the last two nodes."""
    n, m = instance.requests, instance.vehicles
    stops = [place for r in range(n) for place in (instance.places[r + 1], instance.places[n + r + 1])]
    places = [*stops, instance.places[0], instance.end]
    xy = np.array([(place.x, place.y) for place in places])
    ways = np.hypot(xy[:, None, 0] - xy[None, :, 0], xy[:, None, 1] - xy[None, :, 1])
    earliest, latest = tightened(instance, ways)
    lone = 2 * ways[2 * n].max() + ways[:, 2 * n + 1].max()
    requests = Requests(
        node=np.arange(2 * n),
        service_s=np.array([place.service for place in stops]),
        earliest_s=earliest,
        latest_s=latest,
        due_s=np.full(2 * n, np.inf),
        load=np.array([[place.load] for place in stops[::2]], dtype=np.int64),
        riders=np.ones(n),
        max_ride_s=np.full(n, instance.ride),
        boarded_s=np.full(n, np.nan),
        vehicle=np.full(n, -1),
        penalty=np.full(n, UNSERVED * max(1.0, float(lone))),
    )
    vehicles = Vehicles(
        node=np.full(m, 2 * n),
        ready_s=np.full(m, instance.places[0].earliest),
        capacity=np.full((m, 1), instance.capacity),
        load=np.zeros((m, 1), np.int64),
        end_node=np.full(m, 2 * n + 1),
        latest_end_s=np.full(m, instance.end.latest),
        max_duration_s=np.full(m, instance.duration),
        locked=np.zeros(m, np.int64),
    )
    return Problem(ways, ways, requests, vehicles, Weights(), hold=True)


UNSERVED = 100.0
"""Penalty of a request left out, in lone trips: no detour is as dear."""


def tightened(instance: Instance, ways: Floats) -> tuple[Floats, Floats]:
    """Return the windows of the stops, without what no feasible plan can use (Cordeau 2006, section 5)."""
    n = instance.requests
    depot, end = 2 * n, 2 * n + 1
    stops = [place for r in range(n) for place in (instance.places[r + 1], instance.places[n + r + 1])]
    earliest = np.array([place.earliest for place in stops])
    latest = np.array([place.latest for place in stops])
    for r in range(n):
        p, d = 2 * r, 2 * r + 1
        service, direct = stops[p].service, float(ways[p, d])
        earliest[p] = max(earliest[p], instance.places[0].earliest + ways[depot, p])
        latest[d] = min(latest[d], instance.end.latest - stops[d].service - ways[d, end])
        earliest[p] = max(earliest[p], earliest[d] - instance.ride - service)
        latest[p] = min(latest[p], latest[d] - direct - service)
        earliest[d] = max(earliest[d], earliest[p] + service + direct)
        latest[d] = min(latest[d], latest[p] + service + instance.ride)
    return earliest, latest


def iterations_for(problem: Problem) -> int:
    """Return the iterations that an instance is worth: by the pairs of requests that could share a ride.

    These, not the requests alone, say how much there is to choose from. One iteration costs about 10 microseconds
    a vehicle, so the bound by vehicles keeps large instances within a minute.
    """
    pairs = int(_shareable(problem).sum())
    return max(10_000, min(int(4000 * pairs**0.5), 3_600_000 // len(problem.vehicles.ready_s)))


def _shareable(problem: Problem) -> NDArray[np.bool_]:
    """Return which request (row) could have which other one board during its ride."""
    requests, travel = problem.requests, problem.travel_s
    here, there = requests.node[::2], requests.node[1::2]
    service, latest = requests.service_s[::2], requests.latest_s
    ready = requests.earliest_s[::2] + service
    arrive = ready[:, None] + travel[np.ix_(here, here)]
    begin = np.maximum(arrive, requests.earliest_s[None, ::2])
    back = begin + service[None, :] + travel[np.ix_(here, there)].T
    shareable = (arrive <= latest[None, ::2]) & (back <= latest[1::2, None])
    np.fill_diagonal(shareable, val=False)
    return shareable


def routes_of(problem: Problem, solution: Solution) -> list[Route]:
    """Return a solution as the judge takes it: places as numbered in the file, and their times."""
    n, routes = len(problem.requests.riders), []
    for v, plan in enumerate(solution.plans):
        timed = time_plan(problem, v, plan)
        places = [stop // 2 + 1 + (n if stop % 2 else 0) for stop in plan]
        routes.append(Route(timed.leave_s, places, timed.begin_s))
    return routes


def run(instance: Instance, best: float | None, *, seed: int) -> Row:
    """Solve and judge one instance."""
    began = time.process_time()
    problem = problem_of(instance)
    iterations = iterations_for(problem)
    start = insert_all(problem, [()] * instance.vehicles)
    solution = solve(problem, start.plans, iterations=iterations, seed=seed)
    cpu_s = time.process_time() - began
    routes = routes_of(problem, solution)
    cost = cost_of(instance, routes)
    found = faults(instance, routes)
    return Row(
        name=instance.name,
        requests=instance.requests,
        vehicles=instance.vehicles,
        seed=seed,
        cost=round(cost, 4),
        best=best,
        gap=None if best is None or found else round(cost / best - 1.0, 5),
        iterations=iterations,
        cpu_s=round(cpu_s, 2),
        faults=found,
    )


def summary(rows: Sequence[Row]) -> dict[str, object]:
    """Return mean and worst gap, and how many solutions are sound."""
    gaps = [row["gap"] for row in rows if row["gap"] is not None]
    infeasible = sum(1 for row in rows if row["faults"])
    return {
        "mean_gap": round(mean(gaps), 5) if gaps else None,
        "max_gap": max(gaps) if gaps else None,
        "infeasible": infeasible,
        "solved": len(rows) - infeasible,
        "seconds": round(sum(row["cpu_s"] for row in rows), 2),
        "max_seconds": max(row["cpu_s"] for row in rows),
    }


def result(rows: Sequence[Row], *, compile_s: float) -> dict[str, object]:
    """Return the benchmark's result: all instances, each set (the letters that names begin with), each instance."""
    families = sorted({_family(row["name"]) for row in rows})
    return {
        "benchmark": "darp",
        "cores": os.cpu_count(),
        **summary(rows),
        "compile_s": round(compile_s, 2),
        "sets": {family: summary([row for row in rows if _family(row["name"]) == family]) for family in families},
        "instances": list(rows),
    }


def _family(name: str) -> str:
    letters = re.match(r"[^\W\d_]*", name)
    return letters.group() if letters else ""


def main() -> int:
    """Run the benchmark and print it; returns 1 when a solution is not sound, 2 when an instance cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.darp", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of instances, best.json among them or not")
    parser.add_argument("--json", action="store_true", help="only the last line, one JSON object")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1], metavar="SEED", help="default %(default)s")
    arguments = parser.parse_args()
    try:
        instances, best = read_folder(arguments.folder), read_best(arguments.folder)
    except SandboxError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    began = time.process_time()
    compile_kernels()
    compile_s = time.process_time() - began
    rows = []
    for instance in instances:
        for seed in arguments.seeds:
            rows.append(run(instance, best.get(instance.name), seed=seed))
            if not arguments.json:
                sys.stdout.write(f"{json.dumps(rows[-1])}\n")
                sys.stdout.flush()
    sys.stdout.write(json.dumps(result(rows, compile_s=compile_s)) + "\n")
    return 1 if any(row["faults"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
