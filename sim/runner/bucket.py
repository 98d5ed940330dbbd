"""Buckets of S3 and of servers that speak its protocol: how patient their client is, and what its refusals mean."""

from __future__ import annotations

import os
import sys
from typing import Any

from fsspec import config

SCHEMES = ("s3", "s3a")
WITHOUT_FOLDERS = (*SCHEMES, "gs", "gcs", "az", "abfs", "abfss")
"""Where a key with slashes needs no folder; asked for one, clients of fsspec make a bucket that is missing."""

CONNECT_S = 5
READ_S = 15
ATTEMPTS = 3
"""With the waits between, an endpoint that refuses is told within 3 s, one that is silent within 50 s. Left alone, s3fs
repeats what botocore has repeated: 10 s were measured for the one, and it would be six minutes for the other."""


def options(url: str) -> dict[str, Any]:
    """Return what fsspec is to open a URL with; `AWS_MAX_ATTEMPTS` and the user's settings of fsspec come first."""
    if _scheme(url) not in SCHEMES:
        return {}
    patience: dict[str, Any] = {"connect_timeout": CONNECT_S, "read_timeout": READ_S}
    if "AWS_MAX_ATTEMPTS" not in os.environ:
        patience["retries"] = {"mode": "standard", "total_max_attempts": ATTEMPTS}
    # side by side, s3fs asks for a file's size first: twice the requests for our small files, and no cause if refused
    return {"max_concurrency": 1, "config_kwargs": patience | config.conf.get("s3", {}).get("config_kwargs", {})}


def repeat_once(files: Any, url: str) -> None:  # noqa: ANN401 (fsspec has no types)
    """Leave repeated attempts to botocore; s3fs would make five rounds of them, and 25 to read a file."""
    if _scheme(url) in SCHEMES:
        files.retries = 1


def has_folders(url: str) -> bool:
    """Whether a file there needs a folder to lie in."""
    return _scheme(url) not in WITHOUT_FOLDERS


def is_bucket_missing(error: FileNotFoundError) -> bool:
    """Whether not the file alone is missing but the bucket that it would lie in."""
    response = getattr(error.__cause__, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "NoSuchBucket")


def refusals() -> tuple[type[Exception], ...]:
    """Return what a place raises; the S3 client has errors of its own: no credentials, no way to the endpoint.

    An endpoint or a region that makes no sense is a ValueError.
    """
    client = sys.modules.get("botocore.exceptions")
    return (OSError, ValueError) if client is None else (OSError, ValueError, client.BotoCoreError, client.ClientError)


def _scheme(url: str) -> str:
    return url.partition("://")[0]
