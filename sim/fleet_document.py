"""The fleet of a scenario document: equal vehicles, or groups of them, with their duties and batteries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator

from sim.fields import (
    Clock,
    Model,
    Name,
    Sourced,
    SourcedEfficiency,
    SourcedRate,
    SourcedShare,
    SpeedMps,
    format_clock,
)


class Battery(Model):
    """Parameters of SUMO's `Energy` model and battery."""

    capacity_kwh: Sourced[Annotated[float, Field(ge=0.1, le=10_000)]]
    mass_kg: Sourced[Annotated[float, Field(ge=1, le=100_000)]] = Field(description="of the vehicle without a load")
    auxiliary_w: SourcedRate
    front_area_m2: Sourced[Annotated[float, Field(ge=0.01, le=50)]]
    drag_coefficient: Sourced[Annotated[float, Field(ge=0.01, le=10)]]
    rolling_coefficient: Sourced[Annotated[float, Field(ge=1e-4, le=1)]]
    propulsion_efficiency: SourcedEfficiency
    recuperation_efficiency: SourcedShare
    consumption_kwh_per_km: Sourced[Annotated[float, Field(ge=0.001, le=100)]] = Sourced(
        value=0.5, source="between 0.4 and 0.6 for minibuses; plans take it until the vehicles have shown theirs"
    )
    initial_share: SourcedShare = SourcedShare(value=1.0, source="charged over night")
    reserve_share: Sourced[Annotated[float, Field(ge=0, le=0.95)]] = Sourced(
        value=0.1, source="kept for the way to a charger"
    )


class Break(Model):
    """A rest that begins within a window, with nobody on board."""

    earliest_s: Clock
    latest_s: Clock
    duration_s: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _require_order(self.earliest_s, self.latest_s, "latest_s", "earliest_s")
        return self


class Duty(Model):
    """When a vehicle serves: it starts at the depot, and is back there or idle at the end."""

    begin_s: Clock
    end_s: Clock
    breaks: tuple[Break, ...] = ()

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _require_order(self.begin_s + 1, self.end_s, "end_s", "begin_s")
        for rest in self.breaks:
            if rest.earliest_s < self.begin_s or rest.latest_s + rest.duration_s > self.end_s:
                msg = (
                    f"a break from {format_clock(rest.earliest_s)} to {format_clock(rest.latest_s + rest.duration_s)} "
                    f"at the latest does not fit a duty from {format_clock(self.begin_s)} to {format_clock(self.end_s)}"
                )
                raise ValueError(msg)
        return self


def _require_order(first_s: int, last_s: int, later: str, sooner: str) -> None:
    if last_s < first_s:
        msg = f"{later} ({format_clock(last_s)}) must not come before {sooner} ({format_clock(first_s)})"
        raise ValueError(msg)


class Vehicles(Model):
    """What vehicles of one kind are like. Without a depot they start spread over the network."""

    seats: int = Field(ge=0, le=200)
    wheelchairs: int = Field(0, ge=0, le=20, description="places for wheelchairs, beside the seats")
    depot: str | None = "depot"
    length_m: float = Field(7.0, gt=0, le=30)
    max_speed_mps: SpeedMps = 25.0
    battery: Battery | None = None
    duties: tuple[Duty, ...] = Field((), description="given out in turn; none: from the first to the last second")
    areas: tuple[str, ...] = Field((), description="areas of the network outside which they serve nobody; none: all")
    classes: tuple[Name, ...] = Field((), description="of `requests.classes` those that they serve alone; none: all")


class VehicleGroup(Vehicles):
    """Vehicles of a mixed fleet; what is not given is as in the fleet."""

    count: int = Field(ge=1, le=10_000)


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of a fleet: its name, empty for a fleet of equal vehicles, how many, and what they are like."""

    name: str
    count: int
    vehicles: Vehicles


class Fleet(Vehicles):
    """Equal vehicles, `count` of them, or several `groups`, each with what differs from the fields beside it."""

    count: int | None = Field(None, ge=1, le=10_000)
    groups: dict[Name, VehicleGroup] = Field(default_factory=dict)
    boarding_s: float = Field(10, gt=0, description="standing time of one boarding stop")
    alighting_s: float = Field(10, gt=0, description="standing time of one alighting stop")

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: object) -> object:
        """Fill groups up, so that a document written out again says the same."""
        groups = data.get("groups") if isinstance(data, Mapping) else None
        if not isinstance(data, Mapping) or not isinstance(groups, Mapping):
            return data
        common = {name: data[name] for name in Vehicles.model_fields if name in data}
        whole = {name: common | dict(one) if isinstance(one, Mapping) else one for name, one in groups.items()}
        return {**data, "groups": whole}

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if (self.count is None) == (not self.groups):
            found = "neither" if self.count is None else f"count: {self.count} and {len(self.groups)} groups"
            msg = f"a fleet has either a count of equal vehicles or groups with a count each; found {found}"
            raise ValueError(msg)
        for part in self.parts:
            if not part.vehicles.seats + part.vehicles.wheelchairs:
                msg = f"vehicles {part.name!r} have neither seats nor wheelchair places"
                raise ValueError(msg)
        return self

    @property
    def size(self) -> int:
        """How many vehicles there are."""
        return sum(part.count for part in self.parts)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The kinds of vehicles, in the order of the document."""
        if self.count is not None:
            return (Part("", self.count, self),)
        return tuple(Part(name, group.count, group) for name, group in self.groups.items())
