"""Commuters' cars under observation: on the way, parked, on the way home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sim.demand.population import Car
from sim.engine.sumo import StepFacts
from sim.events import CarArrived, CarReturned, CarUnfinished, Event


@dataclass(slots=True)
class _Seen:
    """One car: when it left home and work, and the halts still before it is parked."""

    car: Car
    departed_s: float | None = None
    left_s: float | None = None
    halts: int = 0
    arrived: bool = False


class CarWatch:
    """Watches cars that are under way to a site, stand there, and drive home."""

    def __init__(self, cars: Sequence[Car]) -> None:
        self._there = {car.vehicle_id: _Seen(car, halts=int(car.escort is not None)) for car in cars if car.inbound}
        self._back = {
            car.return_id: self._there.get(car.vehicle_id) or _Seen(car, arrived=True)
            for car in cars
            if car.leave_s is not None
        }
        self.parked: set[str] = set()

    def step(self, facts: StepFacts) -> list[Event]:
        """Return the facts of one step."""
        self._departed(facts)
        events = list(self._parked(facts)) if facts.stop_started or facts.stop_ended else []
        return events + list(self._ended(facts)) if facts.arrived else events

    def _departed(self, facts: StepFacts) -> None:
        for vehicle_id in facts.departed:
            if vehicle_id in self._there:
                self._there[vehicle_id].departed_s = facts.time_s
            elif vehicle_id in self._back:
                self._back[vehicle_id].left_s = facts.time_s

    def _parked(self, facts: StepFacts) -> Iterator[Event]:
        for vehicle_id in sorted(self._there.keys() & facts.stop_started):
            seen = self._there[vehicle_id]
            if seen.halts:
                seen.halts -= 1
            elif seen.car.park is not None and not seen.arrived:
                self.parked.add(vehicle_id)
                yield self._arrive(seen, vehicle_id, facts.time_s)
        for vehicle_id in sorted(self.parked.intersection(facts.stop_ended)):
            self.parked.discard(vehicle_id)
            self._back[vehicle_id].left_s = facts.time_s

    def _ended(self, facts: StepFacts) -> Iterator[Event]:
        for vehicle_id in sorted(facts.arrived):
            seen = self._there.get(vehicle_id)
            if seen is not None and not seen.arrived:
                yield self._arrive(seen, vehicle_id, facts.time_s)
            elif vehicle_id in self._back:
                back = self._back.pop(vehicle_id)
                car = back.car
                yield CarReturned(
                    time_s=facts.time_s, person_id=car.person_id, vehicle_id=vehicle_id, site=car.site,
                    left_s=facts.time_s if back.left_s is None else back.left_s,
                )  # fmt: skip

    def _arrive(self, seen: _Seen, vehicle_id: str, now: float) -> CarArrived:
        seen.arrived = True
        car = seen.car
        return CarArrived(
            time_s=now, person_id=car.person_id, vehicle_id=vehicle_id, site=car.site,
            departed_s=now if seen.departed_s is None else seen.departed_s, shift_start_s=car.shift_start_s,
        )  # fmt: skip

    def unfinished(self, now: float) -> Iterator[Event]:
        """Yield the cars that the end of the run finds on the way; a parked one has arrived."""
        for vehicle_id, seen in sorted(self._there.items()):
            if not seen.arrived and seen.car.depart_s <= now:
                yield _open(seen.car, vehicle_id, now, "not_departed" if seen.departed_s is None else "driving")
        for vehicle_id, seen in sorted(self._back.items()):
            if seen.arrived and seen.left_s is not None:
                yield _open(seen.car, vehicle_id, now, "returning")


def _open(car: Car, vehicle_id: str, now: float, state: str) -> CarUnfinished:
    return CarUnfinished(time_s=now, person_id=car.person_id, vehicle_id=vehicle_id, site=car.site, state=state)
