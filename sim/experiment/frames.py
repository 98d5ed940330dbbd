"""What an experiment came to, as tables: one row a run, and one row for each KPI of each run."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from sim.errors import OutputError
from sim.experiment.design import Design, PlannedRun
from sim.experiment.found import FoundRun, find_run
from sim.kpi.others import OtherTraffic, added_time_loss, read_others
from sim.kpi.record import KpiRecord, ordered
from sim.rundir import VEHICLES
from sim.runner.store import DamagedRunError, RunStore

DESIGN = "design.json"
RUNS = "runs.parquet"
RESULTS = "results.parquet"
FINISHED = "finished"


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Both tables.

    `runs`: `variant`, `scenario`, one column for each swept path, `demand_seed`, `sumo_seed`, `run` (the content key),
    `status` (finished, failed or missing), `fingerprint`, `wall_s`, `teleports`, `sumo` (its version), `network` (its
    hash), `error`.
    `results`: of the finished runs with service, one row for each KPI: `variant`, `scenario`, the swept paths, both
    seeds, `key` (as `wait_s.p95@villages`), `code`, `stat`, `scope`, `value`, `unit`, `n`, `run`.
    Both are in the order of the design.
    """

    runs: pd.DataFrame
    results: pd.DataFrame


def gather(design: Design, store: RunStore, failed: Mapping[str, str]) -> Frames:
    """Read what the runs of a design left; `failed` holds the faults of those that were not published, by key."""
    found = _found(design, store)
    manifests = {key: one.manifest for key, one in found.items()}
    runs = [_run_row(design, run, manifests.get(run.key), failed.get(run.key)) for run in design.runs]
    reference = _without(design, store, manifests)
    rows = []
    for run in design.runs:
        if run.key in manifests and not run.variant.without:
            records = list(found[run.key].records)
            bare = reference.get(run.traffic)
            if bare is not None:
                others = _others(store, run.key)
                records += added_time_loss(others, bare) if others is not None else []
            head = _head(design, run)
            rows += [head | _record_columns(record) | {"run": run.key} for record in ordered(records)]
    columns = ["variant", "scenario", *design.parameters, "demand_seed", "sumo_seed", *_RECORD, "run"]
    results = pd.DataFrame(rows, columns=columns)
    return Frames(_typed(pd.DataFrame(runs), design.parameters), _typed(results, design.parameters))


def _found(design: Design, store: RunStore) -> dict[str, FoundRun]:
    """Return the finished runs by key; one that was damaged meanwhile counts as none."""
    found = {}
    for run in design.runs:
        with suppress(DamagedRunError):
            one = find_run(store, run.key)
            if one is not None:
                found[run.key] = one
    return found


def write(frames: Frames, folder: Path) -> None:
    """Write both tables, each in one step.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    for frame, name in ((frames.results, RESULTS), (frames.runs, RUNS)):
        part = folder / f".{name}.{os.getpid()}"
        try:
            frame.to_parquet(part, index=False, compression="zstd")
            part.replace(folder / name)
        except OSError as error:
            part.unlink(missing_ok=True)
            msg = f"{folder / name} cannot be written: {error.strerror or error}"
            raise OutputError(msg) from error


def read(folder: Path) -> Frames:
    """Read the tables of an experiment.

    Raises
    ------
    OutputError
        There are none, or they are damaged.
    """
    try:
        frames = Frames(pd.read_parquet(folder / RUNS), pd.read_parquet(folder / RESULTS))
    except (OSError, ValueError) as error:
        msg = f"{folder} holds no results of an experiment: {error}; carried out again, it makes them anew"
        raise OutputError(msg) from None
    for frame, columns, name in ((frames.runs, _RUN_COLUMNS, RUNS), (frames.results, _RESULT_COLUMNS, RESULTS)):
        if lacking := [column for column in columns if column not in frame.columns]:
            msg = f"{folder / name} lacks the columns {', '.join(lacking)}; carried out again, it is made anew"
            raise OutputError(msg)
    return frames


_HEAD = ("variant", "scenario", "demand_seed", "sumo_seed", "run")
_RECORD = ("key", "code", "stat", "scope", "value", "unit", "n")
_RESULT_COLUMNS = (*_HEAD, *_RECORD)
_RUN_COLUMNS = (*_HEAD, "status", "fingerprint", "wall_s", "teleports", "sumo", "network", "error")


def _record_columns(record: KpiRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _RECORD}


def _head(design: Design, run: PlannedRun) -> dict[str, Any]:
    """Return the columns that tell a run's place in the design."""
    swept = run.variant.settings
    return {
        "variant": run.variant.label,
        "scenario": run.scenario.name,
        **{path: swept.get(path) for path in design.parameters},
        "demand_seed": run.seeds.demand,
        "sumo_seed": run.seeds.sumo,
    }


def _typed(frame: pd.DataFrame, parameters: Sequence[str]) -> pd.DataFrame:
    """Write the values of a swept path as text unless all are numbers or all are switches: a column has one type."""
    for path in parameters:
        kinds = {type(value) for value in frame[path] if not _missing(value)}
        if not (kinds <= {int, float} or kinds <= {bool} or kinds <= {str}):
            frame[path] = [None if _missing(value) else json.dumps(value, ensure_ascii=False) for value in frame[path]]
    return frame


def _missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124 (only a NaN differs from itself)


def _run_row(design: Design, run: PlannedRun, manifest: Mapping[str, Any] | None, error: str | None) -> dict[str, Any]:
    status = FINISHED if manifest is not None else "failed" if error is not None else "missing"
    return _head(design, run) | {
        "run": run.key,
        "status": status,
        "fingerprint": manifest["fingerprint"] if manifest else None,
        "wall_s": manifest["wall_s"] if manifest else None,
        "teleports": manifest["teleports"] if manifest else None,
        "sumo": manifest["versions"]["sumo"] if manifest else None,
        "network": manifest["network"]["sha256"] if manifest else None,
        "error": None if manifest else error,
    }


def _without(design: Design, store: RunStore, manifests: Mapping[str, Mapping[str, Any]]) -> dict[str, OtherTraffic]:
    """Return the other traffic of the runs without service by what pairs them with the others."""
    found: dict[str, OtherTraffic] = {}
    for run in design.runs:
        if run.variant.without and run.key in manifests:
            others = _others(store, run.key)
            if others is not None:
                found[run.traffic] = others
    return found


def _others(store: RunStore, key: str) -> OtherTraffic | None:
    with TemporaryDirectory(prefix="bitgreen-gather-") as scratch:
        try:
            return read_others(store.file(key, VEHICLES, Path(scratch)))
        except OutputError as error:
            msg = f"{error}; remove the run {key} from {store.url}, and the experiment makes it again"
            raise OutputError(msg) from None
