"""Orders: the ledger of each, what must hold of it, and the KPIs of what shippers get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sim.events import Event
from sim.freight_events import OrderDelivered, OrderFailed, OrderLoaded, OrderOpen, OrderReleased
from sim.kpi.entry import ALL
from sim.kpi.record import KpiRecord, distribution, ratio, total

_SLACK_PALLETS = 1e-6

_OfOrder = OrderLoaded | OrderDelivered | OrderFailed | OrderOpen


@dataclass(slots=True)
class OrderLedger:
    """What became of one order; lists are longer than one only where something is wrong."""

    released: OrderReleased
    loaded: list[OrderLoaded] = field(default_factory=list)
    delivered: list[OrderDelivered] = field(default_factory=list)
    failed: list[OrderFailed] = field(default_factory=list)
    open: list[OrderOpen] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether it was delivered or given up."""
        return bool(self.delivered or self.failed)

    @property
    def shortest_m(self) -> float:
        """Shortest feasible distance of the vehicle that delivered it; before, and in older logs, of a truck."""
        by_vehicle_m = self.delivered[0].shortest_m if self.delivered else None
        return self.released.direct_distance_m if by_vehicle_m is None else by_vehicle_m

    def late(self) -> bool:
        """Whether it was delivered after its window."""
        return bool(self.delivered) and self.delivered[0].time_s > self.released.latest_s

    def on_time(self, tolerance_s: float) -> bool:
        """Whether it was unloaded within its window, in the bay at most `tolerance_s` before it."""
        early = bool(self.delivered) and self.delivered[0].docked_s < self.released.earliest_s - tolerance_s
        return bool(self.delivered) and not self.late() and not early

    def in_full(self) -> bool:
        """Whether all of it came."""
        return bool(self.delivered) and self.delivered[0].pallets >= self.released.pallets - _SLACK_PALLETS

    def violations(self, *, final: bool) -> Iterator[str]:
        """Yield what cannot be."""
        name = f"order {self.released.order_id}"
        ends = len(self.delivered) + len(self.failed) + len(self.open)
        if ends > 1 or (final and not ends):
            yield f"{name} has {ends} outcomes (delivered, failed or open)"
        if len(self.loaded) > 1:
            yield f"{name} was loaded {len(self.loaded)} times"
        if self.delivered:
            yield from self._delivery_violations(name, self.delivered[0])

    def _delivery_violations(self, name: str, delivered: OrderDelivered) -> Iterator[str]:
        if not self.loaded:
            yield f"{name} was delivered without being loaded"
        elif self.loaded[0].vehicle_id != delivered.vehicle_id:
            yield f"{name} was loaded by {self.loaded[0].vehicle_id} and delivered by {delivered.vehicle_id}"
        elif self.loaded[0].time_s > delivered.time_s:
            yield f"{name} was delivered before it was loaded"
        if delivered.site != self.released.destination:
            yield f"{name} was delivered at {delivered.site} instead of {self.released.destination}"
        if delivered.pallets > self.released.pallets + _SLACK_PALLETS:
            yield f"{name} has {self.released.pallets:g} pallets, {delivered.pallets:g} were delivered"


@dataclass(slots=True)
class OrderBook:
    """The ledgers of all orders."""

    ledgers: dict[str, OrderLedger] = field(default_factory=dict)

    def take(self, event: Event) -> Iterator[str]:
        """Book an event of an order; yields what cannot be. Others are passed over."""
        if isinstance(event, OrderReleased):
            if event.order_id in self.ledgers:
                yield f"order {event.order_id} was released twice"
            else:
                self.ledgers[event.order_id] = OrderLedger(event)
        elif isinstance(event, _OfOrder):
            ledger = self.ledgers.get(event.order_id)
            if ledger is None:
                yield f"{event.kind} of order {event.order_id}, which was never released"
            else:
                _append(ledger, event)

    def violations(self, *, final: bool) -> Iterator[str]:
        """Yield what must not be, of each order."""
        for name in sorted(self.ledgers):
            yield from self.ledgers[name].violations(final=final)

    def records(self, *, due_until_s: float, tolerance_s: float, final: bool) -> Iterator[KpiRecord]:
        """Yield the KPIs of orders; those with a window that ends by `due_until_s` are due."""
        orders = [self.ledgers[name] for name in sorted(self.ledgers)]
        scopes: dict[str, list[OrderLedger]] = {ALL: orders} if orders else {}
        for one in orders:
            for scope in sorted({one.released.family, one.released.order_kind}):
                scopes.setdefault(scope, []).append(one)
        for scope, members in sorted(scopes.items()):
            due = [one for one in members if one.released.latest_s <= due_until_s]
            yield from _rates(due, scope=scope, tolerance_s=tolerance_s)
            yield from _counts(members, scope=scope, final=final)


def _append(ledger: OrderLedger, event: _OfOrder) -> None:
    if isinstance(event, OrderLoaded):
        ledger.loaded.append(event)
    elif isinstance(event, OrderDelivered):
        ledger.delivered.append(event)
    elif isinstance(event, OrderFailed):
        ledger.failed.append(event)
    else:
        ledger.open.append(event)


def _rates(due: Sequence[OrderLedger], *, scope: str, tolerance_s: float) -> Iterator[KpiRecord]:
    n = len(due)
    on_time = [one.on_time(tolerance_s) for one in due]
    in_full = [one.in_full() for one in due]
    yield from ratio("otif", sum(a and b for a, b in zip(on_time, in_full, strict=True)), n, n=n, scope=scope)
    yield from ratio("orders_on_time_rate", sum(on_time), n, n=n, scope=scope)
    yield from ratio("orders_in_full_rate", sum(in_full), n, n=n, scope=scope)


def _counts(members: Sequence[OrderLedger], *, scope: str, final: bool) -> Iterator[KpiRecord]:
    n = len(members)
    delivered = [(one.released, one.delivered[0]) for one in members if one.delivered]
    yield from total("orders_released", n, n=n, scope=scope)
    yield from total("orders_delivered", len(delivered), n=n, scope=scope)
    yield from total("orders_late", sum(one.late() for one in members), n=n, scope=scope)
    yield from total("orders_failed", sum(bool(one.failed) for one in members), n=n, scope=scope)
    if final:
        yield from total("orders_open", sum(not one.settled for one in members), n=n, scope=scope)
    tardy_s = [max(0.0, end.time_s - order.latest_s) for order, end in delivered]
    yield from distribution("tardiness_s", tardy_s, scope=scope)
    yield from distribution("order_lead_time_s", [end.time_s - order.time_s for order, end in delivered], scope=scope)
