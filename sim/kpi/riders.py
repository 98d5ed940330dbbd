"""Riders: what became of each request, where its time went, and the KPIs of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sim.events import DroppedOff, PickedUp, Promised, RequestSubmitted
from sim.kpi.record import KpiRecord, distribution, ratio, total
from sim.scenario import RequestLimits

CANCELLED_BY_RIDER = "cancelled_by_rider"
_SLACK_S = 1e-6


class Outcome(StrEnum):
    """What became of a request: exactly one of these."""

    SERVED = "served"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class Times:
    """Where a served rider's time went; the four parts add up to the time from the wish to the arrival."""

    access_walk_s: float
    wait_s: float
    ride_s: float
    egress_walk_s: float
    total_s: float


@dataclass(slots=True)
class Journey:
    """The ledger of one request; lists grow in the order of time."""

    request: RequestSubmitted
    departed_s: float | None = None
    arrived_s: float | None = None
    promised: Promised | None = None
    walks_ended_s: list[float] = field(default_factory=list)
    pickups: list[PickedUp] = field(default_factory=list)
    dropoffs: list[DroppedOff] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def served(self) -> bool:
        return self.arrived_s is not None

    @property
    def rode(self) -> bool:
        """Whether the rider was served by a vehicle and not by foot alone."""
        return self.served and bool(self.dropoffs)

    def outcome(self, *, final: bool) -> Outcome | None:
        """Return what became of the request; None while a run goes on and nothing has."""
        if self.served:
            return Outcome.SERVED
        if self.outcomes:
            return self.outcomes[0]
        return Outcome.UNFINISHED if final else None

    def times(self) -> Times:
        """Split a served rider's time; only for a journey that has arrived."""
        arrived_s = self._arrival_s()
        since_s = self.request.earliest_s if self.departed_s is None else self.departed_s
        access_s = ride_s = egress_s = 0.0
        for pickup, dropoff in zip(self.pickups, self.dropoffs, strict=False):
            access_s += self._walked_s(since_s, pickup.time_s)
            ride_s += dropoff.time_s - pickup.time_s
            since_s = dropoff.time_s
        if self.dropoffs:
            egress_s = arrived_s - since_s
        else:
            access_s = arrived_s - since_s
        total_s = arrived_s - self.request.earliest_s
        return Times(access_s, total_s - access_s - ride_s - egress_s, ride_s, egress_s, total_s)

    def wait_s(self, *, horizon_s: float) -> float:
        """Return the wait; an unserved rider waits from the wish to the end of the drain."""
        return self.times().wait_s if self.served else max(0.0, horizon_s - self.request.earliest_s)

    def in_time(self) -> bool:
        """Whether a worker was at the site when the shift started."""
        start_s = self.request.shift_start_s
        return start_s is not None and self.arrived_s is not None and self.arrived_s <= start_s

    def within(self, limits: RequestLimits) -> bool:
        """Whether the rider was served with the wait and the ride that riders accept."""
        if not self.served:
            return False
        times, direct_s = self.times(), self.request.direct_ride_s
        longest_s = min(limits.max_ride_s, limits.max_detour_alpha * direct_s + limits.max_detour_beta_s)
        return times.wait_s <= limits.max_wait_s and times.ride_s <= longest_s

    def kept(self, promised: Promised, *, tolerance_s: float) -> bool:
        """Whether the rider was picked up and dropped off no later than promised."""
        return (
            self.rode
            and self.pickups[0].time_s <= promised.pickup_latest_s + tolerance_s
            and self.dropoffs[-1].time_s <= promised.dropoff_latest_s + tolerance_s
        )

    def violations(self, *, final: bool) -> Iterator[str]:
        """Yield what in the ledger cannot be."""
        name = f"request {self.request.request_id}"
        if len(self.outcomes) > 1:
            yield f"{name} has {len(self.outcomes)} outcomes: {', '.join(sorted(self.outcomes))}"
        if final and not self.outcomes:
            yield f"{name} has no outcome at the end of the run"
        if len(self.dropoffs) > len(self.pickups) or (self.served and len(self.dropoffs) < len(self.pickups)):
            yield f"{name} was picked up {len(self.pickups)} and dropped off {len(self.dropoffs)} times"
            return
        for pickup, dropoff in zip(self.pickups, self.dropoffs, strict=False):
            if pickup.vehicle_id != dropoff.vehicle_id:
                yield f"{name} boarded {pickup.vehicle_id} and alighted from {dropoff.vehicle_id}"
        if self.served:
            times = self.times()
            if min(times.access_walk_s, times.wait_s, times.ride_s, times.egress_walk_s) < -_SLACK_S:
                yield f"{name} has a negative time: {times}"

    def _arrival_s(self) -> float:
        if self.arrived_s is None:
            msg = f"request {self.request.request_id} has not arrived"
            raise ValueError(msg)
        return self.arrived_s

    def _walked_s(self, since_s: float, until_s: float) -> float:
        """Return the time walked between leaving home or a vehicle and boarding the next."""
        ends_s = [end_s for end_s in self.walks_ended_s if since_s < end_s <= until_s]
        return max(ends_s, default=since_s) - since_s


def rider_records(
    journeys: Sequence[Journey], *, scope: str, limits: RequestLimits, horizon_s: float, tolerance_s: float, final: bool
) -> Iterator[KpiRecord]:
    """Yield the riders' KPIs of one scope, whose journeys these are."""
    settled = [journey for journey in journeys if journey.outcome(final=final) is not None]
    served = [journey for journey in settled if journey.served]
    yield from _counts(journeys, settled, scope=scope, final=final)
    yield from _rates(settled, scope=scope, limits=limits, tolerance_s=tolerance_s)
    yield from _times(served, scope=scope)
    waits_s = [journey.wait_s(horizon_s=horizon_s) for journey in settled]
    yield from distribution("wait_s", waits_s, scope=scope)
    yield from _promises(journeys, scope=scope)


def _counts(journeys: Sequence[Journey], settled: Sequence[Journey], *, scope: str, final: bool) -> Iterator[KpiRecord]:
    n = len(journeys)
    yield from total("requests", n, n=n, scope=scope)
    found = [journey.outcome(final=final) for journey in settled]
    for outcome in Outcome:
        if final or outcome is not Outcome.UNFINISHED:
            yield from total(f"requests_{outcome}", found.count(outcome), n=n, scope=scope)
    walked = sum(journey.served and not journey.rode for journey in settled)
    yield from total("requests_walked", walked, n=n, scope=scope)
    for code, outcome in (("service_rate", Outcome.SERVED), ("rejection_rate", Outcome.REJECTED)):
        yield from ratio(code, found.count(outcome), len(found), n=len(found), scope=scope)


def _rates(settled: Sequence[Journey], *, scope: str, limits: RequestLimits, tolerance_s: float) -> Iterator[KpiRecord]:
    workers = [journey for journey in settled if journey.request.shift_start_s is not None]
    promised = [(one, one.promised) for one in settled if one.promised is not None]
    tests = {
        "on_time_rate": [journey.in_time() for journey in workers],
        "within_limits_rate": [journey.within(limits) for journey in settled],
        "share_wait_below_600s": [journey.served and journey.times().wait_s < 600 for journey in settled],
        "promise_kept_rate": [one.kept(promise, tolerance_s=tolerance_s) for one, promise in promised],
    }
    for code, hits in tests.items():
        yield from ratio(code, sum(hits), len(hits), n=len(hits), scope=scope)


def _times(served: Sequence[Journey], *, scope: str) -> Iterator[KpiRecord]:
    split = [journey.times() for journey in served]
    rides = [(times.ride_s, journey.request.direct_ride_s)
             for times, journey in zip(split, served, strict=True) if journey.rode]  # fmt: skip
    values: dict[str, list[float]] = {
        "wait_served_s": [times.wait_s for times in split],
        "access_walk_s": [times.access_walk_s for times in split],
        "egress_walk_s": [times.egress_walk_s for times in split],
        "total_travel_s": [times.total_s for times in split],
        "ride_s": [ride_s for ride_s, _ in rides],
        "direct_ride_s": [direct_s for _, direct_s in rides],
        "detour_abs_s": [ride_s - direct_s for ride_s, direct_s in rides],
        "detour_rel": [ride_s / direct_s - 1 for ride_s, direct_s in rides if direct_s > 0],
    }
    for code, numbers in values.items():
        yield from distribution(code, numbers, scope=scope)


def _promises(journeys: Iterable[Journey], *, scope: str) -> Iterator[KpiRecord]:
    promised = [(journey, journey.promised) for journey in journeys if journey.promised is not None]
    values = {
        "response_s": [promise.time_s - journey.request.time_s for journey, promise in promised],
        "pickup_delay_vs_promise_s": [
            max(0.0, journey.pickups[0].time_s - promise.pickup_latest_s)
            for journey, promise in promised
            if journey.pickups
        ],
        "dropoff_delay_vs_promise_s": [
            max(0.0, journey.dropoffs[-1].time_s - promise.dropoff_latest_s)
            for journey, promise in promised
            if journey.rode
        ],
    }
    for code, numbers in values.items():
        yield from distribution(code, numbers, scope=scope)
