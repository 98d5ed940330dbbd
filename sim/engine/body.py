"""The World's body: what the controller sees is read here, what it commands is carried out here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sim.controllers.base import RiderPlan
from sim.engine.observer import Observer
from sim.engine.sumo import COMFORT_BRAKE_MPS2, SumoPort
from sim.engine.taxi import Taxi, TaxiExecutor
from sim.engine.times import EdgeTimes
from sim.errors import ControllerError
from sim.events import Event, Rejected
from sim.network.graph import EdgeGraph
from sim.rundir import RunDir
from sim.world import Location, Phase, PlannedStop, Request, TravelTimes, Vehicle

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
        observer: Observer,
        plans: Sequence[RiderPlan],
        seats: dict[str, int],
    ) -> None:
        self._port, self._run, self._graph, self._times, self._observer = port, run, graph, times, observer
        self._requests = {plan.rider.request_id: self._request(plan) for plan in plans}
        self._open: dict[str, Request] = {}
        self._last_edge: dict[str, int] = {}
        self._standing: dict[str, Vehicle] = {}
        self.taxis = TaxiExecutor(port, seats, self._requests, observer.stopped)
        self.decisions: list[Event] = []
        self.time_s = port.time_s

    def _request(self, plan: RiderPlan) -> Request:
        rider = plan.rider
        return Request(
            id=rider.request_id,
            person_id=rider.person_id,
            origin=Location(self._graph.position(rider.origin_edge), rider.origin_pos_m),
            destination=Location(self._graph.position(rider.destination_edge), rider.destination_pos_m),
            size=rider.size,
            earliest_s=rider.earliest_s,
            latest_arrival_s=rider.latest_arrival_s,
            direct_ride_s=rider.direct_ride_s,
        )

    @property
    def travel_times(self) -> TravelTimes:
        """See `World`."""
        return self._times.travel_times

    def places(self) -> set[int]:
        """Return the edges where riders wait or want to go."""
        planned = [self.taxis.place(stop).edge for taxi in self.taxis.taxis.values() for stop in taxi.plan]
        waiting = [place.edge for one in self._open.values() for place in (one.origin, one.destination)]
        return {*planned, *waiting}

    def look(self, time_s: float) -> None:
        """Take note of the reservations that SUMO has made since the last look."""
        self.time_s = time_s
        journeys = self._observer.journeys
        before = len(self._open)
        for reservation, persons in self._port.open_reservations():
            request_id = journeys[persons[0]].rider.request_id
            if self.taxis.owner(request_id) is None:
                self.taxis.reserve(request_id, reservation)
                self._open[request_id] = self._requests[request_id]
        if len(self._open) > before:
            self._times.cover(self.places())

    def vehicles(self) -> Sequence[Vehicle]:
        """See `World`."""
        on_duty = self._observer.on_duty
        return [self._seen(taxi) for taxi in self.taxis.taxis.values() if taxi.id in on_duty]

    def _seen(self, taxi: Taxi) -> Vehicle:
        """Return a vehicle; one that stands without a plan, as most do most of the time, is read from SUMO once."""
        if taxi.plan or taxi.id not in self._observer.stopped:
            self._standing.pop(taxi.id, None)
            return self._vehicle(taxi)
        if taxi.id not in self._standing:
            self._standing[taxi.id] = self._vehicle(taxi)
        return self._standing[taxi.id]

    def _vehicle(self, taxi: Taxi) -> Vehicle:
        location = self._location(taxi.id)
        stopped = taxi.id in self._observer.stopped
        phase: Phase = "driving"
        if self.taxis.serving(taxi.id):
            phase = "serving"
        elif stopped or not taxi.plan:
            phase = "idle"
        return Vehicle(
            id=taxi.id,
            seats=taxi.seats,
            location=location,
            phase=phase,
            on_board=tuple(sorted(taxi.on_board)),
            locked=self._locked(taxi, location, phase),
        )

    def _location(self, vehicle_id: str) -> Location:
        edge, pos_m = self._port.road(vehicle_id)
        index = self._graph.index.get(edge)
        if index is None:  # within a junction, or being teleported: the end of the edge it left
            index = self._last_edge[vehicle_id]
            return Location(index, float(self._graph.length_m[index]))
        self._last_edge[vehicle_id] = index
        speed = self._port.speed_mps(vehicle_id)
        ahead = pos_m + speed * speed / (2 * COMFORT_BRAKE_MPS2)
        return Location(index, min(ahead, float(self._graph.length_m[index])))

    def _locked(self, taxi: Taxi, location: Location, phase: Phase) -> int:
        if not taxi.plan or phase == "idle":
            return 0
        first = self.taxis.place(taxi.plan[0])
        if phase == "driving":
            return int(self.travel_times.time_s(location, first) < LOCK_S)
        return len(self.taxis.served(taxi))

    def waiting(self) -> Sequence[Request]:
        """See `World`."""
        return sorted(self._open.values(), key=lambda request: (request.earliest_s, request.id))

    def set_plan(self, vehicle_id: str, stops: Sequence[PlannedStop]) -> None:
        """See `World`."""
        self.set_plans({vehicle_id: stops})

    def set_plans(self, plans: Mapping[str, Sequence[PlannedStop]]) -> None:
        """See `World`."""
        self.taxis.set_plans(plans)
        for stops in plans.values():
            for stop in stops:
                self._open.pop(stop.request_id, None)

    def reject(self, request_id: str, cause: str) -> None:
        """See `World`."""
        request = self._open.pop(request_id, None)
        if request is None:
            msg = f"request {request_id!r} cannot be rejected: it does not wait"
            raise ControllerError(msg)
        self._port.remove_person(request.person_id)
        self._observer.settle(request.person_id)
        self._run.write_command(self.time_s, "reject", request_id=request_id, cause=cause)
        self.decide(Rejected(time_s=self.time_s, request_id=request_id, person_id=request.person_id, cause=cause))

    def decide(self, decision: Event) -> None:
        """See `World`."""
        self.decisions.append(decision)

    def carry_out(self) -> None:
        """Send the plans that may be sent in this step, and log each."""
        for command, fields in self.taxis.send():
            self._run.write_command(self.time_s, command, **fields)

    def take_decisions(self) -> list[Event]:
        """Return the decisions since the last call."""
        decisions, self.decisions = self.decisions, []
        return decisions
