"""The controller end to end in a world without SUMO."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from sim.controllers.base import Inputs, RideLeg
from sim.controllers.shuttle.controller import Insertion
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.demand.population import Rider
from sim.errors import ControllerError, ScenarioError
from sim.events import Assigned, PlansRetimed, Promised, fingerprint
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import RequestLimits, validate
from sim.world import Location, Request, TravelTimes
from tests.unit.controllers.shuttle.replay import Outcome, ReplayWorld, controller_for, grid_times, replay

LIMITS = RequestLimits()


def uniform_requests(times: TravelTimes, *, seed: int, count: int, last_s: float = 3600.0) -> list[Request]:
    """Return requests spread over time and over the edges, at least 400 m apart."""
    rng = np.random.default_rng(seed)
    requests: list[Request] = []
    wishes = np.sort(rng.uniform(0, last_s, count))
    while len(requests) < count:
        places = [Location(int(edge), float(rng.uniform(10, 190))) for edge in rng.choice(len(times.edge_s), 2)]
        if times.distance_m(*places) >= 400:
            requests.append(request(len(requests), *places, earliest_s=float(np.ceil(wishes[len(requests)]))))
    return requests


def request(number: int, origin: Location, destination: Location, *, earliest_s: float, size: int = 1) -> Request:
    """Return a request on the spot."""
    return Request(
        id=f"r{number:03d}",
        person_id=f"p{number:03d}",
        origin=origin,
        destination=destination,
        size=size,
        earliest_s=earliest_s,
        latest_arrival_s=None,
        direct_ride_s=0.0,
        submitted_s=earliest_s,
    )


def spread(times: TravelTimes, count: int, *, seed: int = 0) -> list[Location]:
    rng = np.random.default_rng(seed)
    return [Location(int(edge), 100.0) for edge in rng.choice(len(times.edge_s), count, replace=False)]


def check_promises(world: ReplayWorld, limits: RequestLimits = LIMITS) -> None:
    """Check promises and limits against what happened; the vehicles kept to the travel times exactly."""
    promises = [event for event in world.events if isinstance(event, Promised)]
    assert sorted(one.request_id for one in promises) == sorted(world.vehicle_of)
    for promise in promises:
        rider = world.requests[promise.request_id]
        accepted = limits.of(rider.service_class)
        boarded, alighted = world.board_s[rider.id], world.alight_s[rider.id]
        direct = world.truth.time_s(rider.origin, rider.destination)
        ride = max(1.5 * direct + 600, direct + 20)
        slack = 5.0 + 1e-6  # a dwell is seen up to one period after it began
        assert promise.pickup_earliest_s <= boarded <= promise.pickup_latest_s + slack
        assert boarded <= rider.earliest_s + accepted.max_wait_s + slack
        assert alighted <= promise.dropoff_latest_s + slack
        assert alighted - boarded <= min(accepted.max_ride_s, ride) + slack
    last = {one.request_id: one.vehicle_id for one in world.events if isinstance(one, Assigned)}
    assert world.vehicle_of == last


@pytest.fixture(scope="module")
def grid() -> TravelTimes:
    return grid_times(10, 200.0, 13.89, 4.0)


@pytest.mark.parametrize(
    ("per_h", "shuttles", "wait_s", "vkm"),
    # bars: what SUMO's greedyClosest needed on such a grid
    [(240, 16, 132, 576), (600, 24, 628, 1144)],
)
def test_on_a_grid_every_request_is_served_with_short_waits_and_pooled_rides(
    grid: TravelTimes, per_h: int, shuttles: int, wait_s: float, vkm: float
) -> None:
    world = ReplayWorld(grid, spread(grid, shuttles), uniform_requests(grid, seed=1, count=per_h), seats=6)
    result = replay(world, limits=LIMITS, until_s=7200)
    assert result.served == per_h
    assert result.wait_s < 0.85 * wait_s
    assert result.vkm < 0.85 * vkm
    check_promises(world)


def commute(seed: int) -> tuple[TravelTimes, list[Request], Location]:
    """Return many origins, few gates in one corner with the depot, and wishes around three shifts."""
    rng, times = np.random.default_rng(seed), grid_times(12, 800.0, 13.0, 8.0)
    edges = len(times.edge_s)
    gates = [Location(int(edge), 400.0) for edge in range(0, 12, 2)]
    requests: list[Request] = []
    while len(requests) < 90:
        home, gate = (
            Location(int(rng.integers(edges)), float(rng.uniform(10, 790))),
            gates[int(rng.integers(6))],
        )
        if times.distance_m(home, gate) > 3000:
            arrival = float(rng.choice([5400, 7200, 9000])) - rng.uniform(300, 1500)
            wish = np.ceil(arrival - 1.5 * times.time_s(home, gate) - 600)
            requests.append(request(len(requests), home, gate, earliest_s=float(wish)))
    return times, requests, Location(0, 100.0)


def test_commuters_from_everywhere_to_one_complex_share_the_shuttles() -> None:
    times, requests, depot = commute(1)
    world = ReplayWorld(times, [depot] * 8, requests, seats=12)
    result = replay(world, limits=LIMITS, until_s=14_400)
    assert result.served + len(world.rejected) == result.requests
    lone = sum(2 * times.distance_m(one.origin, one.destination) for one in requests) / 1000
    assert result.served > 0.75 * result.requests
    assert result.vkm < 0.6 * lone * result.served / result.requests
    check_promises(world)


def test_equal_runs_have_equal_events_whatever_the_hash_seed() -> None:
    prints = set()
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                "from tests.unit.controllers.shuttle import test_controller as t; t.print_run()",
            ],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[4],
            capture_output=True,
            text=True,
            check=True,
        )
        prints.add(done.stdout)
    assert len(prints) == 1
    assert len(prints.pop()) > 64


def print_run() -> None:
    """Write the fingerprint of a run; called in a fresh process."""
    times = grid_times(6, 200.0, 13.89)
    world = ReplayWorld(times, spread(times, 5), uniform_requests(times, seed=3, count=60), seats=4)
    result = replay(world, limits=LIMITS, until_s=6000)
    sys.stdout.write(f"{fingerprint(world.events)} {result}\n")


def test_new_travel_times_retime_the_plans_and_lateness_is_not_passed_on(grid: TravelTimes) -> None:
    requests = uniform_requests(grid, seed=4, count=80, last_s=900)
    world = ReplayWorld(grid, spread(grid, 5), requests, seats=6)
    controller = controller_for(world, LIMITS, InsertionParameters())
    controller.start(world)
    while world.time_s < 9000:
        if world.time_s == 600:
            edge_s, leg_s = 2.5 * grid.edge_s, 2.5 * grid.leg_s
            slow = TravelTimes(600.0, edge_s, leg_s, grid.length_m, grid.leg_m)
            world.slow_down(slow)
        controller.step(world)
        world.advance(world.time_s + 5)
    retimed = [event for event in world.events if isinstance(event, PlansRetimed)]
    assert [event.time_s for event in retimed] == [600.0]
    assert retimed[0].plans == 5
    assert retimed[0].infeasible > 0
    assert set(world.alight_s) == set(world.vehicle_of)
    assert len(world.alight_s) + len(world.rejected) == 80


def rejections(world: ReplayWorld, *, until_s: float = 4000) -> dict[str, str]:
    replay(world, limits=LIMITS, until_s=until_s)
    return world.rejected


def test_rejections_say_what_stood_in_the_way() -> None:
    times = grid_times(4, 200.0, 10.0)
    here, there = Location(0, 50.0), Location(20, 50.0)
    group = request(0, here, there, earliest_s=0, size=5)
    assert rejections(ReplayWorld(times, [here], [group], seats=4)) == {"r000": "group_larger_than_vehicle"}

    no_way = dataclasses.replace(times, leg_s=times.leg_s.copy())
    no_way.leg_s[:, 20] = np.inf
    lost = request(0, here, there, earliest_s=0)
    assert rejections(ReplayWorld(no_way, [here], [lost], seats=4)) == {"r000": "unreachable"}

    cut_off = dataclasses.replace(times, leg_s=times.leg_s.copy())
    cut_off.leg_s[30] = np.inf
    assert rejections(ReplayWorld(cut_off, [Location(30, 0.0)], [lost], seats=4)) == {"r000": "unreachable"}

    far = grid_times(4, 20_000.0, 10.0)
    late = request(0, Location(20, 50.0), Location(21, 50.0), earliest_s=0)
    world = ReplayWorld(far, [here], [late], seats=4)
    assert rejections(world) == {"r000": "no_vehicle_within_max_wait"}
    assert world.events[-1].time_s == LIMITS.max_wait_s

    long = request(0, here, Location(20, 50.0), earliest_s=0)
    assert rejections(ReplayWorld(far, [here], [long], seats=4)) == {"r000": "detour_limit"}


def test_a_shuttle_that_is_full_or_bound_by_promises_is_named_as_the_cause() -> None:
    times = grid_times(6, 1000.0, 10.0)
    far, gate = Location(110, 500.0), Location(0, 500.0)
    riders = [request(n, far, gate, earliest_s=0) for n in range(2)]
    on_the_way = request(2, Location(110, 900.0), gate, earliest_s=20)
    world = ReplayWorld(times, [far], [*riders, on_the_way], seats=2)
    limits = RequestLimits(max_wait_s=300)
    replay(world, limits=limits, until_s=3000)
    assert world.rejected == {"r002": "capacity"}

    world = ReplayWorld(times, [far], [*riders, on_the_way], seats=4)
    limits = RequestLimits(max_wait_s=300, max_detour_alpha=1, max_detour_beta_s=0)
    replay(world, limits=limits, until_s=3000)
    assert world.rejected == {"r002": "limits_of_accepted_riders"}


def test_a_group_takes_as_many_seats_as_it_has_riders() -> None:
    times = grid_times(6, 200.0, 10.0)
    here, there = Location(0, 50.0), Location(60, 50.0)
    groups = [request(n, here, there, earliest_s=0, size=3) for n in range(4)]
    world = ReplayWorld(times, [here], groups, seats=6)  # the world checks the load
    assert replay(world, limits=LIMITS, until_s=4000).served == 4


def test_a_rider_on_board_who_was_never_planned_is_an_error() -> None:
    times = grid_times(3, 200.0, 10.0)
    world = ReplayWorld(times, [Location(0, 0.0)], [], seats=4)
    controller = controller_for(world, LIMITS, InsertionParameters())
    controller.start(world)
    world.shuttles[0].on_board.append("stowaway")
    with pytest.raises(ControllerError, match=r"shuttle\.00 carries stowaway"):
        controller.step(world)


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"alpha": -1}, "greater than or equal to 0"),
        ({"walk_weight": -1}, "greater than or equal to 0"),
        ({"wait_weight": 0.5}, "greater than or equal to 1"),
        ({"travel_time_factor": 0.9}, "greater than or equal to 1"),
        ({"beta": 1}, "Extra inputs"),
        ({"alpha": float("nan")}, "finite"),
    ],
)
def test_parameters_are_strict(bad: dict[str, float], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        InsertionParameters.model_validate(bad)


def inputs(*, period_s: float = 5.0) -> Inputs:
    scenario = validate(
        {
            "name": "t",
            "title": "t",
            "network": "grid",
            "time": {"begin_s": "07:00", "end_s": "08:00"},
            "fleet": {"count": 3, "seats": 6, "depot": None},
            "controllers": {"shuttle": {"use": "insertion", "period_s": period_s}},
        },
        place="t",
    )
    network = Network(
        name="grid",
        net_file=Path("grid.net.xml"),
        additional_files=(),
        sites={},
        stops={},
        lines={},
        gateways={},
        junctions={},
        attribution="",
        sha256="",
    )
    ids = ("a", "b", "c", "d")
    length_m = np.array([100.0, 200.0, 300.0, 400.0])
    graph = EdgeGraph(
        ids=ids,
        index={name: n for n, name in enumerate(ids)},
        length_m=length_m,
        travel_m=length_m,
        time_s=length_m / 10,
        crossing_s=np.zeros(4),
        permits={"taxi": np.ones(4, dtype=np.bool_)},
        turn_from=np.array([0, 1, 2, 0]),
        turn_m=np.zeros(4),
        turn_to=np.array([1, 2, 0, 3]),  # d is a dead end
        turn_permits={"taxi": np.ones(4, dtype=np.bool_)},
        shapes=(),
    )
    rider = Rider("p1", "r1", "commute", "a", 10.0, "c", 20.0, 26_000.0, None, None, 30.0, 300.0, "z", "s", ())
    return Inputs(scenario=scenario, network=network, graph=graph, riders=[rider], rng=np.random.default_rng(1))


def test_the_fleet_waits_to_be_sent_and_riders_wait_at_their_origin() -> None:
    prepared = Insertion(InsertionParameters()).prepare(inputs())
    assert len(prepared.vehicles) == 3
    assert all(not one.edges and not one.calls and one.start_edge in {"a", "b", "c"} for one in prepared.vehicles)
    assert prepared.taxi == "world"
    (plan,) = prepared.riders
    assert plan.depart_s == plan.rider.earliest_s
    assert plan.legs == (RideLeg("taxi"),)


def test_a_period_in_which_a_rider_could_come_and_go_unseen_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"period_s must not exceed fleet\.alighting_s"):
        Insertion(InsertionParameters()).prepare(inputs(period_s=30))


def test_slack_and_weights_shift_the_balance(grid: TravelTimes) -> None:
    def run(**parameters: float) -> Outcome:
        world = ReplayWorld(grid, spread(grid, 8), uniform_requests(grid, seed=2, count=120), seats=6)
        return replay(world, limits=LIMITS, parameters=InsertionParameters.model_validate(parameters), until_s=7200)

    quick, thrifty, patient = run(alpha=0.2), run(alpha=4.0), run(alpha=0.2, wait_weight=3.0)
    assert thrifty.vkm < quick.vkm
    assert patient.wait_s < quick.wait_s
