from __future__ import annotations

import re
from pathlib import Path

import pytest

from sim.demand.tables import demand_file, read_coaches, read_counts, read_shifts, read_trains, require_table
from sim.errors import SandboxError, ScenarioError
from sim.network.catalog import Network

HEAD = "section,direction,hour,class,vehicles\n"


def test_the_shipped_tables_hold_what_is_known() -> None:
    assert len(read_trains("bitgreen")) == 48
    runs = read_coaches("bitgreen")
    assert len({run.coach for run in runs}) == 13
    assert [sum(run.direction == one for run in runs) for one in ("in", "out")] == [13, 26]
    ggm = next(shift for shift in read_shifts("bitgreen") if shift.sites == ["ggm"])
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
    with pytest.raises(SandboxError, match=r"counts\.csv cannot be read"):
        read_counts(tmp_path / "counts.csv")


def test_a_network_without_a_table_needs_the_facts_in_the_scenario() -> None:
    with pytest.raises(SandboxError, match=r"no table demand_weather\.csv; a scenario on it must say"):
        require_table("bitgreen", "weather")


def test_coach_runs_name_places_of_the_network(network: Network) -> None:
    for run in read_coaches("bitgreen"):
        assert {run.site, *run.serves} <= set(network.sites)
        assert run.gateway in network.gateways or run.gateway in network.sites


def test_an_overlay_brings_the_hours_of_its_sites() -> None:
    shifts = read_shifts("bitgreen", ["kumho-2028", "wolya-2028"])
    assert shifts[: len(read_shifts("bitgreen"))] == read_shifts("bitgreen")
    tyres = [shift for shift in shifts if shift.sites == ["kumho_hampyeong"]]
    assert [shift.start_s // 3600 for shift in tyres] == [7, 15, 23]
    assert {shift.status for shift in tyres} == {"planned"}
