"""Which idle vehicles go where: a min-cost flow towards the requests that are expected.

A zone's request counts come from a Poisson distribution, so that the k-th vehicle in a zone is wanted with the
probability that k requests or more come. Each such place in a zone takes one vehicle; the flow that covers most of
what is expected, less what it drives, is an assignment problem, which has whole-numbered solutions. With few expected
requests it moves nobody; with many it is the flow from surplus to deficit of Pavone et al. (2012) and of Bischoff and
Maciejewski (2020).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.special import gammainc

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST = 1e-3
"""A place in a zone that is wanted with less probability is none."""


def places(expected: Floats, bound: Ints, *, most: int) -> tuple[Ints, Floats]:
    """Return the places that are open to vehicles: the zone of each, and the probability that it is wanted.

    Parameters
    ----------
    expected
        Mean number of requests in each zone, shape (zones,).
    bound
        Vehicles that are or will be there anyway, shape (zones,).
    most
        So many vehicles there are to be placed.
    """
    number = bound[:, None] + np.arange(1, most + 1)
    wanted = gammainc(number, expected[:, None]).astype(np.float64)  # the Poisson distribution's upper tail
    zone, _ = np.nonzero(wanted >= LEAST)
    return zone.astype(np.int64), wanted[wanted >= LEAST]


def assign(drive_s: Floats, home: Ints, expected: Floats, bound: Ints, *, worth_s: float) -> Ints:
    """Return the zone that each idle vehicle is to stand in: its own, unless a drive pays.

    Parameters
    ----------
    drive_s
        Time from each vehicle to each zone's waiting place, inf where there is no way; shape (vehicles, zones).
    home
        The zone that each vehicle stands in, where it stays without a drive, -1 for none; shape (vehicles,).
    expected, bound
        As for `places`; `bound` without the vehicles that are idle.
    worth_s
        Seconds of driving that a request is worth whose zone has a vehicle.
    """
    vehicles = np.arange(len(home))
    zone, wanted = places(expected, bound, most=len(home))
    cost = drive_s.copy()
    cost[vehicles[home >= 0], home[home >= 0]] = 0.0
    gain = worth_s * wanted - cost[:, zone]
    # staying where nobody is wanted costs nothing; a place of one's own in the columns behind says so
    stays = np.zeros((len(home), len(home)))
    table = np.concatenate([np.maximum(gain, 0.0), stays], axis=1)
    rows, columns = linear_sum_assignment(table, maximize=True)
    goal = home.copy()
    moves = columns < len(zone)
    moves[moves] = gain[rows[moves], columns[moves]] > 0
    goal[rows[moves]] = zone[columns[moves]]
    return goal
