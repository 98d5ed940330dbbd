"""Services whose runs are scripted (scripted_run.py); as a program, one with settings from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, cast

from api.server import run_server
from api.settings import load_settings
from sim.runner.order import Finished, Order, RunFailed

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 10.0


class ScriptedProcess:
    """A scripted run in a process of its own."""

    def __init__(self, order: Order) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.service.scripted_run"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        with cast("IO[str]", self._process.stdin) as stdin:
            json.dump(order.document(), stdin)

    def wait(self, report: Callable[[Mapping[str, Any]], None]) -> Finished:
        last: dict[str, Any] = {}
        with cast("IO[str]", self._process.stdout) as lines:
            for line in lines:
                last = json.loads(line)
                if "progress" in last:
                    report(last["progress"])
        ended = self._process.wait()
        if "finished" in last:
            return Finished(**(last["finished"] | {"path": Path(last["finished"]["path"])}))
        if "failed" in last:
            raise RunFailed(last["failed"]["code"], last["failed"]["detail"])
        code, detail = "crashed", f"the run's process ended with code {ended}:\nTraceback of /secret/place"
        raise RunFailed(code, detail)

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(STOP_S)


if __name__ == "__main__":
    run_server(load_settings(), start=ScriptedProcess)
