"""The logical classes of everything that moves, and the SUMO classes that stand for them: the one table of both.

SUMO has two classes without a meaning, `custom1` and `custom2`, and four that nothing here uses otherwise: `private`,
`hov`, `vip`, `authority`. Each class that a permit may name has one of its own, so that a permit for low-speed special
vehicles does not touch finished cars that drive themselves. Demand-responsive shuttles run on `taxi`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

FreightClass = Literal["av_truck", "special_vehicle", "human_truck", "robot"]
"""Classes of the vehicles that carry orders."""

PermitClass = Literal["av_truck", "special_vehicle", "human_truck", "finished_car", "robot", "shuttle"]
"""Classes that a permit may name."""


@dataclass(frozen=True, slots=True)
class VehicleClass:
    """A logical class.

    Attributes
    ----------
    sumo
        SUMO's `vClass`.
    like
        The class whose roads it may use where no permit says otherwise; one that a network's tables know.
    driverless
        Whether it drives at exactly the speed it is allowed, as software does.
    """

    sumo: str
    like: str
    driverless: bool = False


VEHICLE_CLASSES: Mapping[str, VehicleClass] = MappingProxyType({
    "car": VehicleClass("passenger", "passenger"),
    "truck": VehicleClass("truck", "truck"),
    "coach": VehicleClass("coach", "coach"),
    "bus": VehicleClass("bus", "bus"),
    "shuttle": VehicleClass("taxi", "taxi"),
    "rider": VehicleClass("pedestrian", "pedestrian"),
    "human_truck": VehicleClass("truck", "truck"),
    "av_truck": VehicleClass("custom2", "truck", driverless=True),
    "special_vehicle": VehicleClass("custom1", "delivery", driverless=True),
    "finished_car": VehicleClass("private", "passenger", driverless=True),
    "robot": VehicleClass("pedestrian", "pedestrian", driverless=True),
})  # fmt: skip
