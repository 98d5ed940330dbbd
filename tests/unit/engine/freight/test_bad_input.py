"""A scenario whose freight cannot be is refused before SUMO starts: path, what was found, what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engine.resolve import check_names
from sim.errors import ScenarioError
from sim.freight_document import Freight
from sim.scenario import Scenario, validate

TUG: dict[str, Any] = {
    "vehicle_class": "av_truck", "count": 4, "depot": "yard", "capacity_pallets": 6, "payload_kg": 4000,
    "diesel": {"emission_class": "Zero", "mass_kg": 8000},
}  # fmt: skip
WORKS: dict[str, Any] = {"title": "t", "classes": ["av_truck"], "zone": {"everywhere": True}, "status": "assumed",
                         "source": "test"}  # fmt: skip


def document(freight: dict[str, Any] | None = None, **permit: Any) -> dict[str, Any]:  # noqa: ANN401 (of a document)
    goods = {"sites": {"ggm": {}, "cams": {}}, "depots": {"yard": {"parking": "depot.trucks"}}, "fleets": {"tug": TUG}}
    return {
        "name": "bad", "title": "bad", "network": "bitgreen", "time": {"begin_s": 0, "end_s": 900},
        "freight": goods | (freight or {}), "permits": {"p": WORKS | permit},
        "controllers": {"freight": {"use": "greedy"}},
    }  # fmt: skip


def scenario(freight: dict[str, Any] | None = None, **permit: Any) -> Scenario:  # noqa: ANN401 (of a document)
    return validate(document(freight, **permit), place="bad.yaml")


def test_what_is_right_passes() -> None:
    assert check_names(scenario()).name == "bitgreen"


def test_one_class_of_a_permit_that_moves_will_do() -> None:
    assert check_names(scenario(classes=["robot", "av_truck"])).name == "bitgreen"


def test_a_permit_without_anybody_is_idle_where_all_have_drivers() -> None:
    human = {"fleets": {"tug": {**TUG, "vehicle_class": "human_truck"}}}
    assert check_names(scenario(human)).name == "bitgreen"


def test_to_be_covered_by_one_of_several_permits_will_do() -> None:
    light = WORKS | {"max_mass_kg": 100}
    whole = document() | {"permits": {"light": light, "p": WORKS}}
    assert check_names(validate(whole, place="bad.yaml")).name == "bitgreen"


@pytest.mark.parametrize(
    ("freight", "permit", "words"),
    [
        ({}, {"zone": {"polygon": [[129.0, 35.1], [129.1, 35.1], [129.1, 35.2]]}},
         ["permits.p.zone.polygon", "off the network"]),
        ({}, {"zone": {"edges": ["X9"]}}, ["permits.p.zone.edges.0", "'X9'", "edges"]),
        ({}, {"zone": {"areas": ["moon"]}}, ["permits.p.zone.areas.0", "'moon'", "ggm_block"]),
        ({}, {"zone": {"edges": ["N32+"]}}, ["freight.fleets.tug", "cannot reach and leave", "permits allow"]),
        ({"sites": {"ggm": {"bays": 999}, "cams": {}}}, {}, ["freight.sites.ggm.bays", "found 999", "has 20"]),
        ({"sites": {"moon": {}}}, {}, ["freight.sites.moon.dock", "'dock.moon'", "allowed are dock."]),
        ({"fleets": {"tug": {**TUG, "count": 900}}}, {}, ["freight.depots.yard.parking", "places for 900 vehicles"]),
        ({"depots": {"yard": {"parking": "garage"}}}, {}, ["freight.depots.yard.parking", "'garage'"]),
        ({"fleets": {"tug": {**TUG, "crew": "remote"}}}, {"vehicles_per_operator": 2},
         ["freight.fleets.tug.operators", "missing", "permits.p allows 2"]),
        ({}, {"classes": ["special_vehicle"]},
         ["permits.p.classes", "found special_vehicle, and none of them moves in bad", "no permit names av_truck",
          "that move: av_truck"]),
        ({}, {"max_mass_kg": 7999}, ["freight.fleets.tug", "no permit covers", "8000 kg", "p.max_mass_kg allows 7999"]),
        ({}, {"min_mass_kg": 8000}, ["freight.fleets.tug", "permits.p.min_mass_kg allows more than 8000"]),
        ({"fleets": {"tug": {**TUG, "crew": "none"}}}, {"crew": "remote"},
         ["freight.fleets.tug", "crew none", "permits.p.crew allows driver or passenger_seat or remote"]),
        ({"sites": {"ggm": {"dock": "depot.trucks"}, "cams": {}}}, {},
         ["freight.sites.ggm.dock and freight.depots.yard.parking: found depot.trucks for both", "of its own"]),
        ({"sites": {"cams": {"dock": "dock.ggm"}, "ggm": {}}}, {},
         ["freight.sites.cams.dock and freight.sites.ggm.dock: found dock.ggm for both"]),
        ({"depots": {"yard": {"parking": "depot.trucks"}, "lot": {"parking": "depot.trucks"}}}, {},
         ["freight.depots.yard.parking and freight.depots.lot.parking: found depot.trucks for both"]),
        ({"sites": {"cams": {"staging": "staging.ggm"}, "ggm": {}}}, {},
         ["freight.sites.cams.staging and freight.sites.ggm.staging: found staging.ggm for both"]),
    ],
)  # fmt: skip
def test_what_the_network_lacks_is_told_with_its_place(
    freight: dict[str, Any], permit: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ScenarioError) as error:
        check_names(scenario(freight, **permit))
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("freight", "permit", "words"),
    [
        ({}, {"windows": []}, ["permits.p.windows: found none; allowed is at least 1; left out, the permit"]),
        ({}, {"windows": [{"begin_s": "10:00", "end_s": "10:00"}]}, ["permits.p.windows.0", "empty hours", "10:00"]),
        ({}, {"windows": [{"begin_s": "22:00", "end_s": "06:00"}]}, ["empty hours", "a night is two windows"]),
        ({}, {"zone": {}}, ["permits.p.zone", "everywhere, areas, a polygon or edges"]),
        ({}, {"classes": ["tank"]}, ["permits.p.classes.0", "'tank'", "av_truck"]),
        ({"fleets": {"tug": {**TUG, "depot": "moon"}}}, {}, ["fleets.tug.depot", "'moon'", "yard"]),
        ({"supervision": {"incidents_per_1000_km": 20, "handling": {"mean_s": 90, "sd_s": 9, "status": "assumed",
                                                                    "source": "t"}}}, {},
         ["supervision: found no fleet of crew remote with operators"]),
        ({"sites": {"yard": {}, "cams": {}}}, {}, ["found yard twice", "one site or depot of a name"]),
        (
            {"orders": [{"id": "x", "kind": "part", "family": "wing", "origin": "cams", "destination": "ggm",
                         "pallets": 1, "mass_kg": 10, "released_s": 0, "earliest_s": 0, "latest_s": 900, "pieces": 1}]},
            {}, ["orders.x.family", "'wing'", "lines.*.parts"],
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_within_the_document_is_told_with_its_place(
    freight: dict[str, Any], permit: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ScenarioError) as error:
        scenario(freight, **permit)
    assert "bad.yaml" in str(error.value)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("disruption", "words"),
    [
        ({"kind": "breakdown", "fleet": "tug", "number": 4}, ["disruptions.0.number", "found 4", "tug has 0 to 3"]),
        ({"kind": "breakdown", "fleet": "bus"}, ["disruptions.0.fleet", "'bus'", "tug"]),
        ({"kind": "bay_outage", "site": "yard", "bays": 1}, ["disruptions.0.site", "'yard'", "cams, ggm"]),
        ({"kind": "bay_outage", "site": "ggm"}, ["bay_outage needs site and bays", "missing: bays"]),
        ({"kind": "charger_derating", "site": "ggm", "hub_kw": 5}, ["disruptions.0.site", "ggm", "charging has none"]),
    ],
)  # fmt: skip
def test_a_disruption_of_what_there_is_not_is_told(disruption: dict[str, Any], words: list[str]) -> None:
    freight = {"disruptions": [{"begin_s": 0, "end_s": 60, **disruption}]}
    with pytest.raises(ScenarioError) as error:
        scenario(freight)
    for word in words:
        assert word in str(error.value)


def test_a_hub_with_chargers_can_lose_power() -> None:
    charging = {"power_kw": 50, "hub_kw": 100}
    found = Freight.model_validate({
        "sites": {"ggm": {}}, "depots": {"yard": {"parking": "depot.trucks", "charging": charging}},
        "disruptions": [{"kind": "charger_derating", "site": "yard", "hub_kw": 0, "begin_s": 0, "end_s": 60}],
    })  # fmt: skip
    assert found.disruptions[0].hub_kw == 0
