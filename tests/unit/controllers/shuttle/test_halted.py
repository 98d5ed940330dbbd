"""A vehicle that is halted for a remote operator is planned from when it can be expected to go on."""

from __future__ import annotations

import pytest

from sim.controllers.shuttle.shuttle import Shuttle
from sim.fleet_document import Fleet
from sim.world import Location, Vehicle


@pytest.mark.parametrize(("until_s", "ready_s"), [(None, 100), (340, 340), (90, 100)])
def test_a_halted_vehicle_goes_on_when_it_is_expected_to(until_s: float | None, ready_s: float) -> None:
    vehicle = Vehicle("v", 4, Location(0, 10.0), "driving", (), halted_until_s=until_s)
    assert Shuttle().start(vehicle, {}, Fleet(count=1, seats=4), now_s=100).ready_s == ready_s
