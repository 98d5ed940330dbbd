from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sim.documents import load_scenario
from sim.rundir import read_kpis
from sim.runner.local import RunProcess
from sim.runner.order import CRASHED, Order, RunFailed
from sim.runner.template import SharedTemplate, Template

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


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path_factory.mktemp("shared")
    monkeypatch.setattr(tempfile, "tempdir", str(found))
    return found / f"bitgreen-{os.getuid()}"


def server_of(process: RunProcess) -> int:
    return int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_all_who_are_made_of_the_same_share_one_template_until_nobody_comes(tmp_path: Path, folder: Path) -> None:
    one, two, other = SharedTemplate("x", idle_s=0.5), SharedTemplate("x", idle_s=0.5), SharedTemplate("y", idle_s=0.5)
    runs, servers = [], []
    for name, template in (("a", one), ("b", two), ("c", other)):
        runs.append(RunProcess(order(tmp_path, name), template))
        servers.append(server_of(runs[-1]))
    assert servers[0] == servers[1] != servers[2]
    assert os.getpid() not in servers
    one.close()  # its runs go on
    assert len({run.wait().fingerprint for run in runs}) == 1
    assert len(list(folder.glob("*.socket"))) == 2
    two.close()
    other.close()
    deadline_s = time.monotonic() + 60
    while list(folder.glob("*.socket")) or any(Path(f"/proc/{server}").exists() for server in servers):
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    again = SharedTemplate("x", idle_s=0.1)
    assert RunProcess(order(tmp_path, "d"), again).wait().status == "finished"
    again.close()


@pytest.mark.usefixtures("folder")
def test_a_shared_template_that_was_killed_is_made_anew(tmp_path: Path) -> None:
    template = SharedTemplate("x", idle_s=0.1)
    first = RunProcess(order(tmp_path, "a"), template)
    os.kill(server_of(first), signal.SIGKILL)
    assert first.wait().status == "finished"
    assert RunProcess(order(tmp_path, "b"), template).wait().status == "finished"
    template.close()


def test_a_folder_that_others_can_enter_is_not_trusted(tmp_path: Path, folder: Path) -> None:
    folder.mkdir(mode=0o755)
    with pytest.raises(PermissionError, match="nobody else can enter"):
        RunProcess(order(tmp_path, "a"), SharedTemplate("x"))
