"""The store of runs in a bucket, over HTTP: what the server sees, and what its refusals and silences come to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from fsspec import config

from sim.errors import NotFoundError, OutputError
from sim.rundir import KPIS, MANIFEST, VEHICLES
from sim.runner import bucket as client
from sim.runner.store import RunStore
from tests.sumo.runner.s3_server import Answer, Asked, S3Server

FILES = {
    MANIFEST: b'{"status": "finished", "fingerprint": "f"}',
    KPIS: b'[{"code": "wait_s"}]',
    "zz-last-by-name.log": b"log",
    "inputs/persons.rou.xml": b"<routes/>",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write(tmp_path / "run", FILES)


@dataclass
class Silent:
    """An endpoint that takes every connection and never answers."""

    url: str
    taken: list[socket.socket] = field(default_factory=list)

    def listen(self, listening: socket.socket) -> None:
        with suppress(OSError):  # it was shut down
            while True:
                self.taken.append(listening.accept()[0])


@pytest.fixture
def silent() -> Iterator[Silent]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        endpoint = Silent(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread = threading.Thread(target=endpoint.listen, args=(listening,), daemon=True)
        thread.start()
        yield endpoint
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        for one in endpoint.taken:
            one.close()


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def name_of(url: str) -> str:
    return url.removeprefix("s3://")


def test_the_server_sees_the_manifest_last(s3: S3Server, bucket: str, run: Path) -> None:
    RunStore(f"{bucket}/deep/runs").publish("k1", run)
    puts = [path.removeprefix(f"/{name_of(bucket)}/deep/runs/k1/") for path in s3.puts()]
    assert sorted(puts) == sorted(FILES)
    assert puts[-1] == MANIFEST
    assert [one.method for one in s3.asked] == ["GET"] + ["PUT"] * len(FILES)  # nothing is made or asked for beside


def test_a_bucket_itself_may_be_the_store(s3: S3Server, bucket: str, run: Path, tmp_path: Path) -> None:
    store = RunStore(bucket)
    store.publish("k1", run)
    assert store.keys() == ["k1"]
    assert read(store.fetch("k1", tmp_path / "again")) == FILES
    assert f"/{name_of(bucket)}/k1/{MANIFEST}" in s3.puts()


def test_a_large_file_comes_whole(
    s3: S3Server, bucket: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the smallest that S3 takes; s3fs takes 50 MB, so that files below 100 MB are one request
    monkeypatch.setattr("s3fs.core.calculate_chunksize", lambda *_, **__: 5 * 2**20)
    files = {**FILES, "events.parquet": bytes(range(256)) * (11 * 2**12)}
    write(run, files)
    store = RunStore(f"{bucket}/runs")
    store.publish("k1", run)
    assert sum("partNumber" in one.query for one in s3.asked) == 3
    assert s3.puts()[-1].endswith(MANIFEST)
    assert read(store.fetch("k1", tmp_path / "again")) == files


def test_one_file_is_brought_or_is_missing(bucket: str, run: Path, tmp_path: Path) -> None:
    store = RunStore(f"{bucket}/runs")
    store.publish("k1", run)
    assert store.file("k1", KPIS, tmp_path).read_bytes() == FILES[KPIS]
    assert not store.file("k1", VEHICLES, tmp_path).exists()


def test_runs_are_listed_beyond_one_page(s3: S3Server, bucket: str) -> None:
    store = RunStore(f"{bucket}/runs")
    keys = [f"k{number:04d}" for number in range(1100)]
    names = (MANIFEST, KPIS, f"inputs/{MANIFEST}")
    s3.fill(name_of(bucket), [f"runs/{key}/{name}" for key in keys for name in names])
    s3.fill(name_of(bucket), [f"runs/cut-off/{KPIS}", f"elsewhere/k1/{MANIFEST}", MANIFEST])
    assert store.keys() == keys
    assert ["list-type=2" in one.query for one in s3.asked] == [True] * 4  # 3,301 objects, 1,000 a page


def test_an_upload_that_was_cut_off_is_no_run(s3: S3Server, bucket: str, run: Path, tmp_path: Path) -> None:
    store = RunStore(f"{bucket}/runs")
    s3.before = lambda one: (403, "AccessDenied") if one.method == "PUT" and one.path.endswith(".log") else None
    with pytest.raises(OutputError, match=rf"{bucket}/runs cannot be used: AccessDenied by the test"):
        store.publish("k1", run)
    assert any(path.endswith(KPIS) for path in s3.puts())
    assert not any(path.endswith(MANIFEST) for path in s3.puts())
    assert not store.has("k1")
    assert store.keys() == []
    store.discard("k1")
    s3.before = lambda _: None
    store.publish("k1", run)
    assert read(store.fetch("k1", tmp_path / "again")) == FILES


def test_a_server_that_is_busy_is_asked_again(s3: S3Server, bucket: str, run: Path, tmp_path: Path) -> None:
    seen: set[str] = set()

    def busy_once(one: Asked) -> Answer | None:
        first = one.path not in seen
        seen.add(one.path)
        return (503, "SlowDown") if first and one.path.endswith((MANIFEST, KPIS)) else None

    s3.before = busy_once
    store = RunStore(f"{bucket}/runs")
    store.publish("k1", run)
    assert read(store.fetch("k1", tmp_path / "again")) == FILES


def test_two_writers_of_one_key_leave_one_whole_run(s3: S3Server, bucket: str, tmp_path: Path) -> None:
    runs = [
        write(tmp_path / str(one), {name: content + b" " * one for name, content in FILES.items()}) for one in (0, 1)
    ]
    both = threading.Barrier(2, timeout=20)

    def together(one: Asked) -> None:
        if one.method == "PUT" and one.path.endswith(KPIS):
            both.wait()  # neither has seen the other's manifest

    s3.before = together
    store = RunStore(f"{bucket}/runs")
    with ThreadPoolExecutor(2) as pool:
        for end in [pool.submit(store.publish, "k1", run) for run in runs]:
            end.result()
    assert len(s3.puts()) == 2 * len(FILES)
    assert store.keys() == ["k1"]
    for name, content in read(store.fetch("k1", tmp_path / "again")).items():
        assert content in {(run / name).read_bytes() for run in runs}, name


def test_a_run_that_is_removed_while_it_is_fetched_is_said(
    s3: S3Server, bucket: str, run: Path, tmp_path: Path
) -> None:
    store = RunStore(f"{bucket}/runs")
    store.publish("k1", run)
    s3.before = lambda one: (404, "NoSuchKey") if one.path.endswith(KPIS) else None
    with pytest.raises(NotFoundError, match=f"k1 in {bucket}/runs went away"):
        store.fetch("k1", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_two_drivers_may_discard_one_run(s3: S3Server, bucket: str, run: Path) -> None:
    store = RunStore(f"{bucket}/runs")
    (run / MANIFEST).write_text(json.dumps({"status": "interrupted"}))
    store.publish("k1", run)

    def other_driver(one: Asked) -> None:
        if one.method == "DELETE":
            s3.before = lambda _: None
            other = RunStore(f"{bucket}/runs")
            other._files = type(other._files)(skip_instance_cache=True)
            other.discard("k1")

    s3.before = other_driver
    store.discard("k1")
    assert store._files.find(f"{name_of(bucket)}/runs") == []


def test_a_missing_bucket_is_said_and_not_made(s3: S3Server, run: Path, tmp_path: Path) -> None:
    store = RunStore("s3://not-there/runs")
    said = r"s3://not-there/runs cannot be used: The specified bucket does not exist"
    for ask in (lambda: store.has("k1"), store.keys, lambda: store.publish("k1", run), lambda: store.discard("k1")):
        with pytest.raises(OutputError, match=said):
            ask()
    with pytest.raises(OutputError, match=said):
        store.fetch("k1", tmp_path / "again")
    assert s3.puts() == []


def test_wrong_credentials_are_said(s3: S3Server, bucket: str, run: Path) -> None:
    store = RunStore(f"{bucket}/runs")
    s3.ask_for_credentials()
    said = rf"{bucket}/runs cannot be used: The AWS Access Key Id you provided does not exist"
    for ask in (lambda: store.has("k1"), store.keys, lambda: store.publish("k1", run)):
        with pytest.raises(OutputError, match=said):
            ask()


def test_no_credentials_are_said(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(OutputError, match=f"{bucket}/runs cannot be used: Unable to locate credentials"):
        RunStore(f"{bucket}/runs").has("k1")


def test_an_endpoint_that_makes_no_sense_is_said(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")
    with pytest.raises(OutputError, match=f"{bucket}/runs cannot be used: Invalid endpoint: nonsense"):
        RunStore(f"{bucket}/runs").keys()


def test_a_dead_endpoint_is_said(s3: S3Server, monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    with pytest.raises(OutputError, match=rf"s3://any/runs cannot be used: Could not connect .*127\.0\.0\.1:{port}"):
        RunStore("s3://any/runs").publish("k1", run)
    assert s3.asked == []


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("attempts", [None, 2])
def test_a_silent_endpoint_is_said_after_a_few_attempts(
    silent: Silent, monkeypatch: pytest.MonkeyPatch, attempts: int | None
) -> None:
    monkeypatch.setattr(client, "READ_S", 0.2)
    monkeypatch.setenv("AWS_ENDPOINT_URL", silent.url)
    if attempts is not None:
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", str(attempts))
    with pytest.raises(OutputError, match="s3://any/runs cannot be used: Read timeout on endpoint"):
        RunStore("s3://any/runs").has("k1")
    assert len(silent.taken) == (attempts or client.ATTEMPTS)


def test_the_users_own_patience_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    monkeypatch.setitem(config.conf, "s3", {"config_kwargs": {"read_timeout": 60}})
    assert client.options("s3://bucket/runs")["config_kwargs"] == {"connect_timeout": 5, "read_timeout": 60}
    assert client.options("/srv/runs") == {}
