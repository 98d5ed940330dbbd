"""Every dispatcher on the same requests: a 10×10 grid of 200 m blocks, requests uniform over one hour.

Six-seat shuttles, 10 s to board and 10 s to alight, dispatch period 5 s for all. The anchor is SUMO's
`greedyClosest`: the sandbox's own dispatchers must serve every request, with a shorter mean wait and fewer vehicle
kilometres, at 240 requests/h with 16 shuttles and at 600 requests/h with 24.
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
    """Return the scenario of one run; `service` is a dispatcher of SUMO or a controller of ours."""
    use: dict[str, Any] = (
        {"use": "sumo", "parameters": {"algorithm": service}} if service in BUILTIN else {"use": service}
    )
    return validate(
        {
            "name": f"anchors-{service.lower()}-{load.requests_per_h}",
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
        for (load, service, _), order in zip(keys, orders, strict=True):
            end = ended[order.run_id]
            if isinstance(end, RunFailed):
                raise end
            found.setdefault((load, service), []).append(end)
    return [_row(load, service, runs) for (load, service), runs in found.items()]


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


def main() -> int:
    """Run the benchmark and print it; returns 1 when our own dispatcher misses the bar."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anchors", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the last line, one JSON object")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 1 … N (default %(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="runs side by side")
    parser.add_argument("--own", nargs="+", default=["insertion"], help="our controllers to measure")
    arguments = parser.parse_args()
    rows = measure((*BUILTIN, *arguments.own), range(1, arguments.seeds + 1), workers=arguments.workers)
    ratios = against(rows)
    passed = {
        service: all(row["every_request_served"] for row in rows if row["service"] == service)
        and all(ratios[f"{service} {load.name}"][figure] < 1 for load in LOADS for figure in ("wait", "vkm"))
        for service in arguments.own
    }
    if not arguments.json:
        for row in rows:
            sys.stdout.write("  ".join(f"{name}={value}" for name, value in row.items()) + "\n")
    document = {
        "benchmark": "anchors",
        "cores": os.cpu_count(),
        "rows": rows,
        "against": {ANCHOR: ratios},
        "passed": passed,
    }
    sys.stdout.write(json.dumps(document) + "\n")
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
