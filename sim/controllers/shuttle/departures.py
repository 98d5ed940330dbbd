"""When shuttles set off to riders who have booked ahead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from sim.controllers.base import Parameters
from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.shuttle import Shuttle
from sim.world import Location, PlannedStop, TravelTimes, Vehicle, Visit


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
    """Keeps empty shuttles where they stand as long as the next rider's booking leaves time (wait-first).

    One that somebody waits for already, later in its plan, drives on: SUMO has been told of that rider.
    """

    def __init__(self, parameters: DepartureParameters) -> None:
        self._parameters = parameters
        self._seen: dict[str, Location] = {}

    def hold(
        self, vehicle: Vehicle, shuttle: Shuttle, rides: Mapping[str, Ride], times: TravelTimes, *, time_s: float
    ) -> None:
        """Hold a shuttle that has time, or let one go whose time has come."""
        if self._parameters.waiting == "drive_first":
            return
        stands = vehicle.phase == "serving" or (
            vehicle.phase == "idle" and self._seen.get(vehicle.id) == vehicle.location
        )
        self._seen[vehicle.id] = vehicle.location
        held = None
        if stands or shuttle.held is not None:
            stop = _next_when_empty(vehicle, shuttle, rides)
            alone = all(rides[one.request_id].earliest_s > time_s for one in shuttle.stops(rides) if one.pickup)
            if alone and stop is not None and self._has_time(vehicle.location, rides[stop.request_id], times, time_s):
                held = stop, Visit(vehicle.location) if shuttle.held is None else shuttle.held[1]
        if held != shuttle.held:
            shuttle.held, shuttle.changed = held, True

    def _has_time(self, here: Location, ride: Ride, times: TravelTimes, time_s: float) -> bool:
        use = self._parameters
        drive_s = times.time_s(here, ride.origin) * (1 + use.departure_slack_share) + use.departure_slack_s
        return time_s + drive_s < ride.earliest_s


def _next_when_empty(vehicle: Vehicle, shuttle: Shuttle, rides: Mapping[str, Ride]) -> PlannedStop | None:
    """Return the boarding that comes next for a shuttle that is empty, or will be once it is done where it stands."""
    served = shuttle.plan[: vehicle.locked] if vehicle.phase == "serving" else []
    alighting = {stop.request_id for stop in served if not stop.pickup}
    ahead = shuttle.plan[len(served) :]
    if not ahead or len(alighting) < len(served) or set(vehicle.on_board) - alighting or shuttle.visit_first:
        return None
    return ahead[0] if rides[ahead[0].request_id].errand is None else None
