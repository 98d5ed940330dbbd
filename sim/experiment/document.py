"""The experiment document: which scenarios, which parameters, which seeds, and what is asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from sim.documents import read_document
from sim.errors import NotFoundError, ScenarioError
from sim.experiment.permits import PERMIT, SET_BY_PERMIT
from sim.experiment.services import SERVICE, SET_BY_SERVICE
from sim.fields import Model, Name
from sim.home import home
from sim.kpi.keys import canonical
from sim.margins import Margin
from sim.scenario import Seeds, described

Value = Any  # whatever a scenario's field takes; the scenario's own shape judges it
Path_ = Annotated[str, Field(pattern=r"^[a-z0-9_]+(\.[A-Za-z0-9_-]+)*$")]
KpiKey = Annotated[str, AfterValidator(canonical)]
Values = Annotated[list[Value], Field(min_length=1)]
OWN = ("name", "title", "description", "seeds")
MOST_SEEDS = 1000


def _seeds(value: object) -> object:
    """Turn `10` into the seeds 1 to 10, and a bare seed into one for demand and SUMO alike."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_SEEDS:
        value = list(range(1, value + 1))
    if isinstance(value, list):
        return [_pair(one) for one in value]
    return value


def _pair(seed: object) -> object:
    """Turn a bare seed into one for demand and SUMO alike; a switch is no seed, though Python counts with it."""
    if any(isinstance(one, bool) for one in (seed.values() if isinstance(seed, dict) else [seed])):
        msg = f"found {seed!r}; a seed is a whole number, or one each for demand and sumo"
        raise ValueError(msg)
    return {"demand": seed, "sumo": seed} if isinstance(seed, int) else seed


class Experiment(Model):
    """Scenarios × (grid × zip × list) × seeds.

    Every variant runs with every pair of seeds, so that differences between variants are taken on the same people
    and the same drivers (common random numbers).
    """

    name: Name
    title: str
    question: str = Field("", description="what the experiment is to answer, shown on its report")
    scenarios: list[str] = Field(min_length=1, description="names in scenarios/, or YAML files")
    set: dict[Path_, Value] = Field({}, description="changes to every scenario, path to value")
    grid: dict[Path_, Values] = Field({}, description="path to values: every combination")
    zip: dict[Path_, Values] = Field({}, description="path to values: the first of each, the second of each ...")
    points: list[dict[Path_, Value]] = Field([], alias="list", description="combinations one by one")
    seeds: Annotated[list[Seeds], BeforeValidator(_seeds)] = Field(
        min_length=1, max_length=MOST_SEEDS, description="a number of seeds, a list of seeds, or of demand and sumo"
    )
    reference: str | None = Field(None, description="the variant that the others are compared with; default the first")
    without_service: str | None = Field(
        None, description="a scenario without service, run too: what the service costs other traffic is against it"
    )
    without_freight: str | None = Field(
        None, description="a scenario, run too without its freight: what goods cost other traffic is against it"
    )
    kpis: list[KpiKey] = Field([], description="keys such as wait_s.p95@villages or D1@ggm; default the headline ones")
    trade_offs: list[tuple[KpiKey, KpiKey]] = Field(
        [], description="pairs of KPIs that the report draws the Pareto front of, the first across, the second up"
    )
    margins: dict[KpiKey, Margin] = Field({}, description="how much worse a KPI may become")
    precision: float = Field(
        0.05, gt=0, lt=1, description="share of a mean within which the report says how many seeds find it"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _once([(one.demand, one.sumo) for one in self.seeds], "seeds: the pair (demand, sumo)")
        _once(self.scenarios, "scenarios:")
        _once(self.kpis, "kpis:")
        if self.without_service in self.scenarios:
            msg = f"without_service: {self.without_service} is one of the scenarios too; it runs anyway, name it once"
            raise ValueError(msg)
        if self.without_service is not None and self.without_freight is not None:
            msg = "without_freight: other traffic has one reference; allowed is this one or without_service"
            raise ValueError(msg)
        for path, values in self.grid.items():
            _once([repr(value) for value in values], f"grid.{path}:")
        if len({len(values) for values in self.zip.values()}) > 1:
            found = ", ".join(f"{path} has {len(values)}" for path, values in self.zip.items())
            msg = f"zip: all lists must be equally long, found {found}"
            raise ValueError(msg)
        _once([repr(values)[1:-1] for values in zip(*self.zip.values(), strict=True)], "zip: the point")
        _once([repr(dict(sorted(point.items()))) for point in self.points], "list: the point")
        swept = [*self.set, *self.grid, *self.zip, *{path for point in self.points for path in point}]
        _once(swept, "set, grid, zip and list: the path")
        if "network" in swept and "network" not in self.set:
            msg = "network: runs on different networks share no people to compare; allowed is any other path"
            raise ValueError(msg)
        for point in self.combinations():
            _once_by_name(self.set | point)
        if missing := sorted({key for pair in self.trade_offs for key in pair if self.kpis and key not in self.kpis}):
            msg = f"trade_offs: {missing[0]} is none of the experiment's kpis; allowed are those"
            raise ValueError(msg)
        if own := sorted(path for path in swept if path.partition(".")[0] in OWN):
            msg = f"{own[0]}: an experiment names its seeds and variants itself; allowed is any other path"
            raise ValueError(msg)
        return self

    @property
    def bare(self) -> str | None:
        """The scenario that is run without what is under study."""
        return self.without_service or self.without_freight

    def combinations(self) -> list[dict[str, Value]]:
        """Return the values of every point of the sweep, path to value; one empty point without a sweep."""
        grids = [dict(zip(self.grid, values, strict=True)) for values in product(*self.grid.values())]
        zips = [dict(zip(self.zip, values, strict=True)) for values in zip(*self.zip.values(), strict=True)] or [{}]
        return [a | b | c for a in grids for b in zips for c in (self.points or [{}])]


def _once_by_name(point: Mapping[str, Value]) -> None:
    """Make sure that a point sets nothing that its service or permit sets already."""
    for name, its_own in ((SERVICE, SET_BY_SERVICE), (PERMIT, SET_BY_PERMIT)):
        if name in point and (twice := sorted(path for path in point if path in its_own)):
            msg = f"{twice[0]}: `{name}` sets it already; allowed is one of the two"
            raise ValueError(msg)


def _once(values: list[Any], place: str) -> None:
    for value in values:
        if values.count(value) > 1:
            msg = f"{place} {value} stands twice"
            raise ValueError(msg)


def experiments() -> dict[str, Path]:
    """Return the experiments of this checkout by name."""
    return {path.stem: path for path in sorted((home() / "scenarios" / "experiments").glob("*.yaml"))}


def load_experiment(name_or_path: str | Path, *, changes: Mapping[str, Value] | None = None) -> Experiment:
    """Read an experiment by name or path.

    Parameters
    ----------
    changes
        Fields of the document to replace, such as `seeds`.

    Raises
    ------
    NotFoundError
        No such experiment.
    ScenarioError
        The document is not valid; the message lists file, path, what was found and what is allowed.
    """
    known = experiments()
    path = known.get(str(name_or_path), Path(name_or_path))
    if path.suffix not in {".yaml", ".yml"} or not path.is_file():
        msg = f"no experiment {str(name_or_path)!r}; allowed are a .yaml file or one of {', '.join(known) or 'none'}"
        raise NotFoundError(msg)
    return valid_experiment(read_document(path) | dict(changes or {}), place=path.name)


def valid_experiment(document: Mapping[str, Any], *, place: str) -> Experiment:
    """Check the shape of an experiment's document; `place` names it in messages.

    Raises
    ------
    ScenarioError
        The document is not valid; the message lists path, what was found and what is allowed.
    """
    try:
        return Experiment.model_validate(document)
    except ValidationError as error:
        lines = "\n".join(f"  {line}" for line in described(error, Experiment))
        msg = f"{place} is not a valid experiment:\n{lines}"
        raise ScenarioError(msg) from None
