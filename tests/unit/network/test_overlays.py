from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import yaml

from sim.errors import NetworkError, NotFoundError
from sim.home import home
from sim.network.overlays import overlay_names, planned_sites, read_overlays
from sim.network.survey import Tables
from sim.network.tables import read_tables

NETWORK = home() / "networks" / "bitgreen"
SHIPPED = ["future-car-2031", "gwangju-access", "kumho-2028", "pyeongdong-hub", "wolya-2028"]
DOCUMENT = {"title": "A test", "year": 2030, "status": "planned", "source": "test"}
Rows = Sequence[Mapping[str, str]]
Write = Callable[..., Path]

JUNCTION = {
    "id": "T1", "name": "test", "lon": "126.67", "lat": "35.20", "status": "planned", "basis": "test", "admin": "",
    "signal": "auto",
}  # fmt: skip
ROAD = {
    "id": "T01", "survey_id": "T01", "from": "X10", "to": "T1", "road": "test", "name_ko": "test",
    "lanes_per_direction": "1", "speed_kmh": "50", "motor_only": "no", "oneway": "no", "layer": "0",
    "status": "planned",
}  # fmt: skip
OVERRIDE = {"road": "L094", "column": "speed_kmh", "value": "50", "status": "planned", "reason": "test"}
REMOVAL = {"road": "L094", "status": "planned", "reason": "test"}
SITE = {
    "id": "t_site", "name_ko": "시험", "name_en": "Test", "kind": "parts_maker", "lon": "126.67", "lat": "35.20",
    "node": "T1", "status": "planned", "position_status": "schematic",
}  # fmt: skip


@pytest.fixture
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tables of the network in a home of its own, without overlays."""
    folder = tmp_path / "networks" / "bitgreen"
    shutil.copytree(NETWORK / "tables", folder / "tables")
    (tmp_path / "scenarios").mkdir()
    monkeypatch.setenv("BITGREEN_HOME", str(tmp_path))
    return folder


@pytest.fixture
def write(network: Path) -> Write:
    def overlay(name: str, document: Mapping[str, object] | None = None, **tables: Rows) -> Path:
        folder = network / "overlays" / name
        folder.mkdir(parents=True)
        text = yaml.safe_dump(DOCUMENT | dict(document or {}), allow_unicode=True)
        (folder / "overlay.yaml").write_text(text, encoding="utf-8")
        for table, rows in tables.items():
            base = network / "tables" / f"{table}.csv"
            columns = base.read_text(encoding="utf-8").splitlines()[0].split(",") if base.is_file() else list(REMOVAL)
            with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns, restval="")
                writer.writeheader()
                writer.writerows(rows)
        return folder

    return overlay


def tables_with(network: Path, *names: str) -> Tables:
    overlays = read_overlays("bitgreen", names)
    return read_tables(network / "tables", overlays=[overlay.folder for overlay in overlays])


def refusal(network: Path, *names: str) -> str:
    with pytest.raises(NetworkError) as caught:
        tables_with(network, *names)
    return str(caught.value)


def test_the_shipped_overlays_bring_what_is_planned_with_its_source() -> None:
    assert overlay_names("bitgreen") == SHIPPED
    base = read_tables(NETWORK / "tables")
    for overlay in read_overlays("bitgreen", SHIPPED):
        assert overlay.source
        assert 2020 < overlay.year < 2040
        tables = read_tables(NETWORK / "tables", overlays=[overlay.folder])
        added = [row.status for name, row in tables.roads.items() if name not in base.roads]
        added += [row.status for name, row in tables.docks.items() if name not in base.docks]
        assert set(added) == {"planned"}


@pytest.mark.parametrize("table", sorted(file.name for file in (NETWORK / "tables").glob("*.csv")))
def test_the_base_holds_nothing_planned(table: str) -> None:
    with (NETWORK / "tables" / table).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert row.get("status") != "planned"
            assert int(row.get("opens") or 0) <= 2026


@pytest.mark.parametrize(
    ("table", "start", "old", "new", "column"),
    [
        ("roads.csv", "L094,", ",schematic,", ",planned,", "status"),
        ("sites.csv", "av_safety,", ",2026,", ",2027,", "opens"),
        ("sites.csv", "av_safety,", ",2026,confirmed,", ",2026,planned,", "status"),
    ],
)
def test_a_planned_row_in_the_base_is_sent_to_an_overlay(  # noqa: PLR0917 (pytest's parameters)
    network: Path, table: str, start: str, old: str, new: str, column: str
) -> None:
    file = network / "tables" / table
    lines = file.read_text(encoding="utf-8").splitlines()
    changed = [line.replace(old, new) if line.startswith(start) else line for line in lines]
    assert changed != lines
    file.write_text("\n".join(changed) + "\n", encoding="utf-8")
    message = refusal(network)
    assert message.startswith(f"{table}, row ")
    assert f"column {column}: found {new.strip(',').split(',')[-1]!r}" in message
    assert "belongs in an overlay" in message


def test_rows_are_added_and_roads_changed(network: Path, write: Write) -> None:
    more = OVERRIDE | {"road": "L001", "column": "lanes_per_direction", "value": "3"}
    write("a", junctions=[JUNCTION], roads=[ROAD], sites=[SITE], road_overrides=[OVERRIDE, more])
    tables = tables_with(network, "a")
    assert tables.roads["T01"].end == "T1"
    assert tables.sites["t_site"].node == "T1"
    assert tables.roads["L094"].speed_kmh == 50
    assert tables.roads["L001"].lanes == 3, "an overlay's word goes above the base's"
    assert "T1" not in tables_with(network).junctions


def test_a_road_is_removed_with_its_overrides(network: Path, write: Write) -> None:
    write("a", road_removals=[REMOVAL])
    assert "L094" in tables_with(network).roads
    assert "L094" not in tables_with(network, "a").roads


def test_the_order_is_of_no_account_where_nothing_contradicts(network: Path, write: Write) -> None:
    write("a", junctions=[JUNCTION], roads=[ROAD], road_overrides=[OVERRIDE])
    write(
        "b",
        junctions=[JUNCTION],
        roads=[ROAD | {"id": "T02", "from": "X11"}],
        road_removals=[REMOVAL | {"road": "L111"}],
    )
    one, other = tables_with(network, "a", "b"), tables_with(network, "b", "a")
    assert one == other
    assert {"T01", "T02"} <= set(one.roads)
    assert "L111" not in one.roads


def test_an_unknown_overlay_lists_the_known(network: Path, write: Write) -> None:
    with pytest.raises(NotFoundError, match=r"'b'.*'bitgreen'.*allowed: none"):
        tables_with(network, "b")
    write("a")
    with pytest.raises(NotFoundError, match=r"'b'.*allowed: a"):
        tables_with(network, "b")
    with pytest.raises(NotFoundError, match=r"'\.\./overlays/a'"):
        tables_with(network, "../overlays/a")


@pytest.mark.parametrize(
    ("first", "second", "parts"),
    [
        (
            {"junctions": [JUNCTION], "roads": [ROAD]},
            {"junctions": [JUNCTION], "roads": [ROAD | {"lanes_per_direction": "2"}]},
            ("overlays/b/roads.csv, row 2", "T01", "lanes_per_direction '2'", "'1' in overlays/a/roads.csv, row 2"),
        ),
        (
            {"junctions": [JUNCTION]},
            {"junctions": [JUNCTION | {"lat": "35.21"}]},
            ("overlays/b/junctions.csv, row 2", "T1", "lat '35.21'", "overlays/a/junctions.csv"),
        ),
        (
            {"road_overrides": [OVERRIDE]},
            {"road_overrides": [OVERRIDE | {"value": "70"}]},
            ("overlays/b/road_overrides.csv, row 2", "L094 speed_kmh", "value '70'", "'50' in overlays/a"),
        ),
        (
            {"road_removals": [REMOVAL]},
            {"road_overrides": [OVERRIDE]},
            ("overlays/b/road_overrides.csv, row 2 needs road L094", "overlays/a/road_removals.csv, row 2 removes"),
        ),
        (
            {"road_removals": [REMOVAL]},
            {
                "junctions": [JUNCTION],
                "sites": [SITE],
                "site_anchors": [{"site": "t_site", "road": "L094", "direction": "+", "status": "planned"}],
            },
            ("overlays/b/site_anchors.csv, row 2 needs road L094", "overlays/a/road_removals.csv"),
        ),
    ],
)
def test_a_contradiction_names_both_overlays_with_file_row_and_fix(
    network: Path, write: Write, first: Mapping[str, Rows], second: Mapping[str, Rows], parts: tuple[str, ...]
) -> None:
    write("a", **first)
    write("b", **second)
    tables_with(network, "a")
    for names in (("a", "b"), ("b", "a")):
        message = refusal(network, *names)
        assert "contradict each other" in message
        assert "'a'" in message
        assert "'b'" in message
        assert "name one of the overlays only" in message
    for part in parts:
        assert part in refusal(network, "a", "b")


def test_two_reasons_for_the_same_are_no_contradiction(network: Path, write: Write) -> None:
    write("a", road_overrides=[OVERRIDE], road_removals=[REMOVAL | {"road": "L111"}])
    write("b", road_overrides=[OVERRIDE | {"reason": "other"}], road_removals=[REMOVAL | {"road": "L111"}])
    assert tables_with(network, "a", "b").roads["L094"].speed_kmh == 50


def test_an_overlay_does_not_take_the_ground_from_under_itself(network: Path, write: Write) -> None:
    write("a", road_removals=[REMOVAL], road_overrides=[OVERRIDE])
    assert "take out one of the two rows" in refusal(network, "a")


def test_a_road_that_the_base_builds_on_stays(network: Path, write: Write) -> None:
    write("a", road_removals=[REMOVAL | {"road": "L071"}])
    message = refusal(network, "a")
    assert message.startswith("gateways.csv, row 2 needs road L071, which overlays/a/road_removals.csv, row 2 removes")
    assert "road_overrides.csv" in message


@pytest.mark.parametrize(
    ("tables", "parts"),
    [
        (
            {"roads": [ROAD | {"id": "L094", "to": "X11"}]},
            ("overlays/a/roads.csv, row 2", "'L094'", "road_overrides.csv"),
        ),
        ({"junctions": [JUNCTION, JUNCTION]}, ("overlays/a/junctions.csv, row 3", "'T1'", "no earlier row has")),
        ({"roads": [ROAD]}, ("overlays/a/roads.csv, row 2, column to", "'T1'")),
        ({"roads": [ROAD | {"to": "X10"}]}, ("overlays/a/roads.csv, row 2", "'X10'", "a road has a length")),
        (
            {"junctions": [JUNCTION | {"lon": "35.20", "lat": "126.67"}]},
            ("overlays/a/junctions.csv, row 2, column lon", "'35.20'", "swap lon and lat"),
        ),
        (
            {"junctions": [JUNCTION | {"lon": "127.4"}]},
            ("overlays/a/junctions.csv, row 2, column lon", "126.58 to 126.88"),
        ),
        (
            {"junctions": [JUNCTION | {"status": "likely"}]},
            ("overlays/a/junctions.csv, row 2, column status", "planned"),
        ),
        (
            {"road_overrides": [OVERRIDE | {"road": "T99"}]},
            ("overlays/a/road_overrides.csv, row 2, column road", "'T99'"),
        ),
        ({"road_removals": [REMOVAL | {"road": "T99"}]}, ("overlays/a/road_removals.csv, row 2, column road", "'T99'")),
        ({"sites": [SITE]}, ("overlays/a/sites.csv, row 2, column node", "'T1'")),
        ({"trees": [REMOVAL]}, ("overlays/a/trees.csv", "not a table", "roads.csv")),
    ],
)
def test_bad_rows_name_overlay_file_and_row(
    network: Path, write: Write, tables: Mapping[str, Rows], parts: tuple[str, ...]
) -> None:
    write("a", **tables)
    message = refusal(network, "a")
    for part in parts:
        assert part in message


def test_other_columns_than_the_base_has_are_refused(network: Path, write: Write) -> None:
    folder = write("a", junctions=[JUNCTION])
    file = folder / "junctions.csv"
    file.write_text(file.read_text(encoding="utf-8").replace("lon", "longitude", 1), encoding="utf-8")
    assert "overlays/a/junctions.csv, row 1: found columns" in refusal(network, "a")


@pytest.mark.parametrize(
    ("document", "parts"),
    [
        ({"requires": ["b"]}, ("overlays/a/overlay.yaml", "'a' requires 'b'", "name it too")),
        ({"excludes": ["c"]}, ("overlays/a/overlay.yaml", "'a' excludes 'c'", "one of the two")),
        ({"status": "confirmed"}, ("overlays/a/overlay.yaml: at status", "'confirmed'")),
        ({"year": "soon"}, ("overlays/a/overlay.yaml: at year", "'soon'")),
        ({"color": "red"}, ("overlays/a/overlay.yaml: at color", "title, year, status, source")),
        ({"source": ""}, ("overlays/a/overlay.yaml: at source",)),
    ],
)
def test_the_document_is_strict_and_says_who_goes_with_whom(
    network: Path, write: Write, document: Mapping[str, object], parts: tuple[str, ...]
) -> None:
    write("a", document)
    write("b")
    write("c")
    message = refusal(network, "a", "c")
    for part in parts:
        assert part in message


@pytest.mark.parametrize("text", ["title: [", "- a list", ""])
def test_what_is_no_document_is_named(network: Path, write: Write, text: str) -> None:
    (write("a") / "overlay.yaml").write_text(text, encoding="utf-8")
    assert "overlays/a/overlay.yaml" in refusal(network, "a")


def test_requirements_that_are_met_pass(write: Write) -> None:
    write("a", {"requires": ["b"]})
    write("b", {"excludes": ["c"]})
    assert [overlay.name for overlay in read_overlays("bitgreen", ["a", "b"])] == ["a", "b"]


def test_an_overlay_is_named_once(network: Path, write: Write) -> None:
    write("a")
    assert "'a' is named 2 times" in refusal(network, "a", "a")


def test_sites_of_overlays_are_known_by_year_and_overlay() -> None:
    assert planned_sites("bitgreen")["kumho_hampyeong"] == ("2028", "kumho-2028")
    assert set(planned_sites("bitgreen")) == {"kumho_hampyeong", "future_car", "pilot_city", "pyeongdong_hub"}
