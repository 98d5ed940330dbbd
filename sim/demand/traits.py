"""How riders book, travel and fail to come: traits given to the riders drawn, and to nobody else."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.random import SeedSequence, default_rng

from sim.demand.draws import Floats, pick, truncated_normal
from sim.demand.population import Rider
from sim.demand_document import RiderTraits
from sim.fields import SourcedShare

T = TypeVar("T")

TRAITS = ("booking", "notice", "group", "wheelchair", "class", "arrive_by", "cancel", "cancel_time", "no_show")
"""One number in [0, 1) a rider and trait, in this order; new ones go to the end, so that the others keep theirs."""

EVENING_BEFORE_S = -6.0 * 3600
"""When recurring rides are booked, 18:00 on the day before the run's: in time for any rule but the shortest."""

CANCEL_AFTER_S = 600.0
"""Cancellations come until so long after the wish, so that some come when a vehicle is on its way."""


def with_traits(riders: Sequence[Rider], model: RiderTraits, *, begin_s: float, seeds: SeedSequence) -> list[Rider]:
    """Return the riders, each with traits that follow from its request id, the shares and the seed alone.

    A rider is in a share if its number is below it. So another share changes who is in it and nothing else, a larger
    one keeps those who are in it already, and other riders beside a rider change nothing. Of groups and classes, which
    exclude each other, those later in the order of size or name make room.

    Parameters
    ----------
    begin_s
        When the run begins: nobody cancels before.
    """
    if not riders:
        return []
    drawn = np.array([_numbers(rider.request_id, seeds) for rider in riders])
    uniform: dict[str, Floats] = dict(zip(TRAITS, drawn.T, strict=True))
    law = model.notice
    notice_s = truncated_normal(uniform["notice"], mean=law.mean_s, sd=law.sd_s, low=law.least_s, high=law.most_s)
    sizes = _chosen({size: model.groups[size] for size in sorted(model.groups)}, uniform["group"], default=1)
    classes = _chosen({name: model.classes[name] for name in sorted(model.classes)}, uniform["class"], default="")
    patience_s = None if model.patience_s is None else model.patience_s.value
    found = []
    for row, rider in enumerate(riders):
        recurring = rider.purpose == "commute" and uniform["booking"][row] < model.recurring.value
        traits = replace(
            rider,
            size=sizes[row],
            wheelchairs=int(uniform["wheelchair"][row] < model.wheelchairs.value),
            service_class=classes[row],
            booked_s=_booked_s(rider, model, uniform["booking"][row], notice_s[row], recurring=recurring),
            recurring=bool(recurring),
            arrive_by=bool(rider.latest_arrival_s is not None and uniform["arrive_by"][row] < model.arrive_by.value),
            shows_up=bool(uniform["no_show"][row] >= model.no_shows.value),
            patience_s=patience_s,
        )
        cancels = uniform["cancel"][row] < model.cancels.value
        cancel_s = _cancel_s(traits, uniform["cancel_time"][row], begin_s) if cancels else None
        found.append(replace(traits, cancel_s=cancel_s))
    return found


def count_traits(riders: Sequence[Rider]) -> dict[str, int]:
    """Return how many requests have each trait, without those that nobody has; cancellations are intentions."""
    counts = {
        "booked ahead": sum(rider.booked_s is not None for rider in riders),
        "booked ahead, recurring": sum(rider.recurring for rider in riders),
        "arrive by a limit": sum(rider.arrive_by for rider in riders),
    }
    sizes = Counter(rider.size for rider in riders if rider.size > 1)
    counts |= {f"groups of {size}": sizes[size] for size in sorted(sizes)}
    counts["with a wheelchair"] = sum(rider.wheelchairs > 0 for rider in riders)
    classes = Counter(rider.service_class for rider in riders if rider.service_class)
    counts |= {f"class {name}": classes[name] for name in sorted(classes)}
    counts["cancel, if not on board by then"] = sum(rider.cancel_s is not None for rider in riders)
    counts["do not come"] = sum(not rider.shows_up for rider in riders)
    return {name: count for name, count in counts.items() if count}


def _numbers(request_id: str, seeds: SeedSequence) -> Floats:
    """Return a rider's numbers, from a stream of its own below the one of all traits."""
    key = int.from_bytes(hashlib.blake2b(request_id.encode(), digest_size=8).digest())
    own = SeedSequence(seeds.entropy, spawn_key=(*seeds.spawn_key, key))
    return default_rng(own).random(len(TRAITS))


def _chosen(shares: Mapping[T, SourcedShare], uniforms: Floats, *, default: T) -> list[T]:
    """Return one of the values for each number, the default for those beyond the sum of the shares."""
    weights = [share.value for share in shares.values()]
    values = [*shares, default]
    return [values[place] for place in pick(uniforms, np.array([*weights, max(0.0, 1 - sum(weights))])).tolist()]


def _booked_s(rider: Rider, model: RiderTraits, uniform: float, notice_s: float, *, recurring: bool) -> float | None:
    if recurring:
        return EVENING_BEFORE_S
    if uniform < model.booked_ahead.value:
        return float(math.floor(rider.earliest_s - notice_s))
    return None


def _cancel_s(rider: Rider, uniform: float, begin_s: float) -> float:
    """Return when a rider withdraws: between the submission, or the begin of the run, and some time after the wish."""
    first_s = max(rider.submitted_s, begin_s)
    span_s = rider.earliest_s + CANCEL_AFTER_S - first_s
    return first_s + 1 + math.floor(uniform * span_s)
