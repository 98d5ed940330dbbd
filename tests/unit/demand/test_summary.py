"""What a demand comes to, its pictures, and its calibration to counts."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import StepPatch
from PIL import Image
from typer.testing import CliRunner

from sim.demand.tables import Count
from sim.demand_calibration import calibrate, write_calibration
from sim.demand_cli import demand_app
from sim.demand_figures import _lengths, _volumes, draw_demand
from sim.demand_summary import Comparison, DemandSummary, Fitness, is_calibrated, summarise
from sim.documents import load_scenario
from sim.errors import OutputError, ScenarioError
from sim.home import home
from sim.report.fonts import figure_style

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
    by_coach = sum(trip.persons for trip in people.background if trip.arrival is not None)
    on_foot = sum(walker.site is not None for walker in people.walkers)
    riders = sum(rider.purpose == "commute" for rider in people.riders)
    assert arrived == len(people.cars) + riders + by_coach + on_foot
    assert min(by_coach, on_foot) > 0
    metres = summary.lengths_m["riders"]
    assert metres.mean() == pytest.approx(np.mean([rider.direct_distance_m for rider in people.riders]))


def test_traits_are_shown_where_there_are_any(summary: DemandSummary) -> None:
    assert summary.traits == {}
    shown = CliRunner().invoke(demand_app, ["show", "morning-booked", "--json"])
    document = json.loads(shown.stdout)
    pairs = document["requests_by_trait"]["groups of 2"]
    assert document["requests"] == len(summary.population.riders)
    assert document["people_by_mode"]["commute by shuttle or bus"] > summary.modes["commute by shuttle or bus"]
    riders = sum(document["people_by_mode"][mode] for mode in ("commute by shuttle or bus", "from the train"))
    assert riders == document["requests"] + pairs
    arrived = sum(sum(bins.values()) for bins in document["arrivals"].values())
    assert arrived > sum(sum(bins.values()) for bins in summary.arrivals.values())
    table = CliRunner().invoke(demand_app, ["show", "morning-booked"]).stdout
    assert f"of {document['requests']} requests" in table
    assert "booked ahead, recurring" in table
    assert "traits" not in CliRunner().invoke(demand_app, ["show", "morning-shuttle"]).stdout


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


def test_volumes_are_drawn_in_whole_hours_with_gaps_where_there_are_none(summary: DemandSummary) -> None:
    with figure_style():
        axes = _volumes(summary, {}).axes[0]
        (steps, *_) = axes.patches
        assert isinstance(steps, StepPatch)
        values, edges, baseline = steps.get_data()
        assert list(edges) == [7, 8, 9], "06:30 to 07:00 and 09:00 to 09:30 are no whole hours"
        assert str(baseline) == "None", "a line down to 0 would read as an empty road"
        assert (np.asarray(values) > 0).all()


def test_shares_of_trips_are_labelled_as_they_are(summary: DemandSummary) -> None:
    with figure_style():
        figure = _lengths(summary)
        figure.savefig(BytesIO())
        for axes in figure.axes:
            labels = [float(label.get_text().rstrip("%")) for label in axes.get_yticklabels()]
            assert labels == pytest.approx([100 * tick for tick in axes.get_yticks()])


def test_flows_are_fitted_to_counts_and_written_as_a_scenario(tmp_path: Path) -> None:
    counts, out = tmp_path / "counts.csv", tmp_path / "counted.yaml"
    counts.write_text(COUNTS)
    found = calibrate(counts, load_scenario("evening"), name="counted")
    assert len(found.compared) == 16
    assert found.fitness.good
    write_calibration(found, out, base="evening")
    loaded = load_scenario(out)
    assert loaded.demand == found.scenario.demand
    traffic = loaded.demand.background
    assert traffic is not None
    assert traffic.calibrated_to is not None
    assert (traffic.calibrated_to.file, traffic.calibrated_to.counts) == ("counts.csv", 16)
    assert is_calibrated(loaded)
    assert not is_calibrated(load_scenario(out, overrides=["demand.background.scale=0.5"]))
    with pytest.raises(OutputError, match=r"counted\.yaml cannot be written: File exists"):
        write_calibration(found, out, base="evening")


def test_where_nobody_counted_the_networks_own_targets_hold(tmp_path: Path) -> None:
    counts = tmp_path / "counts.csv"
    counts.write_text(HEAD + "L052,-,8,car,900\nL078,+,8,car,300\n")
    scenario = load_scenario("morning")
    before, found = summarise(scenario), calibrate(counts, scenario, name="counted")
    assert found.fitness.good
    after = summarise(found.scenario)
    kinds = [len(people.population.background) for people in (before, after)]
    assert kinds[1] > 0.9 * kinds[0], "two counts do not empty the other roads, hours and classes"
    others = [one for one in after.compared if one.count.road not in {"L052-", "L078+"}]
    assert Fitness.of(others).share_good > 0.9
    assert found.coverage.counted == {"roads": ("L052-", "L078+"), "hours": ("08",), "classes": ("car",)}
    assert found.coverage.open["hours"] == ("06", "07", "09")
    assert found.coverage.open["classes"] == ("truck",)
    assert "L054-" in found.coverage.open["roads"]


def test_on_a_network_without_targets_the_scenarios_own_flows_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.demand_calibration.demand_file", lambda *_: tmp_path / "none.csv")
    flows = (
        "[{origin: H11, destination: R15, vehicles_per_h: 400, truck_share: 0.2},"
        " {origin: R44, destination: R45, vehicles_per_h: 200, truck_share: 0.0}]"
    )
    overrides = [f"demand.background.flows={flows}", "demand.background.scale=1", "demand.coaches=false"]
    scenario = load_scenario("morning", overrides=[*overrides, "demand.commuters=null"])
    counts = tmp_path / "counts.csv"
    counts.write_text(HEAD + "L078,+,8,car,100\n")
    found = calibrate(counts, scenario, name="counted")
    before, after = summarise(scenario), summarise(found.scenario)
    trucks = [sum(trip.group == "truck" for trip in one.population.background) for one in (before, after)]
    assert trucks[0] > 0
    assert trucks[1] == pytest.approx(trucks[0], rel=0.1), "nobody counted them"
    assert found.coverage.held_by == "the flows of morning stay as they were"
    assert "L052-" in found.coverage.open["roads"], "any road might be counted"
    cars = [{key: volume for key, volume in one.volumes.items() if key[1:] == (7, "car")} for one in (before, after)]
    assert sum(cars[1].values()) == pytest.approx(sum(cars[0].values()), rel=0.1), "nobody counted at 7"


def test_a_fit_that_misses_its_counts_says_so_everywhere(tmp_path: Path) -> None:
    counts, out = tmp_path / "counts.csv", tmp_path / "odd.yaml"
    # what leaves one piece of the road cannot vanish before the next
    counts.write_text(HEAD + "L078,+,17,car,100\nL080,+,17,car,2000\nL078,+,18,car,100\nL080,+,18,car,2500\n")
    command = ["calibrate", str(counts), "--scenario", "evening"]
    fitted = CliRunner().invoke(demand_app, [*command, "--json", "--out", str(out)])
    assert fitted.exit_code == 3, fitted.output
    document = json.loads(fitted.stdout)
    assert (document["calibrated"], document["fhwa"]["met"]) == (False, False)
    assert "# FHWA's criteria are NOT met at these counts: do not take this demand for calibrated." in out.read_text()
    shown = CliRunner().invoke(demand_app, ["show", str(out)])
    assert "NOT calibrated: flows fitted to counts.csv" in shown.output
    assert json.loads(CliRunner().invoke(demand_app, ["show", str(out), "--json"]).stdout)["calibrated"] is False
    plain = CliRunner().invoke(demand_app, command)
    assert plain.exit_code == 3
    assert "FHWA's criteria are NOT met" in plain.output
    assert "not counted: roads" in plain.output


@pytest.mark.parametrize(("folder", "file"), [(".", "town.yaml"), ("below", "town.yml"), ("../beside", "town.v2.yaml")])
def test_what_is_written_finds_what_it_extends(tmp_path: Path, folder: str, file: str) -> None:
    own = tmp_path / "own"
    (own / folder).mkdir(parents=True, exist_ok=True)
    base, counts, out = own / file, tmp_path / "counts.csv", own / folder / "counted.yaml"
    base.write_text((home() / "scenarios" / "smoke.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    scenario = load_scenario(base, overrides=["time.begin_s='07:00'", "time.end_s='09:00'"])
    counts.write_text(HEAD + "L078,+,8,car,300\n")
    write_calibration(calibrate(counts, scenario, name="counted"), out, base=str(base))
    assert load_scenario(out).title == f"{scenario.title}, fitted to counts.csv"
    # a name of the catalogue is a name still, unless a file beside would take it
    again = own / folder / "smoke.yaml"
    write_calibration(calibrate(counts, scenario, name="smoke"), again, base="smoke")
    assert load_scenario(again).name == "smoke"


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
    told = CliRunner().invoke(demand_app, ["show", "smoke", "--set", "time.end_s='07:50'"])
    assert "07:30:00 to 07:50:00 holds no whole hour" in told.stdout
    without = CliRunner().invoke(demand_app, ["calibrate", "--scenario", "evening", "--json"])
    assert json.loads(without.stdout) == {"scenario": "evening", "calibrated": False}
    counts = tmp_path / "counts.csv"
    counts.write_text(COUNTS)
    fitted = CliRunner().invoke(demand_app, ["calibrate", str(counts), "--scenario", "evening", "--json"])
    assert fitted.exit_code == 0, fitted.output
    document = json.loads(fitted.stdout)
    assert document["fhwa"]["met"] is True
    assert document["calibrated"] is True
    assert len(document["counts"]) == 16
    missing = CliRunner().invoke(demand_app, ["calibrate", str(counts), "--out", str(tmp_path / "no" / "a.yaml")])
    assert "there is no folder" in str(missing.exception)


def test_goods_are_summed_by_family_and_flow() -> None:
    found = summarise(load_scenario("parts-to-line", overrides=["demand={}"]))
    orders = found.population.goods.orders
    assert sum(flow.orders for flow in found.flows.values()) == len(orders)
    bumpers = found.flows["bumper"]
    assert bumpers.pallets == 4 * bumpers.orders
    assert bumpers.tonnes == pytest.approx(sum(one.cargo.mass_kg for one in orders if one.family == "bumper") / 1000)
    assert bumpers.window_s == 1200
    assert found.lorries == {"inbound": len(found.population.goods.lorries)}
    assert found.document()["orders"]["bumper"]["orders"] == bumpers.orders
    text = CliRunner().invoke(demand_app, ["show", "finished-vehicles", "--set", "demand={}"]).stdout
    assert "236 finished cars" in text
