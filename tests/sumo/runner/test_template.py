from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.documents import load_scenario
from sim.rundir import read_kpis
from sim.runner.local import RunProcess
from sim.runner.order import CRASHED, Order, RunFailed
from sim.runner.template import Template

SHORT = ("time.end_s=07:31", "time.drain_s=60")


@pytest.fixture
def template() -> Iterator[Template]:
    found = Template()
    yield found
    found.close()


def order(folder: Path, name: str, *overrides: str) -> Order:
    return Order(name, load_scenario("smoke", overrides=[*SHORT, *overrides]), folder / name)


def killed(process: RunProcess, number: signal.Signals) -> str:
    os.kill(process.pid, number)
    with pytest.raises(RunFailed) as caught:
        process.wait()
    assert caught.value.code == CRASHED
    return str(caught.value)


def test_a_forked_run_is_the_same_as_one_that_starts_by_itself(tmp_path: Path, template: Template) -> None:
    forked = [RunProcess(order(tmp_path, name), template).wait() for name in ("a", "b")]
    alone = RunProcess(order(tmp_path, "c")).wait()
    assert {one.fingerprint for one in forked} == {alone.fingerprint}
    records = [[one for one in read_kpis(tmp_path / name) if one["unit"] != "ms"] for name in "abc"]
    assert records[0] == records[1] == records[2]
    assert len(records[0]) > 50


def test_two_runs_at_once_have_processes_groups_and_streams_of_their_own(tmp_path: Path, template: Template) -> None:
    one, two = (RunProcess(order(tmp_path, name), template) for name in ("a", "b"))
    assert len({one.pid, two.pid, os.getpid()}) == 3
    assert [os.getpgid(process.pid) for process in (one, two)] == [one.pid, two.pid]
    assert "ended with code -9" in killed(one, signal.SIGKILL)
    assert two.wait().status == "finished"


def test_a_fault_is_told_as_by_any_run(tmp_path: Path, template: Template) -> None:
    with pytest.raises(RunFailed, match="atlantis") as caught:
        RunProcess(order(tmp_path, "a", "network=atlantis"), template).wait()
    assert caught.value.code == "not_found"


def test_a_run_is_ended_in_order(tmp_path: Path, template: Template) -> None:
    process = RunProcess(order(tmp_path, "a", "time.end_s=20:00"), template)
    seen: list[object] = []

    def terminate(at: object) -> None:
        if not seen:
            process.terminate()
        seen.append(at)

    assert process.wait(terminate).status == "interrupted"


def test_a_template_that_was_killed_is_made_anew(tmp_path: Path, template: Template) -> None:
    first = RunProcess(order(tmp_path, "a"), template)
    assert template._process is not None
    template._process.kill()
    template._process.wait()
    assert first.wait().status == "finished"
    assert RunProcess(order(tmp_path, "b"), template).wait().status == "finished"


def test_nothing_is_left_when_the_template_closes(tmp_path: Path, template: Template) -> None:
    RunProcess(order(tmp_path, "a"), template).wait()
    process = template._process
    assert process is not None
    template.close()
    assert process.returncode == 0
