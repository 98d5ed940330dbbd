"""What a demand comes to, its pictures, and its calibration to counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sim.demand.tables import Count
from sim.demand_calibration import calibrate, write_calibration
from sim.demand_cli import demand_app
from sim.demand_figures import draw_demand
from sim.demand_summary import Comparison, DemandSummary, Fitness, summarise
from sim.documents import load_scenario
from sim.errors import OutputError, ScenarioError

HEAD = "section,direction,hour,class,vehicles\n"
COUNTS = HEAD + "".join(
    f"{road},{direction},{hour},{kind},{count}\n"
    for road, direction, vehicles in (("L078", "+", 300), ("L080", "+", 250), ("L071", "+", 800), ("L054", "-", 900))
    for hour in (17, 18)
    for kind, count in (("car", vehicles), ("truck", vehicles // 10))
)


@pytest.fixture(scope="module")
def summary() -> DemandSummary:
    return summarise(load_scenario("morning-shuttle"))


def test_the_summary_counts_everybody_once(summary: DemandSummary) -> None:
    people = summary.population
    assert summary.modes["commute by car"] == len(people.cars)
    assert sum(summary.modes.values()) == (
        len(people.cars)
        + len(people.riders)
        + len(people.walkers)
        + sum(trip.persons for trip in people.background)
        + sum(trip.group == "visitor" for trip in people.background)
    )
    arrived = sum(sum(bins.values()) for bins in summary.arrivals.values())
    assert arrived == len(people.cars) + sum(rider.purpose == "commute" for rider in people.riders)
    metres = summary.lengths_m["riders"]
    assert metres.mean() == pytest.approx(np.mean([rider.direct_distance_m for rider in people.riders]))


def test_planned_volumes_fall_short_of_the_targets_as_the_scale_says(summary: DemandSummary) -> None:
    fitness = Fitness.of(summary.compared)
    assert fitness.sum_error < -0.3
    whole = Fitness.of(summarise(load_scenario("morning")).compared)
    assert whole.good
    assert whole.share_good > 0.95


def test_fitness_is_geh_and_sum() -> None:
    def one(counted: float, vehicles: float) -> Comparison:
        return Comparison(Count("L1", "+", 8, "car", counted), vehicles)

    assert Fitness.of([one(100, 100), one(100, 200)]) == Fitness(2, 0.5, 0.5)
    assert Fitness.of([one(100, 104)] * 20).good
    assert not Fitness.of([one(100, 106)] * 20).good  # every GEH is fine, the sum is not


def test_pictures_are_drawn(summary: DemandSummary, tmp_path: Path) -> None:
    paths = draw_demand(summary, tmp_path / "pictures")
    assert [path.name.split(".")[1] for path in paths] == ["volumes", "trip_lengths", "modes", "arrivals"]
    for path in paths:
        with Image.open(path) as picture:
            assert len(picture.convert("L").getcolors() or ()) > 20
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="the pictures cannot be written"):
        draw_demand(summary, tmp_path / "file")


def test_flows_are_fitted_to_counts_and_written_as_a_scenario(tmp_path: Path) -> None:
    counts, out = tmp_path / "counts.csv", tmp_path / "counted.yaml"
    counts.write_text(COUNTS)
    found = calibrate(counts, load_scenario("evening"), name="counted")
    assert len(found.compared) == 16
    assert Fitness.of(found.compared).good
    write_calibration(found, out)
    loaded = load_scenario(out)
    assert loaded.demand == found.scenario.demand
    with pytest.raises(OutputError, match=r"counted\.yaml cannot be written: File exists"):
        write_calibration(found, out)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "L999,+,17,car,10\n", r"unknown section L999\+"),
        (HEAD + "L054,+,3,car,10\n", "its hours 3 to 3 hold no whole hour of scenario evening"),
    ],
)
def test_counts_that_cannot_be_met_are_told(tmp_path: Path, text: str, message: str) -> None:
    counts = tmp_path / "counts.csv"
    counts.write_text(text)
    with pytest.raises(ScenarioError, match=message):
        calibrate(counts, load_scenario("evening"), name="counted")


def test_the_commands_say_whether_the_demand_is_calibrated(tmp_path: Path) -> None:
    shown = CliRunner().invoke(demand_app, ["show", "smoke", "--json"])
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout)["calibrated"] is False
    without = CliRunner().invoke(demand_app, ["calibrate", "--scenario", "evening", "--json"])
    assert json.loads(without.stdout) == {"scenario": "evening", "calibrated": False}
    counts = tmp_path / "counts.csv"
    counts.write_text(COUNTS)
    fitted = CliRunner().invoke(demand_app, ["calibrate", str(counts), "--scenario", "evening", "--json"])
    assert fitted.exit_code == 0, fitted.output
    document = json.loads(fitted.stdout)
    assert document["fhwa"]["met"] is True
    assert len(document["counts"]) == 16
