"""Every error in one shape, nothing stored for a request that was refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from api import problems
from api.errors import NotFinishedError, QueueFullError
from sim import errors
from tests.service.conftest import OpenService, await_status, post

UNKNOWN = "/v1/runs/none-such"
DEEP: Any = 1
for _ in range(20):
    DEEP = [DEEP]


def is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == problems.MEDIA_TYPE
    body: dict[str, Any] = answer.json()
    assert problems.Problem.model_validate(body).model_dump() == body
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:bitgreen:problem:{code}"
    assert body["instance"] == answer.request.url.path
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "body /scenario"),
        ({"scenario": 3}, "body /scenario"),
        ({"scenario": ""}, "body /scenario"),
        ({"scenario": "../tiny"}, "body /scenario"),
        ({"scenario": "/etc/passwd"}, "body /scenario"),
        ({"scenario": "a\\b"}, "body /scenario"),
        ({"scenario": "tiny\x00"}, "body /scenario"),
        ({"scenario": "tiny", "seed": "1"}, "body /seed"),
        ({"scenario": "tiny", "seed": True}, "body /seed"),
        ({"scenario": "tiny", "seed": -1}, "body /seed"),
        ({"scenario": "tiny", "seed": 2**31}, "body /seed"),
        ({"scenario": "tiny", "seeds": {"traffic": 1}}, "body /seeds/traffic"),
        ({"scenario": "tiny", "seed": 1, "seeds": {"demand": 1}}, "not both"),
        ({"scenario": "tiny", "sede": 1}, "body /sede"),
        ({"scenario": "tiny", "set": ["fleet.count=3"]}, "body /set"),
        ({"scenario": "tiny", "set": {"a/b~c": DEEP}}, "body /set/a~1b~0c: Value error, nested"),
        ({"scenario": "tiny", "set": {"title\u0007": 1}}, "printable"),
        ([], "body "),
    ],
)
def test_requests_of_a_wrong_shape(refusing: httpx.Client, body: object, says: str) -> None:
    found = is_problem(refusing.post("/v1/runs", json=body), 422, "request_invalid")
    assert says in found["detail"]
    assert found["errors"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fleet.wheels": 4}, "fleet.wheels: unknown field; allowed are alighting_s, areas, battery"),
        ({"time.end_s": "yesterday"}, "time.end_s"),
        ({"time.end_s": 0}, "must come after begin_s"),
        ({"title": 3}, "title"),
        ({"title.sub": 3}, "cannot set title.sub"),
        ({"": 3}, ""),
        ({"time..end_s": 3}, "path=value"),
        ({"title=x;y": 3}, "must not hold '='"),
        ({"network": "mars"}, "network: unknown name 'mars'; allowed are grid"),
        ({"overlays": ["moon"]}, "overlays.0: unknown name 'moon'; allowed are none"),
        (
            {"controllers": {"shuttle": {"use": "oracle"}}, "fleet": {"count": 1, "seats": 1}},
            "controllers.shuttle.use: unknown name 'oracle'; allowed are ",
        ),
        ({"fleet": {"count": 0, "seats": 6}}, "fleet.count"),
    ],
)
def test_overrides_that_make_no_scenario(refusing: httpx.Client, changes: dict[str, Any], says: str) -> None:
    answer = refusing.post("/v1/runs", json={"scenario": "tiny", "set": changes})
    code = answer.json()["code"]
    assert code in {"scenario_invalid", "request_invalid"}
    assert says in is_problem(answer, 422, code)["detail"]


@pytest.mark.parametrize("name", ["smoke2", "tiny.yaml", "..", "_common", "Tiny", "스모크"])
def test_scenarios_outside_the_catalogue(
    client: httpx.Client, sandbox: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (sandbox / "scenarios" / "_common.yaml").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(sandbox / "scenarios")  # where tiny.yaml would be a path
    found = is_problem(client.post("/v1/runs", json={"scenario": name}), 404, "not_found")
    assert found["detail"] == f"no scenario {name!r}; allowed are tiny"


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/run", UNKNOWN, f"{UNKNOWN}/kpis", "/v1/runs/..%2f..%2fetc"])
def test_what_is_not_there(refusing: httpx.Client, path: str) -> None:
    is_problem(refusing.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{", {"content-type": "application/json"}),
        (b"\xff\xfe", {"content-type": "application/json"}),
        (b"", {"content-type": "application/json"}),
        (b'{"scenario": "tiny"}', {"content-type": "text/plain"}),
        (b'{"scenario": "tiny", "set": {"fleet.count": NaN}}', {"content-type": "application/json"}),
        (b'{"scenario": "tiny", "set": {"title": "\\ud800"}}', {"content-type": "application/json"}),
        (b'{"scenario": "tiny", "seed": 1' + 5000 * b"0" + b"}", {"content-type": "application/json"}),
        (b'{"scenario": ' + 5000 * b"[", {"content-type": "application/json"}),
    ],
)
def test_bodies_that_are_no_json(refusing: httpx.Client, content: bytes, headers: dict[str, str]) -> None:
    answer = refusing.post("/v1/runs", content=content, headers=headers)
    assert answer.status_code in {400, 422}
    is_problem(answer, answer.status_code, answer.json()["code"])


def test_a_body_beyond_the_limit(refusing: httpx.Client) -> None:
    answer = refusing.post("/v1/runs", json={"scenario": "tiny", "set": {"description": "x" * 70_000}})
    is_problem(answer, 413, "request_entity_too_large")


def test_a_body_of_unknown_length(refusing: httpx.Client) -> None:
    is_problem(refusing.post("/v1/runs", content=iter([b"{}"])), 411, "length_required")


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "cursor=!", "cursor=eA", "cursor=" + "9" * 65])
def test_pages_that_do_not_exist(refusing: httpx.Client, query: str) -> None:
    answer = refusing.get(f"/v1/runs?{query}")
    is_problem(answer, 422, answer.json()["code"])


def test_methods_that_no_route_has(refusing: httpx.Client) -> None:
    paths = refusing.get("/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for method in {"get", "post", "put", "patch", "delete"} - operations.keys():
            answer = refusing.request(method, path.replace("{run_id}", "none-such"))
            is_problem(answer, 405, "method_not_allowed")
            assert answer.headers["allow"].lower() in operations


def test_every_route_documents_its_errors_as_problems(refusing: httpx.Client) -> None:
    document = refusing.get("/openapi.json").json()
    found = 0
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == [problems.MEDIA_TYPE]
                    assert response["content"][problems.MEDIA_TYPE]["schema"]["$ref"].endswith("/Problem")
                    found += 1
    assert found >= 7
    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_kpis_before_the_end(client: httpx.Client) -> None:
    run = post(client, "hold")
    await_status(client, run["run_id"], "running")
    found = is_problem(client.get(run["links"]["kpis"]), 409, "not_finished")
    assert "is running" in found["detail"]


def test_more_runs_than_may_wait(open_service: OpenService) -> None:
    client = open_service(max_queued=2)
    await_status(client, post(client, "hold")["run_id"], "running")
    post(client)
    post(client)
    answer = client.post("/v1/runs", json={"scenario": "tiny"})
    is_problem(answer, 429, "queue_full")
    assert int(answer.headers["retry-after"]) > 0
    assert len(client.get("/v1/runs").json()["runs"]) == 3


def test_a_fault_of_the_service_tells_nothing_of_its_inside(client: httpx.Client, sandbox: Path) -> None:
    (sandbox / "scenarios" / "tiny.yaml").unlink()
    (sandbox / "scenarios").rmdir()
    answer = client.post("/v1/runs", json={"scenario": "tiny"})
    is_problem(answer, 503, "setup")
    assert str(sandbox) not in answer.text


def test_an_unforeseen_fault_tells_nothing_of_its_inside(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        msg = "secret"
        raise RuntimeError(msg)

    monkeypatch.setattr("api.runs.store.Store.newest", broken)
    answer = client.get("/v1/runs")
    is_problem(answer, 500, "internal_server_error")
    assert "secret" not in answer.text
    assert "RuntimeError" not in answer.text


@pytest.mark.parametrize(
    ("host", "refused"),
    [
        ("evil.example", True),
        ("127.0.0.1.evil.example:80", True),
        ("", True),
        ("LOCALHOST:1", False),
        ("[::1]:1", False),
    ],
)
def test_requests_for_another_host(refusing: httpx.Client, host: str, refused: bool) -> None:  # noqa: FBT001
    answer = refusing.get("/healthz", headers={"host": host})
    if refused:
        is_problem(answer, 421, "misdirected_request")
    else:
        assert answer.json() == {"status": "ok"}


def test_a_refused_request_stores_nothing(client: httpx.Client, sandbox: Path) -> None:
    for body in (
        {"scenario": "tiny", "set": {"fleet.count": 0}},
        {"scenario": "none"},
        {"scenario": "tiny", "seed": -1},
    ):
        assert client.post("/v1/runs", json=body).is_client_error
    assert client.get("/v1/runs").json() == {"runs": [], "next": None}
    assert {re.sub(r"-(wal|shm)$", "", path.name) for path in (sandbox / "data").iterdir()} == {
        "service.lock", "service.sqlite3",
    }  # fmt: skip


def test_the_table_of_statuses_covers_the_error_tree() -> None:
    own = [NotFinishedError, QueueFullError]
    tree = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SandboxError)]
    for kind in tree + own:
        nearest = next(one for one in kind.__mro__ if one in problems.STATUS)
        assert 400 <= problems.STATUS[nearest] < 600
    assert problems.STATUS[errors.SandboxError] == 500
