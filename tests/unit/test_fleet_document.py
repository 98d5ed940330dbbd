"""Mixed fleets in a scenario document: what groups inherit, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from sim.errors import ScenarioError
from sim.scenario import Scenario, validate

DOCUMENT: dict[str, Any] = {
    "name": "mixed", "title": "mixed", "network": "grid", "time": {"begin_s": 0, "end_s": 600},
    "controllers": {"shuttle": {"use": "insertion"}},
}  # fmt: skip


def document(**fleet: object) -> Scenario:
    return validate(DOCUMENT | {"fleet": fleet}, place="the test")


def test_a_group_differs_in_what_it_says_and_in_nothing_else() -> None:
    groups = {"bus": {"count": 3}, "van": {"count": 2, "seats": 5, "wheelchairs": 1, "depot": None}}
    fleet = document(seats=12, length_m=8.5, depot="north", groups=groups).fleet
    assert fleet is not None
    bus, van = fleet.parts
    assert fleet.size == 5
    assert (bus.name, bus.count, bus.vehicles.seats, bus.vehicles.depot) == ("bus", 3, 12, "north")
    assert (van.vehicles.seats, van.vehicles.wheelchairs, van.vehicles.depot, van.vehicles.length_m) == (
        5,
        1,
        None,
        8.5,
    )


def test_a_document_written_out_again_is_the_same() -> None:
    first = document(seats=12, depot=None, groups={"van": {"count": 2, "seats": 5}})
    assert validate(first.model_dump(mode="json"), place="again") == first


def test_equal_vehicles_are_one_part_without_a_name() -> None:
    fleet = document(count=4, seats=6).fleet
    assert fleet is not None
    assert [(part.name, part.count, part.vehicles.seats) for part in fleet.parts] == [("", 4, 6)]


@pytest.mark.parametrize(
    ("fleet", "fault"),
    [
        ({"seats": 4}, "either a count of equal vehicles or groups with a count each; found neither"),
        ({"seats": 4, "count": 2, "groups": {"a": {"count": 1}}}, "found count: 2 and 1 groups"),
        ({"count": 2, "seats": 0}, "neither seats nor wheelchair places"),
        ({"seats": 4, "groups": {"a": {"count": 0}}}, "fleet.groups.a.count: Input should be greater"),
        ({"count": 2, "seats": 4, "classes": ["gold"]}, "classes.0: unknown class 'gold'; requests.classes has none"),
        ({"count": 2, "seats": 4, "duties": [{"begin_s": "08:00", "end_s": "07:00"}]}, "end_s .07:00:00. must"),
        (
            {"count": 2, "seats": 4, "duties": [{"begin_s": "06:00", "end_s": "08:00", "breaks": [
                {"earliest_s": "07:30", "latest_s": "07:50", "duration_s": 900}]}]},
            "a break from 07:30:00 to 08:05:00 at the latest does not fit a duty from 06:00:00 to 08:00:00",
        ),
    ],
)  # fmt: skip
def test_a_fleet_that_makes_no_sense_is_refused(fleet: dict[str, Any], fault: str) -> None:
    with pytest.raises(ScenarioError, match=fault):
        document(**fleet)
