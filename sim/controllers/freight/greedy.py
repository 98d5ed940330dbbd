"""The controller `greedy`: the order with the least slack goes to the best vehicle for it, once its time has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, NamedTuple

from pydantic import Field

from sim.controllers.base import Parameters
from sim.controllers.freight.dispatcher import Dispatcher, Plans
from sim.controllers.freight.eligibility import next_start_s
from sim.controllers.freight.outlook import Forecast, Outlook, Standing
from sim.controllers.freight.parameters import FreightParameters
from sim.freight import Call, Order

RETRY_S = 60.0
"""An order whose time has not come is looked at again after this at the latest: it may have found company."""


class GreedyParameters(FreightParameters):
    """Parameters of the controller `greedy`."""

    commit_s: float = Field(
        600,
        ge=0,
        le=86_400,
        description="only vehicles that will have done their work within this time are given more: what is not "
        "given away yet can still go to a vehicle that comes free sooner, or make way for something urgent",
    )


class Offer(NamedTuple):
    """A vehicle's plan with an order in it: what it adds in lateness and metres, and how much it has to wait for."""

    late_s: float
    added_m: float
    delivered_s: float
    vehicle_id: str
    calls: tuple[Call, ...]
    wait_s: float


class Greedy(Dispatcher):
    """Gives orders away by slack: latest time of delivery less the earliest one possible.

    An order joins others with the same ends where there is room and nobody is late for it; else it goes to the end of a
    plan: of the vehicles that deliver it in time to the one that drives least for it, else to the one that is soonest.
    An order whose window opens late waits until the vehicle would have to leave. What is given away stays with the
    vehicle.
    """

    Parameters: ClassVar[type[Parameters]] = GreedyParameters

    def __init__(self, parameters: GreedyParameters) -> None:
        super().__init__(parameters)
        self._commit_s = parameters.commit_s
        self._retry_s: dict[str, float] = {}

    def _plan(self, outlook: Outlook, standings: Sequence[Standing]) -> Plans:
        fleet = {standing.vehicle.id: self._kept(outlook, standing) for standing in standings}
        out = Counter(standing.vehicle.fleet for standing in standings if standing.out)
        self._retry_s = {one: at_s for one, at_s in self._retry_s.items() if one in outlook.waiting}
        for order in self._due(outlook, list(fleet.values())):
            best = min(self._offers(outlook, fleet.values(), order, out), default=None)
            if best is None:
                continue
            if best.wait_s > 0:
                self._retry_s[order.id] = outlook.time_s + min(best.wait_s, RETRY_S)
                continue
            chosen = fleet[best.vehicle_id]
            out[chosen.vehicle.fleet] += not chosen.out
            fleet[best.vehicle_id] = replace(chosen, calls=best.calls, out=True)
            outlook.book(chosen, best.calls)
        return {name: standing.calls for name, standing in fleet.items()}

    def _kept(self, outlook: Outlook, standing: Standing) -> Standing:
        """Return a vehicle with its calls; one that stands still keeps only what is on board."""
        if not standing.broken:
            return standing
        kept = replace(standing, calls=outlook.whole((), standing.on_board))
        outlook.book(kept, kept.calls)
        return kept

    def _due(self, outlook: Outlook, standings: Sequence[Standing]) -> list[Order]:
        """Return the orders to be given away if their time has come, the most urgent first."""
        given = {one for s in standings for task in (*s.fixed, *s.calls) if isinstance(task, Call) for one in task.load}
        due = [
            (order.latest_s - outlook.time_s - min(outlook.direct_s(fleet.name, order) for fleet in able), order.id)
            for order in outlook.waiting.values()
            if order.id not in given and self._retry_s.get(order.id, 0.0) <= outlook.time_s
            for able in [[fleet for fleet in outlook.fleets.values() if fleet.may_carry(order)]]
        ]
        return [outlook.waiting[order_id] for _, order_id in sorted(due)]

    def _offers(
        self, outlook: Outlook, standings: Iterable[Standing], order: Order, out: Mapping[str, int]
    ) -> Iterator[Offer]:
        """Yield what each vehicle can do for an order; of those that wait alike at one place the first that can."""
        alike = set()
        for one in standings:
            idle = not (one.out or one.calls or one.fixed or one.on_board)
            like = one.vehicle.fleet, one.location, one.time_s
            if idle and like in alike:
                continue
            offer = self._offer(outlook, one, order, out[one.vehicle.fleet])
            if offer is not None:
                yield offer
                if idle:
                    alike.add(like)

    def _offer(self, outlook: Outlook, standing: Standing, order: Order, out: int) -> Offer | None:
        """Return the best that a vehicle can do for an order."""
        fleet = standing.fleet
        parallel = standing.out or fleet.max_parallel is None or out < fleet.max_parallel
        if not parallel or standing.broken or not fleet.may_carry(order):
            return None
        now = outlook.booked[standing.vehicle.id]
        found = [
            offer
            for calls in _joined(standing.calls, order)
            if (offer := self._weigh(outlook, standing, now, calls, order)) and offer.wait_s <= 0
            if offer.late_s <= max(0.0, offer.delivered_s - order.latest_s) + 1.0  # nobody else is late for it
        ]
        ends_s = now.times[-1].slot.end_s if now.times else standing.time_s
        if ends_s <= outlook.time_s + self._commit_s:
            offer = self._weigh(outlook, standing, now, _appended(standing.calls, order), order)
            found += [offer] if offer else []
        return min(found, default=None)

    def _weigh(
        self, outlook: Outlook, standing: Standing, now: Forecast, calls: tuple[Call, ...], order: Order
    ) -> Offer | None:
        """Return what a plan with an order in it costs; None where it cannot be carried out."""
        if not outlook.fits(standing, calls):
            return None
        then = outlook.forecast(standing, calls)
        if not then.times or then.range_left_m < 0:
            return None
        begun = standing.out or bool(standing.calls)
        early_s = outlook.early_s(standing.vehicle.fleet, calls, then.times)[order.id]
        leave_s = standing.time_s + max(0.0, early_s)
        if begun and not outlook.may_drive_until(standing, then, leave_s):
            return None
        if not begun:
            leave_s = next_start_s(standing.fleet, leave_s, then.home_s - standing.time_s)
        wait_s = leave_s - standing.time_s
        delivered_s = then.delivered_s[order.id] + wait_s
        late_s = max(0.0, delivered_s - order.latest_s if wait_s > 0 else then.late_s - now.late_s)
        return Offer(late_s, then.drive_m - now.drive_m, delivered_s, standing.vehicle.id, calls, wait_s)


def _joined(calls: tuple[Call, ...], order: Order) -> Iterator[tuple[Call, ...]]:
    """Yield the plans in which an order goes along with others, all the way or where its ends are called at anyway."""
    for n, load in enumerate(calls):
        if load.site != order.origin:
            continue
        for m in range(n + 1, len(calls)):
            if calls[m].site == order.destination:
                joined = list(calls)
                joined[n] = replace(load, load=(*load.load, order.id))
                joined[m] = replace(calls[m], unload=(*calls[m].unload, order.id))
                yield tuple(joined)


def _appended(calls: tuple[Call, ...], order: Order) -> tuple[Call, ...]:
    """Return a plan with an order at its end."""
    ends = Call(order.origin, load=(order.id,)), Call(order.destination, unload=(order.id,))
    if calls and calls[-1].site == order.origin:
        return (*calls[:-1], replace(calls[-1], load=(*calls[-1].load, order.id)), ends[1])
    return (*calls, *ends)
