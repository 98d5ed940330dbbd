"""The people and vehicles of a run, as the generators leave them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sim.freight import Order

TripGroup = Literal["background", "truck", "visitor", "coach"]


@dataclass(frozen=True, slots=True)
class Rider:
    """A person who uses the service, or a group; `earliest_s` is the wish to travel, alike for all services.

    Attributes
    ----------
    size, wheelchairs
        How many travel, and how many of them in a wheelchair.
    booked_s
        When a ride booked ahead is booked; None: asked for at `earliest_s`. `recurring` bookings are known to the
        service from the first second of the run.
    arrive_by
        Whether `latest_arrival_s` is a limit and not a wish.
    cancel_s, shows_up, patience_s
        What the service does not know: when the rider withdraws (None: never), whether the rider comes at all,
        and how long beyond the promised window (without a promise, beyond the wish) the rider waits (None: for ever).
    """

    person_id: str
    request_id: str
    purpose: str
    origin_edge: str
    origin_pos_m: float
    destination_edge: str
    destination_pos_m: float
    earliest_s: float
    latest_arrival_s: float | None
    shift_start_s: float | None
    direct_ride_s: float
    direct_distance_m: float
    zone: str
    site: str
    scopes: tuple[str, ...]
    size: int = 1
    wheelchairs: int = 0
    service_class: str = ""
    booked_s: float | None = None
    recurring: bool = False
    arrive_by: bool = False
    cancel_s: float | None = None
    shows_up: bool = True
    patience_s: float | None = None

    @property
    def submitted_s(self) -> float:
        """When the service learns of the request."""
        return self.earliest_s if self.booked_s is None else self.booked_s

    @property
    def persons(self) -> tuple[str, ...]:
        """The ids of all who travel, the one who asked first."""
        return (self.person_id, *(f"{self.person_id}.{n}" for n in range(2, self.size + 1)))


@dataclass(frozen=True, slots=True)
class Escort:
    """A halt on the way, to bring a child in the morning or to fetch it in the evening."""

    edge: str
    pos_m: float
    dwell_s: float


@dataclass(frozen=True, slots=True)
class Car:
    """A commuter who drives alone to a site and, if that lies in the run, home again.

    `park` is the car park to look for a place in, None where the site has none: then the car leaves the roads at the
    gate. `leave_s` is the start home. `inbound` is False for a car that is at the site when the run begins.
    """

    person_id: str
    vehicle_id: str
    origin_edge: str
    origin_pos_m: float
    destination_edge: str
    destination_pos_m: float
    depart_s: float
    shift_start_s: float
    site: str
    zone: str = ""
    park: str | None = None
    leave_s: float | None = None
    inbound: bool = True
    escort: Escort | None = None

    @property
    def return_id(self) -> str:
        """The vehicle that goes home: the same one where it has been parked."""
        return self.vehicle_id if self.park is not None else f"{self.vehicle_id}.home"


@dataclass(frozen=True, slots=True)
class Walker:
    """A commuter who walks all the way to a site, or home: then `site` is None."""

    person_id: str
    origin_edge: str
    origin_pos_m: float
    destination_edge: str
    destination_pos_m: float
    depart_s: float
    site: str | None = None


@dataclass(frozen=True, slots=True)
class BackgroundTrip:
    """A vehicle of no commuter: between two gateways, two sites, or a company coach with its passengers.

    `edges` is its way where that is given; positions are None at a gateway. `arrival` is the site that a coach brings
    its passengers to, and when.
    """

    vehicle_id: str
    vehicle_class: str
    origin_edge: str
    destination_edge: str
    depart_s: float
    group: TripGroup = "background"
    origin_pos_m: float | None = None
    destination_pos_m: float | None = None
    edges: tuple[str, ...] = ()
    persons: int = 0
    arrival: tuple[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Lorry:
    """A lorry from outside: where it comes in and goes out, how long it is handled, what it takes along."""

    vehicle_id: str
    flow: str
    site: str
    gateway: str
    entry_edge: str
    exit_edge: str
    depart_s: float
    handling_s: float
    collects: int = 0


@dataclass(frozen=True, slots=True)
class FinishedCar:
    """A car that comes off a line and drives to the compound."""

    vehicle_id: str
    line: str
    finished_s: float


@dataclass(frozen=True, slots=True)
class PartStock:
    """What is at a line of a part family when the run begins."""

    site: str
    family: str
    pieces: float


@dataclass(frozen=True, slots=True)
class Goods:
    """What has to be moved, each tuple ordered by time and then id, and what is at the lines already."""

    orders: tuple[Order, ...] = ()
    lorries: tuple[Lorry, ...] = ()
    cars: tuple[FinishedCar, ...] = ()
    stock: tuple[PartStock, ...] = ()


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody and everything, each tuple ordered by time and then id."""

    riders: tuple[Rider, ...]
    cars: tuple[Car, ...]
    background: tuple[BackgroundTrip, ...]
    walkers: tuple[Walker, ...] = ()
    goods: Goods = Goods()
