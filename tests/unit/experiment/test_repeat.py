"""One scenario with every service: what is set for each, and what is told of those that it cannot have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sim.cli import app
from sim.documents import load_scenario
from sim.errors import NotFoundError, SandboxError, ScenarioError
from sim.experiment import repeat
from sim.experiment.design import Design, differences, plan
from sim.experiment.document import Experiment, valid_experiment
from sim.experiment.repeat import repeated
from sim.experiment.services import service_of
from sim.scenario import ControllerUse


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(repeat, "SERVICES", ("greedyShared", "timetable", "lns"))
    monkeypatch.setenv("BITGREEN_HOME", str(Path(__file__).parents[3]))
    monkeypatch.chdir(tmp_path)


def design(**fields: Any) -> Design:  # noqa: ANN401 (fields of the document)
    return plan(Experiment.model_validate({"name": "t", "title": "T", "scenarios": ["smoke"], "seeds": 1} | fields))


def uses(found: Design) -> list[tuple[str, dict[str, Any]]]:
    shuttles = [run.scenario.controllers.shuttle for run in found.runs]
    return [(use.use, use.parameters) for use in shuttles if use is not None]


def test_a_service_is_a_controller_with_its_parameters() -> None:
    alpha = "controllers.shuttle.parameters.alpha"
    found = design(grid={alpha: [1, 2], "service": ["insertion", "lns"]})
    assert uses(found) == [("insertion", {"alpha": 1}), ("lns", {"alpha": 1}),
                           ("insertion", {"alpha": 2}), ("lns", {"alpha": 2})]  # fmt: skip
    assert found.parameters == [alpha, "service"]
    assert uses(design(set={"service": "greedy"})) == [("sumo", {"algorithm": "greedy"})]


def test_the_own_service_keeps_its_parameters_and_others_do_not_get_them(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "extends: smoke\ncontrollers: {shuttle: {use: lns, period_s: 8, parameters: {promise_window_s: 60}}}\n"
    )
    found = design(scenarios=[str(own)], grid={"service": ["lns", "insertion"]})
    assert uses(found) == [("lns", {"promise_window_s": 60}), ("insertion", {})]
    periods = [run.scenario.controllers.shuttle.period_s for run in found.runs if run.scenario.controllers.shuttle]
    assert periods == [8, 8]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"grid": {"service": ["lns"], "controllers.shuttle.use": ["rtv"]}}, "controllers.shuttle.use: `service` sets"),
        ({"set": {"controllers.shuttle.parameters": {}}, "grid": {"service": ["lns"]}}, "parameters: `service` sets"),
        ({"grid": {"service": ["magic"]}}, "variant 'service=magic': controllers.shuttle.use: no controller 'magic'"),
        ({"grid": {"service": [7]}}, "variant 'service=7': service: found 7; allowed are greedy, "),
        ({"kpis": ["wait_s"], "trade_offs": [["wait_s", "vkm_total"]]}, "vkm_total is none of the experiment's kpis"),
        ({"trade_offs": [["wait_s", "vkm"]]}, "no KPI 'vkm'"),
        ({"trade_offs": [["wait_s"]]}, "trade_offs"),
    ],
)
def test_what_cannot_be_is_told(fields: dict[str, Any], told: str) -> None:
    base: dict[str, Any] = {"name": "t", "title": "T", "scenarios": ["smoke"], "seeds": 1}
    with pytest.raises(SandboxError) as caught:
        plan(valid_experiment(base | fields, place="the test"))
    assert told in str(caught.value)


def test_other_traffic_meets_one_run_without_service() -> None:
    found = design(scenarios=["morning-shuttle"], without_service="morning-none", grid={"service": ["lns", "greedy"]})
    assert [one.label for one in found.variants if one.without] == ["morning-none"]
    assert len({run.traffic for run in found.runs}) == 1


def test_trade_offs_are_words_of_the_report() -> None:
    before = design(trade_offs=[["wait_s", "vkm_total"]]).document()
    assert differences(before, design().document()) == []


def test_a_scenario_is_repeated_with_all_that_it_can_have() -> None:
    found, left_out = repeated("smoke", seeds=2, changes={"fleet.count": 2})
    assert left_out == []
    # its own one is none of those patched in, and is there as the reference
    assert found.grid == {"service": ["greedyShared", "timetable", "lns", "insertion"]}
    assert (found.name, found.reference, len(found.seeds)) == ("services-smoke", "service=insertion", 2)
    assert {run.scenario.fleet.count for run in plan(found).runs if run.scenario.fleet} == {2}


@pytest.mark.parametrize(
    ("changes", "able", "reason"),
    [
        ({"fleet.depot": None}, ["greedyShared", "lns", "insertion"], "fleet.depot: none; the timetable needs"),
        (
            {"fleet": {"seats": 12, "groups": {"small": {"count": 1, "seats": 4}, "large": {"count": 1}}}},
            ["greedyShared", "lns", "insertion"],
            "fleet: the timetable plans with equal vehicles",
        ),
        (
            {"controllers.shuttle.parameters.alpha": 2},
            ["lns", "insertion"],
            "controllers.shuttle.parameters.alpha: Extra inputs",
        ),
    ],
)
def test_services_that_it_cannot_have_are_named_and_left_out(
    changes: dict[str, Any], able: list[str], reason: str
) -> None:
    found, left_out = repeated("smoke", seeds=1, changes=changes)
    assert found.grid == {"service": able}
    assert [one.service for one in left_out if one.service == "timetable"]
    assert next(one.reason for one in left_out if one.service == "timetable").startswith(reason)
    assert {one.service for one in left_out} == {"greedyShared", "timetable", "lns", "insertion"} - set(able)


def test_what_no_service_can_cure_is_an_error() -> None:
    with pytest.raises(ScenarioError, match="moon"):
        repeated("smoke", seeds=1, changes={"demand.commuters.destinations": ["moon"]})
    with pytest.raises(NotFoundError, match="no scenario 'moon'"):
        repeated("moon", seeds=1, changes={})


def test_the_command_tells_what_would_run() -> None:
    call = ["services", "smoke", "--seeds", "2", "--set", "controllers.shuttle.parameters.alpha=2", "--dry-run"]
    found = CliRunner().invoke(app, [*call, "--json"])
    assert found.exit_code == 0, found.output or found.exception
    told = json.loads(found.stdout)
    assert [one["variant"] for one in told["variants"]] == ["service=lns", "service=insertion"]
    assert (told["experiment"], told["runs"]) == ("services-smoke", 4)
    assert "left out: timetable: controllers.shuttle.parameters.alpha" in found.stderr
    refused = CliRunner().invoke(app, ["services", "smoke", "--set", "alpha"])
    assert isinstance(refused.exception, ScenarioError)


def test_a_dispatcher_of_sumo_has_its_own_name() -> None:
    assert service_of(ControllerUse(use="sumo")) == "greedyClosest"
    assert service_of(ControllerUse(use="sumo", parameters={"algorithm": "greedy"})) == "greedy"
    own = load_scenario("smoke").controllers.shuttle
    assert own is not None
    assert service_of(own) == "insertion"
