"""Reading OpenStreetMap XML: what is kept, in which packing, and what is refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.errors import NetworkError, NotFoundError
from sim.network.osm import Box, parse_bbox, read_osm
from tests.osm_town import BOX, HUGE, town

TOWN = town().text().encode()


def written(folder: Path, content: bytes, name: str = "town.osm") -> Path:
    file = folder / name
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_every_packing_reads_alike_whatever_the_name(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    plain = read_osm(written(tmp_path, TOWN, "plain.osm"))
    data = read_osm(written(tmp_path, pack(TOWN), "packed"))
    assert data.elements == plain.elements
    assert data.ways.keys() == plain.ways.keys()


def test_negative_and_huge_ids_are_found_again(tmp_path: Path) -> None:
    data = read_osm(written(tmp_path, TOWN))
    rows = data.nodes.rows([-5, HUGE, 777_777])
    assert (data.nodes.lon[rows[0]], data.nodes.lat[rows[0]]) == (126.714, 35.1055)
    assert data.nodes.ids[rows[1]] == HUGE
    assert rows[2] == -1


def test_buildings_are_not_kept(tmp_path: Path) -> None:
    osm = town()
    osm.way(5000, [1, 2, 20], building="yes")
    data = read_osm(written(tmp_path, osm.text().encode()))
    assert 5000 not in data.ways
    assert 210 in data.ways, "a way without a tag may be the rim of a multipolygon"


def test_the_state_of_the_data_is_told_by_the_file_before_its_changes(tmp_path: Path) -> None:
    header = ' osmosis_replication_timestamp="2026-04-01T20:21:02Z"'
    assert read_osm(written(tmp_path, town().text(header=header).encode())).timestamp == "2026-04-01T20:21:02Z"
    assert read_osm(written(tmp_path, TOWN)).timestamp == "2026-03-01T00:00:00Z"
    overpass = TOWN.replace(b"<bounds", b'<meta osm_base="2026-05-02T00:00:00Z"/><bounds')
    assert read_osm(written(tmp_path, overpass)).timestamp == "2026-05-02T00:00:00Z"


def test_the_box_of_the_file_is_read_in_both_forms(tmp_path: Path) -> None:
    assert read_osm(written(tmp_path, TOWN)).bounds == Box(*BOX)
    bound = b'<osm><bound box="35.1,126.7,35.2,126.8" origin="x"/></osm>'
    assert read_osm(written(tmp_path, bound)).bounds == Box(126.7, 35.1, 126.8, 35.2)


def test_positions_inside_of_ways_count(tmp_path: Path) -> None:
    text = b'<osm><way id="1"><nd ref="7" lat="35" lon="126"/><nd ref="8" lat="35.1" lon="126"/></way></osm>'
    data = read_osm(written(tmp_path, text))
    assert list(data.nodes.rows([7, 8])) == [0, 1]


def test_what_was_deleted_is_not_there(tmp_path: Path) -> None:
    text = b'<osm><node id="1" visible="false" lat="1" lon="1"/><node id="2" action="delete" lat="1" lon="1"/></osm>'
    data = read_osm(written(tmp_path, text))
    assert list(data.nodes.rows([1, 2])) == [-1, -1]
    assert not data.elements


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    shares: list[float] = []
    read_osm(written(tmp_path, TOWN), progress=lambda _, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (TOWN[:-400], "cut off"),
        (gzip.compress(TOWN)[:-200], "cut off"),
        (bz2.compress(TOWN)[:-200], "cut off"),
        (gzip.compress(TOWN)[:300] + b"\x00" * 400, "damaged"),
        (b"roads, roads, roads", "not well-formed XML"),
        (b'<?xml version="1.0" encoding="none"?><osm/>', "unknown encoding"),
        (b"<html><body>Too many requests</body></html>", "root <html>"),
        (b"<osmChange><create/></osmChange>", "root <osmChange>"),
        (b'<!DOCTYPE osm [<!ENTITY a "b">]><osm>&a;</osm>', "document type"),
        (b"\x00\x00\x00\x0d\x0a\x09OSMHeader\x18", "osmium cat"),
        (b"PK\x03\x04zip", "zip"),
        (b'<osm><node id="x" lat="1" lon="1"/></osm>', "id='x'"),
        (b'<osm>\n<node id="1" lat="126.7" lon="35.1"/></osm>', "line 2: found node 1 at lon 35.1, lat 126.7"),
        (b'<osm><node id="1" lat="north" lon="1"/></osm>', "'north'"),
        (b'<osm><way id="99999999999999999999"/></osm>', "99999999999999999999"),
        (b"<osm><remark>runtime error: Query timed out</remark></osm>", "Query timed out"),
    ],
)
def test_what_cannot_be_read_is_one_error_that_names_the_file(tmp_path: Path, content: bytes, told: str) -> None:
    file = written(tmp_path, content)
    with pytest.raises(NetworkError) as caught:
        read_osm(file)
    assert told in str(caught.value)
    assert "town.osm" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "found"), [("absent.osm", "no such file"), (".", "a folder")])
def test_a_file_that_is_not_there(tmp_path: Path, name: str, found: str) -> None:
    with pytest.raises(NotFoundError, match=rf"found {found}; allowed: .*\.osm\.xz"):
        read_osm(tmp_path / name)


def test_damaged_nodes_are_counted(tmp_path: Path) -> None:
    nodes = '<node id="1" lat="35.1" lon="126.7"/><node id="2" lat="35.2"/><node id="3"/>'
    again = '<node id="1" lat="35.1" lon="126.7"/><node id="1" lat="35.1" lon="126.8"/>'
    whole, damaged = (
        read_osm(written(tmp_path, f"<osm>{text}</osm>".encode())).nodes for text in (nodes, nodes + again)
    )
    assert (whole.without_position, whole.contradictions()) == (2, 0)
    assert (damaged.without_position, damaged.contradictions()) == (2, 1), "the same position twice is no damage"


def test_a_box_in_either_notation() -> None:
    assert parse_bbox("126.6,35.1,126.7,35.2") == parse_bbox(" 126.6 35.1  126.7, 35.2 ") == (126.6, 35.1, 126.7, 35.2)


@pytest.mark.parametrize(
    "text",
    ["", "1,2,3", "1,2,3,x", "1,2,3,4,5", "127,35,126,36", "126,36,127,35", "1,2,1,3", "35,126,36,127", "nan,1,2,3"],
)
def test_a_box_that_is_none_is_refused_by_its_option(text: str) -> None:
    with pytest.raises(NetworkError, match="--bbox"):
        parse_bbox(text)
