from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pyproj
import pytest

from sim.errors import ScenarioError
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.permit_document import Zone
from sim.permits.zones import zone_edges


def polygon(west: float, south: float, east: float, north: float) -> list[tuple[float, float]]:
    return [(west, south), (east, south), (east, north), (west, north)]


@pytest.mark.parametrize(
    ("zone", "edges"),
    [
        ({"everywhere": True}, {"a", "b", "c", "d"}),
        ({"edges": ["c"]}, {"c"}),
        ({"areas": ["west"]}, {"a"}),
        ({"areas": ["west"], "edges": ["c"]}, {"a", "c"}),
        ({"polygon": polygon(126.58, 35.08, 126.60, 35.09)}, {"a", "b", "c", "d"}),
    ],
)
def test_roads_of_a_zone(zone: dict[str, Any], edges: set[str], network: Network, graph: EdgeGraph) -> None:
    assert zone_edges(Zone.model_validate(zone), network, graph, place="zone") == edges


def test_a_polygon_holds_what_lies_in_it_by_more_than_half(network: Network, graph: EdgeGraph) -> None:
    project = pyproj.Proj(proj="utm", zone=52, ellps="WGS84")

    def corner(x: float, y: float) -> tuple[float, float]:
        lon, lat = project(x + 280568.35, y + 3884848.82, inverse=True)
        return float(lon), float(lat)

    for east, edges in ((149.0, {"a"}), (151.0, {"a", "b"})):
        zone = Zone(polygon=(corner(-5, -5), corner(east, -5), corner(east, 5), corner(-5, 5)))
        assert zone_edges(zone, network, graph, place="zone") == edges


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ({"edges": ["a", "z"]}, r"^permits\.p\.zone\.edges\.1: unknown 'z'; network road has 4 edges: a, b, c, d$"),
        ({"areas": ["west", "mars"]}, r"^permits\.p\.zone\.areas\.1: unknown 'mars'; network road has field, west$"),
        ({"areas": ["field"]}, r"^permits\.p\.zone\.areas\.0: more than half of no road .* lies in 'field'$"),
        (
            {"polygon": polygon(127.0, 35.0, 127.1, 35.1)},
            r"^permits\.p\.zone\.polygon: the zone is off the network: it spans 127 to 127\.1 °E, 35 to 35\.1 °N",
        ),
        (
            {"polygon": [(126.58, 35.08), (126.60, 35.09), (126.60, 35.08), (126.58, 35.09)]},
            r"^permits\.p\.zone\.polygon: its border crosses or covers itself",
        ),
    ],
)
def test_what_is_not_there_is_told_with_its_place(
    zone: dict[str, Any], told: str, network: Network, graph: EdgeGraph
) -> None:
    with pytest.raises(ScenarioError, match=told):
        zone_edges(Zone.model_validate(zone), network, graph, place="permits.p.zone")


def test_a_polygon_needs_a_projection(network: Network, graph: EdgeGraph, tmp_path: Path) -> None:
    net_file = tmp_path / "plain.net.xml"
    net_file.write_text('<net><location netOffset="0,0" projParameter="!"/></net>', encoding="utf-8")
    plain = dataclasses.replace(network, net_file=net_file)
    zone = Zone(polygon=tuple(polygon(126.58, 35.08, 126.60, 35.09)))
    with pytest.raises(ScenarioError, match=r"network road has no projection"):
        zone_edges(zone, plain, graph, place="permits.p.zone")
