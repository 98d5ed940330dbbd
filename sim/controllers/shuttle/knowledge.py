"""What plans are made with: driving times and what stops cost, as far as the parameters let a controller learn them."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from sim.controllers.base import Parameters
from sim.controllers.shuttle.shuttle import Start
from sim.world import Location, StopTimes, TravelTimes, Vehicle, World


class LearningParameters(Parameters):
    """Parameters of what a controller learns while it runs, and of the slack for what it cannot know."""

    travel_times: Literal["refreshed", "free_flow"] = Field(
        "refreshed",
        description="what plans are made with: the times that the simulation shows each minute, or for comparison "
        "those of the first second for good; with the latter nothing is learnt of stops either",
    )
    stop_times: Literal["learnt", "fleet"] = Field(
        "fleet",
        description="what a stop takes in plans: the dwell learnt by place and by how many it serves, with what "
        "shuttles were found to lose by it and against the traffic around, or the fleet's dwell alone",
    )
    promise_slack_share: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share by which all that lies before a stop may come to take longer than planned without a promise "
        "being broken; windows are so much wider, and plans keep that time free, more of it the farther the stop is",
    )
    booking_slack_share: float = Field(
        0.1,
        ge=0,
        le=1,
        description="the same for rides booked ahead, if it is more",
    )


class Knowledge:
    """The times as the controller takes them, brought up to date each time that the world's are.

    Parameters
    ----------
    factor
        Multiplies the driving times, beside what was learnt.
    """

    travel_times: TravelTimes
    stop_times: StopTimes | None = None

    def __init__(self, parameters: LearningParameters, *, factor: float) -> None:
        self._refreshes, self._learns = parameters.travel_times == "refreshed", parameters.stop_times == "learnt"
        self._factor = factor

    def begin(self, world: World) -> None:
        """Take over the times that the world shows now."""
        self.travel_times = world.travel_times
        if self._learns:
            self.stop_times = world.stop_times

    def follow(self, world: World) -> bool:
        """Take over new times; return whether there are any that plans have to be checked against."""
        if not self._refreshes:
            return False
        refreshed = world.travel_times.refreshed_s != self.travel_times.refreshed_s
        if refreshed:
            self.begin(world)
        self.travel_times = world.travel_times  # more ways may have been brought up to the last refresh
        return refreshed

    @property
    def factor(self) -> float:
        """What all driving times are to be multiplied by."""
        return self._factor * (1.0 if self.stop_times is None else self.stop_times.drive_factor)

    def way_s(self, a: Location, b: Location) -> float:
        """Return how long a shuttle drives from a to b."""
        return self.factor * self.travel_times.time_s(a, b)

    def pulled_out(self, start: Start, vehicle: Vehicle) -> Start:
        """Return a start with the time that a vehicle which stands somewhere else than at its next stop loses."""
        if self.stop_times is None or vehicle.phase == "driving" or start.location != vehicle.location:
            return start
        return replace(start, ready_s=start.ready_s + self.stop_times.loss_s)
