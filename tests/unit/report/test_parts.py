from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sim.compare import Cell, Row
from sim.kpi.entry import Better
from sim.kpi.record import KpiRecord, flat
from sim.network.catalog import load_network
from sim.report.figures import fleet_states
from sim.report.numbers import scale_of
from sim.report.provenance import figures
from sim.report.roads import EdgeLine, one_per_road, read_edges
from sim.report.runs import labels_of, load_runs, same_people
from sim.report.tables import best_places, compare_all, judged_runs
from sim.rundir import read_kpis


def row(code: str, unit: str, better: Better, *values: float | None) -> Row:
    cells = tuple(Cell(value, None, None, "neither") for value in values)
    return Row(code, code, "value", "all", code, unit, better, (1,) * len(values), cells)


def manifest(use: str, name: str, seed: int, **parameters: object) -> dict[str, object]:
    scenario = {"name": name, "controllers": {"shuttle": {"use": use, "parameters": parameters}}}
    return {"scenario": scenario, "seeds": {"demand": seed}}


def test_labels_tell_runs_apart() -> None:
    greedy = manifest("sumo", "a", 1, algorithm="greedyClosest", period=5)
    assert labels_of([manifest("timetable", "a", 1), greedy]) == ["timetable", "sumo-greedyClosest"]
    assert labels_of([greedy, manifest("sumo", "b", 1, algorithm="greedyClosest")]) == ["a", "b"]
    assert labels_of([manifest("x", "a", 1), manifest("x", "a", 2)]) == ["x, seed 1", "x, seed 2"]
    assert labels_of([manifest("x", "a", 1), manifest("x", "a", 1)]) == ["x #1", "x #2"]
    assert labels_of([{"scenario": {"name": "a", "controllers": {"shuttle": None}}, "seeds": {"demand": 1}}]) == [
        "no service"
    ]


def test_journeys_agree_with_the_kpis(four_runs: list[Path]) -> None:
    runs = load_runs(four_runs)
    assert same_people(runs)
    for path, run in zip(four_runs, runs, strict=True):
        kpis = flat(map(KpiRecord.from_document, read_kpis(path)))
        waits_s = [one.wait_s(horizon_s=run.horizon_s) for one in run.journeys]
        totals_s = [one.times().total_s for one in run.journeys if one.served]
        assert np.mean(waits_s) == pytest.approx(kpis["wait_s"])
        assert np.mean(totals_s) == pytest.approx(kpis["total_travel_s"])
        assert sum(one.served for one in run.journeys) == kpis["requests_served"]


def test_fleet_states_add_up_to_the_duty_and_the_rides(four_runs: list[Path]) -> None:
    run = load_runs(four_runs)[0]
    kpis = flat(map(KpiRecord.from_document, read_kpis(four_runs[0])))
    times_h, states, riders = fleet_states(run)
    step_h = times_h[1] - times_h[0]
    duty_h, pax_h = states.sum() * step_h, riders.sum() * step_h
    before_h = 4 * (run.scenario.time.begin_s - 23_000) / 3600  # the shuttles start before the requests do
    assert duty_h + before_h == pytest.approx(kpis["vehicle_hours"], rel=0.01)
    rides_s = [one.times().ride_s for one in run.journeys if one.served]
    assert pax_h == pytest.approx(sum(rides_s) / 3600, rel=0.02)
    assert states.min() >= 0
    assert states.sum(axis=0).max() <= 4


def test_numbers_are_written_as_their_unit_is_worth() -> None:
    assert scale_of("share", [0.5]).text(0.9071) == "90.7 %"
    assert scale_of("s", [30.0, 90.0]).text(30.0) == "30.0 s"
    assert scale_of("s", [30.0, 1200.0]).text(1200.0) == "20.0 min"
    assert scale_of("KRW", [12345.6]).text(12345.6) == "12,346 KRW"
    assert scale_of("km", [1500.0]).number(1500.0) == "1,500"
    assert scale_of("km", [1.0]).number(None) == "–"
    assert scale_of("km", [1.0]).number(-0.001) == "0.00"
    assert scale_of("km", [1.0]).difference(-0.004) == "±0"
    assert scale_of("km", [1.0]).difference(-1.0) == "−1.00"


def test_best_needs_a_direction_and_a_difference_that_is_written() -> None:
    everyone = range(3)
    assert best_places(row("service_rate", "share", "higher", 0.5, 0.9, 0.9), everyone) == {1, 2}
    assert best_places(row("wait_s", "s", "lower", 500, 400, None), everyone) == {1}
    assert best_places(row("wait_s", "s", "lower", 500, 400, 300), (0, 1)) == {1}
    assert best_places(row("requests", "requests", "neither", 5, 4, 3), everyone) == set()
    assert best_places(row("vkm_total", "km", "lower", 500.1, 500.2, 500.3), everyone) == set()
    assert best_places(row("vkm_total", "km", "lower", 500.1, None, None), everyone) == set()


def test_points_lie_along_the_edge() -> None:
    shape = np.array([(0.0, 0.0), (100.0, 0.0), (100.0, 100.0)])
    line = EdgeLine(road="L1", status="likely", lanes=1, length_m=180.0, shape=shape, kerb=shape)
    assert line.point(0) == (0.0, 0.0)
    assert line.point(90) == (100.0, 0.0)
    assert line.point(135) == (100.0, 50.0)
    assert line.point(999) == (100.0, 100.0)
    assert line.every(50).shape == (4, 2)


def test_every_road_of_the_network_has_status_and_lies_where_its_stops_do() -> None:
    network = load_network("bitgreen")
    edges = read_edges(network.net_file)
    roads = list(one_per_road(edges))
    assert len({line.road for line in roads}) == len(roads)
    assert {edge[:-1] for edge in edges} == {line.road for line in roads}
    assert {line.status for line in roads} <= {"confirmed", "likely", "schematic", "assumed"}
    kerbs = [kerb for kerb in network.stops.values() if kerb.edge in edges]
    middles = [edges[kerb.edge].point((kerb.start_m + kerb.end_m) / 2) for kerb in kerbs]
    gaps_m = np.hypot(*np.subtract(middles, [(kerb.x, kerb.y) for kerb in kerbs]).T)
    assert np.max(gaps_m) < 5


def test_figures_of_the_scenario_keep_path_status_and_source() -> None:
    document = {
        "demand": {
            "count": {"value": 3000, "status": "assumed", "source": "taken"},
            "shifts": [{"sites": ["ggm"], "start_s": 28_800, "status": "likely", "source": "press"}],
        },
        "seats": 12,
    }
    found = [(one.path, one.value, one.status, one.source) for one in figures(document)]
    assert found == [
        ("demand.count", "3,000", "assumed", "taken"),
        ("demand.shifts[0]", "sites ggm, start_s 08:00", "likely", "press"),
    ]


def test_times_of_the_served_are_not_won_by_dropping_riders(four_runs: list[Path]) -> None:
    comparison = compare_all(four_runs[:2], reference=None)
    poor, rich = comparison.runs
    rate = dataclasses.replace(poor.records["service_rate"], value=rich.records["service_rate"].value - 0.2)
    poor = dataclasses.replace(poor, records={**poor.records, "service_rate": rate})
    lopsided = dataclasses.replace(comparison, runs=(poor, rich))
    assert judged_runs(lopsided, row("ride_s", "s", "lower", 10, 20)) == {1}
    assert judged_runs(lopsided, row("wait_s", "s", "lower", 10, 20)) == {0, 1}
