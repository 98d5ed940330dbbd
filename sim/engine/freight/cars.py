"""Finished cars that drive from the line to the compound by themselves, and the compound that carriers empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sim.demand.population import FinishedCar
from sim.engine.freight.craft import Craft
from sim.engine.freight.port import FreightPort
from sim.engine.sumo import StepFacts
from sim.events import Event
from sim.freight_document import FinishedCars
from sim.freight_events import CarFinished, CarOpen, CarsCollected, CarStored

CAR_TYPE = "finished_car"


class CarYard:
    """Cars at the line's end, on the way, and in the compound, which never holds more than it has places for.

    A car that has come to the compound leaves SUMO: parked vehicles cost time in every step and do nothing.
    """

    def __init__(
        self,
        port: FreightPort,
        document: FinishedCars,
        cars: Sequence[FinishedCar],
        *,
        may_drive: Callable[[float], bool],
    ) -> None:
        self._port, self._document, self._may_drive = port, document, may_drive
        self._to_come = sorted(cars, key=lambda car: (car.finished_s, car.vehicle_id), reverse=True)
        self._at_line: list[FinishedCar] = []
        self.driving: dict[str, FinishedCar] = {}
        self.stored = int(document.stored.value)
        self.taken_out = 0

    @property
    def unsettled(self) -> int:
        """How many have not been stored."""
        return len(self._to_come) + len(self._at_line) + len(self.driving)

    def step(self, facts: StepFacts) -> Iterator[Event]:
        """Let finished cars set off and store those that have come."""
        now = facts.time_s
        while self._to_come and self._to_come[-1].finished_s <= now:
            car = self._to_come.pop()
            self._at_line.append(car)
            yield CarFinished(
                time_s=now, vehicle_id=car.vehicle_id, line=car.line, edge=self._document.start_edge
            )  # fmt: skip
        while (
            self._at_line and self._may_drive(now) and self.stored + len(self.driving) < self._document.capacity.value
        ):
            car = self._at_line.pop(0)
            self.driving[car.vehicle_id] = car
            self._port.add_driving(
                car.vehicle_id, CAR_TYPE, self._document.start_edge, self._document.parking, passing=False
            )  # fmt: skip
            self._port.watch(car.vehicle_id)
        for vehicle_id in sorted(self.driving.keys() & facts.stop_started):
            del self.driving[vehicle_id]
            self.stored += 1
            yield CarStored(
                time_s=now, vehicle_id=vehicle_id, stored=self.stored, odometer_m=self._port.odometer_m(vehicle_id)
            )
            self._port.unwatch(vehicle_id)  # or SUMO's next step fails
            self._port.remove(vehicle_id)
            self.taken_out += 1

    def collect(self, craft: Craft, now_s: float) -> list[Event] | None:
        """Take a carrier's cars out of the compound; None while there are too few."""
        cars = craft.lorry.collects if craft.lorry is not None else 0
        if self.stored < cars:
            return None
        self.stored -= cars
        return [CarsCollected(time_s=now_s, vehicle_id=craft.id, cars=cars, stored=self.stored)]

    def close(self, now_s: float) -> Iterator[Event]:
        """Yield the cars that the end of the run finds at the line or on the way."""
        for car in self._at_line:
            yield CarOpen(time_s=now_s, vehicle_id=car.vehicle_id, state="at_line")
        for vehicle_id in sorted(self.driving):
            yield CarOpen(time_s=now_s, vehicle_id=vehicle_id, state="driving")
