"""The executor's books where SUMO cannot be brought to do what they guard against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest

from sim.engine.sumo import SumoPort
from sim.engine.taxi import TaxiExecutor
from sim.errors import InvariantError
from sim.world import Load, Location, PlannedStop, Request


class Port:
    """Takes every command; nothing can halt."""

    refusal = ValueError

    def can_halt(self, _: str) -> bool:
        return False

    def taxi_state(self, _: str) -> int:
        return 1

    def dispatch_taxi(self, _vehicle_id: str, _reservations: Sequence[str]) -> None:
        pass


@pytest.fixture
def executor() -> TaxiExecutor:
    place = Location(0, 10.0), Location(1, 10.0)
    request = Request("r1", "p1", *place, size=1, earliest_s=0, latest_arrival_s=None, direct_ride_s=60)
    port, room = cast("SumoPort", Port()), Load(4, 0)
    found = TaxiExecutor(port, {"a": room, "b": room}, {"r1": request}, set(), edges=("e0", "e1"))
    found.admit("r1")
    found.reserve("r1", "p1", "0")
    return found


STOPS = [PlannedStop("r1", pickup=True), PlannedStop("r1", pickup=False)]


def test_a_rider_who_boards_before_the_move_stays_on_board(executor: TaxiExecutor) -> None:
    executor.set_plans({"a": STOPS})
    assert [name for name, _ in executor.send()] == ["dispatch"]
    executor.set_plans({"a": [], "b": STOPS})
    assert executor.send() == []  # a cannot halt yet, so that b has to wait
    executor.picked_up("a", "r1")
    assert executor.owner("r1") == "a"
    assert [executor.taxis[name].plan for name in "ab"] == [STOPS[1:], []]
    executor.send()
    executor.dropped_off("a", "r1")


def test_a_rider_moved_back_in_time_needs_no_taking_back(executor: TaxiExecutor) -> None:
    executor.set_plans({"a": STOPS})
    executor.send()
    executor.set_plans({"a": [], "b": STOPS})
    executor.set_plans({"a": STOPS, "b": []})
    assert executor.send() == []  # SUMO knows this plan
    executor.picked_up("a", "r1")


def test_nobody_else_picks_up_a_rider(executor: TaxiExecutor) -> None:
    executor.set_plans({"a": STOPS})
    executor.send()
    with pytest.raises(InvariantError, match="b picked up r1, which is planned for a"):
        executor.picked_up("b", "r1")
