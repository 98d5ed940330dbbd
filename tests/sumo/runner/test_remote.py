"""What a node sees to, without a cluster: nothing is run twice, nothing by other code than the driver's."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

import sim.runner.ray
import sim.runner.remote
from sim.documents import load_scenario
from sim.errors import SetupError
from sim.rundir import MANIFEST
from sim.runner.order import Finished, Order, RunFailed
from sim.runner.ray import Ray, seen_from_here
from sim.runner.remote import Answer, Runner, find_finished, made_of

SHORT = ("time.end_s=07:31", "time.drain_s=60")


def order_in(folder: Path, *, seed: int = 1) -> Order:
    return Order("key", load_scenario("smoke", seed=seed, overrides=SHORT), folder / "key")


def end_of(runner: Runner) -> Answer:
    while (answer := runner.ask()).end is None:
        pass
    return answer


def written(run: Path) -> tuple[int, int]:
    """Return what tells one writing of a run from the next."""
    found = (run / MANIFEST).stat()
    return found.st_ino, found.st_mtime_ns


def test_a_run_is_carried_out_once_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order, left = order_in(tmp_path), threading.Event()
    assert find_finished(order) is None
    monkeypatch.setattr(sim.runner.remote, "KEPT_S", 0.1)
    answer = end_of(Runner(order, made_of(), node="n1", leave=left.set))
    assert answer.node == "n1"
    assert isinstance(answer.end, Finished), answer.end
    assert left.wait(10)
    before = written(order.out)
    again = Runner(order, made_of(), node="n2", leave=left.set).ask().end
    assert isinstance(again, Finished)
    assert replace(again, wall_s=0.0) == replace(answer.end, wall_s=0.0)
    assert written(order.out) == before
    # another order for the same place is refused as ever
    assert find_finished(order_in(tmp_path, seed=2)) is None
    other = end_of(Runner(order_in(tmp_path, seed=2), made_of(), node="n2", leave=left.set)).end
    assert isinstance(other, RunFailed)
    assert other.code == "output"


def test_other_code_on_the_node_is_refused(tmp_path: Path) -> None:
    end = Runner(order_in(tmp_path), "sandbox of yesterday", node="n1", leave=lambda: None).ask().end
    assert isinstance(end, RunFailed)
    assert end.code == "setup"
    assert made_of() in str(end)
    assert "sandbox of yesterday" in str(end)
    assert not (tmp_path / "key").exists()


def test_a_run_published_out_of_sight_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.runner.ray, "SEEN_S", 0.0)
    finished = Finished("key", tmp_path / "key", "smoke", 1, "finished", "f", {}, 1.0)
    end = seen_from_here(finished, node="n1")
    assert isinstance(end, RunFailed)
    assert "node n1 published the run at" in str(end)
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / MANIFEST).touch()
    assert seen_from_here(finished, node="n1") is finished


def test_ray_is_asked_for_only_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim.runner.ray, "find_spec", lambda _: None)
    with pytest.raises(SetupError, match=r"pip install 'bitgreen-sandbox\[cluster\]'"):
        Ray()
