from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import sumolib

from sim.home import home
from sim.network.catalog import Network, Places, dump_places
from sim.network.check import check_network
from sim.network.checks.access import access_checks
from sim.network.checks.geometry import geometry_checks
from sim.network.checks.places import place_checks
from sim.network.checks.record import Check
from sim.network.checks.signals import signal_checks
from sim.network.checks.subject import Subject
from sim.network.checks.warnings import loading_check
from sim.network.graph import EdgeGraph
from sim.system import sumo_binary, sumo_env

CARS = "passenger taxi bus coach delivery truck trailer emergency"


def test_all_checks_of_the_committed_network_pass() -> None:
    report = check_network("bitgreen")
    assert not [f"{check.name}: {check.figure}" for check in report.checks if not check.ok]
    assert {"skipped", "noted"}.isdisjoint(check.outcome for check in report.checks)


def test_a_network_without_tables_is_checked_in_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scenarios").mkdir()
    built = tmp_path / "networks" / "town" / "built"
    built.mkdir(parents=True)
    built_here = netconvert(built, nodes="a:0,0 b:200,0 c:204,0", edges="ab:a:b ba:b:a bc:b:c cb:c:b", name="town")
    shutil.copyfile(built_here.net_file, built / "town.net.xml")
    (built / "town.add.xml").write_text("<additional/>", encoding="utf-8")
    places = Places(sites={}, stops={}, lines={}, gateways={}, junctions={})
    (built / "places.json").write_bytes(dump_places(places))
    monkeypatch.setenv("BITGREEN_HOME", str(tmp_path))
    outcomes = {check.name: check.outcome for check in check_network("town").checks}
    assert outcomes["built files follow from the tables"] == "skipped"
    assert outcomes["no edge too short"] == "noted"
    assert "failed" not in outcomes.values()


def test_the_check_notices_a_net_that_does_not_follow_from_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(home() / "networks", tmp_path / "networks")
    (tmp_path / "scenarios").mkdir()
    monkeypatch.setenv("BITGREEN_HOME", str(tmp_path))
    net = tmp_path / "networks" / "bitgreen" / "built" / "bitgreen.net.xml"
    net.write_text(net.read_text(encoding="utf-8").replace('minDur="', 'minDur="0'), encoding="utf-8")
    follows = check_network("bitgreen").checks[0]
    assert (follows.outcome, follows.detail) == ("failed", ("bitgreen.net.xml",))


def test_what_sumo_says_when_it_reads_a_network_is_judged(tmp_path: Path) -> None:
    network = netconvert(tmp_path, nodes="a:0,0 b:200,0", edges="ab:a:b ba:b:a")
    assert (loading_check(subject(network)).outcome, loading_check(subject(network)).detail) == ("ok", ())
    network.additional_files[0].write_text('<additional><busStop id="s" lane="no_0"/></additional>', encoding="utf-8")
    check = loading_check(subject(network))
    assert check.outcome == "failed"
    assert any("no_0" in line for line in check.detail)


def test_a_way_that_is_missing_is_named(tmp_path: Path) -> None:
    # from c nothing leads back
    network = netconvert(tmp_path, nodes="a:0,0 b:200,0 c:400,0", edges="ab:a:b ba:b:a bc:b:c")
    network = with_places(network, gateways={"a": ("ab", "ba"), "c": ("bc", "bc")})
    check = find(access_checks(subject(network)), "passenger")
    assert check.outcome == "noted"
    assert check.detail == ("gateway c -> gateway a",)


def test_lanes_open_to_permit_classes_are_a_fault(tmp_path: Path) -> None:
    network = netconvert(tmp_path, nodes="a:0,0 b:200,0", edges="ab:a:b ba:b:a", allow=f"{CARS} custom1")
    check = find(access_checks(subject(network)), "no lane open")
    assert check.outcome == "failed"
    assert set(check.detail) >= {"ab_0: custom1", "ba_0: custom1"}


@pytest.mark.parametrize(("layer", "outcome"), [("0", "noted"), ("1", "ok")])
def test_roads_that_cross_without_a_junction_are_a_fault_on_one_level_alone(
    tmp_path: Path, layer: str, outcome: str
) -> None:
    nodes = "a:-200,0 b:200,0 c:0,-200 d:0,200"
    network = netconvert(tmp_path, nodes=nodes, edges=f"ab:a:b cd:c:d:layer={layer}")
    check = find(geometry_checks(subject(network)), "roads cross")
    assert check.outcome == outcome
    assert (check.detail == ()) == (outcome == "ok")


def test_a_junction_in_the_middle_of_a_bridge_is_a_fault(tmp_path: Path) -> None:
    nodes = "a:-200,0 b:200,0 c:0,-200 d:0,200 m:0,0"
    crossing = "am:a:m mb:m:b cm:c:m:layer=1 md:m:d:layer=1"
    check = find(geometry_checks(subject(netconvert(tmp_path, nodes=nodes, edges=crossing))), "no junction where")
    assert (check.outcome, check.detail) == ("failed", ("m: levels 0 and 1",))
    merging = "am:a:m mb:m:b cm:c:m:layer=1"
    check = find(geometry_checks(subject(netconvert(tmp_path, nodes=nodes, edges=merging))), "no junction where")
    assert check.outcome == "ok"


def test_short_and_kinked_edges_are_named(tmp_path: Path) -> None:
    edges = "ab:a:b bc:b:c:shape=200,0/250,0/250,60/300,60/306,0"
    network = netconvert(tmp_path, nodes="a:193,0 b:200,0 c:306,0", edges=edges)
    checks = list(geometry_checks(subject(network)))
    assert [case.partition(":")[0] for case in find(checks, "no edge too short").detail] == ["ab"]
    assert [case.partition(":")[0] for case in find(checks, "no kink").detail] == ["bc"]


def test_signals_of_netconvert_are_sound_and_a_link_without_green_is_named(tmp_path: Path) -> None:
    nodes = "a:-200,0 b:200,0 c:0,-200 m:0,0:traffic_light"
    network = netconvert(tmp_path, nodes=nodes, edges="am:a:m mb:m:b cm:c:m ma:m:a bm:b:m mc:m:c")
    assert find(signal_checks(subject(network)), "signal plans").outcome == "ok"
    tree = ET.parse(network.net_file)  # noqa: S314 (made by this test)
    for phase in tree.getroot().iter("phase"):
        phase.set("state", "r" + phase.attrib["state"][1:])
    tree.write(network.net_file)
    check = find(signal_checks(subject(network)), "signal plans")
    assert check.detail == ("signal m, program 0, link 0: never green",)


def test_a_car_park_must_be_where_the_additional_file_has_it(tmp_path: Path) -> None:
    network = netconvert(tmp_path, nodes="a:0,0 b:200,0", edges="ab:a:b ba:b:a")
    park: dict[str, object] = {
        "name": "gate", "site": None, "edge": "ab", "lane": "ab_0", "start_m": 20.0, "end_m": 250.0, "capacity": 30,
        "x": 0.0, "y": 0.0, "status": "assumed",
    }  # fmt: skip
    additional = network.additional_files[0]
    additional.write_text(
        '<additional><parkingArea id="park.gate" lane="ab_0" startPos="20" endPos="150" roadsideCapacity="20"/>'
        "</additional>",
        encoding="utf-8",
    )
    check = find(place_checks(subject(with_places(network, car_parks={"park.gate": park}))), "car parks")
    assert len(check.detail) == 2
    assert "20 to 250 m of lane ab_0" in check.detail[0]
    assert "20 spaces in the additional file, 30 in places.json" in check.detail[1]


def find(checks: object, start: str) -> Check:
    found = [check for check in checks if check.name.startswith(start)]  # type: ignore[attr-defined]
    assert len(found) == 1
    assert isinstance(found[0], Check)
    return found[0]


def netconvert(folder: Path, *, nodes: str, edges: str, allow: str = CARS, name: str = "town") -> Network:
    """Build a net of `id:x,y[:type]` nodes and `id:from:to[:key=value]` edges; a shape's points are parted by `/`."""
    node_root, edge_root = ET.Element("nodes"), ET.Element("edges")
    for text in nodes.split():
        key, place, *kind = text.split(":")
        x, y = place.split(",")
        node = ET.SubElement(node_root, "node", id=key, x=x, y=y)
        if kind:
            node.set("type", kind[0])
    for text in edges.split():
        key, start, end, *more = text.split(":")
        edge = ET.SubElement(
            edge_root, "edge", {"id": key, "from": start, "to": end, "numLanes": "1", "speed": "14", "allow": allow}
        )
        for option, _, value in (part.partition("=") for part in more):
            if option == "layer":
                ET.SubElement(edge, "param", key="layer", value=value)
            else:
                edge.set(option, value.replace("/", " "))
    paths = folder / f"{name}.nod.xml", folder / f"{name}.edg.xml", folder / f"{name}.made.net.xml"
    for root, path in zip((node_root, edge_root), paths, strict=False):
        path.write_bytes(ET.tostring(root))
    command = [str(sumo_binary("netconvert")), "-n", str(paths[0]), "-e", str(paths[1]), "-o", str(paths[2])]
    subprocess.run([*command, "--no-turnarounds"], check=True, env=sumo_env(), capture_output=True)
    additional = folder / f"{name}.made.add.xml"
    additional.write_text("<additional/>", encoding="utf-8")
    return Network(
        name=name, net_file=paths[2], additional_files=(additional,), sites={}, stops={}, lines={}, gateways={},
        junctions={}, attribution="", sha256="",
    )  # fmt: skip


def with_places(
    network: Network,
    *,
    gateways: dict[str, tuple[str, str]] | None = None,
    car_parks: dict[str, dict[str, object]] | None = None,
) -> Network:
    places = Places.model_validate(
        {
            "sites": {}, "stops": {}, "lines": {}, "junctions": {}, "car_parks": car_parks or {},
            "gateways": {
                key: {"name": key, "name_ko": key, "entry_edges": (start,), "exit_edges": (end,), "status": "assumed"}
                for key, (start, end) in (gateways or {}).items()
            },
        }
    )  # fmt: skip
    return Network(
        name=network.name, net_file=network.net_file, additional_files=network.additional_files, sites={}, stops={},
        lines={}, gateways=places.gateways, junctions={}, attribution="", sha256="", car_parks=places.car_parks,
    )  # fmt: skip


def subject(network: Network) -> Subject:
    net = sumolib.net.readNet(str(network.net_file), withInternal=True)
    return Subject(network, net, EdgeGraph.from_net(network.net_file), None, None)
