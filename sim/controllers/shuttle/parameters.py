"""What a scenario may say of the controller `insertion`, and of those that build on it."""

from __future__ import annotations

from pydantic import Field

from sim.controllers.shuttle.charging import ChargingParameters
from sim.controllers.shuttle.departures import DepartureParameters
from sim.controllers.shuttle.knowledge import LearningParameters
from sim.controllers.shuttle.rebalancing import RebalancingParameters


class InsertionParameters(LearningParameters, RebalancingParameters, DepartureParameters, ChargingParameters):
    """Parameters of the controller `insertion`."""

    alpha: float = Field(
        0.5,
        ge=0,
        description="seconds of ride, of any rider, that one second of added driving is worth; more of it "
        "means fewer vehicle kilometres and longer waits, less of it sends out idle shuttles sooner",
    )
    wait_weight: float = Field(
        1.5,
        ge=1,
        description="seconds of ride that one second of wait is worth; studies of travellers' value of time "
        "find between 1 and 2.5",
    )
    walk_weight: float = Field(
        2.0,
        ge=0,
        description="seconds of ride that one second of walk to or from a meeting point is worth; studies of "
        "travellers' value of time find between 1.5 and 2.5",
    )
    promise_window_s: float = Field(
        300,
        ge=0,
        description="time from the planned pick-up to the end of the promised window, which later insertions "
        "keep to; more leaves more room for pooling, less is the better promise",
    )
    travel_time_factor: float = Field(
        1.0,
        ge=1,
        le=3,
        description="factor on the travel times that plans are made with; what exceeds 1 is slack against "
        "traffic that gets worse after the promise",
    )
    retry_s: float = Field(
        15,
        ge=0,
        description="time between two attempts for a request that has found no place yet; trying every step "
        "costs most of the planning when demand exceeds the fleet, and serves hardly more",
    )
    lateness_weight: float = Field(
        5,
        ge=0,
        description="seconds of ride that one second behind a promise is worth, once traffic has broken it: "
        "what moving riders who wait may cost to mend it; 0 leaves them where they are",
    )
    least_gain_s: float = Field(
        5,
        ge=0,
        description="plans are replaced if that saves at least this much of the objective, in seconds of ride; "
        "more of it lets riders keep their vehicle",
    )
    duty_slack_s: float = Field(
        120,
        ge=0,
        description="time in hand with which an idle vehicle sets off to its break, and home at the end of its duty",
    )
