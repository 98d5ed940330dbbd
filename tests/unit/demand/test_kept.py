from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sim.demand import kept
from sim.demand.generate import generate
from sim.demand.kept import kept_population
from sim.documents import load_scenario
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import validate


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BITGREEN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "demand"


def never(*_: object) -> None:
    pytest.fail("drawn again")


def test_what_was_drawn_once_is_read(
    cache: Path, network: Network, graph: EdgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load_scenario("smoke")
    drawn = generate(scenario, network, graph)
    assert kept_population(scenario, network, graph) == drawn
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr(kept, "generate", never)
    other_service = load_scenario("smoke", overrides=["fleet.count=9", "controllers.shuttle.use=sumo", "seeds.sumo=5"])
    assert kept_population(other_service, network, graph) == drawn


@pytest.mark.parametrize(
    "change",
    ["seeds.demand=2", "demand.commuters.count=59", "demand.riders.no_shows=0.5", "time.end_s=27200", "controllers={}"],
)
def test_other_people_have_another_key(cache: Path, network: Network, graph: EdgeGraph, change: str) -> None:
    for overrides in ([], [change]):
        kept_population(load_scenario("smoke", overrides=overrides), network, graph)
    assert len(list(cache.iterdir())) == 2


def test_a_damaged_or_forbidden_cache_costs_the_draw_alone(
    cache: Path, network: Network, graph: EdgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = load_scenario("smoke")
    first = kept_population(scenario, network, graph)
    (path,) = cache.iterdir()
    for damage in (b"", b"no pickle", path.read_bytes()[:-20]):
        path.write_bytes(damage)
        assert kept_population(scenario, network, graph) == first
    (cache.parent / "file").write_text("")
    monkeypatch.setenv("BITGREEN_CACHE_DIR", str(cache.parent / "file"))
    assert kept_population(scenario, network, graph) == first


def test_the_least_recently_used_go_first(
    cache: Path, network: Network, graph: EdgeGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept_population(load_scenario("smoke"), network, graph)
    (first,) = cache.iterdir()
    monkeypatch.setattr(kept, "MOST_BYTES", int(1.5 * first.stat().st_size))
    kept_population(load_scenario("smoke", seed=2), network, graph)
    assert len(list(cache.iterdir())) == 1
    assert not first.exists()


def test_other_goods_have_another_key_and_other_trucks_have_not(
    cache: Path, network: Network, graph: EdgeGraph, document: dict[str, Any]
) -> None:
    line = {"site": "ggm", "cars_per_h": 30, "work": [{"begin_s": "06:00", "end_s": "09:00"}]}
    document["demand"] = {}
    document["freight"] = {"sites": {"ggm": {}}, "depots": {"yard": {"parking": "depot.trucks"}}, "lines": {"l": line}}
    cars = {
        "line": "l",
        "start_edge": "N32-",
        "compound": "ggm",
        "parking": "compound.vehicle_compound",
        "capacity": 250,
    }
    changes: tuple[dict[str, Any], ...] = ({}, {"depots": {}}, {"finished_cars": cars})
    for change in changes:
        scenario = validate({**document, "freight": document["freight"] | change}, place="test")
        drawn = kept_population(scenario, network, graph)
        assert kept_population(scenario, network, graph) == drawn
        assert len(drawn.goods.cars) == (90 if "finished_cars" in change else 0)
    assert len(list(cache.iterdir())) == 2
