"""A controller in a package outside this tree, exactly as docs/controllers.md has it, in an experiment."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.conftest import Bitgreen

ROOT = Path(__file__).resolve().parents[2]
TRIAL = """\
title: Does sharing pay?
scenarios: [smoke]
set: {time.end_s: "07:32", time.drain_s: 900}
list:
  - controllers.shuttle: {use: insertion}
  - controllers.shuttle: {use: alone, parameters: {reach_s: 1800}}
seeds: 1
"""


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Return a folder that holds the documented package as an installer leaves it."""
    text = (ROOT / "docs" / "controllers.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    entry = re.search(r'^\[project.entry-points."bitgreen.controllers"\]\n(.*?)```', text, re.DOTALL | re.MULTILINE)
    assert code is not None
    assert entry is not None
    folder = tmp_path / "site"
    info = folder / "fleetlab-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "fleetlab.py").write_text(code.group(1), encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fleetlab\nVersion: 1.0\n", encoding="utf-8")
    named = entry.group(1).replace('"', "")
    (info / "entry_points.txt").write_text(f"[bitgreen.controllers]\n{named}", encoding="utf-8")
    return folder


def carry_out(bitgreen: Bitgreen, outside: Path, trial: str = TRIAL) -> subprocess.CompletedProcess[str]:
    bitgreen.env = {"PYTHONPATH": str(outside)}
    return bitgreen("experiment", bitgreen.scenario("trial", trial), "--json")


def test_a_package_outside_the_tree_takes_part_in_an_experiment(bitgreen: Bitgreen, outside: Path) -> None:
    done = carry_out(bitgreen, outside)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["runs"], told["finished"], told["failed"]) == (2, 2, [])
    results = pd.read_parquet(bitgreen.folder / "runs" / "experiments" / "trial" / "results.parquet")
    served = results[results["key"] == "requests_served"].set_index("variant")["value"]
    assert len(served) == 2
    assert (served > 0).all()
    shared = results[results["key"] == "shared_ride_rate"].set_index("variant")["value"]
    assert shared.iloc[1] == 0  # one rider at a time

    module = outside / "fleetlab.py"
    module.write_text(module.read_text(encoding="utf-8") + "\n# another thought\n", encoding="utf-8")
    keys = set(results["run"])
    assert carry_out(bitgreen, outside).returncode == 0
    again = set(pd.read_parquet(bitgreen.folder / "runs" / "experiments" / "trial" / "runs.parquet")["run"])
    assert len(keys & again) == 1  # its own runs are made anew, the other's are found


def test_its_faults_are_told_by_name_before_anything_starts(bitgreen: Bitgreen, outside: Path) -> None:
    done = carry_out(bitgreen, outside, TRIAL.replace("reach_s: 1800", "reach_s: -1"))
    assert done.returncode == 1
    assert "controllers.shuttle.parameters.reach_s: Input should be greater than 0, found -1" in done.stderr
    assert not (bitgreen.folder / "runs").exists()


def test_what_it_raises_is_a_failed_run_beside_the_finished_one(bitgreen: Bitgreen, outside: Path) -> None:
    module = outside / "fleetlab.py"
    broken = module.read_text(encoding="utf-8").replace("    def finish(self, world):\n        pass", "")
    module.write_text(
        broken.replace("idle = {", 'raise RuntimeError("lost the map")\n        idle = {'), encoding="utf-8"
    )
    done = carry_out(bitgreen, outside)
    assert done.returncode == 1
    (failed,) = json.loads(done.stdout)["failed"]
    assert "controller Alone.step raised RuntimeError: lost the map" in failed["error"]
    assert json.loads(done.stdout)["finished"] == 1
