from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.errors import OutputError
from sim.experiment import drive
from sim.experiment.drive import Outcome, State, Watch, carry_out, look
from sim.experiment.found import find_run
from sim.experiment.frames import RESULTS, RUNS, read
from sim.rundir import KPIS, MANIFEST
from sim.runner.store import DamagedRunError, RunStore
from tests.unit.experiment.bench import Made, design

DAMAGE: list[tuple[str, bytes | None, str]] = [
    (MANIFEST, b"{}", "lacks status: found nothing"),
    (MANIFEST, b"{", "manifest.json cannot be read"),
    (MANIFEST, b"[1]", "must hold a mapping, found list"),
    (MANIFEST, b'{"status": "finished", "fingerprint": 3}', "lacks fingerprint: found 3"),
    (KPIS, None, "kpis.json is missing"),
    (KPIS, b"\xff\xfe", "kpis.json cannot be read"),
    (KPIS, b"{}", "must hold a list, found dict"),
    (KPIS, b'[{"code": "wait_s"}]', "record 0 lacks stat: found nothing"),
    (KPIS, b"[" * 100_000, "kpis.json cannot be read"),
]


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "store" if request.param == "folder" else f"memory://{uuid.uuid4().hex}/runs")


@pytest.fixture(autouse=True)
def _unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "check", lambda _: None)


def go(folder: Path, store: RunStore, backend: Made, watch: Watch | None = None) -> Outcome:
    return carry_out(design(grid={}), folder, store=store, backend=backend, watch=watch)


def damage(store: RunStore, key: str, name: str, content: bytes | None) -> None:
    path = store._path(key, name)
    if content is None:
        store._files.rm_file(path)
    else:
        store._files.pipe_file(path, content)


@pytest.mark.parametrize(("name", "content", "told"), DAMAGE)
def test_a_damaged_run_is_told_and_made_again(
    tmp_path: Path, store: RunStore, name: str, content: bytes | None, told: str
) -> None:
    before = go(tmp_path / "trial", store, Made()).frames
    key = before.runs["run"][1]
    damage(store, key, name, content)
    with pytest.raises(DamagedRunError, match=told):
        find_run(store, key)
    again, heard = Made(), list[str]()
    outcome = go(tmp_path / "trial", store, again, Watch(damaged=lambda _, fault: heard.append(fault)))
    assert again.carried == [key]
    assert outcome.changed
    assert list(outcome.frames.runs["status"]) == ["finished"] * 3
    assert outcome.frames.results.equals(before.results)
    assert len(heard) == 1
    assert told in heard[0]
    nothing = Made()
    assert not go(tmp_path / "trial", store, nothing).changed
    assert nothing.carried == []


def test_what_is_left_of_a_damaged_run_stays_and_finished_ones_are_not_touched(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "store")
    keys = list(go(tmp_path / "trial", store, Made()).frames.runs["run"])
    for round_ in (1, 2):
        damage(store, keys[0], KPIS, b"half")
        others = {key: (tmp_path / "store" / key / KPIS).stat().st_mtime_ns for key in keys[1:]}
        go(tmp_path / "trial", store, Made())
        aside = tmp_path / "store" / f".{keys[0]}.damaged-{round_}"
        assert (aside / KPIS).read_bytes() == b"half"
        assert json.loads((aside / MANIFEST).read_text())["status"] == "finished"
        assert others == {key: (tmp_path / "store" / key / KPIS).stat().st_mtime_ns for key in keys[1:]}
    assert store.keys() == sorted(keys)


def test_a_run_without_manifest_is_none_and_its_remains_stay(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "store")
    key = go(tmp_path / "trial", store, Made()).frames.runs["run"][0]
    damage(store, key, MANIFEST, None)
    again = Made()
    go(tmp_path / "trial", store, again)
    assert again.carried == [key]
    assert (tmp_path / "store" / f".{key}.damaged-1" / KPIS).is_file()


def test_a_store_that_cannot_be_read_loses_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path / "store")
    go(tmp_path / "trial", store, Made())
    backend = Made()

    def refuses(*_: object, **__: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(type(store._files), "cat_file", refuses)
        with pytest.raises(OutputError, match=r"cannot be used: .*Permission denied"):
            go(tmp_path / "trial", store, backend)
    assert backend.carried == []
    assert look(design(grid={}), store) == State((), {})


def _garbage(path: Path) -> None:
    path.write_bytes(b"PAR1 and nothing more")


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _other_columns(path: Path) -> None:
    frame = read(path.parent).runs[["variant", "wall_s"]]
    frame.to_parquet(path)


@pytest.mark.parametrize("name", [RUNS, RESULTS])
@pytest.mark.parametrize("harm", [Path.unlink, _garbage, _cut_off, _other_columns])
def test_damaged_tables_are_written_anew(tmp_path: Path, name: str, harm: Callable[[Path], None]) -> None:
    store = RunStore(tmp_path / "store")
    before = go(tmp_path / "trial", store, Made()).frames
    harm(tmp_path / "trial" / name)
    with pytest.raises(OutputError, match="carried out again"):
        read(tmp_path / "trial")
    backend = Made()
    outcome = go(tmp_path / "trial", store, backend)
    assert backend.carried == []
    assert outcome.changed
    after = read(tmp_path / "trial")
    assert after.runs.equals(before.runs)
    assert after.results.equals(before.results)
