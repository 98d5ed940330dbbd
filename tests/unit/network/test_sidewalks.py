"""Sidewalks: which roads have them, and lanes counted from them."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from sim.network.catalog import network_folder
from sim.network.sidewalks import beside_sidewalks, name_crossings, roads_with_sidewalks
from sim.network.survey import Tables
from sim.network.tables import read_tables


@pytest.fixture(scope="module")
def tables() -> Tables:
    return read_tables(network_folder("bitgreen") / "tables").without_unused_junctions()


def test_sidewalks_run_in_the_complex_at_stations_and_in_housing(tables: Tables) -> None:
    found = roads_with_sidewalks(tables)
    assert {"L007a", "N31", "L063", "L040", "L058"} <= found, "spine, plant gate, Songjeong, Wolya, Seonun"
    assert not {"L048", "L052", "L072", "L055a", "J4R1"} & found, "motor roads, 70 km/h, open country, ramps"


def test_a_road_that_turns_motor_road_loses_its_sidewalk(tables: Tables) -> None:
    roads = {**tables.roads, "L007a": replace(tables.roads["L007a"], motor_only=True)}
    assert "L007a" not in roads_with_sidewalks(replace(tables, roads=roads))


def test_lanes_beside_a_sidewalk_count_from_one() -> None:
    root = ET.fromstring(  # noqa: S314 (written here)
        '<connections><connection from="A+" to="B-" fromLane="0" toLane="1"/></connections>'
    )
    beside_sidewalks(root, {"A"})
    assert root[0].attrib == {"from": "A+", "to": "B-", "fromLane": "1", "toLane": "1"}


def test_the_crossings_of_the_table_are_named(tables: Tables) -> None:
    root = ET.Element("connections")
    name_crossings(root, replace(tables, crossings=(("R1", "L048"),)))
    assert [child.attrib for child in root] == [{"node": "R1", "edges": "L048+ L048-"}]
