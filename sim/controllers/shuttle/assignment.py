"""The controller `rtv`: as `lns`, with trips assigned to vehicles by an integer program in place of the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from sim.controllers.base import Inputs, Parameters, Preparation
from sim.controllers.shuttle.rolling import Rolling, RollingParameters
from sim.dispatch import rtv
from sim.dispatch.problem import Problem
from sim.dispatch.solution import Solution, Stops
from sim.dispatch.trips import Caps


class RtvParameters(RollingParameters):
    """Parameters of the controller `rtv`: those of `insertion`, and what bounds its search in place of a clock."""

    trip_requests: int = Field(
        4,
        ge=0,
        le=12,
        description="requests of a trip, besides those that the vehicle is bound to; a plan that has more changes by "
        "one request at a time",
    )
    requests_per_vehicle: int = Field(
        12,
        ge=1,
        description="requests that a vehicle is connected with, besides those it has: those that cost it least "
        "above what they cost their cheapest vehicle",
    )
    trips_per_size: int = Field(
        30,
        ge=1,
        description="trips looked at for each vehicle and number of requests",
    )
    tries: int = Field(
        100,
        ge=0,
        le=1_000_000,
        description="stops tried in the search for the best order of a trip; a bound rules out most orders",
    )
    nodes: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="nodes of the branch-and-bound tree over the choice of trips; few problems need more than one",
    )


class Rtv(Rolling):
    """Assigns trips to vehicles after Alonso-Mora et al. (2017)."""

    Parameters: ClassVar[type[Parameters]] = RtvParameters

    def __init__(self, parameters: RtvParameters) -> None:
        super().__init__(parameters)
        self._nodes = parameters.nodes
        self._caps = Caps(
            size=parameters.trip_requests,
            requests=parameters.requests_per_vehicle,
            trips=parameters.trips_per_size,
            tries=parameters.tries,
        )

    def prepare(self, inputs: Inputs) -> Preparation:
        """See `Insertion.prepare`."""
        rtv.compile_kernels()  # loaded from the cache here, before the simulated time begins to count
        return super().prepare(inputs)

    def _search(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        return rtv.assign(problem, plans, caps=self._caps, nodes=self._nodes)
