"""Remote operators of a scenario document: how long they are busy, and what they are called for by freight."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from sim.fields import Model, SourcedRate, Status


class Handling(Model):
    """How long an operator is busy with one incident, from taking it over until the vehicle drives on."""

    distribution: Literal["lognormal", "exponential"] = "lognormal"
    mean_s: float = Field(gt=0, le=86_400)
    sd_s: float | None = Field(None, gt=0, description="for the lognormal law; that of an exponential one is its mean")
    status: Status
    source: str

    @model_validator(mode="after")
    def _has_its_spread(self) -> Self:
        if (self.sd_s is None) != (self.distribution == "exponential"):
            found = "no sd_s" if self.sd_s is None else f"sd_s {self.sd_s:g}"
            msg = f"a lognormal handling time needs sd_s, an exponential one has none; found {found}"
            raise ValueError(msg)
        return self


class FreightSupervision(Model):
    """What the operators of fleets with crew `remote` are called for; each fleet has its own (`operators`)."""

    incidents_per_1000_km: SourcedRate = Field(
        description="incidents that a vehicle cannot resolve by itself, a Poisson process over the kilometres it drives"
    )
    handling: Handling
