"""Goods: orders from a line's stock, between sites and one by one, lorries from outside, finished cars."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.random import SeedSequence, default_rng

from sim.demand.draws import named_streams, poisson_times, stream_of
from sim.demand.line import counted_stock, finished_cars, line_of_day, part_orders
from sim.demand.lorries import draw_lorries, gateway_ways
from sim.demand.population import FinishedCar, Goods, Lorry
from sim.errors import ScenarioError
from sim.freight import Cargo, Order
from sim.freight_document import Consignments, Freight, Line
from sim.network.catalog import Network
from sim.network.freight_places import freight_places
from sim.network.graph import EdgeGraph
from sim.orders_file import OrderRow
from sim.scenario import Span

STREAMS = ("time", "from", "to", "mass")


def draw_goods(freight: Freight, time: Span, network: Network, graph: EdgeGraph, seeds: SeedSequence) -> Goods:
    """Draw what has to be moved in a run: part orders due, and all else that begins, in [begin, end).

    Part orders follow from the line and its stock on this day, finished cars from the line alone. Each flow and part
    family has streams of its own by its name, so that a further one leaves the others as they are.

    Raises
    ------
    ScenarioError
        A site's dock or a gateway is not in the network or out of the reach of trucks, or an id stands for two orders.
    """
    places = freight_places(network, graph, freight)
    lorries: list[Lorry] = []
    for name, flow in freight.lorries.items():
        ways = gateway_ways(name, flow, places[flow.site], network, graph)
        lorries += draw_lorries(name, flow, ways, time, stream_of(seeds, f"lorries.{name}"))
    lines = {name: line_of_day(name, line, seeds) for name, line in freight.lines.items()}
    return Goods(
        orders=_orders(freight, lines, time, seeds),
        lorries=tuple(sorted(lorries, key=lambda lorry: (lorry.depart_s, lorry.vehicle_id))),
        cars=_cars(freight, time),
        stock=tuple(one for line in lines.values() for one in counted_stock(line, time.begin_s)),
    )


def _orders(freight: Freight, lines: Mapping[str, Line], time: Span, seeds: SeedSequence) -> tuple[Order, ...]:
    orders = [order for line in lines.values() for order in part_orders(line, time)]
    for name, flow in freight.consignments.items():
        orders += consignments(name, flow, time, stream_of(seeds, f"consignments.{name}"))
    drawn = {order.id for order in orders}
    for row in freight.orders:
        if row.id in drawn:
            msg = f"freight.orders.{row.id}: an order of a line or flow has this id; allowed is one of its own"
            raise ScenarioError(msg)
        if time.begin_s <= row.released_s < time.end_s:
            orders.append(_of_row(row))
    return tuple(sorted(orders, key=lambda order: (order.released_s, order.id)))


def consignments(name: str, flow: Consignments, time: Span, seeds: SeedSequence) -> list[Order]:
    """Return the orders of a flow that are released in [begin, end), drawn from midnight on."""
    streams = {stream: default_rng(child) for stream, child in named_streams(seeds, STREAMS).items()}
    times_s = poisson_times(streams["time"], per_h=flow.per_h.value, profile=flow.profile, begin_s=0, end_s=time.end_s)
    count, sites = len(times_s), len(flow.sites)
    origin = np.floor(streams["from"].random(count) * sites).astype(np.int64)
    other = np.floor(streams["to"].random(count) * (sites - 1)).astype(np.int64)
    destination = np.where(other < origin, other, other + 1)
    low, high = flow.mass_kg_min.value, flow.mass_kg_max.value
    mass_kg = low + (high - low) * streams["mass"].random(count)
    return [
        Order(
            id=f"{name}.{row + 1:03d}",
            kind="consignment",
            family=name,
            origin=flow.sites[origin[row]],
            destination=flow.sites[destination[row]],
            cargo=Cargo(flow.pallets.value, round(float(mass_kg[row]), 1)),
            released_s=(released_s := float(np.floor(times_s[row]))),
            earliest_s=released_s,
            latest_s=released_s + flow.window_s.value,
        )
        for row in np.flatnonzero(times_s >= time.begin_s).tolist()
    ]


def _of_row(row: OrderRow) -> Order:
    return Order(
        id=row.id,
        kind=row.kind,
        family=row.family,
        origin=row.origin,
        destination=row.destination,
        cargo=Cargo(row.pallets, row.mass_kg),
        released_s=float(row.released_s),
        earliest_s=float(row.earliest_s),
        latest_s=float(row.latest_s),
        pieces=row.pieces,
    )


def _cars(freight: Freight, time: Span) -> tuple[FinishedCar, ...]:
    if freight.finished_cars is None:
        return ()
    name = freight.finished_cars.line
    return tuple(finished_cars(name, freight.lines[name], time))
