"""Lines in degrees: distances, lengths and points along them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

LonLat = tuple[float, float]
METRES_PER_DEGREE = 111_195.0


def distance_m(a: LonLat, b: LonLat) -> float:
    """Return the distance of two near points, good to 1 in 1,000 within a network of this size."""
    east = (b[0] - a[0]) * math.cos(math.radians(a[1]))
    return math.hypot(east, b[1] - a[1]) * METRES_PER_DEGREE


def line_m(points: Sequence[LonLat]) -> float:
    """Return the length of a line."""
    return sum(distance_m(a, b) for a, b in pairwise(points))


def point_along(points: Sequence[LonLat], metres: float) -> LonLat:
    """Return the point so many metres along a line, or its end."""
    for start, end in pairwise(points):
        leg = distance_m(start, end)
        if leg >= metres:
            share = metres / leg
            return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])
        metres -= leg
    return points[-1]


def bearing_deg(points: Sequence[LonLat], measure_m: float) -> float:
    """Return the direction in which a line starts, over its first metres, degrees clockwise from north."""
    target = point_along(points, measure_m)
    east = (target[0] - points[0][0]) * math.cos(math.radians(points[0][1]))
    return math.degrees(math.atan2(east, target[1] - points[0][1])) % 360.0


def bend_at_deg(before: LonLat, at: LonLat, behind: LonLat) -> float:
    """Return by how much a line bends at a vertex, clockwise positive, -180 to 180."""
    straight_on = bearing_deg((before, at), math.inf)
    return (bearing_deg((at, behind), math.inf) - straight_on + 180.0) % 360.0 - 180.0


def rounded(points: Sequence[LonLat], *, limit_deg: float, cut_m: float) -> tuple[LonLat, ...]:
    """Return a line whose sharp corners are cut: each gives way to two points up to `cut_m` before and behind it."""
    line = [points[0]]
    for before, at, behind in zip(points, points[1:], points[2:], strict=False):
        if abs(bend_at_deg(before, at, behind)) <= limit_deg:
            line.append(at)
            continue
        line += [point_along((at, end), min(cut_m, 0.45 * distance_m(at, end))) for end in (before, behind)]
    return (*line, points[-1])
