"""Plans that cannot be carried out are refused, all of them or none, and the message names what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from sim.engine.freight.craft import Craft, Goal
from sim.engine.freight.plans import check_plans
from sim.errors import ControllerError
from sim.freight import Call, FreightTask, Order, Rest
from tests.unit.engine.freight.build import DEPOTS, SITES, craft, order, traits

WAITING = {
    one.id: one
    for one in (
        order("a"), order("b"), order("bulky", pallets=5.0), order("heavy", pallets=1.0, mass_kg=3800.0),
        order("onward", "ggm", "lab"), order("robots", classes=("robot",)), order("huge", pallets=7.0),
    )
}  # fmt: skip
WHOLE = (Call("cams", load=("a",)), Call("ggm", unload=("a",)))


def check(plans: Mapping[str, Sequence[FreightTask]], *crafts: Craft, waiting: Mapping[str, Order] = WAITING) -> None:
    known = {one.id: one for one in crafts or (craft(), craft("tug.01"))}
    check_plans(plans, known, waiting, sites=SITES, depots=DEPOTS)


def refusal(tasks: Sequence[FreightTask], *crafts: Craft) -> str:
    with pytest.raises(ControllerError) as error:
        check({"tug.00": tasks}, *crafts)
    return str(error.value)


def test_what_can_be_carried_out_passes() -> None:
    check({"tug.00": WHOLE, "tug.01": [Rest("yard"), Call("cams", load=("b",)), Call("ggm", unload=("b",))]})
    check({"tug.00": [Call("cams", load=("a", "b")), Call("ggm", unload=("b", "a"), load=("onward",)),
                      Call("lab", unload=("onward",)), Rest("yard", 0.9)]})  # fmt: skip
    check({"tug.00": []})


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([Call("cams", load=("nothing",)), Call("ggm", unload=("nothing",))], ["'nothing'", "does not wait there"]),
        ([Call("lab", load=("a",)), Call("ggm", unload=("a",))], ["'a'", "cannot be loaded at lab"]),
        ([Call("cams", load=("bulky", "a")), Call("ggm", unload=("bulky", "a"))], ["7 pallets", "allowed are 6"]),
        ([Call("cams", load=("heavy", "a")), Call("ggm", unload=("heavy", "a"))], ["4300 kg", "and 4000"]),
        ([Call("ggm", unload=("a",))], ["'a' cannot be unloaded at ggm", "not on board"]),
        ([Call("cams", load=("a",)), Call("lab", unload=("a",))], ["'a' cannot be unloaded at lab", "goes elsewhere"]),
        ([Call("cams", load=("a", "a")), Call("ggm", unload=("a",))], ["'a' cannot be loaded", "twice"]),
        ([*WHOLE, *WHOLE], ["'a' cannot be loaded at cams", "twice"]),
        ([Call("cams", load=("a", "b")), Call("ggm", unload=("a",))], ["b would stay on board"]),
        ([Call("moon")], ["it cannot call at 'moon'", "allowed are cams, ggm, lab"]),
        ([Rest("garage")], ["unknown depot 'garage'", "allowed are yard"]),
        ([Call("cams", load=("robots",)), Call("ggm", unload=("robots",))], ["it may not carry 'robots'"]),
        ([Call("cams", load=("huge",)), Call("ggm", unload=("huge",))], ["it may not carry 'huge'"]),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(tasks: list[FreightTask], words: list[str]) -> None:
    message = refusal(tasks)
    assert "the plan of 'tug.00' cannot be carried out" in message
    for word in words:
        assert word in message


def test_two_vehicles_cannot_carry_one_order() -> None:
    with pytest.raises(ControllerError, match=r"order 'a' is in the plans of 'tug.00' and 'tug.01'; allowed is one"):
        check({"tug.00": WHOLE, "tug.01": WHOLE})


def test_a_plan_that_is_kept_counts_too() -> None:
    other = craft("tug.01")
    other.plan = list(WHOLE)
    assert "'tug.00' and 'tug.01'" in refusal(WHOLE, craft(), other)
    check({"tug.00": WHOLE, "tug.01": []}, craft(), other)


def test_a_vehicle_that_is_not_on_duty_has_no_plan() -> None:
    gone = craft()
    gone.on_duty = False
    assert "no vehicle of that name is on duty" in refusal(WHOLE, gone)
    assert "no vehicle of that name is on duty" in refusal(WHOLE, craft("tug.07"))


def test_a_fleet_keeps_to_its_sites() -> None:
    assert "cannot call at 'lab'; allowed are cams, ggm" in refusal(
        [Call("lab")], craft(fleet=traits(sites=frozenset({"cams", "ggm"})))
    )


def test_what_is_on_board_must_be_unloaded_and_by_the_same_vehicle() -> None:
    one = craft()
    one.cargo = {"c": order("c")}
    assert "c would stay on board" in refusal([], one)
    assert "'c' cannot be loaded" in refusal([Call("cams", load=("c",)), Call("ggm", unload=("c",))], one)
    check({"tug.00": [Call("ggm", unload=("c",))]}, one)


def test_the_call_for_which_a_bay_is_taken_stays() -> None:
    one = craft()
    one.state, one.goal, one.bay_of, one.plan = "driving", Goal("bay", "cams"), "cams", list(WHOLE)
    assert one.locked == 1
    assert "it must begin with Call(site='cams'" in refusal([], one)
    assert "found Rest(depot='yard'" in refusal([Rest("yard")], one)
    check({"tug.00": [Call("cams", load=("a", "b")), Call("ggm", unload=("a", "b"))]}, one)


def test_who_still_leaves_a_bay_may_be_sent_anywhere() -> None:
    one = craft()
    one.state, one.goal, one.bay_of, one.plan = "driving", Goal("gate", "ggm"), "cams", [Call("ggm"), Call("lab")]
    assert one.locked == 0
    check({"tug.00": [Call("lab")]}, one)


@pytest.mark.parametrize("bay_of", ["cams", None])  # a robot at a door has no bay
def test_what_is_being_handled_stays_as_it_is(bay_of: str | None) -> None:
    one = craft()
    one.state, one.place, one.bay_of, one.plan = "handling", "cams", bay_of, list(WHOLE)
    assert one.locked == 1
    assert "must begin with" in refusal([Call("cams", load=("a", "b")), Call("ggm", unload=("a", "b"))], one)
    check({"tug.00": [*WHOLE, Rest("yard")]}, one)


def test_a_fleet_may_carry_what_fits_its_kinds_classes_sites_and_room() -> None:
    assert traits().may_carry(order())
    assert traits().may_carry(order(classes=("av_truck",)))
    assert not traits().may_carry(order(classes=("robot",)))
    assert not traits().may_carry(order(pallets=6.5))
    assert not traits().may_carry(order(mass_kg=4000.5))
    assert not traits(sites=frozenset({"cams"})).may_carry(order())
