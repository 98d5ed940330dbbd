"""The service as a process of its own: killed, stopped, started again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from sim.documents import catalogue
from tests.service.conftest import await_status, post, until
from tests.service.scripted import ROOT
from tests.service.scripted_run import KPI

SCRIPTED = [sys.executable, "-m", "tests.service.scripted"]
REAL = [sys.executable, "-c", "from api.server import serve; serve(port=0)"]


class Service:
    """A service's process on a port of its own."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._log = log
        before = log.read_text(encoding="utf-8") if log.exists() else ""
        with log.open("a", encoding="utf-8") as stream:
            self.process = subprocess.Popen(command, cwd=ROOT, stderr=stream)
        until(lambda: "running on" in self._said(before) or self.process.poll() is not None)
        address = next(word for word in self._said(before).split() if word.startswith("http://127.0.0.1:"))
        self.client = httpx.Client(base_url=address, timeout=30)

    def _said(self, before: str) -> str:
        return self._log.read_text(encoding="utf-8").removeprefix(before)

    def end(self, number: signal.Signals) -> int:
        self.client.close()
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


Start = Callable[[list[str]], Service]


@pytest.fixture
def start(sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv("BITGREEN_PORT", "0")
    monkeypatch.setenv("BITGREEN_WORKERS", "2")
    with ExitStack() as stack:

        def start_one(command: list[str]) -> Service:
            service = Service(command, sandbox / "service.log")
            stack.callback(lambda: service.process.poll() is None and service.end(signal.SIGTERM))
            return service

        yield start_one


def test_a_killed_service_leaves_no_half_result_and_forgets_no_run(start: Start, sandbox: Path) -> None:
    data = sandbox / "data"
    service = start(SCRIPTED)
    lost, outlived, waiting = (post(service.client, script)["run_id"] for script in ("deaf", "deaf", "publish"))
    for run_id in (lost, outlived):
        until((data / f".{run_id}.partial").exists)
    service.end(signal.SIGKILL)
    (data / f"{outlived}.go").touch()
    until((data / outlived / "manifest.json").exists)

    service = start(SCRIPTED)
    run = service.client.get(f"/v1/runs/{lost}").json()
    assert run["status"] == "failed"
    assert run["error"]["code"] == "worker_lost"
    assert service.client.get(run["links"]["kpis"]).status_code == httpx.codes.CONFLICT
    assert service.client.get(f"/v1/runs/{outlived}").json()["status"] == "succeeded"
    assert service.client.get(f"/v1/runs/{outlived}/kpis").json()["kpis"] == [KPI]
    assert await_status(service.client, waiting, "succeeded")["fingerprint"] == "print-of-1-1"

    # the lost run's process lives on and tries to publish: it must not
    (data / f"{lost}.go").touch()
    until(lambda: not (data / f".{lost}.partial").exists())
    assert not (data / lost / "manifest.json").exists()
    assert service.client.get(run["links"]["self"]).json() == run


def test_a_stopped_service_ends_its_runs_in_order(start: Start, sandbox: Path) -> None:
    service = start(SCRIPTED)
    held, other, waiting = (post(service.client, script)["run_id"] for script in ("hold", "hold", "publish"))
    for run_id in (held, other):
        until((sandbox / "data" / f".{run_id}.partial").exists)
    service.end(signal.SIGTERM)
    manifest = json.loads((sandbox / "data" / held / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "interrupted"

    service = start(SCRIPTED)
    run = service.client.get(f"/v1/runs/{held}").json()
    assert run["status"] == "interrupted"
    assert service.client.get(run["links"]["kpis"]).json()["kpis"] == [KPI]
    await_status(service.client, waiting, "succeeded")


def test_two_services_never_share_a_data_folder(start: Start, sandbox: Path) -> None:
    start(SCRIPTED)
    done = subprocess.run(SCRIPTED, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert f"another service works in the data folder {sandbox / 'data'}" in done.stderr


@pytest.fixture
def shipped(start: Start, sandbox: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Services with SUMO and the scenarios of the checkout, their data apart."""
    assert (sandbox / "scenarios").is_dir()
    monkeypatch.setenv("BITGREEN_HOME", str(ROOT))
    if "smoke" not in catalogue():
        pytest.skip("scenarios/ has no smoke.yaml")
    return start


def test_smoke_over_http_is_smoke_from_the_command_line(shipped: Start, sandbox: Path) -> None:
    body: dict[str, Any] = {"scenario": "smoke", "seed": 7}
    service = shipped(REAL)
    posted = service.client.post("/v1/runs", json=body).json()
    run = await_status(service.client, posted["run_id"], "succeeded", "failed", "interrupted", within_s=90)
    assert run["status"] == "succeeded", run["error"]
    kpis = service.client.get(run["links"]["kpis"]).json()["kpis"]
    assert kpis == json.loads((sandbox / "data" / run["run_id"] / "kpis.json").read_text(encoding="utf-8"))

    command = [
        sys.executable,
        "-c",
        "from sim.cli import main; main()",
        "run",
        "smoke",
        "--seed",
        "7",
        "--json",
    ]
    line = subprocess.run(
        [*command, "--out", str(sandbox / "line")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert json.loads(line.stdout)["fingerprint"] == run["fingerprint"]


def test_smoke_killed_with_its_service_leaves_nothing(shipped: Start, sandbox: Path) -> None:
    service = shipped(REAL)
    # drawn out, so that there is time to kill it
    body = {"scenario": "smoke", "set": {"time.step_s": 0.05}}
    run_id = service.client.post("/v1/runs", json=body).json()["run_id"]
    partial = sandbox / "data" / f".{run_id}.partial"
    until(lambda: service.client.get(f"/v1/runs/{run_id}").json()["progress"], within_s=60)
    service.end(signal.SIGKILL)

    service = shipped(REAL)
    run = service.client.get(f"/v1/runs/{run_id}").json()
    assert run["status"] == "failed"
    assert run["error"]["code"] == "worker_lost"
    until(lambda: not partial.exists())
    assert not (sandbox / "data" / run_id / "manifest.json").exists()
