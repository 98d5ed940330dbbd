"""The orders of a run: who knows of them since when, where they are, what became of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from sim.engine.freight.distances import Spot
from sim.errors import ControllerError
from sim.events import Event
from sim.freight import Order
from sim.freight_events import OrderFailed, OrderOpen, OrderReleased
from sim.vehicle_classes import FreightClass

TRUCK: FreightClass = "human_truck"


class OrderBook:
    """Every order in exactly one state: to come, waiting, on board, delivered or failed.

    Parameters
    ----------
    orders
        All that the demand has.
    docks
        The end of each site's dock.
    shortest_m
        Shortest feasible distance for a class of vehicle from spot to spot.
    """

    def __init__(
        self, orders: Collection[Order], *, docks: Mapping[str, Spot], shortest_m: Callable[[str, Spot, Spot], float]
    ) -> None:
        self._to_come = sorted(orders, key=lambda one: (one.released_s, one.id), reverse=True)
        self._known = {order.id for order in orders}
        self._docks, self.shortest_m = docks, shortest_m
        self.waiting: dict[str, Order] = {}
        self.on_board: dict[str, Order] = {}

    @property
    def unsettled(self) -> int:
        """How many are neither delivered nor failed."""
        return len(self._to_come) + len(self.waiting) + len(self.on_board)

    @property
    def next_s(self) -> float:
        """When the next order is released."""
        return self._to_come[-1].released_s if self._to_come else math.inf

    def release(self, now_s: float) -> Iterator[Event]:
        """Let the orders whose time has come wait."""
        while self.next_s <= now_s:
            order = self._to_come.pop()
            self.waiting[order.id] = order
            yield OrderReleased(
                time_s=now_s, order_id=order.id, order_kind=order.kind, family=order.family, origin=order.origin,
                destination=order.destination, pallets=order.cargo.pallets, mass_kg=order.cargo.mass_kg,
                pieces=order.pieces, earliest_s=order.earliest_s, latest_s=order.latest_s,
                direct_distance_m=self.shortest_m(TRUCK, self._docks[order.origin], self._docks[order.destination]),
            )  # fmt: skip

    def place(self, order: Order, sites: Collection[str]) -> None:
        """Take an order in while the run goes on; see `FreightWorld.place`."""
        if order.id in self._known:
            msg = f"order {order.id!r} cannot be placed: there is or was one of that id"
            raise ControllerError(msg)
        for site in (order.origin, order.destination):
            if site not in sites:
                msg = f"order {order.id!r} names the site {site!r}; allowed are {', '.join(sorted(sites))}"
                raise ControllerError(msg)
        self._known.add(order.id)
        self._to_come.append(order)
        self._to_come.sort(key=lambda one: (one.released_s, one.id), reverse=True)

    def open(self) -> Sequence[Order]:
        """Return the orders that wait, in the order of their release."""
        return sorted(self.waiting.values(), key=lambda order: (order.released_s, order.id))

    def find(self, order_id: str) -> Order:
        """Return an order that is not settled."""
        order = self.waiting.get(order_id) or self.on_board.get(order_id)
        if order is None:
            msg = f"order {order_id!r} neither waits nor is on board"
            raise ControllerError(msg)
        return order

    def load(self, order_id: str) -> Order:
        """Take an order on board."""
        order = self.on_board[order_id] = self.waiting.pop(order_id)
        return order

    def deliver(self, order_id: str) -> Order:
        """Settle an order that has been unloaded at its destination."""
        return self.on_board.pop(order_id)

    def fail(self, order_id: str, cause: str, now_s: float) -> Event:
        """Give up an order that waits; see `FreightWorld.fail`."""
        if order_id not in self.waiting:
            msg = f"order {order_id!r} cannot be failed: it does not wait"
            raise ControllerError(msg)
        del self.waiting[order_id]
        return OrderFailed(time_s=now_s, order_id=order_id, cause=cause)

    def close(self, now_s: float) -> Iterator[Event]:
        """Tell which orders the end of the run leaves open; those not released by then are no part of it."""
        for order_id in sorted({*self.waiting, *self.on_board}):
            state = "waiting" if order_id in self.waiting else "on_board"
            yield OrderOpen(time_s=now_s, order_id=order_id, state=state)
