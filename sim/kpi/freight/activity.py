"""What freight vehicles do: distance, load, transport activity and utilisation, of all and of each class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim.freight_document import Freight
from sim.kpi.entry import ALL
from sim.kpi.freight.energy import energy_records
from sim.kpi.freight.orders import OrderBook, OrderLedger
from sim.kpi.freight.trucks import TruckBook, TruckLedger
from sim.kpi.record import KpiRecord, ratio, total


def activity_records(
    trucks: TruckBook, orders: OrderBook, freight: Freight, *, efficiency: float, now_s: float
) -> Iterator[KpiRecord]:
    """Yield the KPIs of freight vehicles and of their energy."""
    classes = trucks.by_class()
    scopes = {ALL: [one for members in classes.values() for one in members], **classes}
    delivered = _delivered(orders)

    def tkm_of(vehicles: Sequence[TruckLedger]) -> float:
        names = {one.started.vehicle_id for one in vehicles}
        return sum(_tkm(one) for one in delivered if one.delivered[0].vehicle_id in names)

    whole_tkm = sum(_tkm(one) for one in delivered)
    for scope, vehicles in scopes.items():
        yield from _distances(vehicles, scope=scope, now_s=now_s)
        yield from _transport(vehicles, delivered, scope=scope)
        if scope != ALL:
            yield from ratio("modal_share", tkm_of(vehicles), whole_tkm, n=len(vehicles), scope=scope)
        yield from energy_records(vehicles, freight, scope=scope, efficiency=efficiency, tkm_of=tkm_of)


def _delivered(orders: OrderBook) -> list[OrderLedger]:
    return [orders.ledgers[name] for name in sorted(orders.ledgers) if orders.ledgers[name].delivered]


def _tkm(order: OrderLedger) -> float:
    return order.released.mass_kg / 1000 * order.shortest_m / 1000


def _distances(vehicles: Sequence[TruckLedger], *, scope: str, now_s: float) -> Iterator[KpiRecord]:
    n, driven_m = len(vehicles), sum(one.odometer_m for one in vehicles)
    yield from total("freight_vehicles", n, n=n, scope=scope)
    yield from total("freight_km", driven_m / 1000, n=n, scope=scope)
    yield from ratio("freight_empty_ratio", sum(one.empty_m for one in vehicles), driven_m, n=n, scope=scope)
    room_kg_m = sum(one.started.payload_kg * one.odometer_m for one in vehicles)
    yield from ratio("load_factor", sum(one.kg_m for one in vehicles), room_kg_m, n=n, scope=scope)
    places_m = sum(one.started.capacity_pallets * one.odometer_m for one in vehicles)
    yield from ratio("load_factor_pallets", sum(one.pallet_m for one in vehicles), places_m, n=n, scope=scope)
    mission_s, duty_s = sum(one.missions_s(now_s) for one in vehicles), sum(one.duty_s(now_s) for one in vehicles)
    yield from ratio("freight_utilisation", mission_s, duty_s, n=n, scope=scope)


def _transport(vehicles: Sequence[TruckLedger], delivered: Sequence[OrderLedger], *, scope: str) -> Iterator[KpiRecord]:
    names = {one.started.vehicle_id for one in vehicles}
    members = [one for one in delivered if one.delivered[0].vehicle_id in names]
    n = len(members)
    yield from total("transport_tkm", sum(_tkm(one) for one in members), n=n, scope=scope)
    carried_m = sum(one.delivered[0].odometer_m - one.loaded[0].odometer_m for one in members if one.loaded)
    shortest_m = sum(one.shortest_m for one in members)
    yield from ratio("distance_adjustment_factor", carried_m, shortest_m, n=n, scope=scope)
