"""A fleet's plans as the planning core takes them: the requests at hand, and the ways between their stops."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.shuttle import Start
from sim.dispatch.problem import NO_BATTERIES, NOWHERE, Batteries, Floats, Ints, Problem, Requests, Vehicles, Weights
from sim.fleet_document import Fleet
from sim.world import Location, PlannedStop, StopTimes, TravelTimes

UNPLANNED = 1e9
"""Cost of leaving out a request that a vehicle was promised to serve: no plan does."""


Where = tuple[Ints, Floats]
"""Edges, and metres along them."""

ToCharger = Callable[[TravelTimes, Where], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A planning problem, its plans as they stand, and the ride in each of its rows: first those that are planned."""

    problem: Problem
    plans: tuple[tuple[int, ...], ...]
    rides: tuple[Ride, ...]

    @classmethod
    def of(
        cls,
        times: TravelTimes,
        starts: Sequence[Start],
        plans: Sequence[Sequence[PlannedStop]],
        planned: Mapping[str, Ride],
        *,
        others: Sequence[Ride] = (),
        penalty_s: float = 0.0,
        fleet: Fleet,
        weights: Weights,
        factor: float = 1.0,
        stop_times: StopTimes | None = None,
        to_charger_m: ToCharger | None = None,
    ) -> Self:
        """Lay out a fleet and all that it is to do; a rider on board stays there.

        Parameters
        ----------
        planned
            The rides of the plans, by request.
        others, penalty_s
            Rides that no plan holds, and the cost of leaving one of them out, by rider.
        factor
            Multiplies the driving times.
        stop_times
            What stops cost, as learnt; unless given, dwells are those of the fleet, and take no more.
        to_charger_m
            The ways to the nearest charger, for vehicles with a battery.
        """
        rows: dict[str, int] = {}
        vehicle: list[int] = []
        for v, plan in enumerate(plans):
            for stop in plan:
                if not stop.pickup:
                    rows[stop.request_id] = len(rows)
                    ride = planned[stop.request_id]
                    vehicle.append(v if ride.on_board or ride.errand is not None else -1)
        rides = (*(planned[request_id] for request_id in rows), *others)
        penalty = [UNPLANNED] * len(rows) + [penalty_s * ride.request.size for ride in others]
        vehicle += [-1] * len(others)
        places = [(start.location, 0) for start in starts]
        for row, ride in enumerate(rides):
            # who waits at the place of an errand shares no dwell with it
            own = (0, 0) if ride.errand is None else (2 * row + 1, 2 * row + 2)
            places += zip((ride.origin, ride.destination), own, strict=True)
        places += [(start.end, 0) for start in starts if start.end is not None]
        nodes, where = _nodes(places)
        travel_s = factor * _ways(where, times.length_m, times.edge_s, times.leg_s)
        room = [(*start.capacity, *start.permits) for start in starts]
        loads = _table([*room, *(ride.load for ride in rides)])
        stops, ends = len(starts), len(starts) + 2 * len(rides)
        columns = _columns(rides, fleet, nodes[stops:ends], loads[len(starts) :], bound=(vehicle, penalty))
        if stop_times is not None:
            _learn(columns.service_s, rides, plans, stop_times)
        vehicles = _vehicles(starts, nodes[:stops], loads[: len(starts)], columns)
        vehicles.end_node[[start.end is not None for start in starts]] = nodes[ends:]
        batteries = _batteries(times, starts, rides, where, to_charger_m)
        problem = Problem(travel_s, travel_s, columns, vehicles, weights, hold=False, batteries=batteries)
        local = tuple(tuple(2 * rows[stop.request_id] + (not stop.pickup) for stop in plan) for plan in plans)
        return cls(problem, local, rides)

    def stops(self, plan: Sequence[int]) -> list[PlannedStop]:
        """Return a plan of the core as planned stops."""
        return [PlannedStop(self.rides[stop // 2].request.id, pickup=stop % 2 == 0) for stop in plan]


def _columns(
    rides: Sequence[Ride], fleet: Fleet, nodes: Ints, load: Ints, *, bound: tuple[Sequence[int], Sequence[float]]
) -> Requests:
    """Return requests as columns; `bound` are the vehicle that each is bound to, and its penalty."""
    bounds = [
        (ride.earliest_s, -math.inf, ride.latest_pickup_s, ride.latest_dropoff_s, ride.max_ride_s, ride.boarded_s)
        for ride in rides
    ]
    table = np.array(bounds, dtype=np.float64).reshape(-1, 6)
    latest_s = table[:, 2:4].ravel()
    dwells = [
        (fleet.boarding_s, fleet.alighting_s) if ride.errand is None else (ride.errand.duration_s, 0.0)
        for ride in rides
    ]
    return Requests(
        node=nodes,
        service_s=np.array(dwells, dtype=np.float64).ravel(),
        earliest_s=table[:, :2].ravel(),
        latest_s=latest_s,
        due_s=latest_s.copy(),
        load=load,
        riders=np.array([ride.request.size for ride in rides], dtype=np.float64),
        max_ride_s=table[:, 4].copy(),
        boarded_s=table[:, 5].copy(),
        vehicle=np.array(bound[0], dtype=np.int64),
        penalty=np.array(bound[1], dtype=np.float64),
    )


def _learn(
    service_s: Floats, rides: Sequence[Ride], plans: Sequence[Sequence[PlannedStop]], stop_times: StopTimes
) -> None:
    """Let each stop of riders take what it was learnt to, with the braking and pulling out around it."""
    row = {ride.request.id: r for r, ride in enumerate(rides)}
    places = [place for ride in rides for place in (ride.origin, ride.destination)]
    planned = [(v, 2 * row[stop.request_id] + (not stop.pickup)) for v, plan in enumerate(plans) for stop in plan]
    together = Counter((v, places[s], s % 2) for v, s in planned)
    served = {s: together[v, places[s], s % 2] for v, s in planned}
    for s, place in enumerate(places):
        if rides[s // 2].errand is None:
            dwell_s = stop_times.dwell_s(place.edge, served.get(s, 1), pickup=s % 2 == 0)
            service_s[s] = dwell_s + stop_times.loss_s


def _vehicles(starts: Sequence[Start], nodes: Ints, capacity: Ints, requests: Requests) -> Vehicles:
    size = len(starts)
    load = np.zeros_like(capacity)
    load[:, :2] = np.array([start.load for start in starts], dtype=np.int64).reshape(-1, 2)
    aboard = ~np.isnan(requests.boarded_s)
    np.add.at(load[:, 2:], requests.vehicle[aboard], requests.load[aboard, 2:])
    return Vehicles(
        node=nodes,
        ready_s=np.array([start.ready_s for start in starts], dtype=np.float64),
        capacity=capacity,
        load=load,
        end_node=np.full(size, NOWHERE, np.int64),
        latest_end_s=np.array([start.latest_end_s for start in starts], dtype=np.float64),
        max_duration_s=np.full(size, np.inf),
        locked=np.array([start.locked for start in starts], dtype=np.int64),
    )


def _table(loads: Sequence[Sequence[int]]) -> Ints:
    """Return loads as rows of one width; what one does not name it has none of."""
    width = max(map(len, loads), default=2)
    return np.array([(*load, *(0,) * (width - len(load))) for load in loads], dtype=np.int64).reshape(-1, width)


def _nodes(places: Sequence[tuple[Location, int]]) -> tuple[Ints, Where]:
    """Return the node of each place, and where the nodes are.

    Who is at the same place is at the same node, unless the numbers beside the places differ.
    """
    known: dict[tuple[Location, int], int] = {}
    nodes = np.array([known.setdefault(place, len(known)) for place in places], dtype=np.int64)
    edge = np.array([place.edge for place, _ in known], dtype=np.int64)
    return nodes, (edge, np.array([place.pos_m for place, _ in known], dtype=np.float64))


def _ways(where: Where, length_m: Floats, along: Floats, legs: Floats) -> Floats:
    """Return the times or metres from node to node, from those along edges and between them.

    The formula is that of `TravelTimes.time_s`.
    """
    edge, pos_m = where
    share, own = pos_m / length_m[edge], along[edge]
    ways: Floats = legs[edge[:, None], edge]
    ways += ((1 - share) * own)[:, None]
    ways += share * own
    behind, ahead = np.nonzero((edge[:, None] == edge) & (pos_m >= pos_m[:, None]))
    ways[behind, ahead] = (share[ahead] - share[behind]) * own[behind]
    return ways


def _batteries(
    times: TravelTimes, starts: Sequence[Start], rides: Sequence[Ride], where: Where, to_charger_m: ToCharger | None
) -> Batteries:
    """Return how far the vehicles can drive, on the shortest ways: what they consume goes by the metre."""
    if to_charger_m is None or all(math.isinf(start.range_m) for start in starts):
        return NO_BATTERIES
    charged_m = [0.0 if ride.errand is None else ride.errand.charged_m for ride in rides]
    return Batteries(
        way_m=_ways(where, times.length_m, times.length_m, times.leg_m),
        to_charger_m=to_charger_m(times, where),
        range_m=np.array([start.range_m for start in starts], dtype=np.float64),
        charged_m=np.array(charged_m, dtype=np.float64),
    )
