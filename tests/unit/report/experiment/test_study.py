from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sim.errors import OutputError
from sim.report.experiment.study import Study, measure_of, named, written
from tests.unit.report.experiment.build import Variant, frames


def names(study: Study, *axes: str, partial: bool = False) -> list[str]:
    return [one.name for one in study.series(axes, partial=partial)]


def test_points_and_parameters_follow_the_runs() -> None:
    sweep = [Variant(f"n={n}", levels={"fleet.count": n, "step_s": 1.0}) for n in (16, 8, 24)]
    study = Study.from_frames(*frames(sweep, 2))
    assert [point.label for point in study.points] == ["n=16", "n=8", "n=24"]
    assert study.parameters == {"fleet.count": (8, 16, 24)}  # one level is no sweep, teleports no parameter
    assert study.seeds == ((1, 1), (2, 2))
    assert [(point.planned, point.finished) for point in study.points] == [(2, 2)] * 3


def test_results_of_runs_that_did_not_finish_are_left_out() -> None:
    results, runs = frames([Variant("a")], 3)
    runs.loc[runs["demand_seed"] == 2, "status"] = "interrupted"
    study = Study.from_frames(results, runs)
    assert list(study.values("wait_s", study.points[0])) == [(1, 1), (3, 3)]
    assert (study.points[0].planned, study.points[0].finished) == (3, 2)


def test_values_that_are_missing_or_no_number_are_left_out() -> None:
    def change(_: str, key: str, seed: int, value: float) -> float | None:
        return {1: np.nan, 2: np.inf, 3: None}.get(seed, value) if key == "ride_s" else value

    study = Study.from_frames(*frames([Variant("a")], 5, change=change))
    assert list(study.values("ride_s", study.points[0])) == [(4, 4), (5, 5)]
    found = study.estimate("ride_s", study.points[0])
    assert found is not None
    assert found.n == 2
    assert study.estimate("no_such_kpi", study.points[0]) is None


def test_interval_is_that_of_t_over_seeds() -> None:
    study = Study.from_frames(*frames([Variant("a")], 6))
    values = list(study.values("wait_s", study.points[0]).values())
    found = study.estimate("wait_s", study.points[0])
    assert found is not None
    low, high = stats.t.interval(0.95, 5, loc=np.mean(values), scale=stats.sem(values))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_one_seed_has_no_interval() -> None:
    study = Study.from_frames(*frames([Variant("a")], 1))
    found = study.estimate("wait_s", study.points[0])
    assert found is not None
    assert (found.low, found.high, found.n) == (None, None, 1)


def test_sumo_seeds_of_one_demand_are_one_observation() -> None:
    results, runs = frames([Variant("a")], 4)
    for frame in (results, runs):
        frame["sumo_seed"] = 1 + (frame["demand_seed"] - 1) % 2
        frame["demand_seed"] = 1 + (frame["demand_seed"] - 1) // 2
    study = Study.from_frames(results, runs)
    values = study.values("wait_s", study.points[0])
    demands = [(values[d, 1] + values[d, 2]) / 2 for d in (1, 2)]
    found = study.estimate("wait_s", study.points[0])
    assert study.by_demand
    assert found is not None
    assert found.n == 4
    low, high = stats.t.interval(0.95, 1, loc=np.mean(demands), scale=stats.sem(demands))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_run_that_two_variants_share_counts_for_both() -> None:
    results, runs = frames([Variant("a"), Variant("b")], 2)
    for frame in (results, runs):
        frame["run"] = frame["run"].str.replace("b-", "a-")
    study = Study.from_frames(results, runs)
    assert [len(study.values("wait_s", point)) for point in study.points] == [2, 2]


def test_variant_without_any_kpi_is_not_among_those_that_have_one() -> None:
    study = Study.from_frames(*frames([Variant("a")], 2, without=True))
    assert [point.label for point in study.points] == ["a", "morning-none"]
    assert [point.label for point in study.having(study.measures.values())] == ["a"]


def test_missing_column_is_named() -> None:
    results, runs = frames([Variant("a")], 1)
    with pytest.raises(OutputError, match="the frame of results lacks the columns unit"):
        Study.from_frames(results.drop(columns="unit"), runs)
    with pytest.raises(OutputError, match="the frame of runs lacks the columns status"):
        Study.from_frames(results, runs.drop(columns="status"))


# --- series -------------------------------------------------------------------------------------------------


def test_names_tell_scenarios_apart_where_levels_do_not() -> None:
    sweep = [Variant(f"{name} fleet.count={n}", levels={"fleet.count": n}) for n in (8, 16) for name in ("one", "two")]
    study = Study.from_frames(*frames(sweep, 1))
    assert names(study, "fleet.count") == ["one", "two"]
    assert [len(one.points) for one in study.series(["fleet.count"])] == [2, 2]


def test_other_parameters_tell_series_apart() -> None:
    sweep = [
        Variant(f"fleet.count={n}, rule={rule}", levels={"fleet.count": n, "rule": rule})
        for n in (8, 16)
        for rule in ("near", "far")
    ]
    study = Study.from_frames(*frames(sweep, 1))
    assert study.numeric == ["fleet.count"]
    assert names(study, "fleet.count") == ["rule near", "rule far"]


def test_points_that_nothing_tells_apart_give_no_series() -> None:
    study = Study.from_frames(*frames([Variant(label, levels={"x.n": n}) for label in "ab" for n in (1, 2)], 1))
    assert names(study, "x.n") == ["a", "b"]
    study = Study.from_frames(
        *frames([Variant(f"x.n={n}{tail}", levels={"x.n": n}) for n in (1, 2) for tail in "xy"], 1)
    )
    assert names(study, "x.n") == []


def test_parameters_in_step_count_as_one_axis() -> None:
    study = Study.from_frames(*frames([Variant(f"{n}", levels={"a": n, "b": 10.0 * n}) for n in (1, 2, 3)], 1))
    assert study.numeric == ["a"]
    assert study.in_step("a", "b")
    assert names(study, "a") == [""]


def test_point_that_lacks_the_parameter_stands_alone_or_not_at_all() -> None:
    sweep = [Variant("timetable"), *(Variant(f"n={n}", levels={"x.n": n}) for n in (8, 16))]
    study = Study.from_frames(*frames(sweep, 1))
    assert study.numeric == ["x.n"]
    assert names(study, "x.n") == [""]
    assert names(study, "x.n", partial=True) == ["timetable", ""]


def test_variant_without_values_is_in_no_series() -> None:
    results, runs = frames([Variant(f"a={n}, b={n}", levels={"x.a": n, "x.b": n}) for n in (1, 2)], 1, without=True)
    runs.loc[runs["variant"] == "morning-none", "x.a"] = 1
    study = Study.from_frames(results, runs)
    assert study.in_step("x.a", "x.b")
    assert names(study, "x.a") == [""]


def test_switches_are_words_and_not_numbers() -> None:
    study = Study.from_frames(*frames([Variant(f"{on}", levels={"on": on}) for on in (False, True)], 1))
    assert study.numeric == []
    assert [named("on", point.levels["on"]) for point in study.points] == ["on no", "on yes"]


# --- words --------------------------------------------------------------------------------------------------


def test_levels_are_written_briefly() -> None:
    assert [written(level) for level in (8, 8.0, 0.05, -1.5, 12_000, True, "near")] == [
        "8", "8", "0.05", "−1.5", "12,000", "yes", "near",
    ]  # fmt: skip


def test_short_name_keeps_what_tells_apart() -> None:
    levels = {"fleet.count": 8, "demand.commuters.share": 0.1}
    point = Study.from_frames(
        *frames([Variant("m fleet.count=8, demand.commuters.share=0.1", levels=levels)], 1)
    ).points[0]
    assert point.short == "m count=8, share=0.1"
    levels = {"fleet.count": 8, "buses.count": 2}
    point = Study.from_frames(*frames([Variant("fleet.count=8, buses.count=2", levels=levels)], 1)).points[0]
    assert point.short == "fleet.count=8, buses.count=2"


def test_kpi_from_elsewhere_has_its_key_for_a_title() -> None:
    known, other = (measure_of(key, key, "value", "all", "s") for key in ("service_rate", "queue_m"))
    assert (known.title, known.better, known.section) == ("Service rate", "higher", "Requests")
    assert (other.title, other.better, other.section) == ("queue_m", "neither", "Other KPIs")


def test_only_the_kpis_asked_for_are_read() -> None:
    study = Study.from_frames(*frames([Variant("a")], 2), keys=["wait_s", "no_such_kpi"])
    assert list(study.measures) == ["wait_s"]
    assert len(study.values("wait_s", study.points[0])) == 2


def test_empty_results_make_a_study_without_measures() -> None:
    results, runs = frames([Variant("a", failed={1: "crashed"})], 1)
    assert isinstance(results, pd.DataFrame)
    study = Study.from_frames(results, runs)
    assert study.measures == {}
    assert study.having([]) == []
