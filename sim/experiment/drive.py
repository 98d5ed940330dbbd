"""Carrying out an experiment: what is finished is found again, what is missing runs, what failed is told."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim.errors import NotFoundError, OutputError, ScenarioError
from sim.experiment.design import Design, PlannedRun, check, differences
from sim.experiment.frames import FINISHED, RESULTS, RUNS, Frames, gather, read, write
from sim.rundir import write_document
from sim.runner.backend import Backend
from sim.runner.order import Finished, Order, RunFailed
from sim.runner.store import RunStore

DESIGN = "design.json"


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Who is told how an experiment goes on.

    `begins(runs, found)` says how many runs it has and how many of them were found finished; `progress(run, at)`
    where a run is; `ends(run, fault)` that one has ended, with its fault if it failed.
    """

    begins: Callable[[int, int], None] = lambda _runs, _found: None
    progress: Callable[[PlannedRun, Mapping[str, Any]], None] = lambda _run, _at: None
    ends: Callable[[PlannedRun, str | None], None] = lambda _run, _fault: None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """An experiment's tables; `changed` holds if they differ from those that stood there before."""

    folder: Path
    frames: Frames
    changed: bool

    @property
    def failed(self) -> list[tuple[str, int, int, str]]:
        """Variant, seeds and fault of the runs that failed."""
        rows = self.frames.runs[self.frames.runs["status"] == "failed"]
        return list(zip(rows["variant"], rows["demand_seed"], rows["sumo_seed"], rows["error"], strict=True))


def carry_out(
    design: Design, folder: Path, *, store: RunStore, backend: Backend, watch: Watch | None = None
) -> Outcome:
    """Carry out what a design still lacks and write the experiment's tables into its folder.

    Ctrl-C stops the runs in order, writes the tables of what is finished and is raised again. Started once more, the
    experiment goes on where it was left: a run counts once it has been published as finished.

    Raises
    ------
    ScenarioError
        The folder holds another design, or something that a scenario names does not exist; nothing was started.
    OutputError
        Another process carries the experiment out, or the folder cannot be written.
    """
    watch = watch or Watch()
    with _alone(folder):
        _keep(design, folder)
        runs = {run.key: run for run in design.runs}
        done = {key for key in runs if _finished(store, key)}
        missing = [run for key, run in runs.items() if key not in done]
        watch.begins(len(runs), len(done))
        if not missing and (frames := _current(design, folder)) is not None:
            return Outcome(folder, frames, changed=False)
        check(missing)
        failed: dict[str, str] = {}
        try:
            _run(missing, store, backend, watch, failed)
        finally:
            frames = gather(design, store, failed)
            write(frames, folder)
        return Outcome(folder, frames, changed=True)


def _run(
    missing: Sequence[PlannedRun], store: RunStore, backend: Backend, watch: Watch, failed: dict[str, str]
) -> None:
    runs = {run.key: run for run in missing}
    for key in runs:
        store.discard(key)  # an interrupted run lies where the finished one is to come

    def ended(order: Order, end: Finished | RunFailed) -> None:
        fault = None
        if isinstance(end, RunFailed):
            fault = f"{end.code}: {end}"
        elif end.status != FINISHED:
            fault = f"interrupted: the run was {end.status}"
        if fault is not None:
            failed[order.run_id] = fault
        watch.ends(runs[order.run_id], fault)

    orders = [_order(run, store) for run in missing]
    backend.carry_out(orders, report=lambda key, at: watch.progress(runs[key], at), ended=ended)


def _order(run: PlannedRun, store: RunStore) -> Order:
    """Return the order of a run: written in place where the store is a folder, else made here and uploaded."""
    place = store.local_path(run.key)
    if place is not None:
        return Order(run.key, run.scenario, place)
    return Order(run.key, run.scenario, Path(tempfile.gettempdir()) / f"bitgreen-{run.key}", store=store.url)


def _finished(store: RunStore, key: str) -> bool:
    try:
        return bool(store.manifest(key)["status"] == FINISHED)
    except NotFoundError:
        return False


def _current(design: Design, folder: Path) -> Frames | None:
    """Return the tables of a folder if they are those of the design, all finished."""
    if not ((folder / RUNS).is_file() and (folder / RESULTS).is_file()):
        return None
    frames = read(folder)
    same = list(frames.runs["run"]) == [run.key for run in design.runs]
    return frames if same and (frames.runs["status"] == FINISHED).all() else None


def _keep(design: Design, folder: Path) -> None:
    """Write the design of a new experiment; refuse a folder that holds another one."""
    path, document = folder / DESIGN, design.document()
    if path.is_file():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            msg = f"{path} is damaged: {error}; remove the folder, its finished runs will be found again"
            raise OutputError(msg) from None
        if paths := differences(before, document):
            msg = (
                f"the experiment {design.experiment.name} in {folder} has another design: it differs in "
                f"{', '.join(paths)}; give the new one another name, finished runs that both share are found again"
            )
            raise ScenarioError(msg)
    else:
        write_document(path, document)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold an experiment's folder; the operating system frees the lock when this process ends, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        msg = f"{folder} cannot be written: {error.strerror}"
        raise OutputError(msg) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            msg = f"another process carries out the experiment in {folder}"
            raise OutputError(msg) from None
        lock.write(f"{os.getpid()}\n")
        yield
