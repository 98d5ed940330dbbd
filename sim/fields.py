"""The types that every part of a scenario document is made of: strict models, clocks, figures with their source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Status = Literal["confirmed", "likely", "schematic", "assumed", "planned"]
T = TypeVar("T")

_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?")
_SECONDS = re.compile(r"\d{1,6}(\.0*)?")
LATEST_S = 48 * 3600
CLOCKS = "HH:MM, HH:MM:SS or whole seconds after midnight, 48:00 at most"


def parse_clock(value: object) -> object:
    """Turn "HH:MM" or "HH:MM:SS" into seconds after midnight; leave anything else to the field's own check."""
    if isinstance(value, str) and (match := _CLOCK.fullmatch(value)):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds
    return value


def _read_clock(value: object) -> object:
    """Return the seconds that a text stands for; what is no text is left to the field's own check."""
    time_s = parse_clock(value)
    if isinstance(time_s, str) and _SECONDS.fullmatch(time_s):
        time_s = int(float(time_s))
    if isinstance(value, str) and not (isinstance(time_s, int) and time_s <= LATEST_S):
        msg = f"input should be {CLOCKS}"
        raise ValueError(msg)
    return time_s


def format_clock(time_s: float) -> str:
    """Write seconds after midnight as "HH:MM:SS"."""
    whole = int(time_s)
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


Clock = Annotated[int, Field(ge=0, le=LATEST_S), BeforeValidator(_read_clock)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=64)]
Share = Annotated[float, Field(ge=0, le=1)]
Scale = Annotated[float, Field(ge=0, le=1000)]
"""What multiplies a number of people or vehicles; more than a thousandfold would fill the memory before it failed."""
SpeedMps = Annotated[float, Field(ge=0.27, le=60)]
"""A top speed: from 1 km/h on, for who is slower does not arrive."""


class Model(BaseModel):
    """Strict base: an unknown field is an error, a document never changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Sourced(Model, Generic[T]):
    """A figure that is not established: its value with status and source. A bare value counts as assumed."""

    value: T
    status: Status = "assumed"
    source: str = "set in the scenario"

    @model_validator(mode="before")
    @classmethod
    def _wrap(cls, data: object) -> object:
        return data if isinstance(data, (Mapping, Sourced)) else {"value": data}


SourcedCount = Sourced[Annotated[int, Field(ge=0, le=1_000_000)]]
SourcedPositive = Sourced[Annotated[float, Field(ge=1e-6, le=1e9)]]
"""Bounded on both sides: what is divided by it, or it is multiplied with, stays a number."""
SourcedEfficiency = Sourced[Annotated[float, Field(ge=0.01, le=1)]]
SourcedSpeedKmh = Sourced[Annotated[float, Field(ge=1, le=200)]]
SourcedRate = Sourced[Annotated[float, Field(ge=0, le=1e6)]]
SourcedShare = Sourced[Share]
