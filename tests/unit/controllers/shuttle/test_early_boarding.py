"""Riders on board before their turn leave no plan that a vehicle cannot carry out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.shuttle import Shuttle
from sim.world import Location, PlannedStop, Request, Vehicle

SEATS = 4


def ride(name: str, size: int) -> Ride:
    request = Request(name, name, Location(0, 20.0), Location(1, 20.0), size, 0.0, None, 60.0)
    return Ride(request, None, None, 0.0, 1e6, 1e6, 1e6)


def stops(*names: str) -> list[PlannedStop]:
    """`+r1 -r1` reads: pick up r1, drop off r1."""
    return [PlannedStop(name[1:], pickup=name[0] == "+") for name in names]


def fits(plan: list[PlannedStop], on_board: set[str], rides: dict[str, Ride]) -> bool:
    """Whether a plan keeps to the seats, and everybody boards and then alights."""
    aboard, seated = set(on_board), True
    for stop in plan:
        if stop.pickup == (stop.request_id in aboard):
            return False
        (aboard.add if stop.pickup else aboard.discard)(stop.request_id)
        seated &= sum(rides[name].request.size for name in aboard) <= SEATS
    return seated and not aboard


@st.composite
def moments(draw: st.DrawFn) -> tuple[list[PlannedStop], set[str], dict[str, Ride]]:
    """A plan that keeps to the seats, and who is on board at once, some of them ahead of their turn."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=1, max_size=7))
    rides = {f"r{n}": ride(f"r{n}", size) for n, size in enumerate(sizes)}
    plan, aboard, waiting = list[PlannedStop](), list[str](), list(rides)
    while aboard or waiting:
        seats = SEATS - sum(rides[name].request.size for name in aboard)
        boards = bool(waiting) and rides[waiting[0]].request.size <= seats and (not aboard or draw(st.booleans()))
        name = waiting.pop(0) if boards else aboard.pop(draw(st.integers(0, len(aboard) - 1)))
        aboard += [name] if boards else []
        plan.append(PlannedStop(name, pickup=boards))
    on_board: set[str] = set()
    for name in draw(st.permutations(list(rides))):
        if sum(rides[one].request.size for one in (*on_board, name)) <= SEATS:
            on_board.add(name)
    return plan, on_board, rides


@given(moments())
def test_whoever_boards_early_there_is_room_for_all(
    moment: tuple[list[PlannedStop], set[str], dict[str, Ride]],
) -> None:
    before, on_board, rides = moment
    vehicle = Vehicle("v", SEATS, Location(0, 0.0), "driving", tuple(sorted(on_board)))
    shuttle = Shuttle(plan=list(before))
    assert shuttle.follow(vehicle, rides, boarded_s=10.0) == []
    ahead = [stop for stop in before if not (stop.pickup and stop.request_id in on_board)]
    assert sorted(shuttle.plan, key=ahead.index) == ahead
    assert fits(shuttle.plan, on_board, rides)
    assert shuttle.changed == (not fits(ahead, on_board, rides))
    waiting = [[stop for stop in plan if stop.request_id not in on_board] for plan in (ahead, shuttle.plan)]
    assert waiting[0] == waiting[1]


def test_no_more_alight_sooner_than_have_to() -> None:
    rides = {name: ride(name, size) for name, size in {"r1": 1, "r2": 1, "r3": 1, "r4": 3}.items()}
    vehicle = Vehicle("v", SEATS, Location(0, 0.0), "driving", ("r1", "r2", "r3"))
    shuttle = Shuttle(plan=stops("+r4", "-r4", "-r1", "+r2", "-r3", "-r2"))
    shuttle.follow(vehicle, rides, boarded_s=10.0)
    assert shuttle.plan == stops("-r1", "-r3", "+r4", "-r4", "-r2")
