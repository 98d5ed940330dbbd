from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import sumolib

from sim.errors import NetworkError, NotFoundError, SetupError
from sim.home import home
from sim.network.build import build_network
from sim.network.catalog import Network, load_network
from sim.network.check import check_network
from sim.network.edges import traffic_lanes
from sim.network.graph import EdgeGraph
from sim.network.overlaid import load_overlaid
from sim.network.overlays import overlay_names

OVERLAYS = ["future-car-2031", "gwangju-access", "kumho-2028", "pyeongdong-hub", "wolya-2028"]
NEW_SITES = {
    "future-car-2031": ["future_car", "pilot_city"],
    "kumho-2028": ["kumho_hampyeong"],
    "pyeongdong-hub": ["pyeongdong_hub"],
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def in_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BITGREEN_CACHE_DIR", str(cache))


@pytest.fixture(scope="module")
def base() -> EdgeGraph:
    return EdgeGraph.from_net(load_network("bitgreen").net_file)


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the networks in a home and with a cache of its own; returns the network's folder."""
    shutil.copytree(home() / "networks", tmp_path / "networks")
    (tmp_path / "scenarios").mkdir()
    monkeypatch.setenv("BITGREEN_HOME", str(tmp_path))
    monkeypatch.setenv("BITGREEN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "networks" / "bitgreen"


def drive_s(network: Network, graph: EdgeGraph, start: str, end: str) -> tuple[float, list[str]]:
    path = graph.shortest_path(network.sites[start].edge, network.sites[end].edge)
    return float(sum(graph.time_s[graph.position(edge)] for edge in path)), path


def built_in(cache: Path) -> list[Path]:
    return sorted((cache / "networks" / "bitgreen").iterdir())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_each_overlay_builds_and_its_sites_are_reached_from_every_gateway(overlay: str) -> None:
    network = load_overlaid("bitgreen", [overlay])
    graph = EdgeGraph.from_net(network.net_file)
    assert network.overlays == (overlay,)
    assert set(network.sites) - set(load_network("bitgreen").sites) == set(NEW_SITES.get(overlay, ()))
    for vclass in ("passenger", "truck", "bus", "taxi"):
        legs = graph.matrix(graph.time_s, vclass)
        for site in NEW_SITES.get(overlay, ["ggm"]):
            gate = graph.position(network.sites[site].edge)
            for gateway in network.gateways.values():
                entries = [graph.position(edge) for edge in gateway.entry_edges]
                exits = [graph.position(edge) for edge in gateway.exit_edges]
                assert np.isfinite(legs[entries, gate]).all(), (vclass, site, gateway.name)
                assert np.isfinite(legs[gate, exits]).all(), (vclass, site, gateway.name)


def test_with_all_overlays_the_network_passes_every_check() -> None:
    checked = check_network("bitgreen", overlays=OVERLAYS)
    assert not [f"{check.name}: {check.figure}" for check in checked.checks if not check.ok]
    assert any("planned by future-car-2031, gwangju-access" in check.name for check in checked.checks)


@pytest.mark.parametrize("overlay", [one for one in OVERLAYS if one != "pyeongdong-hub"])  # which has docks alone
def test_new_roads_are_planned_and_closed_to_the_classes_kept_for_permits(overlay: str, base: EdgeGraph) -> None:
    network = load_overlaid("bitgreen", [overlay])
    net = sumolib.net.readNet(str(network.net_file))
    new = [edge for edge in net.getEdges() if edge.getID() not in base.index]
    assert new
    for edge in new:
        assert edge.getParam("status") == "planned"
        assert edge.getLength() >= 8.0
        assert not edge.allows("custom1")
        assert not edge.allows("custom2")


def test_the_access_road_shortens_the_way_to_hanam_and_jingok_and_no_other(base: EdgeGraph) -> None:
    network = load_overlaid("bitgreen", ["gwangju-access"])
    graph = EdgeGraph.from_net(network.net_file)
    for start, end in (("jingok", "ggm"), ("ggm", "jingok"), ("hanam", "ggm"), ("dh_autoware", "hanam")):
        before, _ = drive_s(load_network("bitgreen"), base, start, end)
        after, path = drive_s(network, graph, start, end)
        assert after < before - 45, (start, end)
        assert {"L077", "L114"} <= {edge[:-1] for edge in path}
    before, way = drive_s(load_network("bitgreen"), base, "songjeong_station", "ggm")
    after, path = drive_s(network, graph, "songjeong_station", "ggm")
    assert path == way
    assert after == pytest.approx(before, abs=1)


def test_the_wide_stretch_stands_in_for_the_road_it_is_cut_from() -> None:
    net = sumolib.net.readNet(str(load_overlaid("bitgreen", ["wolya-2028"]).net_file))
    assert not net.hasEdge("L036+")
    wide, narrow = net.getEdge("L036b+"), net.getEdge("L036a+")
    assert (traffic_lanes(wide), traffic_lanes(narrow)) == (2, 1)
    assert {wide.getParam("survey_id"), narrow.getParam("survey_id")} == {"L036"}
    metres = sumolib.geomhelper.polyLength(wide.getRawShape())
    assert metres == pytest.approx(500, rel=0.05)
    old = sumolib.net.readNet(str(load_network("bitgreen").net_file)).getEdge("L036+")
    whole = sumolib.geomhelper.polyLength(old.getRawShape())
    assert metres + sumolib.geomhelper.polyLength(narrow.getRawShape()) == pytest.approx(whole, rel=0.05)


def test_the_base_is_neither_changed_nor_built_upon() -> None:
    before = load_network("bitgreen")
    assert not before.overlays
    assert load_overlaid("bitgreen") == before
    overlaid = load_overlaid("bitgreen", OVERLAYS)
    assert load_network("bitgreen") == before
    assert overlaid.sha256 != before.sha256
    assert overlaid.net_file.parent != before.net_file.parent
    with pytest.raises(NetworkError, match="a folder of their own"):
        build_network("bitgreen", overlays=["kumho-2028"])


def test_what_does_not_contradict_is_the_same_to_the_byte_in_any_order(tmp_path: Path) -> None:
    one = build_network("bitgreen", out=tmp_path / "one", overlays=OVERLAYS)
    other = build_network("bitgreen", out=tmp_path / "other", overlays=OVERLAYS[::-1])
    for file, twin in zip(one.files, other.files, strict=True):
        assert file.read_bytes() == twin.read_bytes()


def test_a_network_is_built_once_and_again_when_a_table_changes(own_home: Path) -> None:
    cache = own_home.parents[1] / "cache"
    first = load_overlaid("bitgreen", ["wolya-2028"])
    stamp = first.net_file.stat().st_mtime_ns
    assert load_overlaid("bitgreen", ["wolya-2028"]) == first
    assert first.net_file.stat().st_mtime_ns == stamp
    assert built_in(cache) == [first.net_file.parent]
    roads = own_home / "overlays" / "wolya-2028" / "roads.csv"
    roads.write_text(roads.read_text(encoding="utf-8").replace(",2,60,", ",3,60,"), encoding="utf-8")
    wider = load_overlaid("bitgreen", ["wolya-2028"])
    assert wider.sha256 != first.sha256
    assert traffic_lanes(sumolib.net.readNet(str(wider.net_file)).getEdge("L036b+")) == 3


@pytest.mark.parametrize("harm", ["cut", "missing"])
def test_a_cached_build_that_was_harmed_is_built_anew(own_home: Path, harm: str) -> None:
    first = load_overlaid("bitgreen", ["wolya-2028"])
    content = first.net_file.read_bytes()
    if harm == "cut":
        first.net_file.write_bytes(content[: len(content) // 2])
    else:
        first.net_file.unlink()
    assert load_overlaid("bitgreen", ["wolya-2028"]) == first
    assert first.net_file.read_bytes() == content
    assert built_in(own_home.parents[1] / "cache") == [first.net_file.parent]


def test_processes_that_build_at_the_same_time_agree(own_home: Path) -> None:
    script = "from sim.network.overlaid import load_overlaid; print(load_overlaid('bitgreen', ['wolya-2028']).sha256)"
    command = [sys.executable, "-c", script]
    path = str(Path(__file__).resolve().parents[3])
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path})
        for _ in range(3)
    ]
    hashes = {process.communicate(timeout=120)[0] for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    assert hashes == {load_overlaid("bitgreen", ["wolya-2028"]).sha256 + "\n"}
    assert len(built_in(own_home.parents[1] / "cache")) == 1


def test_what_is_refused_leaves_nothing_in_the_cache(own_home: Path) -> None:
    roads = own_home / "overlays" / "wolya-2028" / "roads.csv"
    roads.write_text(roads.read_text(encoding="utf-8").replace("P4,W1", "P4,P4"), encoding="utf-8")
    with pytest.raises(NetworkError, match=r"overlays/wolya-2028/roads\.csv, row 2"):
        load_overlaid("bitgreen", ["wolya-2028"])
    with pytest.raises(NotFoundError, match="'atlantis'"):
        load_overlaid("bitgreen", ["atlantis"])
    assert not [path for path in own_home.parents[1].glob("cache/**/*") if path.is_file()]


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BITGREEN_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(SetupError, match="BITGREEN_CACHE_DIR"):
        load_overlaid("bitgreen", ["wolya-2028"])


def test_every_shipped_overlay_is_tested_here() -> None:
    assert overlay_names("bitgreen") == OVERLAYS


def test_planned_sites_say_so_in_the_places_file() -> None:
    network = load_overlaid("bitgreen", ["kumho-2028"])
    site = json.loads((network.net_file.parent / "places.json").read_bytes())["sites"]["kumho_hampyeong"]
    assert (site["status"], site["staff"], site["opens"]) == ("planned", 900, 2028)
    assert network.car_parks["park.kumho_hampyeong"].capacity >= 500
    assert network.docks["dock.kumho_hampyeong"].site == "kumho_hampyeong"
