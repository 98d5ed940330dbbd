"""A run without SUMO: a process that speaks a run's protocol and follows its scenario's description.

publish
    At once.
hold
    When the file `OUT.go` is there; SIGTERM: at once, as interrupted.
deaf
    As hold, but without a word, so that it does not notice a dead service.
fail
    Tells a fault.
crash, late-crash
    Dies in the middle, or after publishing, without a word.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim.errors import ControllerError
from sim.rundir import KPIS, RunDir

KPI = {"code": "requests", "stat": "value", "scope": "all", "value": 7.0, "unit": "1", "n": 7}
HELD_S = 30.0


def main() -> int:
    order = json.load(sys.stdin)
    script, out = order["scenario"]["description"], Path(order["out"])
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    if script == "fail":
        say(failed={"code": ControllerError.code, "detail": "controller lost raised KeyError: 'depot'"})
        return 1
    with RunDir(out) as directory:
        if script == "crash":
            os._exit(3)  # as a killed process does, without cleaning up
        say(progress={"time_s": 60.0, "begin_s": 0.0, "horizon_s": 120.0, "vehicles": 3, "unsettled": 2, "goods": 5})
        if script in {"hold", "deaf"}:
            hold(out, stopped, silent=script == "deaf")
        directory.seal_events()
        directory.write_json(KPIS, [KPI])
        status = "interrupted" if stopped.is_set() else "finished"
        directory.publish({"run_id": order["run_id"], "status": status, "fingerprint": fingerprint(order)})
    if script == "late-crash":
        return 9
    say(finished={
        "run_id": order["run_id"], "path": str(out), "scenario": "tiny", "seed": 1, "status": status,
        "fingerprint": fingerprint(order), "kpis": {}, "wall_s": 0.0,
    })  # fmt: skip
    return 0


def say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def hold(out: Path, stopped: threading.Event, *, silent: bool) -> None:
    go, deadline = out.with_name(f"{out.name}.go"), time.monotonic() + HELD_S
    while not (go.exists() or stopped.is_set() or time.monotonic() > deadline):
        time.sleep(0.02)
        if not silent:
            say(
                progress={"time_s": 90.0, "begin_s": 0.0, "horizon_s": 120.0, "vehicles": 3, "unsettled": 1, "goods": 5}
            )


def fingerprint(order: Mapping[str, Any]) -> str:
    return f"print-of-{order['scenario']['seeds']['demand']}-{order['scenario']['seeds']['sumo']}"


if __name__ == "__main__":
    sys.exit(main())
