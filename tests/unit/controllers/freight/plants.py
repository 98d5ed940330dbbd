"""A plant with three suppliers and two laboratories, and a day of orders: where controllers are compared."""

from __future__ import annotations

import numpy as np

from sim.freight import Cargo, Order, SiteState
from tests.unit.controllers.freight.fake_world import FakeFreightWorld, Truck, cell, fleet, order

PLACES = {"line": (11, 14), "cams": (3, 4), "press": (20, 5), "seats": (6, 20), "lab": (16, 18), "proving": (21, 21)}
SUPPLIERS = ("cams", "press", "seats")


def site(name: str, bays: int = 2, **changes: object) -> SiteState:
    x, y = PLACES[name]
    plain = {"occupied": 0, "queueing": 0, "open_s": 0.0, "close_s": 172_800.0}
    return SiteState(name, cell(x, y), bays, **(plain | changes))  # type: ignore[arg-type]  # tests name what they change


def plant(line_bays: int = 3) -> list[SiteState]:
    """Return eight bays: three at the line, one at each other site."""
    return [site(name, line_bays if name == "line" else 1) for name in PLACES]


def day_of_orders(count: int, *, seed: int, begin_s: float = 0.0, end_s: float = 86_400.0) -> list[Order]:
    """Return parts for the line, most of them, and test pieces between all other sites, at any time."""
    rng, orders, others = np.random.default_rng(seed), [], sorted(set(PLACES) - {"line"})
    for n in range(count):
        at_s = float(rng.uniform(begin_s, end_s))
        if rng.random() < 0.7:
            origin, goods = (
                SUPPLIERS[int(rng.integers(3))],
                Cargo(float(rng.integers(2, 6)), float(rng.integers(300, 2000))),
            )
            orders.append(
                order(f"part.{n:04}", origin, "line", (at_s + 1800, at_s + 3600), released_s=at_s, cargo=goods)
            )
        else:
            origin, destination = (str(one) for one in rng.choice(others, 2, replace=False))
            goods = Cargo(0.25, float(rng.integers(5, 100)))
            window = (at_s, at_s + 3600)
            orders.append(
                order(f"piece.{n:04}", origin, destination, window, kind="consignment", released_s=at_s, cargo=goods)
            )
    return orders


def trucks(count: int, **changes: object) -> list[Truck]:
    traits = fleet(**changes)  # type: ignore[arg-type]  # tests name what they change
    return [Truck(f"tug.{n:02}", traits, traits.depot_location, place="yard") for n in range(count)]


def small_world(orders: list[Order], count: int = 2, **changes: object) -> FakeFreightWorld:
    return FakeFreightWorld(plant(), trucks(count, **changes), orders)
