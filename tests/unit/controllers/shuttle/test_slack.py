"""Slack of promises, stops as learnt, free-flow plans: what they change in plans; breaches that are made good."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.ride import rides_of
from sim.controllers.shuttle.slack import Breaches, kept_free
from sim.dispatch.problem import smallest_problem
from sim.dispatch.relax import relax
from sim.events import PlansRetimed, Promised
from sim.fleet_document import Fleet
from sim.world import StopTimes, TravelTimes
from tests.unit.controllers.shuttle.replay import ReplayWorld, controller_for, grid_times, replay
from tests.unit.controllers.shuttle.test_controller import LIMITS, spread, uniform_requests

GRID = grid_times(6, 200.0, 13.89)


def slower(times: TravelTimes, factor: float, *, at_s: float) -> TravelTimes:
    return TravelTimes(at_s, factor * times.edge_s, factor * times.leg_s, times.length_m, times.leg_m)


def late_riders(*, booked: bool = False, **parameters: float) -> int:
    """Return how many riders board or alight late if all takes half as long again after they were promised a time."""
    requests = uniform_requests(GRID, seed=7, count=60, last_s=1800)
    if booked:
        requests = [replace(one, earliest_s=one.earliest_s + 1800.0) for one in requests]
    world = ReplayWorld(GRID, spread(GRID, 4), requests, seats=6)
    defaults = {"promise_window_s": 60.0, "lateness_weight": 0.0}
    controller = controller_for(world, LIMITS, InsertionParameters.model_validate(defaults | parameters))
    controller.start(world)
    while world.time_s < 9000:
        if world.time_s == 1800:
            world.slow_down(slower(GRID, 1.5, at_s=1800.0))
        controller.step(world)
        world.advance(world.time_s + 5)
    assert len(world.alight_s) + len(world.rejected) == 60
    return sum(
        at_s > world.offers[one].pickup_latest_s or world.alight_s[one] > world.offers[one].dropoff_latest_s
        for one, at_s in world.board_s.items()
    )


def test_plans_with_slack_break_fewer_promises_when_traffic_gets_worse() -> None:
    without, ample = late_riders(), late_riders(promise_slack_share=0.6)
    assert without > 0
    assert ample < without


def test_bookings_have_slack_of_their_own() -> None:
    assert late_riders(booking_slack_share=0.6) == late_riders(booking_slack_share=0)  # nobody has booked
    assert late_riders(booked=True, booking_slack_share=0.2) < late_riders(booked=True, booking_slack_share=0)


def test_riders_who_wait_move_out_of_plans_that_have_become_late() -> None:
    assert late_riders(lateness_weight=5) < late_riders()


def test_the_time_kept_free_grows_with_what_lies_ahead_and_never_bars_what_is_due() -> None:
    latest_s = np.array([1000.0, 1120.0, 2200.0, 900.0, math.inf])
    np.testing.assert_allclose(kept_free(latest_s, now_s=1000.0, share=0.2), [1000, 1100, 2000, 900, math.inf])
    np.testing.assert_array_equal(kept_free(latest_s, now_s=1000.0, share=0.0), latest_s)


def promised_pickups(stop_times: StopTimes | None, times: str = "refreshed") -> list[float]:
    world = ReplayWorld(GRID, spread(GRID, 2), uniform_requests(GRID, seed=3, count=20, last_s=300), seats=6)
    if stop_times is not None:
        world.stop_times = stop_times
    learns = "learnt" if stop_times is not None else "fleet"
    parameters = InsertionParameters.model_validate({"stop_times": learns, "travel_times": times})
    replay(world, limits=LIMITS, parameters=parameters, until_s=400)
    return [one.pickup_latest_s for one in world.events if isinstance(one, Promised)]


def test_what_stops_were_found_to_cost_is_in_what_is_promised() -> None:
    world = ReplayWorld(GRID, spread(GRID, 2), (), seats=6)
    same = promised_pickups(world.stop_times)
    assert same == promised_pickups(None)
    lost = promised_pickups(replace(world.stop_times, loss_s=25.0))
    assert lost[0] == pytest.approx(same[0] + 25.0)  # it stands in the depot, and pulls out
    assert np.mean(lost[:5]) > np.mean(same[:5]) + 25.0
    slow = promised_pickups(replace(world.stop_times, drive_factor=1.5))
    assert np.mean(slow[:5]) > np.mean(same[:5])


def test_free_flow_plans_neither_learn_nor_hear_of_new_times() -> None:
    def retimed(times: str) -> list[PlansRetimed]:
        world = ReplayWorld(GRID, spread(GRID, 4), uniform_requests(GRID, seed=5, count=40, last_s=900), seats=6)
        controller = controller_for(world, LIMITS, InsertionParameters.model_validate({"travel_times": times}))
        controller.start(world)
        while world.time_s < 4000:
            if world.time_s == 600:
                world.slow_down(slower(GRID, 2.0, at_s=600.0))
            controller.step(world)
            world.advance(world.time_s + 5)
        return [one for one in world.events if isinstance(one, PlansRetimed)]

    assert len(retimed("refreshed")) == 1
    assert retimed("free_flow") == []


def test_a_broken_limit_that_holds_again_is_counted_once_and_a_late_boarding_never() -> None:
    (request,) = uniform_requests(GRID, seed=5, count=1)
    (ride,) = rides_of(request, LIMITS, Fleet(count=1, seats=6), now_s=0.0, way_s=GRID.time_s)
    good = smallest_problem()
    requests = good.requests._replace(due_s=good.requests.latest_s.copy(), vehicle=np.array([-1]))
    good = good._replace(requests=requests)
    bad = good._replace(vehicles=good.vehicles._replace(ready_s=np.array([700.0])))
    breaches, plans = Breaches(), ((0, 1),)

    def counts(problem: object) -> tuple[int, int]:
        assert isinstance(problem, type(good))
        told = breaches.retimed(0.0, plans, (ride,), problem, relax(problem, plans))
        return told.infeasible, told.repaired

    assert [counts(one) for one in (good, bad, bad, good, good)] == [(0, 0), (1, 0), (1, 0), (0, 1), (0, 0)]
    assert counts(bad) == (1, 0)
    ride.boarded_s = 10.0
    assert counts(good) == (0, 0)
