"""The design of an experiment: every run that it asks for, checked before the first one starts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from sim.compare import differing_paths
from sim.documents import load_scenario
from sim.engine.resolve import check_names, resolve
from sim.errors import SandboxError, ScenarioError
from sim.experiment.content import content_key
from sim.experiment.document import Experiment, Value
from sim.experiment.permits import PERMIT, under
from sim.experiment.services import SERVICE, chosen
from sim.kpi.keys import require_kpis
from sim.scenario import Scenario, Seeds

T = TypeVar("T")
SERVICE_ALONE = ("controllers", "fleet", "requests", "costs", "emissions", SERVICE)
"""What a scenario without service has no use for: its runs are the same whatever a sweep sets there."""
FREIGHT_ALONE = ("controllers.freight", "freight", "permits", "emissions", PERMIT)
"""What a scenario without freight has no use for."""
NO_FREIGHT: Mapping[str, Value] = {"freight": None, "permits": {}, "controllers.freight": None}
SAME_TRAFFIC = ("network", "overlays", "time", "demand")
MOST_RUNS = 20_000


@dataclass(frozen=True, slots=True)
class Variant:
    """One point of the sweep of one scenario.

    `traffic` are those of its settings that other traffic meets whatever is under study; `without` marks the scenario
    without that: without service, or without freight.
    """

    label: str
    scenario: str
    settings: Mapping[str, Value]
    traffic: Mapping[str, Value]
    without: bool = False


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One variant under one pair of seeds; `key` is its content key."""

    variant: Variant
    scenario: Scenario
    key: str

    @property
    def seeds(self) -> Seeds:
        return self.scenario.seeds

    @property
    def traffic(self) -> str:
        """What a run shares with the run without service that it is measured against: seeds, and what others meet."""
        return json.dumps([dict(self.variant.traffic), self.seeds.demand, self.seeds.sumo], sort_keys=True)


@dataclass(frozen=True, slots=True)
class Design:
    """An experiment with all its runs, by variant and within it by seeds as the document has them."""

    experiment: Experiment
    variants: tuple[Variant, ...]
    runs: tuple[PlannedRun, ...]

    @property
    def reference(self) -> Variant:
        """The variant that the others are compared with."""
        label = self.experiment.reference
        return next(one for one in self.variants if label in (None, one.label) and not one.without)

    @property
    def parameters(self) -> list[str]:
        """The swept paths, in the order of the document."""
        return list(dict.fromkeys(path for variant in self.variants for path in variant.settings))

    def document(self) -> dict[str, Any]:
        """Return what must not change under the same name: the experiment and the documents of its scenarios."""
        return {
            "experiment": self.experiment.model_dump(mode="json", by_alias=True),
            "scenarios": {
                label: scenario.model_dump(mode="json", exclude={"seeds"})
                for label, scenario in _firsts(self.runs).items()
            },
        }


def plan(experiment: Experiment) -> Design:
    """Return the design of an experiment; every scenario's shape and names have been checked.

    Raises
    ------
    SandboxError
        A scenario, a swept path, a value or a name is not valid; the message names the variant. Nothing was started.
    """
    require_kpis([*experiment.kpis, *experiment.margins, *chain(*experiment.trade_offs)])
    points = experiment.combinations()
    names = [*experiment.scenarios, *filter(None, [experiment.bare])]
    number = len(names) * len(points) * len(experiment.seeds)
    if number > MOST_RUNS:
        msg = f"{experiment.name}: {number:,} runs; allowed are {MOST_RUNS:,} in one experiment"
        raise ScenarioError(msg)
    several = len(experiment.scenarios) > 1
    variants = [
        Variant(_label(name, point, several=several), name, point, _met(experiment, point))
        for point in points
        for name in experiment.scenarios
    ]
    if experiment.bare is not None:
        variants += _without(experiment, experiment.bare, points)
    _check_labels(experiment, variants)
    runs: list[PlannedRun] = []
    for variant in variants:
        runs += _runs(experiment, variant)
    _check_twins(experiment, runs)
    _check_reference(runs)
    return Design(experiment, tuple(variants), tuple(runs))


def check(runs: Sequence[PlannedRun]) -> None:
    """Draw the people of the first of the runs of each variant, which tells what names and figures cannot be had.

    Raises
    ------
    SandboxError
        Something that a scenario names does not exist; the message names the variant.
    """
    for label, scenario in _firsts(runs).items():
        _told(label, partial(resolve, scenario))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the paths in which two design documents differ; what is only told on the report may."""
    paths = differing_paths({"design": before}, {"design": after})
    words = ("title", "question", "description")
    found = [path.removeprefix("design.") for path in paths if path.rpartition(".")[2] not in words]
    return [path for path in found if path not in {"experiment.precision", "experiment.trade_offs"}]


def _firsts(runs: Sequence[PlannedRun]) -> dict[str, Scenario]:
    """Return the scenario of each variant under its first seeds."""
    found: dict[str, Scenario] = {}
    for run in runs:
        found.setdefault(run.variant.label, run.scenario)
    return found


def _runs(experiment: Experiment, variant: Variant) -> list[PlannedRun]:
    shared = experiment.set if not variant.without else _met(experiment, experiment.set)
    bare = NO_FREIGHT if variant.without and experiment.without_freight is not None else {}
    settings = {**shared, **variant.settings, **bare}
    scenario = _told(variant.label, lambda: _scenario(variant.scenario, settings))
    if variant.without and experiment.without_freight is None and scenario.controllers.shuttle is not None:
        used = scenario.controllers.shuttle.use
        msg = f"without_service: {variant.scenario} has the service {used!r}; allowed is a scenario without"
        raise ScenarioError(msg)
    network = _told(variant.label, lambda: check_names(scenario))
    seeded = (scenario.model_copy(update={"seeds": seeds}) for seeds in experiment.seeds)
    return [PlannedRun(variant, one, content_key(one, network)) for one in seeded]


def _scenario(name: str, settings: Mapping[str, Value]) -> Scenario:
    """Return a scenario with what is set; service and permit go first, as the other paths may set their fields."""
    plain = {path: value for path, value in settings.items() if path not in {SERVICE, PERMIT}}
    if SERVICE in settings:
        plain = chosen(settings[SERVICE], load_scenario(name)) | plain
    if PERMIT in settings:
        plain = under(settings[PERMIT], load_scenario(name)) | plain
    return load_scenario(name, overrides=[f"{path}={json.dumps(value)}" for path, value in plain.items()])


def _without(experiment: Experiment, name: str, points: Sequence[Mapping[str, Value]]) -> list[Variant]:
    """Return the variants without service or freight: one for each point that other traffic can tell apart."""
    relevant = [_met(experiment, point) for point in points]
    distinct = [point for number, point in enumerate(relevant) if point not in relevant[:number]]
    what = "" if experiment.without_freight is None else " without freight"
    return [Variant(_label(name, point, several=True) + what, name, point, point, without=True) for point in distinct]


def _met(experiment: Experiment, settings: Mapping[str, Value]) -> dict[str, Value]:
    """Return the settings that other traffic meets with or without what is under study."""
    alone = SERVICE_ALONE if experiment.without_freight is None else FREIGHT_ALONE
    return {path: value for path, value in settings.items() if not f"{path}.".startswith(tuple(f"{a}." for a in alone))}


def _label(scenario: str, point: Mapping[str, Value], *, several: bool) -> str:
    """Return a name for people: the scenario where there are several, and what was set."""
    values = ", ".join(f"{path}={_written(value)}" for path, value in point.items())
    name = scenario.rpartition("/")[2].removesuffix(".yaml").removesuffix(".yml")
    return " ".join(part for part in (name if several or not values else "", values) if part)


def _written(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _check_reference(runs: Sequence[PlannedRun]) -> None:
    """Make sure that a run without service has the roads, hours and people of those it is the reference of."""
    bare = {run.traffic: run for run in runs if run.variant.without}
    seen: set[str] = set()
    for run in runs:
        other = bare.get(run.traffic)
        if run.variant.without or other is None or run.variant.label in seen:
            continue
        seen.add(run.variant.label)
        documents = [one.scenario.model_dump(mode="json") for one in (other, run)]
        paths = [path for path in differing_paths(*documents) if path.partition(".")[0] in SAME_TRAFFIC]
        if paths:
            msg = (
                f"{other.variant.label} differs from {run.variant.label} in {', '.join(paths)}; what is added to other "
                "traffic's time loss is told on the same roads, hours and people alone"
            )
            raise ScenarioError(msg)


def _check_twins(experiment: Experiment, runs: Sequence[PlannedRun]) -> None:
    """Make sure that no two variants are the same run, as those with 3 and 3.0 vehicles are."""
    firsts: dict[str, Variant] = {}
    for run in runs:
        other = firsts.setdefault(run.key, run.variant)
        if other is not run.variant:
            msg = (
                f"{experiment.name}: the variants {other.label!r} and {run.variant.label!r} are the same run, as their "
                "scenarios are alike when everything is set; take one of them out"
            )
            raise ScenarioError(msg)


def _check_labels(experiment: Experiment, variants: Sequence[Variant]) -> None:
    named: dict[str, Variant] = {}
    for variant in variants:
        other = named.setdefault(variant.label, variant)
        if other is not variant:
            told = [f"{one.scenario} with {dict(one.settings)}" for one in (other, variant)]
            cure = "give their scenarios different names"
            if other.scenario == variant.scenario:
                cure = "values that are written alike are one: take one of them out"
            msg = f"{experiment.name}: two variants are called {variant.label!r}: {' and '.join(told)}; {cure}"
            raise ScenarioError(msg)
    allowed = [variant.label for variant in variants if not variant.without]
    if experiment.reference is not None and experiment.reference not in allowed:
        msg = f"reference: no variant {experiment.reference!r}; allowed are {', '.join(map(repr, allowed))}"
        raise ScenarioError(msg)


def _told(label: str, call: Callable[[], T]) -> T:
    """Return what a call returns; what it cannot do is told with the variant's name."""
    try:
        return call()
    except SandboxError as error:
        msg = f"variant {label!r}: {error}"
        raise type(error)(msg) from error
