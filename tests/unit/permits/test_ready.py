"""The ready permits, and how a scenario takes them."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest
from typer.testing import CliRunner

from sim.cli import app
from sim.documents import load_permit, load_scenario, permit_catalogue
from sim.errors import ScenarioError
from sim.network.catalog import Network, load_network
from sim.network.graph import EdgeGraph
from sim.permit_document import Permit
from sim.permits.summary import COLUMNS, permit_row
from sim.permits.zones import zone_edges
from sim.scenario import json_schema

READY = tuple(permit_catalogue())
DOCS = Path(__file__).parents[3] / "docs" / "permits.md"
SCENARIO = """
extends: smoke
freight: {sites: {gate: {}}}
permits:
  zone: {extends: low-speed-zone-2021, max_speed_kmh: 15}
"""


@pytest.fixture(scope="module")
def bitgreen() -> tuple[Network, EdgeGraph]:
    network = load_network("bitgreen")
    return network, EdgeGraph.from_net(network.net_file)


def ready(name: str) -> Permit:
    return load_permit(permit_catalogue()[name])


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", READY)
def test_each_is_whole_and_lies_on_the_network(name: str, bitgreen: tuple[Network, EdgeGraph]) -> None:
    network, graph = bitgreen
    permit = ready(name)
    edges = zone_edges(permit.zone, network, graph, place=name)
    both_ways = {edge.rstrip("+-") for edge in edges if edge[-1] in "+-"}
    one_way = {edge for edge in edges if edge.endswith("+") and f"{edge[:-1]}-" not in graph.index}
    assert len(edges) == 2 * len(both_ways) - len(one_way), "no border parts the two directions of a road"
    turns: nx.DiGraph[int] = nx.DiGraph()
    turns.add_edges_from(zip(graph.turn_from.tolist(), graph.turn_to.tolist(), strict=True))
    inside = turns.subgraph([graph.position(edge) for edge in edges])
    if permit.surface == "road" and not permit.zone.everywhere:
        assert nx.is_strongly_connected(inside), "who is in the zone can get everywhere in it without leaving it"


def test_the_historical_zone_is_as_reported(bitgreen: tuple[Network, EdgeGraph]) -> None:
    network, graph = bitgreen
    zone = ready("low-speed-zone-2021")
    assert zone.max_speed_kmh is not None
    assert (zone.max_speed_kmh.value, zone.crew, zone.in_force) == (7, "remote", "historical")
    assert [(one.begin_s // 3600, one.end_s // 3600) for one in zone.windows] == [(10, 12), (14, 16)]
    edges = zone_edges(zone.zone, network, graph, place="zone")
    for site in ("cams", "parts_cluster", "certification", "truck_depot"):
        assert network.sites[site].edge in edges
    assert not any(edge.startswith(("L048", "L052")) for edge in edges), "no highway"


def test_robots_have_one_class_for_each_mass() -> None:
    permits = [ready(name) for name in ("robot-100", "robot-230", "robot-500")]
    bounds = [(one.min_mass_kg, one.max_mass_kg, one.max_speed_kmh and one.max_speed_kmh.value) for one in permits]
    assert bounds == [(0, 100, 15), (100, 230, 10), (230, 500, 5)]


def test_a_scenario_takes_one_and_changes_it(tmp_path: Path) -> None:
    path = write(tmp_path, "trial", SCENARIO)
    zone = load_scenario(path).permits["zone"]
    assert zone.max_speed_kmh is not None
    assert (zone.max_speed_kmh.value, zone.max_speed_kmh.status) == (15, "assumed")
    assert zone.zone == ready("low-speed-zone-2021").zone
    # another document, another place, another permit
    (tmp_path / "far").mkdir()
    child = write(tmp_path / "far", "child", f"extends: {path}\npermits: {{zone: {{zone: {{edges: [a]}}}}}}\n")
    assert load_scenario(child).permits["zone"].zone.edges == ("a",)
    other = load_scenario(path, overrides=["permits.zone.extends=trucks-at-night", "permits.zone.crew=none"])
    assert (other.permits["zone"].classes, other.permits["zone"].crew) == (("av_truck",), "none")


def test_a_permit_may_lie_beside_the_document(tmp_path: Path) -> None:
    write(tmp_path, "own", "extends: robot-100\nmax_speed_kmh: 6\n")
    permits_of = "permits: {one: {extends: own}, two: {extends: own.yaml}}"
    path = write(tmp_path, "trial", f"extends: smoke\nfreight: {{sites: {{gate: {{}}}}}}\n{permits_of}\n")
    permits = load_scenario(path).permits
    assert permits["one"] == permits["two"]
    assert str(tmp_path) not in load_scenario(path).model_dump_json()
    child = write(tmp_path, "child", "extends: trial\n")
    assert load_scenario(child).hash() == load_scenario(path, overrides=["name=child"]).hash()


@pytest.mark.parametrize(
    ("permit", "told"),
    [
        ("{extends: mars}", r"^trial\.yaml: permits\.p\.extends: no permit 'mars'; allowed .*, low-speed-zone-2021, "),
        (
            "{extends: broken}",
            r"^broken\.yaml is not a valid permit:\n  max_speed: unknown field; allowed are classes, ",
        ),
        ("{extends: lost}", r"^lost\.yaml: extends: no permit 'nowhere'; allowed are a file beside it or one of "),
        ("{extends: ring}", r"^ring\.yaml extends itself through ring\.yaml"),
        ("{extends: robot-100, classes: [tank]}", r"permits\.p\.classes\.0: .*'robot' or 'shuttle', found 'tank'"),
        (
            "{extends: robot-100, windows: [{begin_s: '22:00', end_s: '06:00'}]}",
            r"permits\.p\.windows\.0: .*empty hours: end_s \(06:00:00\) must come after begin_s \(22:00:00\)",
        ),
        ("{extends: robot-100, windows: []}", r"permits\.p\.windows: found none; allowed is at least 1"),
        ("{extends: robot-100, zone: {}}", r"permits\.p\.zone: .*needs everywhere, areas, a polygon or edges"),
        ("{extends: robot-100, min_mass_kg: 100}", r"max_mass_kg \(100\) must exceed min_mass_kg \(100\)"),
        ("{title: x}", r"permits\.p\.classes: missing"),
        ("[robot-100]", r"permits\.p: "),
    ],
)
def test_what_is_wrong_is_told_with_file_and_place(tmp_path: Path, permit: str, told: str) -> None:
    write(tmp_path, "broken", "extends: robot-100\nmax_speed: 6\n")
    write(tmp_path, "lost", "extends: nowhere\n")
    write(tmp_path, "ring", "extends: ring\n")
    path = write(tmp_path, "trial", f"extends: smoke\npermits: {{p: {permit}}}\n")
    with pytest.raises(ScenarioError, match=told):
        load_scenario(path)


def test_the_schema_knows_extends() -> None:
    assert json_schema()["$defs"]["Permit"]["properties"]["extends"]["type"] == "string"


def test_the_command_lists_them() -> None:
    told = CliRunner().invoke(app, ["scenario", "permits", "--json"])
    assert told.exit_code == 0, told.output
    assert {name: Permit.model_validate(one) for name, one in json.loads(told.stdout).items()} == {
        name: ready(name) for name in READY
    }


def test_the_page_has_a_row_for_each() -> None:
    page = DOCS.read_text(encoding="utf-8")
    for cells in (COLUMNS, *(permit_row(name, ready(name)) for name in READY)):
        assert "| " + " | ".join(cells) + " |" in page
