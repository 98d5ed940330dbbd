"""Runs on a cluster of two nodes on this machine while drivers, workers and nodes are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Collection, Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sim.rundir import KPIS, MANIFEST, PERFORMANCE, SUMO_LOG
from sim.runner.ray import NAMESPACE, load_ray
from sim.runner.store import RunStore
from tests.chaos.conftest import LONG, MARK, ROOT, SMOKE, Driver, Processes, StartDriver, parent, until

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install -e '.[cluster]'"),
]
# half an hour with few others on the road: long enough to be killed, and done in seconds
MEDIUM = {"scenario": "morning-sumo", "overrides": ["demand.background.scale=0.1", "time.end_s=07:00"]}
ACTOR, DRIVER = "ray::_Actor", "tests.chaos.driver"


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    marked = Processes(uuid.uuid4().hex)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MARK, marked.mark)
        patch.setenv("BITGREEN_HOME", str(ROOT))
        yield marked
    marked.end_all()


@pytest.fixture(scope="module")
def cluster(processes: Processes) -> Iterator[Any]:  # noqa: ARG001 (it sets the mark that all are born with)
    """A head without a core and two nodes with one each."""
    load_ray(loopback=True)
    from ray.cluster_utils import Cluster  # noqa: PLC0415 (not installed everywhere)

    head = {"num_cpus": 0, "node_ip_address": "127.0.0.1", "include_dashboard": False}
    started = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        add_node(started)
    yield started
    started.shutdown()


@pytest.fixture
def start(cluster: Any, start_driver: StartDriver, processes: Processes) -> Iterator[StartDriver]:  # noqa: ANN401
    def start_on_cluster(runs: dict[str, dict[str, Any]], **given: Any) -> Driver:  # noqa: ANN401
        return start_driver(runs, ray=True, **{"address": cluster.address, "workers": None} | given)

    yield start_on_cluster
    for words in (DRIVER, ACTOR):  # what a test that failed has left
        for pid in processes.find(words):
            os.kill(pid, signal.SIGKILL)
    until(lambda: not processes.runs(), "no run is left", within_s=20)


def add_node(cluster: Any) -> None:  # noqa: ANN401
    cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1", object_store_memory=80 * 2**20)


def name(of: str) -> str:
    """Return a run id that no other test has."""
    return f"{of}-{uuid.uuid4().hex[:8]}"


def holds_none(processes: Processes, words: str) -> bool:
    return not processes.find(words)


def begun(processes: Processes, *, before: Collection[int] = ()) -> int:
    """Return the process of a run that was not there before, once there is one."""
    until(lambda: set(processes.runs()) - set(before), "the run has begun")
    (child,) = set(processes.runs()) - set(before)
    return child


def the_actor(processes: Processes) -> int:
    """Return the process of the one actor that there is, as soon as those before it are gone."""
    until(lambda: len(processes.find(ACTOR)) == 1, "there is one actor")
    return processes.find(ACTOR)[0]


def result(run: Path) -> dict[str, Any]:
    """Return the run's files, but for what the clock has written: log, wall times, when it was made."""
    timed = {MANIFEST, PERFORMANCE, SUMO_LOG, KPIS}
    files = {path.relative_to(run).as_posix(): path.read_bytes() for path in run.rglob("*") if path.is_file()}
    kpis = [one for one in json.loads(files[KPIS]) if one["code"] != "dispatch_ms"]
    return {name: content for name, content in files.items() if name not in timed} | {KPIS: kpis}


def force_end(address: str, run_id: str, processes: Processes) -> None:
    """End the actor of a run as `docs/cluster.md` says."""
    code = (
        f"import ray; ray.init({address!r}, namespace={NAMESPACE!r}, logging_level='error'); "
        f"ray.kill(ray.get_actor({run_id!r}))"
    )
    subprocess.run([sys.executable, "-c", code], env=processes.environment(), check=True, timeout=60)


def test_the_same_result_bytes_as_on_this_machine(
    start: StartDriver, start_driver: StartDriver, tmp_path: Path
) -> None:
    runs = {name(f"seed{seed}"): {**SMOKE, "seed": seed} for seed in (1, 2)}
    on_cluster = start(runs, folder=str(tmp_path / "cluster"))
    assert on_cluster.end() == 0
    here = start_driver(runs, folder=str(tmp_path / "here"))
    assert here.end() == 0
    for run_id in runs:
        assert on_cluster.ends[run_id]["fingerprint"] == here.ends[run_id]["fingerprint"]
        assert result(tmp_path / "cluster" / run_id) == result(tmp_path / "here" / run_id)
    prints = {end["fingerprint"] for end in here.ends.values()}
    assert len(prints) == 2

    manifest = tmp_path / "cluster" / next(iter(runs)) / MANIFEST
    before = manifest.stat().st_mtime_ns
    again = start(runs, folder=str(tmp_path / "cluster"))
    assert again.end() == 0
    assert {end["fingerprint"] for end in again.ends.values()} == prints
    assert not again.progress
    assert manifest.stat().st_mtime_ns == before


def test_a_run_uploads_itself_from_its_node(start: StartDriver, tmp_path: Path) -> None:
    run_id, url = name("stored"), f"dir::file://{tmp_path / 'store'}"
    driver = start({run_id: {**SMOKE, "store": url}})
    assert driver.end() == 0
    assert driver.ends[run_id]["path"] is None
    assert RunStore(url).manifest(run_id)["fingerprint"] == driver.ends[run_id]["fingerprint"]
    assert not (tmp_path / "runs").exists()


def test_a_new_driver_finds_the_run_of_a_killed_one(start: StartDriver, processes: Processes, tmp_path: Path) -> None:
    run_id = name("found")
    first = start({run_id: MEDIUM})
    until(lambda: first.progress, "the run is under way")
    (child,) = processes.runs()
    first.process.kill()
    first.process.wait()
    second = start({run_id: MEDIUM})
    until(lambda: second.progress or second.ends, "the new driver is told of the run")
    if not second.ends:
        assert processes.runs() == [child]
    assert second.end() == 0
    assert second.ends[run_id]["status"] == "finished"
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [run_id]
    until(lambda: not processes.find(ACTOR), "the actor is gone", within_s=20)


def test_a_result_waits_for_a_new_driver(start: StartDriver, processes: Processes, tmp_path: Path) -> None:
    run_id = name("waits")
    first = start({run_id: SMOKE})
    until(processes.runs, "the run has begun")
    first.process.kill()
    first.process.wait()
    until((tmp_path / "runs" / run_id / MANIFEST).is_file, "the run is published")
    until(lambda: not processes.runs(), "its process has ended")
    assert processes.find(ACTOR)
    second = start({run_id: SMOKE})
    assert second.end() == 0
    assert second.ends[run_id]["status"] == "finished"
    until(lambda: not processes.find(ACTOR), "the actor is gone", within_s=20)


def test_a_forced_end_leaves_neither_run_nor_sumo(
    start: StartDriver,
    cluster: Any,  # noqa: ANN401
    processes: Processes,
    tmp_path: Path,
) -> None:
    run_id = name("forced")
    driver = start({run_id: {**LONG, "engine": "traci"}})
    until(lambda: driver.progress, "the run is under way")
    assert processes.find("bin/sumo ")
    driver.process.kill()
    driver.process.wait()
    force_end(cluster.address, run_id, processes)
    until(lambda: not [*processes.runs(), *processes.find("bin/sumo "), *processes.find(ACTOR)], "all is gone")
    assert not (tmp_path / "runs" / run_id).exists()


def test_a_lost_worker_is_replaced_once(start: StartDriver, processes: Processes, tmp_path: Path) -> None:
    run_id = name("lost")
    driver = start({run_id: LONG})
    first = begun(processes)
    until(lambda: driver.progress, "the driver knows the run's node")
    worker = the_actor(processes)
    node = parent(worker)
    os.kill(worker, signal.SIGKILL)
    begun(processes, before=[first])
    worker = the_actor(processes)
    assert parent(worker) != node
    os.kill(worker, signal.SIGKILL)
    assert driver.end() == 0
    assert driver.ends[run_id]["code"] == "worker_lost"
    assert "lost 2 times" in driver.ends[run_id]["detail"]
    assert not (tmp_path / "runs" / run_id).exists()


def test_runs_of_a_lost_node_go_on_elsewhere(
    start: StartDriver,
    cluster: Any,  # noqa: ANN401
    processes: Processes,
    tmp_path: Path,
) -> None:
    run_id, other = name("moved"), name("stayed")
    driver = start({run_id: MEDIUM})
    until(lambda: driver.progress, "the run is under way")
    child = begun(processes)
    worker = the_actor(processes)
    raylet = parent(worker)
    (node,) = [one for one in cluster.worker_nodes if one.all_processes["raylet"][0].process.pid == raylet]
    cluster.remove_node(node, allow_graceful=False)
    try:
        begun(processes, before=[child])
        worker = the_actor(processes)
        assert parent(worker) in [one.all_processes["raylet"][0].process.pid for one in cluster.worker_nodes]
        second = start({other: SMOKE})
        assert driver.end() == second.end() == 0
        assert driver.ends[run_id]["status"] == "finished"
        assert second.ends[other]["status"] == "finished"
        assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted([run_id, other])
    finally:
        add_node(cluster)


def test_ctrl_c_ends_the_runs_in_order(start: StartDriver, processes: Processes, tmp_path: Path) -> None:
    runs = [name("interrupted") for _ in range(3)]
    driver = start(dict.fromkeys(runs, LONG))
    until(lambda: len(driver.progress) == 2, "two runs are under way")
    driver.process.send_signal(signal.SIGINT)
    assert driver.end(within_s=60) == 130
    assert driver.told == {"interrupted": True}
    assert [driver.ends[run_id]["status"] for run_id in runs[:2]] == ["interrupted"] * 2
    assert runs[2] not in driver.ends
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(runs[:2])
    until(lambda: not processes.find(ACTOR), "the actors are gone", within_s=20)


def test_a_driver_without_the_token_is_refused(start: StartDriver, tmp_path: Path) -> None:
    driver = start({name("refused"): SMOKE}, env={"RAY_AUTH_TOKEN": "f" * 64})
    assert driver.end() == 1
    assert driver.told["error"] == "setup"
    assert "token" in driver.told["detail"]
    assert not (tmp_path / "runs").exists()


def test_a_cluster_of_this_machine_ends_with_its_driver(start_driver: StartDriver, tmp_path: Path) -> None:
    alone = Processes(uuid.uuid4().hex)
    run_id = name("alone")
    driver = start_driver({run_id: LONG}, ray=True, workers=1, env={MARK: alone.mark})
    try:
        until(lambda: driver.progress, "the run is under way")
        assert alone.find("gcs_server")
        driver.process.kill()
        driver.process.wait()
        # Ray's agents, which hold no run, may take a minute or two to notice
        for words in (ACTOR, "gcs_server", "raylet/raylet"):
            until(partial(holds_none, alone, words), f"{words} is gone", within_s=30)
        until(lambda: not alone.runs(), "the run is gone", within_s=30)
    finally:
        alone.end_all()
    assert not (tmp_path / "runs" / run_id).exists()
