from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sim.documents import load_scenario
from sim.errors import ScenarioError
from sim.orders_file import read_orders

HEAD = "id,kind,family,origin,destination,pallets,mass_kg,released_s,earliest_s,latest_s,pieces"
ROW = "extra.1,part,bumper,cams,ggm,6,450,08:00,09:00:30,34200,48"
BASE = {
    "title": "trial",
    "network": "bitgreen",
    "time": {"begin_s": "06:00", "end_s": "10:00"},
    "freight": {
        "sites": {"ggm": {}, "cams": {}},
        "lines": {
            "l": {
                "site": "ggm",
                "cars_per_h": 30,
                "work": [{"begin_s": "08:00", "end_s": "16:30"}],
                "parts": {
                    "bumper": {
                        "origin": "cams",
                        "per_car": 2,
                        "lot": 48,
                        "stock": 96,
                        "pieces_per_pallet": 8,
                        "kg_per_piece": 8,
                    }
                },
            }
        },
        "orders_file": "orders.csv",
    },
}


def write(folder: Path, *rows: str, head: str = HEAD) -> Path:
    (folder / "orders.csv").write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    path = folder / "trial.yaml"
    path.write_text(yaml.safe_dump(BASE), encoding="utf-8")
    return path


def test_the_rows_of_the_file_stand_in_the_scenario_and_no_path_does(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path, ROW, "", "parcel.1,consignment,parcel,ggm,cams,0.25,12.5,0,1,60,0"))
    assert scenario.freight is not None
    first, second = scenario.freight.orders
    assert (first.released_s, first.earliest_s, first.latest_s, first.pieces) == (28_800, 32_430, 34_200, 48)
    assert (second.kind, second.pallets, second.mass_kg) == ("consignment", 0.25, 12.5)
    assert "orders_file" not in scenario.model_dump_json()
    (tmp_path / "elsewhere").mkdir()
    moved = load_scenario(write(tmp_path / "elsewhere", ROW, "parcel.1,consignment,parcel,ggm,cams,0.25,12.5,0,1,60,0"))
    assert moved.hash() == scenario.hash()


def test_a_document_that_extends_another_keeps_its_orders_or_names_its_own(tmp_path: Path) -> None:
    write(tmp_path, ROW)
    child = tmp_path / "child.yaml"
    for freight, count in (("{}", 1), ("{orders_file: null}", 0)):
        child.write_text(f"extends: trial\nfreight: {freight}\n", encoding="utf-8")
        scenario = load_scenario(child)
        assert scenario.freight is not None
        assert len(scenario.freight.orders) == count


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW.replace(",6,", ",six,"), r"orders.csv, row 2, column pallets: found 'six'; allowed: .*valid number"),
        (ROW.replace(",6,", ",0,"), r"row 2, column pallets: found '0'; allowed: .*greater than 0"),
        (ROW.replace(",6,", ",nan,"), r"row 2, column pallets: found 'nan'"),
        (ROW.replace("part", "pallet"), r"row 2, column kind: found 'pallet'; allowed: .*'part' or 'consignment'"),
        (
            ROW.replace("08:00", "8 am"),
            r"row 2, column released_s: found '8 am'; allowed: input should be HH:MM, HH:MM:SS",
        ),
        (ROW.replace("08:00", "49:00"), r"row 2, column released_s: found '49:00'; allowed: .*48:00 at most"),
        (ROW.replace("08:00", "28800.5"), r"row 2, column released_s: found '28800.5'; allowed: .* whole seconds"),
        (ROW.replace("08:00", "-1"), r"row 2, column released_s: found '-1'; allowed: input should be HH:MM"),
        (ROW.replace("34200", "09:00"), r"row 2, column latest_s: found 09:00:00; allowed is what comes after"),
        (ROW.replace("cams,ggm", "ggm,ggm"), r"row 2, column destination: found 'ggm'; allowed is another site"),
        (ROW.replace(",48", ",0"), r"row 2, column pieces: found 0; allowed is 1 or more for a part"),
        (ROW + ",7", r"orders.csv, row 2: found 12 cells; allowed are 11"),
        (f"{ROW}\n{ROW}", r"row 3, column id: found 'extra.1' a second time"),
        (ROW.replace("bumper", "mirror"), r"orders.extra.1.family: unknown 'mirror'; .*has bumper"),
        (ROW.replace("cams", "nowhere"), r"orders.extra.1.origin: unknown 'nowhere'; .*has cams, ggm"),
    ],
)
def test_a_row_that_is_no_order_is_told_with_its_place(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_scenario(write(tmp_path, row))


def test_columns_files_and_fields_that_do_not_fit_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, ROW, head=HEAD.replace("pieces", "items"))
    with pytest.raises(
        ScenarioError, match=r"orders.csv, row 1: found the columns id, .*items; allowed are id, .*piece"
    ):
        load_scenario(path)
    (tmp_path / "orders.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match=r"orders.csv cannot be read as CSV"):
        load_scenario(path)
    with pytest.raises(ScenarioError, match=r"absent.csv cannot be read"):
        read_orders(tmp_path / "absent.csv")
    with pytest.raises(ScenarioError, match="orders_file: unknown field"):
        load_scenario(write(tmp_path, ROW), overrides=["freight.orders_file=/etc/passwd"])


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("freight.lines.l.parts.bumper.lot", "0", "lot.value: .*greater than or equal to 1"),
        ("freight.lines.l.work", "[{begin_s: 9:00, end_s: 12:00}, {begin_s: 11:00, end_s: 15:00}]", "work.1.begin_s"),
        ("freight.lorries.built", "{site: ggm, per_day: 9, gateways: {R29: 1}, handling_s: 60}", "found built twice"),
        (
            "freight.consignments.bumper",
            "{sites: [ggm, cams], per_h: 1, mass_kg_min: 1, mass_kg_max: 2}",
            "bumper twice",
        ),
        ("freight.consignments.c", "{sites: [ggm, ggm], per_h: 1, mass_kg_min: 1, mass_kg_max: 2}", "found ggm twice"),
    ],
)
def test_names_and_hours_that_do_not_fit_one_another_are_told(
    tmp_path: Path, path: str, value: str, message: str
) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_scenario(write(tmp_path, ROW), overrides=[f"{path}={value}"])
