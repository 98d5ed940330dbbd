"""Requests are inserted as they come, and what is not locked is planned anew all the time: the controller `lns`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from sim.controllers.base import Inputs, Parameters, Preparation
from sim.controllers.shuttle import insertion
from sim.controllers.shuttle.controller import Insertion, InsertionParameters
from sim.controllers.shuttle.exchange import Exchange
from sim.controllers.shuttle.plan import Fleet, Start
from sim.dispatch import lns, rtv
from sim.dispatch.lns import solve
from sim.dispatch.problem import Problem, Weights
from sim.dispatch.relax import relax
from sim.dispatch.solution import Solution, Stops
from sim.world import Vehicle, World

STREAM = 1


class RollingParameters(InsertionParameters):
    """Parameters of every controller whose plans stay open: those of `insertion`, and when plans are replaced."""

    alpha: float = Field(
        2.25,
        ge=0,
        description="seconds of ride, of any rider, that one second of added driving is worth; as plans stay open, "
        "more of it than `insertion` bears costs few waits",
    )
    wait_weight: float = Field(
        1.25, ge=1, description="seconds of ride that one second of wait is worth, as for `insertion`"
    )
    least_gain_s: float = Field(
        5,
        ge=0,
        description="plans are replaced if that saves at least this much of the objective, in seconds of ride; "
        "more of it lets riders keep their vehicle",
    )
    lateness_weight: float = Field(
        5,
        ge=0,
        description="seconds of ride that one second behind a promise is worth, once traffic has broken it",
    )


class Rolling(Insertion, ABC):
    """Plans anew all that no vehicle is bound to yet, each time that a request was placed or times were refreshed.

    Riders who wait may come to another vehicle; what they were promised binds every plan.
    """

    def __init__(self, parameters: RollingParameters) -> None:
        super().__init__(parameters)
        self._rolling = parameters

    @abstractmethod
    def _search(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        """Return plans that cost no more than these."""

    def _follow(self, vehicles: Sequence[Vehicle]) -> None:
        """Give riders who boarded the vehicle they were to leave, because that came first, back to its plan."""
        for vehicle in vehicles:
            for request_id in vehicle.on_board:
                row = self._rows[request_id]
                for name, shuttle in self._shuttles.items():
                    if name != vehicle.id and 2 * row + 1 in shuttle.plan:
                        shuttle.plan = [stop for stop in shuttle.plan if stop // 2 != row]
                        shuttle.changed = True
                        self._shuttles[vehicle.id].plan[:0] = [2 * row, 2 * row + 1]

    def _improve(self, world: World, vehicles: Sequence[Vehicle], starts: Sequence[Start], fleet: Fleet) -> None:
        own = self._rolling
        weights = Weights(drive=own.alpha, wait=own.wait_weight, ride=1.0, late=own.lateness_weight)
        exchange = Exchange.of(self._matrix, self._table.columns, fleet, weights)
        if not (exchange.problem.requests.vehicle < 0).any():
            return
        found = self._search(relax(exchange.problem, exchange.plans), exchange.plans)
        if found.saved < own.least_gain_s:
            return
        shuttles = [self._shuttles[vehicle.id] for vehicle in vehicles]
        moved: list[tuple[int, int]] = []
        for v, (old, new) in enumerate(zip(exchange.plans, found.plans, strict=True)):
            if old != new:
                shuttles[v].plan, shuttles[v].changed = exchange.stops(new), True
                moved += [(v, int(exchange.rows[stop // 2])) for stop in new if stop % 2 and stop not in old]
        _, schedule = self._time(starts, shuttles)
        for v, row in moved:
            pickup, dropoff = (shuttles[v].plan.index(stop) for stop in (2 * row, 2 * row + 1))
            times_s = float(schedule.begin_s[v, pickup]), float(schedule.end_s[v, dropoff])
            self._assign(world, self._requests[row].id, vehicles[v].id, *times_s)


class LnsParameters(RollingParameters):
    """Parameters of the controller `lns`: those of `insertion`, and how far it searches."""

    iterations: int = Field(
        200,
        ge=0,
        le=1_000_000,
        description="tries to improve the plans each time that a request was placed or travel times were refreshed; "
        "a number and not a time, so that the result does not depend on the machine",
    )


class Lns(Rolling):
    """Searches by large-neighbourhood search."""

    Parameters: ClassVar[type[Parameters]] = LnsParameters

    def __init__(self, parameters: LnsParameters) -> None:
        super().__init__(parameters)
        self._iterations = parameters.iterations
        self._rng: np.random.Generator

    def prepare(self, inputs: Inputs) -> Preparation:
        """See `Insertion.prepare`."""
        lns.compile_kernels()  # loaded from the cache here, before the simulated time begins to count
        self._rng = np.random.default_rng([inputs.scenario.seeds.demand, STREAM])
        return super().prepare(inputs)

    def _search(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        return solve(problem, plans, iterations=self._iterations, seed=int(self._rng.integers(2**32)))


def compile_kernels() -> None:
    """Compile every kernel that a service of shuttles has into numba's cache, so that a later process pays nothing."""
    insertion.compile_kernels()
    lns.compile_kernels()
    rtv.compile_kernels()
