"""Two permits on the same days: how the sides are read, what is set, and what is refused before anything starts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sim import experiment_cli
from sim.cli import app
from sim.documents import load_scenario
from sim.errors import NotFoundError, SandboxError, ScenarioError
from sim.experiment import drive
from sim.experiment.design import Design, plan
from sim.experiment.document import Experiment, valid_experiment
from sim.experiment.permit_pair import permit_pair, read_seeds, read_side
from sim.experiment.permits import under
from tests.unit.experiment.bench import Made

OLD, NEW = "low-speed-zone-2021", "low-speed-zone-15"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BITGREEN_HOME", str(Path(__file__).parents[3]))
    monkeypatch.chdir(tmp_path)


def pair(a: list[str], b: list[str], name: str = "permit-ab", changes: Mapping[str, Any] | None = None) -> Experiment:
    return permit_pair(name, a, b, seeds=[1, 2], changes=changes or {})


def design(**fields: Any) -> Design:  # noqa: ANN401 (fields of the document)
    base = {"name": "t", "title": "T", "scenarios": ["permit-ab"], "seeds": 1}
    return plan(valid_experiment(base | fields, place="the test"))


def caps_kmh(found: Design) -> dict[str, float | None]:
    """Return the cap of the first permit of each variant."""
    caps = {}
    for run in found.runs:
        permit = next(iter(run.scenario.permits.values()), None)
        caps[run.variant.label] = permit.max_speed_kmh.value if permit and permit.max_speed_kmh else None
    return caps


def test_a_ready_permit_replaces_the_one_for_its_class() -> None:
    found = plan(pair([OLD], [NEW]))
    bare = "permit-ab without freight"
    assert caps_kmh(found) == {f"permit={OLD}": 7, f"permit={NEW}": 15, bare: None}
    assert found.reference.label == f"permit={OLD}"
    assert {run.seeds.demand for run in found.runs} == {1, 2}
    assert {tuple(run.scenario.permits) for run in found.runs if not run.variant.without} == {("zone",)}


def test_permits_for_other_classes_stay() -> None:
    found = design(scenarios=["robots-and-special-vehicles"], grid={"permit": [OLD, NEW]})
    robots = {"robot-100", "robot-230", "robot-500"}
    assert [set(run.scenario.permits) for run in found.runs] == [{"zone", *robots}] * 2


def test_one_ready_permit_replaces_all_those_for_its_class() -> None:
    found = under("robot-230", load_scenario("robots-and-special-vehicles"))["permits"]
    assert found.keys() == {"zone", "robot-100"}
    assert found["robot-100"] == {"extends": "robot-230"}


def test_a_side_may_set_any_paths() -> None:
    cap = "permits.zone.max_speed_kmh.value"
    found = plan(pair([f"{cap}=7"], [f"{cap}=10", "freight.fleets.special.count=3"]))
    fleets = [run.scenario.freight.fleets["special"].count for run in found.runs if run.scenario.freight]
    assert fleets == [6, 6, 3, 3]
    assert list(caps_kmh(found).values())[:2] == [7, 10]
    extended = plan(pair([f"permits.zone.extends={OLD}"], [f"permits.zone.extends={NEW}"]))
    assert list(caps_kmh(extended).values())[:2] == [7, 15]


def test_a_file_is_a_permit_too(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(f"extends: {OLD}\nmax_speed_kmh: 10\n")
    assert caps_kmh(plan(pair([OLD], ["mine.yaml"])))["permit=mine.yaml"] == 10


def test_other_traffic_meets_one_run_without_freight() -> None:
    found = plan(pair([OLD], [NEW], changes={"demand.background.scale": 0.05}))
    bare = [run for run in found.runs if run.variant.without]
    assert len(bare) == 2
    for run in bare:
        assert (run.scenario.freight, run.scenario.permits, run.scenario.controllers.freight) == (None, {}, None)
        assert run.scenario.demand.background is not None
        assert run.scenario.demand.background.scale == 0.05
    assert len({run.traffic for run in found.runs}) == 2  # one for each seed


def test_what_other_traffic_meets_has_a_reference_each() -> None:
    found = plan(pair([OLD, "demand.background.scale=0.1"], [NEW, "demand.background.scale=0.2"]))
    assert [run.variant.traffic for run in found.runs if run.variant.without][::2] == [
        {"demand.background.scale": 0.1}, {"demand.background.scale": 0.2},
    ]  # fmt: skip


def test_further_kpis_follow_from_the_scenario() -> None:
    assert not {"stock_out_min", "line_to_compound_s"} & set(pair([OLD], [NEW]).kpis)
    assert "stock_out_min" in pair(["trucks-at-night"], ["trucks-all-day"], "parts-by-night").kpis
    cars = pair(["finished-cars"], ["permits={}"], "finished-vehicles")
    assert "otif" not in cars.kpis
    assert "line_to_compound_s" in cars.kpis
    assert len(plan(cars).variants) == 3


@pytest.mark.parametrize(
    ("a", "b", "name", "told"),
    [
        ([OLD], [OLD], "permit-ab", "--a and --b are the same, low-speed-zone-2021"),
        ([OLD], ["zone-2030"], "permit-ab", "permit: no permit 'zone-2030'; allowed are a .yaml file or one of finish"),
        ([OLD], ["trucks-at-night"], "permit-ab", "trucks-at-night is for av_truck; allowed is one for a class that"),
        ([OLD], [NEW], "smoke", "smoke moves no goods"),
        ([OLD], ["permit=low-speed-zone-2021"], "permit-ab", "--a and --b are the same"),
        ([OLD, "permits.zone.crew=none"], [NEW, NEW], "permit-ab", "--b: permit stands twice"),
        ([OLD], [NEW, "permits={}"], "permit-ab", "permits: `permit` sets it already"),
        ([OLD], [f"permits.zone.extends={OLD}"], "permit-ab", "are the same run"),
        ([OLD], ["permits.zone.speed=7"], "permit-ab", "permits.zone.speed: unknown field"),
        ([OLD], ["=7"], "permit-ab", "an override reads path=value"),
    ],
)
def test_what_cannot_be_is_told(a: list[str], b: list[str], name: str, told: str) -> None:
    with pytest.raises(SandboxError) as caught:
        plan(pair(a, b, name))
    assert told in str(caught.value)


def test_an_unknown_scenario_is_told() -> None:
    with pytest.raises(NotFoundError, match="no scenario 'moon'"):
        pair([OLD], [NEW], "moon")


def test_other_traffic_has_one_reference() -> None:
    with pytest.raises(ScenarioError, match="allowed is this one or without_service"):
        design(without_freight="permit-ab", without_service="morning-none")


def test_a_text_without_a_path_is_a_permit() -> None:
    assert read_side([OLD, "fleet.count=2"], "--a") == {"permit": OLD, "fleet.count": 2}


@pytest.mark.parametrize(("text", "seeds"), [("3", [1, 2, 3]), ("3-5", [3, 4, 5]), ("9,2", [9, 2]), ("7-7", [7])])
def test_seeds_are_a_number_a_span_or_a_list(text: str, seeds: list[int]) -> None:
    assert read_seeds(text) == seeds


@pytest.mark.parametrize("text", ["0", "", "5-3", "1,1", "a", "1-", "1001", "0-2000", "-1", "1.5", "99999999999"])
def test_no_other_text_names_seeds(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"--seeds: found .*; allowed are"):
        read_seeds(text)


def test_the_command_tells_what_would_run(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made()
    monkeypatch.setattr(experiment_cli, "_backend", lambda *_: made)
    monkeypatch.setattr(drive, "check", lambda _: None)
    call = ["permits", "permit-ab", "--a", OLD, "--b", NEW, "--seeds", "1-3"]
    dry = CliRunner().invoke(app, [*call, "--dry-run", "--json"])
    assert json.loads(dry.stdout)["runs"] == 9
    assert (dry.exit_code, made.carried) == (0, [])
