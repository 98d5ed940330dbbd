"""What the service can do with runs, free of HTTP."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from api.errors import NotFinishedError
from api.runs.executor import Executor, StartProcess
from api.runs.model import Run, RunRequest
from api.runs.store import Store
from api.settings import Settings
from sim.controllers.base import controller_names
from sim.documents import catalogue, load_scenario
from sim.errors import NotFoundError, ScenarioError, SetupError
from sim.kpi.record import KpiRecord
from sim.network.catalog import network_names
from sim.network.overlays import overlay_names
from sim.runner.local import RunProcess
from sim.runner.order import new_run_id
from sim.scenario import Scenario

ROWS = "service.sqlite3"
LOCK = "service.lock"


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """A scenario that can be run; `fault` says why its document cannot be read."""

    name: str
    title: str | None = None
    description: str | None = None
    network: str | None = None
    fault: str | None = None


class RunService:
    """Queues, carries out and shows runs; opened once, closed once.

    Parameters
    ----------
    start
        How a run's process is started.
    """

    def __init__(self, settings: Settings, *, start: StartProcess = RunProcess) -> None:
        self._settings, self._start = settings, start
        self._open = ExitStack()

    def open(self) -> None:
        """Take the data folder, settle what a killed service left behind, begin with the runs that wait.

        Raises
        ------
        SetupError
            The folder cannot be written, or another service works in it.
        """
        folder = self._settings.data_dir.resolve()
        with ExitStack() as stack:
            stack.enter_context(_lock(folder))
            self._store = Store(folder / ROWS)
            stack.callback(self._store.close)
            self._executor = Executor(self._store, folder, workers=self._settings.workers, start=self._start)
            self._executor.open()
            stack.callback(self._executor.close)
            self._open = stack.pop_all()

    def close(self) -> None:
        """End the runs under way in order and let the data folder go."""
        self._open.close()

    def check(self) -> None:
        """Raise when the rows cannot be read."""
        self._store.check()

    def scenarios(self) -> list[CatalogueEntry]:
        """Return the catalogue; a document with a fault does not hide the others."""
        return [_entry(name) for name in catalogue()]

    def create(
        self,
        scenario: str,
        *,
        seed: int | None = None,
        seeds: Mapping[str, int] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Run:
        """Queue a run of a scenario of the catalogue.

        Parameters
        ----------
        seed
            Sets both seeds.
        seeds
            Sets the seeds named, `demand` or `sumo`; instead of `seed`.
        overrides
            Path in the document to value, applied in their order.

        Raises
        ------
        NotFoundError
            The catalogue has no such scenario.
        ScenarioError
            What was asked for is not a valid scenario.
        QueueFullError
            Too many runs wait.
        """
        known = catalogue()
        if scenario not in known:  # load_scenario would take a path, too
            msg = f"no scenario {scenario!r}; allowed are {', '.join(known)}"
            raise NotFoundError(msg)
        changes = dict(overrides or {})
        chosen = changes | {f"seeds.{stream}": value for stream, value in (seeds or {}).items()}
        resolved = load_scenario(scenario, seed=seed, overrides=_as_text(chosen))
        _check_names(resolved)
        request = RunRequest(
            run_id=new_run_id(resolved),
            scenario=resolved.name,
            scenario_hash=resolved.hash(),
            document=resolved.model_dump(mode="json"),
            overrides=changes,
        )
        run = self._store.add(request, max_queued=self._settings.max_queued)
        self._executor.wake()
        return run

    def get(self, run_id: str) -> Run:
        """Return a run; `NotFoundError` when there is none."""
        return self._store.get(run_id)

    def newest(self, *, limit: int, before: int | None = None) -> list[Run]:
        """Return at most `limit` runs, the newest first, from those that arrived before number `before`."""
        return self._store.newest(limit=limit, before=before)

    def progress(self, run: Run) -> Mapping[str, Any] | None:
        """Return the latest report of a run under way."""
        return self._executor.progress(run.run_id)

    def kpis(self, run: Run) -> Sequence[KpiRecord]:
        """Return the KPIs of a run with results.

        Raises
        ------
        NotFinishedError
            The run has none: not yet, or never.
        """
        if run.fingerprint is None:
            why = "it has no results" if run.status.final else "its KPIs come with its end"
            msg = f"the run {run.run_id} is {run.status}: {why}"
            raise NotFinishedError(msg)
        return self._store.kpis(run)


def _entry(name: str) -> CatalogueEntry:
    try:
        scenario = load_scenario(name)
    except ScenarioError as error:
        return CatalogueEntry(name, fault=str(error))
    return CatalogueEntry(name, scenario.title, scenario.description, scenario.network)


def _as_text(overrides: Mapping[str, Any]) -> list[str]:
    """Return `path=value` lines; JSON is YAML, so that a value keeps its type."""
    for path in overrides:
        if "=" in path:
            msg = f"set: the path {path!r} must not hold '='"
            raise ScenarioError(msg)
    return [f"{path}={json.dumps(value, ensure_ascii=False)}" for path, value in overrides.items()]


def _check_names(scenario: Scenario) -> None:
    """Check what can be checked at once: places on the network are checked by the run itself."""
    use = scenario.controllers.shuttle
    named = [("network", scenario.network, network_names())]
    if scenario.network in network_names():
        known = overlay_names(scenario.network)
        named += [(f"overlays.{number}", name, known) for number, name in enumerate(scenario.overlays)]
    if use is not None:
        named.append(("controllers.shuttle.use", use.use, controller_names()))
    for place, name, known in named:
        if name not in known:
            msg = f"{place}: unknown name {name!r}; allowed are {', '.join(known) or 'none'}"
            raise ScenarioError(msg)


def _lock(folder: Path) -> IO[str]:
    """Take the data folder for this process alone; the lock goes with the process, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("w")
    except OSError as error:
        msg = f"the data folder {folder} cannot be written: {error.strerror}; BITGREEN_DATA_DIR names another"
        raise SetupError(msg) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        msg = f"another service works in the data folder {folder}; BITGREEN_DATA_DIR names another"
        raise SetupError(msg) from None
    return file
