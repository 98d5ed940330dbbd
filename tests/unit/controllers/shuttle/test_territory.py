"""Areas and classes of requests and vehicle groups, in a world without SUMO."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from sim.controllers.shuttle.assignment import RtvParameters
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.rolling import LnsParameters
from sim.controllers.shuttle.territory import Territory
from sim.fleet_document import Fleet
from sim.scenario import RequestLimits, ServiceClass
from sim.world import BoardingPoint, Location, Request, TravelTimes
from tests.unit.controllers.shuttle.replay import ReplayWorld, controller_for, grid_times
from tests.unit.controllers.shuttle.test_controller import check_promises, request, uniform_requests

OWN: list[InsertionParameters] = [InsertionParameters(), LnsParameters(), RtvParameters()]
WEST, EAST, OUT = "west", "east", "out"
HERE, THERE, FAR, BEYOND = (Location(edge, 100.0) for edge in (2, 30, 60, 90))


@pytest.fixture(scope="module")
def grid() -> TravelTimes:
    return grid_times(6, 200.0, 10.0)


def holding(place: Location) -> frozenset[str]:
    """Two areas that overlap, and what lies in neither."""
    names = {WEST: place.edge < 60, EAST: 30 <= place.edge < 90}
    return frozenset(name for name, inside in names.items() if inside)


def run(
    world: ReplayWorld,
    *,
    limits: RequestLimits,
    groups: dict[str, dict[str, Any]] | None = None,
    parameters: InsertionParameters | None = None,
    until_s: float = 3600,
) -> None:
    """Run a controller on a world whose vehicles are of these groups, in turn."""
    fleet = Fleet.model_validate({"count": len(world.shuttles), "seats": 4})
    if groups:
        fleet = Fleet.model_validate({"seats": 4, "groups": {name: {"count": 1} | one for name, one in groups.items()}})
    for n, shuttle in enumerate(world.shuttles):
        shuttle.group = fleet.parts[n % len(fleet.parts)].name
    controller = controller_for(world, limits, parameters or InsertionParameters())
    controller._territory = Territory(limits, fleet.parts, holding)
    controller.start(world)
    while world.time_s < until_s:
        controller.step(world)
        world.advance(world.time_s + 5)


def of_class(requests: Sequence[Request], name: str) -> list[Request]:
    return [dataclasses.replace(one, service_class=name) for one in requests]


def test_both_ends_must_lie_in_the_areas_of_the_service_or_of_the_class(grid: TravelTimes) -> None:
    ends = [(HERE, THERE), (HERE, FAR), (FAR, HERE), (THERE, FAR), (HERE, BEYOND)]
    requests = [request(n, *pair, earliest_s=0.0) for n, pair in enumerate(ends)]
    world = ReplayWorld(grid, [HERE] * 3, requests, seats=4)
    run(world, limits=RequestLimits(areas=(WEST,)))
    assert set(world.alight_s) == {"r000"}
    assert world.rejected == dict.fromkeys(("r001", "r002", "r003", "r004"), "outside_service_area")
    assert {one.time_s for one in world.events if one.kind == "rejected"} == {0.0}
    world = ReplayWorld(grid, [HERE] * 3, of_class(requests, "eastern"), seats=4)
    run(world, limits=RequestLimits(areas=(WEST,), classes={"eastern": ServiceClass(areas=(EAST,))}))
    assert set(world.alight_s) == {"r003"}
    world = ReplayWorld(grid, [HERE] * 3, requests, seats=4)
    run(world, limits=RequestLimits(areas=(WEST, EAST)))
    assert set(world.rejected) == {"r004"}


def test_a_meeting_point_outside_is_no_choice_and_one_inside_will_do(grid: TravelTimes) -> None:
    points = (BoardingPoint(BEYOND, 1.0), BoardingPoint(THERE, 60.0))
    one = dataclasses.replace(request(0, BEYOND, HERE, earliest_s=0.0), boarding=points)
    free = ReplayWorld(grid, [BEYOND], [one], seats=4)
    run(free, limits=RequestLimits())
    assert free.offers["r000"].boarding == points[0]
    world = ReplayWorld(grid, [BEYOND], [one], seats=4)
    run(world, limits=RequestLimits(areas=(WEST,)))
    assert world.offers["r000"].boarding == points[1]
    assert set(world.alight_s) == {"r000"}


@pytest.mark.parametrize("parameters", OWN)
def test_groups_serve_what_is_theirs_and_nobody_else(grid: TravelTimes, parameters: InsertionParameters) -> None:
    requests = uniform_requests(grid, seed=2, count=60)
    for n in range(0, 60, 3):
        requests[n] = dataclasses.replace(requests[n], service_class="care")
    starts = [Location(edge, 100.0) for edge in (3, 20, 40, 70, 80, 100)]
    world = ReplayWorld(grid, starts, requests, seats=4)
    limits = RequestLimits(classes={"care": ServiceClass()})
    groups: dict[str, dict[str, Any]] = {"all": {}, "western": {"areas": (WEST,)}, "carers": {"classes": ("care",)}}
    run(world, limits=limits, groups=groups, parameters=parameters, until_s=6000)
    assert not world.rejected
    assert len(world.alight_s) == 60
    check_promises(world, limits)
    group = {one.id: one.group for one in world.shuttles}
    served: dict[str, list[Request]] = {name: [] for name in groups}
    for one in requests:
        served[group[world.vehicle_of[one.id]]].append(one)
    assert min(map(len, served.values())) > 5
    assert all(WEST in holding(one.origin) & holding(one.destination) for one in served["western"])
    assert all(one.service_class == "care" for one in served["carers"])


def test_who_is_no_groups_to_serve_is_refused_at_once(grid: TravelTimes) -> None:
    requests = [request(0, HERE, THERE, earliest_s=0.0), request(1, FAR, HERE, earliest_s=0.0)]
    requests[:1] = of_class(requests[:1], "care")
    world = ReplayWorld(grid, [HERE], requests, seats=4)
    limits = RequestLimits(classes={"care": ServiceClass()})
    run(world, limits=limits, groups={"carers": {"classes": ("care",)}}, until_s=600)
    assert world.rejected == {"r001": "no_vehicle_permitted"}
    assert set(world.alight_s) == {"r000"}
