"""A city made up for measuring: a grid of one-way streets, people who travel in it, and shuttles that follow plans.

Streets are 450 m long; how fast each is driven is drawn, so that quickest ways are no straight lines. Trips begin
anywhere and end nearer rather than farther. A shuttle drives from junction to junction and may turn off at each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Self

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from sim.dispatch.problem import NOWHERE, Floats, Ints, Problem, Requests, Vehicles, Weights

BLOCK_M = 450.0
SPEEDS_MPS = (6.0, 12.0)
TRIP_S = 350.0
"""Scale of the trips' lengths: how likely a destination is falls by e for each of these seconds of driving."""

SEATS = 8
MAX_WAIT_S = 600.0
MAX_RIDE = (1.5, 300.0)
"""Longest ride: this many times the direct one, and seconds beside."""

BOARDING_S, ALIGHTING_S = 15.0, 10.0
ACCEPTED = 1e6
"""Cost of leaving out a request: no detour is as dear."""


class Streets(NamedTuple):
    """Quickest driving times from junction to junction, and `onward[a, b]`, the next junction from b towards a."""

    travel_s: Floats
    onward: Ints


class Demand(NamedTuple):
    """Requests in the order of their submission: riders, origin and destination."""

    submitted_s: Floats
    origin: Ints
    destination: Ints
    riders: Ints


def streets(side: int, rng: np.random.Generator) -> Streets:
    """Return the streets of a city with `side` times `side` junctions."""
    junctions = np.arange(side * side).reshape(side, side)
    pairs = [(junctions[:, :-1], junctions[:, 1:]), (junctions[:-1], junctions[1:])]
    a = np.concatenate([ends.ravel() for pair in pairs for ends in pair])
    b = np.concatenate([ends.ravel() for pair in pairs for ends in reversed(pair)])
    times_s = BLOCK_M / rng.uniform(*SPEEDS_MPS, len(a))
    towards = csr_array((times_s, (b, a)), shape=(side * side, side * side))  # reversed: searched from the destination
    to_s, onward = dijkstra(towards, return_predecessors=True)
    return Streets(np.ascontiguousarray(to_s.T), onward.astype(np.int64))


def demand(city: Streets, *, count: int, until_s: float, rng: np.random.Generator) -> Demand:
    """Draw requests, submitted at any time until one."""
    origin = rng.integers(0, len(city.travel_s), count)
    attraction = np.exp(-city.travel_s / TRIP_S)
    np.fill_diagonal(attraction, 0.0)
    share = np.cumsum(attraction, axis=1)
    share /= share[:, -1:]
    drawn = rng.random(count)
    destination = np.array([np.searchsorted(share[o], x) for o, x in zip(origin, drawn, strict=True)], np.int64)
    riders = rng.choice([1, 2, 3], count, p=[0.85, 0.12, 0.03])
    return Demand(np.sort(rng.uniform(0.0, until_s, count)), origin, destination, riders)


def columns(city: Streets, people: Demand) -> Requests:
    """Return the requests as the planning core takes them."""
    count = len(people.origin)
    direct_s = city.travel_s[people.origin, people.destination]
    earliest_s, latest_s = np.full(2 * count, -np.inf), np.full(2 * count, np.inf)
    earliest_s[::2], latest_s[::2] = people.submitted_s, people.submitted_s + MAX_WAIT_S
    return Requests(
        node=np.stack([people.origin, people.destination], axis=1).ravel(),
        service_s=np.tile([BOARDING_S, ALIGHTING_S], count),
        earliest_s=earliest_s,
        latest_s=latest_s,
        due_s=np.full(2 * count, np.inf),
        load=people.riders[:, None],
        riders=people.riders.astype(np.float64),
        max_ride_s=MAX_RIDE[0] * direct_s + MAX_RIDE[1],
        boarded_s=np.full(count, np.nan),
        vehicle=np.full(count, -1),
        penalty=np.full(count, ACCEPTED),
    )


def rows_of(requests: Requests, rows: Ints) -> Requests:
    """Return some of the requests."""
    stops = np.stack([2 * rows, 2 * rows + 1], axis=1).ravel()
    halves = {"node", "service_s", "earliest_s", "latest_s", "due_s"}
    return Requests(**{name: column[stops if name in halves else rows] for name, column in requests._asdict().items()})


def vehicles_at(node: Ints, ready_s: Floats, load: Ints) -> Vehicles:
    """Return vehicles of `SEATS` seats that may stay where their plans end."""
    size = len(node)
    return Vehicles(
        node=node,
        ready_s=ready_s,
        capacity=np.full((size, 1), SEATS),
        load=load[:, None],
        end_node=np.full(size, NOWHERE),
        latest_end_s=np.full(size, np.inf),
        max_duration_s=np.full(size, np.inf),
        locked=np.zeros(size, np.int64),
    )


@dataclass(slots=True)
class Fleet:
    """Shuttles under way: each reaches `node` at `ready_s`, then goes on with its plan.

    `boarded_s` and `alighted_s` are when the dwells of a request began, by request; nan: not yet.
    """

    city: Streets
    requests: Requests
    node: Ints
    ready_s: Floats
    load: Ints
    plans: list[list[int]]
    boarded_s: Floats
    alighted_s: Floats
    driven_s: float = 0.0
    _links: dict[tuple[int, int], tuple[int, float]] = field(default_factory=dict)

    @classmethod
    def standing(cls, city: Streets, requests: Requests, size: int, rng: np.random.Generator) -> Self:
        """Return empty shuttles anywhere."""
        count = len(requests.riders)
        return cls(
            city,
            requests,
            rng.integers(0, len(city.travel_s), size),
            np.zeros(size),
            np.zeros(size, np.int64),
            [[] for _ in range(size)],
            np.full(count, np.nan),
            np.full(count, np.nan),
        )

    def advance(self, now_s: float) -> None:
        """Drive and serve until a time."""
        for v in np.flatnonzero(self.ready_s < now_s).tolist():
            while self.plans[v] and self.ready_s[v] < now_s:
                target = int(self.requests.node[self.plans[v][0]])
                if target == self.node[v]:
                    self._serve(v)
                else:
                    self._drive(v, target)
            self.ready_s[v] = max(self.ready_s[v], now_s)

    def _serve(self, v: int) -> None:
        """Let board and alight all who do so here next, within one dwell."""
        plan, begin_s = self.plans[v], float(self.ready_s[v])
        while plan and self.requests.node[plan[0]] == self.node[v]:
            stop = plan.pop(0)
            r, alights = divmod(stop, 2)
            (self.alighted_s if alights else self.boarded_s)[r] = begin_s
            self.load[v] += -self.requests.load[r, 0] if alights else self.requests.load[r, 0]
            self.ready_s[v] = max(self.ready_s[v], begin_s + self.requests.service_s[stop])

    def _drive(self, v: int, target: int) -> None:
        here = int(self.node[v])
        if (here, target) not in self._links:
            ahead = int(self.city.onward[target, here])
            self._links[here, target] = ahead, float(self.city.travel_s[here, ahead])
        self.node[v], time_s = self._links[here, target]
        self.ready_s[v] += time_s
        self.driven_s += time_s

    def problem(self, rows: Ints, weights: Weights) -> Problem:
        """Return what is to be planned for some requests, riders on board among them."""
        requests = rows_of(self.requests, rows)
        boarded_s = self.boarded_s[rows] + requests.service_s[::2]
        aboard = {stop // 2: v for v, plan in enumerate(self.plans) for stop in plan if stop % 2}
        vehicle = np.array([aboard.get(r, -1) for r in rows.tolist()], np.int64)
        return Problem(
            self.city.travel_s,
            self.city.travel_s,
            requests._replace(boarded_s=boarded_s, vehicle=np.where(np.isnan(boarded_s), -1, vehicle)),
            vehicles_at(self.node.copy(), self.ready_s.copy(), self.load.copy()),
            weights,
            hold=False,
        )
