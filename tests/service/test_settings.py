"""Settings: where they come from, what is refused, that the docs list them all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.settings import PREFIX, Settings, is_loopback, load_settings
from sim.errors import SetupError

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"

pytestmark = pytest.mark.usefixtures("sandbox")  # which clears the environment


def default_of(name: str) -> str:
    value = getattr(Settings(data_dir=Path("runs")), name)
    if name == "workers":
        assert value == (os.cpu_count() or 1)
        return "cores"
    text = ",".join(sorted(value)) if isinstance(value, frozenset) else str(value).lower()
    return f"`{text}`"


def test_docs_list_every_setting_with_default_and_meaning() -> None:
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith(f"| `{PREFIX}")]
    assert rows == [
        f"| `{PREFIX}{name.upper()}` | {default_of(name)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]


def test_the_default_data_folder() -> None:
    assert Settings.model_fields["data_dir"].default == Path("runs")


def test_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITGREEN_PORT", "8123")
    monkeypatch.setenv("BITGREEN_HOST", "localhost")
    monkeypatch.setenv("BITGREEN_WORKERS", "")
    assert load_settings().port == 8123
    found = load_settings(host="::1", port=9)
    assert (found.host, found.port, found.workers) == ("::1", 9, os.cpu_count() or 1)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.2", "example.org", ""])  # noqa: S104
def test_a_public_address_must_be_wanted(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(SetupError, match=r"BITGREEN_PUBLIC=1"):
        load_settings(host=host)
    monkeypatch.setenv("BITGREEN_PUBLIC", "1")
    assert load_settings(host=host).host == host


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "70000", "BITGREEN_PORT: Input should be less than or equal to 65535"),
        ("WORKERS", "0", "BITGREEN_WORKERS: "),
        ("MAX_QUEUED", "many", "BITGREEN_MAX_QUEUED: "),
        ("PUBLIC", "perhaps", "BITGREEN_PUBLIC: "),
    ],
)
def test_a_setting_that_is_not_valid(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", value)
    with pytest.raises(SetupError, match=says):
        load_settings()


def test_hosts_that_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITGREEN_ALLOWED_HOSTS", "Sim.Example, localhost")
    settings = load_settings()
    assert settings.accepts("sim.example")
    assert settings.accepts("127.0.0.1")  # the host itself
    assert not settings.accepts("::1")
    monkeypatch.setenv("BITGREEN_ALLOWED_HOSTS", "*")
    assert load_settings().accepts("anything.example")


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("10.0.0.1", False)],
)
def test_loopback(host: str, expected: bool) -> None:  # noqa: FBT001
    assert is_loopback(host) is expected
