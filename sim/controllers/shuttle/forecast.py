"""What a service expects to be asked for, from what it has been asked for so far."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from sim.controllers.shuttle.zones import Zones
from sim.world import Floats, Request

MEMORY_S = 1800.0
"""Requests lose weight with this time constant."""


class Forecast:
    """Expected requests by zone: those on the spot at the rate at which they came lately, and what is booked."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self._weight = np.zeros(len(zones))
        self._begin_s = self._time_s = math.nan
        self._seen: set[str] = set()

    def learn(self, waiting: Sequence[Request], *, time_s: float) -> None:
        """Take note of the requests that are new among those that wait."""
        if math.isnan(self._begin_s):
            self._begin_s = self._time_s = time_s
        self._weight *= math.exp((self._time_s - time_s) / MEMORY_S)
        self._time_s = time_s
        for request in waiting:
            zone = self._zones.of_edge[request.origin.edge]
            if request.id not in self._seen and request.earliest_s <= time_s and zone >= 0:
                self._weight[zone] += 1
        self._seen = {request.id for request in waiting}

    def expected(self, waiting: Sequence[Request], *, horizon_s: float) -> Floats:
        """Return the mean number of requests to come by zone, up to a horizon."""
        elapsed_s = self._time_s - self._begin_s
        # the weight of a request a second since the beginning; while it is short, nothing is made of single requests
        span_s = max(horizon_s, MEMORY_S * (1 - math.exp(-elapsed_s / MEMORY_S)))
        expected: Floats = self._weight * (horizon_s / span_s)
        for request in waiting:
            zone = self._zones.of_edge[request.origin.edge]
            if zone >= 0 and self._time_s < request.earliest_s <= self._time_s + horizon_s:
                expected[zone] += 1
        return expected
