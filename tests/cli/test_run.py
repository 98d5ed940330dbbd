"""`bitgreen run`: the same result however it is started, and nothing half-written however it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sim.kpi.measure import flat, measure_run
from sim.rundir import read_events, read_manifest
from tests.cli.conftest import Bitgreen

LONG = ("run", "morning-sumo", "--set", "demand.background.scale=0.1", "--out", "long")


def test_json_is_one_document_with_the_promised_keys(bitgreen: Bitgreen) -> None:
    document = bitgreen.run("smoke")
    assert set(document) == {"run_id", "scenario", "seed", "status", "fingerprint", "kpis"}
    assert document["status"] == "finished"
    assert document["kpis"]["requests"] > 0


def test_same_seed_same_events_on_every_engine_and_hash_seed(bitgreen: Bitgreen) -> None:
    first = bitgreen.run("smoke", "--seed", "3")
    assert bitgreen.run("smoke", "--seed", "3")["fingerprint"] == first["fingerprint"]
    assert bitgreen.run("smoke", "--seed", "3", "--engine", "traci")["fingerprint"] == first["fingerprint"]
    bitgreen.env["PYTHONHASHSEED"] = "77"
    assert bitgreen.run("smoke", "--seed", "3")["fingerprint"] == first["fingerprint"]
    assert bitgreen.run("smoke", "--seed", "4")["fingerprint"] != first["fingerprint"]


@pytest.mark.skipif(None in map(shutil.which, ("xvfb-run", "xauth")), reason="xvfb or xauth is not installed")
def test_sumo_gui_gives_the_same_run(bitgreen: Bitgreen) -> None:
    first = bitgreen.run("smoke")
    command = ["xvfb-run", "-a", *bitgreen.arguments("gui", "smoke", "--play", "--json")]
    done = subprocess.run(
        command,
        cwd=bitgreen.folder,
        env=bitgreen.environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fingerprint"] == first["fingerprint"]


def test_a_run_in_which_nothing_can_happen_says_so_and_runs(bitgreen: Bitgreen) -> None:
    hours = "time={begin_s: 08:00, end_s: 08:05, drain_s: 0}"
    idle = [hours, "demand.commuters=null", "demand.background.scale=0", "freight.fleets.parts.duty.begin_s=09:00"]
    done = bitgreen("run", "parts-to-line", *(part for text in idle for part in ("--set", text)), "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["status"] == "finished"
    assert "warning: freight.fleets.parts.duty: nobody is on duty in the run, 08:00:00 to 08:05:00" in done.stderr


def test_kpis_can_be_measured_again_from_the_directory(bitgreen: Bitgreen) -> None:
    document = bitgreen.run("smoke", "--out", "here")
    again = flat(measure_run(bitgreen.folder / "here"))
    assert again == document["kpis"]


def test_nothing_is_overwritten(bitgreen: Bitgreen) -> None:
    (bitgreen.folder / "taken").mkdir()
    (bitgreen.folder / "taken" / "mine").write_text("mine")
    assert "exists already" in bitgreen.refusal("run", "smoke", "--out", "taken")
    assert (bitgreen.folder / "taken" / "mine").read_text() == "mine"


def _wait_for_requests(folder: Path, process: subprocess.Popen[str]) -> None:
    """Wait until riders have wished to travel."""
    stream = folder / ".long.partial" / "events.jsonl"
    for _ in range(600):
        if stream.exists() and b'"request_submitted"' in stream.read_bytes():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    pytest.fail("nobody wished to travel within 30 s")


def test_ctrl_c_leaves_a_valid_marked_partial_run(bitgreen: Bitgreen) -> None:
    process = bitgreen.start(*LONG)
    _wait_for_requests(bitgreen.folder, process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    manifest = read_manifest(bitgreen.folder / "long")
    assert manifest["status"] == "interrupted"
    events = read_events(bitgreen.folder / "long")
    assert max(one.time_s for one in events) <= manifest["end_s"]
    kpis = flat(measure_run(bitgreen.folder / "long"))
    assert kpis["requests"] < 300
    assert kpis.get("wait_s.max", 0) <= manifest["end_s"]
    assert kpis["requests"] == sum(kpis[f"requests_{end}"] for end in ("served", "rejected", "cancelled", "unfinished"))


def test_ctrl_c_before_the_run_began_leaves_nothing(bitgreen: Bitgreen) -> None:
    process = bitgreen.start(*LONG)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in {130, -signal.SIGINT}, stderr
    assert "crashed" not in stderr
    assert not (bitgreen.folder / "long").exists()


def test_a_fleet_too_large_for_its_depot_is_said(bitgreen: Bitgreen) -> None:
    assert "found no way out of the depot" in bitgreen.refusal("run", "smoke", "--set", "fleet.count=300")


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_killed_run_leaves_no_run(bitgreen: Bitgreen) -> None:
    process = bitgreen.start(*LONG)
    _wait_for_requests(bitgreen.folder, process)
    (child,) = _children(process.pid)
    os.kill(child, signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "crashed" in stderr
    assert not (bitgreen.folder / "long").exists()


def test_a_run_whose_parent_is_killed_ends_too(bitgreen: Bitgreen) -> None:
    process = bitgreen.start(*LONG)
    _wait_for_requests(bitgreen.folder, process)
    (child,) = _children(process.pid)
    process.kill()
    process.communicate(timeout=60)
    for _ in range(200):
        if not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]:
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("the run went on without its parent")
    assert not (bitgreen.folder / "long").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_said_and_leaves_nothing(bitgreen: Bitgreen, small_disk: Path) -> None:
    done = bitgreen("run", "morning-sumo", "--out", str(small_disk / "full"))
    assert done.returncode == 1
    assert "disk is full" in done.stderr or "No space left" in done.stderr
    assert list(small_disk.iterdir()) == []


def test_a_controller_that_raises_is_named(bitgreen: Bitgreen, plugin: Mapping[str, str]) -> None:
    bitgreen.env.update(plugin)
    use = ("--set", "controllers.shuttle.use=raising")
    assert "Raising.step raised ZeroDivisionError: planned by the test" in bitgreen.refusal("run", "smoke", *use)
    assert "which cannot be imported" in bitgreen.refusal("run", "smoke", "--set", "controllers.shuttle.use=broken")
    assert not [path for path in bitgreen.folder.rglob("*.partial") if path.is_dir()]


def test_compare_prints_the_service_rate_first(bitgreen: Bitgreen) -> None:
    bitgreen.run("smoke", "--out", "a")
    bitgreen.run("smoke", "--out", "b", "--set", "fleet.count=8")
    done = bitgreen("compare", "a", "b")
    assert done.returncode == 0, done.stderr
    assert "differences are not yet significant" in done.stdout
    assert done.stdout.index("Service rate") < done.stdout.index("Wait")
    assert bitgreen("compare", "a", "nowhere").returncode == 1


def test_a_controllers_parameters_are_listed_with_defaults_and_bounds(bitgreen: Bitgreen) -> None:
    listed = json.loads(bitgreen("scenario", "controllers", "--json").stdout)
    assert {"insertion", "lns", "timetable"} <= set(listed["shuttle"])
    assert {"greedy", "rolling"} <= set(listed["freight"])
    shown = bitgreen("scenario", "controllers").stdout
    assert all(name in shown for name in (*listed["shuttle"], *listed["freight"]))
    told = bitgreen("scenario", "controllers", "lns").stdout
    assert "iterations: 100  (at least 0, at most 1,000,000)" in told
    assert "seconds of ride that one second of wait is worth" in told
    assert "entries, see --json" in bitgreen("scenario", "controllers", "timetable").stdout
    schema = json.loads(bitgreen("scenario", "controllers", "lns", "--json").stdout)
    assert schema["properties"]["alpha"]["default"] == 2.25
    assert "allowed are hindsight, insertion" in bitgreen.refusal("scenario", "controllers", "nix")
