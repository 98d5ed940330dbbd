from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sim import experiment_cli
from sim.cli import app
from sim.errors import SandboxError
from sim.experiment import drive
from sim.experiment.design import Design
from sim.experiment.drive import carry_out
from sim.experiment.frames import read
from sim.experiment.page import judgements, write_page
from sim.runner.store import RunStore
from tests.unit.experiment.bench import Made, design


@pytest.fixture(autouse=True)
def _unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "check", lambda _: None)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BITGREEN_HOME", str(Path(__file__).parents[3]))
    monkeypatch.chdir(tmp_path)
    carry(tmp_path, "one", design())
    carry(tmp_path, "two", design(seeds=4))
    carry(tmp_path, "single", design(grid={}))
    carry(tmp_path, "longer", design(set={"time.drain_s": 500}))
    return tmp_path


def carry(folder: Path, name: str, wanted: Design) -> None:
    carry_out(wanted, folder / "runs" / "experiments" / name, store=RunStore(folder / "runs" / "store"), backend=Made())


def told(*arguments: str) -> str:
    found = CliRunner().invoke(app, ["compare", *arguments])
    if isinstance(found.exception, SandboxError):
        return str(found.exception)
    assert found.exit_code == 0, found.output
    return found.stdout


@pytest.mark.usefixtures("place")
def test_variants_of_one_experiment_are_judged_over_their_seeds() -> None:
    text = told("one:fleet.count=2", "one:fleet.count=4")
    assert "one:fleet.count=4 against one:fleet.count=2, 3 pairs of runs on the same seeds" in text
    assert "100 s shorter" in text


@pytest.mark.usefixtures("place")
def test_experiments_are_compared_variant_by_variant_on_the_seeds_they_share() -> None:
    text = told("one", "two")
    for fleet in (2, 4):
        assert f"two:fleet.count={fleet} against one:fleet.count={fleet}, 3 pairs of runs" in text
    assert "the same in all 3 seeds" in text


def test_a_run_is_placed_among_the_seeds_of_a_variant(place: Path) -> None:
    run = read(place / "runs" / "experiments" / "one").runs["run"][0]
    text = told(f"runs/store/{run}", "two:fleet.count=4")
    assert "lies within what one run more would show" in text
    assert told(run, "two:fleet.count=4") == text  # its key is a name for it too


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("runs/experiments/one/design.json", "{}", "design.json is damaged: it lacks experiment and scenarios"),
        ("runs/experiments/one/design.json", '{"experiment": {}, "scenarios": {}}', "design.json is damaged: KeyError"),
        ("runs/experiments/one/runs.parquet", "", "one holds no results of an experiment: .* carried out again"),
        ("runs/store/{run}/manifest.json", "{}", "manifest of .* lacks scenario.name, fingerprint"),
        ("runs/store/{run}/kpis.json", "[{}]", "an entry of kpis.json is {}; it must have code, stat, scope, value"),
    ],
)
def test_what_is_damaged_is_told(place: Path, name: str, text: str, message: str) -> None:
    run = read(place / "runs" / "experiments" / "one").runs["run"][0]
    (place / name.format(run=run)).write_text(text)
    assert re.search(message, told(run, "one:fleet.count=2"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("one", "one"), "one cannot be compared with itself: name two of its variants as one:VARIANT, of 'fleet"),
        (("one", "one:fleet.count=2"), "one cannot be compared with itself: name two of its variants"),
        (("one:fleet.count=2", "one"), "one cannot be compared with itself: name two of its variants"),
        (("one:fleet.count=2",) * 2, "one:fleet.count=2 cannot be compared with itself: name two of its variants"),
        (("one", "runs/experiments/one"), "one cannot be compared with itself"),
        (("single", "single"), "single cannot be compared with itself: it has one variant, so name another"),
        (("one", "single"), "one and single have no variant in common to compare; name one of each as EXPERIMENT:VAR"),
        (("one:fleet.count=2", "one:fleet.count=9"), "one has no variant 'fleet.count=9' with finished runs; allowed"),
        (("one", "longer"), "cannot be compared with one:fleet.count=2: they differ in time.drain_s"),
        (
            ("one", "nowhere"),
            "no run or experiment 'nowhere'; allowed are the directory of a run, its id in runs, its key in runs/store",
        ),
    ],
)
@pytest.mark.usefixtures("place")
def test_what_cannot_be_compared_is_told(arguments: tuple[str, str], message: str) -> None:
    assert message in told(*arguments)


def test_the_page_judges_every_variant_against_the_reference(place: Path) -> None:
    wanted = design(kpis=["requests_served"])
    frames = read(place / "runs" / "experiments" / "one")
    (judgement,) = judgements(wanted, frames.results)
    assert (judgement.reference, judgement.other) == ("fleet.count=2", "fleet.count=4")
    assert [row.key for row in judgement.rows] == ["requests_served"]
    assert judgement.rows[0].direction == "better"
    page = write_page(wanted, frames, store=RunStore(place / "runs" / "store"), out=place / "report.html")
    assert "fleet.count=4 against fleet.count=2" in page.read_text(encoding="utf-8")


def test_runs_that_are_not_where_they_were_to_be_are_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nowhere:
        """Carries out nothing and says nothing, as if another process had kept the runs to itself."""

        def carry_out(self, orders: object, *, report: object, ended: object) -> None:
            pass

    monkeypatch.setenv("BITGREEN_HOME", str(Path(__file__).parents[3]))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(experiment_cli, "_backend", lambda *_: Nowhere())
    (tmp_path / "trial.yaml").write_text("title: T\nscenarios: [smoke]\nseeds: 2\n")
    done = CliRunner().invoke(app, ["experiment", "trial.yaml"])
    assert done.exit_code == 1
    assert "0 of 2 runs finished" in done.stdout
