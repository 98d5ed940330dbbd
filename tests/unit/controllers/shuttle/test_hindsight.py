"""A fleet that knows every request from the beginning, in a world without SUMO."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from sim.controllers.shuttle.hindsight import HindsightParameters
from sim.controllers.shuttle.rolling import LnsParameters
from sim.events import fingerprint
from sim.scenario import BookingRules, RequestLimits
from sim.world import Request, TravelTimes
from tests.unit.controllers.shuttle.replay import Outcome, ReplayWorld, controller_for, grid_times, replay
from tests.unit.controllers.shuttle.test_controller import LIMITS, check_promises, spread, uniform_requests

SHORT = HindsightParameters(first_iterations=1000)


@pytest.fixture(scope="module")
def grid() -> TravelTimes:
    return grid_times(8, 200.0, 13.89, 4.0)


def requests_of(grid: TravelTimes, seed: int, *, known: bool) -> list[Request]:
    asked = uniform_requests(grid, seed=seed, count=60, last_s=1800)
    return [replace(one, submitted_s=0.0 if known else one.earliest_s) for one in asked]


def replayed(
    grid: TravelTimes, parameters: LnsParameters, *, seed: int, limits: RequestLimits = LIMITS
) -> tuple[ReplayWorld, Outcome]:
    requests = requests_of(grid, seed, known=isinstance(parameters, HindsightParameters))
    world = ReplayWorld(grid, spread(grid, 5), requests, seats=6)
    return world, replay(world, limits=limits, parameters=parameters, until_s=5400)


def objective(result: Outcome, parameters: LnsParameters) -> float:
    """Return what the controllers minimise, in seconds of ride; at 10 m/s."""
    rider_s = result.served * (parameters.wait_weight * result.wait_s + result.ride_s)
    return rider_s + parameters.alpha * result.vkm * 100


def test_who_knows_all_serves_all_and_costs_less(grid: TravelTimes) -> None:
    shares = []
    for seed in (1, 2, 3):
        world, known = replayed(grid, SHORT, seed=seed)
        _, asked = replayed(grid, LnsParameters(), seed=seed)
        assert known.served == asked.served == 60
        check_promises(world)
        assert all(world.board_s[name] >= one.earliest_s for name, one in world.requests.items())
        shares.append(objective(known, SHORT) / objective(asked, LnsParameters()))
    assert max(shares) < 1
    assert np.mean(shares) < 0.95


def test_its_promise_is_the_whole_window(grid: TravelTimes) -> None:
    world, _ = replayed(grid, SHORT, seed=1)
    windows = {
        name: (offer.pickup_earliest_s, offer.pickup_latest_s) for name, offer in world.offers.items()
    }  # fmt: skip
    assert windows == {
        name: (one.earliest_s, one.earliest_s + LIMITS.max_wait_s) for name, one in world.requests.items()
    }


def test_the_first_search_is_long_and_the_others_are_not(grid: TravelTimes) -> None:
    world = ReplayWorld(grid, spread(grid, 5), requests_of(grid, 1, known=True), seats=6)
    controller = controller_for(world, LIMITS, HindsightParameters(iterations=0, first_iterations=1000))
    controller.start(world)
    controller.step(world)
    first = [list(one.plan) for one in controller._shuttles.values()]
    world.travel_times = replace(grid, refreshed_s=60.0)
    controller.step(world)
    assert [list(one.plan) for one in controller._shuttles.values()] == first
    plain = controller_for(world, LIMITS, HindsightParameters(iterations=0, first_iterations=0))
    again = ReplayWorld(grid, spread(grid, 5), requests_of(grid, 1, known=True), seats=6)
    plain.start(again)
    plain.step(again)
    assert [list(one.plan) for one in plain._shuttles.values()] != first


def test_what_the_booking_rules_refuse_it_refuses_too(grid: TravelTimes) -> None:
    rules = BookingRules(booking_type=1, prior_notice_duration_min=10)
    world, result = replayed(grid, SHORT, seed=1, limits=LIMITS.model_copy(update={"booking_rules": rules}))
    assert result.served == 0
    assert set(world.rejected.values()) == {"booking_rules"}


def test_same_run_same_plans(grid: TravelTimes) -> None:
    assert fingerprint(replayed(grid, SHORT, seed=2)[0].events) == fingerprint(replayed(grid, SHORT, seed=2)[0].events)
