"""The ledger of a site: whatever comes, bays and places are never given twice and nobody is forgotten."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sim.engine.freight.yard import Waiting, Where, Yard

DAY_S = 86_400.0


def yard(*, bays: int = 2, staging: int = 2, open_s: float = 0.0, close_s: float = DAY_S) -> Yard:
    return Yard(bays, staging, open_s, close_s)


def waits(name: str, ready_s: float, slot_s: float | None = None, *, where: Where = "staging") -> Waiting:
    return Waiting(name, where, ready_s, slot_s)


def called(one: Yard, now_s: float) -> str | None:
    found = one.next_for_bay(now_s)
    return None if found is None else found.vehicle_id


class Comings(RuleBasedStateMachine):
    """Vehicles come, are called, leave; bays go out of use and come back; the executor's own order of questions."""

    def __init__(self) -> None:
        super().__init__()
        self.yard = yard(bays=3, staging=2)
        self.now_s = 0.0
        self.inside: set[str] = set()
        self.come = 0

    @rule(gate_s=st.sampled_from([0.0, 30.0]), slot_s=st.none() | st.floats(0, 600))
    def come_to_the_gate(self, gate_s: float, slot_s: float | None) -> None:
        name = f"v{self.come:03d}"
        self.come += 1
        self.inside.add(name)
        if gate_s == 0 and self.yard.may_pass(name, self.now_s, slot_s):
            self.yard.take(name)
            return
        where: Where = "staging" if self.yard.free_staging > 0 else "road"
        self.yard.wait(waits(name, self.now_s + gate_s, slot_s, where=where))

    @rule(seconds=st.floats(0, 60))
    def time_goes_on(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def call(self) -> None:
        while (one := self.yard.next_for_bay(self.now_s)) is not None:
            assert len(self.yard.taken) + self.yard.out < self.yard.bays
            self.yard.take(one.vehicle_id)
        while (one := self.yard.next_for_staging()) is not None:
            self.yard.wait(waits(one.vehicle_id, one.ready_s, one.slot_s))

    @precondition(lambda self: bool(self.yard.taken))
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.yard.taken)))
        self.yard.leave(name)
        self.inside.discard(name)

    @precondition(lambda self: bool(self.yard.queue))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(one.vehicle_id for one in self.yard.queue)))
        self.yard.forget(name)
        self.inside.discard(name)

    @rule(bays=st.integers(0, 4))
    def bays_go_out_of_use(self, bays: int) -> None:
        self.yard.out = bays

    @invariant()
    def every_bay_has_one_vehicle(self) -> None:
        numbers = list(self.yard.taken.values())
        assert len(set(numbers)) == len(numbers) <= self.yard.bays
        assert set(numbers) <= set(range(self.yard.bays))

    @invariant()
    def the_lot_is_never_fuller_than_it_is(self) -> None:
        assert len(self.yard.staged) <= self.yard.staging_places
        assert self.yard.staged == {one.vehicle_id for one in self.yard.queue if one.where == "staging"}

    @invariant()
    def nobody_is_lost_or_twice(self) -> None:
        queued = [one.vehicle_id for one in self.yard.queue]
        assert sorted([*queued, *self.yard.taken]) == sorted(self.inside)


TestComings = Comings.TestCase
TestComings.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_who_has_an_appointment_is_called_before_who_came_earlier_without_one() -> None:
    one = yard()
    one.wait(waits("early", 10.0))
    one.wait(waits("later_slot", 20.0, 900.0))
    one.wait(waits("first_slot", 30.0, 600.0))
    order = []
    while (name := called(one, 40.0)) is not None:
        order.append(name)
        one.take(name)
        one.leave(name)
    assert order == ["first_slot", "later_slot", "early"]


def test_nobody_is_called_before_the_gate_has_let_them_in() -> None:
    one = yard()
    one.wait(waits("a", 100.0))
    assert called(one, 99.0) is None
    assert called(one, 100.0) == "a"


def test_on_the_road_nobody_overtakes_the_first() -> None:
    one = yard(staging=0)
    one.wait(waits("first", 10.0, where="road"))
    one.wait(waits("urgent", 11.0, 0.0, where="road"))
    assert called(one, 20.0) == "first"


def test_who_comes_goes_straight_to_a_bay_unless_it_is_for_somebody_who_waits() -> None:
    one = yard(bays=1)
    assert one.may_pass("a", 0.0, None)
    one.wait(waits("before", 0.0))
    assert not one.may_pass("a", 5.0, None)
    assert one.may_pass("a", 5.0, 300.0), "an appointment comes first"
    one.take("x")
    assert not one.may_pass("a", 5.0, 300.0)


def test_bays_out_of_use_are_not_given_and_those_taken_are_kept() -> None:
    one = yard(bays=2)
    one.take("a")
    one.out = 1
    assert one.free_bays == 0
    one.wait(waits("b", 0.0))
    assert called(one, 10.0) is None
    assert one.taken == {"a": 0}
    one.leave("a")
    assert called(one, 10.0) == "b"


def test_a_closed_site_calls_nobody() -> None:
    one = yard(open_s=100.0, close_s=200.0)
    one.wait(waits("a", 0.0))
    assert [called(one, now) for now in (99.0, 100.0, 199.0, 200.0, math.inf)] == [None, "a", "a", None, None]
    assert not one.may_pass("b", 250.0, None)
