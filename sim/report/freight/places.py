"""Places where conflicts gather: points near one another are one place with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.spatial import KDTree

from sim.kpi.conflicts import Conflict

REACH_M = 30.0
# by the severest measure: time to collision before post-encroachment before braking
SEVEREST_FIRST = ("ttc", "pet", "drac")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the middle of its conflicts, with their number by the severest measure of each."""

    x: float
    y: float
    counts: Counter[str]

    @property
    def total(self) -> int:
        return self.counts.total()

    @property
    def worst(self) -> str:
        """The severest measure of any conflict there."""
        return next(name for name in SEVEREST_FIRST if self.counts[name])


def worst_of(conflict: Conflict) -> str:
    """Return the severest measure of a conflict that is beyond a threshold."""
    return next(name for name in SEVEREST_FIRST if name in conflict.measures)


def severe(conflicts: Sequence[Conflict] | None) -> list[Conflict]:
    """Return the conflicts beyond any threshold."""
    return [one for one in conflicts or () if one.measures]


def places_of(conflicts: Sequence[Conflict]) -> list[Place]:
    """Gather conflicts beyond a threshold into places, the fullest first.

    The conflict with the most others within `REACH_M` of it makes a place with them, then the same with what is left,
    so that a place is never wider than twice the reach.
    """
    if not conflicts:
        return []
    points = np.array([(one.x, one.y) for one in conflicts])
    near = [set(found) for found in KDTree(points).query_ball_point(points, REACH_M)]
    left, places = set(range(len(conflicts))), []
    while left:
        middle = max(left, key=lambda number: (len(near[number] & left), -number))
        members = sorted(near[middle] & left)
        left -= set(members)
        x, y = points[members].mean(axis=0)
        places.append(Place(float(x), float(y), Counter(worst_of(conflicts[number]) for number in members)))
    return sorted(places, key=lambda place: (-place.total, place.x, place.y))


def told_apart(places: Sequence[Place], radius_m: Callable[[int], float]) -> list[Place]:
    """Make one of places whose circles would cover one another, the fullest first; `radius_m` is by their number."""
    found = list(places)
    while pair := next((pair for pair in combinations(found, 2) if _cover(*pair, radius_m)), None):
        found = sorted([place for place in found if place not in pair] + [_joined(*pair)],
                       key=lambda place: (-place.total, place.x, place.y))  # fmt: skip
    return found


def _cover(one: Place, other: Place, radius_m: Callable[[int], float]) -> bool:
    return float(np.hypot(one.x - other.x, one.y - other.y)) < radius_m(one.total) + radius_m(other.total)


def _joined(one: Place, other: Place) -> Place:
    """Return both as one place, in the middle of all their conflicts."""
    share = one.total / (one.total + other.total)
    x, y = (share * a + (1 - share) * b for a, b in ((one.x, other.x), (one.y, other.y)))
    return Place(x, y, one.counts + other.counts)
