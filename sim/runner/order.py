"""What a run is asked to do and how it ends: the records that cross process borders."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from sim.engine.sumo import EngineName
from sim.errors import SandboxError
from sim.scenario import Scenario

FINISHED = "finished"
CRASHED = "crashed"
CANCELLED = "cancelled"
WORKER_LOST = "worker_lost"


@dataclass(frozen=True, slots=True)
class Order:
    """A run to carry out; `play` lets sumo-gui start by itself.

    It is published at `out`. With a `store`, the URL of a place that is no local folder, `out` is where the run stands
    until it has been uploaded as `run_id`, and is removed however the run ends.
    """

    run_id: str
    scenario: Scenario
    out: Path
    engine: EngineName = "libsumo"
    play: bool = True
    store: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the order as the run's process reads it."""
        return {
            "run_id": self.run_id,
            "scenario": self.scenario.model_dump(mode="json"),
            "out": str(self.out.resolve()),
            "engine": self.engine,
            "play": self.play,
            "store": self.store,
        }


@dataclass(frozen=True, slots=True)
class Finished:
    """A published run; `kpis` are the flat ones of `kpis.json`.

    `path` is None where the run lies in the order's store; one that was interrupted is not uploaded, and lies nowhere.
    """

    run_id: str
    path: Path | None
    scenario: str
    seed: int
    status: str
    fingerprint: str
    kpis: dict[str, float]
    wall_s: float

    def document(self) -> dict[str, Any]:
        """Return what `bitgreen run --json` prints."""
        return {
            "run_id": self.run_id,
            "scenario": self.scenario,
            "seed": self.seed,
            "status": self.status,
            "fingerprint": self.fingerprint,
            "kpis": self.kpis,
        }

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return self.document() | {"path": str(self.path) if self.path is not None else None, "wall_s": self.wall_s}

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """Read what `record` returned."""
        path = record["path"]
        return cls(**(record | {"path": Path(path) if path is not None else None}))


class RunFailed(SandboxError):  # noqa: N818 (named for what happened)
    """A run ended without being published; `code` is that of the fault in its process."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.code, str(self))


def new_run_id(scenario: Scenario) -> str:
    """Return a run id that no other run has: scenario, seed, time, random tail."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return f"{scenario.name}-s{scenario.seeds.demand}-{stamp}-{uuid.uuid4().hex[:6]}"
