"""Transitions of a run are guarded, and whole or not at all."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from api.errors import ConflictError, QueueFullError
from api.runs.model import Results, Run, RunError, RunRequest, RunStatus
from api.runs.store import Store
from sim.errors import NotFoundError
from sim.kpi.record import KpiRecord
from tests.service.scripted_run import KPI

RESULTS = Results(
    RunStatus.SUCCEEDED, "abc", [KpiRecord.from_document(KPI), KpiRecord("wait_s", "p95", "all", 9.5, "s", 7)]
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "rows.sqlite3")
    yield store
    store.close()


def add(store: Store, run_id: str, *, max_queued: int = 100) -> Run:
    return store.add(RunRequest(run_id, "tiny", "hash", {"seeds": {}}, {}), max_queued=max_queued)


def claimed(store: Store, run_id: str = "a") -> Run:
    add(store, run_id)
    run = store.claim()
    assert run is not None
    return run


def test_durable_and_shared(tmp_path: Path, store: Store) -> None:
    add(store, "a")
    with sqlite3.connect(tmp_path / "rows.sqlite3") as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_first_come_first_claimed(store: Store) -> None:
    for name in "abc":
        add(store, name)
    runs = [store.claim() for _ in range(4)]
    assert [run and run.run_id for run in runs] == ["a", "b", "c", None]
    assert {run.status for run in runs if run} == {RunStatus.RUNNING}
    assert [run.run_id for run in store.running()] == ["a", "b", "c"]


def test_a_released_run_keeps_its_place(store: Store) -> None:
    first = claimed(store, "a")
    add(store, "b")
    store.release(first)
    assert dataclasses.replace(first, status=RunStatus.QUEUED, started=None) == store.get("a")
    again = store.claim()
    assert again is not None
    assert again.run_id == "a"


def test_many_claimants_share_no_run(store: Store) -> None:
    for number in range(40):
        add(store, f"run-{number}")
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: store.claim(), range(50)))
    names = [run.run_id for run in runs if run]
    assert sorted(names) == sorted(f"run-{number}" for number in range(40))


def test_many_arrivals_share_no_place(store: Store) -> None:
    def arrive(number: int) -> bool:
        try:
            add(store, f"run-{number}", max_queued=5)
        except QueueFullError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(arrive, range(30))) == 5
    assert len(store.newest(limit=100)) == 5


@pytest.mark.parametrize(
    "transition",
    [
        lambda store, run: store.finish(run, RESULTS),
        lambda store, run: store.fail(run, RunError("late", "too late")),
        lambda store, run: store.release(run),
    ],
)
def test_what_is_final_stays(store: Store, transition: Callable[[Store, Run], None]) -> None:
    run = claimed(store)
    store.finish(run, RESULTS)
    before, kpis = store.get("a"), store.kpis(run)
    with pytest.raises(ConflictError, match="not running any more"):
        transition(store, run)
    assert store.get("a") == before
    assert store.kpis(run) == kpis == RESULTS.kpis


def test_a_queued_run_cannot_finish(store: Store) -> None:
    run = add(store, "a")
    with pytest.raises(ConflictError):
        store.finish(run, RESULTS)
    assert store.kpis(run) == []


def test_results_are_stored_whole_or_not_at_all(store: Store) -> None:
    run = claimed(store)
    broken = KpiRecord("wait_s", "mean", "all", float("nan"), "s", 0)  # SQLite takes it for NULL
    with pytest.raises(IntegrityError):
        store.finish(run, dataclasses.replace(RESULTS, kpis=[*RESULTS.kpis, broken]))
    assert store.get("a").status is RunStatus.RUNNING
    assert store.kpis(run) == []


def test_moments_keep_their_zone(store: Store) -> None:
    run = claimed(store)
    store.fail(run, RunError("crashed", "for a reason"))
    ended = store.get("a")
    assert ended.error == RunError("crashed", "for a reason")
    assert ended.started is not None
    assert ended.finished is not None
    assert ended.created.utcoffset() is not None
    assert ended.created <= ended.started <= ended.finished


def test_an_unknown_run(store: Store) -> None:
    with pytest.raises(NotFoundError, match="'b'"):
        store.get("b")
