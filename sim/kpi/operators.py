"""Remote supervision: the book of incidents, and the KPIs of operators and of vehicles that wait for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sim.events import HandlingBegan, IncidentBegan, IncidentEnded
from sim.kpi.fleet import VehicleLedger, fleet_sums, operator_hours
from sim.kpi.record import KpiRecord, distribution, ratio, total
from sim.scenario import Scenario

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95}


@dataclass(slots=True)
class Incident:
    """One incident; what is None has not happened yet."""

    began_s: float
    queue_s: float | None = None
    handling_s: float | None = None

    def queued_s(self, now_s: float) -> float:
        """Return how long it waited for an operator, up to now."""
        return now_s - self.began_s if self.queue_s is None else self.queue_s

    def handled_s(self, now_s: float) -> float:
        """Return how long an operator was busy with it, up to now."""
        if self.queue_s is None:
            return 0.0
        return max(0.0, now_s - self.began_s - self.queue_s) if self.handling_s is None else self.handling_s


@dataclass(slots=True)
class IncidentBook:
    """All incidents, and the open one of each vehicle that has one."""

    incidents: list[Incident] = field(default_factory=list)
    breakdowns: int = 0
    _open: dict[str, Incident] = field(default_factory=dict)

    def begin(self, event: IncidentBegan, *, known: bool) -> Iterator[str]:
        """Book a call; yields what cannot be."""
        if not known:
            yield f"{event.kind} of vehicle {event.vehicle_id}, which never started"
        if event.vehicle_id in self._open:
            yield f"vehicle {event.vehicle_id} has an incident within an incident"
        self._open[event.vehicle_id] = incident = Incident(event.time_s)
        self.incidents.append(incident)

    def take_over(self, event: HandlingBegan) -> Iterator[str]:
        """Book that an operator has taken over; yields what cannot be."""
        incident = self._open.get(event.vehicle_id)
        if incident is None or incident.queue_s is not None:
            yield f"{event.kind} of vehicle {event.vehicle_id}, which has not called"
        else:
            incident.queue_s = event.queue_s

    def end(self, event: IncidentEnded) -> Iterator[str]:
        """Book that a vehicle drives on; yields what cannot be."""
        incident = self._open.pop(event.vehicle_id, None)
        if incident is None or incident.queue_s is None:
            yield f"{event.kind} of vehicle {event.vehicle_id}, which no operator has taken over"
        else:
            incident.handling_s = event.handling_s

    def records(self, ledgers: Sequence[VehicleLedger], *, scenario: Scenario, now_s: float) -> Iterator[KpiRecord]:
        """Yield the KPIs of supervision; nothing without it, or without vehicles."""
        if scenario.supervision is None or not ledgers:
            return
        sums, operator_h = fleet_sums(ledgers, now_s=now_s), operator_hours(ledgers, scenario=scenario, now_s=now_s)
        n, count = sums.vehicles, len(self.incidents)
        queued_s = sum(one.queued_s(now_s) for one in self.incidents)
        handled_s = sum(one.handled_s(now_s) for one in self.incidents)
        yield from total("incidents", count, n=n)
        yield from total("breakdowns", self.breakdowns, n=n)
        yield from ratio("vkm_per_incident", sums.vkm, count, n=count)
        yield from distribution("incident_queue_s", [one.queued_s(now_s) for one in self.incidents])
        handled = [one.handling_s for one in self.incidents if one.handling_s is not None]
        yield from distribution("incident_handling_s", handled)
        operators = scenario.supervision.operators
        yield from total("operator_hours", operator_h, n=operators)
        yield from ratio("operator_utilisation", handled_s / 3600, operator_h, n=operators)
        yield from self._waiting(operator_h * 3600 / operators, now_s)
        yield from ratio("halted_share", (queued_s + handled_s) / 3600, sums.duty_h, n=n)

    def _waiting(self, span_s: float, now_s: float) -> Iterator[KpiRecord]:
        """Yield how many vehicles wait for an operator, by the time that so many do."""
        if span_s <= 0:
            return
        steps = sorted(
            (time_s, change)
            for one in self.incidents
            for time_s, change in ((one.began_s, 1), (one.began_s + one.queued_s(now_s), -1))
            if one.queued_s(now_s) > 0
        )
        lasting_s: dict[int, float] = {}
        waiting, since_s = 0, now_s - span_s
        for time_s, change in [*steps, (now_s, 0)]:
            if time_s > since_s:
                lasting_s[waiting] = lasting_s.get(waiting, 0.0) + time_s - since_s
            waiting, since_s = waiting + change, max(since_s, time_s)
        numbers = {"mean": sum(count * time_s for count, time_s in lasting_s.items()) / span_s}
        numbers |= {stat: float(_quantile(lasting_s, share)) for stat, share in _QUANTILES.items()}
        numbers["max"] = float(max(lasting_s))
        for stat, value in numbers.items():
            yield from total("vehicles_waiting_for_operator", value, n=max(1, len(self.incidents)), stat=stat)


def _quantile(lasting_s: dict[int, float], share: float) -> int:
    """Return the least number that is not exceeded for this share of the time."""
    goal_s, passed_s = share * sum(lasting_s.values()), 0.0
    for count in sorted(lasting_s):
        passed_s += lasting_s[count]
        if passed_s >= goal_s:
            return count
    return max(lasting_s)
