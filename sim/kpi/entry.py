"""An entry of the KPI catalogue, and the names of stats and scopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]
Source = Literal["MATSim", "FleetPy", "RidePy", "NTD", "ISO 14083", "SUMO", "SSM", "SCOR", "KEPCO", "own"]
ScopedBy = Literal["riders", "order", "family", "site", "class", "hub", "rule", "pair"]

TOTAL = "value"
DISTRIBUTION_STATS = ("mean", "p50", "p90", "p95", "max")
ALL = "all"
CARS = "cars"
BOOKED = "booked"
WHEELCHAIR = "wheelchair"
SCOPES = (ALL, "station_corridor", "housing", "villages", "inside_complex", BOOKED, WHEELCHAIR, CARS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """One entry of the catalogue.

    `scoped_by` tells what a KPI is also given for: parts of the riders, order families and kinds, sites, vehicle
    classes, ... All but `dispatch_ms` are the same to the last bit in every repetition of a run. `alias` is the short
    code that some of the literature uses.
    """

    code: str
    section: str
    title: str
    unit: str
    better: Better
    source: Source
    definition: str
    distribution: bool = False
    scoped_by: ScopedBy | None = None
    alias: str = ""
