"""What a production line asks for and gives: part orders by its stock, finished cars by its takt."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.random import SeedSequence, default_rng

from sim.demand.draws import Floats, stream_of
from sim.demand.population import FinishedCar, PartStock
from sim.errors import ScenarioError
from sim.freight import Cargo, Order
from sim.freight_document import CARS, Line, PartFamily
from sim.orders_file import MOST_ORDERS
from sim.scenario import Span


def line_of_day(name: str, line: Line, seeds: SeedSequence) -> Line:
    """Return a line with the stock of one day: yesterday ended anywhere in the use of a lot.

    Each family has its own draw, evenly between its `stock` and `stock_spread_lots` lots less, in whole pieces and not
    below the safety stock: nothing is due before the work begins.
    """
    parts = {}
    for part, family in line.parts.items():
        room = family.stock.value - family.safety_stock.value
        spread = max(min(math.floor(line.stock_spread_lots.value * family.lot.value), room), 0)
        drawn = default_rng(stream_of(seeds, f"lines.{name}.parts.{part}")).random()
        stock = family.stock.model_copy(update={"value": family.stock.value - math.floor(drawn * (spread + 1))})
        parts[part] = family.model_copy(update={"stock": stock})
    return line.model_copy(update={"parts": parts})


def counted_stock(line: Line, begin_s: float) -> Iterator[PartStock]:
    """Yield what of each family is at a line at a time: of what it used before, all lots due until then have come."""
    worked_s = sum(max(0.0, min(end, begin_s) - begin) for begin, end in line.spans_s)
    for name, family in line.parts.items():
        used = family.per_car.value * line.cars_per_h.value / 3600 * worked_s
        spare, lot = family.stock.value - family.safety_stock.value, family.lot.value
        lots = max(0, math.ceil((used - spare) / lot - 1e-9)) if worked_s > 0 else 0
        yield PartStock(line.site, name, round(family.stock.value + lots * lot - used, 3))


def part_orders(line: Line, time: Span) -> list[Order]:
    """Return the orders of a line's families that fall due in [begin, end)."""
    orders = []
    for name, family in line.parts.items():
        due_s = [round(float(at_s), 3) for at_s in order_times(line, family, f"freight.lines.*.parts.{name}")]
        orders += [
            _order(name, number, line.site, family, due_s=at_s, begin_s=time.begin_s)
            for number, at_s in enumerate(due_s, start=1)
            if time.begin_s <= at_s < time.end_s
        ]
    return orders


def order_times(line: Line, family: PartFamily, where: str) -> Floats:
    """Return when each order is due: the stock at the line falls to the safety stock as if all before it had come.

    The line uses `per_car` pieces each takt, evenly while it works. An order that would be due before the work begins
    is due then.

    Raises
    ------
    ScenarioError
        There are more orders than a run takes.
    """
    per_s = family.per_car.value * line.cars_per_h.value / 3600
    spare = family.stock.value - family.safety_stock.value
    used = per_s * sum(end - begin for begin, end in line.spans_s)
    count = max(math.ceil((used - spare) / family.lot.value - 1e-9), 0)
    if count > MOST_ORDERS:
        msg = f"{where}: found {count} orders; allowed are {MOST_ORDERS}: make the lot larger"
        raise ScenarioError(msg)
    worked_s = np.maximum(spare + family.lot.value * np.arange(count, dtype=np.float64), 0.0) / per_s
    return clock_times(line, worked_s)


def finished_cars(name: str, line: Line, time: Span) -> list[FinishedCar]:
    """Return the cars that come off a line in [begin, end): one at the end of each takt."""
    takt_s = 3600 / line.cars_per_h.value
    count = math.floor(sum(end - begin for begin, end in line.spans_s) / takt_s + 1e-9)
    times_s = clock_times(line, takt_s * np.arange(1, count + 1, dtype=np.float64))
    return [
        FinishedCar(f"{CARS}.{number:04d}", name, at_s)
        for number, at_s in enumerate(np.round(times_s, 3).tolist(), start=1)
        if time.begin_s <= at_s < time.end_s
    ]


def clock_times(line: Line, worked_s: Floats) -> Floats:
    """Return the times of day at which a line has worked so long; breaks do not count."""
    begins, ends = np.array(line.spans_s, dtype=np.float64).T
    before_s = np.concatenate(([0.0], np.cumsum(ends - begins)))
    span = np.clip(np.searchsorted(before_s, worked_s - 1e-6, side="left") - 1, 0, len(begins) - 1)
    times: Floats = begins[span] + worked_s - before_s[span]
    return times


def _order(name: str, number: int, site: str, family: PartFamily, *, due_s: float, begin_s: float) -> Order:
    lot = family.lot.value
    pallets = math.ceil(lot / family.pieces_per_pallet.value - 1e-9)
    return Order(
        id=f"{name}.{number:03d}",
        kind="part",
        family=name,
        origin=family.origin,
        destination=site,
        cargo=Cargo(float(pallets), round(lot * family.kg_per_piece.value, 3)),
        released_s=max(round(due_s - family.lead_s.value, 3), float(begin_s)),
        earliest_s=round(due_s - family.window_s.value, 3),
        latest_s=due_s,
        pieces=lot,
    )
