"""What a store holds of a run: a finished one that can be read, a damaged one, or nothing that counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import NotFoundError
from sim.kpi.record import KpiRecord
from sim.rundir import KPIS, MANIFEST
from sim.runner.order import FINISHED
from sim.runner.store import DamagedRunError, RunStore

Kinds = Mapping[str, type | tuple[type, ...]]
NUMBER = (int, float)
MANIFEST_HOLDS: Kinds = {
    "fingerprint": str, "wall_s": NUMBER, "teleports": NUMBER, "created": str, "platform": dict, "scenario.name": str,
    "versions.sumo": str, "network.name": str, "network.sha256": str, "network.attribution": str,
}  # fmt: skip
"""What the tables and the report of an experiment read of a manifest."""
RECORD_HOLDS: Kinds = {"code": str, "stat": str, "scope": str, "value": NUMBER, "unit": str, "n": int}


@dataclass(frozen=True, slots=True, eq=False)
class FoundRun:
    """A finished run: its manifest and its KPIs."""

    manifest: Mapping[str, Any]
    records: tuple[KpiRecord, ...]


def find_run(store: RunStore, key: str) -> FoundRun | None:
    """Return the finished run of a key; None where there is none, or one that was interrupted.

    Raises
    ------
    DamagedRunError
        A run was committed that tells its result no more; the message names the file and what is wrong with it.
    OutputError
        The store cannot be read, which says nothing about the run.
    """
    try:
        manifest = store.manifest(key)
    except NotFoundError:
        return None
    _require(manifest, {"status": str}, f"{MANIFEST} of the run {key}")
    if manifest["status"] != FINISHED:
        return None
    _require(manifest, MANIFEST_HOLDS, f"{MANIFEST} of the run {key}")
    try:
        documents = store.kpis(key)
    except NotFoundError as error:
        raise DamagedRunError(str(error)) from None
    for number, document in enumerate(documents):
        _require(document, RECORD_HOLDS, f"{KPIS} of the run {key}, record {number}")
    records = (KpiRecord(**{name: one[name] for name in RECORD_HOLDS}) for one in documents)
    return FoundRun(manifest, tuple(records))


def _require(document: object, kinds: Kinds, place: str) -> None:
    """Make sure that a document has a value of the right kind at each path."""
    for path, kind in kinds.items():
        value = document
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        if not isinstance(value, kind):
            msg = f"{place} lacks {path}: found {'nothing' if value is None else repr(value)}"
            raise DamagedRunError(msg)
