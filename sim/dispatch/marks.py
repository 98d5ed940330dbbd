"""Sets of small integers that kernels fill, walk through and empty in the time of what they hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dispatch.problem import Ints, kernel


class Marks(NamedTuple):
    """A set of integers from 0 on: `held` tells of each whether it is in, `items[: size[0]]` are those that are."""

    held: NDArray[np.bool_]
    items: Ints
    size: Ints


def blank_marks(bound: int) -> Marks:
    """Return an empty set of integers below a bound."""
    return Marks(np.zeros(bound, np.bool_), np.zeros(bound, np.int64), np.zeros(1, np.int64))


@kernel
def mark(marks: Marks, item: int) -> None:
    """Take an integer into a set."""
    if not marks.held[item]:
        marks.held[item] = True
        marks.items[marks.size[0]] = item
        marks.size[0] += 1


@kernel
def clear(marks: Marks) -> None:
    """Empty a set."""
    for n in range(marks.size[0]):
        marks.held[marks.items[n]] = False
    marks.size[0] = 0
