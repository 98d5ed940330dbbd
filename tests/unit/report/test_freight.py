from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.freight_events import BatteryEmpty, BatteryShortfall, EnergyMetered
from sim.report.freight.energy import hourly_use
from sim.report.freight.sheet import covered
from sim.report.freight.states import STATES, truck_states
from sim.report.page import render_report
from sim.report.runs import ServiceRun, load_runs, service_name
from sim.report.summary import doubts
from tests.unit.report.freight_build import publish
from tests.unit.report.test_page import Page, headings, pictures


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four bays at the plant, and two."""
    root = tmp_path_factory.mktemp("freight")
    return [publish(root / "four-bays"), publish(root / "two-bays", bays=2)]


@pytest.fixture(scope="module")
def loaded(runs: list[Path]) -> list[ServiceRun]:
    return load_runs(runs)


@pytest.fixture(scope="module")
def page(runs: list[Path]) -> str:
    return render_report(runs, reference=None, title="Parts to the line")


def test_freight_without_riders_has_its_own_sections_alone(page: str) -> None:
    assert headings(page) == [
        "In short", "KPIs", "Parts of freight", "The area", "The complex", "Stock at the line", "Bays",
        "Freight vehicles over the day", "Energy by hour", "Finished cars", "Conflicts and violations", "Provenance",
        "Figures of the scenario by status",
    ]  # fmt: skip
    assert len(pictures(page)) == 8
    text = Page(page).text
    assert "rider" not in text
    assert "orders 06:00–16:00" in text


def test_the_tables_have_freight_by_site_order_and_class(page: str) -> None:
    text = Page(page).text
    for part in ("Orders bumper", "Orders part", "Stock of seat", "Site ggm", "Class av_truck", "Hub yard",
                 "Rule over_speed", "Encounters av-human"):  # fmt: skip
        assert part in text, part
    assert "Orders on time, in full four-bays" in text


def test_one_run_alone(runs: list[Path]) -> None:
    found = headings(render_report(runs[:1], reference=None, title="Alone"))
    assert {"Bays", "Energy by hour", "Conflicts and violations"} <= set(found)


def test_the_same_runs_give_the_same_page(runs: list[Path], page: str) -> None:
    assert render_report(runs, reference=None, title="Parts to the line") == page


def test_every_vehicle_on_duty_is_in_one_state(loaded: list[ServiceRun]) -> None:
    hours, counts = truck_states(loaded[1], loaded)
    within = (hours > 6.1) & (hours < 16)
    assert counts.shape == (len(STATES), len(hours))
    assert np.allclose(counts.sum(axis=0)[within], 5)


def test_fewer_bays_mean_more_waiting(loaded: list[ServiceRun]) -> None:
    queueing = list(STATES).index("waiting for a bay")
    four, two = (truck_states(run, loaded)[1][queueing].sum() for run in loaded)
    assert two > 5 * four > 0


def test_hours_hold_all_that_was_used(loaded: list[ServiceRun]) -> None:
    uses = [one for one in loaded[0].events if isinstance(one, EnergyMetered)]
    whole_kwh = sum(one.consumed_wh + one.auxiliary_wh - one.regenerated_wh for one in uses) / 1000
    assert hourly_use(loaded[0], "tug", np.arange(6.0, 17.0)).sum() == pytest.approx(whole_kwh)


def test_a_battery_that_ran_empty_is_told_with_time_and_place(loaded: list[ServiceRun]) -> None:
    empty = BatteryEmpty(time_s=30_000.0, vehicle_id="tug.1", edge="L021c+", odometer_m=0.0)
    short = BatteryShortfall(time_s=30_001.0, vehicle_id="tug.1", shortfall_wh=1260.0)
    (doubt,) = doubts([replace(loaded[0], events=[*loaded[0].events, empty, short]), loaded[1]])
    assert doubt.about == "Batteries run empty"
    assert "tug.1 from 08:20:00 on (edge L021c+, 1.3 kWh more than it held). It fails the quality gate" in doubt.text


def test_moments_within_spans() -> None:
    moments_s = np.array([5.0, 15.0, 25.0, 35.0])
    assert covered(moments_s, [(10, 20), (30, 35)]).tolist() == [False, True, False, False]


@pytest.mark.parametrize(
    ("controllers", "name"),
    [
        ({}, "no service"),
        ({"freight": {"use": "greedy", "parameters": {}}}, "greedy"),
        (
            {"shuttle": {"use": "lns", "parameters": {}}, "freight": {"use": "rolling", "parameters": {"goal": "km"}}},
            "lns + rolling-km",
        ),
    ],
)
def test_service_names(controllers: dict[str, object], name: str) -> None:
    assert service_name({"controllers": controllers}) == name
