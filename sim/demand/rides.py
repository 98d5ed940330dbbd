"""Rides: direct drives from points to points, each with a rider who wishes to make it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sim.demand.draws import Floats
from sim.demand.places import Places, Points
from sim.demand.population import Rider


@dataclass(frozen=True, slots=True, eq=False)
class Rides:
    """Rides by row; the free-flow drives are shape (n,)."""

    places: Places
    origins: Points
    destinations: Points
    direct_s: Floats
    direct_m: Floats

    @classmethod
    def between(cls, places: Places, origins: Points, destinations: Points) -> Self:
        """Drive from each origin to the destination in its row."""
        direct_s, direct_m = places.direct_s(origins, destinations), places.direct_m(origins, destinations)
        return cls(places, origins, destinations, direct_s, direct_m)

    def rider(
        self,
        row: int,
        *,
        person_id: str,
        request_id: str,
        purpose: str,
        earliest_s: float,
        due_s: float | None = None,
        zone: str = "",
        site: str = "",
        scopes: tuple[str, ...] = (),
    ) -> Rider:
        """Return who makes the ride in a row; `due_s` is the start of the shift to be in time for."""
        origin_edge, origin_pos_m = self.places.point(self.origins, row)
        destination_edge, destination_pos_m = self.places.point(self.destinations, row)
        return Rider(
            person_id=person_id,
            request_id=request_id,
            purpose=purpose,
            origin_edge=origin_edge,
            origin_pos_m=origin_pos_m,
            destination_edge=destination_edge,
            destination_pos_m=destination_pos_m,
            earliest_s=earliest_s,
            latest_arrival_s=due_s,
            shift_start_s=due_s,
            direct_ride_s=round(float(self.direct_s[row]), 2),
            direct_distance_m=round(float(self.direct_m[row]), 2),
            zone=zone,
            site=site,
            scopes=scopes,
        )
