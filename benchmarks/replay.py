"""A run written down for bare SUMO: the shuttles drive the edges and make the stops that they made in the run.

Nobody decides anything in the replay. Every shuttle, freight truck and lorry has one fixed route and its stops with the
times at which it left them; every rider waits at the recorded place and boards the recorded shuttle; who was not served
stands there as long as in the run. Cars, background, network, outputs, step length and seeds are those of the run.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from benchmarks.replay_freight import opened_net, require_replayable
from sim.controllers.base import RiderPlan
from sim.engine.inputs import TRIPINFO, options, write_inputs
from sim.engine.loop import Loop
from sim.engine.resolve import Resolved, resolve
from sim.errors import EngineError
from sim.events import Event, PickedUp, Rejected, fingerprint
from sim.rundir import RunDir
from sim.scenario import Scenario, validate
from sim.system import sumo_binary

ROUTES = "vehroutes.xml"
RECORDING = {
    "vehroute-output.exit-times": "true",
    "vehroute-output.last-route": "true",
    "vehroute-output.write-unfinished": "true",
    "vehroute-output.speedfactor": "true",
}
REPLAYED = ("shuttle", "freight", "lorry")
"""What the types of the replayed vehicles begin with."""
WAYPOINT_MPS = 100.0


@dataclass(frozen=True, slots=True)
class Recording:
    """A run that can be replayed: `command` is bare SUMO's, `rides` says who rode with which shuttle.

    `drives` are those of the freight.
    """

    fingerprint: str
    command: list[str]
    tripinfo: Path
    rides: dict[str, str]
    drives: dict[str, Drive] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drive:
    """What one vehicle did: edges with the times at which it left them (-1: not yet), and stops as SUMO wrote them."""

    type_id: str
    depart_s: float
    speed_factor: str
    edges: tuple[str, ...]
    exits_s: tuple[float, ...]
    stops: tuple[dict[str, str], ...]


def record(document: Mapping[str, Any], folder: Path) -> Recording:
    """Carry out the run of a scenario document and write its replay into `folder`; see `record_resolved`."""
    return record_resolved(resolve(validate(document, place="the scenario to replay")), folder)


def record_resolved(resolved: Resolved, folder: Path) -> Recording:
    """Carry out a run in this process with SUMO's route output, and write its replay into `folder`.

    Raises
    ------
    EngineError
        There is no freight, and the service does not send its vehicles through SUMO's taxi device; or the freight does
        what bare SUMO cannot be told.
    """
    if resolved.service.taxi == "none" and resolved.freight is None:
        msg = "only freight and services that send taxis can be replayed; these vehicles have fixed routes anyway"
        raise EngineError(msg)
    if resolved.freight is not None:
        require_replayable(resolved.scenario, resolved.freight)
    extra = RECORDING | {"vehroute-output": str(folder / ROUTES)}
    observed = replace(resolved, service=replace(resolved.service, options=resolved.service.options | extra))
    with RunDir(folder / "recorded") as run:
        outcome = Loop(observed, run, engine="libsumo", stop=lambda: False, report=lambda _: None).run()
        events = run.seal_events()
    drives = read_drives(folder / ROUTES)
    command = _write_replay(folder, resolved, drives, events, end_s=outcome.end_s)
    goods = {name: drive for name, drive in drives.items() if not drive.type_id.startswith("shuttle")}
    return Recording(fingerprint(events), command, folder / TRIPINFO, _rides(events), goods)


def read_drives(file: Path) -> dict[str, Drive]:
    """Return the drives of all shuttles, trucks and lorries in SUMO's route output."""
    drives = {}
    for _, element in ET.iterparse(file):  # noqa: S314 (written by SUMO in this run)
        if element.tag != "vehicle":
            continue
        route = element.find("route")
        type_id = element.attrib["type"].partition("@")[0]  # with a mass of its own: type@vehicle
        if type_id.partition(".")[0] in REPLAYED and route is not None:
            drives[element.attrib["id"]] = Drive(
                type_id,
                float(element.attrib["depart"]),
                element.get("speedFactor", ""),
                tuple(route.attrib["edges"].split()),
                tuple(float(text) for text in route.attrib["exitTimes"].split()),
                tuple(stop.attrib for stop in element.iter("stop")),
            )
        element.clear()
    return drives


def _write_replay(
    folder: Path, resolved: Resolved, drives: Mapping[str, Drive], events: Sequence[Event], *, end_s: float
) -> list[str]:
    """Write the replay's inputs and return its command.

    Everything stands in the order of the run's own files, because SUMO draws drivers' speeds as it reads.
    """
    scenario, service = resolved.scenario, resolved.service
    freight = resolved.freight
    inputs = write_inputs(folder, scenario, resolved.network, resolved.population, service, freight=freight)
    if freight is not None:
        inputs["net-file"] = str(opened_net(resolved.network.net_file, freight, folder))
    types = folder / "types.add.xml"
    lines = types.read_text(encoding="utf-8").splitlines()
    types.write_text("\n".join(line for line in lines if "taxi." not in line) + "\n", encoding="utf-8")
    entries = [
        (one.depart_s, 0, one.id, _vehicle(one.id, one.depart_s, drives[one.id], end_s)) for one in service.vehicles
    ]
    entries += [
        (drive.depart_s, 0, name, _freight_vehicle(name, drive, end_s))
        for name, drive in drives.items()
        if not drive.type_id.startswith("shuttle")
    ]
    rides = _rides(events)
    left_s = {event.person_id: event.time_s for event in events if isinstance(event, Rejected)}
    for plan in service.riders:
        person, depart_s = plan.rider.person_id, _depart_s(plan, scenario)
        if plan.refused is None:
            entries.append((depart_s, 1, person, _rider(plan, depart_s, rides.get(person), left_s.get(person, end_s))))
    text = "\n".join(line for *_, lines in sorted(entries) for line in lines)
    (folder / "service.rou.xml").write_text(f"<routes>\n{text}\n</routes>\n", encoding="utf-8")
    plain = replace(service, taxi="none", options={})
    chosen = inputs | options(scenario, plain, work=folder, freight=freight) | {"end": f"{end_s:.2f}"}
    return [str(sumo_binary("sumo")), *(part for key, value in chosen.items() for part in (f"--{key}", value))]


def _rides(events: Sequence[Event]) -> dict[str, str]:
    return {event.person_id: event.vehicle_id for event in events if isinstance(event, PickedUp)}


def _vehicle(vehicle_id: str, depart_s: float, drive: Drive, end_s: float) -> list[str]:
    return [
        f'<vehicle id="{vehicle_id}" type="shuttle" depart="{depart_s:.2f}" departPos="stop">',
        f'  <route edges="{" ".join(drive.edges)}"/>',
        *_stops(drive, end_s),
        "</vehicle>",
    ]


def _freight_vehicle(vehicle_id: str, drive: Drive, end_s: float) -> list[str]:
    lorry = drive.type_id.startswith("lorry")
    start = 'departLane="best" departSpeed="max"' if lorry else 'departPos="stop"'
    return [
        # the speed factor is told: a drawn one would shift those of the background
        (
            f'<vehicle id="{vehicle_id}" type="{drive.type_id}" depart="{drive.depart_s:.2f}" {start} '
            f'speedFactor="{drive.speed_factor}">'
        ),
        f'  <route edges="{" ".join(drive.edges)}"/>',
        *_stops(drive, end_s),
        "</vehicle>",
    ]


def _stops(drive: Drive, end_s: float) -> Iterator[str]:
    reached = [exit_s if exit_s >= 0 else float("inf") for exit_s in drive.exits_s]
    before = 0
    for stop in drive.stops:
        started_s, ended_s = float(stop["started"]), float(stop["ended"])
        if started_s < 0:
            continue  # planned, but the run ended on the way there
        at = bisect_left(reached, started_s)
        yield from _waypoints(drive.edges, before, at)
        before = at
        until_s = ended_s if ended_s >= 0 else end_s + 1
        beside = stop.get("parking", "1" if "lane" not in stop else "0") in {"1", "true"}
        yield f'  <stop {_place(stop)} duration="1" until="{until_s:.2f}" parking="{str(beside).lower()}"/>'


def _place(stop: Mapping[str, str]) -> str:
    for named in ("parkingArea", "chargingStation"):
        if named in stop:
            return f'{named}="{stop[named]}"'
    # as written by SUMO, mostly a point: it takes a shuttle longer to halt at a point than within a range
    given = (f'{name}="{stop[name]}"' for name in ("lane", "startPos", "endPos") if name in stop)
    return f'{" ".join(given)} friendlyPos="true"'


def _waypoints(edges: Sequence[str], before: int, at: int) -> Iterator[str]:
    """Yield edges to pass without stopping on the way from one stop to the next.

    SUMO gives a stop the first passage of its edge after the stop before, which may be an earlier one than is meant.
    """
    earlier = edges.index(edges[at], before)
    if earlier < at:
        yield from _waypoints(edges, before, earlier + 1)
        yield f'  <stop edge="{edges[earlier + 1]}" speed="{WAYPOINT_MPS}"/>'
        yield from _waypoints(edges, earlier + 1, at)


def _rider(plan: RiderPlan, depart_s: float, vehicle_id: str | None, left_s: float) -> list[str]:
    rider = plan.rider
    if vehicle_id is None:
        wait_s = max(0.0, left_s - depart_s)
        stage = f'  <stop edge="{rider.origin_edge}" endPos="{rider.origin_pos_m:.1f}" duration="{wait_s:.2f}"/>'
    else:
        stage = (
            f'  <ride from="{rider.origin_edge}" to="{rider.destination_edge}" '
            f'arrivalPos="{rider.destination_pos_m:.1f}" lines="{vehicle_id}"/>'
        )
    return [
        f'<person id="{rider.person_id}" type="rider" depart="{depart_s:.2f}" departPos="{rider.origin_pos_m:.1f}">',
        stage,
        "</person>",
    ]


def _depart_s(plan: RiderPlan, scenario: Scenario) -> float:
    return max(plan.depart_s, float(scenario.time.begin_s))
