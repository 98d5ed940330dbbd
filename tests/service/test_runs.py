"""Posting, following and reading runs over HTTP, with scripted runs in real processes."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from sim.documents import load_scenario
from tests.service.conftest import OpenService, await_status, post, until
from tests.service.scripted_run import KPI


def test_a_run_from_post_to_kpis(client: httpx.Client, sandbox: Path) -> None:
    answer = client.post("/v1/runs", json={"scenario": "tiny", "seed": 5})
    assert answer.status_code == httpx.codes.ACCEPTED
    posted = answer.json()
    assert answer.headers["location"] == posted["links"]["self"] == f"/v1/runs/{posted['run_id']}"
    assert posted["seeds"] == {"demand": 5, "sumo": 5}
    run = await_status(client, posted["run_id"], "succeeded", "failed")
    assert run["status"] == "succeeded"
    assert run["fingerprint"] == "print-of-5-5"
    assert run["error"] is None
    assert run["progress"] is None
    assert posted["created"] == run["created"] <= run["started"] <= run["finished"]
    assert client.get(run["links"]["kpis"]).json() == {
        "run_id": run["run_id"],
        "status": "succeeded",
        "kpis": [KPI],
    }
    assert (sandbox / "data" / run["run_id"] / "manifest.json").is_file()


def test_the_run_is_that_of_the_command_line(client: httpx.Client) -> None:
    changes: dict[str, Any] = {
        "title": "0800", "time.end_s": "00:02", "time.drain_s": 0, "time.step_s": 0.5,
        "outputs": {"trajectories": True},
        "fleet": {"count": 3, "seats": 4, "depot": None}, "demand.uniform.per_h": 12,
    }  # fmt: skip
    lines = [
        "title='0800'", "time.end_s=00:02", "time.drain_s=0", "time.step_s=0.5", "outputs.trajectories=true",
        "fleet={count: 3, seats: 4, depot: null}", "demand.uniform.per_h=12",
    ]  # fmt: skip
    answer = client.post("/v1/runs", json={"scenario": "tiny", "seed": 9, "set": changes}).json()
    assert answer["set"] == changes
    assert answer["scenario_hash"] == load_scenario("tiny", seed=9, overrides=lines).hash()


@pytest.mark.parametrize(
    ("given", "seeds"),
    [
        ({}, {"demand": 1, "sumo": 1}),
        ({"seed": 4}, {"demand": 4, "sumo": 4}),
        ({"seeds": {"demand": 4}}, {"demand": 4, "sumo": 1}),
        ({"seeds": {"demand": 4, "sumo": 6}, "changes": {"seeds.sumo": 9}}, {"demand": 4, "sumo": 6}),
    ],
)
def test_seeds(client: httpx.Client, given: dict[str, Any], seeds: dict[str, int]) -> None:
    assert post(client, **given)["seeds"] == seeds


def test_runs_are_carried_out_in_the_order_of_their_arrival(client: httpx.Client, sandbox: Path) -> None:
    first, second, third = post(client, "hold"), post(client), post(client)
    run = await_status(client, first["run_id"], "running")
    assert client.get(second["links"]["self"]).json()["status"] == "queued"
    while run["progress"] is None:
        run = client.get(first["links"]["self"]).json()
    assert run["progress"]["begin_s"] < run["progress"]["time_s"] < run["progress"]["horizon_s"]
    assert run["progress"]["goods"] == 5
    (sandbox / "data" / f"{first['run_id']}.go").touch()
    ended = [await_status(client, one["run_id"], "succeeded") for one in (third, second, first)]
    assert ended[2]["finished"] <= ended[1]["started"] <= ended[1]["finished"] <= ended[0]["started"]


def test_no_more_runs_at_once_than_workers(open_service: OpenService) -> None:
    client = open_service(workers=2)
    held = [post(client, "hold") for _ in range(3)]
    for one in held[:2]:
        await_status(client, one["run_id"], "running")
    statuses = [one["status"] for one in client.get("/v1/runs").json()["runs"]]
    assert statuses == ["queued", "running", "running"]


def test_a_fault_in_the_run_is_data(client: httpx.Client) -> None:
    run = await_status(client, post(client, "fail")["run_id"], "failed")
    assert run["error"] == {"code": "controller_error", "detail": "controller lost raised KeyError: 'depot'"}
    assert run["fingerprint"] is None
    assert client.get(run["links"]["kpis"]).status_code == httpx.codes.CONFLICT


def test_a_crash_leaves_nothing_and_tells_no_traceback(client: httpx.Client, sandbox: Path) -> None:
    run = await_status(client, post(client, "crash")["run_id"], "failed")
    assert run["error"] == {"code": "crashed", "detail": "the run's process ended with code 3"}
    assert not list((sandbox / "data").glob(f"*{run['run_id']}*"))


def test_what_was_published_counts_though_its_process_crashed(client: httpx.Client) -> None:
    run = await_status(client, post(client, "late-crash")["run_id"], "succeeded", "failed")
    assert run["status"] == "succeeded"
    assert client.get(run["links"]["kpis"]).json()["kpis"] == [KPI]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"manifest.json": '{"status": "finished"}', "kpis.json": "[]"}, "fingerprint"),
        ({"manifest.json": '{"status": "finished", "fingerprint": "a"}', "kpis.json": '[{"code": "x"}]'}, "kpis.json"),
        ({"manifest.json": '{"status": "finished", "fingerprint": "a"}'}, "kpis.json is missing"),
        ({"manifest.json": "{"}, "manifest.json"),
    ],
)
def test_a_damaged_run_directory_is_a_failed_run(
    client: httpx.Client, sandbox: Path, files: dict[str, str], says: str
) -> None:
    held = post(client, "hold")
    final = sandbox / "data" / held["run_id"]
    until(final.with_name(f".{final.name}.partial").exists)
    final.mkdir()
    for name, text in files.items():
        (final / name).write_text(text, encoding="utf-8")
    final.with_name(f"{final.name}.go").touch()
    run = await_status(client, held["run_id"], "succeeded", "failed")
    assert run["error"]["code"] in {"output", "not_found"}
    assert says in run["error"]["detail"]


def test_a_process_that_cannot_be_started_fails_the_run_and_not_the_service(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    run = await_status(client, post(client)["run_id"], "failed")
    assert run["error"]["code"] == "internal"
    assert "/nowhere" not in run["error"]["detail"]
    monkeypatch.undo()
    assert client.get("/healthz").json() == {"status": "ok"}


def test_a_client_that_goes_away_changes_nothing(client: httpx.Client) -> None:
    body = b'{"scenario": "tiny"}'
    head = f"POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 80)) as connection:
        connection.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
    until(lambda: client.get("/v1/runs").json()["runs"])
    (run,) = client.get("/v1/runs").json()["runs"]
    assert await_status(client, run["run_id"], "succeeded", "failed")["status"] == "succeeded"


def test_reading_changes_nothing(client: httpx.Client) -> None:
    run = await_status(client, post(client)["run_id"], "succeeded")
    for path in (run["links"]["self"], run["links"]["kpis"], "/v1/runs", "/v1/scenarios", "/healthz"):
        assert client.get(path).content == client.get(path).content


def test_pages_hold_every_run_once_though_runs_arrive_meanwhile(client: httpx.Client) -> None:
    posted = [post(client)["run_id"] for _ in range(5)]
    seen: list[str] = []
    path: str | None = "/v1/runs?limit=2"
    while path is not None:
        page = client.get(path).json()
        seen += [run["run_id"] for run in page["runs"]]
        path = page["next"]
        post(client)
    assert seen == posted[::-1]


def test_scenarios_list_also_what_is_broken(client: httpx.Client, sandbox: Path) -> None:
    (sandbox / "scenarios" / "bad.yaml").write_text("{title: Bad, network: grid}", encoding="utf-8")
    (sandbox / "scenarios" / "_common.yaml").write_text("{}", encoding="utf-8")
    bad, tiny = client.get("/v1/scenarios").json()
    assert tiny == {
        "name": "tiny",
        "title": "A tiny one",
        "description": "",
        "network": "grid",
        "fault": None,
    }
    assert bad["name"] == "bad"
    assert "time: missing" in bad["fault"]
    assert client.post("/v1/runs", json={"scenario": "bad"}).status_code == httpx.codes.UNPROCESSABLE_ENTITY
