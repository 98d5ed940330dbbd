"""A bucket of a real S3 server, and the environment in which its clients find it."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.sumo.runner.s3_server import S3Server

MISSING = [name for name in ("s3fs", "moto", "flask", "flask_cors") if find_spec(name) is None]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    if MISSING:
        pytest.skip(f"{', '.join(MISSING)} not installed: pip install '.[dev]'")
    with S3Server().serving() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The server, without buckets, and the environment of a client that may use it."""
    from s3fs import S3FileSystem  # noqa: PLC0415 (not installed everywhere)

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": s3_server.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    s3_server.reset()
    yield s3_server
    s3_server.before = lambda _: None
    # clients are kept by their options, and each test has an environment of its own; the last reference closes one
    S3FileSystem.clear_instance_cache()
    gc.collect()


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """The URL of a new bucket."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3.make_bucket(name)
    s3.asked.clear()
    return f"s3://{name}"
