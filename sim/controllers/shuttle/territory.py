"""Where requests are served, and by which groups of a mixed fleet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.controllers.shuttle.ride import Ride
from sim.fleet_document import Part
from sim.scenario import RequestLimits
from sim.world import Location

OUTSIDE = "outside_service_area"
NOT_PERMITTED = "no_vehicle_permitted"

UNBOUNDED = 1_000_000
"""Room of vehicles for riders whom another group may not serve."""


def _nowhere(_: Location) -> frozenset[str]:
    return frozenset()


class Territory:
    """Areas and classes of requests and of vehicle groups.

    Each group that may not serve everybody is a dimension of the load vector: a ride that it may not serve takes a unit
    of it, for which its own vehicles have no room and all others have.

    Parameters
    ----------
    holding
        Returns the names of the areas that a place lies in.
    """

    def __init__(
        self,
        limits: RequestLimits | None = None,
        parts: Sequence[Part] = (),
        holding: Callable[[Location], frozenset[str]] = _nowhere,
    ) -> None:
        self._areas = limits.areas if limits is not None else ()
        self._of_class = {name: one.areas for name, one in limits.classes.items()} if limits is not None else {}
        self._holding = holding
        self._bounded = [part for part in parts if part.vehicles.areas or part.vehicles.classes]
        self._open_to_all = len(self._bounded) < len(parts) or not parts

    def admit(self, rides: Sequence[Ride]) -> tuple[list[Ride], str | None]:
        """Return those of a request's rides that may be carried out, or why none may; they note who may not do it."""
        inside = [ride for ride in rides if self._served(ride)]
        if not inside:
            return [], OUTSIDE
        for ride in inside:
            ride.barred = tuple(int(not self._permits(part, ride)) for part in self._bounded)
        permitted = [ride for ride in inside if self._open_to_all or not all(ride.barred)]
        return permitted, None if permitted else NOT_PERMITTED

    def room(self, group: str) -> tuple[int, ...]:
        """Return for how many riders a vehicle of a group has room of whom each bounded group may serve none."""
        return tuple(0 if part.name == group else UNBOUNDED for part in self._bounded)

    def _served(self, ride: Ride) -> bool:
        return self._within(self._of_class.get(ride.request.service_class) or self._areas, ride)

    def _permits(self, part: Part, ride: Ride) -> bool:
        classes = part.vehicles.classes
        return (not classes or ride.request.service_class in classes) and self._within(part.vehicles.areas, ride)

    def _within(self, areas: Sequence[str], ride: Ride) -> bool:
        """Whether both ends of a ride lie in areas; none stand for everywhere."""
        return not areas or all(self._holding(place).intersection(areas) for place in (ride.origin, ride.destination))
