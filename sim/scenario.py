"""The scenario document: its shape, strict, with a JSON Schema.

Only the shape is checked here. Names of networks, stops, sites and controllers are checked by
`sim.engine.resolve`, which knows what exists.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from sim.demand_document import Demand
from sim.errors import ScenarioError
from sim.fields import Clock, Model, Name, SourcedPositive, SourcedRate, SourcedShare, format_clock


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
    overlays: list[Name] = Field([], description="what is planned and built on top of the network, in this order")
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
        msg = f"{place} is not a valid scenario:\n" + "\n".join(f"  {line}" for line in described(error, Scenario))
        raise ScenarioError(msg) from None


def described(error: ValidationError, model: type[Model]) -> list[str]:
    """Return the faults of a document one by one: its path, what was found, what is allowed."""
    return [_describe(entry, model) for entry in error.errors(include_url=False)]


def _describe(entry: ErrorDetails, model: type[Model]) -> str:
    place = ".".join(str(part) for part in entry["loc"]) or "(document)"
    if entry["type"] == "extra_forbidden":
        return f"{place}: unknown field; allowed are {', '.join(_fields_at(entry['loc'][:-1], model))}"
    if entry["type"] == "missing":
        return f"{place}: missing"
    found = "" if isinstance(entry["input"], (dict, list)) else f", found {entry['input']!r}"
    return f"{place}: {entry['msg']}{found}"


def _fields_at(loc: tuple[int | str, ...], model: type[Model]) -> list[str]:
    """Return the field names of the model at a place of the document."""
    schema = model.model_json_schema()
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
