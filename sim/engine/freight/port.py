"""What freight asks of SUMO: vehicles sent from parking area to parking area, lanes opened for classes, chargers.

Controller-managed stops with logical cargo: TraCI cannot create containers, and the taxi device's dispatcher serves
the shuttles (SUMO issues 1652, 5547, 15305).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sim.engine.sumo import HELD_S, SumoPort
from sim.network.parking import ParkingArea

PARKING, PARKING_AREA = 1, 64  # SUMO's flags for a stop beside the lane, and at a parking area
_AT_PARKING = PARKING | PARKING_AREA
_AS_OTHERS = 0b011001010101  # SUMO's own lane change mode
_NOT_FASTER = 0b011001000101  # without changes to drive faster
_LANE, _LANE_POS, _SPEED, _POSITION, _DISTANCE = 0x51, 0x56, 0x40, 0x42, 0x84
_SEEN = (_LANE, _LANE_POS, _SPEED, _POSITION, _DISTANCE)


class Seen(NamedTuple):
    """A vehicle on the road: edge (internal ones start with ':'), lane, metre, m/s, coordinates, metres driven."""

    edge: str
    lane: str
    pos_m: float
    speed_mps: float
    x: float
    y: float
    odometer_m: float


class FreightPort:
    """Freight's side of a running SUMO; the same calls on every engine."""

    def __init__(self, port: SumoPort) -> None:
        self._port = port
        self._vehicles: Any = port.library.vehicle
        self._routes: Any = port.library.route
        self._lanes: Any = port.library.lane
        self._chargers: Any = port.library.chargingstation
        self._watched: set[str] = set()

    # --- vehicles ----------------------------------------------------------------------------------------------

    def add_parked(self, vehicle_id: str, type_id: str, area: ParkingArea) -> None:
        """Let a vehicle stand at a parking area from the next step on."""
        self._route(vehicle_id, area.edge)
        self._vehicles.add(vehicle_id, vehicle_id, typeID=type_id, departPos="stop")
        self._vehicles.setParkingAreaStop(vehicle_id, area.id, duration=HELD_S)

    def add_driving(self, vehicle_id: str, type_id: str, edge: str, parking: str, *, passing: bool) -> None:
        """Let a vehicle set off on an edge towards a parking area; `passing` traffic comes in at full speed.

        Before it has departed, SUMO takes a stop beyond its first edge by `insertStop` alone.
        """
        self._route(vehicle_id, edge)
        start = {"departLane": "best", "departSpeed": "max"} if passing else {"departPos": "base"}
        self._vehicles.add(vehicle_id, vehicle_id, typeID=type_id, **start)
        self._vehicles.insertStop(vehicle_id, 0, parking, duration=HELD_S, flags=_AT_PARKING)

    def _route(self, name: str, edge: str) -> None:
        self._routes.add(name, [edge])

    def send(self, vehicle_id: str, area: ParkingArea) -> None:
        """Send a vehicle to a parking area, in place of where it is going; SUMO finds the way."""
        if self._vehicles.isStopped(vehicle_id):  # a stop once reached cannot be replaced
            self._vehicles.insertStop(vehicle_id, 1, area.id, duration=HELD_S, flags=_AT_PARKING)
            self._port.resume(vehicle_id)
        else:
            self._vehicles.replaceStop(vehicle_id, 0, area.id, duration=HELD_S, flags=_AT_PARKING)

    def wait_on_road(self, vehicle_id: str, lane: str, pos_m: float) -> None:
        """Let a driving vehicle halt on its lane, in place of where it is going."""
        edge, _, index = lane.rpartition("_")
        self._vehicles.replaceStop(
            vehicle_id, 0, edge, pos=pos_m, laneIndex=int(index), duration=HELD_S, flags=0
        )  # fmt: skip

    def send_away(self, vehicle_id: str, edge: str) -> None:
        """Let a vehicle leave its stop and the network at the end of an edge."""
        self._vehicles.changeTarget(vehicle_id, edge)
        self._port.resume(vehicle_id)

    def remove(self, vehicle_id: str) -> None:
        """Take a vehicle that stands at its stop out of the simulation."""
        self._vehicles.resume(vehicle_id)  # or SUMO warns of a stop that was broken off
        self._vehicles.remove(vehicle_id)

    def watch(self, vehicle_id: str) -> None:
        """Show a vehicle in `seen` from the next step on."""
        if vehicle_id not in self._watched:
            self._watched.add(vehicle_id)
            self._vehicles.subscribe(vehicle_id, list(_SEEN))

    def unwatch(self, vehicle_id: str) -> None:
        """Show a vehicle no more."""
        if vehicle_id in self._watched:
            self._watched.discard(vehicle_id)
            self._vehicles.unsubscribe(vehicle_id)

    def seen(self) -> dict[str, Seen]:
        """Return the watched vehicles that are on the road, as they were at the end of the last step."""
        found = {}
        for vehicle_id, values in self._vehicles.getAllSubscriptionResults().items():
            if values and (lane := values[_LANE]):
                x, y = values[_POSITION]
                found[vehicle_id] = Seen(
                    lane.rpartition("_")[0], lane, values[_LANE_POS], values[_SPEED], x, y, values[_DISTANCE]
                )  # fmt: skip
        return found

    def odometer_m(self, vehicle_id: str) -> float:
        """Return the distance driven since insertion, metres."""
        return self._port.odometer_m(vehicle_id)

    def edge(self, vehicle_id: str) -> str:
        """Return the edge that a vehicle is on, or stands beside."""
        return str(self._vehicles.getRoadID(vehicle_id))

    def spot(self, vehicle_id: str) -> tuple[str, float]:
        """Return the edge that a vehicle is on or stands beside, and at which metre."""
        return str(self._vehicles.getRoadID(vehicle_id)), float(self._vehicles.getLanePosition(vehicle_id))

    def speed_mps(self, vehicle_id: str) -> float:
        """Return the speed of any vehicle."""
        return self._port.speed_mps(vehicle_id)

    def set_mass(self, vehicle_id: str, mass_kg: float) -> None:
        """Give a vehicle its mass with what it carries; its type becomes one of its own, `type@vehicle`."""
        self._vehicles.setMass(vehicle_id, mass_kg)

    def set_top_speed(self, vehicle_id: str, speed_mps: float) -> None:
        """Cap a vehicle's speed from now on."""
        self._vehicles.setMaxSpeed(vehicle_id, speed_mps)

    def next_edges(self, vehicle_id: str, count: int) -> Sequence[str]:
        """Return the edges of a vehicle's route behind the one it is on."""
        first = self._vehicles.getRouteIndex(vehicle_id) + 1
        return list(self._vehicles.getRoute(vehicle_id)[first : first + count])

    def halt(self, vehicle_id: str) -> None:
        """Let a vehicle brake to a halt where it is, until `release`."""
        self._vehicles.setSpeed(vehicle_id, 0)

    def release(self, vehicle_id: str) -> None:
        """Let a halted vehicle drive on."""
        self._vehicles.setSpeed(vehicle_id, -1)

    # --- one behind another --------------------------------------------------------------------------------------

    def leader(self, vehicle_id: str, within_m: float) -> tuple[str, float] | None:
        """Return who drives before a vehicle, and the metres between the two less those kept at a standstill."""
        found = self._vehicles.getLeader(vehicle_id, within_m)
        return (found[0], float(found[1])) if found and found[0] else None

    def standstill_m(self, vehicle_id: str) -> float:
        """Return the distance that a vehicle keeps at a standstill."""
        return float(self._vehicles.getMinGap(vehicle_id))

    def time_gap_s(self, vehicle_id: str) -> float:
        """Return the time gap that a vehicle keeps."""
        return float(self._vehicles.getTau(vehicle_id))

    def keep_behind(self, vehicle_id: str, time_gap_s: float) -> None:
        """Let a vehicle keep a time gap and not overtake."""
        self._vehicles.setTau(vehicle_id, time_gap_s)
        self._vehicles.setLaneChangeMode(vehicle_id, _NOT_FASTER)

    def keep_free(self, vehicle_id: str, time_gap_s: float) -> None:
        """Let a vehicle keep a time gap and overtake as others do."""
        self._vehicles.setTau(vehicle_id, time_gap_s)
        self._vehicles.setLaneChangeMode(vehicle_id, _AS_OTHERS)

    def speed_limit_mps(self, lane: str) -> float:
        """Return the limit of a lane."""
        return float(self._lanes.getMaxSpeed(lane))

    # --- energy ------------------------------------------------------------------------------------------------

    def charge_wh(self, vehicle_id: str) -> float:
        """Return what a vehicle's battery holds."""
        return self._port.charge_wh(vehicle_id)

    def charged_in_step_wh(self, vehicle_id: str) -> float:
        """Return what came into a vehicle's battery in the last step."""
        return float(self._vehicles.getParameter(vehicle_id, "device.battery.energyCharged"))

    def draw_wh(self, vehicle_id: str, energy_wh: float) -> None:
        """Take energy out of a battery: SUMO draws no constant load from a vehicle that stands off the road."""
        left_wh = max(0.0, self.charge_wh(vehicle_id) - energy_wh)
        self._vehicles.setParameter(vehicle_id, "device.battery.chargeLevel", f"{left_wh:.6f}")

    def battery_wh(self, vehicle_id: str) -> tuple[float, float]:
        """Return the energy consumed and regenerated since insertion."""
        return self._port.battery_wh(vehicle_id)

    def fuel_kgps(self, vehicle_id: str) -> float:
        """Return what a vehicle's engine burnt in the last step, kg/s."""
        return float(self._vehicles.getFuelConsumption(vehicle_id)) / 1e6

    def set_hub_power_w(self, charger: str, power_w: float) -> None:
        """Limit what all vehicles at a charging station take together; SUMO heeds it only with its charger output."""
        self._chargers.setTotalPower(charger, power_w)

    # --- lanes -------------------------------------------------------------------------------------------------

    def lanes(self) -> Sequence[str]:
        """Return all lanes, those inside junctions included."""
        return list(self._lanes.getIDList())

    def barred(self, lane: str) -> tuple[str, ...]:
        """Return the classes that may not use a lane."""
        return tuple(self._lanes.getDisallowed(lane))

    def bar(self, lane: str, classes: Iterable[str]) -> None:
        """Let all but these classes use a lane.

        An empty list of allowed classes would shut the lane to everybody, so that permissions are always told by
        what is barred.
        """
        self._lanes.setDisallowed(lane, sorted(classes))
