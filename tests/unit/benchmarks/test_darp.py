"""The dial-a-ride benchmark on instances made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.darp import iterations_for, main, problem_of, result, routes_of, run, tightened
from benchmarks.darp_check import Route, cost_of, faults
from benchmarks.darp_files import Instance, Place, read_best, read_folder, read_instance
from sim.dispatch.lns import insert_all
from sim.errors import ScenarioError

ROWS = """
 0  0.0  0.0  0  0   0 480
 1  3.0  0.0  3  1   0 1440
 2  0.0  4.0  3  2  60  75
 3  6.0  0.0  3 -1  30  45
 4  6.0  4.0  3 -2   0 1440
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def instance(tmp_path: Path) -> Instance:
    return read_instance(write(tmp_path, "t1-2.txt", f"2 2 480 3 30{ROWS}"))


def test_both_conventions_of_the_header_mean_the_same(tmp_path: Path, instance: Instance) -> None:
    doubled = read_instance(write(tmp_path, "pr99", f"2 4 480 3 30{ROWS}"))
    assert doubled == replace(instance, name="pr99")
    assert (instance.requests, instance.vehicles, instance.capacity, instance.ride) == (2, 2, 3, 30.0)
    assert instance.places[4] == Place(6.0, 4.0, 3.0, -2, 0.0, 1440.0)
    assert instance.end == instance.places[0]


def test_a_last_row_without_a_pair_is_where_vehicles_end(tmp_path: Path) -> None:
    read = read_instance(write(tmp_path, "x", f"2 2 480 3 30{ROWS} 5 1.0 1.0 0 0 0 400\n"))
    assert read.requests == 2
    assert read.end == Place(1.0, 1.0, 0.0, 0, 0.0, 400.0)
    assert run(read, None, seed=0)["faults"] == []


@pytest.mark.parametrize(
    ("edit", "line", "what"),
    [
        (lambda _: "", None, "empty"),
        (lambda text: text.replace("2 2 480 3 30", "2 2 480 3"), 1, "5 numbers"),
        (lambda text: text.replace("2 2 480 3 30", "2 3 480 3 30"), 1, "n = 3"),
        (lambda text: text.replace("2 2 480 3 30", "0 2 480 3 30"), 1, "m must be"),
        (lambda text: text.replace("2 2 480 3 30", "2 2 480 1.5 30"), 1, "Q must be"),
        (lambda text: text.replace(" 2  0.0  4.0", " 2  0.0  four"), 4, "'four'"),
        (lambda text: text.replace(" 2  0.0  4.0", " 2  0.0  nan"), 4, "'nan'"),
        (lambda text: text.replace(" 2  0.0  4.0", " 7  0.0  4.0"), 4, "expected 2"),
        (lambda text: text.replace("60  75", "75  60"), 4, "75 to 60"),
        (lambda text: text.replace("  3 -2 ", "  3 -1 "), 6, "found -1"),
        (lambda text: text.replace("  3  2  60", " -3  2  60"), 4, "service"),
        (lambda text: text.replace("  60  75", "  60"), 4, "7 numbers"),
    ],
)
def test_a_broken_file_is_named_with_its_line(
    tmp_path: Path, edit: Callable[[str], str], line: int | None, what: str
) -> None:
    path = write(tmp_path, "broken.txt", edit(f"2 2 480 3 30{ROWS}"))
    with pytest.raises(ScenarioError, match=what) as caught:
        read_instance(path)
    assert str(path) in str(caught.value)
    assert line is None or f"line {line}:" in str(caught.value)


def test_a_folder_is_read_without_what_is_no_instance(tmp_path: Path) -> None:
    for name in ("b.txt", "a"):
        write(tmp_path, name, f"2 2 480 3 30{ROWS}")
    write(tmp_path, "README.md", "not an instance")
    write(tmp_path, "LICENSE", "not an instance")
    assert [read.name for read in read_folder(tmp_path)] == ["a", "b"]
    assert read_best(tmp_path) == {}
    write(tmp_path, "best.json", '{"a": {"cost": -1}}')
    with pytest.raises(ScenarioError, match="cost of a"):
        read_best(tmp_path)
    with pytest.raises(ScenarioError, match="no such folder"):
        read_folder(tmp_path / "nothing")


def test_windows_are_tightened_by_the_ride_and_the_depot(instance: Instance) -> None:
    earliest, latest = tightened(instance, problem_of(instance).travel_s)
    # request 0: alights from 30 to 45 after 3 of dwell, 3 to 30 of ride; the depot is 3 away
    assert (earliest[0], latest[0]) == (3.0, 39.0)
    assert (earliest[1], latest[1]) == (30.0, 45.0)
    # request 1: boards from 60 to 75, 6 of way
    assert (earliest[3], latest[3]) == (69.0, 108.0)


def solved(instance: Instance) -> list[Route]:
    problem = problem_of(instance)
    return routes_of(problem, insert_all(problem, [()] * instance.vehicles))


def test_a_solution_is_sound_and_its_cost_the_distance(instance: Instance) -> None:
    routes = solved(instance)
    assert faults(instance, routes) == []
    # by hand: 1, 3, 2, 4 in one vehicle: 3 + 3 + sqrt(52) + 6 + sqrt(52)
    assert cost_of(instance, routes) == pytest.approx(12 + 2 * 52**0.5)
    row = run(instance, 26.0, seed=0)
    assert row["cost"] == pytest.approx(cost_of(instance, routes), abs=1e-4)
    assert row["gap"] == pytest.approx(cost_of(instance, routes) / 26.0 - 1, abs=1e-5)


GOOD = Route(0.0, (1, 3, 2, 4), (27.0, 33.0, 60.0, 69.0))


@pytest.mark.parametrize(
    ("routes", "fault"),
    [
        ([GOOD], None),
        ([GOOD, Route(0.0, (), ())], None),
        ([replace(GOOD, begins=(27.0, 29.9, 60.0, 69.0))], "travel"),
        ([replace(GOOD, begins=(27.0, 33.0, 76.0, 90.0))], "window"),
        ([replace(GOOD, leaves=-1.0)], "window"),
        ([replace(GOOD, begins=(7.0, 41.0, 60.0, 69.0))], "ride"),
        ([replace(GOOD, places=(1, 3), begins=(27.0, 33.0))], "visits"),
        ([GOOD, Route(0.0, (1, 3), (27.0, 33.0))], "visits"),
        ([Route(0.0, (1, 3), (27.0, 33.0)), Route(0.0, (2,), (60.0,)), Route(0.0, (4,), (69.0,))], "pairing"),
        ([Route(0.0, (1, 3), (27.0, 33.0)), Route(0.0, (4, 2), (50.0, 60.0))], "pairing"),
        ([replace(GOOD, places=(1, 9, 2, 4))], "do not exist"),
        ([replace(GOOD, begins=(27.0, 33.0, 60.0))], "missing"),
    ],
)
def test_the_judge_finds_what_is_planted(instance: Instance, routes: list[Route], fault: str | None) -> None:
    found = faults(instance, routes)
    assert found == [] if fault is None else any(fault in each for each in found)


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [("capacity", 1, "capacity"), ("duration", 70, "duration"), ("vehicles", 0, "fleet")],
)
def test_the_judge_knows_fleet_capacity_and_duty(instance: Instance, column: str, value: int, fault: str) -> None:
    changed = {
        "capacity": replace(instance, capacity=value),
        "duration": replace(instance, duration=value),
        "vehicles": replace(instance, vehicles=value),
    }
    assert any(fault in each for each in faults(changed[column], [GOOD]))


def test_the_judge_knows_when_the_depot_closes(instance: Instance) -> None:
    early = replace(instance, end=replace(instance.end, latest=75.0))
    assert any("depot closes" in each for each in faults(early, [GOOD]))


def test_the_summary_counts_faults_and_leaves_unknown_gaps_out(instance: Instance) -> None:
    rows = [run(instance, 26.0, seed=0), run(replace(instance, name="pr1"), None, seed=0)]
    rows[1]["faults"] = ["planted"]
    summed = result(rows, compile_s=0.0)
    assert (summed["infeasible"], summed["solved"], summed["mean_gap"]) == (1, 1, rows[0]["gap"])
    assert set(summed["sets"]) == {"pr", "t"}  # type: ignore[call-overload]


def test_a_folder_never_seen_is_solved_and_a_broken_one_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "z7", f"2 4 480 3 30{ROWS}")
    monkeypatch.setattr("sys.argv", ["darp", str(tmp_path), "--json"])
    assert main() == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["mean_gap"], printed["infeasible"], printed["solved"]) == (None, 0, 1)
    write(tmp_path, "z8", "2 4 480")
    assert main() == 2
    assert "z8, line 1" in capsys.readouterr().err


def test_iterations_grow_with_what_there_is_to_choose_and_are_bounded(instance: Instance) -> None:
    few = iterations_for(problem_of(instance))
    pairs = 40
    stops = [
        *(Place(float(i), 0.0, 0.0, 1, 0.0, 480.0) for i in range(pairs)),
        *(Place(float(i), 9.0, 0.0, -1, 0.0, 480.0) for i in range(pairs)),
    ]
    many = replace(instance, ride=400.0, places=(instance.places[0], *stops))
    assert iterations_for(problem_of(many)) > few
    assert iterations_for(problem_of(replace(many, vehicles=900))) == few
