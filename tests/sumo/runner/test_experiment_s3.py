"""An experiment whose runs are kept in a bucket, from the command line: found again, never half, told elsewhere."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim.rundir import EVENTS, MANIFEST
from sim.runner.store import RunStore
from tests.sumo.runner.s3_server import Asked, S3Server

ROOT = Path(__file__).resolve().parents[3]
WITHIN_S = 120
TRIAL = "title: Kept in a bucket\nscenarios: [smoke]\nseeds: 2\n"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(bucket: str, tmp_path: Path) -> Start:
    """Start the experiment on a machine of its own: a folder for what it works on, and one for what is temporary."""

    def start(machine: str, **env: str) -> subprocess.Popen[str]:
        work, scratch = tmp_path / machine, tmp_path / machine / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        (work / "trial.yaml").write_text(TRIAL, encoding="utf-8")
        command = "from sim.cli import main; main()"
        return subprocess.Popen(
            [sys.executable, "-c", command, "experiment", "trial.yaml", "--workers", "1", "--json", "--store",
             f"{bucket}/runs"],
            cwd=work, env=os.environ | {"BITGREEN_HOME": str(ROOT), "TMPDIR": str(scratch)} | env,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def told(driver: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = driver.communicate(timeout=WITHIN_S)
    assert driver.returncode == 0, err
    assert "Unclosed" not in err
    document: dict[str, Any] = json.loads(out)
    return document


def results(machine: Path) -> pd.DataFrame:
    """Return what does not tell of the machine's pace."""
    found = pd.read_parquet(machine / "runs" / "experiments" / "trial" / "results.parquet")
    return found[found["unit"] != "ms"].reset_index(drop=True)


class Gate:
    """Holds the upload of the second run while its first large file is on the way."""

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self._held, self._open = threading.Event(), threading.Event()
        server.before = self._hold

    def _hold(self, one: Asked) -> None:
        second = any(path.endswith(MANIFEST) for path in self._server.puts())
        if one.method == "PUT" and one.path.endswith(EVENTS) and second:
            self._held.set()
            self._open.wait(WITHIN_S)

    def end(self, driver: subprocess.Popen[str], number: signal.Signals) -> None:
        """End a driver by a signal while the gate holds its upload, then let go."""
        assert self._held.wait(WITHIN_S), driver.poll()
        driver.send_signal(number)
        driver.communicate(timeout=WITHIN_S)  # all that it started has closed its output too
        self._open.set()
        self._server.before = lambda _: None
        assert driver.returncode != 0


def test_a_killed_experiment_goes_on_and_is_found_from_another_machine(
    start: Start, s3: S3Server, bucket: str, tmp_path: Path
) -> None:
    Gate(s3).end(start("one"), signal.SIGKILL)
    store = RunStore(f"{bucket}/runs")
    kept = store.keys()
    assert len(kept) == 1
    s3.asked.clear()
    first = told(start("one"))
    assert (first["runs"], first["finished"]) == (2, 2)
    (added,) = set(store.keys()) - set(kept)
    assert all(f"/{added}/" in path for path in s3.puts()), "a finished run was made again"
    assert [path.endswith(MANIFEST) for path in s3.puts()].index(True) == len(s3.puts()) - 1
    assert not (tmp_path / "one" / "runs" / "store").exists()
    assert list((tmp_path / "one" / "scratch").iterdir()) == []
    s3.asked.clear()
    again = told(start("two"))
    assert (again["runs"], again["finished"]) == (2, 2)
    assert s3.puts() == []
    pd.testing.assert_frame_equal(results(tmp_path / "two"), results(tmp_path / "one"))
    assert "Kept in a bucket" in (tmp_path / "two" / again["report"]).read_text(encoding="utf-8")


def test_ctrl_c_during_an_upload_leaves_no_half_run(start: Start, s3: S3Server, bucket: str, tmp_path: Path) -> None:
    Gate(s3).end(start("one"), signal.SIGINT)
    assert len(RunStore(f"{bucket}/runs").keys()) == 1
    assert sum(path.endswith(MANIFEST) for path in s3.puts()) == 1
    assert list((tmp_path / "one" / "scratch").iterdir()) == []


def test_a_store_that_cannot_be_reached_stops_the_experiment_before_it_starts(
    start: Start, bucket: str, tmp_path: Path
) -> None:
    driver = start("one", AWS_ENDPOINT_URL="http://127.0.0.1:1")
    _, err = driver.communicate(timeout=WITHIN_S)
    assert driver.returncode not in {0, None}
    assert "Traceback" not in err
    said = f"the store of runs {bucket}/runs cannot be used: Could not connect to the endpoint URL"
    assert said in re.sub(r"\s+", " ", err)
    assert list((tmp_path / "one" / "scratch").iterdir()) == []
