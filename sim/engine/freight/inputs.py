"""What SUMO reads for freight: vehicle types, chargers bound to docks and depots, options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.sax.saxutils import quoteattr

from sim.engine.freight.cars import CAR_TYPE
from sim.engine.freight.setup import FreightSetup
from sim.fleet_document import Battery
from sim.freight_document import TruckFleet
from sim.vehicle_classes import VEHICLE_CLASSES

CONFLICTS = "conflicts.xml"
CHARGING = "charging.xml"
SSM_MEASURES = "TTC DRAC PET"
SSM_THRESHOLDS = "3.0 3.4 2.0"
"""Time to collision below 3 s, deceleration to avoid a crash above 3.4 m/s², post-encroachment time below 2 s."""
SSM_RANGE_M = 50.0
SSM_DEFAULTS = {
    "device.ssm.extratime": "5",
    "device.ssm.mdrac.prt": "1",
    "device.ssm.geo": "false",
    "device.ssm.write-positions": "false",
    "device.ssm.write-lane-positions": "false",
}
"""SUMO's own: it fills sumo-gui's window with a message for each that is not said."""
SSM_PARAMS: Mapping[str, object] = {"has.ssm.device": "true", "device.ssm.exclude-conflict-types": ""}
"""Of a vehicle type; the second, SUMO's own default too, cannot be said by an option, as it is empty."""


def fleet_type(fleet: str) -> str:
    """Return the vehicle type of a freight fleet."""
    return f"freight.{fleet}"


def lorry_type(flow: str) -> str:
    """Return the vehicle type of lorries from outside."""
    return f"lorry.{flow}"


def hub_id(hub: str) -> str:
    """Return the charging station of a site or depot."""
    return f"hub.{hub}"


def freight_types(setup: FreightSetup) -> Iterator[str]:
    """Yield the vehicle types; whoever waits for a bay is never teleported, and software never exceeds a limit."""
    document = setup.document
    ssm = document.conflicts
    for name, fleet in document.fleets.items():
        if fleet.robot is None:
            yield from _fleet(name, fleet, ssm=ssm)
        else:
            yield (
                f'<vType id="{fleet_type(name)}" {_class("robot")} length="{fleet.length_m}" '
                f'width="{fleet.width_m}" maxSpeed="{fleet.max_speed_mps}" speedFactor="1" speedDev="0"/>'
            )
    for name, flow in document.lorries.items():
        size = f'length="{flow.length_m}" maxSpeed="{flow.max_speed_mps}"'
        yield f'<vType id="{lorry_type(name)}" {_class("human_truck")} {size} {_STAYS}/>'
    cars = document.finished_cars
    if cars is not None:
        size = f'length="{cars.length_m}" maxSpeed="{setup.car_speed_mps:.4f}"'
        yield f'<vType id="{CAR_TYPE}" {_class("finished_car")} {size} {_STAYS} {_EXACT}>'
        yield from _params(SSM_PARAMS if ssm else {})
        yield "</vType>"


LOOKS = {
    "av_truck": 'guiShape="truck" color="0,114,178"',
    "human_truck": 'guiShape="truck" color="150,150,150"',
    "special_vehicle": 'guiShape="delivery" color="230,159,0"',
    "finished_car": 'guiShape="passenger" color="240,240,240"',
    "robot": 'guiShape="pedestrian" color="204,121,167"',
}
"""How classes look in sumo-gui."""

_STAYS = 'timeToTeleport="-1"'
_EXACT = 'speedFactor="1" speedDev="0" sigma="0"'


def _class(name: str) -> str:
    return f'vClass="{VEHICLE_CLASSES[name].sumo}" {LOOKS[name]}'


def _fleet(name: str, fleet: TruckFleet, *, ssm: bool) -> Iterator[str]:
    kind = VEHICLE_CLASSES[fleet.vehicle_class]
    exact = f" {_EXACT}" if kind.driverless else ""
    engine = fleet.diesel.emission_class if fleet.diesel is not None else "Energy/unknown"
    yield (
        f'<vType id="{fleet_type(name)}" {_class(fleet.vehicle_class)} length="{fleet.length_m}" '
        f'width="{fleet.width_m}" '
        f'maxSpeed="{fleet.max_speed_mps}" mass="{fleet.empty_kg}" emissionClass={quoteattr(engine)} {_STAYS}{exact}>'
    )
    params: dict[str, object] = {**SSM_PARAMS} if ssm else {}
    if fleet.battery is not None:
        params |= battery_params(fleet.battery)
    yield from _params(params)
    yield "</vType>"


def battery_params(battery: Battery) -> dict[str, object]:
    """Return the parameters of SUMO's battery device and `Energy` model."""
    return {
        "has.battery.device": "true",
        "device.battery.capacity": battery.capacity_kwh.value * 1000,
        "device.battery.chargeLevel": battery.capacity_kwh.value * battery.initial_share.value * 1000,
        "constantPowerIntake": battery.auxiliary_w.value,
        "frontSurfaceArea": battery.front_area_m2.value,
        "airDragCoefficient": battery.drag_coefficient.value,
        "rollDragCoefficient": battery.rolling_coefficient.value,
        "propulsionEfficiency": battery.propulsion_efficiency.value,
        "recuperationEfficiency": battery.recuperation_efficiency.value,
    }


def _params(params: Mapping[str, object]) -> Iterator[str]:
    return (f'  <param key="{key}" value="{value}"/>' for key, value in params.items())


def hubs(setup: FreightSetup) -> Iterator[str]:
    """Yield the chargers of docks and depots: one station a parking area, which charges all who stand there."""
    for name, (area, one) in sorted(setup.charging().items()):
        yield (
            f'<chargingStation id="{hub_id(name)}" lane="{area.lane}" startPos="{area.start_m}" endPos="{area.end_m}" '
            f'power="{one.power_kw.value * 1000:.0f}" totalPower="{one.hub_kw.value * 1000:.0f}" '
            f'efficiency="{one.efficiency.value}" parkingArea="{area.id}"/>'
        )


def freight_options(setup: FreightSetup, *, work: Path) -> dict[str, str]:
    """Return SUMO's options; without its charger output SUMO takes no notice of a hub's power (measured, 1.28)."""
    chosen: dict[str, str] = {}
    if setup.charging():
        chosen |= {"chargingstations-output": str(work / CHARGING), "chargingstations-output.aggregated": "true"}
    if setup.document.conflicts:
        chosen |= {
            "device.ssm.file": str(work / CONFLICTS),
            "device.ssm.measures": SSM_MEASURES,
            "device.ssm.thresholds": SSM_THRESHOLDS,
            "device.ssm.range": str(SSM_RANGE_M),
            "device.ssm.trajectories": "false",
            **SSM_DEFAULTS,
        }
    return chosen
