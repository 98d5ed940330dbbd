"""Freight watched from afar: incidents hold trucks up in their lane until an operator has helped them on."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from sim.engine.sumo import StepFacts
from sim.events import HandlingBegan, IncidentBegan, IncidentEnded, fingerprint
from sim.freight_events import MissionEnded, OrderDelivered
from sim.kpi.measure import Measurement
from sim.kpi.record import flat
from sim.scenario import Scenario
from tests.sumo.engine.freight.plant import TUG, Plant, Ran, order, probed, scenario, there_and_back
from tests.sumo.engine.freight.test_robots import BY_MASS, ROBOT

NAMES = [f"tug.{n:02d}" for n in range(3)]


def supervised(*, operators: int = 1, per_1000_km: float = 2000, **changes: Any) -> Scenario:  # noqa: ANN401 (parts of a document)
    """Return three trucks of 1.6 km each with an incident every half kilometre, each of them a minute and a half."""
    handling = {"distribution": "lognormal", "mean_s": 90, "sd_s": 20, "status": "assumed", "source": "test"}
    fleets = {"tug": {**TUG, "crew": "remote", "operators": operators}}
    return scenario(
        supervision={"incidents_per_1000_km": per_1000_km, "handling": handling}, end_s=1800,
        **{"fleets": fleets, **changes},
    )  # fmt: skip


def three(plant: Plant, where: Scenario, **run: Any) -> Ran:  # noqa: ANN401 (of `Plant.run`)
    pairs = [(name, f"p{n}", "east", "west") for n, name in enumerate(NAMES)]
    return plant.run(there_and_back(*pairs), [order(one[1], "east", "west") for one in pairs], where=where, **run)


def kpis(ran: Ran, where: Scenario) -> dict[str, float]:
    measured = Measurement(where)
    for one in ran.events:
        measured.add(one)
    return flat(measured.records(final=True))


def test_who_calls_stands_on_the_road_until_it_is_helped_on(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    speeds: dict[str, dict[float, float]] = defaultdict(dict)
    lanes: dict[str, dict[float, str]] = defaultdict(dict)

    def look(library: Any, facts: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        for name in library.vehicle.getIDList():
            speeds[name][facts.time_s] = library.vehicle.getSpeed(name)
            lanes[name][facts.time_s] = library.vehicle.getLaneID(name)

    probed(monkeypatch, look)
    where = supervised()
    ran = three(plant, where)
    began, helped, ended = ran.only(IncidentBegan), ran.only(HandlingBegan), ran.only(IncidentEnded)
    assert len(began) == len(helped) == len(ended) >= 4
    for name in NAMES:
        own = [(one.time_s, each.time_s) for one, each in zip(
            [one for one in began if one.vehicle_id == name], [one for one in ended if one.vehicle_id == name],
            strict=True,
        )]  # fmt: skip
        for since_s, until_s in own:
            stands = [t for t in speeds[name] if since_s + 6 <= t <= until_s]
            assert {speeds[name][t] for t in stands} == {0.0}
            assert all(lanes[name][t] and not lanes[name][t].startswith(":") for t in stands), "on a road, no junction"
    assert len(ran.only(OrderDelivered)) == 3
    assert {one.vehicle_id for one in ran.only(MissionEnded)} == set(NAMES)
    # one operator: no two at a time, in the order of the calls
    spans = [(one.time_s - one.queue_s, one.time_s) for one in helped]
    assert [one[0] for one in spans] == sorted(one[0] for one in spans)
    assert all(later.time_s >= first.time_s - 1 for first, later in zip(ended, helped[1:], strict=False))
    found = kpis(ran, where)
    assert found["freight_interventions_at_once"] >= 2
    assert found["freight_operator_queue_s.max"] > 30
    assert found["freight_interventions_per_operator_h@av_truck"] == pytest.approx(
        len(began) / ran.outcome.end_s * 3600, rel=0.01
    )


def test_with_an_operator_each_nobody_waits_for_one(plant: Plant) -> None:
    """What a truck meets follows from its kilometres: the same incidents, and each operator has fewer of them."""
    one, each = supervised(), supervised(operators=3)
    shared, alone = three(plant, one), three(plant, each)
    places = [{(x.vehicle_id, round(x.odometer_m, -2)) for x in ran.only(IncidentBegan)} for ran in (shared, alone)]
    assert places[0] == places[1]
    assert kpis(alone, each)["freight_operator_queue_s.max"] < 1
    assert {x.operator for x in alone.only(HandlingBegan)} > {0}
    rates = [kpis(ran, where)["freight_interventions_per_operator_h"] for ran, where in ((shared, one), (alone, each))]
    assert rates[1] < 0.5 * rates[0]


def test_without_incidents_a_run_is_as_without_supervision(plant: Plant) -> None:
    quiet = supervised(per_1000_km=0)
    assert fingerprint(three(plant, quiet).events) == fingerprint(
        three(plant, scenario(end_s=1800, fleets={"tug": {**TUG, "crew": "remote", "operators": 1}})).events
    )
    assert kpis(three(plant, quiet), quiet)["freight_interventions_per_operator_h"] == 0


def test_a_breakdown_outlasts_an_incident_and_the_other_way_round(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is helped on while broken down stands on, and who is mended waits for its operator all the same."""
    where = supervised(operators=3)
    (first, *_) = [one for one in three(plant, where).only(IncidentBegan) if one.vehicle_id == "tug.00"]
    for begin_s, lasts_s in ((10, 400), (10, 30)):
        broken = {"kind": "breakdown", "begin_s": int(first.time_s) + begin_s,
                  "end_s": int(first.time_s) + begin_s + lasts_s, "fleet": "tug", "number": 0}  # fmt: skip
        speeds: dict[float, float] = {}

        def look(library: Any, facts: StepFacts, speeds: dict[float, float] = speeds) -> None:  # noqa: ANN401 (libsumo has no types)
            speeds[facts.time_s] = library.vehicle.getSpeed("tug.00") if facts.time_s > 0 else 0.0

        probed(monkeypatch, look)
        ran = three(plant, supervised(operators=3, disruptions=[broken]))
        ended = min(one.time_s for one in ran.only(IncidentEnded) if one.vehicle_id == "tug.00")
        until_s = max(ended, float(broken["end_s"]))  # type: ignore[arg-type]  # a number of the document
        assert {speed for t, speed in speeds.items() if first.time_s + 6 <= t <= until_s} == {0.0}
        assert max(speed for t, speed in speeds.items() if until_s < t < until_s + 20) > 1
        assert len(ran.only(OrderDelivered)) == 3


def test_robots_are_helped_on_as_well(plant: Plant) -> None:
    fleets = {"bot": {**ROBOT, "depot": "door", "sites": ["east", "west"], "crew": "remote", "operators": 1}}
    where = supervised(
        fleets=fleets, depots={"door": {"parking": "depot.trucks"}},
        permits={name: {**one, "crew": "remote"} for name, one in BY_MASS.items()},
    )  # fmt: skip
    small = order("s", "east", "west", pallets=0.1, mass_kg=5)
    ran = plant.run(there_and_back(("bot.00", "s", "east", "west")), [small], where=where)
    assert len(ran.only(IncidentBegan)) == len(ran.only(IncidentEnded)) >= 1
    assert len(ran.only(OrderDelivered)) == 1


def test_traci_tells_the_same_events(plant: Plant) -> None:
    where = supervised()
    assert fingerprint(three(plant, where, engine="traci").events) == fingerprint(three(plant, where).events)
