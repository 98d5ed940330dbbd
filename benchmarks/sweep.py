"""What an experiment costs beside its runs: side by side with the same runs one after another from the command line.

`ratio` is the experiment's wall time on `workers` cores over that of the single runs divided by `workers`, the median
over alternating pairs; below 1 where forked runs save more of their start than the experiment costs. `startup_s` is
the time from the order of a run to its first step, with its demand in the cache; `again_s` an unchanged experiment
called once more, all of the command. Everything happens in a scratch folder, with a demand cache of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sim.documents import load_scenario
from sim.home import home
from sim.runner.local import RunProcess
from sim.runner.order import Order
from sim.runner.template import Template

LOCAL_BAR = 1.10
RAY_BAR = 1.25
STARTUP_BAR_S = 0.3
AGAIN_BAR_S = 2.0
MAIN = ("-c", "from sim.cli import main; main()")
STARTS = 5


def measure(counts: Mapping[str, int], *, workers: int, pairs: int, ray: bool) -> dict[str, Any]:
    """Measure everything; `counts` are runs by scenario, each under seeds of its own."""
    with tempfile.TemporaryDirectory(prefix="bitgreen-sweep-") as scratch:
        folder = Path(scratch)
        found: dict[str, list[float]] = {"alone": [], "local": [], "ray": []}
        for pair in range(pairs):
            place = folder / f"pair{pair}"
            found["alone"].append(_alone(counts, place / "alone"))
            for backend in ("local", *(["ray"] if ray else [])):
                found[backend].append(_experiments(counts, place / backend, backend, workers))
        again_s = _experiments(counts, folder / f"pair{pairs - 1}" / "local", "local", workers, name="smoke")
        startup = {name: round(_startup_s(name, folder / "starts"), 3) for name in counts}
    ratios = {
        backend: round(statistics.median(b / (a / workers) for a, b in zip(found["alone"], walls, strict=True)), 3)
        for backend, walls in found.items()
        if backend != "alone" and walls
    }
    passed = {
        "local": ratios["local"] <= LOCAL_BAR,
        "startup": max(startup.values()) <= STARTUP_BAR_S,
        "again": again_s <= AGAIN_BAR_S,
    } | ({"ray": ratios["ray"] <= RAY_BAR} if "ray" in ratios else {})
    return {
        "benchmark": "sweep",
        "cores": os.cpu_count(),
        "workers": workers,
        "runs": dict(counts),
        "wall_s": {name: [round(wall, 1) for wall in walls] for name, walls in found.items()},
        "ratio": ratios,
        "startup_s": startup,
        "again_s": round(again_s, 2),
        "bars": {"local": LOCAL_BAR, "ray": RAY_BAR, "startup_s": STARTUP_BAR_S, "again_s": AGAIN_BAR_S},
        "skipped": [] if ray else ["ray: not installed"],
        "passed": all(passed.values()),
        "bars_met": passed,
    }


def _alone(counts: Mapping[str, int], folder: Path) -> float:
    """Return the seconds that all runs take one after another, each started from the command line."""
    began = time.perf_counter()
    for name, count in counts.items():
        for seed in range(1, count + 1):
            _bitgreen("run", name, "--seed", str(seed), "--out", f"{name}-{seed}", "--json", folder=folder)
    return time.perf_counter() - began


def _experiments(
    counts: Mapping[str, int], folder: Path, backend: str, workers: int, *, name: str | None = None
) -> float:
    """Return the seconds that the same runs take as experiments, one a scenario, or that of one alone."""
    began = time.perf_counter()
    for scenario, count in counts.items():
        if name in (None, scenario):
            document = folder / f"sweep-{scenario}.yaml"
            folder.mkdir(parents=True, exist_ok=True)
            document.write_text(f"title: {scenario}\nscenarios: [{scenario}]\nseeds: {count}\n", encoding="utf-8")
            arguments = ("experiment", document.name, "--workers", str(workers), "--backend", backend, "--json")
            _bitgreen(*arguments, folder=folder)
    return time.perf_counter() - began


def _startup_s(name: str, folder: Path) -> float:
    """Return the median time from an order to the run's first step, forked from a warm template."""
    template = Template()
    found = [_first_step_s(name, folder / f"{name}-{number}", template) for number in range(STARTS + 1)]
    template.close()
    return statistics.median(found[1:])  # the first one warms the template and draws the people


def _first_step_s(name: str, out: Path, template: Template) -> float:
    order = Order(out.name, load_scenario(name), out)
    steps: list[float] = []
    began = time.perf_counter()
    process = RunProcess(order, template)

    def stop(_: Mapping[str, Any]) -> None:
        steps.append(time.perf_counter() - began)
        process.terminate()

    process.wait(stop)
    return steps[0]


def _bitgreen(*arguments: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"BITGREEN_HOME": str(home()), "BITGREEN_CACHE_DIR": str(folder / "cache")}
    subprocess.run(
        [sys.executable, *MAIN, *arguments], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print it; returns 1 when a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sweep", description=__doc__)
    parser.add_argument("--json", action="store_true", help="only the last line, one JSON object")
    parser.add_argument("--smoke", type=int, default=40, help="runs of smoke (default %(default)s)")
    parser.add_argument("--morning", type=int, default=6, help="runs of morning-shuttle (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="cores (default %(default)s)")
    parser.add_argument("--pairs", type=int, default=1, help="alternating pairs (default %(default)s)")
    parser.add_argument("--no-ray", action="store_true", help="leave the backend ray out")
    chosen = parser.parse_args(arguments)
    counts = {name: count for name, count in (("smoke", chosen.smoke), ("morning-shuttle", chosen.morning)) if count}
    ray = not chosen.no_ray and find_spec("ray") is not None
    result = measure(counts, workers=chosen.workers, pairs=chosen.pairs, ray=ray)
    if not chosen.json:
        for name, walls in result["wall_s"].items():
            sys.stdout.write(f"{name}: {walls}\n")
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if result["passed"] else 1


if __name__ == "__main__":
    sys.exit(main())
