"""Runs on this machine while something kills them: the others go on, nothing stays half-written, all is told."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from sim.rundir import read_manifest
from tests.chaos.conftest import LONG, SMOKE, Processes, StartDriver, until

pytestmark = pytest.mark.chaos


def _published(folder: Path) -> list[str]:
    """Return what lies in the folder of the runs, hidden things too."""
    return sorted(path.name for path in folder.iterdir())


def test_a_killed_run_is_told_of_and_the_others_go_on(
    start_driver: StartDriver, processes: Processes, tmp_path: Path
) -> None:
    driver = start_driver({"a": LONG, "b": SMOKE, "c": SMOKE}, workers=1)
    until(lambda: "a" in driver.progress, "a run is under way")
    (child,) = processes.runs()
    os.kill(child, signal.SIGKILL)
    assert driver.end() == 0
    assert driver.ends["a"]["code"] == "crashed"
    assert "code -9" in driver.ends["a"]["detail"]
    assert [driver.ends[name]["status"] for name in ("b", "c")] == ["finished"] * 2
    assert _published(tmp_path / "runs") == ["b", "c"]


def test_a_killed_driver_takes_its_runs_with_it_and_leaves_the_finished_ones(
    start_driver: StartDriver, processes: Processes, tmp_path: Path
) -> None:
    driver = start_driver({"a": SMOKE, "b": LONG}, workers=1)
    until(lambda: "b" in driver.progress, "the second run is under way")
    driver.process.kill()
    driver.process.wait()
    processes.await_none(within_s=20)
    assert "finished" in driver.ends["a"]["status"]
    assert read_manifest(tmp_path / "runs" / "a")["status"] == "finished"
    assert not (tmp_path / "runs" / "b").exists()
    # the same orders again: what the killed run left does not stand in its way
    again = start_driver({"b": SMOKE}, workers=1)
    assert again.end() == 0
    assert _published(tmp_path / "runs") == ["a", "b"]


def test_ctrl_c_ends_all_runs_in_order(start_driver: StartDriver, processes: Processes, tmp_path: Path) -> None:
    driver = start_driver({"a": LONG, "b": LONG, "c": LONG})
    until(lambda: driver.progress == {"a", "b"}, "two runs are under way")
    driver.process.send_signal(signal.SIGINT)
    assert driver.end(within_s=40) == 130
    assert driver.told == {"interrupted": True}
    assert {name: end["status"] for name, end in driver.ends.items()} == {"a": "interrupted", "b": "interrupted"}
    assert _published(tmp_path / "runs") == ["a", "b"]
    assert processes.find("") == []


def test_ctrl_c_twice_kills(start_driver: StartDriver, processes: Processes, tmp_path: Path) -> None:
    driver = start_driver({"a": LONG})
    until(lambda: driver.progress, "the run is under way")
    (child,) = processes.runs()
    os.kill(child, signal.SIGSTOP)  # it does not listen
    until(lambda: _status(child)["State"].startswith("T"), "the run has stopped")
    driver.process.send_signal(signal.SIGINT)
    until(lambda: _pending(child, signal.SIGTERM), "the run was asked to end")
    driver.process.send_signal(signal.SIGINT)
    assert driver.end(within_s=10) not in {0, 1}
    assert processes.find("") == []
    assert not (tmp_path / "runs" / "a").exists()


def _status(pid: int) -> dict[str, str]:
    return dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())


def _pending(pid: int, number: signal.Signals) -> bool:
    """Whether a signal waits for the process."""
    status = _status(pid)
    return bool((int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)) >> (number - 1) & 1)


def test_a_full_disk_fails_the_run_and_leaves_nothing(start_driver: StartDriver, tmp_path: Path) -> None:
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, most[1]))  # children are born with it
        driver = start_driver({"a": SMOKE})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert driver.end() == 0
    assert driver.ends["a"]["code"] in {"output", "engine", "crashed"}, driver.ends
    assert _published(tmp_path / "runs") == []


def test_a_run_that_crashes_sumo_is_told_of(
    start_driver: StartDriver, crashing: Mapping[str, str], processes: Processes, tmp_path: Path
) -> None:
    use = "controllers.shuttle={use: crashing, parameters: {what: %s}}"
    runs = {
        "library": {**SMOKE, "overrides": [use % "library"]},
        "process": {**SMOKE, "overrides": [use % "process"], "engine": "traci"},
        "good": SMOKE,
    }
    driver = start_driver(runs, env=crashing)
    assert driver.end() == 0
    assert driver.ends["library"]["code"] == "crashed"
    assert f"code -{signal.SIGSEGV.value}" in driver.ends["library"]["detail"]
    assert "Connection closed by SUMO" in driver.ends["process"]["detail"]
    assert driver.ends["good"]["status"] == "finished"
    assert _published(tmp_path / "runs") == ["good"]
    assert processes.find("") == []
