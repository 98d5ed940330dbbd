"""The scenario document: its shape, strict, with a JSON Schema.

Only the shape is checked here. Names of networks, stops, sites and controllers are checked by
`sim.engine.resolve`, which knows what exists.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from sim.errors import ScenarioError

Status = Literal["confirmed", "likely", "schematic", "assumed", "planned"]
T = TypeVar("T")

_CLOCK = re.compile(r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?")


def parse_clock(value: object) -> object:
    """Turn "HH:MM" or "HH:MM:SS" into seconds after midnight; leave anything else to the field's own check."""
    if isinstance(value, str) and (match := _CLOCK.fullmatch(value)):
        hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds
    return value


def format_clock(time_s: float) -> str:
    """Write seconds after midnight as "HH:MM:SS"."""
    whole = int(time_s)
    return f"{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


Clock = Annotated[int, BeforeValidator(parse_clock), Field(ge=0, le=48 * 3600)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$", max_length=64)]
Share = Annotated[float, Field(ge=0, le=1)]


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
SourcedPositive = Sourced[Annotated[float, Field(gt=0)]]
SourcedRate = Sourced[Annotated[float, Field(ge=0, le=1e6)]]
SourcedShare = Sourced[Share]


class Span(Model):
    """Simulated time. Requests arise in [begin, end); then the run drains until all riders are settled."""

    begin_s: Clock
    end_s: Clock
    drain_s: int = Field(3600, ge=0, le=6 * 3600)
    step_s: float = Field(1.0, ge=0.05, le=1)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end_s <= self.begin_s:
            msg = f"end_s ({format_clock(self.end_s)}) must come after begin_s ({format_clock(self.begin_s)})"
            raise ValueError(msg)
        return self

    @property
    def horizon_s(self) -> int:
        """Time at which the drain ends at the latest, seconds after midnight."""
        return self.end_s + self.drain_s


class Seeds(Model):
    """Demand and SUMO draw from separate seeds, so that services can be compared on the same people."""

    demand: int = Field(1, ge=0, lt=2**31)
    sumo: int = Field(1, ge=0, lt=2**31)


class Shift(Model):
    """Working hours of some sites; `sites: ["*"]` stands for every site that no shift names."""

    sites: list[str] = Field(min_length=1)
    start_s: Clock
    end_s: Clock
    share: Share = Field(1.0, description="weight among the shifts of the same site")
    status: Status
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end_s <= self.start_s:
            msg = (
                f"a shift must end after it starts: start_s {format_clock(self.start_s)}, "
                f"end_s {format_clock(self.end_s)}"
            )
            raise ValueError(msg)
        return self


class HomeZone(Model):
    """Where commuters live: points on walkable roads within `radius_m` of the named junctions."""

    name_en: str
    name_ko: str
    share: SourcedShare
    junctions: list[str] = Field(min_length=1)
    radius_m: float = Field(1000, gt=0)
    scope: Literal["housing", "station_corridor", "villages"]


class Arrival(Model):
    """How long before the shift a commuter wants to be at the gate: a normal law cut off at both ends."""

    mean_s: float = Field(ge=0)
    sd_s: float = Field(gt=0)
    earliest_s: float = Field(gt=0)
    latest_s: float = Field(ge=0)
    status: Status
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.earliest_s <= self.latest_s:
            msg = (
                f"earliest_s ({self.earliest_s}) must exceed latest_s ({self.latest_s}); both count back from the shift"
            )
            raise ValueError(msg)
        return self


class TravelBudget(Model):
    """Time that a commuter plans for the journey: `alpha` × direct drive + `beta_s`."""

    alpha: float = Field(ge=1)
    beta_s: float = Field(ge=0)
    status: Status
    source: str


class Commuters(Model):
    """People who work in the complex; `rider_share` of them use the service, the others drive."""

    count: SourcedCount
    rider_share: SourcedShare
    destinations: list[str] = Field(min_length=1, description="sites, chosen by their staff")
    shifts: list[Shift] = Field(min_length=1)
    homes: dict[Name, HomeZone] = Field(min_length=1)
    arrival: Arrival
    rider_budget: TravelBudget
    car_budget: TravelBudget

    @model_validator(mode="after")
    def _shares(self) -> Self:
        total = sum(zone.share.value for zone in self.homes.values())
        if abs(total - 1) > 1e-6:
            msg = f"the shares of homes must add up to 1, found {total:.4f}"
            raise ValueError(msg)
        return self


class Rail(Model):
    """Passengers who leave a train and want to go on into the complex."""

    station: str
    trains_per_h: SourcedRate
    riders_per_train: SourcedRate
    walk_out_s: float = Field(180, ge=0)
    destinations: list[str] = Field(min_length=1)


class Flow(Model):
    """Background traffic from one gateway to another."""

    origin: str
    destination: str
    vehicles_per_h: SourcedRate
    truck_share: Share = 0.1


class Background(Model):
    """Traffic that has nothing to do with the complex; `scale` multiplies every flow."""

    scale: float = Field(1.0, ge=0)
    both_ways: bool = True
    flows: list[Flow]
    profile: dict[Clock, Annotated[float, Field(ge=0)]] = Field(
        default_factory=lambda: {0: 1.0}, description="multiplier of all flows from this time of day on"
    )


class UniformRequests(Model):
    """Requests spread evenly over time and over the network's edges; needs no sites, so it fits any network."""

    per_h: float = Field(gt=0, le=1e6)
    min_distance_m: float = Field(400, ge=0)


class Demand(Model):
    """Who and what moves."""

    commuters: Commuters | None = None
    rail: Rail | None = None
    background: Background | None = None
    uniform: UniformRequests | None = None


class Battery(Model):
    """Parameters of SUMO's `Energy` model and battery."""

    capacity_kwh: SourcedPositive
    mass_kg: SourcedPositive
    auxiliary_w: SourcedRate
    front_area_m2: SourcedPositive
    drag_coefficient: SourcedPositive
    rolling_coefficient: SourcedPositive
    propulsion_efficiency: SourcedShare
    recuperation_efficiency: SourcedShare


class Fleet(Model):
    """Equal vehicles. Without a depot they start spread over the network."""

    count: int = Field(ge=1, le=10_000)
    seats: int = Field(ge=1, le=200)
    depot: str | None = "depot"
    length_m: float = Field(7.0, gt=0, le=30)
    max_speed_mps: float = Field(25.0, gt=0)
    boarding_s: float = Field(10, gt=0, description="standing time of one boarding stop")
    alighting_s: float = Field(10, gt=0, description="standing time of one alighting stop")
    battery: Battery | None = None


class RequestLimits(Model):
    """What a rider accepts (names as in MATSim and FleetPy)."""

    max_wait_s: float = Field(1800, gt=0)
    max_detour_alpha: float = Field(1.5, ge=1)
    max_detour_beta_s: float = Field(600, ge=0)
    max_ride_s: float = Field(3600, gt=0)
    walk_speed_mps: float = Field(1.3, gt=0, le=3)


class ControllerUse(Model):
    """Which registered controller decides, how often, and with which of its own parameters."""

    use: Name
    period_s: float = Field(5, ge=0.1)
    parameters: dict[str, Any] = Field(default_factory=dict)


class Controllers(Model):
    """One controller for each role."""

    shuttle: ControllerUse | None = None


class Costs(Model):
    """Assumed rates for the cost KPIs, Korean won."""

    vehicle_hour_krw: SourcedRate
    vehicle_km_krw: SourcedRate
    electricity_krw_per_kwh: SourcedRate


class Emissions(Model):
    """Factors of ISO 14083 for the electricity used."""

    grid_kg_co2e_per_kwh: SourcedRate
    charging_efficiency: SourcedShare


class Outputs(Model):
    """What a run writes beside its events."""

    trajectories: bool = False
    trajectory_period_s: float = Field(5, gt=0)


class Limits(Model):
    """Bounds after which a run is ended with an error."""

    wall_s: float = Field(3600, gt=0)
    time_to_teleport_s: float = Field(300, ge=-1)


class Scenario(Model):
    """A whole scenario. Same document and seeds: same run, to the event."""

    name: Name
    title: str
    description: str = ""
    network: Name
    time: Span
    seeds: Seeds = Seeds()
    demand: Demand = Demand()
    fleet: Fleet | None = None
    requests: RequestLimits = RequestLimits()
    controllers: Controllers = Controllers()
    costs: Costs | None = None
    emissions: Emissions | None = None
    outputs: Outputs = Outputs()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _service(self) -> Self:
        if self.controllers.shuttle is not None and self.fleet is None:
            msg = "controllers.shuttle needs a fleet"
            raise ValueError(msg)
        return self

    def hash(self) -> str:
        """SHA-256 of the canonical document, seeds included."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario document, with `extends` as it may stand in a file."""
    schema = Scenario.model_json_schema()
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "name or path of the document that this one changes",
    }
    return schema


def validate(document: Mapping[str, Any], *, place: str) -> Scenario:
    """Check a document's shape; `place` names it in the message of the `ScenarioError`."""
    try:
        return Scenario.model_validate(document)
    except ValidationError as error:
        lines = [_describe(entry) for entry in error.errors(include_url=False)]
        msg = f"{place} is not a valid scenario:\n" + "\n".join(f"  {line}" for line in lines)
        raise ScenarioError(msg) from None


def _describe(entry: ErrorDetails) -> str:
    place = ".".join(str(part) for part in entry["loc"]) or "(document)"
    if entry["type"] == "extra_forbidden":
        return f"{place}: unknown field; allowed are {', '.join(_fields_at(entry['loc'][:-1]))}"
    if entry["type"] == "missing":
        return f"{place}: missing"
    found = "" if isinstance(entry["input"], (dict, list)) else f", found {entry['input']!r}"
    return f"{place}: {entry['msg']}{found}"


def _fields_at(loc: tuple[int | str, ...]) -> list[str]:
    """Return the field names of the model at a place of the document."""
    schema = Scenario.model_json_schema()
    node: dict[str, Any] = schema
    for part in loc:
        node = _resolve(schema, node)
        named = node.get("properties", {}).get(part)
        node = node.get("items", {}) if isinstance(part, int) else named or _values(node)
    return sorted(_resolve(schema, node).get("properties", {}))


def _values(node: dict[str, Any]) -> dict[str, Any]:
    values = node.get("additionalProperties")
    if values is None:
        values = next(iter(node.get("patternProperties", {}).values()), {})
    return values if isinstance(values, dict) else {}


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", []):
        if option.get("type") != "null":
            node = option
            break
    reference = node.get("$ref")
    if reference is None:
        return node
    found = schema["$defs"][str(reference).rsplit("/", 1)[-1]]
    return dict(found)
