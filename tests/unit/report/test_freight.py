from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.events import Collision, Event, VehicleTeleported
from sim.freight_document import Disruption
from sim.freight_events import BatteryEmpty, BatteryShortfall, CarStored, EnergyMetered, GateIn, HubMetered
from sim.report.freight.bays import bay_chart
from sim.report.freight.cars import car_chart
from sim.report.freight.energy import energy_chart, hourly_use
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


def test_many_tables_of_parts_are_folded(page: str) -> None:
    after = page.partition('<h2 id="freight">Parts of freight</h2>')[2]
    assert after.lstrip().startswith("<details>")


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


def test_where_nobody_charges_there_is_no_sheet_of_loads(loaded: list[ServiceRun]) -> None:
    charging, alone = energy_chart(loaded), energy_chart([idle_chargers(run) for run in loaded])
    assert charging is not None
    assert alone is not None
    assert (len(charging.axes), len(alone.axes)) == (4, 2)
    assert [axes.get_ylabel() for axes in alone.axes] == ["used, kWh in the hour", ""]
    mixed = energy_chart([loaded[0], idle_chargers(loaded[1])])
    assert mixed is not None
    assert len(mixed.axes) == 4


def idle_chargers(run: ServiceRun) -> ServiceRun:
    events = [replace(one, grid_kwh=0.0) if isinstance(one, HubMetered) else one for one in run.events]
    return replace(run, events=events)


def test_a_battery_that_ran_empty_is_told_with_time_and_place(loaded: list[ServiceRun]) -> None:
    empty = BatteryEmpty(time_s=30_000.0, vehicle_id="tug.1", edge="L021c+", odometer_m=0.0)
    short = BatteryShortfall(time_s=30_001.0, vehicle_id="tug.1", shortfall_wh=1260.0)
    (doubt,) = doubts([replace(loaded[0], events=[*loaded[0].events, empty, short]), loaded[1]])
    assert doubt.about == "Batteries run empty"
    assert "tug.1 from 08:20:00 on (edge L021c+, 1.3 kWh more than it held). It fails the quality gate" in doubt.text


def test_a_teleport_is_told_with_time_place_and_cause(loaded: list[ServiceRun]) -> None:
    events = [
        *loaded[0].events,
        VehicleTeleported(time_s=30_000.0, vehicle_id="car.1", edge="L052a+", fleet=False),
        Collision(time_s=30_000.0, vehicle_id="car.1", edge="L052a+"),
        Collision(time_s=30_000.0, vehicle_id="car.2", edge="L001-"),
        VehicleTeleported(time_s=31_000.0, vehicle_id="bg.1", edge="L100+", fleet=False),
    ]
    (doubt,) = doubts([replace(loaded[0], events=events), loaded[1]])
    assert doubt.about == "Teleports"
    assert doubt.text == (
        "In the run of four-bays SUMO moved car.1 at 08:20:00, since on edge L052a+ (after a collision with car.2, "
        "which was on edge L001-) and bg.1 at 08:36:40, since on edge L100+ (it had stood too long). It fails the "
        "quality gate."
    )


def late(run: ServiceRun, *events: Event, outages: Sequence[dict[str, object]] = ()) -> ServiceRun:
    """Return a run in which more happened."""
    goods = run.scenario.freight
    assert goods is not None
    document = goods.model_copy(update={"disruptions": tuple(Disruption.model_validate(one) for one in outages)})
    return replace(run, events=[*run.events, *events], scenario=run.scenario.model_copy(update={"freight": document}))


def drawn(run: ServiceRun) -> tuple[list[str], list[str]]:
    """Return the sites and the legend of the chart of bays."""
    figure = bay_chart([run], None)
    assert figure is not None
    sites = [one.get_text() for one in figure.axes[0].get_yticklabels()]
    return sites, [one.get_text() for one in figure.legends[0].get_texts()]


def test_who_waits_at_the_end_is_drawn_even_where_nobody_had_a_bay(loaded: list[ServiceRun]) -> None:
    run = loaded[0]
    sites, legend = drawn(run)
    assert "certification (?)" not in sites
    assert "waits when the run ends, no bay yet" not in legend
    last_s = max(one.time_s for one in run.events)
    arrival = GateIn(time_s=last_s, vehicle_id="in.99", site="certification", place="queue")
    sites, legend = drawn(late(run, arrival))
    assert "certification (?)" in sites
    assert "waits when the run ends, no bay yet" in legend


def test_bay_outages_are_drawn_as_far_as_they_came_about(loaded: list[ServiceRun]) -> None:
    outage = {"kind": "bay_outage", "begin_s": 30_000, "end_s": 33_000, "site": "ggm", "bays": 2}
    assert "bays out of use" in drawn(late(loaded[0], outages=[outage]))[1]
    never = {**outage, "begin_s": 80_000, "end_s": 81_000}
    assert "bays out of use" not in drawn(late(loaded[0], outages=[never]))[1]


def test_where_all_cars_took_as_long_it_is_said_in_words(loaded: list[ServiceRun]) -> None:
    even = [replace(one, time_s=loaded[0].freight.cars.finished[one.vehicle_id].time_s + 90)
            if isinstance(one, CarStored) else one for one in loaded[0].events]  # fmt: skip
    figure = car_chart([replace(loaded[0], events=sorted(even, key=lambda one: one.time_s))])
    assert figure is not None
    assert [one.get_text() for one in figure.axes[1].texts] == ["220 of 220 cars stored, each in 90 s"]
    curved = car_chart([loaded[0]])
    assert curved is not None
    assert not curved.axes[1].texts


def test_sites_that_nobody_came_to_are_one_line(tmp_path: Path) -> None:
    idle = publish(tmp_path / "idle", idle=("certification", "parts_cluster"))
    text = Page(render_report([idle], reference=None, title="Idle")).text
    assert "Nobody came to certification, parts_cluster" in text
    assert "Site parts_cluster" not in text


def test_freight_without_riders_is_not_told_that_nobody_rode(tmp_path: Path) -> None:
    """Cars to the compound alone, without one order."""
    text = Page(render_report([publish(tmp_path / "cars", orders=False)], reference=None, title="Cars")).text
    assert "Nobody asked for a ride" not in text
    assert "Finished cars in the compound" in text


def test_one_run_alone_is_not_warned_of_significance(runs: list[Path], page: str) -> None:
    assert "significan" not in Page(render_report(runs[:1], reference=None, title="Alone")).text
    assert "One seed: differences are not yet significant." in Page(page).text


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
