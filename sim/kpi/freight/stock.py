"""Stock at the line: what was delivered less what its cars used up, and the time without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sim.freight_document import Freight, Line, PartFamily
from sim.kpi.entry import ALL
from sim.kpi.freight.orders import OrderLedger
from sim.kpi.record import KpiRecord, total

_SLACK_PIECES = 1e-6

Piece = tuple[float, float, float]
"""A stretch of time with a constant use: begin, end, pieces per second."""
Counted = Mapping[tuple[str, str], float]
"""Pieces at the begin of the run by site and part family."""


@dataclass(frozen=True, slots=True)
class Stock:
    """The stock of one part family at a line, piecewise linear in time.

    Attributes
    ----------
    times_s, pieces
        Corners of the course; a delivery makes two of them at one time.
    out
        Stretches of working time with less than nothing there.
    """

    family: str
    site: str
    times_s: tuple[float, ...]
    pieces: tuple[float, ...]
    out: tuple[tuple[float, float], ...]

    @property
    def out_s(self) -> float:
        """Working time without stock."""
        return sum(end_s - begin_s for begin_s, end_s in self.out)


def stocks(
    freight: Freight, counted: Counted, orders: Iterable[OrderLedger], *, begin_s: float, end_s: float
) -> list[Stock]:
    """Return the course within [begin_s, end_s] of every part family that was counted at a line."""
    orders = list(orders)
    found = []
    for _, line in sorted(freight.lines.items()):
        for family, part in sorted(line.parts.items()):
            if (line.site, family) not in counted:
                continue
            came = sorted(
                (end.time_s, float(one.released.pieces))
                for one in orders
                for end in one.delivered[:1]
                if (one.released.family, one.released.destination) == (family, line.site)
            )
            uses = _uses(line, _per_s(line, part), begin_s, end_s)
            course = _course(counted[line.site, family], uses, came)
            times_s, pieces = zip(*course, strict=True)
            found.append(Stock(family, line.site, times_s, pieces, tuple(_outs(course))))
    return found


def stock_records(
    freight: Freight, counted: Counted, orders: Iterable[OrderLedger], *, begin_s: float, end_s: float
) -> Iterator[KpiRecord]:
    """Yield minutes and numbers of stock-outs; none without part families or before the run has lasted."""
    if end_s <= begin_s:
        return
    found = stocks(freight, counted, orders, begin_s=begin_s, end_s=end_s)
    scopes = {ALL: found, **{family: [one for one in found if one.family == family] for family in _families(found)}}
    for scope, members in scopes.items():
        yield from total("stock_out_min", sum(one.out_s for one in members) / 60, n=len(members), scope=scope)
        yield from total("stock_outs", sum(_falls(one) for one in members), n=len(members), scope=scope)


def _families(found: Sequence[Stock]) -> list[str]:
    return sorted({one.family for one in found})


def _falls(stock: Stock) -> int:
    """Return how often the stock fell below zero: stretches that a break alone parts are one."""
    course = list(zip(stock.times_s, stock.pieces, strict=True))
    below = [pieces < -_SLACK_PIECES for _, pieces in course]
    return sum(now and not before for before, now in zip([False, *below], below, strict=False))


def _per_s(line: Line, part: PartFamily) -> float:
    return part.per_car.value * line.cars_per_h.value / 3600


def _uses(line: Line, per_s: float, begin_s: float, end_s: float) -> list[Piece]:
    """Return the whole time in stretches, in order, with what the line uses up in each."""
    stretches, at_s = [], begin_s
    working = [(max(float(a), begin_s), min(float(b), end_s)) for a, b in sorted(line.spans_s)]
    for a, b in [*((a, b) for a, b in working if b > a), (end_s, end_s)]:
        if a > at_s:
            stretches.append((at_s, a, 0.0))
        if b > a:
            stretches.append((a, b, per_s))
        at_s = max(at_s, b)
    return stretches


def _course(stock: float, uses: Sequence[Piece], came: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of the course; what came after the last stretch is left out."""
    course, waiting = [(uses[0][0], stock)], list(came)
    for a, b, per_s in uses:
        at_s = a
        while waiting and waiting[0][0] < b:
            time_s, pieces = waiting.pop(0)
            stock -= per_s * (max(time_s, at_s) - at_s)
            at_s = max(time_s, at_s)
            course += [(at_s, stock), (at_s, stock + pieces)]
            stock += pieces
        stock -= per_s * (b - at_s)
        course.append((b, stock))
    return course


def _outs(course: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Yield when the stock is used up below zero; with a level course nothing is used, and nobody misses it."""
    for (a, high), (b, low) in pairwise(course):
        if low < min(high, -_SLACK_PIECES):
            from_s = a if high <= 0 else a + (b - a) * high / (high - low)
            yield from_s, b
