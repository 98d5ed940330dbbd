"""The process of one run: its order as JSON from standard input; warnings, progress and its end as JSON lines."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

from sim.engine.loop import Progress
from sim.errors import SandboxError
from sim.runner.once import progress_line, run
from sim.runner.order import FINISHED, Finished
from sim.scenario import validate


def main() -> int:
    """Carry out the order; returns 0 for a published run, 1 for a fault that is told in the last line."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # SUMO and libraries may print; standard output belongs to the protocol alone
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    if order["store"] is not None:  # what an upload that was killed has left
        shutil.rmtree(order["out"], ignore_errors=True)

    def report(progress: Progress) -> None:
        lines.write(progress_line(progress) + "\n")

    def warn(text: str) -> None:
        lines.write(json.dumps({"warning": text}) + "\n")

    try:
        finished = run(
            validate(order["scenario"], place="the order"),
            Path(order["out"]),
            run_id=order["run_id"],
            engine=order["engine"],
            play=order["play"],
            report=report,
            warn=warn,
        )
        if order["store"] is not None:
            finished = _upload(finished, order["store"])
    except SandboxError as error:
        lines.write(json.dumps({"failed": {"code": error.code, "detail": str(error)}}) + "\n")
        return 1
    lines.write(json.dumps({"finished": finished.record()}) + "\n")
    return 0


def _upload(finished: Finished, url: str) -> Finished:
    """Publish a run in a store elsewhere; an interrupted one is not what its key stands for, and stays away."""
    if finished.status == FINISHED and finished.path is not None:
        from sim.runner.store import RunStore  # noqa: PLC0415 (an eighth of a second that most runs need not wait for)

        RunStore(url).publish(finished.run_id, finished.path)
    return replace(finished, path=None)


def _end_with_parent() -> None:
    """Wait until standard input closes, which is when the parent is gone, and end the whole process group."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
