"""The controller `rolling`: all that no vehicle has loaded yet is planned anew, again and again."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

from pydantic import Field

from sim.controllers.base import Parameters
from sim.controllers.freight.dispatcher import Dispatcher, Plans
from sim.controllers.freight.eligibility import next_start_s
from sim.controllers.freight.layout import Layout, Valuation
from sim.controllers.freight.outlook import Outlook, Standing
from sim.controllers.freight.parameters import FreightParameters
from sim.dispatch import lns
from sim.dispatch.relax import relax
from sim.freight import Call, FreightWorld, Order

SEARCH_S = 120.0
"""After so long plans are searched anew though nothing has come: travel times have changed."""

Plan = tuple[tuple[str, bool], ...]
"""Orders as a vehicle goes to them: loaded (True) or unloaded."""


class RollingParameters(FreightParameters):
    """Parameters of the controller `rolling`."""

    iterations: int = Field(
        200,
        ge=0,
        le=1_000_000,
        description="tries to improve the plans each time that an order or a vehicle has come, and every two minutes; "
        "a number and not a time, so that the result does not depend on the machine",
    )
    most_orders: int = Field(
        100,
        ge=1,
        le=2000,
        description="orders planned at a time, those that have to be there first; the time of a search grows with them",
    )
    late_m_per_s: float = Field(
        20, ge=0, description="metres of driving that an order's second behind its window is worth"
    )
    lost_share: float = Field(
        0.05,
        gt=0,
        le=1,
        description="what of it remains for an order that cannot be in time any more: little of it lets those go "
        "first that still can, at the price of the longest delays",
    )
    ride_slack_s: float = Field(
        1200,
        ge=0,
        le=86_400,
        description="how much longer than on the direct way goods may be on board; more lets more orders go together",
    )
    margin_s: float = Field(
        300, ge=0, le=3600, description="how long before the end of its window an order is planned to be there"
    )
    turn_s: float = Field(
        120, ge=0, le=3600, description="a vehicle on its way to load is called back if it is earlier than by this"
    )


class Rolling(Dispatcher):
    """Plans by regret insertion and large-neighbourhood search, fleet by fleet.

    Plans reach further than what vehicles are told: a mission, from empty to empty, is handed over when the vehicle has
    to leave for it.
    """

    Parameters: ClassVar[type[Parameters]] = RollingParameters

    def __init__(self, parameters: RollingParameters) -> None:
        super().__init__(parameters)
        self._rolling = parameters
        self._valuation = Valuation(
            parameters.late_m_per_s, parameters.lost_share, parameters.ride_slack_s, parameters.margin_s
        )
        self._plans: dict[str, Plan] = {}
        self._fleets: dict[str, str] = {}
        self._passed: dict[str, set[str]] = {}
        self._searched: dict[str, tuple[float, AbstractSet[str]]] = {}

    def start(self, world: FreightWorld) -> None:
        """Load the kernels before the simulated time begins to count."""
        lns.compile_kernels()

    def _plan(self, outlook: Outlook, standings: Sequence[Standing]) -> Plans:
        fixed = {one for s in standings for task in s.fixed if isinstance(task, Call) for one in task.load}
        free = {order.id: order for order in outlook.waiting.values() if order.id not in fixed}
        self._plans = {s.vehicle.id: _kept(self._plans.get(s.vehicle.id, ()), s.on_board, free) for s in standings}
        groups = _by_fleet(standings)
        self._assign_fleets(outlook, groups, free)
        handed = {one.vehicle.id: one.calls for one in standings}
        for name, group in groups.items():
            chosen, idle = self._able(group)
            for standing in idle:
                self._plans[standing.vehicle.id] = ()
                handed[standing.vehicle.id] = ()
            if chosen:
                handed.update(self._planned(outlook, name, chosen, free))
        for standing in standings:
            outlook.book(standing, handed[standing.vehicle.id])
        return handed

    def _planned(
        self, outlook: Outlook, name: str, standings: Sequence[Standing], free: Mapping[str, Order]
    ) -> dict[str, tuple[Call, ...]]:
        """Plan a fleet; return what its vehicles are to do now."""
        mine = self._urgent(outlook, name, [order for one, order in free.items() if self._fleets.get(one) == name])
        layout = Layout(outlook, standings, mine, self._valuation)
        if not layout.orders:
            return {one.vehicle.id: () for one in standings}
        known = {order.id for order in layout.orders}
        before = [layout.stops(step for step in self._plans[one.vehicle.id] if step[0] in known) for one in standings]
        problem = relax(layout.problem(), before)
        found = lns.insert_all(problem, before)
        there = {*known, *(one.vehicle.id for one in standings)}
        if self._rolling.iterations and (found.unserved or self._is_due(name, outlook.time_s, there)):
            seed = int(outlook.time_s)
            found = lns.solve(problem, found.plans, iterations=self._rolling.iterations, seed=seed)
        for r in found.unserved:
            self._passed.setdefault(layout.orders[r].id, set()).add(name)
            self._fleets.pop(layout.orders[r].id, None)
        handed = {}
        for standing, stops in zip(standings, found.plans, strict=True):
            self._plans[standing.vehicle.id] = layout.plan(stops)
            handed[standing.vehicle.id] = self._due(outlook, standing, layout.calls(stops))
        return handed

    def _is_due(self, fleet: str, now_s: float, there: AbstractSet[str]) -> bool:
        """Whether to search: an order or a vehicle is there that was not the last time, or that is some time ago."""
        searched_s, known = self._searched.get(fleet, (-math.inf, frozenset()))
        if there <= known and now_s < searched_s + SEARCH_S:
            return False
        self._searched[fleet] = now_s, there
        return True

    def _assign_fleets(
        self, outlook: Outlook, groups: Mapping[str, Sequence[Standing]], free: Mapping[str, Order]
    ) -> None:
        """Give each order a fleet that may carry it: the fastest, by how much it has to do already."""
        self._fleets = {one: by for one, by in self._fleets.items() if one in free and by in groups}
        self._passed = {one: by for one, by in self._passed.items() if one in free}
        work = Counter(self._fleets.values())
        for one, order in free.items():
            if one in self._fleets:
                continue
            able = [name for name, group in groups.items() if group[0].fleet.may_carry(order)]
            passed = self._passed.get(one, set())
            if passed.issuperset(able):
                passed.clear()
            weighed = [
                (outlook.direct_s(name, order) * (1 + work[name] / len(groups[name])), name)
                for name in able
                if name not in passed
            ]
            if weighed:
                self._fleets[one] = min(weighed)[1]
                work[self._fleets[one]] += 1

    def _urgent(self, outlook: Outlook, fleet: str, orders: Sequence[Order]) -> list[Order]:
        """Return the orders to be planned now: first those that can still be in time, by when they have to be there."""
        if len(orders) <= self._rolling.most_orders:
            return list(orders)
        lost = {one.id: outlook.time_s + outlook.direct_s(fleet, one) > one.latest_s for one in orders}
        return sorted(orders, key=lambda one: (lost[one.id], one.latest_s, one.id))[: self._rolling.most_orders]

    def _able(self, group: Sequence[Standing]) -> tuple[list[Standing], list[Standing]]:
        """Return the vehicles to plan with, and those that stay: broken down, or more than may be out at once."""
        fleet = group[0].fleet
        broken = [one for one in group if one.broken and not one.on_board]
        bound = [one for one in group if one not in broken and (one.out or one.on_board)]
        free = sorted(
            (one for one in group if one not in bound and one not in broken),
            key=lambda one: (not self._plans[one.vehicle.id], one.vehicle.id),
        )
        room = len(free) if fleet.max_parallel is None else max(0, fleet.max_parallel - len(bound))
        return [*bound, *free[:room]], [*free[room:], *broken]

    def _due(self, outlook: Outlook, standing: Standing, calls: tuple[Call, ...]) -> tuple[Call, ...]:
        """Return the missions of a plan for which the vehicle has to leave by now, or when it has done those before."""
        told = {one for call in standing.calls for one in call.load}
        due: tuple[Call, ...] = ()
        begin = 0
        for end in _mission_ends(standing.on_board, calls):
            on_way = bool(told.intersection(*[call.load for call in calls[begin:end][:1]]))
            turn_s = self._rolling.turn_s if on_way else 0.0
            mission = self._timely(outlook, standing, due, calls[begin:end], turn_s=turn_s)
            bound = not due and bool(standing.on_board)
            if not mission or (not bound and not self._may_begin(outlook, standing, (*due, *mission))):
                break
            due = (*due, *mission)
            if mission != calls[begin:end]:
                break
            begin = end
        return due

    def _timely(
        self,
        outlook: Outlook,
        standing: Standing,
        before: tuple[Call, ...],
        mission: tuple[Call, ...],
        *,
        turn_s: float,
    ) -> tuple[Call, ...]:
        """Return what is to be done now of a mission, nothing if it can wait.

        A vehicle does not wait with goods on board. What would be too early because something else in the mission
        must not wait is left for later.
        """
        bound = not before and bool(standing.on_board)
        while mission:
            forecast = outlook.forecast(standing, (*before, *mission))
            if not forecast.times:
                return ()
            early_s = outlook.early_s(standing.vehicle.fleet, mission, forecast.times[len(before) :])
            slack_s = min(outlook.order(one).latest_s - forecast.delivered_s[one] for one in early_s)
            slack_s -= self._rolling.margin_s
            limit_s = turn_s if bound else max(turn_s, slack_s)
            if all(one <= limit_s for one in early_s.values()):
                return mission if bound or max(early_s.values()) <= turn_s else ()
            left = {one for one, by_s in early_s.items() if by_s > limit_s and one not in standing.on_board}
            if not left:
                return mission if bound else ()
            mission = _without(mission, left)
        return mission

    def _may_begin(self, outlook: Outlook, standing: Standing, calls: tuple[Call, ...]) -> bool:
        """Whether a plan may begin now and is over before the fleet must be off the roads."""
        forecast = outlook.forecast(standing, calls)
        if not standing.out and next_start_s(standing.fleet, outlook.time_s, 0.0) > outlook.time_s:
            return False
        return outlook.may_drive_until(standing, forecast, standing.time_s)


def _by_fleet(standings: Sequence[Standing]) -> dict[str, list[Standing]]:
    groups: dict[str, list[Standing]] = {}
    for standing in standings:
        groups.setdefault(standing.vehicle.fleet, []).append(standing)
    return dict(sorted(groups.items()))


def _kept(plan: Plan, on_board: Iterable[str], free: Mapping[str, Order]) -> Plan:
    """Return a plan without what has been done or is somebody else's; all on board is unloaded in it.

    What is on board against the plan goes first: behind what is loaded on the way there may be no room for both.
    """
    aboard, kept = set(on_board), []
    for order, load in plan:
        if load and order in free:
            aboard.add(order)
        elif load or order not in aboard:
            continue
        else:
            aboard.discard(order)
        kept.append((order, load))
    return (*((order, False) for order in on_board if order in aboard), *kept)


def _mission_ends(on_board: Iterable[str], calls: Sequence[Call]) -> list[int]:
    """Return after how many calls the vehicle is empty."""
    aboard, ends = set(on_board), []
    for n, call in enumerate(calls, start=1):
        aboard = aboard.difference(call.unload).union(call.load)
        if not aboard:
            ends.append(n)
    return ends


def _without(calls: Iterable[Call], orders: AbstractSet[str]) -> tuple[Call, ...]:
    """Return calls without some orders."""
    kept: list[Call] = []
    for call in calls:
        load, unload = (tuple(one for one in side if one not in orders) for side in (call.load, call.unload))
        if kept and kept[-1].site == call.site:
            kept[-1] = Call(call.site, (*kept[-1].unload, *unload), (*kept[-1].load, *load))
        elif load or unload:
            kept.append(Call(call.site, unload, load))
    return tuple(kept)
