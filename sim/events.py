"""The domain events: what happened and what was decided, typed, each with an example.

Facts come from the engine's observer alike for every controller; decisions come from the controller.
Times are seconds after midnight, ids are SUMO's. An event holds nothing that depends on the wall clock, so that
equal runs have equal events.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

E = TypeVar("E", bound="Event")
KINDS: dict[str, type[Event]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at `time_s`."""

    kind: ClassVar[str]
    example: ClassVar[dict[str, Any]]
    time_s: float

    def row(self) -> dict[str, Any]:
        """Return the event as a flat mapping with its `kind`."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {"kind": self.kind, **values}


def event(kind: str, **example: Any) -> Callable[[type[E]], type[E]]:  # noqa: ANN401 (the fields of any event)
    """Register an event class under `kind` with the fields of an example."""

    def register(cls: type[E]) -> type[E]:
        cls.kind = kind
        cls.example = {"time_s": 27_000.0, **example}
        KINDS[kind] = cls
        return cls

    return register


# --- facts -----------------------------------------------------------------------------------------------------


@event(
    "request_submitted", request_id="r12", person_id="p12", purpose="commute", origin_edge="L100+", origin_pos_m=120.0,
    destination_edge="L005+", destination_pos_m=30.0, size=1, earliest_s=27000.0, latest_arrival_s=30000.0,
    shift_start_s=30600.0, direct_ride_s=1500.0, direct_distance_m=19000.0, zone="suwan", site="ggm",
    scopes=["housing"], wheelchairs=0, service_class="", booked_s=None, recurring=False, arrive_by=False,
)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSubmitted(Event):
    """The service learns of a wish to travel: when it is felt, or at `booked_s`; the direct drive is by free flow."""

    request_id: str
    person_id: str
    purpose: str
    origin_edge: str
    origin_pos_m: float
    destination_edge: str
    destination_pos_m: float
    size: int
    earliest_s: float
    latest_arrival_s: float | None
    shift_start_s: float | None
    direct_ride_s: float
    direct_distance_m: float
    zone: str
    site: str
    scopes: list[str]
    wheelchairs: int = 0
    service_class: str = ""
    booked_s: float | None = None
    recurring: bool = False
    arrive_by: bool = False


@event("cancelled", request_id="r12", person_id="p12", cause="no_show")
@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Event):
    """The rider withdraws; `cause` is by_rider, offer_declined, no_show or gave_up."""

    request_id: str
    person_id: str
    cause: str


@event("promise_broken", request_id="r12", vehicle_id="shuttle.3", part="pickup", late_s=75.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseBroken(Event):
    """A rider boarded or alighted later than promised; `part` is pickup or dropoff."""

    request_id: str
    vehicle_id: str
    part: str
    late_s: float


@event("person_departed", person_id="p12", edge="L100+")
@dataclass(frozen=True, slots=True, kw_only=True)
class PersonDeparted(Event):
    """A rider leaves the origin on foot, or starts to wait there."""

    person_id: str
    edge: str


@event("walk_ended", person_id="p12", edge="L100+")
@dataclass(frozen=True, slots=True, kw_only=True)
class WalkEnded(Event):
    """A rider has walked to a place and stays in the journey (a stop, or the destination)."""

    person_id: str
    edge: str


@event("picked_up", person_id="p12", request_id="r12", vehicle_id="shuttle.3", edge="L100+", load=4, odometer_m=5120.5)
@dataclass(frozen=True, slots=True, kw_only=True)
class PickedUp(Event):
    """A rider is on board; `load` counts all on board afterwards."""

    person_id: str
    request_id: str
    vehicle_id: str
    edge: str
    load: int
    odometer_m: float


@event(
    "dropped_off", person_id="p12", request_id="r12", vehicle_id="shuttle.3", edge="L005+", load=3, odometer_m=24120.0
)
@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedOff(Event):
    """A rider has left the vehicle; `load` counts all on board afterwards."""

    person_id: str
    request_id: str
    vehicle_id: str
    edge: str
    load: int
    odometer_m: float


@event("arrived", person_id="p12", request_id="r12", edge="L005+")
@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived(Event):
    """A rider is at the destination."""

    person_id: str
    request_id: str
    edge: str


@event("unfinished", person_id="p12", request_id="r12", state="waiting")
@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished(Event):
    """The run ended before the rider arrived; `state` is at_home, waiting, riding or walking."""

    person_id: str
    request_id: str
    state: str


@event("car_arrived", person_id="p40", vehicle_id="car.p40", site="ggm", departed_s=25200.0, shift_start_s=28800.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class CarArrived(Event):
    """A commuter who drives is at the site: the car is parked, or has passed the gate of a site without a car park."""

    person_id: str
    vehicle_id: str
    site: str
    departed_s: float
    shift_start_s: float


@event("car_returned", person_id="p40", vehicle_id="car.p40", site="ggm", left_s=59400.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class CarReturned(Event):
    """A commuter who drives is home again; the car left the site at `left_s`."""

    person_id: str
    vehicle_id: str
    site: str
    left_s: float


@event("car_unfinished", person_id="p40", vehicle_id="car.p40", site="ggm", state="driving")
@dataclass(frozen=True, slots=True, kw_only=True)
class CarUnfinished(Event):
    """The run ended before the car arrived at the site, or home; `state` is not_departed, driving or returning."""

    person_id: str
    vehicle_id: str
    site: str
    state: str


@event("vehicle_started", vehicle_id="shuttle.3", seats=12, edge="L005+", group="")
@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleStarted(Event):
    """A fleet vehicle is on duty; `seats` counts wheelchair places too, `group` names its part of a mixed fleet."""

    vehicle_id: str
    seats: int
    edge: str
    group: str = ""


@event("stop_served", vehicle_id="shuttle.3", edge="L100+", started_s=26990.0, boarded=1, alighted=0)
@dataclass(frozen=True, slots=True, kw_only=True)
class StopServed(Event):
    """A fleet vehicle stopped at `started_s` for riders; its dwell was over at `time_s`."""

    vehicle_id: str
    edge: str
    started_s: float
    boarded: int
    alighted: int


@event("reposition_began", vehicle_id="shuttle.3", edge="L005+", odometer_m=51_200.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class RepositionBegan(Event):
    """A fleet vehicle is sent to a place on `edge` to stand there; nobody there has asked for it."""

    vehicle_id: str
    edge: str
    odometer_m: float


@event("reposition_ended", vehicle_id="shuttle.3", edge="L005+", odometer_m=52_900.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class RepositionEnded(Event):
    """The vehicle has come there, or has been sent elsewhere on its way, from `edge`."""

    vehicle_id: str
    edge: str
    odometer_m: float


@event("vehicle_teleported", vehicle_id="bg.17", edge="L001+", fleet=False)
@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleTeleported(Event):
    """SUMO moved a vehicle that had stood too long."""

    vehicle_id: str
    edge: str
    fleet: bool


@event("collision", vehicle_id="bg.17", edge="L001+")
@dataclass(frozen=True, slots=True, kw_only=True)
class Collision(Event):
    """SUMO registered a collision."""

    vehicle_id: str
    edge: str


@event("incident_began", vehicle_id="shuttle.3", edge="L100+", odometer_m=51_200.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentBegan(Event):
    """A driverless vehicle cannot go on by itself: it brakes to a halt and calls for an operator."""

    vehicle_id: str
    edge: str
    odometer_m: float


@event("handling_began", vehicle_id="shuttle.3", operator=1, queue_s=42.5)
@dataclass(frozen=True, slots=True, kw_only=True)
class HandlingBegan(Event):
    """An operator, by number from 0, has taken an incident over, `queue_s` after the call."""

    vehicle_id: str
    operator: int
    queue_s: float


@event("incident_ended", vehicle_id="shuttle.3", handling_s=131.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEnded(Event):
    """The operator is done with an incident after `handling_s`; the vehicle drives on, or has broken down."""

    vehicle_id: str
    handling_s: float


@event("vehicle_broke_down", vehicle_id="shuttle.3", edge="L022a-")
@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleBrokeDown(Event):
    """No operator could help a vehicle on: its riders get out and wait for another one, and it will be towed away."""

    vehicle_id: str
    edge: str


@event(
    "vehicle_retired", vehicle_id="shuttle.3", odometer_m=84210.0, duty_s=14400.0, consumed_wh=21000.0,
    regenerated_wh=3000.0, charge_kwh=97.0,
)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleRetired(Event):
    """A fleet vehicle's sums and its charge at the end of its duty; what is of energy is None without a battery."""

    vehicle_id: str
    odometer_m: float
    duty_s: float
    consumed_wh: float | None
    regenerated_wh: float | None
    charge_kwh: float | None = None


@event("charged", vehicle_id="shuttle.3", charger="charger.1", begin_s=25200.0, charge_kwh=31.5, charged_kwh=40.2)
@dataclass(frozen=True, slots=True, kw_only=True)
class Charged(Event):
    """A vehicle has left a charger, or the run is over: what its battery held at the begin, and what it took."""

    vehicle_id: str
    charger: str
    begin_s: float
    charge_kwh: float
    charged_kwh: float


# --- decisions -------------------------------------------------------------------------------------------------


@event("assigned", request_id="r12", vehicle_id="shuttle.3", pickup_s=27300.0, dropoff_s=29100.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned(Event):
    """The controller put a request into a vehicle's plan, with the planned times."""

    request_id: str
    vehicle_id: str
    pickup_s: float
    dropoff_s: float


@event(
    "offered", request_id="r12", pickup_earliest_s=27000.0, pickup_latest_s=27600.0, dropoff_latest_s=29800.0,
    access_walk_s=120.0, egress_walk_s=0.0,
)  # fmt: skip
@dataclass(frozen=True, slots=True, kw_only=True)
class Offered(Event):
    """The controller offered a pick-up window, a latest arrival, and meeting points with these walks."""

    request_id: str
    pickup_earliest_s: float
    pickup_latest_s: float
    dropoff_latest_s: float
    access_walk_s: float
    egress_walk_s: float


@event("promised", request_id="r12", pickup_earliest_s=27000.0, pickup_latest_s=27600.0, dropoff_latest_s=29800.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class Promised(Event):
    """The rider accepted an offer: a pick-up window and a latest alighting that bind."""

    request_id: str
    pickup_earliest_s: float
    pickup_latest_s: float
    dropoff_latest_s: float


@event("rejected", request_id="r12", person_id="p12", cause="no_vehicle_within_max_wait")
@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Event):
    """The request will not be served."""

    request_id: str
    person_id: str
    cause: str


@event("plans_retimed", plans=24, infeasible=2, repaired=1)
@dataclass(frozen=True, slots=True, kw_only=True)
class PlansRetimed(Event):
    """New travel times reached the plans: how many vehicles' plans there are, how many riders' limits they break.

    `repaired` counts the riders whose limits were broken at the update before, and hold again.
    """

    plans: int
    infeasible: int
    repaired: int = 0


@event("break_taken", vehicle_id="shuttle.3", begin_s=25200.0, late_s=0.0)
@dataclass(frozen=True, slots=True, kw_only=True)
class BreakTaken(Event):
    """A vehicle's break is over: when it began, and how long after the latest time for it."""

    vehicle_id: str
    begin_s: float
    late_s: float


def from_row(row: Mapping[str, Any]) -> Event:
    """Rebuild an event from `Event.row()`; raises `KeyError` for an unknown kind."""
    values = dict(row)
    return KINDS[values.pop("kind")](**values)


def dump(one: Event) -> str:
    """Write an event as one canonical JSON line: sorted keys, floats rounded to the millisecond or millimetre."""
    values = {key: round(value, 3) if isinstance(value, float) else value for key, value in one.row().items()}
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def fingerprint(events: Iterable[Event]) -> str:
    """Return a SHA-256 over the events, free of their order within one time step (MATSim issue 3165)."""
    lines = sorted((round(one.time_s, 3), dump(one)) for one in events)
    digest = hashlib.sha256()
    for _, line in lines:
        digest.update(line.encode())
        digest.update(b"\n")
    return digest.hexdigest()
