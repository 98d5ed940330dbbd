"""What has to be moved: arithmetic of stock and takt by hand, flows by seed, and what cannot be."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.demand.goods import draw_goods
from sim.demand.line import counted_stock, finished_cars, line_of_day, part_orders
from sim.demand.population import Goods, PartStock
from sim.errors import ScenarioError
from sim.freight import Cargo
from sim.freight_document import Freight, Line
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import Span

H = 3600
DAY = Span(begin_s=6 * H, end_s=20 * H)
BUMPER: dict[str, Any] = {
    "origin": "cams", "per_car": 2, "lot": 40, "pieces_per_pallet": 12, "kg_per_piece": 8.5, "stock": 100,
    "safety_stock": 20, "lead_s": 1800, "window_s": 600,
}  # fmt: skip
LINE: dict[str, Any] = {
    "site": "ggm",
    "cars_per_h": 20,
    "work": [{"begin_s": "08:00", "end_s": "16:00", "breaks": [{"begin_s": "12:00", "end_s": "12:30"}]}],
    "parts": {"bumper": BUMPER},
}
SAMPLES: dict[str, Any] = {
    "sites": ["ggm", "cams", "garion"], "per_h": 30, "profile": {"00:00": 0, "08:00": 1, "18:00": 0},
    "mass_kg_min": 5, "mass_kg_max": 25, "window_s": 2700,
}  # fmt: skip
INBOUND: dict[str, Any] = {
    "site": "ggm", "per_day": 240, "profile": {"00:00": 0, "06:00": 2, "08:00": 1, "16:00": 0},
    "gateways": {"R29": 0.75, "H11": 0.25}, "handling_s": 1500,
}  # fmt: skip
FREIGHT: dict[str, Any] = {
    "sites": {"ggm": {}, "cams": {}, "garion": {}},
    "lines": {"ggm": LINE},
    "consignments": {"samples": SAMPLES},
    "lorries": {"inbound": INBOUND},
}


def line(**changes: Any) -> Line:  # noqa: ANN401 (fields of a document)
    return Line.model_validate({**LINE, **changes})


def draw(network: Network, graph: EdgeGraph, *, seed: int = 1, span: Span = DAY, **changes: Any) -> Goods:  # noqa: ANN401
    freight = Freight.model_validate({**deepcopy(FREIGHT), **changes})
    return draw_goods(freight, span, network, graph, np.random.SeedSequence(seed))


def test_an_order_is_due_when_the_stock_falls_to_the_safety_stock() -> None:
    # 40 pieces an hour; 80 above the safety stock last 2 h, every lot another hour; the break lasts from 12:00 to 12:30
    orders = part_orders(line(), DAY)
    due = [10 * H, 11 * H, 12 * H, 13.5 * H, 14.5 * H, 15.5 * H]
    assert [order.latest_s for order in orders] == due
    first = orders[0]
    assert (first.id, first.kind, first.family, first.origin, first.destination) == (
        *("bumper.001", "part", "bumper"),
        *("cams", "ggm"),
    )
    assert (first.earliest_s, first.released_s, first.pieces) == (10 * H - 600, 10 * H - 1800, 40)
    assert first.cargo == Cargo(4.0, 340.0)  # 40 pieces of 8.5 kg, 12 a pallet


def test_only_orders_due_in_the_run_belong_to_it_and_keep_their_numbers() -> None:
    orders = part_orders(line(), Span(begin_s=11 * H - 900, end_s=12 * H))
    assert [(order.id, order.released_s) for order in orders] == [("bumper.002", 11 * H - 900)]


def test_too_little_stock_is_due_when_the_work_begins() -> None:
    short = line(parts={"bumper": BUMPER | {"stock": 0, "safety_stock": 70}})
    # 70 short: the orders of 0 and of 40 are due at once, that of 80 when 10 pieces are used
    assert [order.latest_s for order in part_orders(short, DAY)][:3] == [8 * H, 8 * H, 8 * H + 900]


def test_a_day_begins_anywhere_in_the_use_of_a_lot() -> None:
    made = line(stock_spread_lots=1, parts={"bumper": BUMPER, "seat": BUMPER})
    days = [line_of_day("ggm", made, np.random.SeedSequence(seed)) for seed in range(400)]
    assert days[7] == line_of_day("ggm", made, np.random.SeedSequence(7))
    stocks = np.array([[family.stock.value for family in day.parts.values()] for day in days])
    assert set(stocks.ravel()) == set(range(60, 101))
    assert stocks.mean(axis=0) == pytest.approx([80, 80], abs=4 * 12 / 400**0.5)
    assert abs(np.corrcoef(stocks.T)[0, 1]) < 4 / 400**0.5  # each family has a draw of its own
    for day in days:
        less = 100 - day.parts["bumper"].stock.value
        first = next(order for order in part_orders(day, DAY) if order.family == "bumper")
        assert first.latest_s == pytest.approx(10 * H - less / 40 * H, abs=0.001)


def test_another_family_leaves_the_stock_of_the_others_as_it_is() -> None:
    alone, both = (line(stock_spread_lots=1, parts=parts) for parts in ({"b": BUMPER}, {"a": BUMPER, "b": BUMPER}))
    for seed in range(5):
        seeds = np.random.SeedSequence(seed)
        assert line_of_day("ggm", alone, seeds).parts["b"] == line_of_day("ggm", both, seeds).parts["b"]


def test_no_day_begins_below_the_safety_stock() -> None:
    wide = line(stock_spread_lots=5)
    short = line(stock_spread_lots=5, parts={"bumper": BUMPER | {"stock": 10}})
    for seed in range(100):
        drawn = line_of_day("ggm", wide, np.random.SeedSequence(seed))
        assert 20 <= drawn.parts["bumper"].stock.value <= 100
        assert line_of_day("ggm", short, np.random.SeedSequence(seed)) == short


def test_the_stock_when_a_run_begins_holds_the_lots_due_before() -> None:
    count = {begin: next(counted_stock(line(), begin * H)) for begin in (6, 9, 10, 11, 12.25, 20)}
    assert count[6] == PartStock("ggm", "bumper", 100)
    # 40 pieces an hour from 08:00; the lot that is due as the run begins is still to come
    assert [count[begin].pieces for begin in (9, 10, 11, 12.25, 20)] == [60, 20, 20, 20, 40]


def test_cars_come_off_the_line_at_its_takt_and_not_in_breaks() -> None:
    cars = finished_cars("ggm", line(), DAY)
    times_s = [car.finished_s for car in cars]
    assert len(cars) == 7.5 * 20
    assert (cars[0].vehicle_id, times_s[0], times_s[79]) == ("built.0001", 8 * H + 180, 12 * H)
    assert times_s[80] == 12.5 * H + 180
    assert times_s[-1] == 16 * H
    assert not [at for at in times_s if 12 * H < at <= 12.5 * H]


@settings(max_examples=100, deadline=None)
@given(
    per_car=st.floats(0.1, 8),
    rate=st.floats(5, 60),
    lot=st.integers(1, 200),
    stock=st.integers(0, 400),
    safety=st.integers(0, 100),
)
def test_orders_that_come_when_due_keep_the_line_above_its_safety_stock(
    per_car: float, rate: float, lot: int, stock: int, safety: int
) -> None:
    family = BUMPER | {"per_car": per_car, "lot": lot, "stock": stock, "safety_stock": min(safety, stock)}
    made = line(cars_per_h=rate, parts={"bumper": family})
    whole = Span(begin_s=0, end_s=24 * H)
    due = np.array([order.latest_s for order in part_orders(made, whole)])
    grid = np.arange(8 * H, 16 * H + 1, 60.0)
    worked = np.minimum(grid, 12 * H) - 8 * H + np.maximum(grid - 12.5 * H, 0)
    level = stock + lot * (due[:, np.newaxis] <= grid).sum(axis=0) - worked * per_car * rate / H
    assert level.min() >= min(safety, stock) - per_car * rate / H * 0.01 - 1e-6
    if len(due):  # and none comes before it is needed
        assert level.max() <= max(stock, min(safety, stock) + lot) + 1e-6


def test_consignments_follow_rate_and_profile_between_two_sites(network: Network, graph: EdgeGraph) -> None:
    orders = list(draw(network, graph, lines={}, lorries={}).orders)
    assert len(orders) == pytest.approx(300, abs=4 * 300**0.5)
    assert all(8 * H <= order.released_s < 18 * H for order in orders)
    assert all(order.origin != order.destination for order in orders)
    assert all(order.latest_s - order.released_s == 2700 for order in orders)
    assert all(5 <= order.cargo.mass_kg <= 25 for order in orders)
    pairs = {(order.origin, order.destination) for order in orders}
    assert len(pairs) == 6
    assert orders == sorted(orders, key=lambda order: (order.released_s, order.id))


def test_lorries_follow_the_count_of_a_day_its_profile_and_the_shares(network: Network, graph: EdgeGraph) -> None:
    lorries = draw(network, graph).lorries
    assert len(lorries) == pytest.approx(240, abs=4 * 240**0.5)
    early = [lorry for lorry in lorries if lorry.depart_s < 8 * H]  # 2 h of weight 2, then 8 h of weight 1
    assert len(early) / len(lorries) == pytest.approx(1 / 3, abs=0.12)
    assert sum(lorry.gateway == "R29" for lorry in lorries) / len(lorries) == pytest.approx(0.75, abs=0.12)
    assert np.mean([lorry.handling_s for lorry in lorries]) == pytest.approx(1500, rel=0.06)
    assert np.std([lorry.handling_s for lorry in lorries]) == pytest.approx(300, rel=0.25)
    gateway = network.gateways["R29"]
    ends = {(one.entry_edge, one.exit_edge) for one in lorries if one.gateway == "R29"}
    assert ends == {(gateway.entry_edges[0], gateway.exit_edges[0])}


def test_same_seed_same_goods_and_a_part_of_the_day_is_a_part_of_them(network: Network, graph: EdgeGraph) -> None:
    whole = draw(network, graph)
    assert draw(network, graph) == whole
    other = draw(network, graph, seed=2)
    assert other.lorries != whole.lorries
    assert [one for one in other.orders if one.kind == "part"] == [one for one in whole.orders if one.kind == "part"]
    assert whole.stock == other.stock == (PartStock("ggm", "bumper", 100),)
    morning = draw(network, graph, span=Span(begin_s=8 * H, end_s=11 * H))
    assert morning.lorries == tuple(one for one in whole.lorries if 8 * H <= one.depart_s < 11 * H)
    samples = [one for one in whole.orders if one.kind == "consignment" and 8 * H <= one.released_s < 11 * H]
    assert [one for one in morning.orders if one.kind == "consignment"] == samples


def test_orders_and_the_counted_stock_are_of_the_same_day(network: Network, graph: EdgeGraph) -> None:
    lines = {"ggm": LINE | {"stock_spread_lots": 1}}
    days = [draw(network, graph, seed=seed, lines=lines, consignments={}, lorries={}) for seed in (1, 2, 3)]
    assert len({day.stock for day in days}) > 1
    for day in days:
        until_s = (day.stock[0].pieces - 20) / 40 * H
        assert day.orders[0].latest_s == pytest.approx(8 * H + until_s, abs=0.001)


def test_another_flow_leaves_the_others_as_they_are(network: Network, graph: EdgeGraph) -> None:
    alone = draw(network, graph)
    more = draw(network, graph, lorries={"first": INBOUND, "inbound": INBOUND})
    assert tuple(one for one in more.lorries if one.flow == "inbound") == alone.lorries
    assert more.orders == alone.orders


def test_orders_one_by_one_belong_to_the_run_they_are_released_in(network: Network, graph: EdgeGraph) -> None:
    row = {
        "kind": "part", "family": "bumper", "origin": "garion", "destination": "ggm", "pallets": 99, "mass_kg": 500,
        "earliest_s": "09:00", "latest_s": "10:00", "pieces": 48,
    }  # fmt: skip
    rows = [{**row, "id": "urgent.1", "released_s": "08:30"}, {**row, "id": "urgent.2", "released_s": "05:30"}]
    found = [order for order in draw(network, graph, orders=rows).orders if order.origin == "garion" and order.pieces]
    assert [(order.id, order.cargo, order.released_s) for order in found] == [("urgent.1", Cargo(99, 500), 8.5 * H)]
    with pytest.raises(ScenarioError, match=r"orders.bumper.001: an order of a line or flow has this id"):
        draw(network, graph, orders=[{**row, "id": "bumper.001", "released_s": "08:30"}])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"lorries": {"inbound": INBOUND | {"gateways": {"R99": 1}}}},
            r"inbound.gateways: unknown gateway 'R99'; allow",
        ),
        (
            {"lorries": {"inbound": INBOUND | {"profile": {"00:00": 0}}}},
            r"inbound.profile: all weights of the day are 0",
        ),
        (
            {"lines": {"ggm": LINE | {"parts": {"bumper": BUMPER | {"per_car": 1e9}}}}},
            r"parts.bumper: found \d+ orders",
        ),
    ],
)
def test_what_cannot_be_is_told(network: Network, graph: EdgeGraph, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        draw(network, graph, **changes)


def test_a_gateway_without_a_way_for_trucks_is_an_error(network: Network, graph: EdgeGraph) -> None:
    shut = graph.index[network.gateways["R29"].entry_edges[0]]
    open_to = {**graph.turn_permits, "truck": graph.turn_permits["truck"] & (graph.turn_from != shut)}
    cut = EdgeGraph(**{name: getattr(graph, name) for name in EdgeGraph.__slots__} | {"turn_permits": open_to})
    with pytest.raises(ScenarioError, match=r"no way for trucks from gateway R29 to dock.ggm on edge N32\+ and back"):
        draw(network, cut)
