from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sumolib
from shapely.geometry import LineString, Polygon
from typer.testing import CliRunner

from sim.errors import NetworkError, OutputError
from sim.home import home
from sim.network.build import BuildReport, build_network
from sim.network.catalog import Network, load_network, network_folder
from sim.network.checks.access import bus_turns
from sim.network.graph import EdgeGraph
from sim.network_cli import network_app


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network("bitgreen")


@pytest.fixture(scope="module")
def net(network: Network) -> sumolib.net.Net:
    return sumolib.net.readNet(str(network.net_file))


@pytest.fixture(scope="module")
def graph(network: Network) -> EdgeGraph:
    return EdgeGraph.from_net(network.net_file)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> BuildReport:
    return build_network("bitgreen", out=tmp_path_factory.mktemp("built"))


def test_the_committed_files_follow_from_the_tables(report: BuildReport) -> None:
    assert report.stale(network_folder("bitgreen") / "built") == []


def test_a_changed_table_makes_the_build_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(home() / "networks", tmp_path / "networks")
    (tmp_path / "scenarios").mkdir()
    roads = tmp_path / "networks" / "bitgreen" / "tables" / "roads.csv"
    roads.write_text(
        roads.read_text(encoding="utf-8").replace(",40,no,no,0,confirmed,196.1", ",30,no,no,0,confirmed,196.1")
    )
    monkeypatch.setenv("BITGREEN_HOME", str(tmp_path))
    changed = build_network("bitgreen", out=tmp_path / "built")
    assert "bitgreen.net.xml" in changed.stale(network_folder("bitgreen") / "built")


def test_files_carry_no_date_and_no_path(report: BuildReport) -> None:
    for file in report.files:
        text = file.read_text(encoding="utf-8")
        assert "generated on" not in text
        assert str(home()) not in text


def test_lines_are_contiguous_and_their_stops_lie_on_them_in_order(network: Network, graph: EdgeGraph) -> None:
    turns = bus_turns(graph)
    for line in network.lines.values():
        assert all(turns.has_edge(a, b) for a, b in itertools.pairwise(line.edges))
        edges = iter(enumerate(line.edges))
        position = next(edges)
        last_m = -1.0
        for stop in (network.stops[key] for key in line.stops):
            while position[1] != stop.edge or stop.end_m <= last_m:
                position = next(edges)
                last_m = -1.0
            last_m = stop.end_m


def test_the_commuter_line_comes_by_nr22_and_the_97_by_the_old_road(network: Network) -> None:
    assert "L054-" in network.lines["97-commuter.out"].edges
    assert "L090-" in network.lines["97.out"].edges
    assert network.lines["97.out"].length_m == pytest.approx(18_500, rel=0.05)


def test_every_stop_has_both_kerbs_on_lanes_for_bus_taxi_and_people(network: Network, net: sumolib.net.Net) -> None:
    for key, stop in network.stops.items():
        lane = net.getLane(stop.lane)
        assert 0 <= stop.start_m < stop.end_m <= lane.getLength()
        assert all(lane.allows(vclass) for vclass in ("bus", "taxi"))
        assert lane.getEdge().allows("pedestrian")
        assert f"{stop.place}{'-' if key.endswith('+') else '+'}" in network.stops


def test_sites_are_entered_where_cars_taxis_and_people_may_go(network: Network, net: sumolib.net.Net) -> None:
    for site in network.sites.values():
        edge = net.getEdge(site.edge)
        assert 0 < site.pos_m < edge.getLength()
        assert all(edge.allows(vclass) for vclass in ("passenger", "taxi", "pedestrian"))
    entrances = [(site.edge, site.pos_m) for site in network.sites.values()]
    assert len(set(entrances)) == len(entrances)


def test_motor_roads_take_nobody_on_foot(net: sumolib.net.Net) -> None:
    for edge in ("L052b+", "L069b-", "L078c+", "J4R1+", "E12c-"):
        assert not net.getEdge(edge).allows("pedestrian")
        assert not net.getEdge(edge).allows("motorcycle")
        assert net.getEdge(edge).allows("bus")


def test_classes_kept_for_permits_are_on_no_road(net: sumolib.net.Net) -> None:
    for vclass in ("custom1", "custom2", "tram", "ship"):
        assert not any(edge.allows(vclass) for edge in net.getEdges())


def test_what_is_planned_is_not_built(network: Network, net: sumolib.net.Net) -> None:
    assert not net.hasEdge("L077+")
    assert {"kumho_hampyeong", "future_car", "pilot_city"}.isdisjoint(network.sites)


def test_edges_say_which_road_they_are_and_how_sure_it_is(net: sumolib.net.Net) -> None:
    edge = net.getEdge("L055a-")
    assert (edge.getName(), edge.getParam("road"), edge.getParam("status")) == ("어등대로", "L055a", "confirmed")
    assert edge.getParam("survey_id") == "L055"
    assert net.getEdge("L036+").getParam("status") == "schematic"


def test_stops_away_from_every_road_are_reported_and_not_built(report: BuildReport, network: Network) -> None:
    gaps = {stop.name_ko: stop for stop in report.off_network}
    assert gaps["수완지구대"].distance_m > 1000
    names = {stop.name for stop in network.stops.values()}
    assert "수완지구대" not in names
    built = [stop for stop in network.stops.values() if stop.name == "선운중학교"]
    assert {stop.position_status for stop in built} == {"schematic"}


def test_gateways_lead_in_and_out(network: Network, graph: EdgeGraph) -> None:
    turns = graph.reachable("truck")
    for gateway in network.gateways.values():
        for edge in (*gateway.entry_edges, *gateway.exit_edges):
            assert turns[graph.position(edge)]


def test_the_depot_holds_a_fleet_off_the_road(network: Network) -> None:
    root = ET.parse(network.additional_files[0]).getroot()  # noqa: S314 (built by ourselves)
    areas = list(root.iter("parkingArea"))
    assert areas[0].attrib["id"] == "depot"
    bays = areas[0].findall("space")
    assert len(bays) >= 32
    assert min(float(bay.attrib["length"]) for bay in bays) >= 7.0
    assert areas[0].attrib["onRoad"] == "false"


def test_car_parks_and_docks_have_a_bay_for_each_place_beside_their_edge(network: Network) -> None:
    root = ET.parse(network.additional_files[0]).getroot()  # noqa: S314 (built by ourselves)
    areas = {area.attrib["id"]: area for area in root.iter("parkingArea")}
    assert {"park.ggm", "park.other_makers.4", "dock.ggm", "staging.ggm"} <= set(areas)
    places = {key: park.capacity for key, park in network.car_parks.items()}
    places |= {key: dock.bays for key, dock in network.docks.items()}
    assert set(areas) == {"depot", *places}
    for key, count in places.items():
        assert len(areas[key].findall("space")) == count


def test_a_lorry_comes_to_its_staging_lot_before_the_dock_and_no_place_lies_in_another(network: Network) -> None:
    for key, staging in network.docks.items():
        if staging.kind == "staging":
            dock = network.docks[f"dock.{staging.site}"]
            assert staging.edge == dock.edge, key
            assert 12 <= staging.start_m < staging.end_m < dock.start_m, key
    kerbs = sorted([*network.docks.values(), *network.car_parks.values()], key=lambda one: (one.lane, one.start_m))
    for first, second in itertools.pairwise(kerbs):
        assert first.lane != second.lane or first.end_m < second.start_m, (first.name, second.name)


def test_chargers_and_grounds_are_built(network: Network) -> None:
    root = ET.parse(network.additional_files[0]).getroot()  # noqa: S314 (built by ourselves)
    stations = {station.attrib["id"]: float(station.attrib["power"]) for station in root.iter("chargingStation")}
    assert stations == {key: 1000 * charger.power_kw for key, charger in network.chargers.items()}
    assert len(stations) == 5
    block = Polygon(network.areas["ggm_block"].shape)
    assert block.area == pytest.approx(604_339, rel=0.05)
    assert block.contains(Polygon(network.areas["ggm_test_track"].shape))


def test_no_street_leads_through_the_plant(net: sumolib.net.Net, network: Network) -> None:
    block = Polygon(network.areas["ggm_block"].shape).buffer(-5)
    inside = {edge.getParam("road") for edge in net.getEdges() if LineString(edge.getShape()).intersects(block)}
    assert inside == {"N31", "N32", "N33", "N35", "N36"}
    gates = [node for road in sorted(inside) for node in (net.getEdge(f"{road}+").getFromNode(),)]
    assert len({gate.getID() for gate in gates} - {"G40"}) == 3


@pytest.mark.parametrize(
    ("main", "joint", "lanes"), [("L078c+", "L079a+", [(0, 1), (1, 2)]), ("L078b+", "L078c+", [(1, 0), (2, 1)])]
)
def test_ramps_have_lanes_of_their_own(
    net: sumolib.net.Net, main: str, joint: str, lanes: list[tuple[int, int]]
) -> None:
    turns = net.getEdge(main).getOutgoing()[net.getEdge(joint)]
    assert sorted((turn.getFromLane().getIndex(), turn.getToLane().getIndex()) for turn in turns) == lanes
    assert not any(turn.getDirection() == "t" for turns in net.getEdge(main).getOutgoing().values() for turn in turns)


def test_main_roads_pass_over_without_a_junction(net: sumolib.net.Net) -> None:
    over, under = net.getEdge("L078c+"), net.getEdge("L055b+")
    assert (over.getParam("layer"), under.getParam("layer")) == ("1", "0")
    assert LineString(over.getShape()).intersects(LineString(under.getShape()))


def test_the_corridor_runs_one_cycle_and_its_lefts_are_protected(network: Network) -> None:
    root = ET.parse(network.net_file).getroot()  # noqa: S314 (built by ourselves)
    logics = {logic.attrib["id"]: logic for logic in root.iter("tlLogic")}
    for key in ("R4", "J45", "J46", "R8", "R18", "R19"):
        assert logics[key].attrib["type"] == "static"
        assert sum(float(phase.attrib["duration"]) for phase in logics[key].iter("phase")) == 120
    left = next(c for c in root.iter("connection") if (c.attrib["from"], c.attrib["to"]) == ("L055b+", "J4R2+"))
    lights = {phase.attrib["state"][int(left.attrib["linkIndex"])] for phase in logics["J46"].iter("phase")}
    assert lights == {"r", "G", "y"}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("sites.csv", "126.6710,35.1735,G40", "126.6710,35.1735,R45", r"sites.csv, row 2.*R45.*open to people"),
        ("car_parks.csv", ",N31+,40,180", ",N31+,40,1800", r"car_parks.csv: park.ggm.*N31\+.*m or more"),
        ("signal_plans.csv", "R4,어등대로", "R5,어등대로", r"signal_plans.csv: junction R5.*no signal"),
        ("signal_plans.csv", "66 18 17", "66 18 18", r"junction R4.*allowed: 3 of together 101 s"),
        ("gateways.csv", "L071,likely", "L070,likely", r"R15.*'L070'"),
        ("stop_places.csv", ",,R21,likely", ",,,likely", r"line 97\.out.*end without position"),
    ],
)
def test_what_does_not_fit_the_roads_is_named(  # noqa: PLR0917 (pytest's parameters)
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str, message: str
) -> None:
    shutil.copytree(home() / "networks", tmp_path / "networks")
    (tmp_path / "scenarios").mkdir()
    monkeypatch.setenv("BITGREEN_HOME", str(tmp_path))
    table = tmp_path / "networks" / "bitgreen" / "tables" / file
    text = table.read_text(encoding="utf-8")
    assert old in text
    table.write_text(text.replace(old, new, 1), encoding="utf-8")
    before = (table.parents[1] / "built" / "places.json").read_bytes()
    with pytest.raises(NetworkError, match=message):
        build_network("bitgreen")
    assert (table.parents[1] / "built" / "places.json").read_bytes() == before


def test_files_go_into_a_folder_alone(tmp_path: Path) -> None:
    file = tmp_path / "README.md"
    file.write_text("kept", encoding="utf-8")
    for out, found in (
        (file, "found a file; allowed: a folder"),
        (file / "built", "cannot be written: Not a directory"),
    ):
        with pytest.raises(OutputError, match=found):
            build_network("bitgreen", out=out)
    assert file.read_text(encoding="utf-8") == "kept"


def test_stops_away_from_every_road_are_told_in_words(
    report: BuildReport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.network.build.build_network", lambda *_, **__: report)
    told = CliRunner().invoke(network_app, ["build", "bitgreen", "--out", str(tmp_path)]).stdout
    stop = report.off_network[0]
    fate = "kept for the line that calls there" if stop.built else "left out"
    assert f"off the network: stop {stop.place} {stop.name_ko}, {stop.distance_m:.0f} m from every road: {fate}" in told
    assert "OffNetworkStop" not in told
