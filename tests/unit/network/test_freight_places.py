from __future__ import annotations

from typing import Any

import pytest

from sim.errors import ScenarioError
from sim.freight_document import Freight
from sim.network.catalog import Network, load_network
from sim.network.freight_places import compound_parking, freight_depots, freight_places
from sim.network.graph import EdgeGraph

TUG = {
    "vehicle_class": "human_truck",
    "count": 40,
    "depot": "yard",
    "capacity_pallets": 8,
    "payload_kg": 6000,
    "diesel": {"emission_class": "HBEFA4/RT_gt12-14t_Euro-VI_D-E", "mass_kg": 7000},
}
LINE = {"site": "ggm", "cars_per_h": 30, "work": [{"begin_s": "08:00", "end_s": "16:30"}]}
CARS = {"line": "l", "start_edge": "N32-", "compound": "ggm", "parking": "park.ggm", "capacity": 250}


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network("bitgreen")


@pytest.fixture(scope="module")
def graph(network: Network) -> EdgeGraph:
    return EdgeGraph.from_net(network.net_file)


def freight(**parts: Any) -> Freight:  # noqa: ANN401 (parts of a document)
    return Freight.model_validate({"sites": {"ggm": {}, "cams": {"bays": 2}}, **parts})


def test_a_site_is_the_dock_and_the_staging_lot_of_its_name(network: Network, graph: EdgeGraph) -> None:
    found = freight_places(network, graph, freight())
    ggm, built = found["ggm"], network.docks["dock.ggm"]
    assert ggm.staging is not None
    assert (ggm.dock.edge, ggm.dock.lane, ggm.dock.start_m, ggm.dock.places, ggm.bays) == (
        *(built.edge, built.lane, built.start_m, built.bays),
        built.bays,
    )
    assert (ggm.staging.id, ggm.staging.places) == ("staging.ggm", network.docks["staging.ggm"].bays)
    assert (found["cams"].bays, found["cams"].staging) == (2, None)


def test_a_depot_is_a_parking_area_with_room_for_its_fleets(network: Network, graph: EdgeGraph) -> None:
    depots = {"yard": {"parking": "park.ggm"}}
    assert freight_depots(network, graph, freight(depots=depots, fleets={"tug": TUG}))["yard"].places == 180
    with pytest.raises(ScenarioError, match=r"freight.depots.yard.parking: park.ggm has 180 places for 181 vehicles"):
        freight_depots(network, graph, freight(depots=depots, fleets={"tug": {**TUG, "count": 181}}))


def test_finished_cars_are_handed_over_at_a_parking_area(network: Network, graph: EdgeGraph) -> None:
    assert compound_parking(network, graph, freight()) is None
    found = compound_parking(network, graph, freight(lines={"l": LINE}, finished_cars=CARS))
    assert found is not None
    assert found.id == "park.ggm"


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        (
            {"daycare": {}},
            r"sites.daycare.dock: the network has no parking area 'dock.daycare'; allowed are dock.av_safety, ",
        ),
        ({"ggm": {"staging": "lot"}}, r"sites.ggm.staging: the network has no parking area 'lot'; allowed are staging"),
        ({"ggm": {"bays": 99}}, r"sites.ggm.bays: found 99; dock.ggm has 20"),
    ],
)
def test_a_site_without_its_places_is_an_error(
    network: Network, graph: EdgeGraph, sites: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        freight_places(network, graph, Freight.model_validate({"sites": sites}))


def test_a_dock_that_trucks_cannot_reach_is_an_error(network: Network, graph: EdgeGraph) -> None:
    closed = {**graph.turn_permits, "truck": graph.turn_permits["truck"] & (graph.turn_to != graph.index["N32+"])}
    cut = EdgeGraph(**{name: getattr(graph, name) for name in EdgeGraph.__slots__} | {"turn_permits": closed})
    with pytest.raises(ScenarioError, match=r"sites.ggm.dock: dock.ggm lies on edge N32\+, which trucks cannot reach"):
        freight_places(network, cut, freight())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start_edge": "N99"}, r"finished_cars.start_edge: edge 'N99' is not one of the network"),
        ({"parking": "lot"}, r"finished_cars.parking: the network has no parking area 'lot'"),
    ],
)
def test_finished_cars_without_their_places_are_an_error(
    network: Network, graph: EdgeGraph, change: dict[str, str], message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        compound_parking(network, graph, freight(lines={"l": LINE}, finished_cars=CARS | change))
