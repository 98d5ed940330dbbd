"""A fleet and its orders laid out as a problem of `sim.dispatch`: pallets and mass as loads, handling as dwells.

The core keeps limits and leaves out what cannot keep them, while goods are delivered late rather than never. So the
latest unloading is no limit here but `due_s`, behind which every second costs; what stays hard is capacity, the end of
driving windows and the charge.

All calls of a site that follow each other are one stay in a bay. Its fixed share, and the wait for a bay that is
foreseen, are part of the way to the site, so that a second order there costs no more than its pallets.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sim.controllers.freight.eligibility import next_start_s, window_end_s
from sim.controllers.freight.outlook import Outlook, Standing
from sim.dispatch.problem import NO_BATTERIES, Batteries, Problem, Requests, Vehicles, Weights
from sim.dispatch.solution import Stops
from sim.freight import Call, Cargo, Order
from sim.world import Location

FAR_S = 1e7
"""Beyond every time of a run: where the core wants a limit and there is none."""

UNSERVED = 1e12
"""Cost of an order left out: more than any lateness."""

UNITS = Cargo(4.0, 0.1)
"""Units of a pallet and a kilogram: quarters of a pallet, ten kilograms."""

PROBES_S = (300.0, 900.0, 1800.0)
"""The wait for a bay is the mean of those of vehicles that would come so far from now."""


@dataclass(frozen=True)
class Valuation:
    """What seconds are worth in metres of driving.

    Attributes
    ----------
    late_m_per_s
        A second behind the window.
    lost_share
        What of it remains for an order that cannot be in time any more.
    ride_slack_s
        How much longer than on the direct way goods may be on board: what is loaded together has to be wanted
        at about the same time, as a vehicle does not wait with goods on board.
    margin_s
        How long before the end of its window an order is planned to be there.
    """

    late_m_per_s: float
    lost_share: float
    ride_slack_s: float
    margin_s: float


class Layout:
    """The orders of one fleet as rows; stops 2 r and 2 r + 1 load and unload order r.

    Nodes are the stops, then the starts of the vehicles, then the depot.
    """

    def __init__(
        self, outlook: Outlook, standings: Sequence[Standing], orders: Iterable[Order], valuation: Valuation
    ) -> None:
        self._outlook, self._standings, self._valuation = outlook, standings, valuation
        carried = [(outlook.order(one), v) for v, standing in enumerate(standings) for one in standing.on_board]
        self.orders = [*(order for order, _ in carried), *orders]
        self._carriers = [v for _, v in carried]
        self._rows = {order.id: r for r, order in enumerate(self.orders)}
        self._fleet = standings[0].fleet
        self._fixed_s = {name: outlook.handling_s(Call(name)) for name in outlook.sites}

    def problem(self) -> Problem:
        """Return the problem for the core."""
        travel_s, way_m = self._ways()
        requests, vehicles = self._requests(travel_s), self._vehicles()
        ranges = np.array([max(0.0, one.range_m) for one in self._standings])
        batteries = NO_BATTERIES
        if np.isfinite(ranges).any():
            batteries = Batteries(way_m, way_m[:, -1].copy(), ranges, np.zeros(len(self.orders)))
        weights = Weights(drive=1.0, late=self._valuation.late_m_per_s)
        return Problem(travel_s, way_m, requests, vehicles, weights, hold=True, batteries=batteries)

    def stops(self, plan: Iterable[tuple[str, bool]]) -> Stops:
        """Return a plan, given as orders and whether each is loaded or unloaded, as stops."""
        return tuple(2 * self._rows[order] + (not load) for order, load in plan if order in self._rows)

    def plan(self, stops: Stops) -> tuple[tuple[str, bool], ...]:
        """Return stops as orders, each loaded or unloaded."""
        return tuple((self.orders[stop // 2].id, stop % 2 == 0) for stop in stops)

    def calls(self, stops: Stops) -> tuple[Call, ...]:
        """Return stops as calls: those at one site that follow each other are one."""
        calls: list[Call] = []
        for order, load in self.plan(stops):
            goods = self._outlook.order(order)
            site = goods.origin if load else goods.destination
            if not calls or calls[-1].site != site:
                calls.append(Call(site))
            last = calls[-1]
            calls[-1] = replace(last, load=(*last.load, order)) if load else replace(last, unload=(*last.unload, order))
        return tuple(calls)

    def _ways(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return times and lengths of the ways from node to node."""
        sites, travel = self._outlook.sites, self._outlook.travel(self._fleet.name)
        names = [site for order in self.orders for site in (order.origin, order.destination)]
        starts = [one.location for one in self._standings]
        places = [*(sites[name].location for name in names), *starts, self._fleet.depot_location]
        unique = sorted(set(places))
        node = np.array([unique.index(place) for place in places])
        time_s, length_m = (_between(unique, way) for way in (travel.time_s, travel.distance_m))
        travel_s, way_m = time_s[np.ix_(node, node)], length_m[np.ix_(node, node)]
        extra_s = {name: self._fixed_s[name] + self._wait_s(name) for name in set(names)}
        travel_s[:, : len(names)] += [extra_s[name] for name in names]
        site = np.array([*names, *[""] * (len(places) - len(names))])
        same = (site[:, None] == site) & (site != "")
        travel_s[same] = way_m[same] = 0.0
        way_m[~np.isfinite(travel_s)] = FAR_S  # no way is taken there, and the core wants a number
        return travel_s, way_m

    def _wait_s(self, site: str) -> float:
        """Return how long a vehicle is expected to wait for a bay that comes within the next half hour."""
        ledger, now_s, stay_s = self._outlook.ledgers[site], self._outlook.time_s, 2 * self._fixed_s[site]
        waits = [ledger.earliest_s(now_s + ahead_s, stay_s) - now_s - ahead_s for ahead_s in PROBES_S]
        return sum(waits) / len(waits)

    def _requests(self, travel_s: NDArray[np.float64]) -> Requests:
        outlook, orders, count = self._outlook, self.orders, len(self.orders)
        ends = (
            [Call(order.origin, load=(order.id,)) for order in orders],
            [Call(order.destination, unload=(order.id,)) for order in orders],
        )
        load_s, unload_s = (
            np.array([max(0.0, outlook.handling_s(call) - self._fixed_s[call.site]) for call in side]) for side in ends
        )
        earliest_s, due_s = np.full(2 * count, outlook.time_s), np.full(2 * count, math.inf)
        earliest_s[1::2] = [order.earliest_s - outlook.ahead_s for order in orders]
        due_s[1::2] = [order.latest_s - self._valuation.margin_s for order in orders] - unload_s
        rows = 2 * np.arange(count)
        direct_s, boarded = travel_s[rows, rows + 1], len(self._carriers)
        lost = outlook.time_s + load_s + direct_s > due_s[1::2] + self._valuation.margin_s
        lost[:boarded] = False
        vehicle, boarded_s = np.full(count, -1), np.full(count, math.nan)
        vehicle[:boarded], boarded_s[:boarded] = self._carriers, outlook.time_s
        max_ride_s = direct_s + self._valuation.ride_slack_s
        max_ride_s[:boarded] = FAR_S
        return Requests(
            node=np.arange(2 * count),
            service_s=np.stack([load_s, unload_s], axis=1).ravel(),
            earliest_s=earliest_s,
            latest_s=np.full(2 * count, FAR_S),
            due_s=due_s,
            load=np.array([_units(order.cargo) for order in orders], np.int64).reshape(count, 2),
            riders=np.where(lost, self._valuation.lost_share, 1.0),
            max_ride_s=np.minimum(max_ride_s, FAR_S),
            boarded_s=boarded_s,
            vehicle=vehicle,
            penalty=np.full(count, UNSERVED),
        )

    def _vehicles(self) -> Vehicles:
        standings, outlook, size = self._standings, self._outlook, len(self._standings)
        depot = 2 * len(self.orders) + size
        ready_s = [max(one.time_s, next_start_s(one.fleet, one.time_s, 0.0)) for one in standings]
        ready_s = [one.time_s if math.isinf(at_s) else at_s for one, at_s in zip(standings, ready_s, strict=True)]
        ends_s = [window_end_s(one.fleet, at_s) for one, at_s in zip(standings, ready_s, strict=True)]
        return Vehicles(
            node=2 * len(self.orders) + np.arange(size),
            ready_s=np.array(ready_s),
            capacity=np.array([_units(one.fleet.capacity, room=True) for one in standings], np.int64),
            load=np.array(
                [
                    np.sum([_units(outlook.order(o).cargo) for o in one.on_board] or [(0, 0)], axis=0)
                    for one in standings
                ],
                np.int64,
            ),
            end_node=np.full(size, depot),
            latest_end_s=np.maximum(ends_s, -FAR_S),
            max_duration_s=np.full(size, math.inf),
            locked=np.zeros(size, np.int64),
        )


def _units(cargo: Cargo, *, room: bool = False) -> tuple[int, int]:
    """Return goods in whole units, rounded up; room is rounded down."""
    exact = cargo.pallets * UNITS.pallets, cargo.mass_kg * UNITS.mass_kg
    if room:
        return math.floor(exact[0] + 1e-9), math.floor(exact[1] + 1e-9)
    return math.ceil(exact[0] - 1e-9), math.ceil(exact[1] - 1e-9)


def _between(places: Sequence[Location], way: Callable[[Location, Location], float]) -> NDArray[np.float64]:
    return np.array([[0.0 if a == b else way(a, b) for b in places] for a in places])
