"""A fleet's plans as the planning core takes them: the requests that are planned, and the ways between their stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from sim.controllers.shuttle.plan import Fleet, Floats, Ints, Matrix, Requests
from sim.dispatch.problem import NOWHERE, Problem, Vehicles, Weights
from sim.dispatch.problem import Requests as Columns

UNPLANNED = 1e9
"""Cost of leaving out a request that a vehicle was promised to serve: no plan does."""


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """A planning problem, its plans as they stand, and `rows`, which of the table each of its requests is."""

    problem: Problem
    plans: tuple[tuple[int, ...], ...]
    rows: Ints

    @classmethod
    def of(cls, times: Matrix, requests: Requests, fleet: Fleet, weights: Weights) -> Self:
        """Lay out a fleet and all that it is to do; a rider on board stays there."""
        planned = [fleet.stops[v, :count] for v, count in enumerate(fleet.stop_count)]
        rows = np.unique(np.concatenate([*planned, np.zeros(0, np.int64)]) // 2)
        plans = tuple(tuple(_local(stops, rows).tolist()) for stops in planned)
        vehicle = np.full(len(rows), -1, np.int64)
        for v, plan in enumerate(plans):
            vehicle[[stop // 2 for stop in plan if stop % 2 and stop - 1 not in plan]] = v
        stops = np.stack([2 * rows, 2 * rows + 1], axis=1).ravel()
        nodes, travel_s = _ways(times, requests, fleet, stops)
        columns = Columns(
            node=nodes[len(fleet.edge) :],
            service_s=requests.service_s[stops],
            earliest_s=requests.earliest_s[stops],
            latest_s=requests.latest_s[stops],
            due_s=requests.latest_s[stops],
            load=requests.size[rows][:, None],
            riders=requests.size[rows].astype(np.float64),
            # the table's rides hold both dwells, the core's neither
            max_ride_s=np.maximum(requests.max_ride_s[rows] - requests.service_s[stops].reshape(-1, 2).sum(axis=1), 0),
            boarded_s=np.where(vehicle >= 0, requests.boarded_s[rows] + requests.service_s[2 * rows], np.nan),
            vehicle=vehicle,
            penalty=np.full(len(rows), UNPLANNED),
        )
        size = len(fleet.edge)
        vehicles = Vehicles(
            node=nodes[:size],
            ready_s=fleet.ready_s,
            capacity=fleet.seats[:, None],
            load=fleet.load[:, None],
            end_node=np.full(size, NOWHERE, np.int64),
            latest_end_s=np.full(size, np.inf),
            max_duration_s=np.full(size, np.inf),
            locked=fleet.locked,
        )
        return cls(Problem(travel_s, travel_s, columns, vehicles, weights, hold=False), plans, rows)

    def stops(self, plan: tuple[int, ...]) -> list[int]:
        """Return a plan of the core as stops of the table."""
        return [int(2 * self.rows[stop // 2] + stop % 2) for stop in plan]


def _local(stops: Ints, rows: Ints) -> Ints:
    local: Ints = 2 * np.searchsorted(rows, stops // 2) + stops % 2
    return local


def _ways(times: Matrix, requests: Requests, fleet: Fleet, stops: Ints) -> tuple[Ints, Floats]:
    """Return the node of each vehicle and then of each stop, and the driving times from node to node.

    Who is at the same place is at the same node. The formula is that of `TravelTimes.time_s`.
    """
    places = np.stack([
        np.concatenate([fleet.edge.astype(np.float64), requests.edge[stops]]),
        np.concatenate([fleet.pos_m, requests.pos_m[stops]]),
    ])  # fmt: skip
    unique, nodes = np.unique(places, axis=1, return_inverse=True)
    edge, pos_m = unique[0].astype(np.int64), unique[1]
    along = pos_m / times.length_m[edge]
    edge_s = times.edge_s[edge]
    travel_s = ((1 - along) * edge_s)[:, None] + times.leg_s[edge[:, None], edge[None, :]] + along * edge_s
    ahead = (edge[:, None] == edge[None, :]) & (pos_m[None, :] >= pos_m[:, None])
    return nodes.ravel(), np.where(ahead, (along[None, :] - along[:, None]) * edge_s, travel_s)
