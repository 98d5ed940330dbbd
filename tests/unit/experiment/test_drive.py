from __future__ import annotations

import fcntl
import uuid
from pathlib import Path

import pandas as pd
import pytest

from sim.errors import OutputError, ScenarioError
from sim.experiment import drive
from sim.experiment.design import check
from sim.experiment.drive import Outcome, Watch, carry_out
from sim.experiment.frames import DESIGN, RESULTS, RUNS, read
from sim.runner.store import RunStore
from tests.unit.experiment.bench import Made, design


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "store" if request.param == "folder" else f"memory://{uuid.uuid4().hex}/runs")


@pytest.fixture(autouse=True)
def _unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing the people of every variant takes a second each time."""
    monkeypatch.setattr(drive, "check", lambda _: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "experiments" / "trial"


def go(folder: Path, store: RunStore, backend: Made, **fields: object) -> Outcome:
    return carry_out(design(**fields), folder, store=store, backend=backend)


def statuses(folder: Path) -> list[str]:
    return list(read(folder).runs["status"])


def test_every_run_has_its_row_and_every_kpi_of_every_run(folder: Path, store: RunStore) -> None:
    outcome = go(folder, store, Made())
    runs, results = outcome.frames.runs, outcome.frames.results
    assert list(runs["variant"]) == ["fleet.count=2"] * 3 + ["fleet.count=4"] * 3
    assert list(runs["fleet.count"]) == [2, 2, 2, 4, 4, 4]
    assert list(runs["demand_seed"]) == list(runs["sumo_seed"]) == [1, 2, 3] * 2
    assert set(runs["status"]) == {"finished"}
    waits = results[results["key"] == "wait_s"]
    assert list(waits["value"]) == [100, 200, 300, 50, 100, 150]
    assert list(waits["run"]) == list(runs["run"])
    assert set(results["key"]) == {"wait_s", "wait_s.p50", "wait_s.p90", "wait_s.p95", "wait_s.max", "requests_served"}
    pd.testing.assert_frame_equal(read(folder).results, results)


def test_finished_runs_are_found_again(folder: Path, store: RunStore, tmp_path: Path) -> None:
    go(folder, store, Made())
    again = Made()
    outcome = go(folder, store, again)
    assert again.carried == []
    assert not outcome.changed
    more = Made()
    assert go(tmp_path / "larger", store, more, seeds=4).changed
    assert len(more.carried) == 2


def test_a_failed_run_is_told_and_tried_again(folder: Path, store: RunStore) -> None:
    outcome = go(folder, store, Made(fails=[2]))
    assert [row[:3] for row in outcome.failed] == [("fleet.count=2", 2, 2), ("fleet.count=4", 2, 2)]
    assert outcome.failed[0][3] == "crashed: SUMO was killed"
    assert statuses(folder) == ["finished", "failed", "finished"] * 2
    again = Made()
    assert go(folder, store, again).failed == []
    assert len(again.carried) == 2


def test_an_interrupted_run_counts_as_failed_and_gives_way_to_the_finished_one(folder: Path, store: RunStore) -> None:
    assert len(go(folder, store, Made(interrupted=[1])).failed) == 2
    assert go(folder, store, Made()).failed == []
    assert statuses(folder) == ["finished"] * 6


def test_ctrl_c_keeps_what_is_finished_and_the_next_start_goes_on(folder: Path, store: RunStore) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(folder, store, Made(stops_after=2))
    assert statuses(folder) == ["finished", "finished", "missing", "missing", "missing", "missing"]
    again = Made()
    go(folder, store, again)
    assert len(again.carried) == 4
    assert statuses(folder) == ["finished"] * 6


def test_a_changed_design_under_the_old_name_is_refused(folder: Path, store: RunStore) -> None:
    go(folder, store, Made())
    before = {path: path.read_bytes() for path in (folder / DESIGN, folder / RUNS, folder / RESULTS)}
    changed = Made()
    with pytest.raises(ScenarioError, match=r"has another design: it differs in experiment.grid.fleet.count"):
        go(folder, store, changed, grid={"fleet.count": [2, 6]})
    assert changed.carried == []
    assert {path: path.read_bytes() for path in before} == before


def test_nothing_starts_when_people_cannot_be_drawn(
    folder: Path, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drive, "check", check)
    backend = Made()
    with pytest.raises(ScenarioError, match=r"(?s)variant 'fleet.count=2': .*no_such_site"):
        go(folder, store, backend, set={"demand.commuters.destinations": ["no_such_site"]})
    assert backend.carried == []


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (FileNotFoundError("no such bucket"), "no such bucket"),
        (NotImplementedError(), "NotImplementedError"),
    ],
)
def test_a_store_that_cannot_be_written_starts_nothing_and_keeps_no_design(
    folder: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, told: str
) -> None:
    store = RunStore(f"memory://{uuid.uuid4().hex}/runs")

    def refuses(*_: object, **__: object) -> None:
        raise fault

    backend = Made()
    with monkeypatch.context() as patch:
        patch.setattr(type(store._files), "pipe_file", refuses)
        with pytest.raises(OutputError, match=rf"the store of runs .* cannot be (used|written): .*{told}"):
            go(folder, store, backend)
    assert backend.carried == []
    assert not (folder / DESIGN).exists()
    assert statuses_after(folder, store) == ["finished"] * 6


def test_a_store_that_forbids_removal_or_is_probed_by_another_is_writable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for fault in (PermissionError(13, "Permission denied"), FileNotFoundError()):
        store = RunStore(f"memory://{uuid.uuid4().hex}/runs")

        def refuses(*_: object, fault: Exception = fault) -> None:
            raise fault

        with monkeypatch.context() as patch:
            patch.setattr(type(store._files), "rm_file", refuses)
            assert go(folder, store, Made()).failed == []
        assert len(store.keys()) == 6


def statuses_after(folder: Path, store: RunStore) -> list[str]:
    go(folder, store, Made(), grid={"fleet.count": [3, 5]})  # nothing forbids another design
    return statuses(folder)


def test_two_at_once_are_refused(folder: Path, store: RunStore) -> None:
    folder.mkdir(parents=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(OutputError, match="another process carries out the experiment"):
            go(folder, store, Made())


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "Expecting"),
        ("{}", "it lacks experiment and scenarios"),
        ("[1]", "it lacks"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_damaged_design_is_told(folder: Path, store: RunStore, text: str, fault: str) -> None:
    folder.mkdir(parents=True)
    (folder / DESIGN).write_text(text)
    with pytest.raises(OutputError, match=rf"design.json is damaged: .*{fault}.*; remove the folder"):
        go(folder, store, Made())


def test_the_watch_hears_of_every_run(folder: Path, store: RunStore) -> None:
    heard: list[object] = []
    watch = Watch(
        begins=lambda *numbers: heard.append(numbers),
        progress=lambda run, at: heard.append((run.seeds.demand, at["time_s"])),
        ends=lambda run, fault: heard.append((run.seeds.demand, fault)),
    )
    carry_out(design(grid={}), folder, store=store, backend=Made(fails=[3]), watch=watch)
    assert heard == [(3, 0), (1, 5), (1, None), (2, 5), (2, None), (3, 5), (3, "crashed: SUMO was killed")]


def test_values_of_several_kinds_share_a_column(folder: Path, store: RunStore) -> None:
    outcome = go(folder, store, Made(), grid={"fleet.depot": [None, "depot"]})
    assert list(outcome.frames.runs["fleet.depot"].isna()) == [True] * 3 + [False] * 3
