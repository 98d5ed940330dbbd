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

from sim.scenario import catalogue
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
    monkeypatch.setenv("BITGREEN_WORKERS", "1")
    with ExitStack() as stack:

        def start_one(command: list[str]) -> Service:
            service = Service(command, sandbox / "service.log")
            stack.callback(lambda: service.process.poll() is None and service.end(signal.SIGTERM))
            return service

        yield start_one


def test_a_killed_service_leaves_no_half_result_and_forgets_no_run(start: Start, sandbox: Path) -> None:
    service = start(SCRIPTED)
    lost, waiting = post(service.client, "deaf")["run_id"], post(service.client)["run_id"]
    final = sandbox / "data" / lost
    partial = final.with_name(f".{lost}.partial")
    await_status(service.client, lost, "running")
    until(partial.exists)
    service.end(signal.SIGKILL)

    service = start(SCRIPTED)
    run = await_status(service.client, lost, "failed", "succeeded", "interrupted")
    assert run["status"] == "failed"
    assert run["error"]["code"] == "worker_lost"
    assert service.client.get(run["links"]["kpis"]).status_code == httpx.codes.CONFLICT
    assert await_status(service.client, waiting, "succeeded")["fingerprint"] == "print-of-1-1"

    # the lost run's process lives on and tries to publish: it must not
    final.with_name(f"{lost}.go").touch()
    until(lambda: not partial.exists())
    assert not (final / "manifest.json").exists()
    assert service.client.get(run["links"]["self"]).json() == run


def test_a_run_published_while_no_service_was_there_counts(start: Start, sandbox: Path) -> None:
    service = start(SCRIPTED)
    run_id = post(service.client, "deaf")["run_id"]
    await_status(service.client, run_id, "running")
    until((sandbox / "data" / f".{run_id}.partial").exists)
    service.end(signal.SIGKILL)
    (sandbox / "data" / f"{run_id}.go").touch()
    until((sandbox / "data" / run_id / "manifest.json").exists)

    service = start(SCRIPTED)
    run = await_status(service.client, run_id, "succeeded", "failed")
    assert run["status"] == "succeeded"
    assert service.client.get(run["links"]["kpis"]).json()["kpis"] == [KPI]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_service_ends_its_runs_in_order(
    start: Start, sandbox: Path, number: signal.Signals
) -> None:
    service = start(SCRIPTED)
    held, waiting = post(service.client, "hold")["run_id"], post(service.client)["run_id"]
    await_status(service.client, held, "running")
    until((sandbox / "data" / f".{held}.partial").exists)
    service.end(number)
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


def test_a_client_that_goes_away_changes_nothing(start: Start) -> None:
    service = start(SCRIPTED)
    run_id = post(service.client)["run_id"]
    service.client.close()
    with httpx.Client(base_url=service.client.base_url, timeout=30) as other:
        assert await_status(other, run_id, "succeeded")["status"] == "succeeded"


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
