"""The World's body: what the controller sees is read here, what it commands is carried out here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from sim.engine.charges import Charges
from sim.engine.dwells import Dwells
from sim.engine.observer import Observer
from sim.engine.repositions import Repositions
from sim.engine.riders import Booking, Riders
from sim.engine.sumo import COMFORT_BRAKE_MPS2, SumoPort
from sim.engine.supervision import Supervision
from sim.engine.taxi import TaxiExecutor
from sim.engine.taxi_plan import Taxi
from sim.engine.times import EdgeTimes
from sim.errors import ControllerError
from sim.events import Cancelled, DroppedOff, Event, Offered, PickedUp, Promised, Rejected
from sim.network.boarding import kerb_m
from sim.network.graph import EdgeGraph
from sim.rundir import RunDir
from sim.world import Location, Offer, Phase, PlannedStop, Request, StopTimes, Task, TravelTimes, Vehicle

LOCK_S = 6.0


class WorldBody:
    """Implements `sim.world.World` on a running SUMO."""

    def __init__(
        self,
        port: SumoPort,
        run: RunDir,
        *,
        graph: EdgeGraph,
        times: EdgeTimes,
        dwells: Dwells,
        observer: Observer,
        riders: Riders,
        no_show_wait_s: float,
        supervision: Supervision | None,
    ) -> None:
        self._port, self._run, self._graph, self._times, self._observer = port, run, graph, times, observer
        self._supervision, self._dwells = supervision, dwells
        self._riders, self._no_show_wait_s = riders, no_show_wait_s
        requests = {name: booking.request for name, booking in riders.bookings.items()}
        self._last_edge: dict[str, int] = {}
        self._standing: dict[str, Vehicle] = {}
        self._leaving: dict[str, str] = {}
        self._withdrawn: list[str] = []
        self._absent: dict[str, float | None] = {}
        capacity = {vehicle.id: vehicle.capacity for vehicle in observer.fleet.values()}
        self.taxis = TaxiExecutor(port, capacity, requests, observer.stopped, edges=graph.ids)
        self._repositions = Repositions(port, observer.stopped, edges=graph.ids)
        self._charges = Charges(port)
        self._open: dict[str, Request] = {}
        ends = [(vehicle.duty_end_s, vehicle.id) for vehicle in observer.fleet.values()]
        self._broken: dict[str, float] = {}
        self._emptying: dict[str, Location] = {}
        self._ends = sorted((one for one in ends if math.isfinite(one[0])), reverse=True)
        self.decisions: list[Event] = []
        self.time_s = port.time_s

    @property
    def travel_times(self) -> TravelTimes:
        """See `World`."""
        return self._times.travel_times

    @property
    def stop_times(self) -> StopTimes:
        """See `World`."""
        return self._dwells.stop_times

    def places(self) -> set[int]:
        """Return the edges where riders wait or want to go."""
        return self.taxis.places() | self._asked_places()

    def _asked_places(self) -> set[int]:
        doors = {place.edge for one in self._open.values() for place in (one.origin, one.destination)}
        points = {point.location.edge for one in self._open.values() for point in (*one.boarding, *one.alighting)}
        return doors | points

    def step(self, time_s: float) -> None:
        """Let riders ask, come and go, each in the step when it is time."""
        self.time_s = time_s
        asks, leaves = self._riders.step(time_s)
        for booking in asks:
            self._open[booking.request.id] = booking.request
            self.taxis.admit(booking.request.id)
        for request_id, cause in [*leaves, *self._no_shows(time_s)]:
            self._leaving.setdefault(request_id, cause)
            self.taxis.withdraw(request_id)
        if self._leaving:
            self._let_leave()
        for vehicle_id in sorted(self._broken):
            self._evacuate(vehicle_id, time_s)
        if self._ends and self._ends[-1][0] <= time_s:
            self._end_duties(time_s)

    def break_down(self, vehicle_id: str, tow_s: float) -> None:
        """Take a vehicle out of service; it is towed away at that time or when the last rider has got out."""
        self._broken[vehicle_id] = tow_s
        self.taxis.break_down(vehicle_id)

    def _evacuate(self, vehicle_id: str, time_s: float) -> None:
        """Give a broken vehicle's riders back to the service, each where they are; have it towed once it is empty."""
        taxi = self.taxis.taxis[vehicle_id]
        for request_id in self.taxis.hand_back(vehicle_id):
            self._open_again(request_id)
        if taxi.on_board and not self.taxis.serving(vehicle_id) and vehicle_id not in self._emptying:
            self._emptying[vehicle_id] = place = self._kerb_at(vehicle_id)
            for request_id in sorted(taxi.on_board):
                booking = self._riders.bookings[request_id]
                legs = self._riders.put_down(booking, place, time_s)
                self._observer.handed_over(vehicle_id, booking.rider.person_id, legs)
                self._run.write_command(time_s, "put_down", request_id=request_id, vehicle_id=vehicle_id)
        if time_s >= self._broken[vehicle_id] and not taxi.plan and not taxi.on_board:
            self.decisions += self._observer.tow(vehicle_id, time_s)
            self._port.remove_vehicle(vehicle_id)
            self._run.write_command(time_s, "tow", vehicle_id=vehicle_id)
            del self._broken[vehicle_id]

    def _kerb_at(self, vehicle_id: str) -> Location:
        """Return the boarding place nearest to a vehicle, one of those that SUMO keeps apart."""
        location = self._location(vehicle_id)
        return Location(location.edge, kerb_m(location.pos_m, float(self._graph.length_m[location.edge])))

    def _open_again(self, request_id: str) -> None:
        """Show a request to the controller as one that waits; what it knows of it is told to be void."""
        self._open[request_id] = self._riders.reopen(request_id)
        self._withdrawn.append(request_id)

    def _end_duties(self, time_s: float) -> None:
        """Let vehicles go off duty whose time is up, as soon as they stand with nothing to do."""
        for end_s, vehicle_id in [*self._ends]:
            taxi, craft = self.taxis.taxis[vehicle_id], self._observer.fleet[vehicle_id]
            at_work = vehicle_id not in self._observer.stopped or any(task != taxi.visit for task in taxi.plan)
            if end_s <= time_s and not at_work and vehicle_id in self._observer.on_duty:
                self.decisions += self._observer.retire(craft, time_s)
                self._ends.remove((end_s, vehicle_id))

    def _no_shows(self, time_s: float) -> list[tuple[str, str]]:
        """Return the riders whom a vehicle has waited for long enough."""
        gone = []
        for request_id, since_s in self._absent.items():
            if not self.taxis.awaits(request_id):
                self._absent[request_id] = None
                continue
            booking = self._riders.bookings[request_id]
            begin_s = booking.promise.pickup_earliest_s if booking.promise else booking.request.earliest_s
            stood_s = self._absent[request_id] = time_s if since_s is None else since_s
            if time_s - max(stood_s, begin_s) >= self._no_show_wait_s:
                gone.append((request_id, "no_show"))
        return gone

    def _let_leave(self) -> None:
        gone, commands = self.taxis.take_leave()
        for command, fields in commands:
            self._run.write_command(self.time_s, command, **fields)
        for request_id in gone:
            if self._open.pop(request_id, None) is None:
                self._withdrawn.append(request_id)
            self._absent.pop(request_id, None)
            self._cancel(self._riders.bookings[request_id], self._leaving[request_id])
        self._leaving = {name: cause for name, cause in self._leaving.items() if self.taxis.leaves(name)}

    def _cancel(self, booking: Booking, cause: str) -> None:
        request = booking.request
        self._settle(booking)
        self._run.write_command(self.time_s, "cancel", request_id=request.id, cause=cause)
        self.decide(Cancelled(time_s=self.time_s, request_id=request.id, person_id=request.person_id, cause=cause))

    def _settle(self, booking: Booking) -> None:
        self._riders.settle(booking)
        self._observer.settle(booking.request.person_id)

    def look(self, time_s: float) -> None:
        """Take note of the riders who have come since the last look."""
        self.time_s = time_s
        for reservation, persons in self._port.open_reservations():
            for person in persons:
                request_id = self._riders.by_person[person]
                if self.taxis.awaits_reservation(request_id, person):
                    self.taxis.reserve(request_id, person, reservation)
        self._times.cover(self._asked_places())

    def vehicles(self) -> Sequence[Vehicle]:
        """See `World`."""
        on_duty = self._observer.on_duty
        return [self._seen(taxi) for taxi in self.taxis.taxis.values() if taxi.id in on_duty and not taxi.broken]

    def _seen(self, taxi: Taxi) -> Vehicle:
        """Return a vehicle; one that stands without a plan, as most do most of the time, is read from SUMO once."""
        if taxi.plan or taxi.id not in self._observer.stopped or self._halted_until_s(taxi) is not None:
            self._standing.pop(taxi.id, None)
            return self._vehicle(taxi)
        if taxi.id not in self._standing:
            self._standing[taxi.id] = self._vehicle(taxi)
        return self._standing[taxi.id]

    def _vehicle(self, taxi: Taxi) -> Vehicle:
        location = self._location(taxi.id, brakes_for=self.taxis.next_place(taxi) if taxi.sent else None)
        craft = self._observer.fleet[taxi.id]
        stopped = taxi.id in self._observer.stopped
        phase: Phase = "driving"
        if self.taxis.serving(taxi.id):
            phase = "serving"
        elif stopped or not taxi.plan:
            phase = "idle"
        return Vehicle(
            id=taxi.id,
            seats=taxi.capacity.seats,
            wheelchairs=taxi.capacity.wheelchairs,
            location=location,
            phase=phase,
            on_board=tuple(sorted(taxi.on_board)),
            locked=self._locked(taxi, location, phase),
            group=craft.group,
            charge_kwh=self._port.charge_wh(taxi.id) / 1000 if craft.battery else None,
            halted_until_s=self._halted_until_s(taxi),
            odometer_m=self._port.odometer_m(taxi.id),
        )

    def _halted_until_s(self, taxi: Taxi) -> float | None:
        return None if self._supervision is None else self._supervision.halted_until_s(taxi.id, self.time_s)

    def _location(self, vehicle_id: str, *, brakes_for: Location | None = None) -> Location:
        """Return the nearest point at which a vehicle can halt or turn off; `brakes_for` is where it halts next."""
        edge, pos_m = self._port.road(vehicle_id)
        index = self._graph.index.get(edge)
        if index is None:  # within a junction, or being teleported: the end of the edge it left
            index = self._last_edge[vehicle_id]
            return Location(index, float(self._graph.length_m[index]))
        self._last_edge[vehicle_id] = index
        speed = self._port.speed_mps(vehicle_id)
        ahead = min(pos_m + speed * speed / (2 * COMFORT_BRAKE_MPS2), float(self._graph.length_m[index]))
        if brakes_for is not None and brakes_for.edge == index and pos_m <= brakes_for.pos_m < ahead:
            return brakes_for  # SUMO brakes harder for a stop: seen beyond it, a vehicle would have to go round
        return Location(index, ahead)

    def _locked(self, taxi: Taxi, location: Location, phase: Phase) -> int:
        head = taxi.plan[0] if taxi.plan else None
        if not isinstance(head, PlannedStop) or phase == "idle":
            return 0
        if phase == "serving":
            return len(self.taxis.served(taxi))
        return int(self.travel_times.time_s(location, self.taxis.place(head)) < LOCK_S)

    def waiting(self) -> Sequence[Request]:
        """See `World`."""
        return sorted(self._open.values(), key=lambda request: (request.earliest_s, request.id))

    def withdrawn(self) -> Sequence[str]:
        """See `World`."""
        gone, self._withdrawn = self._withdrawn, []
        return gone

    def offer(self, offer: Offer) -> bool:
        """See `World`."""
        booking = self._riders.bookings.get(offer.request_id)
        if booking is None or offer.request_id not in self._open or not booking.may_be_offered:
            msg = f"request {offer.request_id!r} cannot be offered a ride: it does not wait for one"
            raise ControllerError(msg)
        name = offer.request_id
        window = {
            "pickup_earliest_s": offer.pickup_earliest_s,
            "pickup_latest_s": offer.pickup_latest_s,
            "dropoff_latest_s": offer.dropoff_latest_s,
        }
        walks_s = [0.0 if point is None else point.walk_s for point in (offer.boarding, offer.alighting)]
        walks = {"access_walk_s": walks_s[0], "egress_walk_s": walks_s[1]}
        self.decide(Offered(time_s=self.time_s, request_id=name, **window, **walks))
        if not self._riders.accepts(booking, offer):
            del self._open[name]
            self._cancel(booking, "offer_declined")
            return False
        if booking.promise is not None:
            return True  # the vehicle broke down: what was promised first stands
        self._riders.promise(booking, offer, self.time_s)
        request = booking.request
        places = [offer.boarding.location if offer.boarding else request.origin]
        places += [offer.alighting.location if offer.alighting else request.destination]
        self.taxis.board_at(request.id, *places)
        self.decide(Promised(time_s=self.time_s, request_id=name, **window))
        return True

    def set_plan(self, vehicle_id: str, tasks: Sequence[Task]) -> None:
        """See `World`."""
        self.set_plans({vehicle_id: tasks})

    def set_plans(self, plans: Mapping[str, Sequence[Task]]) -> None:
        """See `World`."""
        self.taxis.set_plans(plans)
        planned = {task.request_id for tasks in plans.values() for task in tasks if isinstance(task, PlannedStop)}
        for name in sorted(planned & self._open.keys()):
            del self._open[name]
            if not self._riders.bookings[name].rider.shows_up:
                self._absent[name] = None

    def reject(self, request_id: str, cause: str) -> None:
        """See `World`."""
        request = self._open.pop(request_id, None)
        if request is None:
            msg = f"request {request_id!r} cannot be rejected: it does not wait"
            raise ControllerError(msg)
        self._settle(self._riders.bookings[request_id])
        self._run.write_command(self.time_s, "reject", request_id=request_id, cause=cause)
        self.decide(Rejected(time_s=self.time_s, request_id=request_id, person_id=request.person_id, cause=cause))

    def decide(self, decision: Event) -> None:
        """See `World`."""
        self.decisions.append(decision)

    def follow(self, events: Sequence[Event]) -> list[Event]:
        """Let the books follow the facts; return the promises that they break."""
        for one in events:
            if isinstance(one, PickedUp):
                self.taxis.picked_up(one.vehicle_id, one.request_id)
            elif isinstance(one, DroppedOff):
                self.taxis.dropped_off(one.vehicle_id, one.request_id)
                if one.vehicle_id in self._emptying:
                    self.taxis.put_down(one.request_id, self._emptying[one.vehicle_id])
                    self._open_again(one.request_id)
        return self._riders.follow(events)

    def carry_out(self) -> None:
        """Send the plans that may be sent in this step, and log each."""
        commands = self.taxis.send()
        for command, fields in commands:
            self._run.write_command(self.time_s, command, **fields)
            if command == "dispatch":
                self._observer.called(fields["vehicle_id"], self.time_s)
        self.decisions += self._repositions.follow(self.taxis.taxis.values(), commands, self.time_s)
        self.decisions += self._charges.follow(self.taxis.taxis.values(), self.time_s)

    def close(self) -> None:
        """Note what the end of the run cuts short."""
        self.decisions += self._charges.close(self.time_s)

    def take_decisions(self) -> list[Event]:
        """Return the decisions since the last call."""
        decisions, self.decisions = self.decisions, []
        return decisions
