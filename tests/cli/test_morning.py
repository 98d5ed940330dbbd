"""The main job, made small: four runs, one table, one report."""

from __future__ import annotations

from tests.cli.conftest import Bitgreen

SMALL = (
    "time.end_s='07:00'", "time.drain_s=600", "demand.commuters.count=400", "demand.background.scale=0.2",
    "fleet.count=8",
)  # fmt: skip


def test_the_main_job_leaves_runs_a_table_and_a_report(bitgreen: Bitgreen) -> None:
    options = [part for text in SMALL for part in ("--set", text)]
    done = bitgreen("morning", "--out", "job", *options, timeout_s=300)
    assert done.returncode == 0, done.stderr
    assert "one seed: differences are not yet significant" in done.stdout
    rows = [line for line in done.stdout.splitlines() if "│" in line]
    assert "Service rate" in rows[0]
    names = {"morning-none", "morning-shuttle", "morning-sumo", "morning-timetable", "report.html"}
    assert {path.name for path in (bitgreen.folder / "job").iterdir()} == names
    assert "Time loss added" in done.stdout


def test_the_main_job_overwrites_nothing_and_names_a_run_that_fails(bitgreen: Bitgreen) -> None:
    (bitgreen.folder / "job").mkdir()
    (bitgreen.folder / "job" / "mine").touch()
    assert "exists already" in bitgreen.refusal("morning", "--out", "job")
    message = bitgreen.refusal("morning", "--out", "other", "--set", "fleet.depot=nowhere")
    assert "4 of 4 runs failed" in message
    assert "nowhere" in message


def test_the_main_job_keeps_its_services_and_seeds(bitgreen: Bitgreen) -> None:
    for text in ("controllers.shuttle.use=sumo", "seeds.demand=7", "name=other"):
        assert text in bitgreen.refusal("morning", "--out", "job", "--set", text)
