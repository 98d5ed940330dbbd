"""Every error of the API in one shape: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from api.errors import ConflictError, NotFinishedError, QueueFullError
from sim.errors import NotFoundError, OutputError, SandboxError, ScenarioError, SetupError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

# A class that is not listed answers as its nearest listed ancestor.
STATUS: dict[type[SandboxError], HTTPStatus] = {
    NotFoundError: HTTPStatus.NOT_FOUND,
    ScenarioError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFinishedError: HTTPStatus.CONFLICT,
    ConflictError: HTTPStatus.CONFLICT,
    QueueFullError: HTTPStatus.TOO_MANY_REQUESTS,
    SetupError: HTTPStatus.SERVICE_UNAVAILABLE,
    OutputError: HTTPStatus.INSUFFICIENT_STORAGE,
    SandboxError: HTTPStatus.INTERNAL_SERVER_ERROR,
}
HEADERS: dict[type[SandboxError], dict[str, str]] = {QueueFullError: {"Retry-After": "5"}}


class Fault(BaseModel):
    """One thing wrong with a request: in which place of it (body, query ...), where there, and what."""

    place: str
    pointer: str
    message: str


class Problem(BaseModel):
    """An error; `code` is stable, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    errors: list[Fault] = []


class ProblemResponse(JSONResponse):
    """A problem on its way out."""

    media_type = MEDIA_TYPE


def problem(
    path: str,
    status: int,
    *,
    code: str | None = None,
    detail: str | None = None,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    """Return the response for a fault met at `path`; without a code or detail those of the HTTP status."""
    phrase = HTTPStatus(status)
    code = code or phrase.name.lower()
    body = Problem(
        type=f"urn:bitgreen:problem:{code}",
        title=phrase.phrase,
        status=status,
        detail=detail or phrase.description or phrase.phrase,
        instance=path,
        code=code,
        errors=list(errors),
    )
    return ProblemResponse(body.model_dump(mode="json"), status_code=status, headers=headers)


def install(app: FastAPI) -> None:
    """Answer every fault with a problem, and say so in the OpenAPI document."""
    app.add_exception_handler(SandboxError, _sandbox)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)
    _document(app)


def _document(app: FastAPI) -> None:
    """Let the OpenAPI document hold the schema that `responses` refers to."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        found = described()
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        found["components"]["schemas"] |= schema.pop("$defs") | {Problem.__name__: schema}
        return found

    app.openapi = openapi  # type: ignore[method-assign] # the way that FastAPI's own pages show


def responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says about the errors of a route."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status): {"description": status.phrase, "content": content} for status in statuses}


def _sandbox(request: Request, error: Exception) -> ProblemResponse:
    kind = next(kind for kind in type(error).__mro__ if kind in STATUS)
    status = STATUS[kind]
    code = error.code if isinstance(error, SandboxError) else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # messages of the service's own faults name its folders, which are no business of the client
        log.error("%s %s: %s", request.method, request.url.path, error, exc_info=error)
        return problem(request.url.path, status, code=code)
    return problem(request.url.path, status, code=code, detail=str(error), headers=HEADERS.get(kind))


def _invalid(request: Request, error: Exception) -> ProblemResponse:
    found = error.errors() if isinstance(error, RequestValidationError) else []
    faults = [
        Fault(
            place=str(one["loc"][0]),
            pointer="".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in one["loc"][1:]),
            message=one["msg"],
        )
        for one in found
    ]
    detail = "; ".join(f"{one.place} {one.pointer}: {one.message}" for one in faults)
    return problem(
        request.url.path,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        code="request_invalid",
        detail=detail,
        errors=faults,
    )


def _http(request: Request, error: Exception) -> ProblemResponse:
    if not isinstance(error, HTTPException):
        return _unforeseen(request, error)
    return problem(request.url.path, error.status_code, headers=error.headers)


def _unforeseen(request: Request, _: Exception) -> ProblemResponse:
    """Answer without a word about the fault; Starlette raises it again, so that the server logs it."""
    return problem(request.url.path, HTTPStatus.INTERNAL_SERVER_ERROR)
