"""The freight side of the World: what a freight controller sees is read here, what it commands is handed on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from sim.engine.freight.craft import Craft
from sim.engine.freight.executor import Executor
from sim.engine.freight.orders import OrderBook
from sim.engine.freight.port import FreightPort, Seen
from sim.engine.freight.sites import Site
from sim.engine.sumo import COMFORT_BRAKE_MPS2
from sim.engine.times import EdgeTimes
from sim.errors import ControllerError
from sim.events import Event
from sim.freight import FleetTraits, FreightPhase, FreightTask, FreightVehicle, Order, SiteState
from sim.freight_events import BayAppointed
from sim.network.graph import EdgeGraph
from sim.orders_file import PLACE, OrderRow
from sim.rundir import RunDir
from sim.world import Location, TravelTimes

PHASES: Mapping[str, FreightPhase] = {
    "standing": "idle", "driving": "driving", "staged": "queueing", "queued": "queueing", "handling": "handling",
}  # fmt: skip


class FreightBody:
    """Implements `sim.freight.FreightWorld` on a running SUMO."""

    def __init__(
        self,
        port: FreightPort,
        run: RunDir,
        *,
        graph: EdgeGraph,
        fleets: Mapping[str, FleetTraits],
        times: Mapping[str, EdgeTimes],
        executor: Executor,
        orders: OrderBook,
        sites: Mapping[str, Site],
        step_s: float,
    ) -> None:
        self._port, self._run, self._graph = port, run, graph
        self._fleets, self._times = fleets, times
        self._executor, self._book, self._sites = executor, orders, sites
        self._step_s = step_s
        self._decisions: list[Event] = []
        self._seen: Mapping[str, Seen] = {}
        self.time_s = 0.0

    def look(self, time_s: float, seen: Mapping[str, Seen]) -> None:
        """Take in the time and the vehicles on the road."""
        self.time_s, self._seen = time_s, seen

    def take_decisions(self) -> list[Event]:
        """Return what was decided since the last call."""
        decisions, self._decisions = self._decisions, []
        return decisions

    def fleets(self) -> Mapping[str, FleetTraits]:
        """See `FreightWorld`."""
        return self._fleets

    def travel_times(self, fleet: str) -> TravelTimes:
        """See `FreightWorld`."""
        return self._times[fleet].travel_times

    def vehicles(self) -> Sequence[FreightVehicle]:
        """See `FreightWorld`."""
        crafts = self._executor.crafts.values()
        return [self._vehicle(craft, craft.fleet) for craft in crafts if craft.fleet is not None and craft.on_duty]

    def _vehicle(self, craft: Craft, fleet: FleetTraits) -> FreightVehicle:
        ready_s = self.time_s
        if craft.state == "handling" and craft.service_end_s is not None:
            ready_s = max(ready_s, craft.service_end_s)
        return FreightVehicle(
            id=craft.id, fleet=fleet.name, vehicle_class=fleet.vehicle_class, capacity=craft.capacity,
            location=self.location(craft), phase="halted" if craft.broken or craft.held else PHASES[craft.state],
            place=craft.place, on_board=tuple(sorted(craft.cargo)), plan=tuple(craft.plan), locked=craft.locked,
            ready_s=ready_s,
            charge_kwh=self._port.charge_wh(craft.id) / 1000 if craft.capacity_kwh is not None else None,
            capacity_kwh=craft.capacity_kwh, odometer_m=craft.mover.odometer_m(craft.id),
        )  # fmt: skip

    def location(self, craft: Craft) -> Location:
        """Return the nearest point at which a vehicle can stop or turn off."""
        where = self._seen.get(craft.id)
        index = self._graph.index.get(where.edge) if where is not None else None
        if where is None:
            return craft.stands
        if index is None:  # within a junction: the end of the edge it left
            return Location(craft.stands.edge, float(self._graph.length_m[craft.stands.edge]))
        length_m = float(self._graph.length_m[index])
        ahead_m = min(where.pos_m + where.speed_mps**2 / (2 * COMFORT_BRAKE_MPS2), length_m)
        craft.stands = Location(index, where.pos_m)
        return Location(index, ahead_m)

    def sites(self) -> Mapping[str, SiteState]:
        """See `FreightWorld`."""
        return {name: site.state() for name, site in self._sites.items()}

    def orders(self) -> Sequence[Order]:
        """See `FreightWorld`."""
        return self._book.open()

    def order(self, order_id: str) -> Order:
        """See `FreightWorld`."""
        return self._book.find(order_id)

    def handling_s(self, site: str, unload: Sequence[str], load: Sequence[str]) -> float:
        """See `FreightWorld`."""
        return self._sites[site].mean_handling_s([self._book.find(name) for name in (*unload, *load)])

    def set_plans(self, plans: Mapping[str, Sequence[FreightTask]]) -> None:
        """See `FreightWorld`."""
        self._executor.set_plans(plans, self.time_s)

    def appoint(self, vehicle_id: str, site: str, begin_s: float, end_s: float) -> None:
        """See `FreightWorld`."""
        craft = self._executor.crafts.get(vehicle_id)
        if craft is None or site not in self._sites:
            msg = f"no bay of {site!r} can be booked for {vehicle_id!r}: one of them is unknown"
            raise ControllerError(msg)
        craft.slots_s[site] = begin_s
        for waiting in self._sites[site].yard.queue:
            if waiting.vehicle_id == vehicle_id:
                waiting.slot_s = begin_s
        self.decide(
            BayAppointed(time_s=self.time_s, vehicle_id=vehicle_id, site=site, begin_s=begin_s, end_s=end_s)
        )  # fmt: skip

    def fail(self, order_id: str, cause: str) -> None:
        """See `FreightWorld`."""
        if any(order_id in task.load for craft in self._executor.crafts.values() for task in craft.calls()):
            msg = f"order {order_id!r} cannot be failed: it is in a plan"
            raise ControllerError(msg)
        self.decide(self._book.fail(order_id, cause, self.time_s))
        self._run.write_command(self.time_s, "fail", order_id=order_id, cause=cause)

    def place(self, order: Order) -> None:
        """See `FreightWorld`; times are taken to the second, and it is released in the next step at the earliest."""
        row: dict[str, Any] = {
            "id": order.id, "kind": order.kind, "family": order.family, "origin": order.origin,
            "destination": order.destination, "pallets": order.cargo.pallets, "mass_kg": order.cargo.mass_kg,
            "released_s": math.ceil(max(order.released_s, self.time_s + self._step_s)),
            "earliest_s": math.ceil(order.earliest_s), "latest_s": math.ceil(order.latest_s), "pieces": order.pieces,
        }  # fmt: skip
        try:
            OrderRow.model_validate(row)
        except ValidationError as error:
            msg = f"order {order.id!r} cannot be placed: {'; '.join(one['msg'] for one in error.errors())}"
            raise ControllerError(msg) from None
        self._book.place(
            replace(
                order, released_s=float(row["released_s"]), earliest_s=float(row["earliest_s"]),
                latest_s=float(row["latest_s"]),
            ),
            self._sites,
        )  # fmt: skip
        self._run.write_command(self.time_s, PLACE, **row)

    def decide(self, decision: Event) -> None:
        """See `FreightWorld`."""
        self._decisions.append(decision)
