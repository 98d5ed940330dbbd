from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sim.demand.tables import demand_file, read_coaches, read_counts, read_shifts, read_trains, require_table
from sim.errors import SandboxError, ScenarioError
from sim.network.catalog import Network

HEAD = "section,direction,hour,class,vehicles\n"


def test_the_shipped_tables_hold_what_is_known(network: Network) -> None:
    assert len(read_trains("bitgreen")) == 48
    runs = read_coaches(network)
    assert len({run.coach for run in runs}) == 13
    assert [sum(run.direction == one for run in runs) for one in ("in", "out")] == [13, 26]
    ggm = next(shift for shift in read_shifts(network) if shift.sites == ["ggm"])
    assert (ggm.start_s, ggm.end_s, ggm.status) == (8 * 3600, 16.5 * 3600, "likely")


def test_targets_follow_from_the_formula_in_their_source() -> None:
    counts = read_counts(demand_file("bitgreen", "counts"))
    assert {count.hour for count in counts} == set(range(5, 22))
    for count in counts:
        formula = count.source.rpartition("|")[2]
        assert re.fullmatch(r" [\d. *+]+", formula)
        product, _, commuters = formula.partition("+")
        vehicles = float(commuters or 0)
        value = 1.0
        for factor in product.split("*"):
            value *= float(factor)
        assert count.vehicles == pytest.approx(vehicles + value, abs=0.51)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("section,hour\nL052,8\n", "missing column direction, class, vehicles; found section, hour"),
        (HEAD + "L052,+,8,car,-3\n", "row 2: vehicles is '-3', allowed are 0 to 20000"),
        (HEAD + "L052,+,8,car,nan\n", "row 2: vehicles is 'nan'"),
        (HEAD + "L052,+,24,car,3\n", "row 2: hour is '24', allowed are 0 to 23"),
        (HEAD + "L052,x,8,car,3\n", "row 2: 'x' is not one of \\+, -"),
        (HEAD + "L052,+,8,bike,3\n", "row 2: 'bike' is not one of car, truck"),
        (HEAD + "L052,+,8,car,3\nL052,+,8,car,4\n", "row 3: L052\\+, hour 8, car stands in row 2 already"),
        (HEAD + "L052,+,8,car\n", "row 2: not as many cells"),
        (HEAD + "L052,+,eight,car,3\n", "row 2: hour is 'eight', allowed are 0 to 23"),
        (HEAD + "L052,+,7.5,car,3\n", "row 2: hour is '7.5', allowed are whole numbers"),
        (HEAD + "L052,+,8,car,many\n", "row 2: vehicles is 'many', allowed are 0 to 20000"),
        (HEAD + "\nL052,+,8,bike,3\n", "row 3: 'bike' is not"),
        (HEAD, "no rows"),
        ("", "missing column section"),
    ],
)
def test_wrong_counts_are_told_with_their_row(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(ScenarioError, match=message):
        read_counts(path)


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match=r"counts\.csv: there is no such table"):
        read_counts(tmp_path / "counts.csv")


def test_a_network_without_a_table_needs_the_facts_in_the_scenario() -> None:
    with pytest.raises(SandboxError, match=r"no table demand_weather\.csv; a scenario on it must say"):
        require_table("bitgreen", "weather")


def test_coach_runs_name_places_of_the_network(network: Network) -> None:
    for run in read_coaches(network):
        assert {run.site, *run.serves} <= set(network.sites)
        assert run.gateway in network.gateways or run.gateway in network.sites


def test_an_overlay_brings_the_hours_of_its_sites(network: Network) -> None:
    sites = {**network.sites, "kumho_hampyeong": network.sites["ggm"]}
    shifts = read_shifts(replace(network, overlays=("kumho-2028", "wolya-2028"), sites=sites))
    assert shifts[: len(read_shifts(network))] == read_shifts(network)
    tyres = [shift for shift in shifts if shift.sites == ["kumho_hampyeong"]]
    assert [shift.start_s // 3600 for shift in tyres] == [7, 15, 23]
    assert {shift.status for shift in tyres} == {"planned"}


def changed(network: Network, folder: Path, table: str, old: str, new: str) -> Network:
    """Return a network of its own home whose table says `new` where the shipped one says `old`."""
    path = demand_file(network.name, table)
    tables = folder / "networks" / "town" / "tables"
    tables.mkdir(parents=True)
    (folder / "scenarios").mkdir()
    text = path.read_text(encoding="utf-8")
    assert old in text
    (tables / path.name).write_text(text.replace(old, new, 1), encoding="utf-8")
    return replace(network, name="town")


@pytest.mark.parametrize(
    ("table", "old", "new", "message"),
    [
        ("staff_shifts", "\nggm,", "\nggn,", r"_shifts\.csv, row 2: site is unknown 'ggn'; allowed .* ggm,"),
        ("staff_shifts", "\nggm,", "\n,", r"demand_staff_shifts\.csv, row 2: site is empty"),
        ("coaches", ",in,ggm,", ",in,ggn,", r"demand_coaches\.csv, row 2: site is unknown 'ggn'; allowed .* ggm,"),
        ("coaches", ",ggm,ggm,", ",ggm,ggm gmm,", r"row 2: serves is unknown 'gmm'; allowed .* ggm,"),
        ("coaches", ",R32,", ",R99,", r"row 2: gateway is unknown 'R99'; allowed .*R32"),
        ("coaches", ",35,", ",many,", r"row 2: seats is 'many', allowed are 0 to 200"),
    ],
)  # fmt: skip
def test_a_mistyped_place_is_told_with_file_and_row(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, table: str, old: str, new: str, message: str
) -> None:
    town = changed(network, tmp_path, table, old, new)
    monkeypatch.setenv("BITGREEN_HOME", str(tmp_path))
    read: Callable[[Network], object] = read_shifts if table == "staff_shifts" else read_coaches
    with pytest.raises(ScenarioError, match=message):
        read(town)


def test_a_table_of_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "counts.csv"
    path.write_bytes((HEAD + "L052,+,8,car,3,신호").encode("cp949"))
    with pytest.raises(SandboxError, match="found no UTF-8 text; allowed: a CSV file, which spreadsheets write as"):
        read_counts(path)
