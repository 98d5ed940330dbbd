from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sim.errors import NetworkError
from sim.home import home
from sim.network.plain import signalled
from sim.network.polyline import line_m
from sim.network.tables import read_tables
from sim.network.turns import road_points

TABLES = home() / "networks" / "bitgreen" / "tables"


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TABLES, tmp_path / "tables"))


def spoil(tables: Path, file: str, old: str, new: str) -> None:
    path = tables / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "places"),
    [
        ("junctions.csv", "X1,", "X2,", ("junctions.csv", "row 3", "column id", "'X2'")),
        ("junctions.csv", "126.673061", "east", ("junctions.csv", "row 2", "column lon", "'east'", "-180 to 180")),
        ("roads.csv", "L001,L001,R1,X1", "L001,L001,R1,X99", ("roads.csv", "row 2", "column to", "'X99'")),
        ("roads.csv", "no,0,confirmed,147", "no,0,certain,147", ("roads.csv", "column status", "'certain'", "likely")),
        ("roads.csv", "126.674277 35.163548", "126.674277", ("roads.csv", "row 2", "column via", "lon lat")),
        ("roads.csv", "motor_only", "cars_only", ("roads.csv", "row 1", "cars_only", "motor_only")),
        ("roads.csv", "L002,L002,X1,X2", "L002,L002,X1", ("roads.csv", "row 3", "14 cells", "15")),
        ("road_overrides.csv", "L001,lanes_per_direction,2", "L001,lanes_per_direction,2.5", ("value", "'2.5'")),
        ("road_overrides.csv", "L001,lanes", "L001,width", ("column column", "speed_kmh")),
        ("signal_turns.csv", "L052a-,L001+,0,0", "L052a-,L001+,3,0", ("column from_lane", "'3'", "0 to 2")),
        ("lines.csv", "97,out,2,", "97,out,98,", ("lines.csv", "row 3", "column sequence", "'98'")),
        ("stop_places.csv", "R21,likely", "R99,likely", ("column anchor", "'R99'")),
        ("sites.csv", ",G40,604339,705,", ",G40,604339,many,", ("sites.csv", "row 2", "column staff", "'many'")),
        ("gateways.csv", "L095 L096", "L095 L996", ("gateways.csv", "column roads", "'L095 L996'")),
        ("junctions.csv", "126.673061,35.163897", "35.163897,126.673061", ("row 2", "column lon", "swap lon and lat")),
        ("junctions.csv", "126.673061,35.163897", "126.573061,35.163897", ("row 2", "column lon", "126.58 to 126.88")),
        ("sites.csv", "126.6710,35.1735", "35.1735,126.6710", ("sites.csv", "row 2", "column lon", "swap lon and lat")),
        (
            "roads.csv",
            "126.674277 35.163548",
            "35.163548 126.674277",
            ("roads.csv", "row 2", "column via", "35.163548"),
        ),
        ("roads.csv", "L002,L002,X1,X2", "L002,L002,X1,X1", ("roads.csv", "row 3", "column to", "'X1'", "a length")),
        ("junctions.csv", "126.671087,35.1648", "126.673061,35.163897", ("roads.csv", "row 3", "column to", "1 m")),
        ("sites.csv", ",G40,604339,705,", ",R45,604339,705,", ("sites.csv", "row 2", "'R45'", "open to people")),
        ("car_parks.csv", ",N31+,", ",N99+,", ("car_parks.csv", "column edge", "'N99+'")),
        ("car_parks.csv", "park.cams", "park.jayeo", ("car_parks.csv", "column id", "no earlier row")),
        ("docks.csv", ",staging,", ",garage,", ("docks.csv", "column kind", "compound, depot, dock, staging")),
        ("chargers.csv", ",100,", ",0,", ("chargers.csv", "row 2", "column power_kw", "1 to 1000")),
        ("signal_plans.csv", "66 18 17", "66 5 30", ("signal_plans.csv", "column greens_s", "'66 5 30'")),
    ],
)
def test_bad_cells_name_their_place(tables: Path, file: str, old: str, new: str, places: tuple[str, ...]) -> None:
    spoil(tables, file, old, new)
    with pytest.raises(NetworkError) as caught:
        read_tables(tables)
    for part in places:
        assert part in str(caught.value)


def test_a_missing_table_is_named(tables: Path) -> None:
    (tables / "roads.csv").unlink()
    with pytest.raises(NetworkError, match=r"roads\.csv: there is no such table"):
        read_tables(tables)


def test_a_table_without_roads_is_named_and_not_the_next_one(tables: Path) -> None:
    text = (tables / "roads.csv").read_text(encoding="utf-8")
    (tables / "roads.csv").write_text(text.partition("\n")[0] + "\n", encoding="utf-8")
    with pytest.raises(NetworkError, match=r"^roads\.csv: found no rows"):
        read_tables(tables)


def test_tables_may_come_from_a_spreadsheet(tables: Path) -> None:
    before = read_tables(tables)
    for file in tables.glob("*.csv"):
        file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read_tables(tables) == before
    (tables / "sites.csv").write_bytes("아이디,이름\n".encode("cp949"))
    with pytest.raises(NetworkError, match=r"sites\.csv: found no UTF-8 text; allowed: a CSV file"):
        read_tables(tables)


def test_coordinates_are_in_the_study_box_or_named_with_their_row(tables: Path) -> None:
    spoil(tables, "areas.csv", "126.", "127.")
    with pytest.raises(NetworkError, match=r"areas\.csv, row 2, column shape"):
        read_tables(tables)


def test_pieces_of_a_surveyed_road_share_its_length() -> None:
    pieces = [road for road in read_tables(TABLES).roads.values() if road.survey_id == "L010"]
    assert [road.id for road in pieces] == ["L010a", "L010b", "L010c"]
    assert sum(road.length_m or 0 for road in pieces) == pytest.approx(820, abs=0.2)


def test_ramps_lead_one_way_and_are_drawn_whole() -> None:
    tables = read_tables(TABLES)
    ramps = [road for road in tables.roads.values() if road.oneway]
    assert len(ramps) == 14
    for ramp in ramps:
        assert (ramp.edges, ramp.motor_only) == ((f"{ramp.id}+",), True)
        assert road_points(ramp, tables) == ramp.via
        assert 200 <= line_m(ramp.via) <= 450


def test_every_works_has_a_car_park_for_nine_in_ten() -> None:
    tables = read_tables(TABLES)
    for site in tables.sites.values():
        in_complex = 126.655 < site.lonlat[0] < 126.682 and 35.162 < site.lonlat[1] < 35.19
        if in_complex and site.staff:
            assert sum(park.places for park in tables.car_parks.values() if park.site == site.id) >= 0.9 * site.staff


def test_overrides_change_only_what_they_name() -> None:
    road = read_tables(TABLES).roads["L001"]
    assert (road.lanes, road.speed_kmh, road.status) == (2, 50.0, "confirmed")


def test_signals_stand_where_arterials_meet_and_inside_the_complex_only_by_the_table() -> None:
    signals = signalled(read_tables(TABLES).without_unused_junctions())
    assert {"R1", "R4", "R8", "R12", "R18"} <= set(signals)
    assert [key for key in signals if key[0] in "XSPG"] == ["X5", "X7"]


@pytest.mark.parametrize(("choice", "expected"), [("no", False), ("yes", True)])
def test_the_signal_column_overrides_the_rule(tables: Path, choice: str, *, expected: bool) -> None:
    rows = (tables / "junctions.csv").read_text(encoding="utf-8").splitlines()
    changed = [row.replace(",auto,", f",{choice},") if row.startswith("R8,") else row for row in rows]
    (tables / "junctions.csv").write_text("\n".join(changed) + "\n", encoding="utf-8")
    assert ("R8" in signalled(read_tables(tables).without_unused_junctions())) is expected
