"""Every dispatcher on the same requests: a 10×10 grid of 200 m blocks, requests uniform over one hour.

Six-seat shuttles, 10 s to board and 10 s to alight, dispatch period 5 s for all. The anchor is SUMO's
`greedyClosest`: the sandbox's own dispatchers must serve every request, with a shorter mean wait and fewer vehicle
kilometres, at 240 requests/h with 16 shuttles and at 600 requests/h with 24; `lns` has bars of its own, which bind
together, for pooling trades ride for wait.

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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from sim.rundir import PERFORMANCE
from sim.runner.local import Local
from sim.runner.order import Finished, Order, RunFailed
from sim.scenario import Scenario, validate
from sim.system import sumo_binary, sumo_env

BUILTIN = ("greedy", "greedyClosest", "greedyShared", "routeExtension")
ANCHOR = "greedyClosest"
FIGURES = {
    "served": "requests_served",
    "wait_s": "wait_s",
    "wait_p95_s": "wait_s.p95",
    "ride_s": "ride_s",
    "vkm": "vkm_total",
}
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
    name, _, alpha = service.partition("@")
    use: dict[str, Any] = {"use": name, "parameters": {"alpha": float(alpha)} if alpha else {}}
    if service in BUILTIN:
        use = {"use": "sumo", "parameters": {"algorithm": service}}
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


def measure(services: Sequence[str], seeds: Sequence[int], *, workers: int) -> list[dict[str, Any]]:
    """Run every service on every load and seed; return one row for each load and service, means over the seeds."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        write_grid(home)
        os.environ["BITGREEN_HOME"] = str(home)
        keys = [(load, service, seed) for load in LOADS for service in services for seed in seeds]
        orders = [
            Order(f"{load.name}-{service}-{seed}", scenario(load, service, seed), home / "runs" / str(number))
            for number, (load, service, seed) in enumerate(keys)
        ]
        ended: dict[str, Finished | RunFailed] = {}
        Local(workers).carry_out(
            orders,
            report=lambda _id, _progress: None,
            ended=lambda order, end: ended.__setitem__(order.run_id, end),
        )
        found: dict[tuple[Load, str], list[Finished]] = {}
        cpu_s: dict[tuple[Load, str], list[float]] = {}
        for (load, service, _), order in zip(keys, orders, strict=True):
            end = ended[order.run_id]
            if isinstance(end, RunFailed):
                raise end
            found.setdefault((load, service), []).append(end)
            spent = json.loads((order.out / PERFORMANCE).read_text(encoding="utf-8"))
            cpu_s.setdefault((load, service), []).append(spent["controller_cpu_s"])
    return [_row(*key, runs) | {"controller_cpu_s": round(fmean(cpu_s[key]), 2)} for key, runs in found.items()]


def _row(load: Load, service: str, runs: Sequence[Finished]) -> dict[str, Any]:
    means = {name: round(fmean(run.kpis.get(key, 0.0) for run in runs), 3) for name, key in FIGURES.items()}
    return {
        "load": load.name,
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
    for load in LOADS:
        curves = []
        for service in (first, last):
            own = [row for row in rows if row["load"] == load.name and row["service"].startswith(f"{service}@")]
            curves.append(np.array(sorted((row["wait_s"] + row["ride_s"], row["vkm"]) for row in own)))
        low, high = max(curve[0, 0] for curve in curves), min(curve[-1, 0] for curve in curves)
        at_s = np.linspace(low, high, 101)
        vkm = [np.interp(at_s, curve[:, 0], curve[:, 1]) for curve in curves]
        found[load.name] = round(float(np.mean(vkm[1] / vkm[0])), 3) if low < high else None
    return found


def main() -> int:
    """Run the benchmark and print it; returns 1 when our own dispatcher misses the bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anchors", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the last line, one JSON object")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 1 … N (default %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="runs side by side")
    parser.add_argument("--own", nargs="+", default=["insertion", "lns"], help="ours to measure; `rtv` takes longest")
    parser.add_argument("--alphas", nargs="*", type=float, default=[], help="weights of driving for the frontier")
    arguments = parser.parse_args()
    swept = [f"{service}@{alpha:g}" for service in arguments.own for alpha in arguments.alphas]
    rows = measure((*BUILTIN, *arguments.own, *swept), range(1, arguments.seeds + 1), workers=arguments.workers)
    ratios = against(rows)
    passed = {service: meets_bars(service, rows, ratios) for service in arguments.own}
    if not arguments.json:
        for row in rows:
            sys.stdout.write("  ".join(f"{name}={value}" for name, value in row.items()) + "\n")
    document = {
        "benchmark": "anchors",
        "cores": os.cpu_count(),
        "rows": rows,
        "against": {ANCHOR: ratios},
        "frontier": frontier(rows, arguments.own[0], arguments.own[-1]) if len(arguments.alphas) > 1 else None,
        "passed": passed,
    }
    sys.stdout.write(json.dumps(document) + "\n")
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
