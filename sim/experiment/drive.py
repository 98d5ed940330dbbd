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

from sim.errors import OutputError, ScenarioError
from sim.experiment.design import Design, PlannedRun, check, differences
from sim.experiment.found import find_run
from sim.experiment.frames import DESIGN, FINISHED, Frames, gather, read, write
from sim.rundir import write_document
from sim.runner.backend import Backend
from sim.runner.order import Finished, Order, RunFailed
from sim.runner.store import DamagedRunError, RunStore


@dataclass(frozen=True, slots=True, eq=False)
class Watch:
    """Who is told how an experiment goes on.

    `begins(runs, found)` says how many runs it has and how many of them were found finished; `progress(run, at)`
    where a run is; `ends(run, fault)` that one has ended, with its fault if it failed; `damaged(run, fault)` that one
    counted as finished before and is made again.
    """

    begins: Callable[[int, int], None] = lambda _runs, _found: None
    progress: Callable[[PlannedRun, Mapping[str, Any]], None] = lambda _run, _at: None
    ends: Callable[[PlannedRun, str | None], None] = lambda _run, _fault: None
    damaged: Callable[[PlannedRun, str], None] = lambda _run, _fault: None


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """An experiment's tables; `changed` holds if they or the words of the design differ from those there before."""

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
        words_changed = compare_design(design, folder)
        state = look(design, store)
        watch.begins(len(design.runs), len(design.runs) - len(state.missing))
        if not state.missing and not words_changed and (frames := _current(design, folder)) is not None:
            return Outcome(folder, frames, changed=False)
        if state.missing:
            check(state.missing)
            store.require_writable(state.missing[0].key)
        write_document(folder / DESIGN, design.document())
        failed: dict[str, str] = {}
        try:
            _make_way(state, store, watch)
            _run(state.missing, store, backend, watch, failed)
        finally:
            frames = gather(design, store, failed)
            write(frames, folder)
        return Outcome(folder, frames, changed=True)


@dataclass(frozen=True, slots=True)
class State:
    """What a design still lacks; `damaged` has the faults of those missing runs that were finished once, by key."""

    missing: tuple[PlannedRun, ...]
    damaged: Mapping[str, str]


def look(design: Design, store: RunStore) -> State:
    """Return which runs of a design the store has not.

    Raises
    ------
    OutputError
        The store cannot be read.
    """
    missing, damaged = [], {}
    for run in design.runs:
        try:
            found = find_run(store, run.key)
        except DamagedRunError as error:
            found, damaged[run.key] = None, str(error)
        if found is None:
            missing.append(run)
    return State(tuple(missing), damaged)


def _make_way(state: State, store: RunStore, watch: Watch) -> None:
    """Clear the places of the missing runs: an interrupted or damaged one lies where the finished one is to come."""
    for run in state.missing:
        fault = state.damaged.get(run.key)
        if fault is None:
            store.discard(run.key)
        else:
            watch.damaged(run, f"{fault}; what is left of it: {store.set_aside(run.key)}")


def _run(
    missing: Sequence[PlannedRun], store: RunStore, backend: Backend, watch: Watch, failed: dict[str, str]
) -> None:
    if not missing:
        return  # a cluster need not be there for that
    runs = {run.key: run for run in missing}

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


def _current(design: Design, folder: Path) -> Frames | None:
    """Return the tables of a folder if they are those of the design, all finished; damaged ones are made anew."""
    try:
        frames = read(folder)
    except OutputError:
        return None
    same = list(frames.runs["run"]) == [run.key for run in design.runs]
    return frames if same and (frames.runs["status"] == FINISHED).all() else None


def compare_design(design: Design, folder: Path) -> bool:
    """Refuse a folder that holds another design; return whether its words differ, or whether it holds none.

    Raises
    ------
    ScenarioError
        The folder holds another design.
    OutputError
        The design that it holds is damaged.
    """
    if not (folder / DESIGN).is_file():
        return True
    before, document = read_design(folder), design.document()
    if paths := differences(before, document):
        msg = (
            f"the experiment {design.experiment.name} in {folder} has another design: it differs in "
            f"{', '.join(paths)}; give the new one another name, finished runs that both share are found again"
        )
        raise ScenarioError(msg)
    return before != document


def read_design(folder: Path) -> dict[str, Any]:
    """Return what was kept of the design of the experiment in a folder.

    Raises
    ------
    OutputError
        It is missing or damaged.
    """
    path = folder / DESIGN
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, str(error)) from None
    held: dict[str, Any] = document if isinstance(document, dict) else {}
    if lacking := [name for name in ("experiment", "scenarios") if not isinstance(held.get(name), dict)]:
        raise _damaged(path, f"it lacks {' and '.join(lacking)}")
    return held


def _damaged(path: Path, fault: str) -> OutputError:
    return OutputError(f"{path} is damaged: {fault}; remove the folder, its finished runs will be found again")


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
