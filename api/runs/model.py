"""A run as the service knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sim.kpi.record import KpiRecord


class RunStatus(StrEnum):
    """Where a run stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def final(self) -> bool:
        """Whether nothing will change any more."""
        return self not in {RunStatus.QUEUED, RunStatus.RUNNING}


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run has no results, or only partial ones."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run that is to be queued; `document` is the resolved scenario, `overrides` what was asked to differ."""

    run_id: str
    scenario: str
    scenario_hash: str
    document: dict[str, Any]
    overrides: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A row of the run table; `number` counts the runs in the order of their arrival."""

    number: int
    request: RunRequest
    status: RunStatus
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    fingerprint: str | None = None
    error: RunError | None = None

    @property
    def run_id(self) -> str:
        """The run's id, unique everywhere."""
        return self.request.run_id


@dataclass(frozen=True, slots=True)
class Results:
    """What a published run directory says."""

    status: RunStatus
    fingerprint: str
    kpis: Sequence[KpiRecord]
