"""The controller `hindsight`: `lns` with every request known when the run begins, a reference for the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import Field

from sim.controllers.base import Inputs, Parameters, Preparation
from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.rolling import Lns, LnsParameters
from sim.dispatch.lns import solve
from sim.dispatch.problem import Problem
from sim.dispatch.solution import Solution, Stops
from sim.world import Request, World


class HindsightParameters(LnsParameters):
    """Parameters of the controller `hindsight`: those of `lns`, and how far it searches at the beginning."""

    booking_slack_share: float = Field(0, ge=0, le=1, description="as for `insertion`")
    first_iterations: int = Field(
        5_000,
        ge=0,
        le=10_000_000,
        description="tries to improve the plans when the requests of the whole run have just been placed; later "
        "searches take `iterations`",
    )


class Hindsight(Lns):
    """Plans the whole run at its beginning, and anew as traffic changes: what foresight could be worth.

    It is no bound but a heuristic on the travel times of the moment: a longer search, or one that knows what traffic
    will be, may find more. Requests are all that it knows ahead. Who cancels or does not come it learns like
    everybody, requests outside of the booking rules are refused as they would be at their own time, and no rider
    boards before the wish.
    """

    Parameters: ClassVar[type[Parameters]] = HindsightParameters

    def __init__(self, parameters: HindsightParameters) -> None:
        super().__init__(parameters)
        self._first_iterations = parameters.first_iterations
        self._begun = False
        self._submitted_s: dict[str, float] = {}

    def prepare(self, inputs: Inputs) -> Preparation:
        """Let every request be made when the run begins, those of before included; see `Insertion.prepare`."""
        self._submitted_s = {rider.request_id: rider.submitted_s for rider in inputs.riders}
        begin_s = inputs.scenario.time.begin_s
        known = tuple(replace(rider, booked_s=min(rider.submitted_s, begin_s)) for rider in inputs.riders)
        return super().prepare(replace(inputs, riders=known))

    def _due(self, world: World) -> list[Request]:
        """Return the requests to be tried now, as if each were made at its own time."""
        due = [replace(request, submitted_s=self._submitted_s[request.id]) for request in super()._due(world)]
        return sorted(due, key=lambda request: (request.submitted_s, request.earliest_s, request.id))

    def _window(self, ride: Ride, pickup_s: float, *, now_s: float) -> tuple[float, float]:
        """Return all of the time in which the rider would board: a plan for hours ahead is not to bind itself."""
        return ride.earliest_s, ride.latest_pickup_s

    def _mended(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        """Search all the same: there is nobody new, only traffic."""
        return self._better(problem, plans)

    def _search(self, problem: Problem, plans: Sequence[Stops]) -> Solution:
        iterations = self._iterations if self._begun else self._first_iterations
        self._begun = True
        return solve(problem, plans, iterations=iterations, seed=int(self._rng.integers(2**32)))
