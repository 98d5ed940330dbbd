"""Promises: what was promised to riders, how often it was kept, and whether the events agree on that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim.events import Promised
from sim.kpi.record import KpiRecord, distribution, ratio, total
from sim.kpi.riders import Cause, Journey

_ROUNDED_S = 0.002  # times stand in the log to the millisecond


def promise_records(journeys: Sequence[Journey], *, scope: str, tolerance_s: float, final: bool) -> Iterator[KpiRecord]:
    """Yield the KPIs of promises of one scope, whose journeys these are; next to nothing where none was made."""
    promised = [(one, one.promised) for one in journeys if one.promised is not None and not _released(one)]
    settled = [(one, promise) for one, promise in promised if one.outcome(final=final) is not None]
    hits = [kept(one, promise, tolerance_s=tolerance_s) for one, promise in settled]
    yield from ratio("promise_kept_rate", sum(hits), len(hits), n=len(hits), scope=scope)
    offered = [one for one in journeys if one.offers]
    declined = sum(one.cancelled is not None and one.cancelled.cause == Cause.OFFER_DECLINED for one in offered)
    yield from total("offers_declined", declined, n=len(offered), scope=scope)
    values = {
        "promise_window_s": [promise.pickup_latest_s - promise.pickup_earliest_s for _, promise in promised],
        "booking_shift_s": [
            max(0.0, promise.pickup_earliest_s - one.access_promised_s - one.request.earliest_s)
            for one, promise in promised
            if one.request.booked_s is not None and not one.request.arrive_by
        ],
        "response_s": [promise.time_s - one.request.time_s for one, promise in promised],
        "pickup_delay_vs_promise_s": [
            late_s for one, promise in promised if (late_s := pickup_late_s(one, promise)) is not None
        ],
        "dropoff_delay_vs_promise_s": [
            late_s for one, promise in promised if one.rode and (late_s := dropoff_late_s(one, promise)) is not None
        ],
    }
    for code, numbers in values.items():
        yield from distribution(code, numbers, scope=scope)


def _released(journey: Journey) -> bool:
    """Whether the rider never came, or withdrew while the promise could still be kept."""
    one, promised = journey.cancelled, journey.promised
    if one is None or promised is None:
        return False
    return one.cause == Cause.NO_SHOW or (one.cause == Cause.BY_RIDER and one.time_s <= promised.pickup_latest_s)


def kept(journey: Journey, promised: Promised, *, tolerance_s: float) -> bool:
    """Whether the rider was served, picked up and dropped off no later than promised."""
    lates_s = (pickup_late_s(journey, promised), dropoff_late_s(journey, promised))
    return journey.rode and all(late_s is not None and late_s <= tolerance_s for late_s in lates_s)


def pickup_late_s(journey: Journey, promised: Promised) -> float | None:
    """Return how long after the promised window the rider boarded, 0 if in time, None if never."""
    return max(0.0, journey.pickups[0].time_s - promised.pickup_latest_s) if journey.pickups else None


def dropoff_late_s(journey: Journey, promised: Promised) -> float | None:
    """Return how long after the promise the rider alighted last, 0 if in time, None if not at all."""
    return max(0.0, journey.dropoffs[-1].time_s - promised.dropoff_latest_s) if journey.dropoffs else None


def promise_violations(journey: Journey, *, tolerance_s: float) -> Iterator[str]:
    """Yield where broken promises that were reported are others than boardings and alightings tell.

    Who is late by no more than the tolerance, one time step, need not be reported, nor where a vehicle that broke down
    let a rider out whom nobody fetched. What was promised without an offer has no report to be compared with.
    """
    name = f"request {journey.request.request_id}"
    if (promised := journey.promised) is None:
        if journey.broken:
            yield f"{name} was promised nothing, but a promise to it was broken"
        return
    found = {"pickup": pickup_late_s(journey, promised), "dropoff": dropoff_late_s(journey, promised)}
    for part, late_s in found.items():
        told_s = [one.late_s for one in journey.broken if one.part == part]
        if len(told_s) > 1:
            yield f"{name} has {len(told_s)} broken promises of the {part}"
        elif told_s and abs(told_s[0] - (late_s or 0.0)) > _ROUNDED_S:
            ride = f"{late_s or 0.0:.1f} s late by its ride"
            yield f"{name} has its {part} {ride}, {told_s[0]:.1f} s by the broken promise"
        elif part == "dropoff" and not journey.served:
            continue
        elif not told_s and journey.offers and (late_s or 0.0) > tolerance_s + _ROUNDED_S:
            yield f"{name} has its {part} {late_s:.1f} s late, and no broken promise says so"
