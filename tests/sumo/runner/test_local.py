"""Runs side by side: the same results with one worker and with two, failures among them told and not hidden."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from sim.documents import load_scenario
from sim.rundir import TRAJECTORIES
from sim.runner.local import RunFailed, run_many
from sim.runner.order import Finished, Order


def _orders(folder: Path) -> list[Order]:
    names = {"a": ("smoke", 1), "b": ("smoke", 2), "bad": ("smoke", 3)}
    orders = [Order(name, load_scenario(of, seed=seed), folder / name) for name, (of, seed) in names.items()]
    (folder / "bad").mkdir(parents=True)
    return orders


def test_results_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    one = run_many(_orders(tmp_path / "one"), workers=1)
    two = run_many(_orders(tmp_path / "two"), workers=2)
    prints = [[end.fingerprint for end in ended if isinstance(end, Finished)] for ended in (one, two)]
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == 2
    for ended in (one, two):
        failure = ended[2]
        assert isinstance(failure, RunFailed)
        assert failure.code == "output"


def test_trajectories_are_written_when_asked_for(tmp_path: Path) -> None:
    scenario = load_scenario("smoke", overrides=["outputs.trajectories=true"])
    (ended,) = run_many([Order("t", scenario, tmp_path / "t")], workers=1)
    assert isinstance(ended, Finished)
    table = pq.read_table(tmp_path / "t" / TRAJECTORIES)
    assert table.num_rows > 100
