"""One run in this process: resolve, drive, measure, publish."""

from __future__ import annotations

import gc
import hashlib
import json
import platform
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from sim.engine.doubts import doubts
from sim.engine.loop import Loop, Outcome, Progress
from sim.engine.resolve import Resolved, resolve
from sim.engine.sumo import EngineName
from sim.events import CarArrived, CarUnfinished, Collision, Event, VehicleTeleported, fingerprint
from sim.kpi.measure import measure_run
from sim.kpi.record import flat, records_as_json
from sim.rundir import KPIS, PERFORMANCE, SUMO_LOG, RunDir
from sim.runner.conflicts import publish_freight
from sim.runner.order import Finished
from sim.runner.vehicles import publish_vehicles
from sim.scenario import Scenario

PACKAGES = ("libsumo", "traci", "numpy", "scipy", "numba", "pandas", "pyarrow", "pydantic")


def run(
    scenario: Scenario,
    out: Path,
    *,
    run_id: str,
    engine: EngineName = "libsumo",
    play: bool = True,
    report: Callable[[Progress], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
) -> Finished:
    """Carry out one run in this process and publish it at `out`.

    `warn` is told before the first step what most likely is not what was meant (`sim.engine.doubts`).

    SIGINT and SIGTERM end it in order: what happened until then is published, marked as interrupted. One process
    carries out one run: libsumo is a singleton that leaks.

    Raises
    ------
    SandboxError
        Nothing was published.
    """
    with _stop_on_signal() as stop:
        resolved = resolve(scenario)
        for text in doubts(resolved):
            warn(text)
        gc.freeze()  # what stands here stays to the end: the collector's walks over it cost 3 % of a morning
        with RunDir(out) as directory:
            loop = Loop(resolved, directory, engine=engine, stop=stop, report=report, play=play)
            outcome = loop.run()
            return _publish(directory, resolved, outcome, run_id=run_id, engine=engine)


def _publish(directory: RunDir, resolved: Resolved, outcome: Outcome, *, run_id: str, engine: EngineName) -> Finished:
    scenario = resolved.scenario
    events = directory.seal_events()
    publish_vehicles(directory.work, resolved, _parked_s(events))
    publish_freight(directory.work, resolved)
    directory.write_json(PERFORMANCE, _performance(outcome))
    print_of_events = fingerprint(events)
    manifest = {
        "run_id": run_id,
        "status": outcome.end,
        "scenario": scenario.model_dump(mode="json"),
        "scenario_hash": scenario.hash(),
        "seeds": scenario.seeds.model_dump(),
        "fingerprint": print_of_events,
        "events": len(events),
        "end_s": outcome.end_s,
        "network": {
            "name": resolved.network.name,
            "overlays": list(resolved.network.overlays),
            "sha256": resolved.network.sha256,
            "attribution": resolved.network.attribution,
        },
        "versions": _versions(outcome.sumo_version),
        "platform": {"system": platform.system(), "machine": platform.machine(), "engine": engine},
        "teleports": sum(isinstance(one, VehicleTeleported) for one in events),
        "collisions": sum(isinstance(one, Collision) for one in events),
        "warnings": _warnings(directory.work / SUMO_LOG),
        "wall_s": round(outcome.wall_s, 3),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    records = measure_run(directory.work, manifest=manifest, events=events)
    directory.write_json(KPIS, records_as_json(records))
    path = directory.publish(manifest)
    return Finished(
        run_id, path, scenario.name, scenario.seeds.demand, outcome.end, print_of_events, flat(records), outcome.wall_s
    )


def _parked_s(events: Iterable[Event]) -> dict[str, float]:
    """Return since when cars stand at their sites."""
    since = {one.vehicle_id: one.time_s for one in events if isinstance(one, CarArrived)}
    gone = {one.vehicle_id for one in events if isinstance(one, CarUnfinished) and one.state == "returning"}
    return {vehicle_id: time_s for vehicle_id, time_s in since.items() if vehicle_id not in gone}


def _performance(outcome: Outcome) -> dict[str, Any]:
    return {
        "steps": outcome.steps,
        "vehicle_seconds": outcome.vehicle_seconds,
        "wall_s": round(outcome.wall_s, 3),
        "cpu_s": round(outcome.cpu_s, 3),
        "controller_cpu_s": round(outcome.controller_cpu_s, 3),
        "dispatch_ms": sorted(round(value, 3) for value in outcome.dispatch_ms),
    }


def _versions(sumo: str) -> dict[str, str]:
    lock = Path(__file__).resolve().parents[2] / "requirements.lock"
    found = {"sandbox": version("bitgreen-sandbox"), "sumo": sumo, "python": sys.version.split()[0]}
    if lock.is_file():
        found["lock_sha256"] = hashlib.sha256(lock.read_bytes()).hexdigest()
    return found | {name: version(name) for name in PACKAGES}


def _warnings(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return [line for line in lines if line.startswith("Warning")][:200]


@contextmanager
def _stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Turn SIGINT and SIGTERM into a flag that the loop reads before every step; a second one ends the process."""
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def progress_line(progress: Progress) -> str:
    """Write progress as the JSON line a supervisor reads."""
    return json.dumps({"progress": {
        "time_s": progress.time_s, "begin_s": progress.begin_s, "horizon_s": progress.horizon_s,
        "vehicles": progress.vehicles, "unsettled": progress.unsettled, "goods": progress.goods,
    }})  # fmt: skip
