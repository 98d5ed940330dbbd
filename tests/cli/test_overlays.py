"""Overlays as users meet them: named by a scenario or on the command line, and told in what a run leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.network.catalog import load_network
from tests.cli.conftest import Bitgreen

WITH = ("--set", "overlays=[wolya-2028, kumho-2028]", "--set", "demand.commuters.destinations=[ggm, kumho_hampyeong]")


@pytest.fixture(autouse=True)
def own_cache(bitgreen: Bitgreen) -> Path:
    folder = bitgreen.folder / "cache"
    bitgreen.env["BITGREEN_CACHE_DIR"] = str(folder)
    return folder


def test_a_run_on_overlays_can_be_repeated_and_tells_what_it_drove_on(bitgreen: Bitgreen) -> None:
    first, again = (bitgreen.run("smoke", *WITH, "--out", name) for name in ("one", "two"))
    assert first["fingerprint"] == again["fingerprint"]
    network = json.loads((bitgreen.folder / "one" / "manifest.json").read_bytes())["network"]
    assert network["overlays"] == ["wolya-2028", "kumho-2028"]
    assert network["name"] == "bitgreen"
    assert network["sha256"] != load_network("bitgreen").sha256
    done = bitgreen("report", "one")
    assert done.returncode == 0, done.stderr
    assert "wolya-2028, kumho-2028" in (bitgreen.folder / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("overlays", "parts"),
    [
        ("[wolya]", ["'wolya'", "allowed: future-car-2031, gwangju-access, kumho-2028, pyeongdong-hub, wolya-2028"]),
        ("[wolya-2028, wolya-2028]", ["'wolya-2028' is named 2 times"]),
        ("wolya-2028", ["overlays", "valid list", "'wolya-2028'"]),
        ("['../x']", ["overlays.0", "'../x'"]),
    ],
)
def test_wrong_overlays_are_named(bitgreen: Bitgreen, own_cache: Path, overlays: str, parts: list[str]) -> None:
    message = bitgreen.refusal("run", "smoke", "--set", f"overlays={overlays}")
    for part in parts:
        assert part in message
    assert not own_cache.exists()


def test_a_site_of_an_overlay_names_the_overlay_that_brings_it(bitgreen: Bitgreen) -> None:
    wanted = "demand.commuters.destinations=[kumho_hampyeong]"
    assert "the overlay kumho-2028 brings it" in bitgreen.refusal("scenario", "validate", "smoke", "--set", wanted)
    assert bitgreen("scenario", "validate", "smoke", "--set", wanted, *WITH[:2]).returncode == 0


def test_the_shipped_scenario_with_overlays_is_valid(bitgreen: Bitgreen) -> None:
    done = bitgreen("scenario", "validate", "kumho-2028")
    assert done.returncode == 0, done.stderr


def test_overlays_are_listed_with_year_and_source(bitgreen: Bitgreen) -> None:
    listed = bitgreen("network", "overlays")
    assert listed.returncode == 0
    assert "kumho-2028           2028  Kumho Tire plant at Hampyeong" in listed.stdout
    assert listed.stdout.count("source: ") == 5


def test_overlays_are_built_by_name(bitgreen: Bitgreen) -> None:
    assert "--out" in bitgreen.refusal("network", "build", "bitgreen", "--overlay", "wolya-2028")
    assert bitgreen("network", "build", "bitgreen", "--overlay", "wolya-2028", "--out", "built").returncode == 0
    assert '"L036b+"' in (bitgreen.folder / "built" / "bitgreen.net.xml").read_text(encoding="utf-8")
