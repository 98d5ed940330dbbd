"""Permits of a scenario document: which class may be where, when, how fast and with whom on board.

A class that at least one permit of the scenario names may be on the roads under its permits alone; all others are where
the network lets them be. Several permits of a class add up: being covered by one of them is enough.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from sim.fields import Clock, Model, SourcedSpeedKmh, Status, format_clock
from sim.vehicle_classes import PermitClass

Crew = Literal["driver", "passenger_seat", "remote", "none"]
"""Who watches a driverless vehicle, from the strictest stage to the freest."""

CREW_STAGES: tuple[Crew, ...] = ("driver", "passenger_seat", "remote", "none")

Outside = Literal["hold", "return", "forbid"]
Point = tuple[Annotated[float, Field(ge=-180, le=180)], Annotated[float, Field(ge=-90, le=90)]]


class Window(Model):
    """Hours of each day, [begin_s, end_s)."""

    begin_s: Clock
    end_s: Clock

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end_s <= self.begin_s:
            msg = (
                f"empty hours: end_s ({format_clock(self.end_s)}) must come after begin_s "
                f"({format_clock(self.begin_s)}); a night is two windows, one to 24:00 and one from 00:00"
            )
            raise ValueError(msg)
        return self


class Zone(Model):
    """Roads: all of the network, those in named areas of it, within a polygon, or listed; several of them add up."""

    everywhere: bool = False
    areas: tuple[str, ...] = ()
    polygon: tuple[Point, ...] = Field((), description="corners as longitude and latitude, degrees (WGS 84)")
    edges: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> Self:
        if not (self.everywhere or self.areas or self.polygon or self.edges):
            msg = "a zone needs everywhere, areas, a polygon or edges; found none of them"
            raise ValueError(msg)
        if self.polygon and len(self.polygon) < 3:
            msg = f"a polygon has three corners or more, found {len(self.polygon)}"
            raise ValueError(msg)
        return self


class Permit(Model):
    """One permit.

    `crew` is the freest stage that it allows: a permit for `remote` covers vehicles with a driver, too. `outside` is
    what the end of a window means for a vehicle: `hold` where it may stand, at the latest then; `return` to the depot
    in time, with its goods if need be; `forbid` to begin a mission that the window does not hold whole.
    """

    title: str
    classes: tuple[PermitClass, ...] = Field(min_length=1)
    zone: Zone
    windows: tuple[Window, ...] = Field((Window(begin_s=0, end_s=172_800),), min_length=1)
    max_speed_kmh: SourcedSpeedKmh | None = None
    crew: Crew = "none"
    vehicles_per_operator: int | None = Field(None, ge=1, le=10_000, description="vehicles on the road per operator")
    max_mass_kg: float | None = Field(None, gt=0, description="covers vehicles up to this mass, load included")
    min_mass_kg: float = Field(0, ge=0, description="covers vehicles above this mass, load included")
    surface: Literal["road", "sidewalk"] = "road"
    outside: Outside = "hold"
    in_force: Literal["historical", "current", "planned", "trial"] = "trial"
    status: Status
    source: str

    @field_validator("windows", mode="before")
    @classmethod
    def _some_window(cls, windows: object) -> object:
        if windows in ([], ()):
            msg = "found none; allowed is at least 1; left out, the permit holds at all hours"
            raise ValueError(msg)
        return windows

    @model_validator(mode="after")
    def _masses(self) -> Self:
        if self.max_mass_kg is not None and self.max_mass_kg <= self.min_mass_kg:
            msg = f"max_mass_kg ({self.max_mass_kg:g}) must exceed min_mass_kg ({self.min_mass_kg:g})"
            raise ValueError(msg)
        return self
