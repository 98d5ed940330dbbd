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

from collections.abc import Callable, Iterator, Sequence
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

TOLERANCE_M = 1e-3
"""The same for ways that a charge has to last for."""

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


class Batteries(NamedTuple):
    """How far vehicles can drive, in metres; without rows nobody has a battery.

    Attributes
    ----------
    way_m
        From node to node, shape (nodes, nodes).
    to_charger_m
        The way from each node to a charger, which the charge has to last for at the end of every plan.
    range_m
        By vehicle: how far it can drive from its start; `inf` without a battery.
    charged_m
        By request: how far a vehicle can drive from the alighting on, because it has charged until then; 0 for
        requests that charge nothing.
    """

    way_m: Floats
    to_charger_m: Floats
    range_m: Floats
    charged_m: Floats


NO_BATTERIES = Batteries(np.zeros((0, 0)), np.zeros(0), np.zeros(0), np.zeros(0))


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
    batteries
        How far vehicles can drive.
    """

    travel_s: Floats
    cost: Floats
    requests: Requests
    vehicles: Vehicles
    weights: Weights
    hold: bool
    batteries: Batteries = NO_BATTERIES


def laid_out(problem: Problem) -> Problem:
    """Check shapes, ranges and signs, and return the problem as the kernels are compiled for.

    Columns that are laid out so already are taken as they are and not copied, so that a later change to one of them
    reaches whoever plans with the problem.

    Raises
    ------
    ControllerError
        Names the column and what is wrong with it.
    """
    if _LAST and _LAST[0] is problem:
        return _LAST[1]
    laid = problem._replace(
        travel_s=_as_taken(problem.travel_s, np.float64),
        cost=_as_taken(problem.cost, np.float64),
        requests=Requests(**_columns(problem.requests)),
        vehicles=Vehicles(**_columns(problem.vehicles)),
        weights=Weights(*(float(weight) for weight in problem.weights)),
        hold=bool(problem.hold),
        batteries=Batteries(*(_as_taken(column, np.float64) for column in problem.batteries)),
    )
    for fault in _faults(laid):
        raise _error(fault)
    copied = any(a is not b for a, b in zip(_arrays(problem), _arrays(laid), strict=True))
    _LAST[:] = [] if copied else [problem, laid]
    return laid


_LAST: list[Problem] = []
"""The problem that was laid out last, before and after: the steps of a controller plan with one several times."""


def _arrays(problem: Problem) -> Iterator[NDArray[Any]]:
    yield from (problem.travel_s, problem.cost, *problem.requests, *problem.vehicles, *problem.batteries)


INTEGERS = {"node", "load", "vehicle", "capacity", "end_node", "locked"}
BY_STOP = {"node", "service_s", "earliest_s", "latest_s", "due_s"}


def _columns(table: Requests | Vehicles) -> dict[str, Any]:
    return {
        name: _as_taken(column, np.int64 if name in INTEGERS else np.float64)
        for name, column in zip(table._fields, table, strict=True)
    }


def _as_taken(column: NDArray[Any], kind: type[np.float64 | np.int64]) -> NDArray[Any]:
    """Return a column as the kernels expect it; `np.require` alone takes three times as long to find that it is."""
    if column.dtype == kind and column.flags.carray:
        return column
    return np.require(column, kind, ["C", "W"])


def _faults(problem: Problem) -> Iterator[str]:
    """Yield what is wrong with a problem, first that which the later checks rely on."""
    requests, vehicles, nodes = problem.requests, problem.vehicles, len(problem.travel_s)
    count, size = len(requests.riders), len(vehicles.ready_s)
    for name, column in zip(requests._fields, requests, strict=True):
        rows = 2 * count if name in BY_STOP else count
        if len(column) != rows:
            yield f"requests.{name} has {len(column)} rows, allowed are {rows}"
    for name, column in zip(vehicles._fields, vehicles, strict=True):
        if len(column) != size:
            yield f"vehicles.{name} has {len(column)} rows, allowed are {size}"
    for name, matrix in (("travel_s", problem.travel_s), ("cost", problem.cost)):
        if matrix.shape != (nodes, nodes):
            yield f"{name} has the shape {matrix.shape}, allowed is {(nodes, nodes)}"
        if matrix.size and not matrix.min() >= 0:  # nan is passed on by min
            yield f"{name} holds nan or a value below 0"
    yield from _column_faults(requests, vehicles, nodes)
    yield from _battery_faults(problem.batteries, nodes, vehicles=size, requests=count)
    weights = problem.weights
    if not min(weights) >= 0:
        yield f"weights must be at least 0, found {weights}"
    if not weights.wait >= weights.ride:
        yield f"weights.wait must not be below weights.ride, found {weights}"


def _battery_faults(batteries: Batteries, nodes: int, *, vehicles: int, requests: int) -> Iterator[str]:
    if not len(batteries.range_m):
        return
    shapes = {"way_m": (nodes, nodes), "to_charger_m": (nodes,), "range_m": (vehicles,), "charged_m": (requests,)}
    for name, shape in shapes.items():
        column = getattr(batteries, name)
        if column.shape != shape:
            yield f"batteries.{name} has the shape {column.shape}, allowed is {shape}"
        if not (column >= 0).all():
            yield f"batteries.{name} holds nan or a value below 0"


def _column_faults(requests: Requests, vehicles: Vehicles, nodes: int) -> Iterator[str]:
    for name in ("service_s", "riders", "max_ride_s", "penalty", "load"):
        if not (getattr(requests, name) >= 0).all():
            yield f"{name} holds nan or a value below 0"
    for name in ("earliest_s", "latest_s", "due_s"):
        if np.isnan(getattr(requests, name)).any():
            yield f"{name} holds nan"
    places = np.concatenate([requests.node, vehicles.node, vehicles.end_node[vehicles.end_node != NOWHERE]])
    dimensions = {array.shape[1:] for array in (requests.load, vehicles.load, vehicles.capacity)}
    pinned = requests.vehicle[~np.isnan(requests.boarded_s)]
    for holds, fault in (
        (((places >= 0) & (places < nodes)).all(), f"a node lies outside 0 to {nodes - 1}"),
        (np.isfinite(requests.earliest_s[::2]).all(), "earliest_s of a boarding is not finite"),
        (np.isfinite(vehicles.ready_s).all(), "ready_s is not finite"),
        ((vehicles.locked >= 0).all(), "locked holds a value below 0"),
        (len(dimensions) == 1, "loads and capacities have different dimensions"),
        ((requests.vehicle < len(vehicles.ready_s)).all(), "vehicle of a request is not among the vehicles"),
        ((pinned >= 0).all(), "a rider on board has no vehicle"),
    ):
        if not holds:
            yield fault


def require_plans(problem: Problem, plans: Sequence[Sequence[int]]) -> None:
    """Check that plans hold every request at most once, as a pair in order, and every rider on board.

    Raises
    ------
    ControllerError
        Names the vehicle and the stop.
    """
    for fault in _plan_faults(problem, plans):
        raise _error(fault)


def _plan_faults(problem: Problem, plans: Sequence[Sequence[int]]) -> Iterator[str]:
    requests = problem.requests
    if len(plans) != len(problem.vehicles.ready_s):
        yield f"{len(plans)} plans for {len(problem.vehicles.ready_s)}"
    pins, on_board = requests.vehicle.tolist(), (~np.isnan(requests.boarded_s)).tolist()
    seen: set[int] = set()
    for v, plan in enumerate(plans):
        if len(plan) < problem.vehicles.locked[v]:
            yield f"plan of vehicle {v} is shorter than its lock"
        for fault in _stop_faults(v, plan, pins, on_board, seen):
            yield f"plan of vehicle {v}: {fault}"
    left = [r for r, aboard in enumerate(on_board) if aboard and 2 * r + 1 not in seen]
    if left:
        yield f"requests {left} are on board, and no plan lets them alight"


def _stop_faults(
    v: int, plan: Sequence[int], pins: Sequence[int], on_board: Sequence[bool], seen: set[int]
) -> Iterator[str]:
    """Yield what is wrong with the stops of a plan, and add them to those seen."""
    boarding: set[int] = set()
    for stop in plan:
        r, alights = divmod(stop, 2)
        if not 0 <= r < len(pins):
            yield f"stop {stop} belongs to no request"
        if stop in seen:
            yield f"stop {stop} is planned twice"
        if pins[r] not in {-1, v}:
            yield f"request {r} must go by {pins[r]}"
        if not alights and on_board[r]:
            yield f"request {r} is on board already"
        if alights and not on_board[r] and r not in boarding:
            yield f"{r} never boards"
        (boarding.discard if alights else boarding.add)(r)
        seen.add(stop)
    if boarding:
        yield f"request {min(boarding)} never alights"


def _error(found: str) -> ControllerError:
    return ControllerError(f"dispatch problem: {found}")


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
