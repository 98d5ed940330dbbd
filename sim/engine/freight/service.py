"""What happens while a vehicle is handled: in a bay, or a robot at a door. Orders change hands when it is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from sim.engine.freight.craft import Craft
from sim.engine.freight.distances import Spot
from sim.engine.freight.orders import OrderBook
from sim.engine.freight.sites import Site
from sim.errors import InvariantError
from sim.events import Event
from sim.freight import Call
from sim.freight_events import OrderDelivered, OrderLoaded, ServiceEnded


class Compound(Protocol):
    """The stock of finished cars from which carriers are loaded."""

    def collect(self, craft: Craft, now_s: float) -> list[Event] | None:
        """Take a carrier's cars; None while there are too few."""


class Service:
    """Handles vehicles that stand in a bay or at a door."""

    def __init__(self, sites: Mapping[str, Site], orders: OrderBook, compound: Compound | None) -> None:
        self._sites, self._orders, self._compound = sites, orders, compound
        self._loaded_at: dict[str, Spot] = {}

    def begin(self, craft: Craft, now_s: float) -> None:
        """Let handling begin; a carrier waits for its cars first."""
        craft.state = "handling"
        if craft.lorry is not None:
            craft.service_end_s = None if craft.lorry.collects else now_s + craft.lorry.handling_s
            return
        call = craft.call
        orders = [] if call is None else [self._orders.find(name) for name in (*call.unload, *call.load)]
        craft.service_end_s = now_s + (self._sites[str(craft.place)].handling_s(orders) if orders else 0.0)

    def wait(self, craft: Craft, now_s: float) -> list[Event]:
        """Let a carrier that waits for its cars have them once there are enough."""
        if craft.service_end_s is not None or craft.lorry is None:
            return []
        taken = self._compound.collect(craft, now_s) if self._compound is not None else []
        if taken is None:
            return []
        craft.service_end_s = now_s + craft.lorry.handling_s
        return taken

    def is_over(self, craft: Craft, now_s: float) -> bool:
        """Whether a vehicle has been handled and may leave."""
        return craft.service_end_s is not None and now_s >= craft.service_end_s and not craft.broken

    def end(self, craft: Craft, now_s: float) -> Iterator[Event]:
        """Unload and load what a vehicle's call says."""
        craft.service_end_s = None
        site = str(craft.place)
        if craft.lorry is not None:
            yield ServiceEnded(time_s=now_s, vehicle_id=craft.id, site=site, pallets_in=0.0, pallets_out=0.0)
            return
        call = craft.plan.pop(0)
        if not isinstance(call, Call):
            msg = f"{craft.id} is handled at {site} without a call there"
            raise InvariantError(msg)
        spot = Spot(*craft.mover.spot(craft.id))
        odometer_m, moved = craft.mover.odometer_m(craft.id), [0.0, 0.0]
        for order_id in call.unload:
            order = self._orders.deliver(order_id)
            craft.give(order_id)
            moved[0] += order.cargo.pallets
            yield OrderDelivered(
                time_s=now_s, order_id=order_id, vehicle_id=craft.id, site=site, odometer_m=odometer_m,
                load_pallets=craft.load.pallets, load_kg=craft.load.mass_kg, docked_s=craft.docked_s,
                pallets=order.cargo.pallets,
                shortest_m=self._shortest_m(craft, order_id, spot),
            )  # fmt: skip
        for order_id in call.load:
            order = self._orders.load(order_id)
            craft.take(order)
            self._loaded_at[order_id] = spot
            moved[1] += order.cargo.pallets
            yield OrderLoaded(
                time_s=now_s, order_id=order_id, vehicle_id=craft.id, site=site, odometer_m=odometer_m,
                load_pallets=craft.load.pallets, load_kg=craft.load.mass_kg,
            )  # fmt: skip
        yield ServiceEnded(
            time_s=now_s, vehicle_id=craft.id, site=site, pallets_in=moved[0], pallets_out=moved[1]
        )  # fmt: skip
        if call.load or call.unload:
            craft.mover.set_mass(craft.id, craft.mass_kg)

    def _shortest_m(self, craft: Craft, order_id: str, spot: Spot) -> float | None:
        """Return the shortest way that an order could have come to here from where it was loaded."""
        if craft.fleet is None:
            return None
        return self._orders.shortest_m(craft.fleet.vehicle_class, self._loaded_at.pop(order_id), spot)
