from __future__ import annotations

import io
import re
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from sim import experiment_cli
from sim.cli import app
from sim.errors import SandboxError
from sim.experiment import drive
from sim.experiment.design import Design
from sim.experiment.drive import carry_out
from sim.experiment.frames import read
from sim.experiment.judged import render_judgement
from sim.experiment.page import judgements, write_page
from sim.kpi.catalogue import CATALOGUE
from sim.runner.store import RunStore
from sim.verdict import judge
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
    assert "A: one:fleet.count=2\nB: one:fleet.count=4\n" in text
    assert re.search(r"Wait +min +3\.3 +1\.7 +−1\.7 +−3\.7 to \+0\.4 +0\.2 += no worse", text), text


@pytest.mark.usefixtures("place")
def test_experiments_are_compared_variant_by_variant_on_the_seeds_they_share() -> None:
    text = told("one", "two")
    for fleet in (2, 4):
        assert f"two:fleet.count={fleet} against one:fleet.count={fleet}, 3 pairs of runs" in text
    assert re.search(r"Wait +s .* ±0 +0 to 0 .* = no worse", text), text


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


def test_the_table_fits_a_terminal_and_has_titles_both_means_difference_and_verdict() -> None:
    values = {"otif": (0.86, -0.29), "order_lead_time_s.p95": (4860.0, -880.0), "conflicts": (7.5, -6.0),
              "ghg_g_per_tkm_wtw": (1339.4, -376.0)}  # fmt: skip
    results = pd.DataFrame([
        {"variant": label, "demand_seed": seed, "sumo_seed": seed, "key": key, "code": key.partition(".")[0],
         "stat": key.partition(".")[2] or "value", "scope": "all", "value": mean + place * (gap + 0.05 * mean * seed),
         "unit": CATALOGUE[key.partition(".")[0]].unit, "n": 1, "run": f"{label}-{seed}"}
        for place, label in enumerate(("old", "new"))
        for seed in (1, 2, 3)
        for key, (mean, gap) in values.items()
    ])  # fmt: skip
    console = Console(width=120, record=True, file=io.StringIO())
    render_judgement(judge(results, "old", "new", keys=list(values)), (), console=console)
    lines = console.export_text().splitlines()
    assert lines[:2] == ["A: old", "B: new"]
    table = lines[2 : next(n for n, line in enumerate(lines) if line.startswith("new against old"))]
    assert max(len(line.rstrip()) for line in table) <= 120
    rows = [line.split("  ")[0].strip() for line in table if "✓" in line or "?" in line or "✗" in line or "=" in line]
    assert rows == ["On time, in full", "Order lead time (95th percentile)", "Conflicts", "CO2e per tkm, well to wheel"]
    assert re.search(r"Conflicts +conflicts +7\.50 +2\.25 +−5\.25 +−6\.18 to −4\.32 ", "\n".join(table)), table
