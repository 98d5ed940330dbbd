"""When shuttles set off to riders who have booked ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sim.controllers.base import Parameters
from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.shuttle import Shuttle, place
from sim.world import Location, TravelTimes, Vehicle


class DepartureParameters(Parameters):
    """Parameters for shuttles whose next rider comes later."""

    waiting: Literal["drive_first", "wait_first"] = Field(
        "drive_first",
        description="whether an empty shuttle whose next rider has booked sets off at once and waits there, or waits "
        "where it stands until it has to go",
    )
    departure_slack_share: float = Field(
        0.25,
        ge=0,
        description="with `wait_first`: share of the drive by which a shuttle sets off sooner, against bad traffic",
    )
    departure_slack_s: float = Field(60, ge=0, description="with `wait_first`: what comes on top of that share")


class Departures:
    """Keeps empty shuttles where they stand as long as the next rider's booking leaves time (wait-first)."""

    def __init__(self, parameters: DepartureParameters) -> None:
        self._parameters = parameters
        self._seen: dict[str, Location] = {}

    def hold(
        self, vehicle: Vehicle, shuttle: Shuttle, rides: Mapping[str, Ride], times: TravelTimes, *, time_s: float
    ) -> None:
        """Hold a shuttle that has time, or let one go whose time has come."""
        if self._parameters.waiting == "drive_first":
            return
        stands = self._seen.get(vehicle.id) == vehicle.location and vehicle.phase == "idle"
        self._seen[vehicle.id] = vehicle.location
        waits = (stands or shuttle.held_at is not None) and self._has_time(vehicle, shuttle, rides, times, time_s)
        if waits != (shuttle.held_at is not None):
            shuttle.held_at, shuttle.changed = vehicle.location if waits else None, True

    def _has_time(
        self, vehicle: Vehicle, shuttle: Shuttle, rides: Mapping[str, Ride], times: TravelTimes, time_s: float
    ) -> bool:
        if not shuttle.plan or vehicle.on_board or not shuttle.plan[0].pickup:
            return False
        use, there = self._parameters, place(shuttle.plan[0], rides)
        drive_s = times.time_s(vehicle.location, there) * (1 + use.departure_slack_share) + use.departure_slack_s
        return time_s + drive_s < rides[shuttle.plan[0].request_id].earliest_s
