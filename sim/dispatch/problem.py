"""A dial-a-ride problem as arrays: travel between nodes, requests, vehicles, and what a plan costs.

A stop is one integer: `2 * r` boards request r, `2 * r + 1` lets it alight. A plan is a sequence of stops. Stops
lie at nodes of a dense matrix, and so do vehicles. Stops of one node that follow each other share a dwell; give
each stop a node of its own where that must not happen.

Travel times must obey the triangle inequality, as those of shortest paths do: the search for places relies on it
to pass over what cannot fit. Plans are timed stop by stop, so no plan returned breaks a limit in any case.

A load is a vector: seats, wheelchair places, pallets. A dimension may also stand for a permission: a request
needs one unit of it, and vehicles that may not serve the request have none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from sim.errors import ControllerError
from sim.kernels import cached

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Function = TypeVar("Function", bound=Callable[..., object])

TOLERANCE_S = 1e-6
"""Slack in every comparison of times, so that a limit met exactly is met."""

NOWHERE = -1
"""The end node of a vehicle that may stay where its plan ends."""


def kernel(function: Function) -> Function:
    """Compile a function that neither makes nor returns arrays; cached on disk, its annotated type stays.

    References to arrays are not counted in it (`_nrt`): each look into a tuple of arrays would cost an atomic add
    and its undoing, which measured as five sixths of the search's time.
    """
    compiled = numba.njit(error_model="numpy", _nrt=False)  # type: ignore[call-overload]  # no stub
    return cached(cast("Function", compiled(function)))


class Requests(NamedTuple):
    """Requests as columns; the first five hold by stop, so `2 * r` and `2 * r + 1` are request r's rows.

    Attributes
    ----------
    node, service_s
        Where a stop is, and how long its dwell takes at least.
    earliest_s, latest_s
        Bounds on the start of its dwell.
    due_s
        A dwell that starts later than this counts as late, by the weight of lateness.
    load
        Units of each dimension taken on board, shape (requests, dimensions).
    riders
        How many waits and rides count in the cost.
    max_ride_s
        Bound on the time from the end of the own dwell at boarding to the start of that at alighting.
    boarded_s
        When the boarding of a rider on board ended; nan for those not yet on board.
    vehicle
        The only vehicle that may serve the request, or -1. Riders on board need one.
    penalty
        Cost of leaving the request unserved.
    """

    node: Ints
    service_s: Floats
    earliest_s: Floats
    latest_s: Floats
    due_s: Floats
    load: Ints
    riders: Floats
    max_ride_s: Floats
    boarded_s: Floats
    vehicle: Ints
    penalty: Floats


class Vehicles(NamedTuple):
    """Vehicles as rows: where and when each goes on, what it can carry and carries, and where and when it ends.

    `load` and `capacity` have the shape (vehicles, dimensions). `end_node` may be `NOWHERE`. `max_duration_s`
    bounds the time from leaving the start to reaching the end. The first `locked` stops of a plan stay.
    """

    node: Ints
    ready_s: Floats
    capacity: Ints
    load: Ints
    end_node: Ints
    latest_end_s: Floats
    max_duration_s: Floats
    locked: Ints


class Weights(NamedTuple):
    """What the cost of a plan counts: per unit of `Problem.cost`, and per second and rider.

    `wait` is from a boarding's `earliest_s` to the start of its dwell, `ride` from its end to the start of the
    alighting's, `late` what exceeds `due_s` at either stop. `wait` must not be below `ride`: only then does a
    later stop never pay, which the search for places relies on.
    """

    drive: float = 1.0
    wait: float = 0.0
    ride: float = 0.0
    late: float = 0.0


class Problem(NamedTuple):
    """All that a plan is made from.

    Attributes
    ----------
    travel_s, cost
        From node to node, shape (nodes, nodes). `inf` in `travel_s`: no way.
    hold
        Whether a vehicle may stand with its work done, so that a boarding that would come too early for its
        ride, or a departure too early for its duty, comes later. Without it a vehicle does all as soon as it can.
    """

    travel_s: Floats
    cost: Floats
    requests: Requests
    vehicles: Vehicles
    weights: Weights
    hold: bool


def laid_out(problem: Problem) -> Problem:
    """Check shapes, ranges and signs, and return the problem as the kernels are compiled for.

    Raises
    ------
    ControllerError
        Names the column and what is wrong with it.
    """
    problem = problem._replace(
        travel_s=np.require(problem.travel_s, np.float64, ["C", "W"]),
        cost=np.require(problem.cost, np.float64, ["C", "W"]),
        requests=Requests(**_columns(problem.requests, INTEGERS)),
        vehicles=Vehicles(**_columns(problem.vehicles, INTEGERS)),
        weights=Weights(*(float(weight) for weight in problem.weights)),
        hold=bool(problem.hold),
    )
    requests, vehicles, nodes = problem.requests, problem.vehicles, len(problem.travel_s)
    count, size = len(requests.riders), len(vehicles.ready_s)
    for name, column in requests._asdict().items():
        rows = 2 * count if name in BY_STOP else count
        _require(len(column) == rows, f"requests.{name} has {len(column)} rows, allowed are {rows}")
    for name, column in vehicles._asdict().items():
        _require(len(column) == size, f"vehicles.{name} has {len(column)} rows, allowed are {size}")
    for name, matrix in (("travel_s", problem.travel_s), ("cost", problem.cost)):
        _require(matrix.shape == (nodes, nodes), f"{name} has the shape {matrix.shape}, allowed is {(nodes, nodes)}")
        _require(not np.isnan(matrix).any() and bool((matrix >= 0).all()), f"{name} holds nan or a value below 0")
    _require_columns(problem, nodes=nodes)
    weights = problem.weights
    _require(min(weights) >= 0, f"weights must be at least 0, found {weights}")
    _require(weights.wait >= weights.ride, f"weights.wait must not be below weights.ride, found {weights}")
    return problem


INTEGERS = {"node", "load", "vehicle", "capacity", "end_node", "locked"}
BY_STOP = {"node", "service_s", "earliest_s", "latest_s", "due_s"}


def _columns(table: Requests | Vehicles, integers: set[str]) -> dict[str, Any]:
    return {
        name: np.require(column, np.int64 if name in integers else np.float64, ["C", "W"])
        for name, column in table._asdict().items()
    }


def _require_columns(problem: Problem, *, nodes: int) -> None:
    requests, vehicles = problem.requests, problem.vehicles
    places = np.concatenate([requests.node, vehicles.node, vehicles.end_node[vehicles.end_node != NOWHERE]])
    _require(bool(((places >= 0) & (places < nodes)).all()), f"a node lies outside 0 to {nodes - 1}")
    for name in ("service_s", "riders", "max_ride_s", "penalty", "load"):
        column = getattr(requests, name)
        _require(bool((column >= 0).all()), f"{name} holds nan or a value below 0")
    for name in ("earliest_s", "latest_s", "due_s"):
        _require(not np.isnan(getattr(requests, name)).any(), f"{name} holds nan")
    boarding = requests.earliest_s[::2]
    _require(bool(np.isfinite(boarding).all()), "earliest_s of a boarding is not finite")
    _require(bool(np.isfinite(vehicles.ready_s).all()), "ready_s is not finite")
    _require(bool((vehicles.locked >= 0).all()), "locked holds a value below 0")
    dimensions = {array.shape[1:] for array in (requests.load, vehicles.load, vehicles.capacity)}
    _require(len(dimensions) == 1, "loads and capacities have different dimensions")
    pinned = requests.vehicle
    _require(bool((pinned < len(vehicles.ready_s)).all()), "vehicle of a request is not among the vehicles")
    _require(bool((pinned[~np.isnan(requests.boarded_s)] >= 0).all()), "a rider on board has no vehicle")


def require_plans(problem: Problem, plans: Sequence[Sequence[int]]) -> None:
    """Check that plans hold every request at most once, as a pair in order, and every rider on board.

    Raises
    ------
    ControllerError
        Names the vehicle and the stop.
    """
    requests, count = problem.requests, len(problem.requests.riders)
    _require(len(plans) == len(problem.vehicles.ready_s), f"{len(plans)} plans for {len(problem.vehicles.ready_s)}")
    seen: set[int] = set()
    for v, plan in enumerate(plans):
        where = f"plan of vehicle {v}"
        _require(len(plan) >= problem.vehicles.locked[v], f"{where} is shorter than its lock")
        for stop in plan:
            r, alights = divmod(stop, 2)
            _require(0 <= r < count, f"{where}: stop {stop} belongs to no request")
            _require(stop not in seen, f"{where}: stop {stop} is planned twice")
            _require(requests.vehicle[r] in {-1, v}, f"{where}: request {r} must go by {requests.vehicle[r]}")
            on_board = not np.isnan(requests.boarded_s[r])
            _require(on_board <= bool(alights), f"{where}: request {r} is on board already")
            _require(not alights or on_board or stop - 1 in plan[: plan.index(stop)], f"{where}: {r} never boards")
            _require(bool(alights) or stop + 1 in plan, f"{where}: request {r} never alights")
            seen.add(stop)
    left = [r for r in np.flatnonzero(~np.isnan(requests.boarded_s)).tolist() if 2 * r + 1 not in seen]
    _require(not left, f"requests {left} are on board, and no plan lets them alight")


def _require(holds: bool, found: str) -> None:  # noqa: FBT001
    if not holds:
        msg = f"dispatch problem: {found}"
        raise ControllerError(msg)


def smallest_problem() -> Problem:
    """Return one request and one vehicle, both at one node of two."""
    requests = Requests(
        node=np.array([0, 1]),
        service_s=np.zeros(2),
        earliest_s=np.zeros(2),
        latest_s=np.full(2, 600.0),
        due_s=np.full(2, np.inf),
        load=np.ones((1, 1), np.int64),
        riders=np.ones(1),
        max_ride_s=np.full(1, 600.0),
        boarded_s=np.full(1, np.nan),
        vehicle=np.full(1, -1),
        penalty=np.full(1, 1e6),
    )
    vehicles = Vehicles(
        node=np.array([0]),
        ready_s=np.zeros(1),
        capacity=np.ones((1, 1), np.int64),
        load=np.zeros((1, 1), np.int64),
        end_node=np.array([NOWHERE]),
        latest_end_s=np.full(1, np.inf),
        max_duration_s=np.full(1, np.inf),
        locked=np.zeros(1, np.int64),
    )
    times = np.full((2, 2), 60.0)
    np.fill_diagonal(times, 0.0)
    return Problem(times, times.copy(), requests, vehicles, Weights(), hold=False)
