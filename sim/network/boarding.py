"""Boarding places along an edge: where vehicles halt for riders, or to wait for them."""

from __future__ import annotations

SPACING_M = 20.0
"""SUMO lets a rider board at any stop within 10 m and then waits at the planned stop for ever; stops up to a
vehicle's length apart are sometimes merged, sometimes not. Places that are equal or 20 m apart meet neither
(measured with SUMO 1.28)."""


def kerb_m(pos_m: float, length_m: float) -> float:
    """Return the boarding place nearest to a position on an edge, a multiple of 20 m clear of both ends."""
    last = int((length_m - SPACING_M / 2) // SPACING_M)
    if last < 1:
        return length_m / 2
    return min(max(round(pos_m / SPACING_M), 1), last) * SPACING_M
