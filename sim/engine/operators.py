"""Remote operators: how long they are busy with an incident, and who is next in their queue. Knows no SUMO."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from sim.supervision_document import Handling

_STANDARD = NormalDist()


class HandlingTime:
    """The law of the time that an operator needs for one incident."""

    def __init__(self, document: Handling) -> None:
        self.mean_s = document.mean_s
        self._sigma = 0.0  # of the logarithm; 0 stands for the exponential law
        if document.sd_s is not None:
            self._sigma = math.sqrt(math.log1p((document.sd_s / document.mean_s) ** 2))
        self._mu = math.log(self.mean_s) - self._sigma**2 / 2

    def draw(self, rng: np.random.Generator) -> float:
        """Return the time of one incident."""
        if not self._sigma:
            return float(rng.exponential(self.mean_s))
        return float(rng.lognormal(self._mu, self._sigma))

    def expected_rest_s(self, elapsed_s: float) -> float:
        """Return how much longer handling can be expected to take that has taken so long already."""
        if not self._sigma or elapsed_s <= 0:
            return self.mean_s
        z = (math.log(elapsed_s) - self._mu) / self._sigma
        longer = _STANDARD.cdf(-z)
        if longer < 1e-9:  # far out in the tail, where the ratio below is noise
            return elapsed_s
        return self.mean_s * _STANDARD.cdf(self._sigma - z) / longer - elapsed_s


@dataclass(frozen=True, slots=True)
class Turn:
    """Which operator takes a call over, when, and when it is done with."""

    operator: int
    begin_s: float
    end_s: float


class Operators:
    """A queue in the order of the calls, each handled by the operator who has been free longest (M/G/m).

    As calls come in order and nobody jumps the queue, a call's turn is settled when it comes (Kiefer and
    Wolfowitz 1955); only whoever looks at it from outside must wait to see.
    """

    def __init__(self, count: int) -> None:
        self._free = [(-math.inf, operator) for operator in range(count)]

    def call(self, time_s: float, handling_s: float) -> Turn:
        """Take a call no earlier than the one before."""
        free_s, operator = heapq.heappop(self._free)
        begin_s = max(time_s, free_s)
        heapq.heappush(self._free, (begin_s + handling_s, operator))
        return Turn(operator, begin_s, begin_s + handling_s)
