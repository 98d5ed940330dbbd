"""Random draws by inverse transform: one uniform number a person, so that laws can change and people stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

import numpy as np
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def named_streams(seeds: SeedSequence, names: Sequence[str]) -> dict[str, SeedSequence]:
    """Spawn one child a name; a name added at the end leaves the streams of the others as they were."""
    return dict(zip(names, seeds.spawn(len(names)), strict=True))


def stream_of(seeds: SeedSequence, name: str) -> SeedSequence:
    """Return a stream that rests on a name and on no order of names."""
    return SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, crc32(name.encode())))


def pick(uniforms: Floats, weights: Floats) -> Integers:
    """Return for each number in [0, 1) an index drawn in proportion to `weights` (>= 0, not all 0)."""
    edges = np.cumsum(weights)
    found: Integers = np.searchsorted(edges, uniforms * edges[-1], side="right").astype(np.int64)
    last: int = int(np.flatnonzero(weights)[-1])
    return np.minimum(found, last, dtype=np.int64)


def truncated_normal(uniforms: Floats, *, mean: float, sd: float, low: float, high: float) -> Floats:
    """Return normal draws cut off at `low` and `high`, both inside the range."""
    bounds = ndtr((np.array([low, high]) - mean) / sd)
    drawn: Floats = mean + sd * ndtri(bounds[0] + uniforms * (bounds[1] - bounds[0]))
    return np.clip(drawn, low, high)


def poisson_times(
    rng: Generator, *, per_h: float, profile: Mapping[int, float], begin_s: float, end_s: float
) -> Floats:
    """Return the times in [begin_s, end_s) of a Poisson process whose rate follows a profile over the day.

    Exponential headways of rate 1 are stretched by the inverse of the summed rate (time change), so that
    another rate or profile moves the same vehicles and does not draw new ones.

    Parameters
    ----------
    profile
        Multiplier of `per_h` from each second of the day on; 1 before the first.
    """
    starts = sorted(second for second in profile if begin_s < second < end_s)
    grid = np.array([begin_s, *starts, end_s])
    rates = np.array([per_h * multiplier_at(profile, at) for at in grid[:-1]]) / 3600
    summed = np.concatenate(([0.0], np.cumsum(rates * np.diff(grid))))
    expected = float(summed[-1])
    if expected <= 0:
        return np.empty(0)
    headways = rng.exponential(size=_enough(expected))
    while headways.sum() < expected:
        headways = np.concatenate((headways, rng.exponential(size=_enough(expected))))
    reached = np.cumsum(headways)
    times: Floats = np.interp(reached[reached < expected], summed, grid)
    return times


def multiplier_at(profile: Mapping[int, float], time_s: float) -> float:
    """Return the multiplier that holds at a time of day; 1 before the first entry."""
    past = [second for second in profile if second <= time_s]
    return profile[max(past)] if past else 1.0


def _enough(expected: float) -> int:
    return int(expected + 6 * np.sqrt(expected) + 16)
