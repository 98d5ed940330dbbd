"""The application: routes, error shape, guards."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api import problems
from api.runs.executor import StartProcess
from api.runs.routes import router
from api.runs.service import RunService
from api.settings import Settings
from sim.errors import SandboxError
from sim.runner.local import RunProcess

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 64 * 1024


def create_app(settings: Settings, *, start: StartProcess = RunProcess) -> FastAPI:
    """Return the application; it holds its data folder from its start to its end."""
    runs = RunService(settings, start=start)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await run_in_threadpool(runs.open)
        except SandboxError as error:
            log.critical("cannot start: %s", error)
            raise
        yield
        await run_in_threadpool(runs.close)

    app = FastAPI(
        title="Bitgreen Mobility Sandbox",
        version=version("bitgreen-sandbox"),
        lifespan=lifespan,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.runs = runs
    app.include_router(router)
    app.add_middleware(Guard, settings=settings)
    problems.install(app)
    return app


class Guard:
    """Refuses requests that are addressed to another host, or whose body is too large or of unknown length.

    Were any host good, a web page could make a browser on this machine speak to the service under a name of
    the page's own that leads here (DNS rebinding), which no rule about origins would stop.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what is refused with a problem; hand on the rest."""
        refusal = self._refuse(scope["path"], Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refuse(self, path: str, headers: Headers) -> problems.ProblemResponse | None:
        if not self._settings.accepts(_without_port(headers.get("host", ""))):
            detail = "the Host header names none of the allowed hosts; BITGREEN_ALLOWED_HOSTS lists them"
            return problems.problem(path, HTTPStatus.MISDIRECTED_REQUEST, detail=detail)
        if "transfer-encoding" in headers:
            return problems.problem(path, HTTPStatus.LENGTH_REQUIRED)
        if int(headers.get("content-length", 0)) > MAX_BODY_BYTES:
            detail = f"a body may hold {MAX_BODY_BYTES} bytes"
            return problems.problem(path, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail=detail)
        return None


def _without_port(host: str) -> str:
    """Return the host of a Host header: `[::1]:80` → `::1`, `localhost:80` → `localhost`."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()
