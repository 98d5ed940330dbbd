"""Runs and scenarios over HTTP."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Self

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from api.problems import responses
from api.runs.model import Run, RunStatus
from api.runs.service import RunService
from sim.errors import ScenarioError

MAX_DEPTH = 8

router = APIRouter()


def _service(request: Request) -> RunService:
    service = request.app.state.runs
    if not isinstance(service, RunService):
        msg = f"app.state.runs must be a RunService, found {type(service).__name__}"
        raise TypeError(msg)
    return service


Runs = Annotated[RunService, Depends(_service)]


def _storable(value: JsonValue) -> JsonValue:
    """Refuse what no scenario holds: deep nesting, which readers of YAML stumble on, and halves of characters."""
    level: list[JsonValue] = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for one in level
            if isinstance(one, (dict, list))
            for child in (one.values() if isinstance(one, dict) else one)
        ]
    if level:
        msg = f"nested deeper than {MAX_DEPTH} levels"
        raise ValueError(msg)
    json.dumps(value, ensure_ascii=False).encode()  # raises a UnicodeEncodeError, which is a ValueError
    return value


def _printable(text: str) -> str:
    if not text.isprintable():
        msg = "only printable characters are allowed"
        raise ValueError(msg)
    return text


class In(BaseModel):
    """What clients send: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


Seed = Annotated[int, Field(ge=0, lt=2**31)]


class SeedsIn(In):
    """Seeds of the demand and of SUMO; one left out stays as the scenario has it."""

    demand: Seed | None = None
    sumo: Seed | None = None


class RunIn(In):
    """A run to carry out."""

    scenario: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^/\\]+$"), AfterValidator(_printable)] = (
        Field(description="name of a scenario of the catalogue", examples=["smoke"])
    )
    seed: Seed | None = Field(None, description="sets both seeds")
    seeds: SeedsIn | None = Field(None, description="sets the seeds one by one, instead of `seed`")
    overrides: dict[
        Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)],
        Annotated[JsonValue, AfterValidator(_storable)],
    ] = Field(
        default_factory=dict,
        alias="set",
        max_length=100,
        description="path in the scenario document to value, as `--set` on the command line",
        examples=[{"fleet.count": 12}],
    )

    @model_validator(mode="after")
    def _one_way_to_seed(self) -> Self:
        if self.seed is not None and self.seeds is not None:
            msg = "give seed or seeds, not both"
            raise ValueError(msg)
        return self


class ProgressOut(BaseModel):
    """How far a run is, in simulated seconds after midnight."""

    time_s: float
    begin_s: float
    horizon_s: float = Field(description="when the run ends at the latest")
    vehicles: int = Field(description="on the road")
    unsettled: int = Field(description="requests that have no outcome yet")
    goods: int | None = Field(
        None, description="orders, lorries and finished cars that are not done with; null without freight"
    )


class ErrorOut(BaseModel):
    """Why a run failed; `code` is stable."""

    code: str
    detail: str


class LinksOut(BaseModel):
    """Where to go from here."""

    self: str
    kpis: str


class RunOut(BaseModel):
    """A run."""

    run_id: str
    scenario: str
    scenario_hash: str = Field(description="SHA-256 of the resolved scenario with its seeds")
    seeds: dict[str, int]
    overrides: dict[str, Any] = Field(serialization_alias="set")
    status: RunStatus
    progress: ProgressOut | None = Field(description="while the run is under way")
    fingerprint: str | None = Field(description="of the run's events, once it has results")
    error: ErrorOut | None
    created: datetime
    started: datetime | None
    finished: datetime | None
    links: LinksOut


class RunsOut(BaseModel):
    """A page of runs, the newest first."""

    runs: list[RunOut]
    next: str | None = Field(description="address of the next page")


class KpiOut(BaseModel):
    """One value of one KPI: `stat` of `scope`, resting on `n` observations."""

    code: str
    stat: str
    scope: str
    value: float
    unit: str
    n: int


class KpisOut(BaseModel):
    """The KPIs of a run; those of an interrupted one cover the time until then."""

    run_id: str
    status: RunStatus
    kpis: list[KpiOut]


class ScenarioOut(BaseModel):
    """A scenario of the catalogue; `fault` says why it cannot be run."""

    name: str
    title: str | None
    description: str | None
    network: str | None
    fault: str | None


class HealthOut(BaseModel):
    """The service answers and can read its rows."""

    status: str


@router.post(
    "/v1/runs",
    status_code=HTTPStatus.ACCEPTED,
    responses=responses(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS),
)
def create_run(body: RunIn, request: Request, response: Response, runs: Runs) -> RunOut:
    """Queue a run; it is carried out whether or not anybody waits for it."""
    seeds = body.seeds.model_dump(exclude_none=True) if body.seeds else None
    run = runs.create(body.scenario, seed=body.seed, seeds=seeds, overrides=body.overrides)
    out = _run_out(run, request, runs)
    response.headers["Location"] = out.links.self
    return out


@router.get("/v1/runs", responses=responses(HTTPStatus.UNPROCESSABLE_ENTITY))
def list_runs(
    request: Request,
    runs: Runs,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=64, description="from `next` of the page before")] = None,
) -> RunsOut:
    """List runs, the newest first."""
    found = runs.newest(limit=limit + 1, before=None if cursor is None else _number(cursor))
    page = found[:limit]
    more = len(found) > limit
    following = (
        request.url_for("list_runs").path + f"?limit={limit}&cursor={_cursor(page[-1].number)}" if more else None
    )
    return RunsOut(runs=[_run_out(run, request, runs) for run in page], next=following)


@router.get("/v1/runs/{run_id}", responses=responses(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY))
def get_run(run_id: str, request: Request, runs: Runs) -> RunOut:
    """Return a run: its status is data, so that a failed one answers 200 too."""
    return _run_out(runs.get(run_id), request, runs)


@router.get(
    "/v1/runs/{run_id}/kpis",
    responses=responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY),
)
def get_run_kpis(run_id: str, runs: Runs) -> KpisOut:
    """Return the KPIs of a run with results."""
    run = runs.get(run_id)
    return KpisOut(run_id=run.run_id, status=run.status, kpis=[KpiOut(**asdict(one)) for one in runs.kpis(run)])


@router.get("/v1/scenarios")
def list_scenarios(runs: Runs) -> list[ScenarioOut]:
    """List the scenarios that can be run."""
    return [ScenarioOut(**asdict(one)) for one in runs.scenarios()]


@router.get("/healthz", responses=responses(HTTPStatus.INTERNAL_SERVER_ERROR))
def get_health(runs: Runs) -> HealthOut:
    """Tell that the service answers and can read its rows."""
    runs.check()
    return HealthOut(status="ok")


def _run_out(run: Run, request: Request, runs: RunService) -> RunOut:
    def path(route: str) -> str:
        return request.url_for(route, run_id=run.run_id).path

    progress = runs.progress(run) if run.status is RunStatus.RUNNING else None
    return RunOut(
        run_id=run.run_id,
        scenario=run.request.scenario,
        scenario_hash=run.request.scenario_hash,
        seeds=run.request.document["seeds"],
        overrides=run.request.overrides,
        status=run.status,
        progress=None if progress is None else ProgressOut(**progress),
        fingerprint=run.fingerprint,
        error=None if run.error is None else ErrorOut(**asdict(run.error)),
        created=run.created,
        started=run.started,
        finished=run.finished,
        links=LinksOut(self=path("get_run"), kpis=path("get_run_kpis")),
    )


def _cursor(number: int) -> str:
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def _number(cursor: str) -> int:
    try:
        number = int(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        number = 0
    if not 0 < number < 2**63:
        msg = "cursor must be one that `next` of a page gave"
        raise ScenarioError(msg)
    return number
