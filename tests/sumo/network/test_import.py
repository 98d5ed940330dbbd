"""A town's extract becomes a network that runs, checks and draws; a failed import leaves nothing."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sumolib
from matplotlib.figure import Figure
from typer.testing import CliRunner

from sim.documents import load_scenario
from sim.draft import write_draft
from sim.engine.resolve import resolve
from sim.errors import NetworkError, OutputError, ScenarioError
from sim.network.build import build_network
from sim.network.catalog import Network, has_tables, load_network, network_names
from sim.network.check import check_network
from sim.network.graph import EdgeGraph
from sim.network.imported import ImportReport, import_osm
from sim.network.osm import Box
from sim.network.show import draw_network
from sim.network_cli import network_app
from sim.runner.local import run_one
from sim.runner.order import Order
from tests.osm_town import EAST, NORTH, SOUTH, WEST, Map, town


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("home")
    (folder / "networks").mkdir()
    (folder / "scenarios").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BITGREEN_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def extract(home: Path) -> Path:
    file = home / "town.osm.gz"
    file.write_bytes(gzip.compress(town().text().encode()))
    return file


@pytest.fixture(scope="module")
def report(extract: Path) -> ImportReport:
    return import_osm(extract, name="town")


@pytest.fixture(scope="module")
def network(report: ImportReport) -> Network:
    return load_network(report.name)


@pytest.fixture(scope="module")
def net(network: Network) -> sumolib.net.Net:
    return sumolib.net.readNet(str(network.net_file))


def test_what_is_no_road_for_cars_is_left_out_and_told(report: ImportReport) -> None:
    assert report.left_out == {
        "ferries": 1,
        "private car parks": 1,
        "private or closed roads": 1,
        "railways": 1,
        "roads cut off from the rest": 1,
        "roads under construction or planned": 1,
        "stops without a road for buses beside them": 1,
        "waterways": 1,
        "ways on foot or by bicycle": 1,
    }


def test_the_source_is_written_beside_the_network(report: ImportReport, extract: Path) -> None:
    source = json.loads((report.folder / "built" / "source.json").read_text(encoding="utf-8"))
    assert source["file"] == extract.name
    assert source["time_of_data"] == "2026-03-01T00:00:00Z"
    assert source["bbox"] == [WEST, SOUTH, EAST, NORTH]
    assert source["licence"] == "ODbL-1.0"
    assert len(source["sha256"]) == 64
    assert source["left_out"] == report.left_out


def test_every_edge_says_what_it_is(net: sumolib.net.Net) -> None:
    for edge in net.getEdges():
        assert edge.getID()[:-1] == edge.getParam("road")
        assert edge.getParam("survey_id") == edge.getParam("road").partition(".")[0]
        # the streets with tags for lanes or speed, which the others lack
        tagged = edge.getParam("survey_id") in {"w101", "w120", "w130", "w131"}
        assert edge.getParam("status") == ("likely" if tagged else "assumed")
    assert {edge.getParam("layer") for edge in net.getEdges() if edge.getParam("survey_id") == "w120"} == {"1"}
    assert not any(edge.allows(vclass) for edge in net.getEdges() for vclass in ("custom1", "custom2", "rail", "ship"))
    assert not any(edge.allows("pedestrian") for edge in net.getEdges() if edge.getParam("survey_id") == "w120")


def test_lorries_keep_off_where_they_must(net: sumolib.net.Net) -> None:
    closed = {edge.getParam("survey_id") for edge in net.getEdges() if not edge.allows("truck")}
    assert closed == {"w114"}
    assert all(edge.allows("bus") for edge in net.getEdges())


def test_one_ways_have_one_edge_and_korean_names_stay(net: sumolib.net.Net) -> None:
    ids = {edge.getID() for edge in net.getEdges()}
    assert {edge[-1] for edge in ids if edge.startswith(("w112.", "w113.", "w130.", "w140"))} == {"+"}
    assert {edge.getName() for edge in net.getEdges()} >= {"중앙로", "고가로", "북부대로"}


def test_the_forbidden_turn_is_gone(net: sumolib.net.Net) -> None:
    south = net.getEdge("w110.1+")
    onward = {edge.getParam("survey_id") for edge in south.getOutgoing()}
    assert "w110" in onward
    assert "w101" not in onward


def test_signals_stand_where_they_are_mapped(net: sumolib.net.Net) -> None:
    signalled = {node.getID() for node in net.getNodes() if node.getType() == "traffic_light"}
    assert signalled == {"n1021", "n1041"}


def test_stops_stand_at_the_kerb_of_their_side(network: Network, net: sumolib.net.Net) -> None:
    assert len(network.stops) == 2, "the platform is the post's, and the far stop has no road"
    south, north = sorted(network.stops.values(), key=lambda stop: stop.y)
    assert south.place == north.place
    headings = [net.getEdge(stop.edge) for stop in (south, north)]
    assert [edge.getToNode().getCoord()[0] > edge.getFromNode().getCoord()[0] for edge in headings] == [True, False]


def test_car_parks_chargers_works_and_housing_come_from_the_tags(network: Network) -> None:
    capacities = {park.capacity: (park.site, park.status) for park in network.car_parks.values()}
    assert capacities[35] == (None, "likely")
    (measured,) = capacities.keys() - {35}
    assert 250 < measured < 400, "91 m by 89 m at 25 m² a bay"
    assert capacities[measured] == ("industrial.w202", "assumed")
    assert [charger.power_kw for charger in network.chargers.values()] == [11.0]
    works, station = network.sites["industrial.w202"], network.sites["station.n76"]
    assert (works.name_ko, works.kind, works.staff) == ("빛그린산단", "industrial", 117)
    assert (station.name_ko, station.name_en) == ("송정역", "Songjeong Station")
    assert (works.status, station.status) == ("assumed", "likely"), "nobody maps how many work there"
    assert [area.name_ko for area in network.areas.values() if area.kind == "housing"] == ["하남"]
    assert network.junctions


def test_gateways_have_a_way_in_and_a_way_out(network: Network) -> None:
    names = sorted(gateway.name_ko for gateway in network.gateways.values())
    assert names == ["고가로", "고가로", "북부대로", "북부대로", "중앙로", "중앙로"]
    graph = EdgeGraph.from_net(network.net_file)
    pairs = list(network.gateways.values())
    for start in pairs:
        for end in pairs:
            if start is not end:
                assert graph.shortest_path(start.entry_edges[0], end.exit_edges[0])


def test_the_checks_run_without_tables(report: ImportReport) -> None:
    assert not has_tables(report.name)
    checks = {check.name: check for check in check_network(report.name).checks}
    assert not [check.name for check in checks.values() if check.outcome == "failed"]
    clearance = checks["signals with an all-red clearance"]
    assert (clearance.outcome, clearance.figure) == ("noted", "0 of 2 plans")
    assert len(clearance.detail) == 2


def test_a_lost_build_is_imported_again(report: ImportReport, home: Path) -> None:
    net_file = report.folder / "built" / "town.net.xml"
    kept = net_file.rename(home / "kept.net.xml")
    with pytest.raises(NetworkError, match="`bitgreen network import-osm FILE --name town --force` writes it"):
        load_network("town")
    kept.rename(net_file)


def test_a_network_without_the_places_of_bitgreen_has_no_close_ups_and_no_overlays(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(network_app, ["show", network.name, "--close-ups", "pictures", "--out", "map.png"])
    assert "'town' has none of the places that close-ups are drawn of" in str(shown.exception)
    assert not list(tmp_path.iterdir()), "found out before anything is drawn"
    assert "network town has no overlays" in CliRunner().invoke(network_app, ["overlays", "town"]).stdout


def test_the_legend_names_the_kinds_of_ground(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr("sim.network.show.save", lambda figure, _: figures.append(figure))
    draw_network(network, tmp_path / "town.png")
    legend = figures[0].axes[0].get_legend()
    assert legend is not None
    assert {"housing", "industrial"} <= {text.get_text() for text in legend.get_texts()}


def test_damage_and_missing_signals_are_noted(home: Path) -> None:
    osm = Map()
    refs = [osm.node(n, 126.7 + 0.003 * n, 35.1) for n in range(3)]
    osm.way(1, refs, highway="residential")
    file = home / "bare.osm"
    text = osm.text(bounds=None)
    file.write_text(text.replace("<way ", '<node id="9"/><node id="2" lon="1" lat="1"/><way ', 1), encoding="utf-8")
    notes = import_osm(file, name="bare").notes
    assert "no signal is mapped at a junction, and netconvert found no place for one" in notes
    assert "1 nodes without lon or lat: roads end where they miss them" in notes
    assert "1 nodes come again at another position: the first counts" in notes
    shutil.rmtree(home / "networks" / "bare")


def test_a_road_too_short_for_a_car_is_no_network(home: Path) -> None:
    osm = Map()
    osm.way(1, [osm.node(1, 126.7, 35.1), osm.node(2, 126.700003, 35.1)], highway="residential")
    file = home / "bare.osm"
    file.write_text(osm.text(bounds=None), encoding="utf-8")
    with pytest.raises(NetworkError, match=r"longest road between two junctions has \d\.\d m; allowed: .* 8 m or more"):
        import_osm(file, name="bare")
    assert sorted(path.name for path in (home / "networks").iterdir()) == ["town"]


def test_the_map_is_drawn(network: Network, tmp_path: Path) -> None:
    draw_network(network, tmp_path / "town.png")
    assert (tmp_path / "town.png").stat().st_size > 10_000


def test_equal_files_make_equal_networks(report: ImportReport, extract: Path) -> None:
    again = import_osm(extract, name="again")
    for file in sorted((report.folder / "built").iterdir()):
        twin = again.folder / "built" / file.name.replace("town", "again")
        assert file.read_bytes() == twin.read_bytes(), file.name
    shutil.rmtree(again.folder)


def test_a_scenario_is_written_and_runs_at_once(report: ImportReport, tmp_path: Path) -> None:
    draft = write_draft(report.name, tmp_path / "first.yaml")
    assert draft.basis == "commuters from housing to workplaces"
    assert min(draft.riders, draft.cars, draft.background) > 10
    scenario = load_scenario(draft.path, overrides=["time.end_s=07:10", "time.drain_s=900", "limits.wall_s=100"])
    finished = run_one(Order("first", scenario, tmp_path / "run"), lambda _: None)
    assert finished.status == "finished"
    assert finished.kpis["teleports"] == 0
    with pytest.raises(OutputError, match="not overwritten"):
        write_draft(report.name, draft.path)


def test_too_few_bays_are_not_searched(report: ImportReport, home: Path, tmp_path: Path) -> None:
    def parking(name: str) -> bool:
        commuters = load_scenario(write_draft(name, tmp_path / f"{name}.yaml").path).demand.commuters
        assert commuters is not None
        return commuters.parking

    file = home / "narrow.osm"
    file.write_text(town().text().replace('<tag k="amenity" v="parking"/></way>', (
        '<tag k="amenity" v="parking"/><tag k="capacity" v="20"/></way>')), encoding="utf-8")  # fmt: skip
    import_osm(file, name="narrow")
    assert (parking(report.name), parking("narrow")) == (True, False)
    shutil.rmtree(home / "networks" / "narrow")


def test_a_network_without_places_gets_even_demand(home: Path, tmp_path: Path) -> None:
    osm = Map()
    for row in range(3):
        osm.way(
            row, [osm.node(10 * row + n, 126.7 + 0.003 * n, 35.1 + 0.003 * row) for n in range(3)], highway="tertiary"
        )
        osm.way(10 + row, [row, 10 + row, 20 + row], highway="tertiary")
    file = home / "plain.osm"
    file.write_text(osm.text(bounds=None), encoding="utf-8")
    import_osm(file, name="plain")
    draft = write_draft("plain", tmp_path / "plain.yaml")
    assert draft.basis == "requests spread evenly over the network"
    assert resolve(load_scenario(draft.path)).population.riders
    shutil.rmtree(home / "networks" / "plain")


def test_residential_streets_stand_for_housing_where_no_land_is_drawn(home: Path) -> None:
    osm = town()
    del osm.relations[1]
    file = home / "streets.osm"
    file.write_text(osm.text(), encoding="utf-8")
    import_osm(file, name="streets")
    areas = [area for area in load_network("streets").areas.values() if area.kind == "housing"]
    assert {area.status for area in areas} == {"assumed"}
    shutil.rmtree(home / "networks" / "streets")


def test_where_traffic_keeps_left_stops_are_on_the_left(home: Path) -> None:
    osm = town()
    osm.way(5, [1, 2], driving_side="left", boundary="administrative")
    file = home / "left.osm"
    file.write_text(osm.text(), encoding="utf-8")
    assert "traffic keeps left" in import_osm(file, name="left").notes[0]
    left = load_network("left")
    net = sumolib.net.readNet(str(left.net_file))
    south = min(left.stops.values(), key=lambda stop: stop.y)
    edge = net.getEdge(south.edge)
    assert edge.getToNode().getCoord()[0] < edge.getFromNode().getCoord()[0], "south of the road drives west"
    shutil.rmtree(home / "networks" / "left")


@pytest.mark.parametrize("bbox", [(10, 10, 11, 11), (WEST + 0.0172, SOUTH + 0.0060, WEST + 0.0180, SOUTH + 0.0065)])
def test_a_box_without_roads_names_where_the_data_lies(extract: Path, bbox: tuple[float, ...]) -> None:
    before = network_names()
    with pytest.raises(NetworkError, match="found no roads") as caught:
        import_osm(extract, name="nowhere", bbox=Box(*bbox))
    assert "126." in str(caught.value)
    assert network_names() == before


@pytest.mark.parametrize("text", ["<osm/>", "<osm><node id='1' lat='1' lon='1'/></osm>"])
def test_a_file_without_roads_leaves_nothing(home: Path, text: str) -> None:
    file = home / "bare.osm"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(NetworkError, match="no road for cars"):
        import_osm(file, name="bare")
    assert sorted(path.name for path in (home / "networks").iterdir()) == ["town"]


def test_a_folder_is_told_before_the_name_it_gives() -> None:
    told = CliRunner().invoke(network_app, ["import-osm", "."])
    assert ".: found a folder; allowed: an OpenStreetMap extract" in str(told.exception)


@pytest.mark.parametrize("name", ["", "Town", "../town", "a/b", ".hidden", "a..b", "x" * 65, "정읍"])
def test_an_unsafe_name_is_refused(extract: Path, name: str) -> None:
    with pytest.raises(NetworkError, match="--name"):
        import_osm(extract, name=name)


def test_a_network_is_replaced_by_force_alone_and_tables_never(report: ImportReport, home: Path, extract: Path) -> None:
    with pytest.raises(OutputError, match="--force"):
        import_osm(extract, name="town")
    before = (report.folder / "built" / "town.net.xml").read_bytes()
    import_osm(extract, name="town", force=True)
    assert (report.folder / "built" / "town.net.xml").read_bytes() == before
    (home / "networks" / "surveyed" / "tables").mkdir(parents=True)
    with pytest.raises(OutputError, match="never replaced"):
        import_osm(extract, name="surveyed", force=True)
    shutil.rmtree(home / "networks" / "surveyed")


def test_an_imported_network_has_no_tables_to_build_from(report: ImportReport) -> None:
    with pytest.raises(NetworkError, match=r"network town: found no tables .*import-osm FILE --name town --force"):
        build_network(report.name)


def test_a_network_too_large_for_a_service_is_refused_with_the_way_out(
    report: ImportReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.draft.MOST_EDGES", 10)
    with pytest.raises(ScenarioError, match="--bbox"):
        write_draft(report.name, tmp_path / "large.yaml")
    assert not list(tmp_path.iterdir())


def test_the_command_prints_one_document_and_one_error(home: Path, extract: Path) -> None:
    def bitgreen(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from sim.cli import main; main()", "network", "import-osm", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    box = f"{WEST},{SOUTH},{WEST + 0.012},{NORTH}"
    done = bitgreen(str(extract), "--name", "west", "--bbox", box, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "west"
    assert not done.stderr
    shutil.rmtree(home / "networks" / "west")
    damaged = home / "damaged.osm.gz"
    damaged.write_bytes(extract.read_bytes()[:500])
    done = bitgreen(str(damaged))
    assert done.returncode == 1
    assert not done.stdout
    assert done.stderr.startswith("error (network_invalid): ")
    assert "Traceback" not in done.stderr
    assert not (home / "networks" / "damaged").exists()
