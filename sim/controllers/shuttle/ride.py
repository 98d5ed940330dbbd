"""A request as it can be carried out: from where to where, and what bounds it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sim.fleet_document import Fleet
from sim.scenario import RideLimits
from sim.world import BoardingPoint, Load, Location, Request, Visit


@dataclass(slots=True)
class Errand:
    """What a ride without riders is for: a time that a vehicle spends somewhere with nobody on board.

    `room` is what it takes of the vehicle, `begun_s` when the time began, nan before. With `charged_m` the vehicle
    charges meanwhile until it can drive so far; only while the place is `free` it sets off.
    """

    visit: Visit
    duration_s: float
    room: Load
    begun_s: float = math.nan
    charged_m: float = 0.0
    free: bool = True

    @property
    def begun(self) -> bool:
        """Whether the vehicle is at it."""
        return not math.isnan(self.begun_s)

    def begin(self, now_s: float) -> None:
        """Note that the vehicle is at it; from now on it is locked, and who boards by mistake breaks no limit."""
        self.begun_s, self.room = now_s, Load(0, 0)


@dataclass(slots=True)
class Ride:
    """A request between two places, with what bounds it: the rider's limits at first, then what was promised.

    The times of stops bound the start of a dwell, `max_ride_s` is the time between the two dwells, as the planning
    core takes it; what riders accept and observers see holds both dwells. `boarded_s` is when the boarding ended,
    nan before. `barred` tells of each bounded group of the fleet whether (1) or not (0) it may not serve the ride.
    A ride with an `errand` carries nobody.
    """

    request: Request
    boarding: BoardingPoint | None
    alighting: BoardingPoint | None
    earliest_s: float
    latest_pickup_s: float
    latest_dropoff_s: float
    max_ride_s: float
    boarded_s: float = math.nan
    barred: tuple[int, ...] = ()
    errand: Errand | None = None
    origin: Location = field(init=False)
    destination: Location = field(init=False)

    def __post_init__(self) -> None:
        self.origin = self.request.origin if self.boarding is None else self.boarding.location
        self.destination = self.request.destination if self.alighting is None else self.alighting.location

    @property
    def access_s(self) -> float:
        """The walk to the boarding place."""
        return 0.0 if self.boarding is None else self.boarding.walk_s

    @property
    def egress_s(self) -> float:
        """The walk from the place of alighting."""
        return 0.0 if self.alighting is None else self.alighting.walk_s

    @property
    def load(self) -> tuple[int, ...]:
        """What the ride takes of each dimension of the load vector."""
        return (*self.request.load, *self.barred) if self.errand is None else self.errand.room

    @property
    def on_board(self) -> bool:
        """Whether the rider has boarded."""
        return not math.isnan(self.boarded_s)


def rides_of(
    request: Request, limits: RideLimits, fleet: Fleet, *, now_s: float, way_s: Callable[[Location, Location], float]
) -> Iterator[Ride]:
    """Yield the rides that could serve a request, one for each pair of meeting points, nearest first.

    Pairs with no way between them, and those that are one place, are left out. The wait begins at the wish, and the
    walk to a meeting point comes on top of it; nobody sets off on it before now.
    """
    dwells_s = fleet.boarding_s + fleet.alighting_s
    for boarding, alighting in itertools.product(request.boarding or (None,), request.alighting or (None,)):
        access_s, egress_s = (0.0 if point is None else point.walk_s for point in (boarding, alighting))
        ride = Ride(
            request,
            boarding,
            alighting,
            earliest_s=request.earliest_s if access_s == 0 else max(now_s, request.earliest_s) + access_s,
            latest_pickup_s=request.earliest_s + access_s + limits.max_wait_s,
            latest_dropoff_s=math.inf,
            max_ride_s=0.0,
        )
        direct_s = way_s(ride.origin, ride.destination)
        if math.isinf(direct_s) or ((boarding or alighting) and ride.origin == ride.destination):
            continue
        # a lone ride is never too long, unless it exceeds the longest of all
        longest_s = min(limits.max_ride_s, max(limits.longest_ride_s(direct_s), direct_s + dwells_s))
        ride.max_ride_s = max(0.0, longest_s - dwells_s)
        if request.arrive_by and request.latest_arrival_s is not None:
            ride.latest_dropoff_s = request.latest_arrival_s - egress_s - fleet.alighting_s
        yield ride


def in_time(ride: Ride, fleet: Fleet, *, now_s: float, way_s: Callable[[Location, Location], float]) -> bool:
    """Whether a vehicle that stood ready could still bring the rider there by the latest arrival."""
    begin_s = max(now_s, ride.earliest_s) + fleet.boarding_s + way_s(ride.origin, ride.destination)
    return begin_s <= ride.latest_dropoff_s
