from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sim.errors import NetworkError
from sim.home import home
from sim.network.plain import signalled
from sim.network.tables import read_tables

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
        ("roads.csv", "L001,R1,X1", "L001,R1,X99", ("roads.csv", "row 2", "column to", "'X99'")),
        ("roads.csv", "no,confirmed,147", "no,certain,147", ("roads.csv", "column status", "'certain'", "likely")),
        ("roads.csv", "126.67431 35.16362", "126.67431", ("roads.csv", "row 2", "column via", "lon lat")),
        ("roads.csv", "motor_only", "cars_only", ("roads.csv", "row 1", "cars_only", "motor_only")),
        ("roads.csv", "L002,X1,X2", "L002,X1", ("roads.csv", "row 3", "11 cells", "12")),
        ("road_overrides.csv", "L001,lanes_per_direction,2", "L001,lanes_per_direction,2.5", ("value", "'2.5'")),
        ("road_overrides.csv", "L001,lanes", "L001,width", ("column column", "speed_kmh")),
        ("signal_turns.csv", "L052-,L001+,0,1", "L052-,L001+,2,1", ("column from_lane", "'2'", "0 to 1")),
        ("lines.csv", "97,out,2,", "97,out,3,", ("lines.csv", "row 3", "column sequence", "'3'")),
        ("stop_places.csv", "R21,likely", "R99,likely", ("column anchor", "'R99'")),
        ("sites.csv", ",X4,604339,705,", ",X4,604339,many,", ("sites.csv", "row 2", "column staff", "'many'")),
        ("gateways.csv", "L095 L096", "L095 L996", ("gateways.csv", "column roads", "'L095 L996'")),
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
    with pytest.raises(NetworkError, match=r"roads\.csv"):
        read_tables(tables)


def test_planned_and_later_rows_stay_in_the_tables_and_out_of_the_base() -> None:
    whole = read_tables(TABLES)
    base = whole.base()
    assert set(whole.roads) - set(base.roads) == {"L077"}
    assert set(whole.sites) - set(base.sites) == {"kumho_hampyeong", "future_car", "pilot_city"}
    assert set(whole.junctions) == set(base.junctions)


def test_overrides_change_only_what_they_name() -> None:
    road = read_tables(TABLES).roads["L001"]
    assert (road.lanes, road.speed_kmh, road.status) == (2, 50.0, "confirmed")


def test_signals_stand_where_arterials_meet_and_nowhere_inside_the_complex() -> None:
    signals = signalled(read_tables(TABLES).base())
    assert {"R1", "R4", "R8", "R12", "R18"} <= set(signals)
    assert not [key for key in signals if key[0] in "XSP"]


@pytest.mark.parametrize(("choice", "expected"), [("no", False), ("yes", True)])
def test_the_signal_column_overrides_the_rule(tables: Path, choice: str, *, expected: bool) -> None:
    rows = (tables / "junctions.csv").read_text(encoding="utf-8").splitlines()
    changed = [row.replace(",auto,", f",{choice},") if row.startswith("R8,") else row for row in rows]
    (tables / "junctions.csv").write_text("\n".join(changed) + "\n", encoding="utf-8")
    assert ("R8" in signalled(read_tables(tables).base())) is expected
