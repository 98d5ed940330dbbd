"""The command line as its users meet it: a process of its own, its exit code, what it prints and what it leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

COMMAND = str(Path(sys.executable).parent / "bitgreen")
HOME = Path(__file__).resolve().parents[2]


@dataclass
class Bitgreen:
    """Calls `bitgreen` in an empty folder, with this checkout's networks and scenarios."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)

    def arguments(self, *arguments: str) -> list[str]:
        return [COMMAND, *arguments]

    def environment(self) -> dict[str, str]:
        return os.environ | {"BITGREEN_HOME": str(HOME), "COLUMNS": "200"} | self.env

    def __call__(self, *arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.arguments(*arguments), cwd=self.folder, env=self.environment(), capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.arguments(*arguments), cwd=self.folder, env=self.environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str) -> dict[str, Any]:
        done = self("run", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def refusal(self, *arguments: str) -> str:
        """Return the message of a call that must fail and leave nothing behind."""
        done = self(*arguments)
        assert done.returncode not in {0, None}, done.stdout
        assert "Traceback" not in done.stderr
        assert not list(self.folder.rglob("manifest.json"))
        return done.stderr

    def scenario(self, name: str, text: str) -> str:
        path = self.folder / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)


@pytest.fixture
def bitgreen(tmp_path: Path) -> Bitgreen:
    return Bitgreen(tmp_path)


@pytest.fixture
def plugin(tmp_path: Path) -> Mapping[str, str]:
    """An installed package outside this tree that registers the controller `raising`."""
    site = tmp_path / "site"
    (site / "raising-1.dist-info").mkdir(parents=True)
    (site / "raising-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: raising\nVersion: 1\n")
    (site / "raising-1.dist-info" / "entry_points.txt").write_text(
        "[bitgreen.controllers]\nraising = raising:Raising\nbroken = raising:Absent\n"
    )
    (site / "raising.py").write_text(
        "from sim.controllers import base\n"
        "from sim.controllers.builtin import SumoDispatch\n"
        "from sim.controllers.base import Preparation\n"
        "import dataclasses\n\n\n"
        "class Raising(SumoDispatch):\n"
        "    class Parameters(base.Parameters):\n"
        "        algorithm: str = 'greedy'\n"
        "        when_s: float = 0\n\n"
        "    def prepare(self, inputs):\n"
        "        return dataclasses.replace(super().prepare(inputs), taxi='world', options={})\n\n"
        "    def step(self, world):\n"
        "        if world.time_s >= self._parameters.when_s:\n"
        "            raise ZeroDivisionError('planned by the test')\n"
    )
    return {"PYTHONPATH": str(site)}
