"""The guarded executor: carries plans out through SUMO's taxi device without stepping into its traps.

What SUMO 1.28 does when it is not guarded, each measured: one reservation given to two taxis corrupts memory; a
taxi filled beyond its seats leaves riders behind without a reservation; a new dispatch to a taxi at a stop cuts the
dwell short or starts it again (SUMO issue 13976); a rider once planned cannot be taken back (issue 11619).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sim.engine.sumo import SumoPort
from sim.errors import ControllerError, EngineError, InvariantError
from sim.world import Location, PlannedStop, Request

MAX_REFUSALS = 60


@dataclass(slots=True)
class Taxi:
    """The executor's book on one vehicle."""

    id: str
    seats: int
    plan: list[PlannedStop] = field(default_factory=list)
    on_board: set[str] = field(default_factory=set)
    sent: bool = True
    refusals: int = 0


class TaxiExecutor:
    """Holds every vehicle's plan and sends it when that is safe."""

    def __init__(self, port: SumoPort, seats: Mapping[str, int], requests: Mapping[str, Request]) -> None:
        self._port = port
        self._requests = requests
        self._sizes = {request.id: request.size for request in requests.values()}
        self.taxis = {vehicle_id: Taxi(vehicle_id, count) for vehicle_id, count in sorted(seats.items())}
        self._reservations: dict[str, str] = {}
        self._owner: dict[str, str] = {}

    def owner(self, request_id: str) -> str | None:
        """Return the vehicle a request is planned for."""
        return self._owner.get(request_id)

    def reserve(self, request_id: str, reservation: str) -> None:
        """Note the id under which SUMO holds a request."""
        self._reservations[request_id] = reservation

    def set_plan(self, vehicle_id: str, stops: Sequence[PlannedStop]) -> None:
        """Replace a vehicle's plan after checking it; raises `ControllerError` naming what is wrong."""
        taxi = self.taxis.get(vehicle_id)
        if taxi is None:
            msg = f"no vehicle {vehicle_id!r}; allowed are {', '.join(self.taxis)}"
            raise ControllerError(msg)
        for fault in self._faults(taxi, stops):
            msg = f"the plan for {vehicle_id} cannot be carried out: {fault}"
            raise ControllerError(msg)
        if list(stops) == taxi.plan:
            return
        taxi.plan = list(stops)
        taxi.sent = False
        for stop in stops:
            self._owner[stop.request_id] = vehicle_id

    def _faults(self, taxi: Taxi, stops: Sequence[PlannedStop]) -> Iterator[str]:
        load = sum(self._sizes[request] for request in taxi.on_board)
        board = set(taxi.on_board)
        done: set[str] = set()
        for stop in stops:
            request = stop.request_id
            if request not in self._reservations:
                yield f"request {request!r} does not wait"
            elif self._owner.get(request, taxi.id) != taxi.id:
                yield f"request {request} belongs to {self._owner[request]}"
            elif stop.pickup == (request in board) or request in done:
                yield f"request {request} is {'picked up' if stop.pickup else 'dropped off'} out of turn"
            size = self._sizes.get(request, 0)
            if stop.pickup:
                board.add(request)
                load += size
            else:
                board.discard(request)
                done.add(request)
                load -= size
            if load > taxi.seats:
                yield f"{load} riders on board after picking up {request}, allowed are {taxi.seats}"
        if board:
            yield f"{', '.join(sorted(board))} never dropped off"
        forgotten = sorted({old.request_id for old in taxi.plan} - done)
        if forgotten:
            yield f"{', '.join(forgotten)} cannot be taken back from this vehicle"

    def place(self, stop: PlannedStop) -> Location:
        """Return where a planned stop is."""
        request = self._requests[stop.request_id]
        return request.origin if stop.pickup else request.destination

    def picked_up(self, vehicle_id: str, request_id: str) -> None:
        """Advance the plan by a boarding; raises `InvariantError` if it was not to happen."""
        taxi = self.taxis[vehicle_id]
        self._advance(taxi, PlannedStop(request_id, pickup=True))
        taxi.on_board.add(request_id)
        if sum(self._sizes[request] for request in taxi.on_board) > taxi.seats:
            msg = f"{vehicle_id} carries {len(taxi.on_board)} requests, more than its {taxi.seats} seats hold"
            raise InvariantError(msg)

    def dropped_off(self, vehicle_id: str, request_id: str) -> None:
        """Advance the plan by an alighting; raises `InvariantError` if it was not to happen."""
        taxi = self.taxis[vehicle_id]
        self._advance(taxi, PlannedStop(request_id, pickup=False))
        taxi.on_board.discard(request_id)

    def _advance(self, taxi: Taxi, stop: PlannedStop) -> None:
        if stop not in taxi.plan:
            action = "picked up" if stop.pickup else "dropped off"
            owner = self._owner.get(stop.request_id, "no vehicle")
            msg = f"{taxi.id} {action} {stop.request_id}, which is planned for {owner}"
            raise InvariantError(msg)
        taxi.plan.remove(stop)

    def serving(self, vehicle_id: str, *, stopped: bool) -> bool:
        """Whether riders board or alight: an idle taxi keeps its last drop-off stop, so the state decides."""
        return stopped and bool(self.taxis[vehicle_id].plan) and self._port.taxi_state(vehicle_id) != 0

    def send(self, stopped: AbstractSet[str]) -> list[tuple[str, list[str]]]:
        """Send every changed plan whose vehicle may be sent now; return what was sent."""
        sent: list[tuple[str, list[str]]] = []
        for taxi in self.taxis.values():
            if taxi.sent or self.serving(taxi.id, stopped=taxi.id in stopped):
                continue
            reservations = [self._reservations[stop.request_id] for stop in taxi.plan]
            try:
                self._port.dispatch_taxi(taxi.id, reservations)
            except self._port.refusal as error:
                # "too close to brake" and its kin pass by themselves within a few steps (SUMO issues 8285, 9867)
                taxi.refusals += 1
                if taxi.refusals > MAX_REFUSALS:
                    msg = f"SUMO refused to send {taxi.id} to {reservations} {taxi.refusals} times: {error}"
                    raise EngineError(msg) from error
                continue
            taxi.sent, taxi.refusals = True, 0
            sent.append((taxi.id, reservations))
        return sent
