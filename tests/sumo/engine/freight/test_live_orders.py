"""Orders that come in while a run goes on: logged by step, and the log repeats the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sim.controllers.base import FreightController
from sim.demand.goods import _of_row
from sim.errors import ControllerError
from sim.events import fingerprint
from sim.freight import FreightWorld, Order
from sim.freight_events import OrderDelivered, OrderReleased
from sim.orders_file import OrderRow, read_orders
from tests.sumo.engine.freight.plant import Plant, greedy, order


class Taking:
    """A controller that takes orders from outside as they come, and leaves the rest to another."""

    def __init__(self, inner: FreightController, coming: Sequence[tuple[float, Order]]) -> None:
        self._inner, self._coming = inner, list(coming)

    def start(self, world: FreightWorld) -> None:
        self._inner.start(world)

    def step(self, world: FreightWorld) -> None:
        while self._coming and self._coming[0][0] <= world.time_s:
            world.place(self._coming.pop(0)[1])
        self._inner.step(world)

    def finish(self, world: FreightWorld) -> None:
        self._inner.finish(world)


LONG = [order("one", "east", "west"), order("last", "west", "east", released_s=700.0, latest_s=1_400.0)]
URGENT = order("urgent", "north", "bare", released_s=0.0, latest_s=900.0)


def test_the_log_of_a_run_with_live_orders_repeats_it(plant: Plant, tmp_path: Path) -> None:
    live = plant.run(Taking(greedy(), [(200.0, URGENT), (203.0, replace(URGENT, id="later", released_s=400.0))]), LONG)
    assert {one.order_id for one in live.only(OrderDelivered)} == {"one", "last", "urgent", "later"}
    released = {one.order_id: one.time_s for one in live.only(OrderReleased)}
    assert released["urgent"] > 200.0
    assert released["later"] == 400.0
    log = tmp_path / "commands.jsonl"
    log.write_text(live.commands)
    logged = [_of_row(OrderRow.model_validate(row)) for row in read_orders(log)]
    again = plant.run(greedy(), [*LONG, *logged])
    assert fingerprint(again.events) == fingerprint(live.events)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "one"}, "there is or was one of that id"),
        ({"destination": "moon"}, "names the site 'moon'; allowed are bare, east, north, west"),
        ({"latest_s": 100.0}, "latest_s"),
    ],
)
def test_what_cannot_be_an_order_is_refused(plant: Plant, change: dict[str, object], message: str) -> None:
    coming = [(200.0, replace(URGENT, **change))]  # type: ignore[arg-type]
    with pytest.raises(ControllerError, match=message):
        plant.run(Taking(greedy(), coming), LONG)
