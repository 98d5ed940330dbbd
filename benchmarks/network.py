"""What a network and its demand cost, without a service: build, load, bare runs, and demand where roads begin to jam.

Every figure is measured in a process of its own. `generate` draws a run's people and traffic, `kept` reads them
from the cache. `ups` are SUMO's own vehicle updates a second. A run jams when a vehicle is teleported, or when one in a
hundred loses more than a quarter of an hour or is still waiting to enter at its end. Beyond `MOST_TELEPORTS` it is
ended: a network that stands still tells nothing more, and costs hours.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar
from xml.etree import ElementTree as ET

from sim.demand.generate import generate
from sim.demand.kept import kept_population
from sim.documents import catalogue, load_scenario
from sim.engine.inputs import TRIPINFO, options, write_inputs
from sim.engine.resolve import resolve
from sim.errors import EngineError
from sim.network.build import build_network
from sim.network.catalog import has_tables, load_network
from sim.network.graph import EdgeGraph
from sim.rundir import SUMO_LOG
from sim.runner.counted import JAM_SHARE, late_trips, read_trips
from sim.scenario import Scenario
from sim.system import sumo_binary, sumo_env

GENERATE_BAR = 0.10
"""Demand generation may take this share of the bare morning, the first of the scenarios, at the first scale."""
MOST_TELEPORTS = 100
ENDED = re.compile(r"Simulation ended at time: ([0-9.]+[0-9])")

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds and peak memory of one step."""

    seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class BareRun:
    """One scenario at one scale of demand, run by SUMO alone."""

    scenario: str
    scale: float
    generate_s: float
    kept_s: float
    run_s: float
    ended_at_s: float
    ups: float
    peak_mb: float | None
    vehicles: int
    never_inserted: int
    teleports: int
    mean_speed_mps: float
    mean_time_loss_s: float
    late: int
    jams: bool


def measure(
    network: str, scenarios: Sequence[str], scales: Sequence[float], overrides: Sequence[str]
) -> dict[str, Any]:
    """Measure everything and return the result; a scenario that this checkout does not have is named as skipped."""
    known = catalogue()
    runs = [run for name in scenarios if name in known for run in _scaled(name, scales, overrides)]
    first = runs[0] if runs else None
    share = first.generate_s / first.run_s if first else None
    return {
        "benchmark": "network",
        "cores": os.cpu_count(),
        "network": network,
        "build": asdict(_cost(_build, network)) if has_tables(network) else None,
        "load": asdict(_cost(_load, network)),
        "runs": [{key: _rounded(value) for key, value in asdict(run).items()} for run in runs],
        "jams_from_scale": {name: _jams_from([run for run in runs if run.scenario == name]) for name in scenarios},
        "skipped": [f"{name}: no such scenario" for name in scenarios if name not in known],
        "generate_share": None if share is None else round(share, 4),
        "bar": GENERATE_BAR,
        "passed": share is not None and share <= GENERATE_BAR,
    }


def _scaled(name: str, scales: Sequence[float], overrides: Sequence[str]) -> list[BareRun]:
    runs: list[BareRun] = []
    for scale in scales:
        scenario = scaled(name, scale, overrides)
        runs.append(_in_process(bare_run, scenario.model_dump(mode="json"), scale))
    return runs


def scaled(name: str, scale: float, overrides: Sequence[str] = ()) -> Scenario:
    """Return a scenario without its service, with `scale` times its commuters and background traffic."""
    alone = [*overrides, "controllers.shuttle=null"]
    demand = load_scenario(name, overrides=alone).demand
    factors = []
    if demand.commuters is not None:
        factors.append(f"demand.commuters.scale={demand.commuters.scale * scale}")
    if demand.background is not None:
        factors.append(f"demand.background.scale={demand.background.scale * scale}")
    return load_scenario(name, overrides=[*alone, *factors])


def bare_run(document: dict[str, Any], scale: float) -> BareRun:
    """Prepare a scenario's traffic twice, run it in SUMO alone, and return what that cost.

    Parameters
    ----------
    document
        The scenario.
    scale
        What it was scaled by, for the record.

    Raises
    ------
    EngineError
        SUMO failed.
    """
    scenario = Scenario.model_validate(document)
    resolved = resolve(scenario)
    generate_s = _timed(lambda: generate(scenario, resolved.network, resolved.graph))
    kept_s = _timed(lambda: kept_population(scenario, resolved.network, resolved.graph))  # `resolve` has kept it
    with tempfile.TemporaryDirectory(prefix="bitgreen-bench-") as scratch:
        work = Path(scratch)
        chosen = write_inputs(work, scenario, resolved.network, resolved.population, resolved.service)
        chosen |= options(scenario, resolved.service, work=work)
        chosen |= {"end": str(scenario.time.horizon_s), "statistic-output": str(work / "statistics.xml")}
        chosen["max-num-teleports"] = str(MOST_TELEPORTS)
        chosen["duration-log.disable"] = "false"  # without it SUMO does not count its updates
        seconds, peak_mb = _sumo(chosen, work / SUMO_LOG)
        ended_at_s = float(ENDED.findall((work / SUMO_LOG).read_text(encoding="utf-8"))[-1])
        late = len(late_trips(read_trips(work / TRIPINFO)))
        statistics = {element.tag: element.attrib for element in ET.parse(work / "statistics.xml").getroot()}  # noqa: S314 (written by SUMO)
    teleports, waiting = int(statistics["teleports"]["total"]), int(statistics["vehicles"]["waiting"])
    vehicles = int(statistics["vehicles"]["loaded"])
    return BareRun(
        scenario=scenario.name,
        scale=scale,
        generate_s=generate_s,
        kept_s=kept_s,
        run_s=seconds,
        ended_at_s=ended_at_s,
        ups=float(statistics["performance"]["vehicleUpdatesPerSecond"]),
        peak_mb=peak_mb,
        vehicles=vehicles,
        never_inserted=waiting,
        teleports=teleports,
        mean_speed_mps=float(statistics["vehicleTripStatistics"]["speed"]),
        mean_time_loss_s=float(statistics["vehicleTripStatistics"]["timeLoss"]),
        late=late,
        jams=teleports > 0 or max(waiting, late) > JAM_SHARE * vehicles,
    )


def _sumo(chosen: dict[str, str], log: Path) -> tuple[float, float | None]:
    """Run SUMO and return its wall seconds and peak memory, MB, which Linux alone tells."""
    command = [str(sumo_binary("sumo")), *(part for key, value in chosen.items() for part in (f"--{key}", value))]
    peak_mb = None
    began = time.perf_counter()
    with subprocess.Popen(
        command, env=sumo_env(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as sumo:
        # a child's ru_maxrss begins with its parent's, so the process itself is asked until it ends
        while sumo.poll() is None:
            peak_mb = _peak_mb(sumo.pid) or peak_mb
            time.sleep(0.02)
        seconds = time.perf_counter() - began
    if sumo.returncode:
        msg = f"SUMO ended with code {sumo.returncode}: {log.read_text(encoding='utf-8')[-2000:]}"
        raise EngineError(msg)
    return seconds, peak_mb


def _peak_mb(pid: int) -> float | None:
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return None
    lines = [line.split() for line in status.splitlines() if line.startswith("VmHWM:")]
    return round(int(lines[0][1]) / 1024, 1) if lines else None


def _timed(step: Callable[[], object]) -> float:
    began = time.perf_counter()
    step()
    return time.perf_counter() - began


def _cost(step: Callable[[str], object], network: str) -> Cost:
    return _in_process(_measured, step, network)


def _measured(step: Callable[[str], object], network: str) -> Cost:
    seconds = _timed(lambda: step(network))
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Cost(round(seconds, 2), round(peak / 1024))


def _build(network: str) -> None:
    with tempfile.TemporaryDirectory(prefix="bitgreen-bench-") as scratch:
        build_network(network, out=Path(scratch))


def _load(network: str) -> None:
    EdgeGraph.from_net(load_network(network).net_file)


def _in_process(step: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    """Call a function in a fresh process, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(step, *arguments, **keywords).result()


def _jams_from(runs: Sequence[BareRun]) -> float | None:
    return next((run.scale for run in runs if run.jams), None)


def _rounded(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value


def main() -> int:
    """Run the benchmark and print it; returns 1 when the bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.network", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the last line, one JSON object")
    parser.add_argument("--network", default="bitgreen", help="what is built and loaded (default %(default)s)")
    parser.add_argument("--scenarios", nargs="+", default=["morning-none", "day"], help="(default %(default)s)")
    parser.add_argument(
        "--scales", nargs="+", type=float, default=[1.0, 2.0, 4.0], help="of demand (default %(default)s)"
    )
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change the scenarios")
    arguments = parser.parse_args()
    result = measure(arguments.network, arguments.scenarios, arguments.scales, arguments.set)
    if not arguments.json:
        for run in result["runs"]:
            sys.stdout.write(f"{run}\n")
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
