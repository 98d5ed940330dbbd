"""From ways to roads: who may drive where, cut at junctions and at the box, connected."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest

from sim.network.imported import driving_side
from sim.network.osm import Box, OsmData, Way, read_osm
from sim.network.osm_roads import Roads, lay_roads
from sim.network.osm_streets import find_streets
from tests.osm_town import BOX, Map, crossing, town

SQUARE = ((0.0, 0.0), (0.004, 0.0), (0.004, 0.004), (0.0, 0.004))


def data_of(osm: Map, folder: Path) -> OsmData:
    file = folder / "map.osm"
    file.write_text(osm.text(bounds=None), encoding="utf-8")
    return read_osm(file)


def laid_of(osm: Map, folder: Path, box: Box | None = None) -> tuple[Roads, Counter[str]]:
    left_out: Counter[str] = Counter()
    data = data_of(osm, folder)
    return lay_roads(data, find_streets(data, left_out, Counter()), box, left_out), left_out


def square(**tags: str) -> Map:
    """Four nodes in a ring of four two-way streets."""
    osm = Map()
    for number, (lon, lat) in enumerate(SQUARE):
        osm.node(number, lon, lat)
    for number in range(4):
        osm.way(10 + number, [number, (number + 1) % 4], **({"highway": "residential", "name": str(number)} | tags))
    return osm


def traits_of(**tags: str) -> tuple[int, int, float, float]:
    data = OsmData()
    data.ways[1] = Way(1, [1, 2], {key.replace("__", ":"): value for key, value in tags.items()})
    (street,) = find_streets(data, Counter(), Counter())
    return street.traits.lanes, street.traits.back_lanes, street.traits.speed_kmh, street.traits.back_speed_kmh


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"highway": "residential"}, (1, 1, 30, 30)),
        ({"highway": "motorway"}, (2, 0, 100, 100)),
        ({"highway": "primary", "lanes": "4"}, (2, 2, 60, 60)),
        ({"highway": "primary", "lanes": "5", "lanes__forward": "3"}, (3, 2, 60, 60)),
        ({"highway": "primary", "lanes": "3", "lanes__backward": "2"}, (1, 2, 60, 60)),
        ({"highway": "primary", "lanes": "1"}, (1, 1, 60, 60)),
        ({"highway": "primary", "lanes": "3", "oneway": "yes"}, (3, 0, 60, 60)),
        ({"highway": "primary", "lanes": "two", "maxspeed": "fast"}, (1, 1, 60, 60)),
        ({"highway": "primary", "lanes": "2;3", "maxspeed": "50;60"}, (1, 1, 50, 50)),
        ({"highway": "primary", "lanes": "40", "oneway": "yes"}, (6, 0, 60, 60)),
        ({"highway": "trunk", "maxspeed": "30 mph"}, (1, 1, 48.3, 48.3)),
        ({"highway": "trunk", "maxspeed": "70", "maxspeed__backward": "50"}, (1, 1, 70, 50)),
        ({"highway": "trunk", "maxspeed": "0"}, (1, 1, 80, 80)),
        ({"highway": "tertiary", "junction": "roundabout"}, (1, 0, 50, 50)),
    ],
)
def test_lanes_and_speeds_from_tags(tags: dict[str, str], expected: tuple[int, int, float, float]) -> None:
    assert traits_of(**tags) == expected


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"highway": "residential", "access": "private"}, "private or closed roads"),
        ({"highway": "residential", "access": "no", "bus": "yes"}, "bus roads"),
        ({"highway": "residential", "motor_vehicle": "no"}, "private or closed roads"),
        ({"highway": "service", "service": "driveway"}, "lanes of car parks and driveways"),
        ({"highway": "footway"}, "ways on foot or by bicycle"),
        ({"railway": "rail"}, "railways"),
        ({"route": "ferry"}, "ferries"),
        ({"route": "ferry", "highway": "primary"}, "ferries"),
        ({"waterway": "river"}, "waterways"),
        ({"highway": "construction"}, "roads under construction or planned"),
        ({"highway": "residential", "area": "yes"}, "squares"),
        ({"highway": "nonsense"}, "other ways"),
    ],
)
def test_what_is_no_street_is_counted_by_reason(tags: dict[str, str], reason: str) -> None:
    data = OsmData()
    data.ways[1] = Way(1, [1, 2], tags)
    left_out: Counter[str] = Counter()
    assert not find_streets(data, left_out, Counter())
    assert left_out == {reason: 1}


def test_a_more_exact_access_tag_opens_a_closed_road() -> None:
    assert traits_of(highway="service", access="no", motor_vehicle="yes") == (1, 1, 20, 20)


def test_roads_run_between_junctions_and_keep_the_shape(tmp_path: Path) -> None:
    osm = square()
    osm.way(20, [0, osm.node(8, 0.001, 0.002), osm.node(9, 0.002, 0.003), 2], highway="residential")
    laid, _ = laid_of(osm, tmp_path)
    assert sorted(laid.node_names.values()) == ["n0", "n1", "n2", "n3"], "each street has a name of its own"
    assert len(laid.roads["w20"].nodes) == 4


def test_stretches_with_the_same_traits_become_one_road(tmp_path: Path) -> None:
    osm = square(name="ring")
    osm.way(20, [0, 2], highway="residential")
    laid, _ = laid_of(osm, tmp_path)
    assert sorted(laid.node_names.values()) == ["n0", "n2"]
    assert sorted(road.way for road in laid.roads.values()) == [10, 12, 20]


def test_a_ring_without_a_junction_is_cut_in_two(tmp_path: Path) -> None:
    laid, _ = laid_of(square(name="ring"), tmp_path)
    assert len(laid.roads) == 2
    assert all(road.nodes[0] != road.nodes[-1] for road in laid.roads.values())


def test_a_reversed_oneway_runs_in_the_order_of_travel(tmp_path: Path) -> None:
    osm = square(name="ring", oneway="-1")
    laid, _ = laid_of(osm, tmp_path)
    assert all(road.traits.oneway for road in laid.roads.values())
    steps = [step for road in laid.roads.values() for step in itertools.pairwise(road.nodes)]
    assert sorted(steps) == [(0, 3), (1, 0), (2, 1), (3, 2)]


def test_islands_and_streets_without_return_are_left_out(tmp_path: Path) -> None:
    osm = square()
    osm.way(20, [osm.node(8, 0.01, 0.0), osm.node(9, 0.011, 0.0)], highway="residential")
    osm.way(21, [2, osm.node(7, 0.002, 0.002)], highway="residential", oneway="yes")
    laid, left_out = laid_of(osm, tmp_path, Box(-0.1, -0.1, 0.1, 0.1))
    assert sorted(laid.roads) == ["w10", "w11", "w12", "w13"]
    assert left_out["roads cut off from the rest"] == 2


def test_the_box_cuts_roads_at_its_edge_and_one_ways_stay_as_ways_in_and_out(tmp_path: Path) -> None:
    osm = square()
    osm.way(20, [2, osm.node(8, 0.024, 0.004)], highway="primary", oneway="yes")
    osm.way(21, [osm.node(9, 0.024, 0.0), 1], highway="primary", oneway="yes")
    laid, left_out = laid_of(osm, tmp_path, Box(-0.01, -0.01, 0.014, 0.014))
    assert not left_out
    assert laid.lon[laid.roads["w20"].nodes[-1]] == pytest.approx(0.014)
    assert {laid.roads["w20"].nodes[-1], laid.roads["w21"].nodes[0]} == laid.rim


def test_a_street_that_crosses_the_box_between_two_nodes_is_cut_at_both_ends(tmp_path: Path) -> None:
    osm = Map()
    osm.way(1, [osm.node(1, -1.0, 0.5), osm.node(2, 2.0, 0.5)], highway="primary")
    laid, _ = laid_of(osm, tmp_path, Box(0, 0, 1, 1))
    (road,) = laid.roads.values()
    assert [laid.lon[node] for node in road.nodes] == pytest.approx([0.0, 1.0])
    assert len(laid.rim) == 2


def test_a_way_with_missing_nodes_ends_at_the_last_known_one(tmp_path: Path) -> None:
    osm = square()
    osm.way(20, [2, osm.node(8, 0.006, 0.006), 999, osm.node(9, 0.02, 0.02)], highway="primary")
    laid, _ = laid_of(osm, tmp_path, Box(-0.1, -0.1, 0.1, 0.1))
    assert len(laid.roads["w20"].nodes) == 2
    assert laid.node_names[laid.roads["w20"].nodes[-1]] == "n8"
    assert laid.roads["w20"].nodes[-1] in laid.rim


def test_a_bridge_shares_no_junction_with_the_road_below(tmp_path: Path) -> None:
    laid, _ = laid_of(town(), tmp_path, Box(*BOX))
    bridge = [road for road in laid.roads.values() if road.traits.structure == "bridge"]
    below = {node for road in laid.roads.values() if road.way == 101 for node in road.nodes}
    assert bridge
    assert {road.traits.layer for road in bridge} == {1}
    assert all(below.isdisjoint(road.nodes) for road in bridge)


def test_a_signal_at_a_stop_line_belongs_to_the_next_junction(tmp_path: Path) -> None:
    osm = square()
    osm.way(20, [osm.node(8, 0.006, 0.004), osm.node(9, 0.00425, 0.004, highway="traffic_signals"), 2],
            highway="primary", oneway="no")  # fmt: skip
    osm.way(21, [0, osm.node(7, 0.002, 0.0015, highway="traffic_signals"), 2], highway="residential")
    laid, _ = laid_of(osm, tmp_path)
    assert {laid.node_names[node] for node in laid.signals} == {"n2"}, "a crossing in mid-block is none of a junction"
    assert laid.mapped_signals == 2


def test_turn_restrictions_keep_ways_and_node(tmp_path: Path) -> None:
    laid, _ = laid_of(town(), tmp_path, Box(*BOX))
    (turn,) = laid.turns
    assert (turn.from_way, turn.to_way, turn.only) == (110, 101, False)
    assert laid.node_names[turn.node] == f"n{crossing(0, 1)}"


def test_smaller_roads_can_be_left_out(tmp_path: Path) -> None:
    left_out: Counter[str] = Counter()
    streets = find_streets(data_of(town(), tmp_path), left_out, Counter(), smallest="tertiary")
    assert {street.traits.kind for street in streets}.isdisjoint({"residential", "unclassified", "service"})
    assert left_out["roads smaller than tertiary"] == 11


@pytest.mark.parametrize(("turn", "left"), [(1, False), (-1, True)])
def test_roundabouts_tell_the_side_of_the_road(tmp_path: Path, turn: int, left: bool) -> None:  # noqa: FBT001
    osm = square()
    ring = [osm.node(100 + n, 0.0001 * x, 0.0001 * y) for n, (x, y) in enumerate(((1, 0), (0, 1), (-1, 0), (0, -1)))]
    osm.way(30, [*ring, ring[0]][::turn], highway="tertiary", junction="roundabout")
    data = data_of(osm, tmp_path)
    laid = Roads(list(data.nodes.lon), list(data.nodes.lat))
    assert driving_side(data, laid)[0] is left
    data.driving_sides["right" if left else "left"] += 1
    assert driving_side(data, laid) == (not left, "driving_side tags")
