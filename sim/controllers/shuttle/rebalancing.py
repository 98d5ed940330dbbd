"""Idle shuttles are sent to where requests are expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import numpy as np
from pydantic import Field

from sim.controllers.base import Inputs, Parameters
from sim.controllers.shuttle.forecast import Forecast
from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.shuttle import Shuttle, Start, place, service_s
from sim.controllers.shuttle.zones import Zones
from sim.dispatch.rebalancing import Ints, assign
from sim.fleet_document import Fleet
from sim.world import Location, PlannedStop, TravelTimes, Vehicle, Visit, World


class RebalancingParameters(Parameters):
    """Parameters for shuttles that have nothing to do."""

    rebalance_s: float = Field(
        0,
        ge=0,
        description="time between two looks at where idle shuttles should stand; 0: they wait where they ended",
    )
    rebalance_horizon_s: float = Field(
        600, gt=0, description="shuttles are moved towards the requests that are expected within this time"
    )
    rebalance_cell_m: float = Field(
        1000,
        ge=100,
        description="side of the square zones in which requests are counted; each has one waiting place",
    )
    rebalance_worth_s: float = Field(
        600,
        ge=0,
        description="seconds of driving that a shuttle is worth where a request is expected for certain",
    )


class Rebalancing:
    """Moves idle shuttles every `rebalance_s` by a min-cost flow towards what is expected.

    Shuttles on their way to a waiting place get there first, unless riders want them: nobody circles.
    """

    def __init__(self, zones: Zones, parameters: RebalancingParameters) -> None:
        self._zones, self._forecast, self._parameters = zones, Forecast(zones), parameters
        self._next_s = -np.inf

    @classmethod
    def of(cls, inputs: Inputs, parameters: RebalancingParameters) -> Self | None:
        """Return what moves the idle shuttles of a run, None where nothing does."""
        if not parameters.rebalance_s:
            return None
        return cls(Zones.of(inputs.network, inputs.graph, cell_m=parameters.rebalance_cell_m), parameters)

    def learn(self, world: World) -> None:
        """Take note of who has asked, before anybody is placed."""
        self._forecast.learn(world.waiting(), time_s=world.time_s)

    def move(
        self,
        world: World,
        vehicles: Sequence[Vehicle],
        shuttles: Sequence[Shuttle],
        starts: Callable[[], Sequence[Start]],
        *,
        rides: Mapping[str, Ride],
        fleet: Fleet,
        may_go: Callable[[Vehicle, Location], bool],
    ) -> None:
        """Give the idle shuttles that are wanted elsewhere a place to go to; nothing between two periods.

        `may_go` tells whether a vehicle may go to a place, as far as its charge is concerned.
        """
        for shuttle in shuttles:
            if shuttle.visit_first or shuttle.visit_last or shuttle.stops(rides):
                shuttle.waits_at = None
        if world.time_s < self._next_s:
            return
        self._next_s = world.time_s + self._parameters.rebalance_s
        idle, goals = [], []
        for vehicle, shuttle, start in zip(vehicles, shuttles, starts(), strict=True):
            if is_idle(vehicle, shuttle, rides):
                idle.append((vehicle, shuttle))
            else:
                goals.append(self._goal(shuttle, start, rides, fleet, world))
        if idle:
            self._send(world, idle, self._zones.count(goal for goal in goals if goal is not None), may_go)

    def _goal(
        self, shuttle: Shuttle, start: Start, rides: Mapping[str, Ride], fleet: Fleet, world: World
    ) -> Location | None:
        """Return where a shuttle will be idle within the horizon."""
        if shuttle.visit_first or shuttle.visit_last:
            return None
        stops = shuttle.stops(rides)
        if not stops:
            return None if shuttle.waits_at is None else shuttle.waits_at.location
        end_s = _end_s(stops, start, rides, world.travel_times, fleet)
        soon = end_s <= world.time_s + self._parameters.rebalance_horizon_s
        return place(stops[-1], rides) if soon else None

    def _send(
        self,
        world: World,
        idle: Sequence[tuple[Vehicle, Shuttle]],
        bound: Ints,
        may_go: Callable[[Vehicle, Location], bool],
    ) -> None:
        zones, use = self._zones, self._parameters

        def way_s(vehicle: Vehicle, place: Location) -> float:
            return world.travel_times.time_s(vehicle.location, place) if may_go(vehicle, place) else math.inf

        home = zones.of_edge[[vehicle.location.edge for vehicle, _ in idle]]
        drive_s = np.array([[way_s(vehicle, one) for one in zones.waiting] for vehicle, _ in idle])
        expected = self._forecast.expected(world.waiting(), horizon_s=use.rebalance_horizon_s)
        goals = assign(drive_s, home, expected, bound, worth_s=use.rebalance_worth_s)
        for (_, shuttle), stands, goal in zip(idle, home.tolist(), goals.tolist(), strict=True):
            if goal != stands:
                shuttle.waits_at, shuttle.changed = Visit(zones.waiting[goal]), True


def is_idle(vehicle: Vehicle, shuttle: Shuttle, rides: Mapping[str, Ride]) -> bool:
    """Whether a shuttle stands with nothing to do, unless a break or the end of its duty some time ahead."""
    if shuttle.stops(rides) or shuttle.visit_first or shuttle.visit_last:
        return False
    return not vehicle.on_board and vehicle.halted_until_s is None and vehicle.phase == "idle"


def _end_s(
    stops: Sequence[PlannedStop], start: Start, rides: Mapping[str, Ride], times: TravelTimes, fleet: Fleet
) -> float:  # fmt: skip
    """Return about when a shuttle is through with its stops."""
    end_s, at = start.ready_s, start.location
    for stop in stops:
        there = place(stop, rides)
        end_s += times.time_s(at, there)
        if stop.pickup:
            end_s = max(end_s, rides[stop.request_id].earliest_s)
        end_s, at = end_s + service_s(stop, fleet), there
    return end_s
