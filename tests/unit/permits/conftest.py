"""A road of four edges in a row with a sidewalk, and scenarios whose permits speak of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim.network.catalog import Area, Network
from sim.network.graph import VCLASSES, EdgeGraph
from sim.scenario import Scenario, validate

EDGES = ("a", "b", "c", "d")
LANE = '<lane id="{0}_0" allow="pedestrian"/><lane id="{0}_1" disallow="pedestrian custom1 custom2"/>'
PROJECTION = "+proj=utm +zone=52 +ellps=WGS84 +datum=WGS84 +units=m"
LOCATION = f'<location netOffset="-280568.35,-3884848.82" projParameter="{PROJECTION}"/>'
MakeScenario = Callable[..., Scenario]


@pytest.fixture(scope="session")
def graph() -> EdgeGraph:
    """Edges of 100 m from x = 0 to x = 400; trucks may not use the last one."""
    ones, turns = np.full(4, 100.0), np.zeros(0, np.int64)
    permits = {vclass: np.array([True, True, True, vclass != "truck"]) for vclass in VCLASSES}
    return EdgeGraph(
        ids=EDGES,
        index={edge: n for n, edge in enumerate(EDGES)},
        length_m=ones,
        travel_m=ones,
        time_s=ones / 10,
        crossing_s=np.zeros(4),
        permits=permits,
        turn_from=turns,
        turn_m=np.zeros(len(turns)),
        turn_to=turns,
        turn_permits={vclass: np.zeros(0, np.bool_) for vclass in VCLASSES},
        shapes=tuple(np.array([[100.0 * n, 0.0], [100.0 * n + 100, 0.0]]) for n in range(4)),
    )


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """The same road as a net file, with an area around its first edge and one beside it."""
    net_file = tmp_path_factory.mktemp("road") / "road.net.xml"
    edges = "".join(f'<edge id="{edge}">{LANE.format(edge)}</edge>' for edge in EDGES)
    inside = '<edge id=":j_0" function="internal"><lane id=":j_0_0" disallow="pedestrian"/></edge>'
    crossing = '<edge id=":j_c0" function="crossing"><lane id=":j_c0_0" allow="pedestrian"/></edge>'
    net_file.write_text(f"<net>{LOCATION}{inside}{crossing}{edges}</net>", encoding="utf-8")

    def area(west: float, south: float, east: float, north: float) -> Area:
        shape = ((west, south), (east, south), (east, north), (west, north))
        return Area(name_ko="구역", name_en="area", kind="block", site=None, shape=shape, status="assumed")

    return Network(
        name="road",
        net_file=net_file,
        additional_files=(),
        sites={},
        stops={},
        lines={},
        gateways={},
        junctions={},
        attribution="",
        sha256="",
        areas={"west": area(-10, -10, 140, 10), "field": area(0, 50, 400, 90)},
    )


@pytest.fixture
def scenario() -> MakeScenario:
    """Return what makes a day's scenario with these permits, each filled up with what a permit needs."""

    def make(permits: dict[str, dict[str, Any]], **rest: dict[str, Any]) -> Scenario:
        whole = {
            name: {
                "title": name, "classes": ["av_truck"], "zone": {"everywhere": True}, "status": "assumed",
                "source": "a test", **permit,
            }
            for name, permit in permits.items()
        }  # fmt: skip
        time = {"begin_s": 0, "end_s": "24:00"}
        document = {
            "name": "trial", "title": "trial", "network": "road", "time": time, "permits": whole,
            "freight": {"sites": {"gate": {}}}, **rest,
        }  # fmt: skip
        return validate(document, place="trial")

    return make


@pytest.fixture
def freight() -> dict[str, Any]:
    """Return the freight part of a scenario with one fleet of trucks, two operators watch it from afar."""
    diesel = {"emission_class": "Zero", "mass_kg": 8000}
    truck = {
        "vehicle_class": "av_truck", "count": 4, "depot": "yard", "capacity_pallets": 6, "payload_kg": 4000,
        "crew": "remote", "operators": 2, "diesel": diesel,
    }  # fmt: skip
    return {"sites": {"ggm": {}}, "depots": {"yard": {"parking": "depot.trucks"}}, "fleets": {"tug": truck}}
