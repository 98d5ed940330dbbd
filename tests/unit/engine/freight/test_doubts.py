"""What can run and most likely is not meant is told once, with its path."""

from __future__ import annotations

from typing import Any

import pytest

from sim.engine.doubts import doubts
from sim.engine.resolve import resolve
from sim.scenario import validate

TUG: dict[str, Any] = {
    "vehicle_class": "av_truck", "count": 1, "depot": "yard", "capacity_pallets": 6, "payload_kg": 4000,
    "diesel": {"emission_class": "Zero", "mass_kg": 8000},
}  # fmt: skip
ORDER: dict[str, Any] = {
    "id": "x", "kind": "consignment", "family": "parcel", "origin": "cams", "destination": "ggm", "pallets": 1,
    "mass_kg": 10, "released_s": "06:10", "earliest_s": "06:10", "latest_s": "06:50", "pieces": 0,
}  # fmt: skip
WORKS: dict[str, Any] = {"title": "t", "classes": ["av_truck"], "zone": {"everywhere": True}, "status": "assumed",
                         "source": "test"}  # fmt: skip
LORRIES = {"lorries": {"in": {"site": "ggm", "per_day": 900, "gateways": {"R29": 1}, "handling_s": 600}}}
CARS = {
    "sites": {"ggm": {}, "cams": {}, "vehicle_compound": {}},
    "lines": {"l": {"site": "ggm", "cars_per_h": 30, "work": [{"begin_s": "06:00", "end_s": "07:00"}]}},
    "finished_cars": {"line": "l", "start_edge": "N32-", "compound": "vehicle_compound",
                      "parking": "compound.vehicle_compound", "capacity": 100},
}  # fmt: skip
NIGHT = [{"begin_s": "22:00", "end_s": "24:00"}]
DISPATCHER = {"freight": {"use": "greedy"}}
TUGS = {"tug": TUG}


def told(
    *,
    fleets: dict[str, Any] = TUGS,
    orders: tuple[dict[str, Any], ...] = (ORDER,),
    freight: dict[str, Any] | None = None,
    permits: dict[str, Any] | None = None,
    controllers: dict[str, Any] = DISPATCHER,
    **other: Any,  # noqa: ANN401 (of a document)
) -> list[str]:
    """Return what is doubted in an hour of the morning with a tug and an order."""
    document = {
        "name": "d", "title": "d", "network": "bitgreen",
        "time": {"begin_s": "06:00", "end_s": "07:00", "drain_s": 600},
        "freight": {"sites": {"ggm": {}, "cams": {}}, "depots": {"yard": {"parking": "depot.trucks"}},
                    "fleets": fleets, "orders": orders} | (freight or {}),
        "permits": {"p": WORKS} if permits is None else permits,
        "controllers": controllers,
    }  # fmt: skip
    return doubts(resolve(validate(document | other, place="d.yaml")))


def test_of_a_run_with_work_for_everybody_nothing_is_doubted() -> None:
    assert told() == []


def test_a_permit_left_over_where_all_have_drivers_is_not_doubted() -> None:
    assert told(fleets={"tug": TUG | {"vehicle_class": "human_truck"}}) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"fleets": {"tug": TUG, "cart": TUG | {"vehicle_class": "special_vehicle"}}},
            "permits: none is for special_vehicle, which does without a driver",
        ),
        (
            {"permits": {"p": WORKS, "q": WORKS | {"classes": ["robot", "special_vehicle"]}}},
            "permits.q.classes: none of robot, special_vehicle moves, so that this permit is for nobody",
        ),
        ({"orders": ()}, "freight: nothing has to be moved in the run, 06:00:00 to 07:10:00"),
        ({"orders": (ORDER | {"released_s": "04:00", "latest_s": "06:20"},)}, "freight: nothing has to be moved"),
        (
            {"orders": (), "freight": LORRIES},
            "freight: no order is released in the run, 06:00:00 to 07:10:00, so that its fleets have nothing to do",
        ),
        (
            {"fleets": {}, "controllers": {}, "permits": {}},
            "freight.fleets: found none, so that nobody carries one order",
        ),
        ({"controllers": {}}, "controllers.freight: found none, so that nobody carries one order"),
        (
            {"orders": (ORDER, ORDER | {"id": "y", "mass_kg": 9000})},
            "none may carry 1 of 2 orders; the first is y, a consignment from cams to ggm, 1 pallets, 9000 kg",
        ),
        (
            {"fleets": {"tug": TUG | {"duty": {"begin_s": "09:00", "end_s": "12:00"}}}},
            "freight.fleets.tug.duty: nobody is on duty in the run, 06:00:00 to 07:10:00; found 09:00:00 to 12:00:00",
        ),
        (
            {"permits": {"p": WORKS | {"windows": NIGHT}}},
            "freight.fleets.tug: its permits let it drive to its sites at no time of its duty, between 06:00:00 and",
        ),
        (
            {"permits": {"p": WORKS | {"windows": [{"begin_s": "06:30", "end_s": "09:00"}]}},
             "fleets": {"tug": TUG | {"duty": {"begin_s": "05:00", "end_s": "06:30"}}}},
            "freight.fleets.tug: its permits let it drive to its sites at no time of its duty, between 06:00:00 and 0",
        ),
        (
            {"freight": CARS, "permits": {"p": WORKS, "q": WORKS | {"classes": ["finished_car"], "windows": NIGHT}}},
            "freight.finished_cars: their permits let them drive at no time in the run, 06:00:00 to",
        ),
        (
            {"fleet": {"seats": 8, "count": 1, "duties": [{"begin_s": "08:00", "end_s": "09:00"}]}},
            "fleet.duties.0: nobody is on duty in the run, 06:00:00 to 07:10:00; found 08:00:00 to 09:00:00",
        ),
        (
            {"fleet": {"seats": 8, "count": 2}, "controllers": {**DISPATCHER, "shuttle": {"use": "insertion"}}},
            "fleet: nobody calls for one of 2 vehicles in the run",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_told_once(change: dict[str, Any], words: str) -> None:
    (text,) = told(**change)
    assert words in text
