"""The executor's books where SUMO cannot be brought to do what they guard against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.engine.sumo import SumoPort
from sim.engine.taxi import TaxiExecutor
from sim.engine.taxi_plan import Taxi, too_early
from sim.errors import InvariantError
from sim.world import Load, Location, PlannedStop, Request, Task, Visit


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


SEATS = 3
Trips = dict[str, Request]


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[PlannedStop], Trips]:
    """A plan that keeps to the seats, among four places."""
    places = [Location(edge, 20.0) for edge in range(4)]
    trips, plan, aboard = Trips(), list[PlannedStop](), list[str]()
    for n in range(draw(st.integers(1, 6))):
        origin, destination = draw(st.permutations(places))[:2]
        size = draw(st.integers(1, SEATS))
        name = f"r{n}"
        trips[name] = Request(
            name, name, origin, destination, size, earliest_s=0, latest_arrival_s=None, direct_ride_s=60
        )
        while aboard and (load(aboard, trips) + size > SEATS or draw(st.booleans())):
            plan.append(PlannedStop(aboard.pop(draw(st.integers(0, len(aboard) - 1))), pickup=False))
        plan.append(PlannedStop(name, pickup=True))
        aboard.append(name)
    return [*plan, *(PlannedStop(name, pickup=False) for name in aboard)], trips


def load(names: Sequence[str], trips: Trips) -> int:
    return sum(trips[name].size for name in names)


def where(task: Task, trips: Trips) -> Location:
    if isinstance(task, Visit):
        return task.location
    return trips[task.request_id].origin if task.pickup else trips[task.request_id].destination


def drive(plan: Sequence[PlannedStop], trips: Trips, sent: Sequence[str]) -> int:
    """Let riders board as SUMO does, those sent for wherever somebody alights near them; return the fullest load."""
    aboard, fullest = list[str](), 0
    for k, stop in enumerate(plan):
        if not stop.pickup:
            aboard.remove(stop.request_id)
        elif stop.request_id not in aboard:
            aboard.append(stop.request_id)
        here, after = where(stop, trips), plan[k + 1 : k + 2]
        if not stop.pickup and not (after and where(after[0], trips) == here):
            for later in plan[k + 1 :]:
                near = later.pickup and trips[later.request_id].origin == here and later.request_id in sent
                if near and later.request_id not in aboard and load([*aboard, later.request_id], trips) <= SEATS:
                    aboard.append(later.request_id)
        fullest = max(fullest, load(aboard, trips))
    return fullest


def early(plan: Sequence[Task], trips: Trips, *, absent: Sequence[str] = ()) -> set[str]:
    taxi = Taxi("a", Load(SEATS, 0), plan=list(plan))
    return too_early(taxi, trips, where=lambda task: where(task, trips), present=lambda name: name not in absent)


@given(plans())
def test_whoever_is_sent_for_at_once_leaves_others_their_seats(case: tuple[list[PlannedStop], Trips]) -> None:
    plan, trips = case
    later = early(plan, trips)
    assert drive(plan, trips, [name for name in trips if name not in later]) <= SEATS


def trip(name: str, origin: int, destination: int, size: int) -> Request:
    places = Location(origin, 20.0), Location(destination, 20.0)
    return Request(name, name, *places, size, earliest_s=0, latest_arrival_s=None, direct_ride_s=60)


def stops(*names: str) -> list[Task]:
    """`+r1 -r1` reads: pick up r1, drop off r1."""
    return [PlannedStop(name[1:], pickup=name[0] == "+") for name in names]


X = 0
TRIPS = {"r1": trip("r1", 1, X, 1), "r2": trip("r2", 1, 2, SEATS), "r3": trip("r3", X, 2, 1), "r4": trip("r4", X, 2, 1)}


@pytest.mark.parametrize(
    ("plan", "absent", "expected"),
    [
        (stops("+r1", "-r1", "+r2", "-r2", "+r3", "-r3"), [], {"r3"}),
        (stops("+r1", "-r1", "+r3", "-r3", "+r2", "-r2"), [], set()),  # one stop, as SUMO sees it
        (stops("+r4", "-r4", "+r2", "-r2", "+r3", "-r3"), [], set()),  # those alone board whom the stop is for
        (stops("+r4", "-r4", "+r2", "-r2", "+r3", "-r3"), ["r4"], {"r3"}),  # unless the taxi waits there
        ([Visit(Location(X, 30.0)), *stops("+r2", "-r2", "+r3", "-r3")], [], {"r3"}),
        ([Visit(Location(X, 40.0)), *stops("+r2", "-r2", "+r3", "-r3")], [], set()),
        (stops("+r1", "-r1", "+r2", "-r2", "+r3", "-r3"), ["r3"], set()),  # nobody is sent for who has not come
    ],
)
def test_who_would_board_early_where_the_taxi_stands(plan: list[Task], absent: list[str], expected: set[str]) -> None:
    assert early(plan, TRIPS, absent=absent) == expected
