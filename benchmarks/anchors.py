"""Every dispatcher on the same requests: a 10×10 grid of 200 m blocks, requests uniform over one hour.

Six-seat shuttles, 10 s to board and 10 s to alight, dispatch period 5 s for all. The anchor is SUMO's
`greedyClosest`: the sandbox's own dispatchers must serve every request, with a shorter mean wait and fewer vehicle
kilometres, at 240 requests/h with 16 shuttles and at 600 requests/h with 24; `lns` has bars of its own, which bind
together, for pooling trades ride for wait.

With `--morning` the same table is made of the people of `morning-shuttle`, with the timetable and all of ours, against
the anchor and against `insertion`. There is no bar: not every service can serve everybody there. Waits are those of
all, who is not served waits to the end of the drain; rides are those of the served, and walks stand in door to door.

With `--alphas` the own dispatchers also run with these weights of driving. `frontier` then tells what the last of them
drives against the first where both take the same wait and ride from the riders, interpolated between the weights.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from sim.documents import load_scenario
from sim.experiment.services import SUMO as BUILTIN
from sim.experiment.services import chosen, use_of
from sim.rundir import PERFORMANCE
from sim.runner.local import Local
from sim.runner.order import Finished, Order, RunFailed
from sim.scenario import Scenario, validate
from sim.system import sumo_binary, sumo_env

ANCHOR = "greedyClosest"
FIGURES = {
    "served": "requests_served",
    "wait_s": "wait_s",
    "wait_p95_s": "wait_s.p95",
    "ride_s": "ride_s",
    "vkm": "vkm_total",
}
OWN = ("insertion", "lns")
MORNING = "morning-shuttle"
MORNING_OWN = ("insertion", "lns", "rtv", "hindsight")
MORNING_FIGURES = FIGURES | {"on_time": "on_time_rate", "door_to_door_s": "total_travel_s"}
RATIOS = ("wait", "wait_plus_ride", "vkm")
BARS = {
    ("lns", "240/16"): (0.6, 1.0, 0.75),
    ("lns", "600/24"): (0.18, 0.55, 0.65),
}
"""Greatest ratios to the anchor; for all others wait and vehicle-km below those of the anchor."""


@dataclass(frozen=True, slots=True)
class Load:
    """One size of the problem."""

    requests_per_h: int
    vehicles: int

    @property
    def name(self) -> str:
        return f"{self.requests_per_h}/{self.vehicles}"


LOADS = (Load(240, 16), Load(600, 24))


@dataclass(frozen=True, slots=True)
class Case:
    """One run: the load it belongs to, the service, and its scenario."""

    load: str
    service: str
    scenario: Scenario


def write_grid(home: Path) -> None:
    """Write a home folder whose only network is the grid."""
    built = home / "networks" / "grid" / "built"
    built.mkdir(parents=True)
    (home / "scenarios").mkdir()
    net = ["--grid", "--grid.number", "10", "--grid.length", "200", "-o", str(built / "grid.net.xml")]
    command = [str(sumo_binary("netgenerate")), *net]
    subprocess.run(command, env=os.environ | sumo_env(), check=True, capture_output=True)
    (built / "grid.add.xml").write_text("<additional/>\n")
    empty: dict[str, dict[str, str]] = {name: {} for name in ("sites", "stops", "lines", "gateways", "junctions")}
    (built / "places.json").write_text(json.dumps(empty))


def scenario(load: Load, service: str, seed: int) -> Scenario:
    """Return the scenario of one run; `service` is a dispatcher of SUMO or one of ours: `NAME` or `NAME@ALPHA`."""
    name, weight = _weighted(service)
    use = use_of(name)
    use["parameters"] |= weight
    return validate(
        {
            "name": f"anchors-{name.lower()}-{load.requests_per_h}",
            "title": f"{service}, {load.requests_per_h} requests/h, {load.vehicles} shuttles",
            "network": "grid",
            "time": {"begin_s": 0, "end_s": 3600, "drain_s": 7200},
            "seeds": {"demand": seed, "sumo": seed},
            "demand": {"uniform": {"per_h": load.requests_per_h}},
            "fleet": {"count": load.vehicles, "seats": 6, "depot": None, "boarding_s": 10, "alighting_s": 10},
            "requests": {"max_wait_s": 3600, "max_detour_alpha": 3, "max_detour_beta_s": 600},
            "controllers": {"shuttle": {"period_s": 5, **use}},
        },
        place="the benchmark",
    )


def morning_scenario(service: str, seed: int) -> Scenario:
    """Return the morning's scenario with a service, named as in `scenario`."""
    name, weight = _weighted(service)
    changes = chosen(name, load_scenario(MORNING))
    changes |= {f"controllers.shuttle.parameters.{path}": value for path, value in weight.items()}
    overrides = [f"{path}={json.dumps(value)}" for path, value in changes.items()]
    return load_scenario(MORNING, seed=seed, overrides=overrides)


def _weighted(service: str) -> tuple[str, dict[str, float]]:
    name, _, alpha = service.partition("@")
    return name, {"alpha": float(alpha)} if alpha else {}


def measure(services: Sequence[str], seeds: Sequence[int], *, workers: int) -> list[dict[str, Any]]:
    """Run every service on every load and seed; return one row for each load and service, means over the seeds."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_grid(home)
        os.environ["BITGREEN_HOME"] = str(home)
        cases = [
            Case(load.name, service, scenario(load, service, seed))
            for load in LOADS
            for service in services
            for seed in seeds
        ]
        return carried_out(cases, home / "runs", workers=workers, figures=FIGURES)


def measure_morning(services: Sequence[str], seeds: Sequence[int], *, workers: int) -> list[dict[str, Any]]:
    """Run every service on the morning of each seed; return one row for each service, means over the seeds."""
    cases = [Case("morning", service, morning_scenario(service, seed)) for service in services for seed in seeds]
    with tempfile.TemporaryDirectory() as folder:
        return carried_out(cases, Path(folder), workers=workers, figures=MORNING_FIGURES)


def carried_out(
    cases: Sequence[Case], folder: Path, *, workers: int, figures: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Run all cases; return one row for each load and service in their order.

    Raises
    ------
    RunFailed
        One of the runs did.
    """
    orders = [
        Order(f"{case.load}-{case.service}-{number}", case.scenario, folder / str(number))
        for number, case in enumerate(cases)
    ]
    ended: dict[str, Finished | RunFailed] = {}
    Local(workers).carry_out(
        orders,
        report=lambda _id, _progress: None,
        ended=lambda order, end: ended.__setitem__(order.run_id, end),
    )
    found: dict[tuple[str, str], list[Finished]] = {}
    cpu_s: dict[tuple[str, str], list[float]] = {}
    for case, order in zip(cases, orders, strict=True):
        end = ended[order.run_id]
        if isinstance(end, RunFailed):
            raise end
        found.setdefault((case.load, case.service), []).append(end)
        spent = json.loads((order.out / PERFORMANCE).read_text(encoding="utf-8"))
        cpu_s.setdefault((case.load, case.service), []).append(spent["controller_cpu_s"])
    return [
        _row(*key, runs, figures=figures) | {"controller_cpu_s": round(fmean(cpu_s[key]), 2)}
        for key, runs in found.items()
    ]


def _row(load: str, service: str, runs: Sequence[Finished], *, figures: Mapping[str, str]) -> dict[str, Any]:
    means = {name: round(fmean(run.kpis.get(key, 0.0) for run in runs), 3) for name, key in figures.items()}
    return {
        "load": load,
        "service": service,
        "seeds": len(runs),
        "requests": round(fmean(run.kpis["requests"] for run in runs), 1),
        **means,
        "every_request_served": all(run.kpis["service_rate"] == 1 for run in runs),
        "wall_s": round(fmean(run.wall_s for run in runs), 2),
    }


def against(rows: Sequence[dict[str, Any]], anchor: str = ANCHOR) -> dict[str, dict[str, float]]:
    """Return each service's figures as ratios to the anchor's at the same load."""
    base = {row["load"]: row for row in rows if row["service"] == anchor}
    ratios: dict[str, dict[str, float]] = {}
    for row in rows:
        reference = base.get(row["load"])
        if reference is None or row["service"] == anchor:
            continue
        both = (row["wait_s"] + row["ride_s"]) / (reference["wait_s"] + reference["ride_s"])
        ratios[f"{row['service']} {row['load']}"] = {
            "wait": round(row["wait_s"] / reference["wait_s"], 3),
            "wait_plus_ride": round(both, 3),
            "vkm": round(row["vkm"] / reference["vkm"], 3),
        }
    return ratios


def meets_bars(service: str, rows: Sequence[dict[str, Any]], ratios: dict[str, dict[str, float]]) -> bool:
    """Whether a dispatcher of ours served every request, within its bars at both loads."""
    if not all(row["every_request_served"] for row in rows if row["service"] == service):
        return False
    for load in LOADS:
        found, bars = ratios[f"{service} {load.name}"], BARS.get((service, load.name))
        if bars is None:
            kept = found["wait"] < 1 and found["vkm"] < 1
        else:
            kept = all(found[name] <= bar for name, bar in zip(RATIOS, bars, strict=True))
        if not kept:
            return False
    return True


def frontier(rows: Sequence[dict[str, Any]], first: str, last: str) -> dict[str, float | None]:
    """Return the vehicle-km of `last` over those of `first` at equal wait and ride, by load.

    The mean over the stretch of wait and ride that both cover with their weights, None where there is none.
    """
    found: dict[str, float | None] = {}
    for load in dict.fromkeys(row["load"] for row in rows):
        curves = []
        for service in (first, last):
            own = [row for row in rows if row["load"] == load and row["service"].startswith(f"{service}@")]
            curves.append(np.array(sorted((row["wait_s"] + row["ride_s"], row["vkm"]) for row in own)))
        low, high = max(curve[0, 0] for curve in curves), min(curve[-1, 0] for curve in curves)
        at_s = np.linspace(low, high, 101)
        vkm = [np.interp(at_s, curve[:, 0], curve[:, 1]) for curve in curves]
        found[load] = round(float(np.mean(vkm[1] / vkm[0])), 3) if low < high else None
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anchors", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the last line, one JSON object")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 1 … N (default %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="runs side by side")
    parser.add_argument("--morning", action="store_true", help="the people of morning-shuttle in place of the grid")
    parser.add_argument(
        "--own", nargs="+", help="ours to measure (default insertion lns; --morning: all); `hindsight` takes longest"
    )
    parser.add_argument("--alphas", nargs="*", type=float, default=[], help="weights of driving for the frontier")
    arguments = parser.parse_args()
    arguments.own = arguments.own or (MORNING_OWN if arguments.morning else OWN)
    return arguments


def main() -> int:
    """Run the benchmark and print it; returns 1 when our own dispatcher misses the bar."""
    arguments = _arguments()
    swept = [f"{service}@{alpha:g}" for service in arguments.own for alpha in arguments.alphas]
    seeds = range(1, arguments.seeds + 1)
    if arguments.morning:
        services = (*BUILTIN, "timetable", *arguments.own, *swept)
        rows = measure_morning(services, seeds, workers=arguments.workers)
        ratios = {anchor: against(rows, anchor) for anchor in (ANCHOR, "insertion")}
        passed: dict[str, bool] = {}
    else:
        rows = measure((*BUILTIN, *arguments.own, *swept), seeds, workers=arguments.workers)
        ratios = {ANCHOR: against(rows)}
        passed = {service: meets_bars(service, rows, ratios[ANCHOR]) for service in arguments.own}
    if not arguments.json:
        for row in rows:
            sys.stdout.write("  ".join(f"{name}={value}" for name, value in row.items()) + "\n")
    document = {
        "benchmark": "anchors",
        "cores": os.cpu_count(),
        "rows": rows,
        "against": ratios,
        "frontier": frontier(rows, arguments.own[0], arguments.own[-1]) if len(arguments.alphas) > 1 else None,
        "passed": passed,
    }
    sys.stdout.write(json.dumps(document) + "\n")
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
