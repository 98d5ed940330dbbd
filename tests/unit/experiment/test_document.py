from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import NotFoundError, ScenarioError
from sim.experiment.document import Experiment, experiments, load_experiment

BASE = "title: T\nscenarios: [smoke]\nseeds: 2\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "trial.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Experiment:
    return load_experiment(written(folder, text))


def test_seeds_are_a_number_or_a_list_and_pair_demand_with_sumo(tmp_path: Path) -> None:
    def pairs(text: str) -> list[tuple[int, int]]:
        found = read(tmp_path, f"title: T\nscenarios: [smoke]\nseeds: {text}\n").seeds
        return [(one.demand, one.sumo) for one in found]

    assert pairs("3") == [(1, 1), (2, 2), (3, 3)]
    assert pairs("[7, 5]") == [(7, 7), (5, 5)]
    assert pairs("[{demand: 1, sumo: 4}, 2]") == [(1, 4), (2, 2)]


def test_grid_zip_and_list_are_combined(tmp_path: Path) -> None:
    text = BASE + (
        "grid: {fleet.count: [8, 12], fleet.seats: [6, 12]}\n"
        "zip: {time.begin_s: [0, 60], time.end_s: [600, 660]}\n"
        "list: [{fleet.depot: a}, {fleet.depot: b}, {fleet.depot: c}]\n"
    )
    found = read(tmp_path, text).combinations()
    assert len(found) == 2 * 2 * 2 * 3
    assert found[0] == {
        "fleet.count": 8, "fleet.seats": 6, "time.begin_s": 0, "time.end_s": 600, "fleet.depot": "a",
    }  # fmt: skip
    assert {(one["time.begin_s"], one["time.end_s"]) for one in found} == {(0, 600), (60, 660)}
    assert read(tmp_path, BASE).combinations() == [{}]
    again = read(tmp_path, BASE + "zip: {fleet.count: [8, 8], fleet.seats: [6, 12]}\n")
    assert [one["fleet.seats"] for one in again.combinations()] == [6, 12]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("title: T\nscenarios: []\nseeds: 2\n", "scenarios: List should have at least 1 item"),
        ("title: T\nscenarios: [smoke, smoke]\nseeds: 2\n", "scenarios: smoke stands twice"),
        ("title: T\nscenarios: [smoke]\nseeds: [3, 4, 3]\n", r"the pair \(demand, sumo\) \(3, 3\) stands twice"),
        ("title: T\nscenarios: [smoke]\nseeds: 0\n", "seeds: Input should be a valid list, found 0"),
        ("title: T\nscenarios: [smoke]\nseeds: [-1]\n", "seeds.0.demand: .* found -1"),
        ("title: T\nscenarios: [smoke]\n", "seeds: missing"),
        (BASE + "grid: {fleet.count: []}\n", "grid.fleet.count: List should have at least 1 item"),
        (BASE + "grid: {fleet.count: [8, 8]}\n", "grid.fleet.count: 8 stands twice"),
        (BASE + "grid: {seeds.demand: [8]}\n", "seeds.demand: an experiment names its seeds"),
        (BASE + "grid: {fleet.count: [8]}\nset: {fleet.count: 9}\n", "the path fleet.count stands twice"),
        (BASE + "zip: {fleet.count: [8, 9], fleet.seats: [3]}\n", "fleet.count has 2, fleet.seats has 1"),
        (BASE + "fleets: 3\n", "fleets: unknown field; allowed are grid, kpis, list, margins, name"),
        ("title: T\nscenarios: [smoke]\nseeds: [true, 2]\n", "found True; a seed is a whole number"),
        ("title: T\nscenarios: [smoke]\nseeds: [{demand: true, sumo: 2}]\n", "a seed is a whole number"),
        ("title: T\nscenarios: [smoke]\nseeds: true\n", "seeds: Input should be a valid list, found True"),
        (BASE + "kpis: [wait_s, ride_s, wait_s]\n", "kpis: wait_s stands twice"),
        (BASE + "without_service: smoke\n", "smoke is one of the scenarios too; it runs anyway, name it once"),
        (BASE + "list: [{a: 1, b: 2}, {b: 2, a: 1}]\n", "list: the point {'a': 1, 'b': 2} stands twice"),
        (BASE + "zip: {a: [1, 1], b: [2, 2]}\n", "zip: the point 1, 2 stands twice"),
        (BASE + "grid: {network: [a, b]}\n", "network: runs on different networks share no people"),
        (BASE + "precision: 0\n", "precision: Input should be greater than 0, found 0"),
        (BASE + "grid: {fleet.count: [2028-01-01]}\n", r"trial.yaml: grid.fleet.count.0 is 2028-01-01 \(date\)"),
        (BASE + "seeds: 3\n", "the key 'seeds' stands twice"),
        ("- a\n", "must hold a mapping, found list"),
    ],
)
def test_bad_documents_are_told_with_their_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        read(tmp_path, text)


def test_an_unknown_experiment_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        NotFoundError,
        match=r"allowed are a .yaml file or one of alpha, dispatchers, fleet-size, operators, ",
    ):
        load_experiment(tmp_path / "nothing.yaml")


@pytest.mark.parametrize("name", experiments())
def test_the_experiments_of_this_checkout_are_valid(name: str) -> None:
    assert load_experiment(name).name == name
