"""A driver to be killed: carries out the orders it reads from its argument and prints each thing it is told as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.documents import load_scenario
from sim.errors import SandboxError
from sim.runner.backend import Backend
from sim.runner.local import Local
from sim.runner.order import Finished, Order, RunFailed
from sim.runner.ray import Ray


def tell(**record: object) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def report(run_id: str, progress: Mapping[str, Any]) -> None:
    tell(progress=run_id, time_s=progress["time_s"])


def ended(order: Order, end: Finished | RunFailed) -> None:
    if isinstance(end, Finished):
        tell(ended=order.run_id, **end.record())
    else:
        tell(ended=order.run_id, code=end.code, detail=str(end))


def order(run: Mapping[str, Any], folder: Path) -> Order:
    scenario = load_scenario(run["scenario"], seed=run.get("seed", 1), overrides=run.get("overrides", ()))
    run_id = run["run_id"]
    return Order(run_id, scenario, folder / run_id, engine=run.get("engine", "libsumo"), store=run.get("store"))


def main() -> int:
    work = json.loads(sys.argv[1])
    try:
        backend: Backend = Ray(work.get("address"), work["workers"]) if work["ray"] else Local(work["workers"])
        backend.carry_out([order(run, Path(work["folder"])) for run in work["runs"]], report=report, ended=ended)
    except KeyboardInterrupt:
        tell(interrupted=True)
        return 130
    except SandboxError as error:
        tell(error=error.code, detail=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
