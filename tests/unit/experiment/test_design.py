from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sim.digest import PACKAGE
from sim.errors import NotFoundError, ScenarioError
from sim.experiment import content
from sim.experiment.design import Design, differences, plan
from sim.experiment.document import Experiment
from sim.network.catalog import load_network


def design(**fields: Any) -> Design:  # noqa: ANN401 (fields of the document)
    base = {"name": "trial", "title": "Trial", "scenarios": ["smoke"], "seeds": 2}
    return plan(Experiment.model_validate(base | fields))


def test_every_variant_runs_with_every_pair_of_seeds() -> None:
    found = design(grid={"fleet.count": [2, 4]})
    assert [variant.label for variant in found.variants] == ["fleet.count=2", "fleet.count=4"]
    counts = [(run.scenario.fleet and run.scenario.fleet.count, run.seeds.demand) for run in found.runs]
    assert counts == [(2, 1), (2, 2), (4, 1), (4, 2)]
    assert found.reference.label == "fleet.count=2"
    assert len({run.key for run in found.runs}) == 4


def test_a_run_without_service_is_shared_by_what_other_traffic_cannot_tell_apart() -> None:
    found = design(
        scenarios=["morning-shuttle"],
        without_service="morning-none",
        grid={"fleet.count": [4, 8], "demand.background.scale": [0.1, 0.2]},
    )
    bare = [variant for variant in found.variants if variant.without]
    assert [variant.label for variant in bare] == [
        "morning-none demand.background.scale=0.1", "morning-none demand.background.scale=0.2",
    ]  # fmt: skip
    by_traffic = {run.traffic for run in found.runs if run.variant.without}
    assert {run.traffic for run in found.runs if not run.variant.without} == by_traffic
    assert found.reference.label == "fleet.count=4, demand.background.scale=0.1"


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        (
            {"grid": {"fleet.cont": [1]}},
            ScenarioError,
            r"(?s)variant 'fleet.cont=1': .*fleet.cont: unknown field; allowed",
        ),
        ({"grid": {"fleet.count": [1, "x"]}}, ScenarioError, r"(?s)variant 'fleet.count=x': .*found 'x'"),
        (
            {"grid": {"fleet.count": [3, 3.0]}},
            ScenarioError,
            "the variants 'fleet.count=3' and 'fleet.count=3.0' are the same run",
        ),
        (
            {"grid": {"fleet.count": [2, "2"]}},
            ScenarioError,
            "called 'fleet.count=2': smoke with .*: 2} and smoke with .*: '2'}; values that are written alike are one",
        ),
        (
            {"grid": {"demand.commuters.shifts.0": [1]}, "scenarios": ["morning-shuttle"]},
            ScenarioError,
            "an entry of a list has no path; set the whole list demand.commuters.shifts",
        ),
        ({"scenarios": ["nowhere"]}, NotFoundError, "variant 'nowhere': no scenario 'nowhere'; allowed are"),
        ({"set": {"network": "atlantis"}}, NotFoundError, "variant 'smoke': .*atlantis"),
        ({"set": {"controllers.shuttle.use": "magic"}}, ScenarioError, "no controller 'magic'"),
        ({"set": {"controllers.shuttle.parameters": {"magic": 1}}}, ScenarioError, "parameters.magic"),
        (
            {"without_service": "morning-none"},
            ScenarioError,
            "morning-none differs from smoke in demand.*, time.begin_s",
        ),
        ({"kpis": ["wait_s.p95", "wait"]}, NotFoundError, "no KPI 'wait' .*did you mean wait_s"),
        ({"margins": {"wait_s@moon": {"relative": 0.1}}}, NotFoundError, "no KPI 'wait_s@moon'"),
        ({"reference": "other"}, ScenarioError, "reference: no variant 'other'; allowed are 'smoke'"),
        (
            {"without_service": "smoke", "scenarios": ["morning-shuttle"]},
            ScenarioError,
            "smoke has the service 'insertion'",
        ),
    ],
)
def test_what_cannot_run_is_told_before_anything_starts(
    fields: dict[str, Any], error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        design(**fields)


def test_scenarios_that_come_to_the_same_are_refused(tmp_path: Path) -> None:
    for name, count in (("three", 3), ("four", 4)):
        (tmp_path / f"{name}.yaml").write_text(f"extends: smoke\nfleet: {{count: {count}}}\n")
    both = [str(tmp_path / "three.yaml"), str(tmp_path / "four.yaml")]
    assert len({run.key for run in design(scenarios=both).runs}) == 4
    with pytest.raises(ScenarioError, match="trial: the variants 'three' and 'four' are the same run"):
        design(scenarios=both, set={"fleet.count": 5})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "three.yaml").write_text("extends: smoke\nfleet: {count: 7}\n")
    with pytest.raises(
        ScenarioError, match=r"two variants are called 'three': .* give their scenarios different names"
    ):
        design(scenarios=[both[0], str(tmp_path / "other" / "three.yaml")])


def test_a_changed_design_is_found_out_and_changed_words_are_none() -> None:
    one = design().document()
    assert json.loads(json.dumps(one)) == one
    assert differences(one, design(title="Other", question="Why?", precision=0.1).document()) == []
    of_before = {**one, "experiment": {key: value for key, value in one["experiment"].items() if key != "precision"}}
    assert differences(of_before, one) == []  # experiments from before it was asked for
    assert differences(one, design(seeds=3).document()) == ["experiment.seeds"]
    assert differences(one, design(set={"fleet.count": 7}).document()) == [
        "experiment.set.fleet.count", "scenarios.smoke.fleet.count",
    ]  # fmt: skip


def test_the_key_follows_from_content_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = design().runs
    network = load_network("bitgreen")
    scenario = runs[0].scenario
    named = scenario.model_copy(update={"title": "Another", "name": "another", "description": "words"})
    assert content.content_key(named, network) == runs[0].key
    assert runs[0].key != runs[1].key
    longer = scenario.model_copy(update={"time": scenario.time.model_copy(update={"step_s": 0.5})})
    assert content.content_key(longer, network) != runs[0].key
    monkeypatch.setattr(content, "code_digest", lambda *_: "other code")
    assert content.content_key(scenario, network) != runs[0].key


def test_the_key_holds_the_code_of_all_that_a_run_imports() -> None:
    waiting = [PACKAGE / "runner" / "once.py", *(PACKAGE / "controllers").rglob("*.py")]
    found: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imports(path)
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in found} - {"__init__"}
    assert {"permits", "dispatch", "freight_document"} <= rooms <= set(content.ROOMS)


def _imports(path: Path) -> Iterator[Path]:
    """Yield the modules of this package that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.startswith("sim"):
            for name in (node.module, *(f"{node.module}.{one.name}" for one in node.names)):
                place = PACKAGE.parent.joinpath(*name.split("."))
                yield from (one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file())
