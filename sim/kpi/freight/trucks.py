"""Freight vehicles: the ledger of each by odometer, what must hold of it, and the KPIs of distance and load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sim.events import Event
from sim.freight_events import (
    BatteryEmpty,
    BatteryShortfall,
    FreightVehicleRetired,
    FreightVehicleStarted,
    MissionBegan,
    MissionEnded,
    OrderDelivered,
    OrderLoaded,
    OrderReleased,
)
from sim.kpi.freight.orders import OrderBook

_SLACK_M = 0.01  # odometers stand in the log to the millimetre
_SLACK = 1e-3
_BALANCE_SHARE = 1e-3
_BALANCE_WH = 1.0

_OfTruck = OrderLoaded | OrderDelivered | MissionBegan | MissionEnded | BatteryEmpty | FreightVehicleRetired


@dataclass(slots=True)
class TruckLedger:
    """What one vehicle did: metres by load, missions, and the sums at the end of its duty.

    `empty` tells when its battery held nothing any more, `shortfall_wh` what it used beyond that.
    """

    started: FreightVehicleStarted
    odometer_m: float = 0.0
    empty_m: float = 0.0
    kg_m: float = 0.0
    pallet_m: float = 0.0
    on_board: dict[str, OrderReleased] = field(default_factory=dict)
    mission_s: float = 0.0
    mission_since_s: float | None = None
    restarts: bool = False
    retired: FreightVehicleRetired | None = None
    empty: BatteryEmpty | None = None
    shortfall_wh: float = 0.0
    reported: list[tuple[float, float]] = field(default_factory=list)

    @property
    def pallets(self) -> float:
        """All on board."""
        return sum(one.pallets for one in self.on_board.values())

    @property
    def load_kg(self) -> float:
        """Mass of all on board."""
        return sum(one.mass_kg for one in self.on_board.values())

    @property
    def net_kwh(self) -> float | None:
        """Used by the end of its duty, less what came back by braking; None without a battery, or before."""
        end = self.retired
        if end is None or end.consumed_wh is None:
            return None
        return (end.consumed_wh + (end.auxiliary_wh or 0.0) - (end.regenerated_wh or 0.0)) / 1000

    def duty_s(self, now_s: float) -> float:
        """Return the duty time, up to now while it is on duty."""
        return self.retired.duty_s if self.retired else now_s - self.started.time_s

    def missions_s(self, now_s: float) -> float:
        """Return the time in mission, up to now."""
        return self.mission_s + (0.0 if self.mission_since_s is None else now_s - self.mission_since_s)

    def take(self, event: _OfTruck, order: OrderReleased | None) -> Iterator[str]:
        """Book one of its events; yields what cannot be."""
        yield from self._drive_to(event.odometer_m)
        name = self.started.vehicle_id
        if isinstance(event, OrderLoaded | OrderDelivered):
            self.reported.append((event.load_pallets, event.load_kg))
            if isinstance(event, OrderLoaded) and order is not None:
                self.on_board[event.order_id] = order
            elif self.on_board.pop(event.order_id, None) is None and order is not None:
                yield f"{name} delivered {event.order_id}, which was not on board"
        elif isinstance(event, BatteryEmpty):
            self.empty = event
        elif isinstance(event, MissionBegan):
            self.restarts = self.mission_since_s is not None  # within the time step that ends the one before
            self.mission_since_s = event.time_s if self.mission_since_s is None else self.mission_since_s
        else:
            self.mission_s += 0.0 if self.mission_since_s is None else event.time_s - self.mission_since_s
            self.mission_since_s = event.time_s if self.restarts else None
            self.restarts = False
            if isinstance(event, FreightVehicleRetired):
                self.retired = event
                yield from self._battery_violations(event)
            elif self.on_board:
                yield f"{name} ended its mission with {', '.join(sorted(self.on_board))} on board"

    def settle_step(self) -> Iterator[str]:
        """Compare with the loads that the engine reported within one time step; yields what differs."""
        name, start = self.started.vehicle_id, self.started
        found = (self.pallets, self.load_kg)
        if self.reported and not any(_alike(found, one) for one in self.reported):
            events = ", ".join(f"{pallets:g} pallets and {kg:g} kg" for pallets, kg in self.reported)
            yield f"{name} has {found[0]:g} pallets and {found[1]:g} kg on board by its orders, {events} by its events"
        if found[0] > start.capacity_pallets + _SLACK or found[1] > start.payload_kg + _SLACK:
            yield (
                f"{name} has {found[0]:g} pallets and {found[1]:g} kg on board and room for "
                f"{start.capacity_pallets:g} and {start.payload_kg:g} kg"
            )
        self.reported.clear()

    def _drive_to(self, odometer_m: float) -> Iterator[str]:
        name = self.started.vehicle_id
        if self.retired is not None:
            yield f"vehicle {name} acts after the end of its duty"
        driven_m = odometer_m - self.odometer_m
        if driven_m < -_SLACK_M:
            yield f"the odometer of {name} goes back from {self.odometer_m:.1f} m to {odometer_m:.1f} m"
        if driven_m > 0:
            self.empty_m += 0.0 if self.on_board else driven_m
            self.kg_m += self.load_kg * driven_m
            self.pallet_m += self.pallets * driven_m
            self.odometer_m = odometer_m

    def _battery_violations(self, end: FreightVehicleRetired) -> Iterator[str]:
        """Hold what the battery gave against the change of its charge."""
        if self.started.charge_kwh is None or end.charge_kwh is None:
            return
        used_wh, back_wh = (end.consumed_wh or 0.0) + (end.auxiliary_wh or 0.0), end.regenerated_wh or 0.0
        charged_wh = end.charged_wh or 0.0
        given_wh = used_wh - back_wh - charged_wh - self.shortfall_wh
        fallen_wh = 1000 * (self.started.charge_kwh - end.charge_kwh)
        if abs(given_wh - fallen_wh) > _BALANCE_SHARE * (used_wh + back_wh + charged_wh) + _BALANCE_WH:
            yield (
                f"the battery of {self.started.vehicle_id} gave {given_wh:.0f} Wh by its sums, "
                f"its charge fell by {fallen_wh:.0f} Wh"
            )


@dataclass(slots=True)
class TruckBook:
    """The ledgers of all freight vehicles."""

    ledgers: dict[str, TruckLedger] = field(default_factory=dict)
    _touched: set[str] = field(default_factory=set)

    def take(self, event: Event, orders: OrderBook) -> Iterator[str]:
        """Book an event of a vehicle; yields what cannot be. Others are passed over."""
        if isinstance(event, FreightVehicleStarted):
            if event.vehicle_id in self.ledgers:
                yield f"vehicle {event.vehicle_id} started twice"
            else:
                self.ledgers[event.vehicle_id] = TruckLedger(event)
        elif isinstance(event, _OfTruck | BatteryShortfall):
            ledger = self.ledgers.get(event.vehicle_id)
            if ledger is None:
                yield f"{event.kind} of vehicle {event.vehicle_id}, which never started"
                return
            if isinstance(event, BatteryShortfall):
                ledger.shortfall_wh += event.shortfall_wh
                return
            self._touched.add(event.vehicle_id)
            known = orders.ledgers.get(event.order_id) if isinstance(event, OrderLoaded | OrderDelivered) else None
            yield from ledger.take(event, known.released if known else None)

    def settle_step(self) -> Iterator[str]:
        """Compare the loads of vehicles that were loaded or unloaded in the step; yields what differs."""
        for name in sorted(self._touched):
            yield from self.ledgers[name].settle_step()
        self._touched.clear()

    def violations(self, *, final: bool) -> Iterator[str]:
        """Yield the vehicles that were lost."""
        for name, one in sorted(self.ledgers.items()):
            if final and one.retired is None:
                yield f"freight vehicle {name} is still on duty at the end of the run"

    def ran_empty(self) -> list[TruckLedger]:
        """Return the vehicles whose battery ran empty, in the order of their names."""
        return [one for _, one in sorted(self.ledgers.items()) if one.empty is not None]

    def by_class(self) -> Mapping[str, list[TruckLedger]]:
        """Return the vehicles of each class, in the order of their names."""
        classes: dict[str, list[TruckLedger]] = {}
        for _, one in sorted(self.ledgers.items()):
            classes.setdefault(one.started.vehicle_class, []).append(one)
        return dict(sorted(classes.items()))


def _alike(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return abs(a[0] - b[0]) <= _SLACK and abs(a[1] - b[1]) <= _SLACK * max(1.0, abs(a[1]))
