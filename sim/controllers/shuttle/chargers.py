"""The chargers of a network, each for one shuttle at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sim.controllers.base import Inputs
from sim.controllers.shuttle.errand import next_errand
from sim.controllers.shuttle.layout import Where
from sim.controllers.shuttle.rebalancing import is_idle
from sim.controllers.shuttle.ride import Ride
from sim.controllers.shuttle.shuttle import Shuttle
from sim.dispatch.problem import Floats
from sim.network.catalog import CHARGING_EFFICIENCY
from sim.world import Location, TravelTimes, Vehicle, Visit


class Station(NamedTuple):
    """A charger, and what it brings into a battery."""

    id: str
    location: Location
    power_kw: float

    @property
    def visit(self) -> Visit:
        """The task of charging there."""
        return Visit(self.location, self.id)

    def charging_s(self, kwh: float) -> float:
        """Return how long it takes to charge so much."""
        return 3600 * kwh / self.power_kw


def stations_of(inputs: Inputs) -> list[Station]:
    """Return the chargers of a run's network."""
    return [
        Station(name, Location(inputs.graph.position(one.edge), one.end_m), CHARGING_EFFICIENCY * one.power_kw)
        for name, one in sorted(inputs.network.chargers.items())
    ]


class Craft(NamedTuple):
    """A shuttle as it stands, and how far its charge lasts."""

    vehicle: Vehicle
    shuttle: Shuttle
    range_m: float

    def charging(self, rides: Mapping[str, Ride]) -> Ride | None:
        """Return the visit to a charger that comes next in the plan, if nothing comes before it."""
        ride = next_errand(self.shuttle, rides)
        return None if ride is None or ride.errand is None or ride.errand.visit.charger is None else ride


class Chargers:
    """Who holds which charger: a shuttle whose visit has come, or an idle one until another has a visit.

    Parameters
    ----------
    homes
        Where idle shuttles go that have to leave a charger, by vehicle.
    """

    def __init__(self, stations: Sequence[Station] = (), homes: Mapping[str, Location] | None = None) -> None:
        self.stations = {station.id: station for station in stations}
        self._homes = homes or {}
        self._holder: dict[str, str] = {}
        self._behind_m: Floats | None = None

    def holds(self, vehicle_id: str) -> bool:
        """Whether a shuttle holds a charger."""
        return vehicle_id in self._holder.values()

    def to_charger_m(self, times: TravelTimes, where: Where) -> Floats:
        """Return the ways from places to the nearest charger; 0 where none can be reached, so that none is kept."""
        edge, pos_m = where
        places = [station.location for station in self.stations.values()]
        if self._behind_m is None:
            self._behind_m = np.full(len(times.length_m), np.inf)
            for place in places:
                self._behind_m = np.minimum(self._behind_m, times.leg_m[:, place.edge] + place.pos_m)
        ways = times.length_m[edge] - pos_m + self._behind_m[edge]
        for place in places:
            ahead = (edge == place.edge) & (pos_m <= place.pos_m)
            ways[ahead] = np.minimum(ways[ahead], place.pos_m - pos_m[ahead])
        found: Floats = np.where(np.isinf(ways), 0.0, ways)
        return found

    def direct(
        self,
        fleet: Iterable[Craft],
        rides: dict[str, Ride],
        *,
        tops_up: Callable[[Vehicle], bool],
        times: TravelTimes,
        now_s: float,
    ) -> None:
        """Let shuttles whose visit has come set off to a charger that is free, and then idle ones that want to."""
        crafts = {craft.vehicle.id: craft for craft in fleet}
        self._release(crafts, rides)
        for craft in crafts.values():
            ride = craft.charging(rides)
            if ride is not None and ride.errand is not None and not ride.errand.begun:
                self._claim(craft, ride, crafts, rides, times=times, now_s=now_s)
        for craft in crafts.values():
            vehicle = craft.vehicle
            if not self.holds(vehicle.id) and is_idle(vehicle, craft.shuttle, rides) and tops_up(vehicle):
                free = self._nearest(craft, times, set(self.stations) - set(self._holder))
                if free is not None:
                    self._holder[free.id] = vehicle.id
                    craft.shuttle.waits_at, craft.shuttle.changed = free.visit, True

    def _release(self, crafts: Mapping[str, Craft], rides: Mapping[str, Ride]) -> None:
        """Free the chargers whose shuttles have gone, or have something else to do."""
        for craft in crafts.values():
            shuttle = craft.shuttle
            waits = shuttle.waits_at is not None and shuttle.waits_at.charger is not None
            goes = shuttle.visit_first not in {None, shuttle.waits_at}  # who has just charged stays, too
            if waits and (goes or shuttle.stops(rides) or shuttle.visit_last):
                shuttle.waits_at = None
        for name, holder in list(self._holder.items()):
            if holder not in crafts or name not in {one.charger for one in _bound(crafts[holder], rides)}:
                del self._holder[name]

    def _claim(
        self,
        craft: Craft,
        ride: Ride,
        crafts: Mapping[str, Craft],
        rides: dict[str, Ride],
        *,
        times: TravelTimes,
        now_s: float,
    ) -> None:
        """Give a shuttle the charger of its visit, another one that is free, or one that an idle shuttle holds."""
        errand = ride.errand
        if errand is None or errand.visit.charger is None or self._holder.get(errand.visit.charger) == craft.vehicle.id:
            return
        own, holders = errand.visit.charger, self._holder
        given_up = {name for name, holder in holders.items() if self._may_leave(crafts[holder], rides, times)}
        for open_ones in (set(self.stations) - set(holders), given_up):
            found = self.stations[own] if own in open_ones else self._nearest(craft, times, open_ones)
            if found is not None:
                self._leave(crafts.get(holders.get(found.id, "")))
                holders[found.id] = craft.vehicle.id
                errand.visit, errand.free = found.visit, True
                ride.origin = ride.destination = found.location
                ride.earliest_s, craft.shuttle.changed = now_s, True
                return
        errand.free, ride.earliest_s = False, now_s
        other = crafts[holders[own]].charging(rides)
        if other is not None and other.errand is not None:
            begin_s = other.errand.begun_s if other.errand.begun else now_s
            ride.earliest_s = begin_s + other.errand.duration_s

    def _may_leave(self, craft: Craft, rides: Mapping[str, Ride], times: TravelTimes) -> bool:
        """Whether a shuttle that holds a charger is idle, and can go home and come back."""
        home = self._homes.get(craft.vehicle.id)
        if home is None or craft.charging(rides) is not None:
            return False
        return self.reaches(craft.vehicle, craft.range_m, home, times)

    def reaches(self, vehicle: Vehicle, range_m: float, place: Location, times: TravelTimes) -> bool:
        """Whether a charge lasts to a place and from there to a charger."""
        where = np.array([place.edge], np.int64), np.array([place.pos_m])
        return times.distance_m(vehicle.location, place) + float(self.to_charger_m(times, where)[0]) <= range_m

    def _leave(self, craft: Craft | None) -> None:
        """Send an idle shuttle away from the charger that it holds."""
        if craft is not None:
            craft.shuttle.waits_at, craft.shuttle.changed = Visit(self._homes[craft.vehicle.id]), True

    def _nearest(self, craft: Craft, times: TravelTimes, names: Iterable[str]) -> Station | None:
        """Return the nearest of some chargers, by the time to there, if the charge lasts to it."""
        here = craft.vehicle.location
        reached = [
            (times.time_s(here, one.location), name)
            for name in sorted(names)
            for one in [self.stations[name]]
            if times.distance_m(here, one.location) <= craft.range_m
        ]
        return self.stations[min(reached)[1]] if reached else None


def _bound(craft: Craft, rides: Mapping[str, Ride]) -> list[Visit]:
    """Return the visits to chargers that a shuttle carries out, or is about to."""
    ride = craft.charging(rides)
    visits = [] if ride is None or ride.errand is None else [ride.errand.visit]
    return visits if craft.shuttle.waits_at is None else [*visits, craft.shuttle.waits_at]
