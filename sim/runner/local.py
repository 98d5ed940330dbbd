"""Runs in processes of their own on this machine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any, cast

from sim.errors import SetupError
from sim.rundir import clear_remains
from sim.runner.backend import Ended, Report
from sim.runner.order import CANCELLED, CRASHED, Finished, Order, RunFailed
from sim.runner.template import Template

GRACE_S = 20.0

_Told = tuple[Order, Mapping[str, Any] | Finished | RunFailed] | None


class RunProcess:
    """One run in a process group of its own, forked from a template or started by itself."""

    def __init__(self, order: Order, template: Template | None = None) -> None:
        self.order = order
        self._process = template.start(order) if template is not None else _start()
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

    def wait(
        self,
        report: Callable[[Mapping[str, Any]], None] = lambda _: None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> Finished:
        """Follow the run to its end; `report` receives each progress record, `warn` what it doubts before it begins.

        Raises
        ------
        RunFailed
            The run told its fault, or died.
        """
        last: dict[str, Any] = {}
        for record in self._records():
            if "progress" in record:
                report(record["progress"])
            elif "warning" in record:
                warn(record["warning"])
            else:
                last = record
        code = self._process.wait()
        self._reader.join()
        if "finished" in last:
            return Finished.from_record(last["finished"])
        if "failed" in last:
            raise RunFailed(last["failed"]["code"], last["failed"]["detail"])
        detail = f"the run's process ended with code {code}:\n{''.join(self._tail[-20:])}"
        raise RunFailed(CRASHED, detail.rstrip())

    def _records(self) -> Iterator[dict[str, Any]]:
        for line in self._stdout:
            with suppress(ValueError):  # a process that is killed leaves half a line
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

    def kill(self) -> None:
        """End the run and all that it has started at once."""
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """Ask the run to end in order; kill its group if it has not after a grace period."""
        self.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        self.kill()


def _start() -> subprocess.Popen[str]:
    # a session of its own: Ctrl-C at the terminal reaches the parent alone, which then ends the run in order
    return subprocess.Popen(
        [sys.executable, "-m", "sim.runner.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONHASHSEED": "0"} | os.environ,
        start_new_session=True,
    )


def run_one(
    order: Order,
    report: Callable[[Mapping[str, Any]], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
) -> Finished:
    """Carry out one order in a process of its own; Ctrl-C ends it in order and the interrupted run is returned.

    Raises
    ------
    RunFailed
        Nothing was published.
    """
    process = RunProcess(order)
    try:
        return process.wait(report, warn)
    except KeyboardInterrupt:
        process.terminate()
        try:
            return process.wait(report)
        except RunFailed as failure:
            if failure.code == CRASHED:  # it had not begun, so that there is nothing to publish
                raise KeyboardInterrupt from None
            raise


class Local:
    """Runs on this machine, `workers` at a time, each in a process of its own."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def carry_out(self, orders: Sequence[Order], *, report: Report, ended: Ended) -> None:
        """Carry out the orders, as `sim.runner.backend.Backend` says; a run that crashes is not tried again."""
        pool = _Pool(orders, self._workers)
        try:
            pool.follow(report, ended)
        finally:
            pool.stop(ended)


class _Pool:
    """Threads that each see to one run at a time; what they have to tell waits for the caller's thread."""

    def __init__(self, orders: Sequence[Order], workers: int) -> None:
        self._waiting = deque(orders)
        self._workers = min(workers, len(orders))
        self._threads: list[threading.Thread] = []
        self._running: dict[str, RunProcess] = {}
        self._template = Template()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._told: SimpleQueue[_Told] = SimpleQueue()

    def follow(self, report: Report, ended: Ended) -> None:
        """Tell of progress and ends until every thread has said that it has nothing left to do."""
        for _ in range(self._workers):
            thread = threading.Thread(target=self._work)
            thread.start()
            self._threads.append(thread)
        left = len(self._threads)
        while left:
            left -= self._tell(self._told.get(), report, ended)

    def stop(self, ended: Ended) -> None:
        """End what is still under way in order, all at the same time, and tell how it ended; asked again, kill it."""
        with self._lock:
            self._stopping.set()
            running = list(self._running.values())
        try:
            for process in running:
                process.terminate()
            deadline_s = time.monotonic() + GRACE_S
            for thread in self._threads:
                thread.join(max(0.0, deadline_s - time.monotonic()))
        finally:
            for process in running:
                process.kill()
        for thread in self._threads:
            thread.join()
        self._template.close()
        while not self._told.empty():
            self._tell(self._told.get(), lambda _id, _progress: None, ended)

    @staticmethod
    def _tell(told: _Told, report: Report, ended: Ended) -> bool:
        """Pass on one record; True for the last one of a thread."""
        if told is None:
            return True
        order, what = told
        if isinstance(what, Finished | RunFailed):
            ended(order, what)
        else:
            report(order.run_id, what)
        return False

    def _work(self) -> None:
        while (order := self._next()) is not None:
            self._told.put((order, self._carry_out(order)))
        self._told.put(None)

    def _next(self) -> Order | None:
        with self._lock:
            return None if self._stopping.is_set() or not self._waiting else self._waiting.popleft()

    def _carry_out(self, order: Order) -> Finished | RunFailed:
        try:
            with self._lock:
                if self._stopping.is_set():
                    return RunFailed(CANCELLED, "stopped before it had begun")
                process = self._running[order.run_id] = RunProcess(order, self._template)
        except OSError as error:
            return RunFailed(SetupError.code, f"the run's process cannot be started: {error}")
        end = follow(process, lambda progress: self._told.put((order, progress)))
        with self._lock:
            del self._running[order.run_id]
            if self._stopping.is_set() and isinstance(end, RunFailed) and end.code == CRASHED:
                return RunFailed(CANCELLED, "stopped before it had results")
        return end


def follow(process: RunProcess, report: Callable[[Mapping[str, Any]], None]) -> Finished | RunFailed:
    """Follow a run to its end and clear away what a process that died has left."""
    order = process.order
    try:
        return process.wait(report)
    except RunFailed as failure:
        if failure.code == CRASHED:
            clear_remains(order.out)
        return failure
    finally:
        if order.store is not None:
            shutil.rmtree(order.out, ignore_errors=True)
