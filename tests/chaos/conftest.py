"""Drivers in processes of their own, and a look at every process that came of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

import pytest

ROOT = Path(__file__).resolve().parents[2]
MARK = "BITGREEN_TEST_MARK"
WITHIN_S = 120.0
LONG = {"scenario": "morning-sumo", "overrides": ["demand.background.scale=0.1"]}
SMOKE = {"scenario": "smoke"}


def until(true: Callable[[], object], what: str, *, within_s: float = WITHIN_S) -> None:
    deadline_s = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline_s:
            pytest.fail(f"{what}: not so within {within_s} s")
        time.sleep(0.05)


def parent(pid: int) -> int:
    """Return the parent of a process, 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


@dataclass(frozen=True)
class Processes:
    """The processes that were started, by anything, with this mark in their environment."""

    mark: str

    def environment(self) -> dict[str, str]:
        return os.environ | {MARK: self.mark, "BITGREEN_HOME": str(ROOT)}

    def find(self, words: str) -> list[int]:
        """Return the processes whose command line has these words, those of this test alone."""
        found = []
        for path in Path("/proc").iterdir():
            with suppress(OSError):  # it may be gone by now
                if path.name.isdigit() and f"{MARK}={self.mark}".encode() in (path / "environ").read_bytes():
                    command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if words in command and "defunct" not in command:
                        found.append(int(path.name))
        return found

    def runs(self) -> list[int]:
        """Return the processes that carry out runs: started by themselves, or forked from a template."""
        templates = self.find("sim.runner.forking")
        forked = [pid for pid in templates if parent(pid) in templates]
        return self.find("sim.runner.child") + forked

    def await_none(self, *, within_s: float) -> None:
        """Wait until no process is left."""
        deadline_s = time.monotonic() + within_s
        while left := self.find(""):
            if time.monotonic() > deadline_s:
                commands = [Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in left]
                pytest.fail(f"after {within_s} s there are still {commands}")
            time.sleep(0.05)

    def end_all(self) -> None:
        for pid in self.find(""):
            if pid != os.getpid():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture
def processes() -> Iterator[Processes]:
    marked = Processes(uuid.uuid4().hex)
    yield marked
    marked.end_all()


@dataclass
class Driver:
    """A driver under way and what it has told."""

    process: subprocess.Popen[str]
    progress: set[str] = field(default_factory=set)
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with cast("IO[str]", self.process.stdout) as lines:
            for line in lines:
                record = json.loads(line)
                if "progress" in record:
                    self.progress.add(record["progress"])
                elif "ended" in record:
                    assert record["ended"] not in self.ends
                    self.ends[record["ended"]] = record
                else:
                    self.told |= record

    def end(self, *, within_s: float = WITHIN_S) -> int:
        code = self.process.wait(within_s)
        time.sleep(0.2)  # for the last lines
        return code


StartDriver = Callable[..., Driver]


@pytest.fixture
def start_driver(processes: Processes, tmp_path: Path) -> Iterator[StartDriver]:
    """Start a driver: `start_driver({"a": SMOKE, ...}, workers=2, ...)`; its runs are published below `tmp_path`."""
    started: list[Driver] = []

    def start(runs: Mapping[str, Mapping[str, Any]], *, workers: int = 2, **given: Any) -> Driver:  # noqa: ANN401
        env = given.pop("env", {})
        work = {"ray": False, "folder": str(tmp_path / "runs"), "workers": workers} | given
        work["runs"] = [{"run_id": run_id, **run} for run_id, run in runs.items()]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.driver", json.dumps(work)],
            cwd=ROOT,
            env=processes.environment() | env,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(Driver(process))
        return started[-1]

    yield start
    for driver in started:
        if driver.process.poll() is None:
            driver.process.kill()
            driver.process.wait()


@pytest.fixture
def crashing(tmp_path: Path) -> Mapping[str, str]:
    """The environment that has a controller which takes SUMO down with it."""
    site = tmp_path / "site"
    (site / "crashing-1.dist-info").mkdir(parents=True)
    (site / "crashing-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing\nVersion: 1\n")
    (site / "crashing-1.dist-info" / "entry_points.txt").write_text(
        "[bitgreen.controllers]\ncrashing = crashing:Crashing\n"
    )
    (site / "crashing.py").write_text(
        "import dataclasses\n"
        "import os\n"
        "import signal\n"
        "from pathlib import Path\n\n"
        "from sim.controllers import base\n"
        "from sim.controllers.builtin import SumoDispatch\n\n\n"
        "class Crashing(SumoDispatch):\n"
        "    class Parameters(base.Parameters):\n"
        "        algorithm: str = 'greedy'\n"
        "        what: str = 'library'\n\n"
        "    def prepare(self, inputs):\n"
        "        return dataclasses.replace(super().prepare(inputs), taxi='world', options={})\n\n"
        "    def step(self, world):\n"
        "        if self._parameters.what == 'library':\n"
        "            os.kill(os.getpid(), signal.SIGSEGV)\n"
        "        for one in Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read_text().split():\n"
        "            os.kill(int(one), signal.SIGKILL)\n"
    )
    return {"PYTHONPATH": str(site)}
