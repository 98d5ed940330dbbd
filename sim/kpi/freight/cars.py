"""Finished cars and lorries from outside: whether each found its end, and the KPIs of the compound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sim.events import Event
from sim.freight_document import Freight
from sim.freight_events import CarFinished, CarOpen, CarsCollected, CarStored, LorryEntered, LorryLeft, LorryOpen
from sim.kpi.record import KpiRecord, distribution, ratio, total


@dataclass(slots=True)
class CarBook:
    """Each finished car from the line to the compound, what stands there, and lorries by how they ended."""

    finished: dict[str, CarFinished] = field(default_factory=dict)
    stored: dict[str, CarStored] = field(default_factory=dict)
    collected: list[CarsCollected] = field(default_factory=list)
    _ended: set[str] = field(default_factory=set)
    _entered: set[str] = field(default_factory=set)
    _left: set[str] = field(default_factory=set)

    def take(self, event: Event) -> Iterator[str]:
        """Book an event of a finished car or a lorry; yields what cannot be. Others are passed over."""
        if isinstance(event, CarFinished):
            self.finished[event.vehicle_id] = event
        elif isinstance(event, CarStored | CarOpen):
            if event.vehicle_id in self._ended:
                yield f"{event.kind} of {event.vehicle_id}, which had ended"
            self._ended.add(event.vehicle_id)
            if isinstance(event, CarStored):
                self.stored[event.vehicle_id] = event
        elif isinstance(event, CarsCollected):
            self.collected.append(event)
        elif isinstance(event, LorryEntered):
            self._entered.add(event.vehicle_id)
        elif isinstance(event, LorryLeft | LorryOpen):
            self._left.add(event.vehicle_id)

    def violations(self, freight: Freight, *, final: bool) -> Iterator[str]:
        """Yield who was lost, who came from nowhere, and a compound that does not add up."""
        for name in sorted(self.stored.keys() - self.finished.keys()):
            yield f"car {name} was stored without coming off a line"
        if not final:
            return
        for name in sorted(self.finished.keys() - self._ended):
            yield f"car {name} came off the line and was lost"
        for name in sorted(self._entered - self._left):
            yield f"lorry {name} came in and was lost"
        cars = freight.finished_cars
        changes = [(one.time_s, one.stored) for one in self.stored.values()]
        changes += [(one.time_s, one.stored) for one in self.collected]
        if cars is not None and changes:
            there = cars.stored.value + len(self.stored) - sum(one.cars for one in self.collected)
            last_s = max(time_s for time_s, _ in changes)
            if there not in {stored for time_s, stored in changes if time_s == last_s}:
                told = sorted({stored for time_s, stored in changes if time_s == last_s})
                yield f"the compound holds {there} cars by those that came and went, {told} by its events"

    def records(self, freight: Freight) -> Iterator[KpiRecord]:
        """Yield the KPIs of finished cars; none where none are made."""
        cars = freight.finished_cars
        if cars is None:
            return
        yield from total("finished_cars_stored", len(self.stored), n=len(self.finished))
        both = sorted(self.stored.keys() & self.finished.keys())
        yield from distribution(
            "line_to_compound_s", [self.stored[name].time_s - self.finished[name].time_s for name in both]
        )
        most = max([cars.stored.value, *(one.stored for one in self.stored.values())])
        yield from ratio("compound_fill_max", most, cars.capacity.value, n=len(self.stored))

    def stored_km(self) -> float:
        """Return the km of the cars stored."""
        return sum(one.odometer_m for one in self.stored.values()) / 1000
