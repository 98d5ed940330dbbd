"""How driverless trucks follow one another, in a scenario document."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sim.fields import Model, Sourced, SourcedRate


class Platooning(Model):
    """Driverless trucks that come near one another on the road follow more closely, as far as `within_m` reaches."""

    time_gap_s: Sourced[Annotated[float, Field(ge=0.3, le=3)]] = Field(
        Sourced(value=0.6, source="the shortest at which trucks with cooperative cruise control are tried"),
        description="of followers, beyond the distance kept at a standstill; no shorter than time.step_s",
    )
    within_m: Sourced[Annotated[float, Field(ge=10, le=200)]] = Field(
        Sourced(value=80, source="some five seconds at 60 km/h: further off, closing up takes longer than it lasts"),
        description="a truck follows the one before it from this distance on, and gives up at half as much again",
    )
    least_speed_mps: SourcedRate = SourcedRate(value=8.3, source="30 km/h: below it, junctions and gates have the say")
    most_vehicles: Sourced[Annotated[int, Field(ge=2, le=20)]] = Sourced(value=4, source="fits between two junctions")
    leader_eases_share: Sourced[Annotated[float, Field(ge=0, le=0.5)]] = Field(
        Sourced(value=0.1, source="a gap of 40 m closes in 25 s"),
        description="what a leader gives up of its speed until those behind it have closed up; 0: it waits for nobody",
    )
