"""Riders: what became of each request, where its time went, and the KPIs of that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from sim.events import Cancelled, DroppedOff, Offered, PickedUp, PromiseBroken, Promised, RequestSubmitted
from sim.kpi.record import KpiRecord, distribution, ratio, total
from sim.scenario import RequestLimits

_SLACK_S = 1e-6


class Outcome(StrEnum):
    """What became of a request: exactly one of these."""

    SERVED = "served"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNFINISHED = "unfinished"


class Cause(StrEnum):
    """Why a request was cancelled."""

    BY_RIDER = "by_rider"
    OFFER_DECLINED = "offer_declined"
    NO_SHOW = "no_show"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class Times:
    """Where a served rider's time went; the four parts add up to the time from `Journey.clock_s` to the arrival."""

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
    cancelled: Cancelled | None = None
    offers: list[Offered] = field(default_factory=list)
    broken: list[PromiseBroken] = field(default_factory=list)
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

    @property
    def stayed_away(self) -> bool:
        """Whether the rider withdrew by the wish to travel or never came: no service could have served this one.

        Nobody who is there withdraws in the first second of the wait. A service that takes no cancellations learns of
        them with the wish.
        """
        one = self.cancelled
        if one is None:
            return False
        return one.cause == Cause.NO_SHOW or (one.cause == Cause.BY_RIDER and one.time_s < self.request.earliest_s + 1)

    @property
    def clock_s(self) -> float:
        """When waiting begins: with the wish to travel; for a ride booked ahead when the rider has to leave for it.

        Whoever booked knows the promised pick-up, and stays at home until it is time to go.
        """
        wish_s = self.request.earliest_s
        if self.request.booked_s is None or self.promised is None:
            return wish_s
        start_s = self.promised.pickup_earliest_s - self.access_promised_s
        return max(wish_s, start_s if self.departed_s is None else min(start_s, self.departed_s))

    @property
    def access_promised_s(self) -> float:
        """The walk to the meeting point that was promised, 0 to the door."""
        if (promised := self.promised) is None:
            return 0.0
        window = (promised.pickup_earliest_s, promised.pickup_latest_s, promised.dropoff_latest_s)
        walks = [one.access_walk_s for one in self.offers
                 if (one.pickup_earliest_s, one.pickup_latest_s, one.dropoff_latest_s) == window]  # fmt: skip
        return walks[0] if walks else 0.0

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
        total_s = arrived_s - self.clock_s
        return Times(access_s, total_s - access_s - ride_s - egress_s, ride_s, egress_s, total_s)

    def wait_s(self, *, horizon_s: float) -> float:
        """Return the wait; an unserved rider waits to the end of the drain, or until withdrawing.

        When a rider withdraws does not depend on the service, so that no service gains by being later than that.
        """
        if self.served:
            return self.times().wait_s
        one = self.cancelled
        until_s = one.time_s if one is not None and one.cause == Cause.BY_RIDER else horizon_s
        return max(0.0, until_s - self.clock_s)

    def in_time(self) -> bool:
        """Whether a worker was at the site when the shift started."""
        start_s = self.request.shift_start_s
        return start_s is not None and self.arrived_s is not None and self.arrived_s <= start_s

    def within(self, limits: RequestLimits) -> bool:
        """Whether the rider was served with the wait and the ride that riders of the class accept, and in time."""
        if self.arrived_s is None:
            return False
        request, times = self.request, self.times()
        own = limits.of(request.service_class)
        latest_s = request.latest_arrival_s if request.arrive_by else None
        return (
            times.wait_s <= own.max_wait_s
            and times.ride_s <= own.longest_ride_s(request.direct_ride_s)
            and (latest_s is None or self.arrived_s <= latest_s)
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
    journeys: Sequence[Journey], *, scope: str, limits: RequestLimits, horizon_s: float, final: bool
) -> Iterator[KpiRecord]:
    """Yield the riders' KPIs of one scope, whose journeys these are, but for those of promises."""
    settled = [journey for journey in journeys if journey.outcome(final=final) is not None]
    came = [journey for journey in settled if not journey.stayed_away]
    yield from _counts(journeys, settled, scope=scope, final=final)
    yield from _rates(came, scope=scope, limits=limits, final=final)
    yield from _times([journey for journey in came if journey.served], scope=scope)
    yield from distribution("wait_s", [journey.wait_s(horizon_s=horizon_s) for journey in came], scope=scope)


def _counts(journeys: Sequence[Journey], settled: Sequence[Journey], *, scope: str, final: bool) -> Iterator[KpiRecord]:
    n = len(journeys)
    yield from total("requests", n, n=n, scope=scope)
    found = [journey.outcome(final=final) for journey in settled]
    for outcome in Outcome:
        if final or outcome is not Outcome.UNFINISHED:
            yield from total(f"requests_{outcome}", found.count(outcome), n=n, scope=scope)
    causes = [journey.cancelled.cause for journey in settled if journey.cancelled is not None]
    for code, cause in (("requests_no_show", Cause.NO_SHOW), ("requests_gave_up", Cause.GAVE_UP)):
        yield from total(code, causes.count(cause), n=len(causes), scope=scope)
    walked = sum(journey.served and not journey.rode for journey in settled)
    yield from total("requests_walked", walked, n=n, scope=scope)
    riders = sum(journey.request.size for journey in settled if journey.served)
    yield from total("riders_served", riders, n=n, scope=scope)


def _rates(came: Sequence[Journey], *, scope: str, limits: RequestLimits, final: bool) -> Iterator[KpiRecord]:
    workers = [journey for journey in came if journey.request.shift_start_s is not None]
    found = [journey.outcome(final=final) for journey in came]
    tests = {
        "service_rate": [outcome is Outcome.SERVED for outcome in found],
        "rejection_rate": [outcome is Outcome.REJECTED for outcome in found],
        "on_time_rate": [journey.in_time() for journey in workers],
        "within_limits_rate": [journey.within(limits) for journey in came],
        "share_wait_below_600s": [journey.served and journey.times().wait_s < 600 for journey in came],
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
        "wait_plus_ride_s": [times.wait_s + times.ride_s for times in split],
        "ride_s": [ride_s for ride_s, _ in rides],
        "direct_ride_s": [direct_s for _, direct_s in rides],
        "detour_abs_s": [ride_s - direct_s for ride_s, direct_s in rides],
        "detour_rel": [ride_s / direct_s - 1 for ride_s, direct_s in rides if direct_s > 0],
    }
    for code, numbers in values.items():
        yield from distribution(code, numbers, scope=scope)
