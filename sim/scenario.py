"""The scenario document: its shape, strict, with a JSON Schema.

Only the shape is checked here. Names of networks, stops, sites and controllers are checked by
`sim.engine.resolve`, which knows what exists.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from sim.demand_document import Demand
from sim.errors import ScenarioError
from sim.fields import Clock, Model, Name, SourcedEfficiency, SourcedPositive, SourcedRate, SourcedShare, format_clock
from sim.fleet_document import Fleet
from sim.freight_document import Freight
from sim.permit_document import Permit
from sim.supervision_document import Handling


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


class RideLimits(Model):
    """What a rider accepts (names as in MATSim and FleetPy)."""

    max_wait_s: float = Field(1800, gt=0)
    max_detour_alpha: float = Field(1.5, ge=1)
    max_detour_beta_s: float = Field(600, ge=0)
    max_ride_s: float = Field(3600, gt=0)

    def longest_ride_s(self, direct_s: float) -> float:
        """Return the longest ride accepted in place of a direct drive of `direct_s`."""
        return min(self.max_ride_s, self.max_detour_alpha * direct_s + self.max_detour_beta_s)


class ServiceClass(Model):
    """Limits of its own for a class of riders; what is null is as for everybody."""

    max_wait_s: float | None = Field(None, gt=0)
    max_detour_alpha: float | None = Field(None, ge=1)
    max_detour_beta_s: float | None = Field(None, ge=0)
    max_ride_s: float | None = Field(None, gt=0)
    areas: tuple[str, ...] = Field((), description="areas of the network that it is served in; none: those of all")


class BookingRules(Model):
    """When rides can be booked, in the words of GTFS-Flex (`booking_rules.txt`); who books outside is rejected.

    `booking_type` 0 is real time, with bookings ahead too; 1 wants notice on the day, 2 a day or more ahead.
    """

    booking_type: Literal[0, 1, 2] = 0
    prior_notice_duration_min: float = Field(0, ge=0, description="minutes of notice at least; for type 1")
    prior_notice_duration_max: float | None = Field(None, gt=0, description="minutes of notice at most; null: any")
    prior_notice_last_time: Clock = Field(
        86_400, description="time of the day before until which rides can be booked; for type 2"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        most = self.prior_notice_duration_max
        if most is not None and most < self.prior_notice_duration_min:
            msg = f"prior_notice_duration_max ({most:g}) must not be below _min ({self.prior_notice_duration_min:g})"
            raise ValueError(msg)
        return self


class MeetingPoints(Model):
    """Riders walk to the best of several bus stops instead of boarding and alighting at their door."""

    max_walk_m: float = Field(400, gt=0, le=5000, description="from door to stop, along the walkable network")
    most: int = Field(4, ge=1, le=20, description="stops that are looked at for each end, nearest first")


class RequestLimits(RideLimits):
    """What riders accept, and how the service takes their requests."""

    walk_speed_mps: float = Field(1.3, gt=0, le=3)
    areas: tuple[str, ...] = Field((), description="areas of the network that riders are served in; none: all of it")
    classes: dict[Name, ServiceClass] = Field(default_factory=dict)
    booking_rules: BookingRules = BookingRules()
    meeting_points: MeetingPoints | None = Field(None, description="null: from door to door")
    no_show_wait_s: float = Field(
        180,
        ge=0,
        description="how long a vehicle waits for who does not come, counted from the promised window's begin",
    )

    def of(self, service_class: str) -> RideLimits:
        """Return the limits of a class; raises `KeyError` for an unknown one, empty stands for everybody's."""
        own = self.classes[service_class].model_dump(exclude_none=True) if service_class else {}
        return RideLimits(**{name: own.get(name, getattr(self, name)) for name in RideLimits.model_fields})


class ControllerUse(Model):
    """Which registered controller decides, how often, and with which of its own parameters."""

    use: Name
    period_s: float = Field(5, ge=0.1)
    parameters: dict[str, Any] = Field(default_factory=dict)


class Controllers(Model):
    """One controller for each role."""

    shuttle: ControllerUse | None = None
    # left out where it is null, so that documents without it keep their hash
    freight: ControllerUse | None = Field(None, exclude_if=lambda value: value is None)


class Supervision(Model):
    """Remote operators who help driverless vehicles on, any operator any vehicle (names as in MATSim's module)."""

    operators: int = Field(ge=1, le=10_000)
    incidents_per_1000_km: SourcedRate = Field(
        description="incidents that a vehicle cannot resolve by itself, a Poisson process over the kilometres it drives"
    )
    handling: Handling
    breakdown_share: SourcedShare = Field(
        SourcedShare(value=0.0, source="operators always help"),
        description="share of incidents after which a vehicle does not drive on; its riders wait there for another one",
    )
    recovery_s: SourcedPositive = Field(
        SourcedPositive(value=1800, source="half an hour until a vehicle that broke down is towed away"),
        description="time for which a vehicle that broke down stands in its lane",
    )
    operator_hour_krw: SourcedRate | None = Field(None, description="adds the operators to the cost KPIs")


class Costs(Model):
    """Assumed rates for the cost KPIs, Korean won."""

    vehicle_hour_krw: SourcedRate
    vehicle_km_krw: SourcedRate
    electricity_krw_per_kwh: SourcedRate


class Emissions(Model):
    """Factors of ISO 14083 for the electricity used."""

    grid_kg_co2e_per_kwh: SourcedRate
    charging_efficiency: SourcedEfficiency


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
    # left out where it is null, so that documents without it keep their hash
    supervision: Supervision | None = Field(
        None, exclude_if=lambda value: value is None, description="null: nothing stops the vehicles"
    )
    freight: Freight | None = Field(None, exclude_if=lambda value: value is None, description="null: no goods")
    permits: dict[Name, Permit] = Field(
        default_factory=dict,
        exclude_if=lambda value: not value,
        description="rules for the classes that they name; `extends` takes a ready permit of scenarios/permits",
    )
    costs: Costs | None = None
    emissions: Emissions | None = None
    outputs: Outputs = Outputs()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _classes(self) -> Self:
        known = self.requests.classes
        named = {
            f"demand.riders.classes.{name}": name for name in (self.demand.riders.classes if self.demand.riders else ())
        }
        if self.fleet is not None:
            for part in self.fleet.parts:
                place = f"fleet.groups.{part.name}.classes" if part.name else "fleet.classes"
                named |= {f"{place}.{n}": name for n, name in enumerate(part.vehicles.classes)}
        for place, name in named.items():
            if name not in known:
                msg = f"{place}: unknown class {name!r}; requests.classes has {', '.join(sorted(known)) or 'none'}"
                raise ValueError(msg)
        shares = self.demand.riders.classes if self.demand.riders else known
        for name in sorted(known.keys() - shares.keys()):
            msg = (
                f"requests.classes.{name}: no rider can be in it; demand.riders.classes has "
                f"{', '.join(sorted(shares)) or 'none'}, and a share of 0 will do"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _service(self) -> Self:
        if self.controllers.shuttle is not None and self.fleet is None:
            msg = "controllers.shuttle needs a fleet"
            raise ValueError(msg)
        if self.supervision is not None and self.fleet is None:
            msg = "supervision needs a fleet"
            raise ValueError(msg)
        if self.controllers.freight is not None and (self.freight is None or not self.freight.fleets):
            msg = "controllers.freight needs freight.fleets"
            raise ValueError(msg)
        if self.permits and self.freight is None:
            msg = "permits need freight: they are watched for the vehicles that move goods"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _time_gap(self) -> Self:
        platooning = self.freight.platooning if self.freight is not None else None
        if platooning is not None and platooning.time_gap_s.value < self.time.step_s:
            msg = (
                f"freight.platooning.time_gap_s: found {platooning.time_gap_s.value:g}; allowed is time.step_s "
                f"({self.time.step_s:g}) or more, for drivers in SUMO react once a step"
            )
            raise ValueError(msg)
        return self

    def hash(self) -> str:
        """SHA-256 of the canonical document, seeds included."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a scenario document, with `extends` and `orders_file` as they may stand in a file."""
    schema = Scenario.model_json_schema()
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "name or path of the document that this one changes",
    }
    schema["$defs"]["Freight"]["properties"]["orders_file"] = {
        "type": ["string", "null"],
        "description": "CSV beside the document, taken for orders",
    }
    schema["$defs"]["Permit"]["properties"]["extends"] = {
        "type": "string",
        "description": "name or path of the permit that this one changes, field by field",
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
    return f"{place}: {entry['msg'].removeprefix('Value error, ')}{found}"


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
