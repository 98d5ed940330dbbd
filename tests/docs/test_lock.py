"""The locks: everything pinned once and hashed, and no address of a package server."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-service.lock")


def text_of(lock: str) -> str:
    return (ROOT / lock).read_text(encoding="utf-8")


def pins(lock: str) -> list[tuple[str, str]]:
    """Return (name, version and marker) of every pin."""
    return re.findall(r"^([a-z0-9-]+)==(.+?) \\$", text_of(lock), flags=re.MULTILINE)


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9-]", requirement, maxsplit=1)[0].lower() for requirement in requirements}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_pin_a_hash_or_a_comment(lock: str) -> None:
    text = text_of(lock)
    kinds = re.compile(r"[a-z0-9-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?|\s*#.*")
    assert [line for line in text.splitlines() if not kinds.fullmatch(line)] == []
    assert "://" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_one_version_of_each_for_all_pythons(lock: str) -> None:
    found = [name for name, _ in pins(lock)]
    assert len(found) == len(set(found))


def test_locks_agree_and_hold_what_pyproject_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    everything, service = dict(pins(LOCKS[0])), dict(pins(LOCKS[1]))
    assert service.items() <= everything.items()
    assert names(project["dependencies"] + extras["build"]) <= service.keys()
    assert names(extras["dev"]) <= everything.keys()
    assert names(extras["dev"]).isdisjoint(service)
