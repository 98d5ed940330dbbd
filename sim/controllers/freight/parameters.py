"""What a scenario may say of every freight controller."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from sim.controllers.base import Parameters


class FreightParameters(Parameters):
    """Parameters of every freight controller."""

    ahead_s: float = Field(
        120,
        ge=0,
        le=3600,
        description="how long before its window an order may be planned into the bay; at most what the scenario "
        "tolerates, less of it leaves room for a way that takes less than expected",
    )
    stay_s: float = Field(
        1200,
        gt=0,
        le=14_400,
        description="how long a lorry from outside is taken to keep its bay, from now on: nobody tells the service",
    )
    slot_tolerance_s: float = Field(
        300,
        ge=0,
        le=3600,
        description="an appointment is moved when the vehicle will be further than this from its begin",
    )
    charge_below_share: float = Field(
        0.35,
        ge=0,
        le=1,
        description="a vehicle with nothing to do and less than this in its battery charges at its depot first",
    )
    charge_to_share: float = Field(0.8, gt=0, le=1, description="how much it has in its battery when it is sent again")

    @model_validator(mode="after")
    def _shares(self) -> Self:
        if self.charge_to_share < self.charge_below_share:
            msg = (
                f"charge_to_share ({self.charge_to_share:g}) must not be below "
                f"charge_below_share ({self.charge_below_share:g})"
            )
            raise ValueError(msg)
        return self
