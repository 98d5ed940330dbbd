"""Shuttles with small batteries on SUMO: they charge one after another, nobody is stranded, and no reserve is used."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.controllers.base import Inputs
from sim.controllers.shuttle.assignment import Rtv, RtvParameters
from sim.controllers.shuttle.controller import Insertion
from sim.controllers.shuttle.hindsight import Hindsight, HindsightParameters
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.rolling import Lns, LnsParameters
from sim.demand.population import Population, Rider
from sim.engine.loop import Loop
from sim.engine.resolve import Resolved
from sim.engine.sumo import EngineName
from sim.events import Arrived, BreakTaken, Charged, Event, PickedUp, Rejected, VehicleRetired, fingerprint
from sim.kpi.measure import Measurement
from sim.kpi.record import flat
from sim.network.catalog import Charger, Network
from sim.network.graph import EdgeGraph
from sim.rundir import RunDir
from sim.scenario import Scenario, validate
from tests.sumo.controllers.test_fleet import Watched
from tests.sumo.controllers.test_shuttles import mixed_riders

CAPACITY_KWH, RESERVE = 8.0, 0.1
BATTERY = {
    "capacity_kwh": CAPACITY_KWH, "mass_kg": 5000, "auxiliary_w": 1000, "front_area_m2": 5, "drag_coefficient": 0.6,
    "rolling_coefficient": 0.01, "propulsion_efficiency": 0.9, "recuperation_efficiency": 0.6, "initial_share": 0.4,
    "reserve_share": RESERVE,
}  # fmt: skip
REST = {"earliest_s": 300, "latest_s": 1200, "duration_s": 120}


def scenario(**fleet: Any) -> Scenario:  # noqa: ANN401 (parts of a document)
    kind = {"count": 3, "seats": 20, "depot": "depot", "battery": BATTERY} | fleet
    return validate(
        {
            "name": "charging", "title": "charging", "network": "grid",
            "time": {"begin_s": 0, "end_s": 900, "drain_s": 2400},
            "fleet": kind,
            "requests": {"max_wait_s": 900, "classes": {"hasty": {"max_wait_s": 400}}},
            "controllers": {"shuttle": {"use": "insertion", "period_s": 5}},
        },
        place="the test",
    )  # fmt: skip


@pytest.fixture
def charging(grid: Network, tmp_path: Path) -> Network:
    """The grid with two chargers of 50 kW on C2C3."""
    chargers = {
        f"charger.{n}": Charger(
            name="", edge="C2C3", lane="C2C3_0", start_m=60 + 40 * n, end_m=74 + 40 * n, x=0, y=0, power_kw=50,
            status="assumed",
        )
        for n in (1, 2)
    }  # fmt: skip
    additional = tmp_path / "chargers.add.xml"
    stations = "".join(
        f'<chargingStation id="{name}" lane="{one.lane}" startPos="{one.start_m}" endPos="{one.end_m}" '
        'power="50000" efficiency="0.95"/>'
        for name, one in chargers.items()
    )
    additional.write_text(f"<additional>{stations}</additional>")
    return replace(grid, additional_files=(*grid.additional_files, additional), chargers=chargers)


def riders_of(seed: int, count: int = 60) -> list[Rider]:
    """Return riders on the spot and booked, each edge with one place for all of them."""
    kinds = [one for one in mixed_riders(seed, count=count) if one.size <= 3 and one.shows_up and one.cancel_s is None]
    return [replace(one, origin_pos_m=100.0, patience_s=None) for one in kinds]


def run(
    network: Network, folder: Path, controller: Insertion, document: Scenario, riders: Sequence[Rider],
    *, engine: EngineName = "libsumo",
) -> tuple[list[Event], Watched]:  # fmt: skip
    graph = EdgeGraph.from_net(network.net_file)
    inputs = Inputs(document, network, graph, riders, np.random.default_rng(1))
    watched = Watched(controller, [])
    resolved = Resolved(
        document, network, graph, Population(tuple(riders), (), ()), watched, watched.prepare(inputs)
    )  # fmt: skip
    with RunDir(folder) as directory:
        outcome = Loop(resolved, directory, engine=engine, stop=lambda: False, report=lambda _: None).run()
        assert outcome.end == "finished"
        return directory.seal_events(), watched


def require_charged(events: Sequence[Event], watched: Watched) -> list[Charged]:
    """Check that no reserve was used and no charger had two vehicles; return the charges."""
    held = [one.charge_kwh for _, fleet in watched.seen for one in fleet]
    assert min(charge for charge in held if charge is not None) >= RESERVE * CAPACITY_KWH
    charges = [one for one in events if isinstance(one, Charged)]
    for name in {one.charger for one in charges}:
        spans = sorted((one.begin_s, one.time_s) for one in charges if one.charger == name)
        assert all(end_s <= begin_s + 15 for (_, end_s), (begin_s, _) in itertools.pairwise(spans)), (
            "two at one charger"
        )
    for one in charges:
        assert 0 <= one.charged_kwh <= 0.95 * 50 * (one.time_s - one.begin_s + 2) / 3600
    return charges


@pytest.mark.parametrize(
    "controller",
    [
        Insertion(InsertionParameters(rebalance_s=60, rebalance_cell_m=200)),
        Lns(LnsParameters(iterations=50)),
        Rtv(RtvParameters()),
        Hindsight(HindsightParameters(iterations=50, first_iterations=200)),
    ],
)
def test_small_batteries_are_charged_in_time_and_every_rider_arrives(
    charging: Network, tmp_path: Path, controller: Insertion
) -> None:
    riders = riders_of(4)
    document = scenario(duties=[{"begin_s": 0, "end_s": 7200, "breaks": [REST]}])
    events, watched = run(charging, tmp_path / "run", controller, document, riders)
    charges = require_charged(events, watched)
    assert len(charges) >= 3
    rejected = {one.request_id: one.cause for one in events if isinstance(one, Rejected)}
    arrived = {one.request_id for one in events if isinstance(one, Arrived)}
    assert len(arrived) + len(rejected) == len(riders)
    assert {one.request_id for one in events if isinstance(one, PickedUp)} == arrived
    assert "battery" in rejected.values()
    assert len(arrived) > 0.6 * len(riders)
    assert sum(isinstance(one, BreakTaken) for one in events) == 3


@pytest.mark.parametrize("engine", ["libsumo", "traci"])
def test_charges_are_facts_that_kpis_rest_on(charging: Network, tmp_path: Path, engine: EngineName) -> None:
    document, riders = scenario(), riders_of(5, count=12)
    events, watched = run(
        charging, tmp_path / engine, Insertion(InsertionParameters()), document, riders, engine=engine
    )
    charges = require_charged(events, watched)
    measurement = Measurement(document)
    for one in events:
        measurement.add(one)
    kpis = flat(measurement.records(final=True))
    assert measurement.violations(final=True) == []
    assert kpis["charged_kwh"] == pytest.approx(sum(one.charged_kwh for one in charges))
    assert kpis["charges"] == len(charges) > 0
    retired = [one for one in events if isinstance(one, VehicleRetired)]
    seen = min(charge for _, fleet in watched.seen for one in fleet if (charge := one.charge_kwh) is not None)
    assert kpis["charge_share_min"] == pytest.approx(seen / CAPACITY_KWH, abs=0.01)
    # what a battery held at first, and what came in, is what it has spent and holds
    initial_kwh = 3 * 0.4 * CAPACITY_KWH + kpis["charged_kwh"]
    spent_kwh = sum(((one.consumed_wh or 0) - (one.regenerated_wh or 0)) / 1000 for one in retired)
    assert initial_kwh == pytest.approx(spent_kwh + sum(one.charge_kwh or 0 for one in retired), abs=0.05)


def test_both_engines_give_the_same_events(charging: Network, tmp_path: Path) -> None:
    riders, prints = riders_of(6, count=20), set()
    engines: tuple[EngineName, ...] = ("libsumo", "traci")
    for engine in engines:
        events, _ = run(
            charging, tmp_path / engine, Lns(LnsParameters(iterations=20)), scenario(), riders, engine=engine
        )
        prints.add(fingerprint(events))
    assert len(prints) == 1


def test_without_a_charger_shuttles_serve_until_their_range_is_used(grid: Network, tmp_path: Path) -> None:
    riders = riders_of(4)
    events, watched = run(grid, tmp_path / "run", Insertion(InsertionParameters()), scenario(), riders)
    require_charged(events, watched)
    rejected = [one.cause for one in events if isinstance(one, Rejected)]
    arrived = sum(isinstance(one, Arrived) for one in events)
    assert 3 < arrived < len(riders)
    assert rejected.count("battery") > 5


def test_batteries_that_last_change_nothing(grid: Network, charging: Network, tmp_path: Path) -> None:
    riders, large = riders_of(4), BATTERY | {"capacity_kwh": 200.0, "initial_share": 1.0}
    prints = set()
    for name, network in (("without", grid), ("with", charging)):
        events, _ = run(network, tmp_path / name, Lns(LnsParameters(iterations=20)), scenario(battery=large), riders)
        prints.add(fingerprint(events))
    assert len(prints) == 1
