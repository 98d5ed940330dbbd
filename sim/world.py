"""What a controller sees and may do: protocols and small dataclasses, no SUMO."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sim.events import Event

Floats = NDArray[np.float64]


class Location(NamedTuple):
    """A point on the network: the index of an edge and the distance from its start."""

    edge: int
    pos_m: float


@dataclass(frozen=True, slots=True)
class TravelTimes:
    """Travel times between all edges, as they are at `refreshed_s`.

    `edge_s[e]` is the time along edge e, `leg_s[a, b]` from the end of a to the start of b (0 when b follows a,
    going round when a is b, inf when there is no way); `length_m` and `leg_m` are the same in metres. Of `leg_s`
    the ways to edges where nobody waits or wants to go may be up to ten minutes older.
    """

    refreshed_s: float
    edge_s: Floats
    leg_s: Floats
    length_m: Floats
    leg_m: Floats

    def time_s(self, a: Location, b: Location) -> float:
        """Return the driving time from a to b."""
        return self._along(a, b, self.edge_s, self.leg_s)

    def distance_m(self, a: Location, b: Location) -> float:
        """Return the shortest driven distance from a to b."""
        return self._along(a, b, self.length_m, self.leg_m)

    def _along(self, a: Location, b: Location, edge: Floats, leg: Floats) -> float:
        head, tail = a.pos_m / self.length_m.item(a.edge), b.pos_m / self.length_m.item(b.edge)
        if a.edge == b.edge and b.pos_m >= a.pos_m:
            return float((tail - head) * edge.item(a.edge))
        return float((1 - head) * edge.item(a.edge) + leg.item(a.edge, b.edge) + tail * edge.item(b.edge))


@dataclass(frozen=True, slots=True)
class StopTimes:
    """What stops cost, as learnt from those served until now.

    `boarding_s[e]` and `alighting_s[e]` are, on edge e, the dwell at which one request is served, and what each further
    one adds to it. `TravelTimes` are those of passing traffic: fleet vehicles take `drive_factor` times as long, and
    lose `loss_s` by braking and pulling out on each leg from stop to stop.
    """

    boarding_s: Floats
    alighting_s: Floats
    loss_s: float
    drive_factor: float

    def dwell_s(self, edge: int, requests: int = 1, *, pickup: bool) -> float:
        """Return how long a vehicle stands on an edge where so many requests board or alight."""
        first_s, each_s = (self.boarding_s if pickup else self.alighting_s)[edge]
        return float(first_s + (requests - 1) * each_s)


class Load(NamedTuple):
    """Who takes which room on board: seats, and places for wheelchairs."""

    seats: int
    wheelchairs: int

    def plus(self, other: Load, times: int) -> Load:
        """Return this load with another one added so many times."""
        return Load(self.seats + times * other.seats, self.wheelchairs + times * other.wheelchairs)

    def fits(self, capacity: Load) -> bool:
        """Whether a vehicle of this capacity can carry it."""
        return self.seats <= capacity.seats and self.wheelchairs <= capacity.wheelchairs

    def __str__(self) -> str:
        return f"{self.seats} riders" + (f" and {self.wheelchairs} wheelchairs" if self.wheelchairs else "")


class BoardingPoint(NamedTuple):
    """A place where a rider may board or alight, and the walk between it and the rider's door."""

    location: Location
    walk_s: float


@dataclass(frozen=True, slots=True)
class Request:
    """A wish to travel, of one rider or a group; times in seconds after midnight, the direct ride by free flow.

    Attributes
    ----------
    size, wheelchairs
        How many travel, and how many of them in a wheelchair.
    earliest_s, latest_arrival_s
        When they wish to leave the origin, and to be at the destination; `arrive_by` tells that the latter is a
        limit and not a wish.
    submitted_s
        When the service learns of it: at `earliest_s`, or before it if the ride was booked ahead.
    service_class
        Names the limits of the scenario that hold, `requests.classes`; empty for those of everybody.
    boarding, alighting
        Meeting points that the service may choose from, nearest first; empty: at the door.
    """

    id: str
    person_id: str
    origin: Location
    destination: Location
    size: int
    earliest_s: float
    latest_arrival_s: float | None
    direct_ride_s: float
    submitted_s: float = -math.inf
    wheelchairs: int = 0
    service_class: str = ""
    arrive_by: bool = False
    boarding: tuple[BoardingPoint, ...] = ()
    alighting: tuple[BoardingPoint, ...] = ()

    @property
    def load(self) -> Load:
        """What the request takes on board: who travels in a wheelchair takes no seat."""
        return Load(self.size - self.wheelchairs, self.wheelchairs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A pick-up window and a latest arrival; a promise that binds once the rider has accepted.

    A rider who booked ahead comes to the boarding place for `pickup_earliest_s`. Without a boarding or alighting
    point the rider is picked up or dropped off at the door.
    """

    request_id: str
    pickup_earliest_s: float
    pickup_latest_s: float
    dropoff_latest_s: float
    boarding: BoardingPoint | None = None
    alighting: BoardingPoint | None = None


Phase = Literal["idle", "driving", "serving"]


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A fleet vehicle as it stands: `serving` while riders board or alight.

    `location` is the nearest point at which a moving vehicle can still stop or turn off.
    The first `locked` stops of its plan must stay as they are: the stop being served, or one too near to pass.
    `group` names its part of a mixed fleet, `wheelchairs` how many of these it takes beside the `seats`, `charge_kwh`
    what its battery holds, None without one. `halted_until_s` is when a driverless vehicle that waits for a remote
    operator, or is being helped by one, can be expected to go on; by the mean of such times, for nobody knows.
    `odometer_m` is what it has driven.
    """

    id: str
    seats: int
    location: Location
    phase: Phase
    on_board: tuple[str, ...]
    locked: int = 0
    wheelchairs: int = 0
    group: str = ""
    charge_kwh: float | None = None
    halted_until_s: float | None = None
    odometer_m: float = 0.0

    @property
    def capacity(self) -> Load:
        """What the vehicle can carry."""
        return Load(self.seats, self.wheelchairs)


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """One boarding or alighting of one request."""

    request_id: str
    pickup: bool


@dataclass(frozen=True, slots=True)
class Visit:
    """A place to drive to and stand at, off the lane, until the plan is replaced by one that goes on.

    With a `charger`, a charging station of the network, the vehicle charges there. SUMO lets any number of them charge
    at one station, each with its full power.
    """

    location: Location
    charger: str | None = None


Task = PlannedStop | Visit


class World(Protocol):
    """The side of a run that a controller sees."""

    @property
    def time_s(self) -> float:
        """Simulated time, seconds after midnight."""

    @property
    def travel_times(self) -> TravelTimes:
        """Travel times as last refreshed from the simulation."""

    @property
    def stop_times(self) -> StopTimes:
        """What stops cost, as learnt from the simulation."""

    def vehicles(self) -> Sequence[Vehicle]:
        """Return the fleet vehicles that are on duty, in the order of the ids."""

    def waiting(self) -> Sequence[Request]:
        """Return the requests submitted that are neither in a plan nor settled, in the order of their wish.

        Those booked ahead are among them, long before the rider comes.
        """

    def withdrawn(self) -> Sequence[str]:
        """Return the planned requests whose riders have gone since the last call: cancelled, given up, not come.

        The executor has taken their stops out of the plans.
        """

    def offer(self, offer: Offer) -> bool:
        """Offer a ride; return whether the rider accepts, which makes it a promise. Who declines is settled.

        Offering is not planning: `set_plans` follows. A request may be planned without an offer, too: then the
        rider waits at the door from `earliest_s` on. Raises `ControllerError` for a request that is not open.
        """

    def set_plan(self, vehicle_id: str, tasks: Sequence[Task]) -> None:
        """Replace what a vehicle is to do; the executor carries it out as soon as that is safe.

        The plan must name everybody on board and everybody planned for this vehicle before; `set_plans` can move
        riders to another one. Raises `ControllerError` otherwise.
        """

    def set_plans(self, plans: Mapping[str, Sequence[Task]]) -> None:
        """Replace what some vehicles are to do, all of them or none.

        Between the vehicles named, riders who wait may move from one plan to another, but for those who board at
        the stop that is being served. A vehicle whose next stop is the boarding of somebody who has not come yet
        waits for them there, with its riders on board. Raises `ControllerError` naming what cannot be carried out.
        """

    def reject(self, request_id: str, cause: str) -> None:
        """Refuse a waiting request for good."""

    def decide(self, decision: Event) -> None:
        """Write a decision to the event log."""
