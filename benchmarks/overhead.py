"""What the sandbox adds to SUMO: a run against bare SUMO replaying exactly what happened in it.

One untimed run records the routes, stops and rides. Then run and replay alternate, each in a fresh process. A run
is timed from SUMO's start to its close, the controller included; bare SUMO as the whole process it is. Both sides
must do the same work: equal event fingerprints of all runs, every rider in the recorded shuttle, vehicle-seconds and
vehicle-km (from SUMO's trip records, the fleet included) equal within 1 %.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.replay import Recording, record
from sim.documents import load_scenario
from sim.errors import EngineError
from sim.rundir import PERFORMANCE, VEHICLES
from sim.runner.local import run_one
from sim.runner.order import Order
from sim.scenario import Scenario
from sim.system import sumo_env

BAR = 1.25
SAME_WORK = 0.01
NOBODY = "NULL"  # SUMO's word for a ride that did not begin


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair: wall and CPU seconds of the simulation and of its whole process, and the work done."""

    wall_s: float
    cpu_s: float
    process_wall_s: float
    process_cpu_s: float
    vehicle_seconds: float
    controller_cpu_s: float = 0.0
    vehicle_km: float = 0.0


def measure(scenario: Scenario, *, pairs: int) -> list[tuple[Side, Side]]:
    """Record a run, then time `pairs` of run and replay, in turn.

    Raises
    ------
    EngineError
        A run differs from the recorded one, or its replay does other work.
    """
    with tempfile.TemporaryDirectory() as name:
        recording = recorded(scenario, Path(name))
        return time_pairs(scenario, recording, Path(name), pairs=pairs)


def recorded(scenario: Scenario, folder: Path) -> Recording:
    """Record a run, in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(record, scenario.model_dump(mode="json"), folder).result()


def time_pairs(scenario: Scenario, recording: Recording, folder: Path, *, pairs: int) -> list[tuple[Side, Side]]:
    """Time run and replay in turn; see `measure`."""
    timed = []
    for number in range(pairs):
        pair = _time_run(scenario, recording, folder / f"run.{number}"), _time_replay(recording)
        require_same_work(*pair)
        timed.append(pair)
    return timed


def _time_run(scenario: Scenario, recording: Recording, out: Path) -> Side:
    began, cpu = time.perf_counter(), _children_cpu_s()
    finished = run_one(Order(out.name, scenario, out))
    process_wall_s, process_cpu_s = time.perf_counter() - began, _children_cpu_s() - cpu
    if finished.fingerprint != recording.fingerprint:
        msg = f"the timed run has the fingerprint {finished.fingerprint}, the recorded one {recording.fingerprint}"
        raise EngineError(msg)
    cost = json.loads((out / PERFORMANCE).read_text(encoding="utf-8"))
    work = pq.read_table(out / VEHICLES, columns=["duration_s", "route_length_m"])
    vehicle_seconds, metres = (pc.sum(column).as_py() for column in work.columns)
    return Side(
        cost["wall_s"], cost["cpu_s"], process_wall_s, process_cpu_s, vehicle_seconds, cost["controller_cpu_s"],
        metres / 1000,
    )  # fmt: skip


def _time_replay(recording: Recording) -> Side:
    began, cpu = time.perf_counter(), _children_cpu_s()
    environment = os.environ | sumo_env()
    done = subprocess.run(recording.command, env=environment, capture_output=True, text=True, check=False)
    wall_s, cpu_s = time.perf_counter() - began, _children_cpu_s() - cpu
    if done.returncode:
        msg = f"bare SUMO ended with code {done.returncode}: {done.stderr[-2000:]}"
        raise EngineError(msg)
    vehicle_seconds, vehicle_km = replayed_work(recording)
    return Side(wall_s, cpu_s, wall_s, cpu_s, vehicle_seconds, vehicle_km=vehicle_km)


def replayed_work(recording: Recording) -> tuple[float, float]:
    """Return the vehicle-seconds and vehicle-km of the last replay.

    Raises
    ------
    EngineError
        A rider did not ride as recorded.
    """
    seconds, metres, rides = 0.0, 0.0, {}
    for _, element in ET.iterparse(recording.tripinfo):  # noqa: S314 (written by SUMO in this replay)
        if element.tag == "tripinfo":
            seconds += float(element.attrib["duration"])
            metres += float(element.attrib["routeLength"])
        elif element.tag == "personinfo":
            ride = element.find("ride")
            if ride is not None and ride.attrib["vehicle"] != NOBODY:
                rides[element.attrib["id"]] = ride.attrib["vehicle"]
    if rides != recording.rides:
        strays = sorted(recording.rides.items() ^ rides.items())
        msg = f"the replay has {len(strays)} other rides than the run, among them {strays[:4]}"
        raise EngineError(msg)
    return seconds, metres / 1000


def require_same_work(run: Side, bare: Side) -> None:
    """Raise `EngineError` when the two sides' vehicle-seconds or vehicle-km lie more than 1 % apart."""
    for unit in ("vehicle_seconds", "vehicle_km"):
        drove, replayed = getattr(run, unit), getattr(bare, unit)
        if abs(replayed - drove) > SAME_WORK * drove:
            msg = f"the run drove {drove:.0f} {unit.replace('_', '-')}, its replay {replayed:.0f}: more than 1 % apart"
            raise EngineError(msg)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def summary(name: str, timed: Sequence[tuple[Side, Side]]) -> dict[str, Any]:
    """Return the benchmark's result; times are medians, ratios those of the pairs."""
    ratios = [run.wall_s / bare.wall_s for run, bare in timed]
    cpu_ratios = [run.cpu_s / bare.cpu_s for run, bare in timed]
    runs, bares = [run for run, _ in timed], [bare for _, bare in timed]
    ratio = median(ratios)
    return {
        "benchmark": "overhead",
        "cores": os.cpu_count(),
        "scenario": name,
        "pairs": len(timed),
        "ratio": round(ratio, 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
        "run_s": round(median(run.wall_s for run in runs), 2),
        "bare_s": round(median(bare.wall_s for bare in bares), 2),
        "cpu_ratio": round(median(cpu_ratios), 3),
        "run_cpu_s": round(median(run.cpu_s for run in runs), 2),
        "bare_cpu_s": round(median(bare.cpu_s for bare in bares), 2),
        "run_process_s": round(median(run.process_wall_s for run in runs), 2),
        "run_process_cpu_s": round(median(run.process_cpu_s for run in runs), 2),
        "vehicle_seconds": {"run": runs[0].vehicle_seconds, "bare": bares[0].vehicle_seconds},
        "controller_cpu_s": round(median(run.controller_cpu_s for run in runs), 2),
        "bar": BAR,
        "passed": ratio <= BAR,
    }


def main() -> int:
    """Run the benchmark and print it; returns 1 when the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the last line, one JSON object")
    parser.add_argument("--scenario", default="morning-shuttle", help="a service with taxis (default %(default)s)")
    parser.add_argument("--pairs", type=int, default=5, help="run and replay, in turn (default %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change the scenario")
    arguments = parser.parse_args()
    timed = measure(load_scenario(arguments.scenario, overrides=arguments.set), pairs=arguments.pairs)
    if not arguments.json:
        for run, bare in timed:
            sys.stdout.write(f"run {run}\nbare {bare}\n")
    result = summary(arguments.scenario, timed)
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
