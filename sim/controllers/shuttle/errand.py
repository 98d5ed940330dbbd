"""What a vehicle does for itself, with nobody on board, as a ride without riders that keeps its place in the plan."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sim.controllers.shuttle.ride import Errand, Ride
from sim.controllers.shuttle.shuttle import Shuttle, at_place
from sim.world import Load, PlannedStop, Request, Vehicle, Visit


def errand_ride(
    name: str,
    visit: Visit,
    *,
    capacity: Load,
    duration_s: float,
    earliest_s: float,
    latest_s: float = math.inf,
    charged_m: float = 0.0,
) -> Ride:
    """Return a ride that boards at a place, stays there for `duration_s` and alights there.

    It takes all the room there is, so that nobody is on board meanwhile.
    """
    errand = Errand(visit, duration_s, capacity, charged_m=charged_m)
    place = visit.location
    request = Request(name, "", place, place, size=0, earliest_s=earliest_s, latest_arrival_s=None, direct_ride_s=0.0)
    return Ride(request, None, None, earliest_s, latest_s, math.inf, max_ride_s=0.0, errand=errand)


def stops_of(ride: Ride) -> list[PlannedStop]:
    """Return the two stops of a ride."""
    return [PlannedStop(ride.request.id, pickup=pickup) for pickup in (True, False)]


def next_errand(shuttle: Shuttle, rides: Mapping[str, Ride]) -> Ride | None:
    """Return the errand that comes next in a plan, if nothing comes before it."""
    ride = rides[shuttle.plan[0].request_id] if shuttle.plan else None
    return ride if ride is not None and ride.errand is not None else None


def begins(ride: Ride, vehicle: Vehicle, *, now_s: float) -> bool:
    """Whether a vehicle whose next task is an errand stands where it is to be done, and it is time."""
    stands = vehicle.phase == "idle" and at_place(ride.origin, vehicle.location)
    return stands and not vehicle.on_board and now_s >= ride.earliest_s


def put_behind_riders(shuttle: Shuttle, rides: Mapping[str, Ride], on_board: Sequence[str]) -> None:
    """Move errands that have not begun to where nobody is on board: somebody may have boarded before the turn."""
    for ride in [rides[stop.request_id] for stop in shuttle.plan if stop.pickup]:
        if ride.errand is None or ride.errand.begun:
            continue
        own, others = stops_of(ride), [stop for stop in shuttle.plan if stop.request_id != ride.request.id]
        first = shuttle.plan.index(own[0])
        at = next(n for n in range(first, len(others) + 1) if not _on_board_after(others[:n], on_board))
        if at != first:
            shuttle.plan, shuttle.changed = [*others[:at], *own, *others[at:]], True


def _on_board_after(stops: Sequence[PlannedStop], on_board: Sequence[str]) -> set[str]:
    boarded = {stop.request_id for stop in stops if stop.pickup}
    return (boarded | set(on_board)) - {stop.request_id for stop in stops if not stop.pickup}
