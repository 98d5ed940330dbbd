"""Carries out queued runs, each in a process of its own, in the order of their arrival.

The run directory decides how a run ended: once it is published the run has results, whatever became of its process or
of this one in between.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from api.runs.model import Results, Run, RunError, RunStatus
from api.runs.store import Store
from sim.errors import OutputError, SandboxError
from sim.kpi.record import KpiRecord
from sim.rundir import KPIS, MANIFEST, clear_remains, read_kpis, read_manifest
from sim.runner.local import RunProcess
from sim.runner.order import CRASHED, Finished, Order, RunFailed
from sim.scenario import validate

log = logging.getLogger(__name__)

LOST = RunError("worker_lost", "the service was killed while the run was under way; its partial results were dropped")
STOPPED = RunError("service_stopped", "the service was stopped before the run had results")
INTERNAL = RunError("internal", "the service lost the run; its log says why")
RETRY_S = 1.0


class Process(Protocol):
    """A run in a process of its own, as `sim.runner.local.RunProcess` is."""

    def wait(self, report: Callable[[Mapping[str, Any]], None]) -> Finished: ...

    def stop(self) -> None: ...


StartProcess = Callable[[Order], Process]


class Executor:
    """At most `workers` runs at once, below `folder`."""

    def __init__(self, store: Store, folder: Path, *, workers: int, start: StartProcess = RunProcess) -> None:
        self._store, self._folder, self._start = store, folder, start
        self._lock = threading.Lock()
        self._closing = False
        self._processes: dict[str, Process] = {}
        self._progress: dict[str, Mapping[str, Any]] = {}
        self._arrivals = threading.Semaphore(0)
        self._threads = [
            threading.Thread(target=self._work, name=f"run-{place}", daemon=True) for place in range(workers)
        ]

    def open(self) -> None:
        """Settle the runs that a killed service left behind, then begin with those that wait."""
        for run in self._store.running():
            fence(self._folder / run.run_id)
            self._settle(run, LOST)
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Tell that a run has arrived."""
        self._arrivals.release()

    def progress(self, run_id: str) -> Mapping[str, Any] | None:
        """Return how far a run is; None before its first report and after its end."""
        return self._progress.get(run_id)

    def close(self) -> None:
        """End the runs under way in order, all at the same time, and wait for them; those that wait keep waiting."""
        with self._lock:
            self._closing = True
            stops = [threading.Thread(target=process.stop) for process in self._processes.values()]
        self._arrivals.release(len(self._threads))
        for thread in stops:
            thread.start()
        for thread in (*stops, *self._threads):
            thread.join()

    def _work(self) -> None:
        while not self._closing:
            try:
                run = self._store.claim()
                if run is None:
                    self._arrivals.acquire()
                else:
                    self._carry_out(run)
            except Exception:  # supervisor: a full disk or a locked file must not end the thread
                log.exception("the run table cannot be used; trying again")
                self._arrivals.acquire(timeout=RETRY_S)

    def _carry_out(self, run: Run) -> None:
        fault = INTERNAL
        try:
            process = self._begin(run)
            if process is None:
                self._store.release(run)
                return
            process.wait(lambda progress: self._progress.__setitem__(run.run_id, progress))
        except RunFailed as failure:
            fault = self._fault(run, failure)
        except SandboxError as error:
            fault = RunError(error.code, str(error))
        except Exception:  # supervisor: the run must not stay under way for ever
            log.exception("run lost", extra={"run_id": run.run_id})
            fence(self._folder / run.run_id)
        finally:
            self._forget(run)
        self._settle(run, fault)

    def _begin(self, run: Run) -> Process | None:
        """Start the run's process, unless the service is closing."""
        scenario = validate(run.request.document, place=f"the stored scenario of {run.run_id}")
        with self._lock:
            if self._closing:
                return None
            process = self._start(Order(run.run_id, scenario, self._folder / run.run_id))
            self._processes[run.run_id] = process
        log.info("run started", extra={"run_id": run.run_id})
        return process

    def _forget(self, run: Run) -> None:
        with self._lock:
            process = self._processes.pop(run.run_id, None)
        self._progress.pop(run.run_id, None)
        if process is not None:
            process.stop()  # does nothing to a process that has ended

    def _fault(self, run: Run, failure: RunFailed) -> RunError:
        """Return what clients are told; what a crashed process wrote last is for the log alone."""
        if failure.code != CRASHED:
            return RunError(failure.code, str(failure))
        if self._closing:
            return STOPPED
        log.error("run crashed: %s", failure, extra={"run_id": run.run_id})
        return RunError(CRASHED, str(failure).partition("\n")[0].rstrip(":"))

    def _settle(self, run: Run, fault: RunError) -> None:
        """Store how a run ended; `fault` is why, should it not be published."""
        final = self._folder / run.run_id
        results = None
        if (final / MANIFEST).is_file():
            try:
                results = read_results(final)
            except SandboxError as error:
                fault = RunError(error.code, str(error))
        if results is not None:
            self._store.finish(run, results)
            log.info("run %s", results.status, extra={"run_id": run.run_id})
        else:
            clear_remains(final)
            status = RunStatus.INTERRUPTED if fault is STOPPED else RunStatus.FAILED
            self._store.fail(run, fault, status=status)
            log.warning("run %s: %s: %s", status, fault.code, fault.detail, extra={"run_id": run.run_id})


def fence(final: Path) -> None:
    """Let nobody publish a run at `final` any more, unless it stands there already.

    The process of a killed service's run may live on for a moment. A folder cannot be renamed to the place of a file,
    so whoever comes first, that process or this mark, decides for good.
    """
    try:
        final.touch(exist_ok=False)
    except FileExistsError:
        log.debug("%s is there already", final)


def read_results(final: Path) -> Results:
    """Return what the published run at `final` says.

    Raises
    ------
    SandboxError
        It is damaged, or a file is missing.
    """
    manifest, kpis = read_manifest(final), read_kpis(final)
    try:
        status = RunStatus.INTERRUPTED if manifest["status"] == "interrupted" else RunStatus.SUCCEEDED
        return Results(status, manifest["fingerprint"], [KpiRecord.from_document(one) for one in kpis])
    except (KeyError, TypeError) as error:
        msg = f"{MANIFEST} or {KPIS} of {final.name} is not as it should be: {error}"
        raise OutputError(msg) from None
