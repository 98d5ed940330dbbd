"""Requests are inserted as they come, and what is not locked is planned anew all the time: the controller `lns`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from pydantic import Field

from sim.controllers.base import Inputs, Parameters, Preparation
from sim.controllers.shuttle.controller import Insertion, Moment
from sim.controllers.shuttle.layout import Layout
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.ride import Ride, in_time, rides_of
from sim.dispatch import lns, mending, refusal, rtv
from sim.dispatch.lns import solve
from sim.dispatch.problem import Problem
from sim.dispatch.solution import Solution, Stops
from sim.world import World

STREAM = 1


class RollingParameters(InsertionParameters):
    """Parameters of controllers whose plans stay open."""

    alpha: float = Field(
        2.25,
        ge=0,
        description="seconds of ride, of any rider, that one second of added driving is worth; as plans stay open, "
        "more of it than `insertion` bears costs few waits",
    )
    wait_weight: float = Field(
        1.25, ge=1, description="seconds of ride that one second of wait is worth, as for `insertion`"
    )
    reject_penalty_s: float = Field(
        20_000,
        ge=0,
        description="seconds of ride that leaving out a rider without a promise is worth: what the search may spend "
        "to make room, within the limits of all others",
    )


class Rolling(Insertion, ABC):
    """Plans anew, again and again, all that no vehicle is bound to yet; how it searches is up to the subclass.

    Riders who wait may come to another vehicle; what they were promised binds every plan.
    """

    Parameters: ClassVar[type[Parameters]] = RollingParameters

    def __init__(self, parameters: RollingParameters) -> None:
        super().__init__(parameters)
        self._rolling = parameters

    @abstractmethod
    def _search(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        """Return plans that cost no more than these, and keep every limit of the problem."""

    def _laid_open(self, moment: Moment) -> Layout:
        return self._lay_out(moment, self._unplaced(moment.world), penalty_s=self._rolling.reject_penalty_s)

    def _better(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        mended = super()._better(problem, plans)
        found = self._search(problem, mended.plans)
        return found._replace(saved=found.saved + mended.saved)

    def _unplaced(self, world: World) -> list[Ride]:
        """Return a ride for each request that has found no place yet, between the nearest points that could do."""
        rides = []
        for request in world.waiting():
            if request.id in self._open:
                limits = self._limits.of(request.service_class)
                options = rides_of(request, limits, self._fleet, now_s=world.time_s, way_s=self._way_s)
                admitted, _ = self._territory.admit(list(options))
                fitting = (one for one in admitted if in_time(one, self._fleet, now_s=world.time_s, way_s=self._way_s))
                rides += [ride for ride in (next(fitting, None),) if ride is not None]
        return rides


class LnsParameters(RollingParameters):
    """Parameters of the controller `lns`: those of `insertion`, and how far it searches."""

    iterations: int = Field(
        100,
        ge=0,
        le=1_000_000,
        description="tries to improve the plans each time that a request was placed or a rider has gone; "
        "a number and not a time, so that the result does not depend on the machine",
    )


class Lns(Rolling):
    """Searches by large neighbourhoods."""

    Parameters: ClassVar[type[Parameters]] = LnsParameters

    def __init__(self, parameters: LnsParameters) -> None:
        super().__init__(parameters)
        self._iterations = parameters.iterations
        self._rng: np.random.Generator

    def prepare(self, inputs: Inputs) -> Preparation:
        """See `Insertion.prepare`."""
        self._rng = np.random.default_rng([inputs.scenario.seeds.demand, STREAM])
        return super().prepare(inputs)

    def _search(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        seed = int(self._rng.integers(2**32))
        return solve(problem, plans, iterations=self._iterations, seed=seed)


def compile_kernels() -> None:
    """Compile every kernel that a service of shuttles has into numba's cache, so that a later process pays nothing."""
    lns.compile_kernels()
    refusal.compile_kernels()
    mending.compile_kernels()
    rtv.compile_kernels()
