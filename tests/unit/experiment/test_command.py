"""`bitgreen experiment` as its users meet it, up to the point where runs would start."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim import experiment_cli
from sim.cli import app
from sim.errors import SandboxError
from sim.experiment import drive
from sim.runner.store import RunStore
from tests.unit.experiment.bench import Made

TRIAL = "title: T\nscenarios: [smoke]\ngrid: {fleet.count: [2, 4]}\nseeds: 2\n"


@pytest.fixture
def backend() -> Made:
    return Made()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: Made) -> Path:
    monkeypatch.setenv("BITGREEN_HOME", str(Path(__file__).parents[3]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiment_cli, "_backend", lambda *_: backend)
    monkeypatch.setattr(drive, "check", lambda _: None)
    (tmp_path / "trial.yaml").write_text(TRIAL)
    return tmp_path


def called(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["experiment", "trial.yaml", *arguments])
    assert found.exit_code == 0, found.output or found.exception
    return found.stdout


def refused(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["experiment", "trial.yaml", *arguments])
    assert isinstance(found.exception, SandboxError), found.output or found.exception
    return str(found.exception)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_dry_run_says_what_would_run_and_writes_nothing(folder: Path) -> None:
    told = json.loads(called("--dry-run", "--json"))
    assert told == {
        "experiment": "trial", "runs": 4, "finished": 0, "damaged": [],
        "seeds": [{"demand": 1, "sumo": 1}, {"demand": 2, "sumo": 2}],
        "variants": [
            {
                "variant": f"fleet.count={count}", "scenario": "smoke", "set": {"fleet.count": count},
                "without_service": False, "missing": 2,
            }
            for count in (2, 4)
        ],
    }  # fmt: skip
    assert "trial: 4 runs, 0 of them finished; 2 pairs of seeds" in called("--dry-run")
    assert files(folder) == ["trial.yaml"]


def test_a_dry_run_counts_what_is_there_and_what_is_damaged(folder: Path) -> None:
    called("--json")
    keys = RunStore("runs/store").keys()
    (folder / "runs" / "store" / keys[0] / "kpis.json").unlink()
    told = json.loads(called("--dry-run", "--json"))
    assert (told["runs"], told["finished"], told["damaged"]) == (4, 3, [keys[0]])
    assert "3 of them finished, 1 damaged" in called("--dry-run")


def test_a_dry_run_refuses_what_the_run_refuses(folder: Path, backend: Made) -> None:
    called("--json")
    (folder / "trial.yaml").write_text(TRIAL.replace("seeds: 2", "seeds: 3"))
    message = refused()
    assert "has another design: it differs in experiment.seeds" in message
    assert refused("--dry-run") == refused("--dry-run", "--json") == message
    (folder / "trial.yaml").write_text(
        TRIAL.replace("seeds: 2", "seeds: 3\nset: {demand.commuters.destinations: [moon]}")
    )
    assert "moon" in refused("--dry-run", "--out", "other")
    assert len(backend.carried) == 4


def test_more_seeds_under_a_new_name_find_the_finished_runs(folder: Path, backend: Made) -> None:
    called()
    (folder / "trial.yaml").rename(folder / "old.yaml")
    (folder / "trial.yaml").write_text("name: trial-3\n" + TRIAL.replace("seeds: 2", "seeds: 3"))
    told = json.loads(called("--json"))
    assert (told["runs"], told["finished"]) == (6, 6)
    assert len(backend.carried) == 4 + 2


def test_changed_words_are_written_on_the_page_and_nothing_else_is_done(folder: Path, backend: Made) -> None:
    called()
    (folder / "trial.yaml").write_text(TRIAL.replace("title: T", "title: Another\nprecision: 0.2"))
    assert "nothing had to be done" not in called()
    page = (folder / "runs" / "experiments" / "trial" / "report.html").read_text(encoding="utf-8")
    assert "<h1>Another</h1>" in page
    assert "within ± 20 % of it" in page
    assert "nothing had to be done" in called()
    assert len(backend.carried) == 4


def _blocked(folder: Path) -> None:
    (folder / "blocked").write_text("")


def _single_run(folder: Path) -> None:
    (folder / "runs" / "mine").mkdir(parents=True)
    (folder / "runs" / "mine" / "manifest.json").write_text("{}")


@pytest.mark.parametrize(
    ("prepare", "arguments", "told"),
    [
        (None, ("--store", ""), "the store of runs '' names no place; allowed is a folder or a URL"),
        (None, ("--store", "file://"), "names no place"),
        (None, ("--store", "memory://runs"), "memory://runs ends with this process"),
        (None, ("--out", ""), "--out: found ''; allowed is the name of a folder"),
        (None, ("--out", "runs/store"), "runs/store is the store of runs; allowed is a folder beside the runs"),
        (None, ("--out", "runs/store/trial"), "runs/store is the store of runs"),
        (_single_run, ("--out", "runs/mine"), "runs/mine is a run"),
        (_single_run, ("--out", "runs/mine/trial"), "runs/mine is a run"),
        (_single_run, ("--out", "runs"), "runs holds runs"),
        (_blocked, ("--store", "blocked/store"), "the store of runs blocked/store cannot be used"),
        (_blocked, ("--store", "blocked"), "the store of runs blocked cannot be used"),
        (_blocked, ("--out", "blocked/trial"), "blocked/trial cannot be written: "),
    ],
)
def test_a_place_that_will_not_do_is_refused_before_anything_is_written(
    folder: Path, backend: Made, prepare: Callable[[Path], None] | None, arguments: tuple[str, str], told: str
) -> None:
    if prepare is not None:
        prepare(folder)
    before = files(folder)
    for more in ((), ("--dry-run",)):
        assert told in refused(*arguments, *more)
    assert backend.carried == []
    assert [name for name in files(folder) if not name.endswith(".lock")] == before


def test_a_folder_that_this_user_may_not_write_is_refused(
    folder: Path, backend: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # a superuser may write everywhere
    for more in ((), ("--dry-run",)):
        assert f"runs/experiments/trial cannot be written: {folder} may not be written by this user" in refused(*more)
    assert backend.carried == []


def test_the_backend_is_left_alone_where_nothing_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        """A cluster that is not there."""

        def carry_out(self, orders: object, *, report: object, ended: object) -> None:
            msg = "no Ray cluster"
            raise SandboxError(msg)

    called()
    (folder / "runs" / "experiments" / "trial" / "runs.parquet").unlink()
    monkeypatch.setattr(experiment_cli, "_backend", lambda *_: Away())
    assert json.loads(called("--json"))["finished"] == 4


def test_a_design_that_cannot_be_drawn_leaves_no_design(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(_: object) -> None:
        msg = "no such place"
        raise SandboxError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(drive, "check", cannot)
        assert refused() == "no such place"
    assert not list(folder.rglob("design.json"))
    (folder / "trial.yaml").write_text(TRIAL.replace("[2, 4]", "[2, 5]"))
    assert json.loads(called("--json"))["finished"] == 4
