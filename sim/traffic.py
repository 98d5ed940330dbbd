"""The traffic of a bare scenario as a check of its network: teleports, collisions, halts, speeds, driving times.

SUMO runs alone, without a service: what stops or crawls here does so because of the roads and their demand.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import sumolib
from numpy.typing import NDArray

from sim.documents import load_scenario
from sim.engine.alone import run_alone
from sim.engine.inputs import TRIPINFO, options, write_inputs
from sim.engine.resolve import Resolved, resolve
from sim.errors import EngineError, ScenarioError
from sim.fields import format_clock
from sim.network.checks.record import Check, CheckReport, judged, skipped
from sim.network.edges import road_of
from sim.network.geo import read_net, road_frame
from sim.network.survey import is_arterial

STANDARD = "morning-none"
TELEPORT_S = 300
"""SUMO's own time to teleport: a vehicle that stands longer is lifted over the jam, which hides it."""
LONGEST_HALT_S = 300.0
WAITING_SHARE = 0.001
"""Of all vehicles may be about to enter when the run ends."""
SAMPLE_S = 5
HALTED_MPS = 0.1
"""SUMO's own bound of a halting vehicle."""
ROAD_CLASSES = ("motor road", "ramp", "arterial", "road", "street")
PROBE_EVERY_S = 300
PROBES = ("ggm", "songjeong_station")
"""The relation whose driving time is known: 15 to 17 minutes by car off-peak."""
OFF_PEAK_MIN = (13.0, 19.0)
"""What is known, and two minutes either way for where the survey's door to door begins."""
MEAN_OF_LIMIT = (0.35, 1.05)
P85_OF_LIMIT = (0.70, 1.20)
"""Drivers on free roads go about the limit (SUMO's speed factor has a deviation of 0.1); below a third, roads jam."""


@dataclass(frozen=True, slots=True)
class ClassSpeed:
    """The traffic on one class of road; speeds over all vehicles and the whole time.

    `mean_kmh` is the space mean (distance over time); `p85_kmh` the speed that 15 % of the driven distance exceeds;
    `mean_of_limit` and `p85_of_limit` the same as shares of each edge's limit.
    """

    road_class: str
    road_km: float
    limits_kmh: tuple[int, int]
    vehicle_km: float
    mean_kmh: float
    p85_kmh: float
    mean_of_limit: float
    p85_of_limit: float


@dataclass(frozen=True, slots=True)
class DrivingTime:
    """Minutes of the probes that left in one hour, or on empty roads (`hour` None)."""

    origin: str
    destination: str
    hour: int | None
    drives: int
    mean_min: float
    longest_min: float


@dataclass(frozen=True, slots=True)
class Halt:
    """The longest time a vehicle stood in traffic; stops at kerbs and in car parks do not count."""

    seconds: float
    vehicle_id: str
    edge: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one bare run tells about its network."""

    scenario: str
    network: str
    network_sha256: str
    vehicles: int
    arrived: int
    never_inserted: int
    teleports: int
    collisions: int
    emergency_braking: int
    mean_depart_delay_s: float
    mean_time_loss_s: float
    halt: Halt
    speeds: tuple[ClassSpeed, ...]
    times: tuple[DrivingTime, ...]


def measure_traffic(name: str = STANDARD, *, overrides: Sequence[str] = ()) -> Traffic:
    """Run a scenario's traffic in SUMO alone, with SUMO's own time to teleport, and measure it.

    Raises
    ------
    ScenarioError
        The scenario has a service: its vehicles need their controller.
    EngineError
        SUMO failed.
    """
    scenario = load_scenario(name, overrides=[*overrides, f"limits.time_to_teleport_s={TELEPORT_S}"])
    if scenario.controllers.shuttle is not None:
        msg = f"{name}: controllers.shuttle: found {scenario.controllers.shuttle.use!r}; allowed: a scenario without"
        raise ScenarioError(msg)
    resolved = resolve(scenario)
    with tempfile.TemporaryDirectory(prefix="bitgreen-traffic-") as scratch:
        empty, full = Path(scratch, "empty"), Path(scratch, "full")
        times = _run(resolved, empty, bare=True)
        times += _run(resolved, full, bare=False)
        return _read(resolved, full, times)


def check_traffic(network: str, *, overlays: Sequence[str] = ()) -> CheckReport:
    """Judge the standard morning on its network, with overlays on top; another network has none and is skipped.

    Raises
    ------
    EngineError
        SUMO failed.
    """
    if load_scenario(STANDARD).network != network:
        return CheckReport(network, (skipped("standard morning", f"the scenario {STANDARD} has another network"),))
    return traffic_report(measure_traffic(overrides=[f"overlays=[{', '.join(overlays)}]"]))


def traffic_report(traffic: Traffic) -> CheckReport:
    """Judge a measurement."""
    return CheckReport(traffic.network, tuple(_checks(traffic)))


def _checks(traffic: Traffic) -> Iterator[Check]:
    halt = traffic.halt
    stuck = traffic.vehicles - traffic.arrived - traffic.never_inserted
    figure = f"{traffic.vehicles} vehicles, {traffic.arrived} arrived, {stuck} parked or on the road at the end"
    delays = (
        f"mean delay of departure {traffic.mean_depart_delay_s:.1f} s, mean time loss {traffic.mean_time_loss_s:.0f} s"
    )
    every = f"{traffic.scenario}: every vehicle gets onto the road"
    ok = traffic.never_inserted <= WAITING_SHARE * traffic.vehicles
    yield judged(every, figure, ok=ok, detail=[delays])
    yield judged(f"no teleport after {TELEPORT_S} s", str(traffic.teleports), ok=traffic.teleports == 0)
    brakings = f"{traffic.emergency_braking} emergency brakings"
    yield judged("no collision", str(traffic.collisions), ok=traffic.collisions == 0, detail=[brakings])
    figure = f"{halt.seconds:.0f} s: {halt.vehicle_id} on {halt.edge} until {format_clock(halt.until_s)}"
    yield judged(f"longest halt at most {LONGEST_HALT_S:.0f} s", figure, ok=halt.seconds <= LONGEST_HALT_S)
    yield _speed_check(traffic.speeds)
    yield _time_check(traffic.times)


def _speed_check(speeds: Sequence[ClassSpeed]) -> Check:
    odd = [
        one.road_class
        for one in speeds
        if not MEAN_OF_LIMIT[0] <= one.mean_of_limit <= MEAN_OF_LIMIT[1]
        or not P85_OF_LIMIT[0] <= one.p85_of_limit <= P85_OF_LIMIT[1]
    ]
    table = [
        f"{one.road_class}: mean {one.mean_kmh:.0f} km/h ({one.mean_of_limit:.0%} of the limit), 85th percentile "
        f"{one.p85_kmh:.0f} km/h ({one.p85_of_limit:.0%}), {one.vehicle_km:.0f} vehicle-km on {one.road_km:.1f} km"
        for one in speeds
    ]
    return judged("plausible speeds by road class", f"{len(odd)} of {len(speeds)} odd", ok=not odd, detail=table)


def _time_check(times: Sequence[DrivingTime]) -> Check:
    name = f"driving time off-peak {OFF_PEAK_MIN[0]:.0f} to {OFF_PEAK_MIN[1]:.0f} min"
    if not times:
        return skipped(name, f"the network has no {' and '.join(PROBES)}")
    empty = [one for one in times if one.hour is None]
    ok = all(OFF_PEAK_MIN[0] <= one.mean_min <= OFF_PEAK_MIN[1] for one in empty)
    table = [
        f"{one.origin} -> {one.destination}, {'empty roads' if one.hour is None else f'{one.hour:02d}:00'}: "
        f"{one.mean_min:.1f} min, longest {one.longest_min:.1f} min, {one.drives} drives"
        for one in times
    ]
    return judged(name, ", ".join(f"{one.mean_min:.1f} min" for one in empty), ok=ok, detail=table)


def _run(resolved: Resolved, work: Path, *, bare: bool) -> list[DrivingTime]:
    """Run SUMO with the probes, with all traffic or on empty roads, and return the probes' times."""
    inputs = work / "inputs"
    inputs.mkdir(parents=True)
    scenario = resolved.scenario
    chosen = write_inputs(inputs, scenario, resolved.network, resolved.population, resolved.service)
    chosen |= options(scenario, resolved.service, work=work)
    probes = inputs / "probes.rou.xml"
    begin_s, end_s = float(scenario.time.begin_s), float(scenario.time.end_s)
    probes.write_text(_probes(resolved, begin_s, end_s), encoding="utf-8")
    chosen |= {
        "route-files": str(probes) if bare else f"{chosen['route-files']},{probes}",
        "end": str(scenario.time.horizon_s),
        "statistic-output": str(work / "statistics.xml"),
        "stop-output": str(work / "stops.xml"),
        "stop-output.write-unfinished": "true",
        "fcd-output": str(work / "fcd.parquet"),
        "fcd-output.attributes": "speed,lane",
        "device.fcd.period": str(SAMPLE_S),
        "output.compression": "zstd",
    }
    run_alone(chosen)
    return list(_probe_times(work / TRIPINFO, empty=bare))


def _probes(resolved: Resolved, begin_s: float, end_s: float) -> str:
    """Return cars that drive at the limit between the two places, both ways, every few minutes."""
    sites = resolved.network.sites
    lines = ["<routes>", '<vType id="probe" vClass="passenger" speedFactor="1" speedDev="0"/>']
    if all(key in sites for key in PROBES):
        for depart_s in np.arange(begin_s, end_s, PROBE_EVERY_S):
            for origin, destination in (PROBES, PROBES[::-1]):
                start, end = sites[origin], sites[destination]
                lines.append(
                    f'<trip id="probe.{origin}.{destination}.{depart_s:.0f}" type="probe" depart="{depart_s:.0f}" '
                    f'from="{start.edge}" departPos="{start.pos_m}" to="{end.edge}" arrivalPos="{end.pos_m}"/>'
                )
    return "\n".join([*lines, "</routes>"])


def _probe_times(tripinfo: Path, *, empty: bool) -> Iterator[DrivingTime]:
    minutes: dict[tuple[str, str, int | None], list[float]] = {}
    for _, element in ET.iterparse(tripinfo):  # noqa: S314 (written by SUMO in this run)
        if element.tag == "tripinfo" and element.attrib["id"].startswith("probe."):
            _, origin, destination, _ = element.attrib["id"].split(".")
            arrived = float(element.attrib["arrival"]) >= 0
            hour = None if empty else int(float(element.attrib["depart"]) // 3600)
            if arrived:
                minutes.setdefault((origin, destination, hour), []).append(float(element.attrib["duration"]) / 60)
    for (origin, destination, hour), all_min in sorted(
        minutes.items(), key=lambda item: (item[0][:2], item[0][2] or 0)
    ):
        yield DrivingTime(origin, destination, hour, len(all_min), sum(all_min) / len(all_min), max(all_min))


def _read(resolved: Resolved, work: Path, times: Sequence[DrivingTime]) -> Traffic:
    statistics = ET.parse(work / "statistics.xml").getroot()  # noqa: S314 (written by SUMO in this run)
    samples = in_traffic(_samples(work / "fcd.parquet"), _stops(work / "stops.xml"))
    return Traffic(
        scenario=resolved.scenario.name,
        network=resolved.network.name,
        network_sha256=resolved.network.sha256,
        vehicles=_count(statistics, "vehicles", "loaded"),
        arrived=_count(statistics, "vehicles", "inserted") - _count(statistics, "vehicles", "running"),
        never_inserted=_count(statistics, "vehicles", "waiting"),
        teleports=_count(statistics, "teleports", "total"),
        collisions=_count(statistics, "safety", "collisions"),
        emergency_braking=_count(statistics, "safety", "emergencyBraking"),
        mean_depart_delay_s=_figure(statistics, "vehicleTripStatistics", "departDelay"),
        mean_time_loss_s=_figure(statistics, "vehicleTripStatistics", "timeLoss"),
        halt=longest_halt(samples),
        speeds=tuple(_speeds(resolved, samples)),
        times=tuple(times),
    )


def _figure(statistics: ET.Element, tag: str, attribute: str) -> float:
    element = statistics.find(tag)
    if element is None:
        msg = f"SUMO's statistics have no <{tag}>"
        raise EngineError(msg)
    return float(element.attrib[attribute])


def _count(statistics: ET.Element, tag: str, attribute: str) -> int:
    return int(_figure(statistics, tag, attribute))


def _samples(fcd: Path) -> pd.DataFrame:
    """Return one row a vehicle every `SAMPLE_S`: `time_s`, `vehicle_id`, `edge`, `speed_mps`; people are left out."""
    frame: pd.DataFrame = pq.read_table(fcd).to_pandas()
    frame.columns = pd.Index([column.partition("_")[2] for column in frame.columns])
    frame = frame[frame["lane"].notna()].rename(columns={"time": "time_s", "id": "vehicle_id", "speed": "speed_mps"})
    codes, lanes = pd.factorize(frame.pop("lane"))
    frame["edge"] = np.array([lane.rpartition("_")[0] for lane in lanes], dtype=object)[codes]
    return frame


def _stops(stop_output: Path) -> pd.DataFrame:
    """Return when vehicles stood at kerbs and in car parks, a sample wider: `vehicle_id`, `began_s`, `ended_s`."""
    rows = []
    for _, element in ET.iterparse(stop_output):  # noqa: S314 (written by SUMO in this run)
        if element.tag == "stopinfo":
            ended_s = float(element.attrib["ended"])
            until_s = ended_s + SAMPLE_S if ended_s >= 0 else np.inf
            rows.append((element.attrib["id"], float(element.attrib["started"]) - SAMPLE_S, until_s))
    return pd.DataFrame(rows, columns=["vehicle_id", "began_s", "ended_s"])


def in_traffic(samples: pd.DataFrame, stops: pd.DataFrame) -> pd.DataFrame:
    """Return the samples without those of vehicles that stood where they were told to, or were parked.

    Parameters
    ----------
    samples
        `time_s`, `vehicle_id` and more columns, sorted by time.
    stops
        When each vehicle stood where it was told to: `vehicle_id`, `began_s`, `ended_s`.
    """
    if stops.empty or samples.empty:
        return samples
    last = pd.merge_asof(
        samples[["time_s", "vehicle_id"]], stops.sort_values("began_s"),
        left_on="time_s", right_on="began_s", by="vehicle_id",
    )  # fmt: skip
    return samples[~(last["time_s"] <= last["ended_s"]).to_numpy()]


def longest_halt(samples: pd.DataFrame) -> Halt:
    """Return the longest halt in traffic.

    Parameters
    ----------
    samples
        A row every `SAMPLE_S` for each vehicle in the traffic: `time_s`, `vehicle_id`, `edge`, `speed_mps`.

    Returns
    -------
    Its length is that between the samples before and after it, so at most two samples too long.
    """
    standing = samples[samples["speed_mps"] < HALTED_MPS].sort_values(["vehicle_id", "time_s"], kind="stable")
    if standing.empty:
        return Halt(0.0, "", "", 0.0)
    vehicle, time_s = standing["vehicle_id"].to_numpy(), standing["time_s"].to_numpy()
    starts = np.flatnonzero(np.r_[True, (vehicle[1:] != vehicle[:-1]) | (np.diff(time_s) > SAMPLE_S + 0.5)])
    ends = np.r_[starts[1:], len(time_s)] - 1
    longest = int(np.argmax(time_s[ends] - time_s[starts]))
    first, last = starts[longest], ends[longest]
    seconds = float(time_s[last] - time_s[first]) + 2 * SAMPLE_S
    return Halt(seconds, str(vehicle[last]), str(standing["edge"].iloc[last]), float(time_s[last]) + SAMPLE_S)


def _speeds(resolved: Resolved, samples: pd.DataFrame) -> Iterator[ClassSpeed]:
    """Yield the speeds of each class of road, fastest class first; what lies inside junctions is left out."""
    net = read_net(resolved.network)
    roads = classed_roads(net).set_index("road")
    edges = pd.DataFrame(
        [(edge.getID(), road_of(edge), edge.getSpeed()) for edge in net.getEdges(withInternal=False)],
        columns=["edge", "road", "limit_mps"],
    ).join(roads[["road_class"]], on="road")
    moves = samples.merge(edges, on="edge")
    for name in ROAD_CLASSES:
        group, built = moves[moves["road_class"] == name], roads[roads["road_class"] == name]
        if not group.empty:
            speed, limit = group["speed_mps"].to_numpy(), group["limit_mps"].to_numpy()
            yield ClassSpeed(
                road_class=name,
                road_km=float(built["length_m"].sum()) / 1000,
                limits_kmh=(int(built["speed_kmh"].min()), int(built["speed_kmh"].max())),
                vehicle_km=float(speed.sum()) * SAMPLE_S / 1000,
                mean_kmh=3.6 * float(speed.mean()),
                p85_kmh=3.6 * _weighted_p85(speed, speed),
                mean_of_limit=float(speed.sum() / limit.sum()),
                p85_of_limit=_weighted_p85(speed / limit, speed),
            )


def classed_roads(net: sumolib.net.Net) -> geopandas.GeoDataFrame:
    """Return the roads of a net as `road_frame` does, each with its `road_class`."""
    roads = road_frame(net)
    roads["road_class"] = [_class_of_road(row) for row in roads.to_dict("records")]
    return roads


def _class_of_road(road: Mapping[str, object]) -> str:
    """Return the class of a row of the road frame."""
    lanes, limit_kmh = int(str(road["lanes"])), int(str(road["speed_kmh"]))
    if road["motor_road"]:
        return "ramp" if road["oneway"] else "motor road"
    if is_arterial(lanes, limit_kmh):
        return "arterial"
    return "road" if limit_kmh >= 50 else "street"


def _weighted_p85(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the value that 15 % of the weight exceeds."""
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(share, 0.85 * share[-1])])
