"""When a shuttle with a booking sets off."""

from __future__ import annotations

import dataclasses

import pytest

from sim.controllers.shuttle.departures import DepartureParameters, Departures
from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.shuttle import Shuttle
from sim.world import Location, PlannedStop, Task, Vehicle, Visit
from tests.unit.controllers.shuttle.replay import grid_times
from tests.unit.controllers.shuttle.test_controller import request

TIMES = grid_times(4, 200.0, 10.0)
HERE, THERE = Location(0, 100.0), Location(30, 60.0)
WISH_S = 1000.0
STOPS = [PlannedStop("r000", pickup=pickup) for pickup in (True, False)]


def tasks(shuttle: Shuttle) -> tuple[Task, ...]:
    alights = Ride(request(1, HERE, HERE, earliest_s=0.0), None, None, 0.0, 0.0, 0.0, 0.0)
    return shuttle.tasks({"r000": ride(), "r001": alights})


def ride() -> Ride:
    one = dataclasses.replace(request(0, THERE, Location(10, 60.0), earliest_s=WISH_S), submitted_s=0.0)
    return Ride(one, None, None, WISH_S, WISH_S + 300, WISH_S + 2000, 900)


def shuttle_at(time_s: float, *, waiting: str = "wait_first", on_board: bool = False) -> Shuttle:
    """Return a shuttle that has been looked at every five seconds since the beginning, as of this time."""
    departures = Departures(
        DepartureParameters.model_validate({"waiting": waiting, "departure_slack_share": 0.5, "departure_slack_s": 30})
    )
    shuttle = Shuttle(plan=STOPS.copy())
    vehicle = Vehicle("v", 4, HERE, "idle", ("other",) if on_board else ())
    for now_s in range(0, int(time_s) + 1, 5):
        departures.hold(vehicle, shuttle, {"r000": ride()}, TIMES, time_s=float(now_s))
    return shuttle


def test_a_shuttle_stands_until_it_has_to_go() -> None:
    """It sets off the drive, half of it, and 30 s before the booking; one step of five seconds is allowed."""
    go_s = WISH_S - 1.5 * TIMES.time_s(HERE, THERE) - 30
    assert 0 < go_s < WISH_S
    assert tasks(shuttle_at(go_s - 5)) == (Visit(HERE), *STOPS)
    assert tasks(shuttle_at(go_s + 5)) == tuple(STOPS)
    assert shuttle_at(go_s + 5).changed


def test_one_that_may_still_roll_is_not_stopped() -> None:
    """A vehicle without a plan counts as idle on its first metres, too: where it stands is known at the second look."""
    assert tasks(shuttle_at(0)) == tuple(STOPS)
    assert tasks(shuttle_at(5)) == (Visit(HERE), *STOPS)


def test_one_that_lets_the_last_rider_alight_stays_there() -> None:
    alights = PlannedStop("r001", pickup=False)
    shuttle = Shuttle(plan=[alights, *STOPS])
    serving = Vehicle("v", 4, HERE, "serving", ("r001",), locked=1)
    departures = Departures(DepartureParameters(waiting="wait_first"))
    alighting = Ride(request(1, THERE, HERE, earliest_s=-900.0), None, None, -900.0, 0.0, 1000.0, 900, boarded_s=-800.0)
    rides = {"r000": ride(), "r001": alighting}
    departures.hold(serving, shuttle, rides, TIMES, time_s=0.0)
    assert tasks(shuttle) == (alights, Visit(HERE), *STOPS)
    shuttle.plan = STOPS.copy()
    idle = dataclasses.replace(serving, phase="idle", on_board=(), locked=0)
    departures.hold(idle, shuttle, rides, TIMES, time_s=5.0)
    assert tasks(shuttle) == (Visit(HERE), *STOPS)


def test_one_that_somebody_waits_for_drives_on() -> None:
    waits = Ride(request(1, THERE, HERE, earliest_s=0.0), None, None, 0.0, 1000.0, 2000.0, 900)
    shuttle = Shuttle(plan=[STOPS[0], PlannedStop("r001", pickup=True), PlannedStop("r001", pickup=False), STOPS[1]])
    departures = Departures(DepartureParameters(waiting="wait_first"))
    for time_s in (0.0, 5.0):
        departures.hold(
            Vehicle("v", 4, HERE, "idle", ()), shuttle, {"r000": ride(), "r001": waits}, TIMES, time_s=time_s
        )
    assert shuttle.held is None


@pytest.mark.parametrize(("waiting", "on_board"), [("drive_first", False), ("wait_first", True)])
def test_else_it_drives_at_once(waiting: str, on_board: bool) -> None:  # noqa: FBT001
    assert tasks(shuttle_at(100, waiting=waiting, on_board=on_board)) == tuple(STOPS)
