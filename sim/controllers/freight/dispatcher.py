"""What freight controllers have in common: they refuse, charge, appoint and tell; who carries what is up to each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from sim.controllers.base import Parameters
from sim.controllers.freight.appointments import Slot
from sim.controllers.freight.eligibility import is_forbidden
from sim.controllers.freight.outlook import Forecast, Outlook, Standing
from sim.controllers.freight.parameters import FreightParameters
from sim.freight import Call, FleetTraits, FreightTask, FreightVehicle, FreightWorld, Rest
from sim.freight_events import OrderAssigned

PHASES = {"handling": 0, "queueing": 1, "driving": 2, "halted": 3, "idle": 4}
"""In this order the bays are given out: who is in one keeps it."""

Plans = Mapping[str, Sequence[Call]]
"""The calls of each vehicle after what must stay of its plan."""


class Dispatcher(ABC):
    """A freight controller; what it hands to the world is what the vehicles are to do from now on without a wait."""

    Parameters: ClassVar[type[Parameters]] = FreightParameters

    def __init__(self, parameters: FreightParameters) -> None:
        self.parameters = parameters
        self._carriers: dict[str, str] = {}
        self._charging: set[str] = set()
        self._appointed: dict[tuple[str, str], Slot] = {}

    @abstractmethod
    def _plan(self, outlook: Outlook, standings: Sequence[Standing]) -> Plans:
        """Return the calls that vehicles are to make, each plan booked in the outlook."""

    def start(self, world: FreightWorld) -> None:  # noqa: B027 (a subclass need not look either)
        """Nothing is to be seen before the first step."""

    def step(self, world: FreightWorld) -> None:
        """Refuse what nobody may carry, plan the rest, and hand over what is to be done now."""
        self._refuse(world)
        outlook = Outlook(world, self.parameters.ahead_s, self.parameters.stay_s)
        self._forbid(outlook)
        self._follow(outlook)
        order = sorted(outlook.vehicles, key=lambda one: (PHASES[one.phase], one.id))
        found = (outlook.standing(one, self._fixed(one, outlook.fleets[one.fleet])) for one in order)
        standings = sorted(found, key=lambda one: one.vehicle.id)
        for standing in standings:
            outlook.book(standing, standing.calls)
        plans = self._plan(outlook, standings)
        changed: dict[str, Sequence[FreightTask]] = {}
        for standing in standings:
            tasks = (*standing.fixed, *plans[standing.vehicle.id])
            if tasks != _binding(standing.vehicle):
                changed[standing.vehicle.id] = tasks
        if changed:
            world.set_plans(changed)
        for standing in standings:
            self._tell(outlook, standing, plans[standing.vehicle.id])

    def finish(self, world: FreightWorld) -> None:  # noqa: B027 (as above)
        """Leave what is open as it is: the observer reports it."""

    def _refuse(self, world: FreightWorld) -> None:
        """Give up the orders that no fleet may carry."""
        fleets = list(world.fleets().values())
        for order in world.orders():
            if not any(fleet.may_carry(order) for fleet in fleets):
                world.fail(order.id, "no_vehicle_may_carry_it")

    def _forbid(self, outlook: Outlook) -> None:
        """Give up the orders in nobody's plan for which the permits of every able fleet leave no window.

        At least it has to be loaded, brought, unloaded, and the vehicle to be back at its depot.
        """
        if all(fleet.outside != "forbid" for fleet in outlook.fleets.values()):
            return
        calls = [task for vehicle in outlook.vehicles for task in vehicle.plan if isinstance(task, Call)]
        for order in sorted(outlook.waiting.keys() - {one for call in calls for one in call.load}):
            self._forbid_one(outlook, order)

    @staticmethod
    def _forbid_one(outlook: Outlook, order_id: str) -> None:
        order = outlook.waiting[order_id]
        last = outlook.sites[order.destination].location
        for fleet in (one for one in outlook.fleets.values() if one.may_carry(order)):
            home_s = outlook.travel(fleet.name).time_s(last, fleet.depot_location)
            if not is_forbidden(fleet, outlook.time_s, outlook.direct_s(fleet.name, order) + home_s):
                return
        outlook.world.fail(order_id, "forbidden")
        del outlook.waiting[order_id]

    def _follow(self, outlook: Outlook) -> None:
        """Forget orders that are settled and appointments that are kept; see who is charging."""
        carried = {one for vehicle in outlook.vehicles for one in vehicle.on_board}
        self._carriers = {one: by for one, by in self._carriers.items() if one in carried or one in outlook.waiting}
        to_come = {(one.id, task.site) for one in outlook.vehicles for task in one.plan if isinstance(task, Call)}
        in_bay = {(one.id, one.place) for one in outlook.vehicles if one.phase == "handling"}
        self._appointed = {key: slot for key, slot in self._appointed.items() if key in to_come - in_bay}
        for vehicle in outlook.vehicles:
            if vehicle.charge_kwh is None or vehicle.capacity_kwh is None:
                continue
            share, may = vehicle.charge_kwh / vehicle.capacity_kwh, outlook.fleets[vehicle.fleet].depot_charging_kw
            # the executor lets it go a trifle before: it may be on its way already
            gone = bool(vehicle.plan) and isinstance(vehicle.plan[0], Call)
            if share >= self.parameters.charge_to_share or gone or not may:
                self._charging.discard(vehicle.id)
            elif share < self.parameters.charge_below_share and not vehicle.on_board and not _calls(vehicle):
                self._charging.add(vehicle.id)

    def _fixed(self, vehicle: FreightVehicle, fleet: FleetTraits) -> tuple[FreightTask, ...]:
        """Return what must stay of a vehicle's plan: what is locked or queued for, and its charging."""
        locked = vehicle.plan[: vehicle.locked]
        if not locked and vehicle.phase == "queueing":
            locked = tuple(task for task in vehicle.plan[:1] if isinstance(task, Call) and task.site == vehicle.place)
        if vehicle.id not in self._charging or any(isinstance(task, Rest) for task in locked):
            return locked
        return (*locked, Rest(fleet.depot, self.parameters.charge_to_share))

    def _tell(self, outlook: Outlook, standing: Standing, calls: Sequence[Call]) -> None:
        """Tell who carries what from now on, and book bays where bays are booked."""
        vehicle, forecast = standing.vehicle.id, outlook.booked[standing.vehicle.id]
        if not forecast.times:
            return
        for n, call in enumerate(calls):
            for order in call.load:
                if self._carriers.get(order) != vehicle:
                    self._carriers[order] = vehicle
                    outlook.world.decide(
                        OrderAssigned(
                            time_s=outlook.time_s,
                            order_id=order,
                            vehicle_id=vehicle,
                            loading_s=forecast.times[n].slot.end_s,
                            unloading_s=forecast.delivered_s[order],
                        )
                    )
        self._appoint(outlook, standing, calls, forecast)

    def _appoint(self, outlook: Outlook, standing: Standing, calls: Sequence[Call], forecast: Forecast) -> None:
        vehicle = standing.vehicle.id
        sites = {task.site for task in standing.fixed if isinstance(task, Call)}
        for call, one in zip(calls, forecast.times, strict=True):
            if not outlook.sites[call.site].appointments or call.site in sites:
                continue
            sites.add(call.site)
            held = self._appointed.get((vehicle, call.site))
            if held is None or abs(held.begin_s - one.slot.begin_s) > self.parameters.slot_tolerance_s:
                self._appointed[vehicle, call.site] = one.slot
                outlook.world.appoint(vehicle, call.site, *one.slot)


def _calls(vehicle: FreightVehicle) -> bool:
    return any(isinstance(task, Call) for task in vehicle.plan)


def _binding(vehicle: FreightVehicle) -> tuple[FreightTask, ...]:
    """Return a vehicle's plan without the rests that nobody asked for: the executor brings the idle to their depot."""
    return tuple(
        task
        for n, task in enumerate(vehicle.plan)
        if n < vehicle.locked or isinstance(task, Call) or task.charge_share is not None
    )
