"""The process of one run: reads its order as JSON from standard input, writes progress and the end as JSON lines."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from sim.engine.loop import Progress
from sim.errors import SandboxError
from sim.runner.once import progress_line, run
from sim.scenario import validate


def main() -> int:
    """Carry out the order; returns 0 for a published run, 1 for a fault that is told in the last line."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # SUMO and libraries may print; standard output belongs to the protocol alone
    lines = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def report(progress: Progress) -> None:
        lines.write(progress_line(progress) + "\n")

    try:
        finished = run(
            validate(order["scenario"], place="the order"),
            Path(order["out"]),
            run_id=order["run_id"],
            engine=order["engine"],
            play=order["play"],
            report=report,
        )
    except SandboxError as error:
        lines.write(json.dumps({"failed": {"code": error.code, "detail": str(error)}}) + "\n")
        return 1
    lines.write(
        json.dumps({"finished": finished.document() | {"path": str(finished.path), "wall_s": finished.wall_s}}) + "\n"
    )
    return 0


def _end_with_parent() -> None:
    """Wait until standard input closes, which is when the parent is gone, and end the whole process group."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
