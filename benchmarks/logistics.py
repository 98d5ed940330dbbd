"""Freight for a day: 20 trucks, 400 orders, 8 bays at the plant, 24 hours.

Four parts. `overhead`: the run against bare SUMO that replays it, in alternating pairs as in `benchmarks.overhead`;
how near the replay comes is told by vehicle-km and by the times at which trucks and lorries reach their stops.
`empty_roads`: the same without commuters, where SUMO has next to nothing to do; it has no bar.
`controllers`: `rolling` against `greedy` on the same orders, with enough trucks and with too few, over seeds.
`growth`: the same day with more orders and no more trucks or bays. The last two with hardly any other traffic.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.consignments import day
from benchmarks.overhead import BAR, recorded, summary, time_pairs
from benchmarks.replay import RECORDING, Drive, Recording, read_drives
from sim.rundir import PERFORMANCE
from sim.runner.local import run_one
from sim.runner.order import Order
from sim.system import sumo_env

ORDERS, TRUCKS = 400, 20
FEW_TRUCKS = 4
"""Under load: about as many as the orders keep busy all the time."""
FACTORS = (1, 2, 4, 8)
CONTROLLERS = ("greedy", "rolling")
NO_COMMUTERS = ("demand.commuters=null", "demand.coaches=false", "demand.rail=null", "demand.visitors=null")
QUIET = (*NO_COMMUTERS, "demand.background.scale=0.01")
PARTS = ("overhead", "empty_roads", "controllers", "growth")
FIGURES = ("otif", "tardiness_s", "freight_empty_ratio", "freight_km")


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Stops of a run that its replay made too, and by how many seconds it reached them earlier or later."""

    stops: int
    missed: int
    off_s: tuple[float, ...]

    def summary(self) -> dict[str, float]:
        """Return counts, and the deviation that half and 99 of 100 stops keep within."""
        ordered = sorted(self.off_s)
        at = {"off_s_median": 0.5, "off_s_p99": 0.99, "off_s_max": 1.0}
        return {"stops": self.stops, "missed": self.missed} | {
            name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for name, share in at.items() if ordered
        }


def compare_arrivals(run: Mapping[str, Drive], replay: Mapping[str, Drive]) -> Arrivals:
    """Compare when vehicles reached their stops; a stop at another place, or none, is missed."""
    stops, off_s = 0, list[float]()
    for name, drive in run.items():
        mine, other = (_reached(one) for one in (drive, replay.get(name)))
        stops += len(mine)
        off_s += [abs(b - a) for (at, a), (there, b) in zip(mine, other, strict=False) if at == there]
    return Arrivals(stops, stops - len(off_s), tuple(off_s))


def _reached(drive: Drive | None) -> list[tuple[str, float]]:
    """Return the places of a drive's stops with the times at which it came; points that were only passed are none."""
    made = [stop for stop in drive.stops if "speed" not in stop and float(stop["started"]) >= 0] if drive else []
    return [(stop.get("parkingArea") or stop["lane"], float(stop["started"])) for stop in made]


def replayed_drives(recording: Recording, folder: Path) -> dict[str, Drive]:
    """Replay a run once more, untimed, and return the drives of its freight."""
    routes = folder / "replayed.xml"
    observe = [part for key, value in RECORDING.items() for part in (f"--{key}", value)]
    command = [*recording.command, "--vehroute-output", str(routes), *observe]
    subprocess.run(command, env=os.environ | sumo_env(), check=True, capture_output=True)
    return read_drives(routes)


def measure_overhead(*, pairs: int, seed: int, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return what the sandbox adds to SUMO on the day of 400 orders."""
    scenario = day(orders=ORDERS, trucks=TRUCKS, use="greedy", seed=seed, overrides=overrides)
    with tempfile.TemporaryDirectory(prefix="bitgreen-logistics-") as name:
        folder = Path(name)
        recording = recorded(scenario, folder)
        arrivals = compare_arrivals(recording.drives, replayed_drives(recording, folder))
        timed = time_pairs(scenario, recording, folder, pairs=pairs)
    told = summary(scenario.name, timed)
    run, bare = timed[0]
    simulated_s = scenario.time.end_s - scenario.time.begin_s
    return {key: told[key] for key in told if key not in {"benchmark", "cores", "scenario"}} | {
        "simulated_s_per_s": round(simulated_s / told["run_s"]),
        "vehicle_km": {"run": round(run.vehicle_km, 1), "bare": round(bare.vehicle_km, 1)},
        "arrivals": arrivals.summary(),
    }


def day_figures(*, orders: int, trucks: int, use: str, seed: int, overrides: tuple[str, ...]) -> dict[str, float]:
    """Carry out one day and return its KPIs and what it cost."""
    scenario = day(orders=orders, trucks=trucks, use=use, seed=seed, overrides=(*QUIET, *overrides))
    with tempfile.TemporaryDirectory(prefix="bitgreen-logistics-") as name:
        out = Path(name) / "run"
        kpis = run_one(Order("logistics", scenario, out)).kpis
        cost = json.loads((out / PERFORMANCE).read_text(encoding="utf-8"))
    return {name: kpis[name] for name in FIGURES if name in kpis} | {
        "wall_s": cost["wall_s"],
        "controller_cpu_s": cost["controller_cpu_s"],
        "controller_ms_per_decision": 1000 * cost["controller_cpu_s"] / max(1, len(cost["dispatch_ms"])),
    }


def compare_controllers(*, seeds: Sequence[int], overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return the means of both controllers over the seeds, with enough trucks and with few."""
    found: dict[str, Any] = {}
    for load, trucks in (("normal", TRUCKS), ("under_load", FEW_TRUCKS)):
        days = {
            use: [day_figures(orders=ORDERS, trucks=trucks, use=use, seed=one, overrides=overrides) for one in seeds]
            for use in CONTROLLERS
        }
        found[load] = {"trucks": trucks} | {use: means(rows) for use, rows in days.items()}
    return found | {"seeds": list(seeds), "better": is_better(**{use: found["under_load"][use] for use in CONTROLLERS})}


def means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each figure, rounded."""
    return {name: round(mean(row[name] for row in rows), 4) for name in rows[0]}


def is_better(*, greedy: Mapping[str, float], rolling: Mapping[str, float]) -> bool:
    """Whether `rolling` brings more on time and drives less of its way empty."""
    return rolling["otif"] > greedy["otif"] and rolling["freight_empty_ratio"] < greedy["freight_empty_ratio"]


def measure_growth(*, seed: int, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Return what days with more orders cost, and the exponents by which that grows."""
    found: dict[str, Any] = {}
    for use in CONTROLLERS:
        rows = [
            {"orders": ORDERS * factor}
            | day_figures(orders=ORDERS * factor, trucks=TRUCKS, use=use, seed=seed, overrides=overrides)
            for factor in FACTORS
        ]
        found[use] = {"days": [{name: round(value, 4) for name, value in row.items()} for row in rows]} | {
            f"exponent_{name}": round(exponent([row["orders"] for row in rows], [row[name] for row in rows]), 2)
            for name in ("wall_s", "controller_cpu_s")
        }
    return found


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope of the least-squares line through the logarithms."""
    xs, ys = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    x, y = mean(xs), mean(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def result(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the benchmark's result; parts that were not asked for have no bar."""
    met = {}
    if "overhead" in parts:
        met["overhead"] = parts["overhead"]["passed"]
    if "controllers" in parts:
        met["controllers"] = parts["controllers"]["better"]
    return {
        "benchmark": "logistics",
        "cores": os.cpu_count(),
        "orders": ORDERS,
        "trucks": TRUCKS,
        **parts,
        "bar": BAR,
        "bars_met": met,
        "passed": all(met.values()),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print it; returns 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.logistics", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the last line, one JSON object")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what to measure (default: all)")
    parser.add_argument("--pairs", type=int, default=3, help="run and replay, in turn (default %(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="of the controllers (default %(default)s)")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="change the scenario")
    chosen = parser.parse_args(arguments)
    changes = tuple(chosen.set)
    found: dict[str, Any] = {}
    for part in chosen.parts:
        if part == "overhead":
            found[part] = measure_overhead(pairs=chosen.pairs, seed=1, overrides=changes)
        elif part == "empty_roads":
            found[part] = measure_overhead(pairs=chosen.pairs, seed=1, overrides=(*NO_COMMUTERS, *changes))
            del found[part]["bar"], found[part]["passed"]
        elif part == "controllers":
            found[part] = compare_controllers(seeds=range(1, chosen.seeds + 1), overrides=changes)
        else:
            found[part] = measure_growth(seed=1, overrides=changes)
        if not chosen.json:
            sys.stdout.write(f"{part}: {json.dumps(found[part])}\n")
            sys.stdout.flush()
    told = result(found)
    sys.stdout.write(json.dumps(told) + "\n")
    return 0 if told["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
