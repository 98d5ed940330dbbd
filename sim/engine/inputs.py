"""What SUMO reads in a run: vehicle types, traffic, the service, riders; and its options."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from xml.sax.saxutils import quoteattr

from sim.controllers.base import Call, Preparation, RideLeg, RiderPlan, ServiceVehicle
from sim.demand.population import Population
from sim.engine.freight.inputs import battery_params, freight_options, freight_types, hubs
from sim.engine.freight.setup import FreightSetup
from sim.engine.observer import missing
from sim.engine.traffic import search, traffic
from sim.fleet_document import Fleet, Part, Vehicles
from sim.network.catalog import Network
from sim.rundir import SUMO_LOG, TRAJECTORIES
from sim.scenario import Scenario
from sim.vehicle_classes import VEHICLE_CLASSES

TRIPINFO = "tripinfo.xml"

ADAPTATION_S, ADAPTATION_MEMORY_S = 10, 180
"""What SUMO's routers know of travel times: means over this long, renewed so often.

The memory is SUMO's default; renewing it each second, the other default, cost 3 % of a morning.
"""

TRUCK_LENGTH_M = 12.0
COACH_LENGTH_M = 11.0


def write_inputs(
    folder: Path,
    scenario: Scenario,
    network: Network,
    population: Population,
    service: Preparation,
    *,
    freight: FreightSetup | None = None,
) -> dict[str, str]:
    """Write SUMO's input files into `folder` and return the options that name them."""
    types, roads, riders = folder / "types.add.xml", folder / "traffic.rou.xml", folder / "service.rou.xml"
    goods = () if freight is None else chain(freight_types(freight), hubs(freight))
    _write(types, "additional", chain(_types(scenario), goods, search(network)))
    _write(roads, "routes", traffic(population, network))
    _write(riders, "routes", _service(scenario, service))
    additional = [*network.additional_files, types]
    return {
        "net-file": str(network.net_file),
        "additional-files": ",".join(str(path) for path in additional),
        "route-files": f"{roads},{riders}",
    }


def options(
    scenario: Scenario, service: Preparation, *, work: Path, freight: FreightSetup | None = None
) -> dict[str, str]:
    """Return SUMO's options for a run that writes into `work`; a controller's own options come last."""
    chosen = {
        "begin": str(scenario.time.begin_s),
        "step-length": str(scenario.time.step_s),
        "seed": str(scenario.seeds.sumo),
        "time-to-teleport": str(scenario.limits.time_to_teleport_s),
        "pedestrian.model": "nonInteracting",
        "tripinfo-output": str(work / TRIPINFO),
        "tripinfo-output.write-unfinished": "true",
        "log": str(work / SUMO_LOG),
        "aggregate-warnings": "5",
        "no-step-log": "true",
        "duration-log.disable": "true",
        "xml-validation": "never",
        "device.rerouting.adaptation-interval": str(ADAPTATION_S),
        "device.rerouting.adaptation-steps": str(ADAPTATION_MEMORY_S // ADAPTATION_S),
    }
    if scenario.outputs.trajectories:
        chosen |= {
            "fcd-output": str(work / TRAJECTORIES),
            "fcd-output.attributes": "x,y,speed,type",
            "output.compression": "zstd",
            "device.fcd.period": str(scenario.outputs.trajectory_period_s),
        }
    if service.taxi == "world":
        chosen["device.taxi.dispatch-algorithm"] = "traci"
    if freight is not None:
        chosen |= freight_options(freight, work=work)
    return chosen | service.options


def _write(path: Path, root: str, lines: Iterator[str]) -> None:
    path.write_text(f"<{root}>\n" + "\n".join(lines) + f"\n</{root}>\n", encoding="utf-8")


def _types(scenario: Scenario) -> Iterator[str]:
    yield f'<vType id="car" vClass="{VEHICLE_CLASSES["car"].sumo}"/>'
    yield f'<vType id="truck" vClass="{VEHICLE_CLASSES["truck"].sumo}" length="{TRUCK_LENGTH_M}"/>'
    yield f'<vType id="coach" vClass="{VEHICLE_CLASSES["coach"].sumo}" length="{COACH_LENGTH_M}"/>'
    walk = scenario.requests.walk_speed_mps
    yield f'<vType id="rider" vClass="{VEHICLE_CLASSES["rider"].sumo}" maxSpeed="{walk}" speedFactor="1" speedDev="0"/>'
    if scenario.fleet is not None:
        for name in ("shuttle", "bus"):
            for part in scenario.fleet.parts:
                yield from _fleet_type(name, part, scenario.fleet)
                if scenario.supervision is not None:
                    yield from _fleet_type(name, part, scenario.fleet, halted=True)


def halted_type(name: str) -> str:
    """Return the type of a fleet vehicle while it stands for an incident: red, and never teleported."""
    return f"{name}.halted"


def _type_id(name: str, group: str) -> str:
    return f"{name}.{group}" if group else name


def _fleet_type(name: str, part: Part, fleet: Fleet, *, halted: bool = False) -> Iterator[str]:
    kind, type_id = part.vehicles, _type_id(name, part.name)
    standing = ' timeToTeleport="-1" color="red"' if halted else ""
    energy = f' mass="{kind.battery.mass_kg.value}" emissionClass="Energy/unknown"' if kind.battery else ""
    persons = kind.seats + kind.wheelchairs
    yield (
        f'<vType id="{halted_type(type_id) if halted else type_id}" vClass="{VEHICLE_CLASSES[name].sumo}" '
        f'length="{kind.length_m}" maxSpeed="{kind.max_speed_mps}" personCapacity="{persons}" '
        f'boardingDuration="0"{energy}{standing}>'
    )
    yield from _params(_fleet_params(name, kind, fleet))
    yield "</vType>"


def _fleet_params(name: str, kind: Vehicles, fleet: Fleet) -> dict[str, object]:
    params: dict[str, object] = {}
    if name == "shuttle":
        params |= {
            "has.taxi.device": "true",
            # both always set: SUMO's own are 0 s and 60 s, which would bias every comparison
            "device.taxi.pickUpDuration": fleet.boarding_s,
            "device.taxi.dropOffDuration": fleet.alighting_s,
        }
    battery = kind.battery
    if battery is not None:
        params |= battery_params(battery)
    return params


def _params(params: dict[str, object]) -> Iterator[str]:
    return (f'  <param key="{key}" value="{value}"/>' for key, value in params.items())


def _service(scenario: Scenario, service: Preparation) -> Iterator[str]:
    vehicles = [(v.depart_s, 0, v.id, list(_vehicle(v, scenario, service))) for v in service.vehicles]
    # to a service that the World shows riders come as they were told (`sim.engine.riders`)
    plans = service.riders if service.taxi != "world" else ()
    riders = [
        (max(plan.depart_s, float(scenario.time.begin_s)), 1, person, list(_rider(plan, person, scenario)))
        for plan in plans
        if plan.refused is None and missing(plan.rider) is None
        for person in plan.rider.persons
    ]
    for _, _, _, lines in sorted([*vehicles, *riders]):
        yield from lines


def _vehicle(vehicle: ServiceVehicle, scenario: Scenario, service: Preparation) -> Iterator[str]:
    kinds = {part.name: part.vehicles for part in scenario.fleet.parts} if scenario.fleet else {}
    depot = kinds[vehicle.group].depot if vehicle.group in kinds else None
    kind = _type_id(vehicle.vehicle_class, vehicle.group)
    start = f'id="{vehicle.id}" type="{kind}" depart="{vehicle.depart_s:.2f}" departPos="stop"'
    place = (
        f'parkingArea="{depot}"'
        if depot
        else f'edge="{vehicle.start_edge}" endPos="{vehicle.start_pos_m:.1f}" parking="true"'
    )
    if service.taxi == "none":
        yield f"<vehicle {start}>"
        yield f'  <route edges="{" ".join(vehicle.edges)}"/>'
        yield from (_call(call, scenario, depot) for call in vehicle.calls)
        yield "</vehicle>"
    else:
        yield f'<trip {start} from="{vehicle.start_edge}" line="taxi">'
        yield f'  <stop {place} duration="1"/>'
        yield "</trip>"


def _call(call: Call, scenario: Scenario, depot: str | None) -> str:
    if call.stop_id == depot:
        return f'  <stop parkingArea="{depot}" until="{call.until_s:.0f}" line={quoteattr(call.line)}/>'
    dwell = scenario.fleet.boarding_s if scenario.fleet else 0
    return (
        f'  <stop busStop="{call.stop_id}" duration="{dwell}" until="{call.until_s:.0f}" parking="true" '
        f"line={quoteattr(call.line)}/>"
    )


def _rider(plan: RiderPlan, person: str, scenario: Scenario) -> Iterator[str]:
    rider = plan.rider
    depart = max(plan.depart_s, float(scenario.time.begin_s))
    yield f'<person id="{person}" type="rider" depart="{depart:.2f}" departPos="{rider.origin_pos_m:.1f}">'
    start = f' from="{rider.origin_edge}"'
    group = f' group="{rider.request_id}"' if rider.size > 1 else ""  # SUMO's dispatchers keep it together
    for leg in plan.legs:
        goal = (
            f'busStop="{leg.stop_id}"'
            if leg.stop_id is not None
            else f'to="{rider.destination_edge}" arrivalPos="{rider.destination_pos_m:.1f}"'
        )
        if isinstance(leg, RideLeg):
            yield f"  <ride{start} {goal} lines={quoteattr(leg.lines)}{group}/>"
        else:
            yield f"  <walk{start} {goal}/>"
        start = ""
    yield "</person>"
