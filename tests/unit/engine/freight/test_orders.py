"""Every order of a run is in one state, and settled once."""

from __future__ import annotations

import pytest

from sim.engine.freight.distances import Spot
from sim.engine.freight.orders import OrderBook
from sim.errors import ControllerError
from sim.freight_events import OrderFailed, OrderOpen, OrderReleased
from tests.unit.engine.freight.build import SITES, order

DOCKS = {name: Spot(f"at {name}", 10.0) for name in SITES}


def book(*orders: str, released_s: float = 0.0) -> OrderBook:
    return OrderBook([order(name, released_s=released_s) for name in orders], docks=DOCKS, shortest_m=lambda *_: 1234.0)


def test_orders_wait_from_their_release_on_in_the_order_of_it() -> None:
    found = OrderBook(
        [order("late", released_s=50.0), order("b"), order("a")], docks=DOCKS, shortest_m=lambda *_: 1234.0
    )
    events = list(found.release(49.0))
    assert [one.order_id for one in events if isinstance(one, OrderReleased)] == ["a", "b"]
    assert (found.unsettled, [one.id for one in found.open()]) == (3, ["a", "b"])
    (released,) = found.release(50.0)
    assert isinstance(released, OrderReleased)
    assert (released.order_id, released.direct_distance_m) == ("late", 1234.0)


def test_an_order_is_settled_once() -> None:
    found = book("a", "b")
    list(found.release(0.0))
    found.load("a")
    assert found.find("a").id == "a"
    with pytest.raises(ControllerError, match=r"order 'a' cannot be failed: it does not wait"):
        found.fail("a", "late", 10.0)
    found.deliver("a")
    failed = found.fail("b", "no_vehicle_may_carry_it", 10.0)
    assert failed == OrderFailed(time_s=10.0, order_id="b", cause="no_vehicle_may_carry_it")
    assert found.unsettled == 0
    assert list(found.close(20.0)) == []
    with pytest.raises(ControllerError, match=r"order 'b' neither waits nor is on board"):
        found.find("b")


def test_the_end_tells_what_is_open_and_nothing_of_what_was_never_known() -> None:
    found = OrderBook(
        [order("a"), order("b"), order("unknown", released_s=9_000.0)], docks=DOCKS, shortest_m=lambda *_: 1.0
    )  # fmt: skip
    list(found.release(0.0))
    found.load("b")
    assert list(found.close(100.0)) == [
        OrderOpen(time_s=100.0, order_id="a", state="waiting"),
        OrderOpen(time_s=100.0, order_id="b", state="on_board"),
    ]


def test_an_order_placed_while_the_run_goes_on_is_released_in_its_time() -> None:
    found = book("a")
    list(found.release(0.0))
    found.place(order("urgent", released_s=10.0), SITES)
    assert found.unsettled == 2
    assert list(found.release(9.0)) == []
    (released,) = found.release(10.0)
    assert isinstance(released, OrderReleased)
    assert released.order_id == "urgent"


def test_an_order_with_a_known_id_or_an_unknown_site_is_refused() -> None:
    found = book("a")
    list(found.release(0.0))
    with pytest.raises(ControllerError, match=r"order 'a' cannot be placed: there is or was one of that id"):
        found.place(order("a"), SITES)
    with pytest.raises(ControllerError, match=r"order 'x' names the site 'moon'; allowed are cams, ggm, lab"):
        found.place(order("x", destination="moon"), SITES)
    assert found.unsettled == 1
