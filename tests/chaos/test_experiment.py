"""An experiment whose driver is killed or stopped: what was finished is kept, and the whole comes out the same."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from sim.rundir import MANIFEST
from tests.chaos.conftest import WITHIN_S, Processes, until

pytestmark = pytest.mark.chaos

TRIAL = """\
title: Killed at a bad moment
scenarios: [smoke]
grid: {fleet.count: [2, 4]}
seeds: 4
"""
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def start(processes: Processes, tmp_path: Path) -> Start:
    def start(folder: str, *options: str, **env: str) -> subprocess.Popen[bytes]:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        (place / "trial.yaml").write_text(TRIAL, encoding="utf-8")
        with (place / "told.txt").open("wb") as told:
            return subprocess.Popen(
                [sys.executable, "-c", "from sim.cli import main; main()", "experiment", "trial.yaml", *options],
                cwd=place,
                env=processes.environment() | env,
                stdout=subprocess.DEVNULL,
                stderr=told,
                start_new_session=True,
            )

    return start


def finished(folder: Path) -> dict[str, int]:
    """Return the finished runs in the store with the time of their manifests; interrupted ones are made again."""
    manifests = {path: json.loads(path.read_text()) for path in folder.glob(f"runs/store/*/{MANIFEST}")}
    done = [path for path, manifest in manifests.items() if manifest["status"] == "finished"]
    return {path.parent.name: path.stat().st_mtime_ns for path in done}


def results(folder: Path) -> pd.DataFrame:
    """Return what does not tell of the machine's pace."""
    found = pd.read_parquet(folder / "runs" / "experiments" / "trial" / "results.parquet")
    return found[found["unit"] != "ms"].reset_index(drop=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_experiment_goes_on_where_it_was(
    start: Start, processes: Processes, tmp_path: Path, number: signal.Signals
) -> None:
    undisturbed = start("whole", "--workers", "2", PYTHONHASHSEED="7")
    assert undisturbed.wait(WITHIN_S) == 0
    driver = start("stopped", "--workers", "1")
    until(lambda: len(finished(tmp_path / "stopped")) >= 2, "two runs are finished")
    driver.send_signal(number)
    assert driver.wait(WITHIN_S) != 0
    processes.await_none(within_s=20)
    kept = finished(tmp_path / "stopped")
    assert 2 <= len(kept) < 8
    again = start("stopped", "--workers", "1")
    assert again.wait(WITHIN_S) == 0
    after = finished(tmp_path / "stopped")
    assert len(after) == 8
    assert {key: after[key] for key in kept} == kept, "a finished run was made again"
    pd.testing.assert_frame_equal(results(tmp_path / "stopped"), results(tmp_path / "whole"))


@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install '.[cluster]'")
def test_the_cluster_gives_the_same_results(start: Start, tmp_path: Path) -> None:
    for folder, backend in (("here", "local"), ("there", "ray")):
        assert start(folder, "--backend", backend).wait(240) == 0, (tmp_path / folder / "told.txt").read_text()
    pd.testing.assert_frame_equal(results(tmp_path / "there"), results(tmp_path / "here"))
