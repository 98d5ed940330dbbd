"""SUMO's own taxi dispatchers as a service: the anchor every other dispatcher is measured against."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from sim.controllers import base
from sim.controllers.base import Inputs, Preparation, RideLeg, RiderPlan
from sim.controllers.fleet import waiting_fleet
from sim.world import World


class SumoParameters(base.Parameters):
    """Which of SUMO's dispatchers, by SUMO's name."""

    algorithm: Literal["greedy", "greedyClosest", "greedyShared", "routeExtension"] = Field("greedyClosest")


class SumoDispatch:
    """Leaves every decision to SUMO; riders ask when they wish to travel."""

    Parameters: ClassVar[type[base.Parameters]] = SumoParameters

    def __init__(self, parameters: SumoParameters) -> None:
        self._parameters = parameters

    def prepare(self, inputs: Inputs) -> Preparation:
        """Start the fleet and name the dispatcher."""
        use = inputs.scenario.controllers.shuttle
        period_s = use.period_s if use is not None else 0
        return Preparation(
            vehicles=waiting_fleet(inputs),
            riders=tuple(RiderPlan(rider, rider.earliest_s, (RideLeg("taxi"),)) for rider in inputs.riders),
            taxi="sumo",
            options={
                "device.taxi.dispatch-algorithm": self._parameters.algorithm,
                "device.taxi.dispatch-period": str(period_s),
            },
        )

    def start(self, world: World) -> None:
        """Nothing to decide."""

    def step(self, world: World) -> None:
        """Nothing to decide."""

    def finish(self, world: World) -> None:
        """Nothing to settle."""
