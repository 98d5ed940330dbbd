"""What freight vehicles use and charge: meters read every five minutes and whenever a vehicle comes or goes.

SUMO draws no constant load from a vehicle off the road, so that what a vehicle on duty takes while it queues or is
handled is drawn from its battery here. What a charger gives is read from the battery of each vehicle that stands there,
for a charging station bound to a parking area names none of them. SUMO drives on with an empty battery and counts on:
what is used beyond what it held is metered apart, as the shortfall.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.engine.freight.craft import Craft, State
from sim.engine.freight.port import FreightPort
from sim.events import Event
from sim.freight_document import Charging, Freight
from sim.freight_events import BatteryEmpty, EnergyMetered, HubMetered

METER_S = 300.0
AUXILIARY_STATES = {"staged", "handling"}
MOST_W = 3e6
"""More than any truck draws: 44 t at 25 m/s that gain 1.3 m/s a second take 1.6 MW at a poor efficiency."""
ROUNDING_WH = 0.02  # SUMO tells energies to a hundredth


@dataclass(slots=True)
class _Battery:
    """One vehicle's sums: consumed and regenerated as last read, auxiliary load, charged energy; Wh.

    At the last look it held `held_wh` and had used `used_wh`; by `look_s` it cannot have used up what it held.
    """

    auxiliary_w: float
    consumed_wh: float = 0.0
    regenerated_wh: float = 0.0
    auxiliary_wh: float = 0.0
    read_auxiliary_wh: float = 0.0
    charged_wh: float = 0.0
    hub: str | None = None
    hub_wh: float = 0.0
    hub_used_wh: float = 0.0
    since_s: float = 0.0
    drawing: bool = False
    known: bool = False
    state: State = "off_duty"
    place: str | None = None
    on_road: bool = False
    base_wh: tuple[float, float] = (0.0, 0.0)
    held_wh: float = math.inf
    used_wh: float = 0.0
    look_s: float = -math.inf
    shortfall_wh: float = 0.0


class Sums(NamedTuple):
    """What a vehicle used and charged since its duty began, Wh; its battery did not hold the shortfall of it."""

    consumed_wh: float
    regenerated_wh: float
    auxiliary_wh: float
    charged_wh: float
    shortfall_wh: float


@dataclass(slots=True)
class _Sum:
    wh: float = 0.0
    vehicles: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Walker:
    """A robot, which uses energy by its metres; those read last."""

    wh_per_km: float
    read_m: float = 0.0


class Meter:
    """Meters of all vehicles with a battery, of robots, and of all hubs."""

    def __init__(
        self,
        port: FreightPort,
        document: Freight,
        crafts: Mapping[str, Craft],
        hubs: Mapping[str, Charging],
        *,
        step_s: float,
    ) -> None:
        self._port, self._crafts, self._hubs = port, crafts, hubs
        self._batteries: dict[str, _Battery] = {}
        for name, craft in crafts.items():
            battery = document.fleets[craft.fleet.name].battery if craft.fleet is not None else None
            if battery is not None:
                self._batteries[name] = _Battery(battery.auxiliary_w.value)
        self._walkers = {
            name: _Walker(robot.wh_per_km.value)
            for name, craft in crafts.items()
            if craft.fleet is not None and (robot := document.fleets[craft.fleet.name].robot) is not None
        }
        self._given = {hub: _Sum() for hub in hubs}
        self._fuel_kg = {
            name: 0.0
            for name, craft in crafts.items()
            if craft.fleet is not None and document.fleets[craft.fleet.name].diesel is not None
        }
        self._step_s = step_s
        self._read_s: float | None = None
        self._emptied: list[str] = []

    def begin(self, vehicle_id: str, now_s: float) -> float | None:
        """Begin a vehicle's sums with its duty; return what its battery holds, Wh, None without one."""
        battery = self._batteries.get(vehicle_id)
        if battery is None:
            return None
        self._settle(vehicle_id, battery, now_s)
        consumed_wh, regenerated_wh = self._port.battery_wh(vehicle_id)
        battery.base_wh = consumed_wh, regenerated_wh
        battery.consumed_wh, battery.regenerated_wh = consumed_wh, regenerated_wh
        battery.auxiliary_wh = battery.read_auxiliary_wh = battery.charged_wh = battery.shortfall_wh = 0.0
        return self._port.charge_wh(vehicle_id)

    def end(self, vehicle_id: str, now_s: float) -> Sums | None:
        """Return a vehicle's sums since its duty began; None without a battery."""
        battery = self._batteries.get(vehicle_id)
        if battery is None:
            return None
        self._settle(vehicle_id, battery, now_s)
        consumed_wh, regenerated_wh = self._port.battery_wh(vehicle_id)
        base = battery.base_wh
        return Sums(
            consumed_wh - base[0], regenerated_wh - base[1], battery.auxiliary_wh, battery.charged_wh,
            battery.shortfall_wh,
        )  # fmt: skip

    def step(self, now_s: float, on_road: AbstractSet[str]) -> Iterator[Event]:
        """Follow vehicles to chargers, and away once they are on the road; read all meters when it is time."""
        for name in self._fuel_kg.keys() & on_road:
            self._fuel_kg[name] += self._port.fuel_kgps(name) * self._step_s
        if not self._batteries and not self._walkers:
            return
        if self._read_s is None:
            self._read_s = now_s
        self._follow(now_s, on_road)
        yield from self._tell_empty(now_s)
        if now_s >= self._read_s + METER_S:
            yield from self._read(now_s)

    def _follow(self, now_s: float, on_road: AbstractSet[str]) -> None:
        """See who has come to a charger or left one, and who stands off the road with its engine on."""
        for name, battery in self._batteries.items():
            craft = self._crafts[name]
            if now_s >= battery.look_s and craft.state != "off_duty":
                self._look(name, battery, now_s)
            drives = name in on_road
            if craft.state == battery.state and craft.place == battery.place and drives == battery.on_road:
                continue  # most of them, in most steps
            battery.state, battery.place, battery.on_road = craft.state, craft.place, drives
            hub = craft.place if craft.place in self._hubs and craft.state != "staged" else None
            if craft.state == "driving" and not drives and craft.left in self._hubs:
                hub = craft.left  # it stands there until SUMO lets it go, even if it came and was sent on in one step
            battery.known |= hub is None
            drawing = craft.state in AUXILIARY_STATES
            if hub != battery.hub or drawing != battery.drawing:
                self._settle(name, battery, now_s)
                battery.drawing = drawing
            if hub != battery.hub:
                battery.hub = hub
                self._plug_in(name, battery)

    def _look(self, name: str, battery: _Battery, now_s: float) -> None:
        """Book what was used beyond what the battery held; say when it may be empty, at the earliest."""
        charge_wh, used_wh = self._port.charge_wh(name), self._used_wh(name)
        missing_wh = used_wh - battery.used_wh - battery.held_wh
        if charge_wh <= 0 and missing_wh > ROUNDING_WH:
            self._fall_short(name, battery, missing_wh)
        battery.held_wh, battery.used_wh = charge_wh, used_wh
        battery.look_s = now_s + 3600 * charge_wh / MOST_W

    def _fall_short(self, name: str, battery: _Battery, missing_wh: float) -> None:
        if not battery.shortfall_wh:
            self._emptied.append(name)
        battery.shortfall_wh += missing_wh

    def _tell_empty(self, now_s: float) -> Iterator[Event]:
        """Tell whose battery has run empty since the last step."""
        for name in self._emptied:
            odometer_m = self._crafts[name].mover.odometer_m(name)
            yield BatteryEmpty(time_s=now_s, vehicle_id=name, edge=self._port.edge(name), odometer_m=odometer_m)
        self._emptied.clear()

    def _plug_in(self, name: str, battery: _Battery) -> None:
        """Begin a stay at a charger: the step in which a vehicle came to stand has charged it already."""
        battery.hub_wh, battery.hub_used_wh = self._port.charge_wh(name), self._used_wh(name)
        if battery.known:
            battery.hub_wh -= self._port.charged_in_step_wh(name)
        battery.known = True

    def _settle(self, name: str, battery: _Battery, now_s: float) -> None:
        """Book what a vehicle took from a charger, and what stood for without driving, since it was last looked at."""
        if battery.hub is not None:
            gained_wh = self._port.charge_wh(name) - battery.hub_wh + self._used_wh(name) - battery.hub_used_wh
            battery.charged_wh += gained_wh
            given = self._given[battery.hub]
            given.wh += gained_wh
            if gained_wh > 0:
                given.vehicles.add(name)
        if battery.drawing:
            wanted_wh = battery.auxiliary_w * (now_s - battery.since_s) / 3600
            before_wh = self._port.charge_wh(name)
            self._port.draw_wh(name, wanted_wh)
            left_wh = self._port.charge_wh(name)
            missing_wh = wanted_wh - before_wh
            battery.auxiliary_wh += before_wh - left_wh
            if left_wh <= 0 and missing_wh > ROUNDING_WH:
                battery.auxiliary_wh += missing_wh
                self._fall_short(name, battery, missing_wh)
            battery.held_wh, battery.used_wh, battery.look_s = left_wh, self._used_wh(name), now_s
        battery.since_s = now_s
        if battery.hub is not None:
            battery.hub_wh, battery.hub_used_wh = self._port.charge_wh(name), self._used_wh(name)

    def _used_wh(self, name: str) -> float:
        """Return what SUMO drew for driving, less what braking gave back."""
        consumed_wh, regenerated_wh = self._port.battery_wh(name)
        return consumed_wh - regenerated_wh

    def _read(self, now_s: float) -> Iterator[Event]:
        begin_s, self._read_s = now_s if self._read_s is None else self._read_s, now_s
        used: dict[str, list[float]] = {}
        for name, battery in self._batteries.items():
            craft = self._crafts[name]
            if craft.state == "off_duty" or craft.fleet is None:
                continue
            self._settle(name, battery, now_s)
            consumed_wh, regenerated_wh = self._port.battery_wh(name)
            sums = used.setdefault(craft.fleet.name, [0.0, 0.0, 0.0])
            sums[0] += consumed_wh - battery.consumed_wh
            sums[1] += regenerated_wh - battery.regenerated_wh
            sums[2] += battery.auxiliary_wh - battery.read_auxiliary_wh
            battery.consumed_wh, battery.regenerated_wh = consumed_wh, regenerated_wh
            battery.read_auxiliary_wh = battery.auxiliary_wh
        for name, walker in self._walkers.items():
            craft = self._crafts[name]
            odometer_m = craft.mover.odometer_m(name)
            if craft.fleet is not None and (craft.on_duty or odometer_m > walker.read_m):
                sums = used.setdefault(craft.fleet.name, [0.0, 0.0, 0.0])
                sums[0] += walker.wh_per_km * (odometer_m - walker.read_m) / 1000
                walker.read_m = odometer_m
        for fleet, (consumed_wh, regenerated_wh, auxiliary_wh) in sorted(used.items()):
            yield EnergyMetered(
                time_s=now_s, fleet=fleet, begin_s=begin_s, consumed_wh=consumed_wh, regenerated_wh=regenerated_wh,
                auxiliary_wh=auxiliary_wh,
            )  # fmt: skip
        for hub, given in sorted(self._given.items()):
            if given.wh > 0:
                yield HubMetered(
                    time_s=now_s, hub=hub, begin_s=begin_s, battery_kwh=given.wh / 1000,
                    grid_kwh=given.wh / 1000 / self._hubs[hub].efficiency.value, vehicles=len(given.vehicles),
                )  # fmt: skip
            given.wh = 0.0
            given.vehicles.clear()

    def close(self, now_s: float) -> Iterator[Event]:
        """Yield the last readings."""
        if self._read_s is not None and now_s > self._read_s:
            yield from self._read(now_s)
        yield from self._tell_empty(now_s)

    def fuel_kg(self, vehicle_id: str) -> float | None:
        """Return what a vehicle burnt on the road; None for one without an engine."""
        return self._fuel_kg.get(vehicle_id)
