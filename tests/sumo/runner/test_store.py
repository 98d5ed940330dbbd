"""The store of runs: a folder, a place elsewhere and a bucket answer alike, and the manifest is the commit."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from sim.documents import load_scenario
from sim.errors import NotFoundError, OutputError, SetupError
from sim.rundir import KPIS, MANIFEST, RunDir
from sim.runner.local import Local
from sim.runner.order import Order
from sim.runner.store import RunStore
from tests.sumo.runner.told import Told

FILES = {
    MANIFEST: b'{"status": "finished", "fingerprint": "f"}',
    KPIS: b'[{"code": "wait_s"}]',
    "events.parquet": b"events",
    "inputs/persons.rou.xml": b"<routes/>",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return _write(tmp_path / "run", FILES)


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    if request.param == "s3":
        return RunStore(f"{request.getfixturevalue('bucket')}/runs/")
    return RunStore(tmp_path / "store" if request.param == "folder" else f"memory://{uuid.uuid4().hex}/runs/")


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def _read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_published_run_is_found_again(store: RunStore, run: Path, tmp_path: Path) -> None:
    assert store.keys() == []
    assert not store.has("k1")
    for key in ("k2", "k1"):
        store.publish(key, run)
    assert store.keys() == ["k1", "k2"]
    assert store.has("k1")
    assert store.manifest("k1")["fingerprint"] == "f"
    assert store.kpis("k1") == [{"code": "wait_s"}]
    assert _read(store.fetch("k1", tmp_path / "again")) == FILES
    assert _read(run) == FILES


def test_what_is_not_there_is_said(store: RunStore, run: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no published run k1 in .*manifest\.json"):
        store.manifest("k1")
    with pytest.raises(NotFoundError, match="no published run k1"):
        store.fetch("k1", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    (run / MANIFEST).unlink()
    with pytest.raises(NotFoundError, match="no published run at"):
        store.publish("k1", run)
    assert store.keys() == []


def test_the_first_run_of_a_key_stays(store: RunStore, run: Path, tmp_path: Path) -> None:
    store.publish("k1", run)
    store.publish("k1", _write(tmp_path / "other", FILES | {MANIFEST: b'{"fingerprint": "other"}'}))
    assert store.manifest("k1")["fingerprint"] == "f"


def test_a_discarded_run_makes_way_unless_it_is_finished(store: RunStore, run: Path, tmp_path: Path) -> None:
    interrupted = _write(tmp_path / "other", FILES | {MANIFEST: b'{"status": "interrupted"}'})
    store.publish("k1", interrupted)
    store.publish("k2", run)
    for key in ("k1", "k2", "never"):
        store.discard(key)
    assert store.keys() == ["k2"]
    store.publish("k1", run)
    assert store.manifest("k1")["status"] == "finished"


def test_what_another_process_is_writing_is_not_discarded(run: Path, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "store")
    (tmp_path / "store" / "k1").mkdir(parents=True)
    with RunDir(tmp_path / "store" / "k2") as writing:
        for key in ("k1", "k2"):
            store.discard(key)
        assert writing.inputs.is_dir()
    assert list((tmp_path / "store").iterdir()) == []
    elsewhere = RunStore(f"memory://{uuid.uuid4().hex}")
    elsewhere.publish("k1", run)
    path = elsewhere._path("k1", MANIFEST)
    elsewhere._files.rm_file(path)  # an upload that is under way
    elsewhere.discard("k1")
    elsewhere._files.pipe_file(path, FILES[MANIFEST])
    assert _read(elsewhere.fetch("k1", tmp_path / "again")) == FILES


def test_a_run_that_is_published_while_way_is_made_stays(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = RunStore(tmp_path / "store")
    exists = Path.exists

    def exists_and_then_published(path: Path) -> bool:
        there = exists(path)
        if path.name == "k1" and not there:
            store.publish("k1", run)
        return there

    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", exists_and_then_published)
        store.discard("k1")
    assert _read(tmp_path / "store" / "k1") == FILES
    assert store.keys() == ["k1"]


def test_nothing_is_fetched_over_something(store: RunStore, run: Path, tmp_path: Path) -> None:
    store.publish("k1", run)
    (tmp_path / "mine").mkdir()
    with pytest.raises(OutputError, match="exists already"):
        store.fetch("k1", tmp_path / "mine")


def test_an_upload_that_was_cut_off_is_no_run(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(f"memory://{uuid.uuid4().hex}")
    put = MemoryFileSystem.put_file
    names: list[str] = []

    def cut_off(self: MemoryFileSystem, source: str, target: str, **options: Any) -> None:  # noqa: ANN401
        names.append(Path(target).name)
        if len(names) == 2:
            self.pipe_file(target, b"hal")
            msg = "connection reset"
            raise ConnectionResetError(msg)
        put(self, source, target, **options)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "put_file", cut_off)
        with pytest.raises(OutputError, match="connection reset"):
            store.publish("k1", run)
    assert len(names) == 2
    assert MANIFEST not in names
    assert not store.has("k1")
    assert store.keys() == []
    store.publish("k1", run)
    assert _read(store.fetch("k1", tmp_path / "again")) == FILES


def test_a_copy_that_was_cut_off_leaves_nothing(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RunStore(tmp_path / "store")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", full)
        with pytest.raises(OutputError, match="No space left"):
            store.publish("k1", run)
    assert list((tmp_path / "store").iterdir()) == []


def test_a_folder_is_known_as_one(tmp_path: Path) -> None:
    for url in (tmp_path, str(tmp_path), f"file://{tmp_path}"):
        assert RunStore(url).local_path("k1") == tmp_path / "k1"
    assert RunStore("memory://x").local_path("k1") is None


@pytest.mark.parametrize("key", ["", "../k", "a/b", ".hidden"])
def test_a_key_is_a_plain_name(store: RunStore, key: str) -> None:
    with pytest.raises(OutputError, match="the key of a run"):
        store.has(key)


@pytest.mark.parametrize("url", ["nonsense://bucket/x", "s3n+x://bucket"])
def test_an_unknown_kind_of_place_is_said(url: str) -> None:
    with pytest.raises(SetupError, match=f"{url.replace('+', '.')} cannot be opened"):
        RunStore(url)


def test_a_damaged_manifest_is_said(store: RunStore, run: Path) -> None:
    (run / MANIFEST).write_text(json.dumps(["not", "a", "manifest"]))
    store.publish("k1", run)
    with pytest.raises(OutputError, match="must hold a mapping"):
        store.manifest("k1")


def test_a_run_uploads_itself_and_leaves_no_folder(tmp_path: Path) -> None:
    # a URL for fsspec that is no folder of this machine to the store, but is one to this test
    url = f"dir::file://{tmp_path / 'store'}"
    order = Order("key", load_scenario("smoke"), tmp_path / "staging" / "key", store=url)
    _write(order.out, FILES)  # a process that was killed before its upload has left this
    told = Told()
    Local(1).carry_out([order], report=told.report, ended=told.ended)
    finished = told.finished("key")
    assert finished.path is None
    assert RunStore(url).local_path("key") is None
    assert RunStore(url).manifest("key")["fingerprint"] == finished.fingerprint
    assert list((tmp_path / "staging").iterdir()) == []
