"""Idle shuttles in a world without SUMO: what is expected, where they wait, and that they stay there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sim.controllers.shuttle.controller import Insertion
from sim.controllers.shuttle.forecast import MEMORY_S, Forecast
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.rebalancing import Rebalancing
from sim.controllers.shuttle.zones import Zones
from sim.network.catalog import Network, StopKerb
from sim.network.graph import EdgeGraph
from sim.scenario import RequestLimits
from sim.world import Location, PlannedStop, Request, Visit
from tests.unit.controllers.shuttle.replay import ReplayWorld, controller_for, grid_times
from tests.unit.controllers.shuttle.test_controller import request

TIMES = grid_times(6, 200.0, 10.0)
WEST, EAST = 0, 1


def halves() -> Zones:
    """Two zones: the edges by their numbers, of which the lower ones lie in the west."""
    count = len(TIMES.edge_s)
    of_edge = np.repeat([WEST, EAST], [count // 2, count - count // 2])
    return Zones(of_edge, (Location(2, 100.0), Location(count - 2, 100.0)))


def asks(number: int, *, edge: int, at_s: float, submitted_s: float | None = None) -> Request:
    one = request(number, Location(edge, 60.0), Location((edge + 65) % len(TIMES.edge_s), 60.0), earliest_s=at_s)
    return one if submitted_s is None else dataclasses.replace(one, submitted_s=submitted_s)


def world_and_controller(
    requests: list[Request], starts: list[Location], **parameters: float
) -> tuple[ReplayWorld, Insertion]:
    world = ReplayWorld(TIMES, starts, requests, seats=4)
    chosen = InsertionParameters.model_validate({"rebalance_s": 60, **parameters})
    controller = controller_for(world, RequestLimits(), chosen)
    controller._rebalancing = Rebalancing(halves(), chosen) if chosen.rebalance_s else None
    controller.start(world)
    return world, controller


def run(world: ReplayWorld, controller: Insertion, until_s: float) -> None:
    while world.time_s < until_s:
        controller.step(world)
        world.advance(world.time_s + 5)


def test_the_rate_of_requests_is_learnt() -> None:
    """One request a minute in the west: ten in ten minutes, by an exponential window that forgets."""
    forecast = Forecast(halves())
    for minute in range(180):
        at_s = 60.0 * minute
        forecast.learn([asks(minute, edge=WEST, at_s=at_s)], time_s=at_s)
    assert forecast.expected([], horizon_s=600) == pytest.approx([10.0, 0.0], rel=0.05)
    forecast.learn([], time_s=60.0 * 179 + MEMORY_S)
    assert forecast.expected([], horizon_s=600) == pytest.approx([10 / np.e, 0.0], rel=0.05)


def test_a_request_that_waits_on_counts_once() -> None:
    forecast, waits = Forecast(halves()), asks(0, edge=WEST, at_s=0.0)
    for step in range(10):
        forecast.learn([waits], time_s=5.0 * step)
    assert forecast.expected([waits], horizon_s=600) == pytest.approx([1.0, 0.0], rel=0.05)


def test_bookings_count_when_they_are_due() -> None:
    forecast = Forecast(halves())
    booked = asks(0, edge=len(TIMES.edge_s) - 1, at_s=900.0, submitted_s=0.0)
    for time_s in (0.0, 400.0):
        forecast.learn([booked], time_s=time_s)
        assert forecast.expected([booked], horizon_s=600).tolist() == [0.0, 0.0 if time_s < 300 else 1.0]


def test_idle_shuttles_wait_where_riders_ask() -> None:
    """All ask in the west to be taken east; shuttles come back by themselves, and stay once nobody asks any more."""
    east = [Location(len(TIMES.edge_s) - 10 - n, 100.0) for n in range(3)]
    requests = [asks(n, edge=n % 8, at_s=80.0 * n) for n in range(20)]
    waits_s = []
    for rebalance_s in (0.0, 60.0):
        world, controller = world_and_controller(requests, east, rebalance_s=rebalance_s, rebalance_worth_s=2000)
        run(world, controller, 2000)
        assert len(world.alight_s) == 20
        waits_s.append(np.mean([world.board_s[one.id] - one.earliest_s for one in requests]))
        zones = {int(halves().of_edge[one.location.edge]) for one in world.vehicles()}
        assert zones == ({WEST} if rebalance_s else {EAST})
        driven_m = [one.driven_m for one in world.shuttles]
        run(world, controller, 3500)
        assert [one.driven_m for one in world.shuttles] == driven_m
    assert waits_s[1] < 0.9 * waits_s[0]


def test_who_waits_elsewhere_is_sent_to_the_next_rider() -> None:
    """A shuttle on its way to a waiting place drops that as soon as somebody wants it."""
    late = asks(9, edge=len(TIMES.edge_s) - 6, at_s=15.0)
    world, controller = world_and_controller([late], [Location(len(TIMES.edge_s) - 10, 100.0)])
    assert controller._rebalancing is not None
    controller._rebalancing._forecast._weight[WEST] = 5.0
    run(world, controller, 10)
    (shuttle,) = controller._shuttles.values()
    assert shuttle.tasks(controller._rides) == (Visit(halves().waiting[WEST]),)
    assert world.vehicles()[0].phase == "driving"
    run(world, controller, 20)
    assert shuttle.tasks(controller._rides) == (PlannedStop(late.id, pickup=True), PlannedStop(late.id, pickup=False))
    run(world, controller, 600)
    assert len(world.alight_s) == 1


def network(stops: dict[str, StopKerb]) -> Network:
    places: dict[str, dict[str, object]] = {name: {} for name in ("sites", "lines", "gateways", "junctions")}
    return Network(name="line", net_file=None, additional_files=(), stops=stops, attribution="", sha256="", **places)  # type: ignore[arg-type]


def circle(edges: int) -> EdgeGraph:
    """Return edges of 300 m around a square field, eastward along y = 0 and back along y = 10."""
    half = edges // 2
    lines = [((300.0 * n, 0.0), (300.0 * (n + 1), 0.0)) for n in range(half)]
    lines += [((b, 10.0), (a, 10.0)) for (a, _), (b, _) in reversed(lines)]
    count = len(lines)
    every = np.ones(count, np.bool_)
    metres = np.full(count, 300.0)
    return EdgeGraph(
        ids=tuple(f"e{n}" for n in range(count)), index={f"e{n}": n for n in range(count)}, length_m=metres,
        travel_m=metres, time_s=metres / 10, crossing_s=np.zeros(count),
        permits={"taxi": every}, turn_from=np.arange(count), turn_m=np.zeros(count),
        turn_to=(np.arange(count) + 1) % count, turn_permits={"taxi": every},
        shapes=tuple(np.array(line) for line in lines),
    )  # fmt: skip


def test_zones_are_squares_with_a_waiting_place_in_each() -> None:
    graph = circle(8)
    zones = Zones.of(network({}), graph, cell_m=600)
    assert zones.of_edge.tolist() == [0, 0, 1, 1, 1, 1, 0, 0]
    assert [zones.of_edge[place.edge] for place in zones.waiting] == [0, 1]
    assert all(place.pos_m % 20 == 0 and 20 <= place.pos_m <= 280 for place in zones.waiting)
    stop = StopKerb(name="s", edge="e7", lane="e7_0", start_m=190, end_m=210, x=0, y=0, place="s", lon=0, lat=0,
                    position_status="assumed")  # fmt: skip
    assert Zones.of(network({"s": stop}), graph, cell_m=600).waiting[0] == Location(7, 200.0)
