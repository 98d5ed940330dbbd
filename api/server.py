"""The service's process: settings, logs, the HTTP server."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from datetime import UTC, datetime

import uvicorn

from api.app import create_app
from api.runs.executor import StartProcess
from api.settings import Settings, load_settings
from sim.errors import SetupError
from sim.runner.local import RunProcess

# Requests under way get this long at the end; with the grace of `sim.runner.local` for the runs it must stay
# below the container's stop_grace_period.
SHUTDOWN_S = 5


class JsonLines(logging.Formatter):
    """One JSON object a line, with the run id where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if hasattr(record, "run_id"):
            line["run_id"] = record.run_id
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def serve(*, host: str | None = None, port: int | None = None) -> None:
    """Serve until SIGINT or SIGTERM, then end the runs under way in order.

    Parameters
    ----------
    host, port
        Win over `BITGREEN_HOST` and `BITGREEN_PORT`.

    Raises
    ------
    SetupError
        A setting is not valid, or the service could not start; its log says why.
    """
    run_server(load_settings(host=host, port=port))


def run_server(settings: Settings, *, start: StartProcess = RunProcess) -> None:
    """Serve with these settings, runs started by `start`."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings, start=start),
            host=settings.host,
            port=settings.port,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
        )
    )
    with suppress(SystemExit):  # uvicorn's way to say that it could not start
        server.run()
    if not server.started:
        msg = f"the service could not start on {settings.host}:{settings.port}; its log says why"
        raise SetupError(msg)
