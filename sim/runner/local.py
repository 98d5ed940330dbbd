"""Runs in processes of their own on this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from sim.errors import SandboxError
from sim.runner.order import Finished, Order

GRACE_S = 20.0
CRASHED = "crashed"


class RunFailed(SandboxError):  # noqa: N818 (named for what happened)
    """A run ended without being published; `code` is that of the fault in its process."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class RunProcess:
    """One run in a process group of its own."""

    def __init__(self, order: Order) -> None:
        self.order = order
        # a session of its own: Ctrl-C at the terminal reaches the parent alone, which then ends the run in order
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sim.runner.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={"PYTHONHASHSEED": "0"} | os.environ,
            start_new_session=True,
        )
        self._stdin, self._stdout = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        self._tail: list[str] = []
        self._reader = threading.Thread(target=self._drain, args=(cast("IO[str]", self._process.stderr),), daemon=True)
        self._reader.start()
        with suppress(BrokenPipeError):  # a process that dies at once is told by `wait`
            self._stdin.write(json.dumps(order.document()) + "\n")
            self._stdin.flush()  # and kept open: its end tells the run that this process is gone

    @property
    def pid(self) -> int:
        """The process id, which is also that of the group."""
        return self._process.pid

    def wait(self, report: Callable[[Mapping[str, Any]], None] = lambda _: None) -> Finished:
        """Follow the run to its end; `report` receives each progress record.

        Raises
        ------
        RunFailed
            The run told its fault, or died.
        """
        last: dict[str, Any] = {}
        for record in self._records():
            if "progress" in record:
                report(record["progress"])
            else:
                last = record
        code = self._process.wait()
        self._reader.join()
        if "finished" in last:
            done = last["finished"]
            return Finished(**(done | {"path": Path(done["path"])}))
        if "failed" in last:
            raise RunFailed(last["failed"]["code"], last["failed"]["detail"])
        detail = f"the run's process ended with code {code}:\n{''.join(self._tail[-20:])}"
        raise RunFailed(CRASHED, detail.rstrip())

    def _records(self) -> Iterator[dict[str, Any]]:
        for line in self._stdout:
            yield json.loads(line)
        self._stdout.close()
        with suppress(BrokenPipeError):
            self._stdin.close()

    def _drain(self, stream: IO[str]) -> None:
        """Keep the last lines of what SUMO and Python complain about, for a process that dies."""
        with stream:
            for line in stream:
                self._tail.append(line)
                del self._tail[:-200]

    def terminate(self) -> None:
        """Ask the run to end in order."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """Ask the run to end in order; kill its group if it has not after a grace period."""
        self.terminate()
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)


def run_one(order: Order, report: Callable[[Mapping[str, Any]], None] = lambda _: None) -> Finished:
    """Carry out one order in a process of its own; Ctrl-C ends it in order and the interrupted run is returned.

    Raises
    ------
    RunFailed
        Nothing was published.
    """
    process = RunProcess(order)
    try:
        return process.wait(report)
    except KeyboardInterrupt:
        process.terminate()
        try:
            return process.wait(report)
        except RunFailed as failure:
            if failure.code == CRASHED:  # it had not begun, so that there is nothing to publish
                raise KeyboardInterrupt from None
            raise


def run_many(
    orders: Sequence[Order], *, workers: int, report: Callable[[str, Mapping[str, Any]], None] = lambda _id, _p: None
) -> list[Finished | RunFailed]:
    """Carry out orders side by side, `workers` at a time; results stand in the order of the orders.

    `report` is called with the run id and its progress. Ctrl-C stops every run in order and is raised again.
    """
    running: dict[str, RunProcess] = {}
    stopping = threading.Event()

    def one(order: Order) -> Finished | RunFailed:
        if stopping.is_set():
            return RunFailed("cancelled", "not started")
        process = running[order.run_id] = RunProcess(order)
        if stopping.is_set():
            process.stop()
        try:
            return process.wait(lambda progress: report(order.run_id, progress))
        except RunFailed as failure:
            return failure

    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(one, order) for order in orders]
        try:
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            stopping.set()
            for process in list(running.values()):
                process.stop()
            raise
