"""The observer: turns what SUMO reports into facts, alike for every controller and for SUMO's own dispatchers."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sim.controllers.base import RideLeg, RiderPlan, WalkLeg
from sim.demand.population import Car, Rider
from sim.engine.cars import CarWatch
from sim.engine.sumo import StepFacts, SumoPort
from sim.errors import InvariantError
from sim.events import (
    Arrived,
    Cancelled,
    Collision,
    DroppedOff,
    Event,
    PersonDeparted,
    PickedUp,
    Rejected,
    RequestSubmitted,
    StopServed,
    Unfinished,
    VehicleRetired,
    VehicleStarted,
    VehicleTeleported,
    WalkEnded,
)  # fmt: skip
from sim.world import Load

State = Literal["at_home", "waiting", "walking", "riding", "arrived", "gone"]


@dataclass(slots=True)
class Journey:
    """Where one rider's journey stands: `leg` counts the legs done."""

    plan: RiderPlan
    state: State = "at_home"
    leg: int = 0

    @property
    def rider(self) -> Rider:
        return self.plan.rider

    def next_state(self) -> State:
        """Return what the rider does first in the present leg."""
        legs = self.plan.legs
        return "walking" if self.leg < len(legs) and isinstance(legs[self.leg], WalkLeg) else "waiting"


@dataclass(slots=True)
class FleetVehicle:
    """What one fleet vehicle is, and what is known of it since it stopped last.

    `persons` are all on board, `on_board` the first of each group. `duty_end_s` is inf for one that serves to the end.
    """

    id: str
    group: str = ""
    _: dataclasses.KW_ONLY
    capacity: Load
    battery: bool = False
    duty_end_s: float = math.inf
    persons: tuple[str, ...] = ()
    on_board: tuple[str, ...] = ()
    started_s: float | None = None
    stopped_s: float | None = None
    stop_edge: str = ""
    changed_s: float = 0.0
    boarded: int = 0
    alighted: int = 0


class Observer:
    """Watches riders, commuters' cars and the fleet; `step` returns the facts of one step."""

    def __init__(
        self,
        port: SumoPort,
        plans: Sequence[RiderPlan],
        cars: Sequence[Car],
        fleet: Sequence[FleetVehicle],
        *,
        taxis: bool,
        books: bool,
    ) -> None:
        self._port = port
        self._taxis, self._books = taxis, books
        self.journeys = {plan.rider.person_id: Journey(plan) for plan in plans}
        self._travels_with = {person: plan.rider.person_id for plan in plans for person in plan.rider.persons}
        self._pending = sorted(
            self.journeys.values(), key=lambda j: (self._asked_s(j.rider), j.rider.request_id), reverse=True
        )
        self._walking: set[str] = set()
        self.cars = CarWatch(cars)
        self.fleet = {vehicle.id: vehicle for vehicle in sorted(fleet, key=lambda vehicle: vehicle.id)}
        self.stopped: set[str] = set()
        self._watched: set[str] = set()
        self.on_duty: set[str] = set()
        self.towed: set[str] = set()
        self.unsettled = len(self.journeys)

    def step(self, facts: StepFacts) -> list[Event]:
        """Return the facts of one step, in the order in which they can follow from one another."""
        now, events = facts.time_s, list[Event]()
        if self._pending:
            events += self._submitted(now)
        if facts.departed or facts.arrived or facts.teleported or facts.colliding:
            events += self._vehicles(facts)
        events += self.cars.step(facts)
        if facts.persons_departed:
            events += self._departed(facts)
        if self._watched or facts.stop_started or facts.stop_ended:
            events += self._stops(facts)
        if facts.persons_arrived:
            events += self._arrived(facts)
        if self._walking:
            events += self._walks(now)
        return events

    def settle(self, person_id: str) -> None:
        """Note that a rider will not be served and leaves."""
        self.journeys[person_id].state = "gone"
        self._walking.discard(person_id)
        self.unsettled -= 1

    def _asked_s(self, rider: Rider) -> float:
        """Return when the service learns of a request: only one that takes bookings does so ahead."""
        return rider.submitted_s if self._books else rider.earliest_s

    def _submitted(self, now: float) -> Iterator[Event]:
        while self._pending and self._asked_s(self._pending[-1].rider) <= now:
            plan = self._pending.pop().plan
            rider = plan.rider
            yield submission(rider, now)
            if plan.refused is not None:
                self.settle(rider.person_id)
                yield Rejected(time_s=now, request_id=rider.request_id, person_id=rider.person_id, cause=plan.refused)
            elif not self._books and (cause := missing(rider)) is not None:
                self.settle(rider.person_id)
                yield Cancelled(time_s=now, request_id=rider.request_id, person_id=rider.person_id, cause=cause)

    def _vehicles(self, facts: StepFacts) -> Iterator[Event]:
        now = facts.time_s
        for vehicle_id in sorted(self.fleet.keys() & facts.departed):
            vehicle = self.fleet.get(vehicle_id)
            if vehicle is not None:
                vehicle.started_s = now
                self.on_duty.add(vehicle_id)
                edge, _ = self._port.road(vehicle_id)
                yield VehicleStarted(
                    time_s=now, vehicle_id=vehicle_id, seats=sum(vehicle.capacity), edge=edge, group=vehicle.group
                )
        for vehicle_id in sorted(facts.arrived):
            if vehicle_id in self.fleet:
                msg = f"{vehicle_id} left the network at {now} s: the fleet must stay whole"
                raise InvariantError(msg)
        for vehicle_id in sorted(facts.teleported):
            edge = self._port.planned_edge(vehicle_id)
            yield VehicleTeleported(time_s=now, vehicle_id=vehicle_id, edge=edge, fleet=vehicle_id in self.fleet)
        for vehicle_id in sorted(facts.colliding):
            yield Collision(time_s=now, vehicle_id=vehicle_id, edge=self._port.planned_edge(vehicle_id))

    def _departed(self, facts: StepFacts) -> Iterator[Event]:
        for person_id in sorted(self.journeys.keys() & facts.persons_departed):
            journey = self.journeys[person_id]
            yield PersonDeparted(time_s=facts.time_s, person_id=person_id, edge=journey.rider.origin_edge)
            self._begin_leg(journey)

    def _begin_leg(self, journey: Journey) -> None:
        journey.state = journey.next_state()
        if journey.state == "walking":
            self._walking.add(journey.rider.person_id)

    def _stops(self, facts: StepFacts) -> Iterator[Event]:
        for vehicle_id in sorted(facts.stop_started):
            vehicle = self.fleet.get(vehicle_id)
            if vehicle is not None:
                yield from self._leave_stop(vehicle, facts.time_s)
                self.stopped.add(vehicle_id)
                self._watched.add(vehicle_id)
                vehicle.stopped_s, vehicle.stop_edge = facts.time_s, self._port.road(vehicle_id)[0]
        for vehicle_id in sorted(self._watched):
            yield from self._exchange(self.fleet[vehicle_id], facts.time_s)
            if self._is_idle(self.fleet[vehicle_id]):
                self._watched.discard(vehicle_id)
        for vehicle_id in sorted(set(facts.stop_ended) - set(facts.stop_started)):
            vehicle = self.fleet.get(vehicle_id)
            if vehicle is not None:
                yield from self._leave_stop(vehicle, facts.time_s)
                self.stopped.discard(vehicle_id)
                self._watched.discard(vehicle_id)

    def _is_idle(self, vehicle: FleetVehicle) -> bool:
        """Whether nobody can board before the next stop starts: SUMO starts one for every taxi it calls."""
        return self._taxis and not vehicle.on_board and self._port.taxi_state(vehicle.id) == 0

    def handed_over(self, vehicle_id: str, person_id: str, legs: tuple[WalkLeg | RideLeg, ...]) -> None:
        """Note that a rider gets out of a vehicle between its stops, and how the journey goes on from there."""
        journey = self.journeys[person_id]
        journey.plan = dataclasses.replace(journey.plan, legs=legs)
        journey.leg = -1  # the ride that ends now comes before them
        self._watched.add(vehicle_id)

    def tow(self, vehicle_id: str, now: float) -> list[Event]:
        """Note that a vehicle is taken off the road for good."""
        self.towed.add(vehicle_id)
        self._watched.discard(vehicle_id)
        return list(self.retire(self.fleet[vehicle_id], now))

    def called(self, vehicle_id: str, now: float) -> None:
        """Note a dispatch: what a vehicle has stood for nobody is no part of a dwell where it stands."""
        vehicle = self.fleet[vehicle_id]
        if vehicle.stopped_s is not None and not vehicle.boarded + vehicle.alighted:
            vehicle.stopped_s = now

    def _exchange(self, vehicle: FleetVehicle, now: float) -> Iterator[Event]:
        persons = self._port.on_board(vehicle.id)
        if persons == vehicle.persons:
            return
        vehicle.persons = persons
        aboard = self._parties(persons, vehicle.on_board)
        left = sorted(set(vehicle.on_board) - set(aboard))
        entered = sorted(set(aboard) - set(vehicle.on_board))
        where = {
            "time_s": now,
            "vehicle_id": vehicle.id,
            "edge": self._port.road(vehicle.id)[0],
            "odometer_m": self._port.odometer_m(vehicle.id),
        }
        load = sum(self.journeys[person_id].rider.size for person_id in vehicle.on_board)
        for person_id in left:
            journey = self.journeys[person_id]
            load -= journey.rider.size
            yield self._ride(DroppedOff, journey.rider, load=load, **where)
            journey.leg += 1
            self._begin_leg(journey)
        for person_id in entered:
            journey = self.journeys[person_id]
            load += journey.rider.size
            yield self._ride(PickedUp, journey.rider, load=load, **where)
            journey.state = "riding"
        vehicle.boarded += len(entered)
        vehicle.alighted += len(left)
        vehicle.changed_s, vehicle.on_board = now, aboard

    def _parties(self, persons: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
        """Return who is on board by the first of each group: from the last of it boarding to the last alighting."""
        counts = Counter(self._travels_with[person] for person in persons)
        return tuple(
            leader
            for leader, count in counts.items()
            if leader in before or count == self.journeys[leader].rider.size
        )  # fmt: skip

    @staticmethod
    def _ride(kind: type[PickedUp | DroppedOff], rider: Rider, **where: Any) -> Event:  # noqa: ANN401 (event fields)
        return kind(person_id=rider.person_id, request_id=rider.request_id, **where)

    def _leave_stop(self, vehicle: FleetVehicle, now: float) -> Iterator[Event]:
        if vehicle.stopped_s is not None and vehicle.boarded + vehicle.alighted:
            yield StopServed(
                # the last rider leaves an emptied vehicle when the dwell is over; then it may stand on, idle
                time_s=now if vehicle.on_board else vehicle.changed_s,
                vehicle_id=vehicle.id,
                edge=vehicle.stop_edge,
                started_s=vehicle.stopped_s,
                boarded=vehicle.boarded,
                alighted=vehicle.alighted,
            )
        vehicle.stopped_s, vehicle.boarded, vehicle.alighted = None, 0, 0

    def _arrived(self, facts: StepFacts) -> Iterator[Event]:
        for person_id in sorted(self.journeys.keys() & facts.persons_arrived):  # others walk all the way
            journey = self.journeys[person_id]
            if journey.state == "gone":
                continue
            rider = journey.rider
            if journey.state == "walking":
                self._walking.discard(person_id)
                yield WalkEnded(time_s=facts.time_s, person_id=person_id, edge=rider.destination_edge)
            journey.state = "arrived"
            self.unsettled -= 1
            yield Arrived(
                time_s=facts.time_s, person_id=person_id, request_id=rider.request_id, edge=rider.destination_edge
            )

    def _walks(self, now: float) -> Iterator[Event]:
        for person_id in sorted(self._walking):
            journey = self.journeys[person_id]
            if self._port.stages_left(person_id) < len(journey.plan.legs) - journey.leg:
                self._walking.discard(person_id)
                journey.leg += 1
                self._begin_leg(journey)
                yield WalkEnded(time_s=now, person_id=person_id, edge=self._port.person_edge(person_id))

    def close(self, now: float) -> list[Event]:
        """Return what the end of the run leaves: sums of the fleet, and everybody who is still on the way."""
        return [*self._submitted(now), *self._retired(now), *self._unfinished(now)]

    def _retired(self, now: float) -> Iterator[Event]:
        for vehicle_id in sorted(self.on_duty):
            yield from self.retire(self.fleet[vehicle_id], now)

    def retire(self, vehicle: FleetVehicle, now: float) -> Iterator[Event]:
        """End a vehicle's duty."""
        self.on_duty.discard(vehicle.id)
        if vehicle.id in self.stopped:
            yield from self._leave_stop(vehicle, now)
        consumed, regenerated = self._port.battery_wh(vehicle.id) if vehicle.battery else (None, None)
        charge_kwh = self._port.charge_wh(vehicle.id) / 1000 if vehicle.battery else None
        yield VehicleRetired(
            time_s=now, vehicle_id=vehicle.id, odometer_m=self._port.odometer_m(vehicle.id),
            duty_s=now - (vehicle.started_s or 0.0), consumed_wh=consumed, regenerated_wh=regenerated,
            charge_kwh=charge_kwh,
        )  # fmt: skip

    def _unfinished(self, now: float) -> Iterator[Event]:
        # of an interrupted run: who would have travelled later is no part of it
        later = {journey.rider.person_id for journey in self._pending}
        for person_id, journey in sorted(self.journeys.items()):
            if journey.state not in {"arrived", "gone"} and person_id not in later:
                yield Unfinished(
                    time_s=now, person_id=person_id, request_id=journey.rider.request_id, state=journey.state
                )
        yield from self.cars.unfinished(now)


def submission(rider: Rider, now: float) -> RequestSubmitted:
    """Return the event of a rider's wish to travel, without what the rider keeps to himself."""
    wish = {name: value for name, value in dataclasses.asdict(rider).items() if name not in INTENTIONS}
    return RequestSubmitted(time_s=min(now, rider.earliest_s), **wish | {"scopes": list(rider.scopes)})


INTENTIONS = {"cancel_s", "shows_up", "patience_s"}


def missing(rider: Rider) -> str | None:
    """Return why a rider does not come to a service that takes no bookings and no cancellations, or None."""
    if not rider.shows_up:
        return "no_show"
    return "by_rider" if rider.cancel_s is not None else None
