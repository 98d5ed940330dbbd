"""Remote operators of freight: what they are called for, how long vehicles wait for them, how many at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sim.events import Event, HandlingBegan, IncidentBegan, IncidentEnded
from sim.freight_document import Freight
from sim.kpi.entry import ALL
from sim.kpi.freight.trucks import TruckBook
from sim.kpi.operators import Incident, IncidentBook
from sim.kpi.record import KpiRecord, distribution, ratio, total


@dataclass(slots=True)
class InterventionBook:
    """The incidents of each fleet."""

    fleets: dict[str, IncidentBook] = field(default_factory=dict)

    def take(self, event: Event, trucks: TruckBook) -> Iterator[str]:
        """Book an incident of a freight vehicle; yields what cannot be. Other events are passed over."""
        if not isinstance(event, IncidentBegan | HandlingBegan | IncidentEnded):
            return
        book = self.fleets.setdefault(trucks.ledgers[event.vehicle_id].started.fleet, IncidentBook())
        if isinstance(event, IncidentBegan):
            yield from book.begin(event, known=True)
        elif isinstance(event, HandlingBegan):
            yield from book.take_over(event)
        else:
            yield from book.end(event)

    def records(self, freight: Freight, trucks: TruckBook, *, now_s: float) -> Iterator[KpiRecord]:
        """Yield the load of operators, for all and by vehicle class; nothing without supervision."""
        started_s: dict[str, float] = {}
        for ledger in trucks.ledgers.values():
            fleet = ledger.started.fleet
            started_s[fleet] = min(started_s.get(fleet, now_s), ledger.started.time_s)
        watched = {
            name: freight.fleets[name].vehicle_class
            for name in sorted(started_s)
            if freight.supervision is not None and freight.fleets[name].is_supervised
        }
        for scope in [ALL, *sorted(set(watched.values()))] if watched else []:
            fleets = [name for name, vehicle_class in watched.items() if scope in {ALL, vehicle_class}]
            yield from self._of(fleets, freight, started_s, scope=scope, now_s=now_s)

    def _of(
        self, fleets: Sequence[str], freight: Freight, started_s: Mapping[str, float], *, scope: str, now_s: float
    ) -> Iterator[KpiRecord]:
        found = [one for name in fleets if name in self.fleets for one in self.fleets[name].incidents]
        operators = {name: freight.fleets[name].operators or 0 for name in fleets}
        hours = sum(count * (now_s - started_s[name]) / 3600 for name, count in operators.items())
        n = sum(operators.values())
        yield from ratio("freight_interventions_per_operator_h", len(found), hours, n=n, scope=scope)
        yield from total("freight_interventions_at_once", _most_at_once(found, now_s), n=n, scope=scope)
        yield from distribution("freight_operator_queue_s", [one.queued_s(now_s) for one in found], scope=scope)
        busy_h = sum(one.handled_s(now_s) for one in found) / 3600
        yield from ratio("freight_operator_utilisation", busy_h, hours, n=n, scope=scope)


def _most_at_once(incidents: Sequence[Incident], now_s: float) -> int:
    """Return how many incidents were open at once at most, waiting or handled; one that ends makes room for another."""
    changes = sorted(
        change
        for one in incidents
        for change in ((one.began_s, 1), (one.began_s + one.queued_s(now_s) + one.handled_s(now_s), -1))
    )
    most = now_open = 0
    for _, change in changes:
        now_open += change
        most = max(most, now_open)
    return most
