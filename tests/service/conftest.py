"""A sandbox of its own for each test, and services in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from api.app import create_app
from api.settings import Settings
from tests.service.scripted import ScriptedProcess

TINY = "{title: A tiny one, network: grid, time: {begin_s: 0, end_s: 60}, seeds: {demand: 1, sumo: 1}}"
WAIT_S = 90.0

OpenService = Callable[..., httpx.Client]


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_sandbox(tmp_path, monkeypatch)


def make_sandbox(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a home with one network by name and one valid scenario."""
    (folder / "networks" / "grid" / "tables").mkdir(parents=True)
    (folder / "scenarios").mkdir()
    (folder / "scenarios" / "tiny.yaml").write_text(TINY, encoding="utf-8")
    for name in ("HOST", "PORT", "PUBLIC", "ALLOWED_HOSTS", "WORKERS", "MAX_QUEUED"):
        monkeypatch.delenv(f"BITGREEN_{name}", raising=False)
    monkeypatch.setenv("BITGREEN_HOME", str(folder))
    monkeypatch.setenv("BITGREEN_DATA_DIR", str(folder / "data"))
    return folder


@pytest.fixture
def open_service(sandbox: Path) -> Iterator[OpenService]:
    """Open a service with scripted runs on a free port; settings may be given by name."""
    with ExitStack() as stack:

        def open_one(**given: object) -> httpx.Client:
            settings = Settings.model_validate({"port": 0, "workers": 1, "data_dir": sandbox / "data"} | given)
            return stack.enter_context(serving(settings))

        yield open_one


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        sandbox = make_sandbox(tmp_path_factory.mktemp("shared"), monkeypatch)
        with serving(Settings(port=0, workers=1, data_dir=sandbox / "data")) as client:
            yield client


@pytest.fixture
def refusing(shared: httpx.Client) -> Iterator[httpx.Client]:
    """A service shared by tests whose every request is refused, so that nothing may be stored."""
    yield shared
    assert shared.get("/v1/runs").json() == {"runs": [], "next": None}


@pytest.fixture
def client(open_service: OpenService) -> httpx.Client:
    return open_service()


@contextmanager
def serving(settings: Settings) -> Iterator[httpx.Client]:
    app = create_app(settings, start=ScriptedProcess)
    server = uvicorn.Server(uvicorn.Config(app, host=settings.host, port=settings.port, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until(lambda: server.started or not thread.is_alive())
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=WAIT_S) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def until(true: Callable[[], object], *, within_s: float = WAIT_S) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"not so within {within_s} s")
        time.sleep(0.03)


def post(
    client: httpx.Client, script: str = "publish", changes: Mapping[str, Any] | None = None, **body: object
) -> dict[str, Any]:
    """Post a run that follows the script."""
    changes = {"description": script, **(changes or {})}
    answer = client.post("/v1/runs", json={"scenario": "tiny", "set": changes, **body})
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return dict(answer.json())


def await_status(client: httpx.Client, run_id: str, *statuses: str, within_s: float = WAIT_S) -> dict[str, Any]:
    """Poll a run until it has one of the statuses."""
    found: dict[str, Any] = {}

    def there() -> bool:
        found.update(client.get(f"/v1/runs/{run_id}").json())
        return found["status"] in statuses

    until(there, within_s=within_s)
    return found
