from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sim.errors import NetworkError, NotFoundError
from sim.home import home
from sim.network.catalog import load_network


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the built folder of a copy of the network in a home of its own."""
    shutil.copytree(home() / "networks", tmp_path / "networks")
    (tmp_path / "scenarios").mkdir()
    monkeypatch.setenv("BITGREEN_HOME", str(tmp_path))
    return tmp_path / "networks" / "bitgreen" / "built"


def test_the_network_is_typed_and_cannot_be_changed() -> None:
    network = load_network("bitgreen")
    assert network.sites["ggm"].staff == 705
    assert network.sites["wolya"].staff is None
    assert network.lines["97.out"].stops[-1] in network.stops
    assert len(network.sha256) == 64
    assert "OpenStreetMap" in network.attribution
    with pytest.raises(TypeError):
        network.sites["ggm"] = network.sites["wolya"]  # type: ignore[index]


def test_an_unknown_network_lists_the_known() -> None:
    with pytest.raises(NotFoundError, match=r"'atlantis'.*bitgreen"):
        load_network("atlantis")


@pytest.mark.parametrize("name", ["../networks/bitgreen", ".", ""])
def test_a_name_is_not_a_path(name: str) -> None:
    with pytest.raises(NotFoundError):
        load_network(name)


@pytest.mark.parametrize("file", ["bitgreen.net.xml", "bitgreen.add.xml", "places.json"])
def test_a_missing_file_is_named(built: Path, file: str) -> None:
    (built / file).unlink()
    with pytest.raises(NetworkError, match=rf"{file}: missing; `bitgreen network build bitgreen` writes it"):
        load_network("bitgreen")


def test_corrupt_places_are_named_with_their_path(built: Path) -> None:
    places = json.loads((built / "places.json").read_bytes())
    places["sites"]["ggm"]["pos_m"] = "far"
    (built / "places.json").write_text(json.dumps(places), encoding="utf-8")
    with pytest.raises(NetworkError, match=r"places\.json: at sites\.ggm\.pos_m.*'far'"):
        load_network("bitgreen")


def test_damaged_places_are_named_without_their_bytes(built: Path) -> None:
    (built / "places.json").write_bytes(b"\x00\xff damaged")
    with pytest.raises(NetworkError, match=r"places\.json: at the top: Invalid JSON") as caught:
        load_network("bitgreen")
    assert "found" not in str(caught.value)


def test_half_written_places_are_refused(built: Path) -> None:
    text = (built / "places.json").read_bytes()
    (built / "places.json").write_bytes(text[: len(text) // 2])
    with pytest.raises(NetworkError, match=r"places\.json"):
        load_network("bitgreen")
