"""Runs side by side: the same results with one worker and with two, failures among them told and not hidden."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sim.documents import load_scenario
from sim.rundir import TRAJECTORIES, read_manifest
from sim.runner.local import Local
from sim.runner.order import Order, RunFailed
from tests.sumo.runner.told import Told


def _orders(folder: Path) -> list[Order]:
    seeds = {"a": 1, "b": 2, "bad": 3}
    (folder / "bad").mkdir(parents=True)
    return [Order(name, load_scenario("smoke", seed=seed), folder / name) for name, seed in seeds.items()]


def _long(run_id: str, folder: Path) -> Order:
    return Order(run_id, load_scenario("morning-sumo", overrides=["demand.background.scale=0.1"]), folder / run_id)


def test_results_do_not_depend_on_the_workers(tmp_path: Path) -> None:
    prints = []
    for workers in (1, 2):
        told = Told()
        Local(workers).carry_out(_orders(tmp_path / str(workers)), report=told.report, ended=told.ended)
        assert set(told.ends) == {"a", "b", "bad"}
        failure = told.ends["bad"]
        assert isinstance(failure, RunFailed)
        assert failure.code == "output"
        prints.append([told.finished(name).fingerprint for name in ("a", "b")])
    assert prints[0] == prints[1]
    assert len(set(prints[0])) == 2


def test_ctrl_c_ends_the_runs_under_way_in_order_and_begins_no_other(tmp_path: Path) -> None:
    told = Told()

    def interrupt(run_id: str, progress: Mapping[str, Any]) -> None:
        told.report(run_id, progress)
        if len(told.progress) == 2:
            raise KeyboardInterrupt

    orders = [_long(name, tmp_path) for name in ("a", "b", "c")]
    with pytest.raises(KeyboardInterrupt):
        Local(2).carry_out(orders, report=interrupt, ended=told.ended)
    assert set(told.ends) == {"a", "b"}
    for name in ("a", "b"):
        assert told.finished(name).status == "interrupted"
        assert read_manifest(tmp_path / name)["status"] == "interrupted"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_trajectories_are_written_when_asked_for(tmp_path: Path) -> None:
    scenario = load_scenario("smoke", overrides=["outputs.trajectories=true"])
    told = Told()
    Local(1).carry_out([Order("t", scenario, tmp_path / "t")], report=told.report, ended=told.ended)
    assert told.finished("t").path == tmp_path / "t"
    table = pq.read_table(tmp_path / "t" / TRAJECTORIES)
    assert table.num_rows > 100
