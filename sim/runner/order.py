"""What a run is asked to do and what it leaves: the two records that cross process borders."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sim.engine.sumo import EngineName
from sim.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Order:
    """A run to carry out; `play` lets sumo-gui start by itself."""

    run_id: str
    scenario: Scenario
    out: Path
    engine: EngineName = "libsumo"
    play: bool = True

    def document(self) -> dict[str, Any]:
        """Return the order as the run's process reads it."""
        return {
            "run_id": self.run_id,
            "scenario": self.scenario.model_dump(mode="json"),
            "out": str(self.out.resolve()),
            "engine": self.engine,
            "play": self.play,
        }


@dataclass(frozen=True, slots=True)
class Finished:
    """A published run; `kpis` are the flat ones of `kpis.json`."""

    run_id: str
    path: Path
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


def new_run_id(scenario: Scenario) -> str:
    """Return a run id that no other run has: scenario, seed, time, random tail."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return f"{scenario.name}-s{scenario.seeds.demand}-{stamp}-{uuid.uuid4().hex[:6]}"
