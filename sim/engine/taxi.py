"""The guarded executor: carries plans out through SUMO's taxi device without stepping into its traps.

What SUMO 1.28 does when it is not guarded, each measured: one reservation given to two taxis corrupts memory; a
taxi filled beyond its seats leaves riders behind without a reservation; a new dispatch to a taxi at a stop cuts the
dwell short or starts it again (SUMO issue 13976); no dispatch takes a rider once planned back (issue 11619).

A rider is taken back by replacing the stage in which the rider waits by itself: SUMO drops the old reservation with its
stops and makes a new one. Two traps there: it cuts the dwell of a taxi that stands at a stop, so that the executor
waits for its end; and a taxi that has others on board goes on as if somebody were still to be picked up, finds nobody
and leaves the network. Such a taxi is held where its last rider alights, and let go with its next dispatch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from sim.engine.sumo import SumoPort
from sim.errors import ControllerError, EngineError, InvariantError
from sim.world import Location, PlannedStop, Request

MAX_REFUSALS = 60

Command = tuple[str, dict[str, Any]]
"""A command's name and fields, as the command log takes them."""


@dataclass(slots=True)
class Taxi:
    """The executor's book on one vehicle.

    `known` are the requests that SUMO has sent it for and that are not finished. `astray` tells that SUMO's taxi
    device believes in a pick-up that is none, `held` that it stands still for that.
    """

    id: str
    seats: int
    plan: list[PlannedStop] = field(default_factory=list)
    on_board: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    sent: bool = True
    refusals: int = 0
    astray: bool = False
    held: bool = False


class TaxiExecutor:
    """Holds every vehicle's plan and sends it when that is safe; `stopped` is a living set of who stands at a stop."""

    def __init__(
        self, port: SumoPort, seats: Mapping[str, int], requests: Mapping[str, Request], stopped: AbstractSet[str]
    ) -> None:
        self._port, self._stopped = port, stopped
        self._requests = requests
        self._by_person = {request.person_id: request.id for request in requests.values()}
        self._sizes = {request.id: request.size for request in requests.values()}
        self.taxis = {vehicle_id: Taxi(vehicle_id, count) for vehicle_id, count in sorted(seats.items())}
        self._reservations: dict[str, str] = {}
        self._owner: dict[str, str] = {}
        self._sent_to: dict[str, str] = {}  # by SUMO's books; differs from the owner until a rider is taken back
        self._moved: set[str] = set()

    def owner(self, request_id: str) -> str | None:
        """Return the vehicle a request is planned for."""
        return self._owner.get(request_id)

    def reserve(self, request_id: str, reservation: str) -> None:
        """Note the id under which SUMO holds a request."""
        self._reservations[request_id] = reservation

    def set_plans(self, plans: Mapping[str, Sequence[PlannedStop]]) -> None:
        """Replace the plans of some vehicles after checking all; raises `ControllerError` naming what is wrong."""
        stays = {vehicle_id: {stop.request_id for stop in stops} for vehicle_id, stops in plans.items()}
        for vehicle_id, stops in plans.items():
            taxi = self.taxis.get(vehicle_id)
            if taxi is None:
                msg = f"no vehicle {vehicle_id!r}; allowed are {', '.join(self.taxis)}"
                raise ControllerError(msg)
            for fault in self._faults(taxi, stops, stays):
                msg = f"the plan for {vehicle_id} cannot be carried out: {fault}"
                raise ControllerError(msg)
        for vehicle_id, stops in plans.items():
            taxi = self.taxis[vehicle_id]
            if list(stops) != taxi.plan:
                taxi.plan, taxi.sent = list(stops), False
            for stop in stops:
                self._owner[stop.request_id] = vehicle_id
                moved = self._sent_to.get(stop.request_id, vehicle_id) != vehicle_id
                (self._moved.add if moved else self._moved.discard)(stop.request_id)

    def _faults(self, taxi: Taxi, stops: Sequence[PlannedStop], stays: Mapping[str, set[str]]) -> Iterator[str]:
        load = sum(self._sizes[request] for request in taxi.on_board)
        board = set(taxi.on_board)
        done: set[str] = set()
        for stop in stops:
            request = stop.request_id
            owner = self._owner.get(request, taxi.id)
            if request not in self._reservations:
                yield f"request {request!r} does not wait"
            elif any(request in others for other, others in stays.items() if other != taxi.id):
                yield f"request {request} stands in two plans"
            elif owner != taxi.id and owner not in stays:
                yield f"request {request} belongs to {owner}, whose plan is not replaced with this one"
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
        yield from self._forgotten(taxi, done, stays)

    def _forgotten(self, taxi: Taxi, done: set[str], stays: Mapping[str, set[str]]) -> Iterator[str]:
        """Yield who is in the old plan and in no new one, or is boarding right now."""
        planned = {old.request_id for old in taxi.plan} - done
        forgotten = sorted(planned - set().union(*stays.values()))
        if forgotten:
            yield f"{', '.join(forgotten)} cannot be taken back without a place in another vehicle's plan"
        boarding = sorted({stop.request_id for stop in self.served(taxi)} & planned) if planned else []
        if boarding:
            yield f"{', '.join(boarding)} cannot be taken back while the vehicle stands to let riders board"

    def served(self, taxi: Taxi) -> list[PlannedStop]:
        """Return the planned stops that a vehicle which serves a stop now serves, or comes to next."""
        if not self.serving(taxi.id):
            return []
        # SUMO merges neighbouring entries at one place into one stop
        first = taxi.plan[0]
        return list(
            takewhile(lambda stop: stop.pickup == first.pickup and self.place(stop) == self.place(first), taxi.plan)
        )

    def place(self, stop: PlannedStop) -> Location:
        """Return where a planned stop is."""
        request = self._requests[stop.request_id]
        return request.origin if stop.pickup else request.destination

    def picked_up(self, vehicle_id: str, request_id: str) -> None:
        """Advance the plan by a boarding; raises `InvariantError` if it was not to happen."""
        taxi = self.taxis[vehicle_id]
        if request_id in self._moved and self._sent_to[request_id] == vehicle_id:
            self._keep(taxi, request_id)
        self._advance(taxi, PlannedStop(request_id, pickup=True))
        taxi.on_board.add(request_id)
        taxi.astray = False  # the device looks again for pick-ups to come
        if sum(self._sizes[request] for request in taxi.on_board) > taxi.seats:
            msg = f"{vehicle_id} carries {len(taxi.on_board)} requests, more than its {taxi.seats} seats hold"
            raise InvariantError(msg)

    def dropped_off(self, vehicle_id: str, request_id: str) -> None:
        """Advance the plan by an alighting; raises `InvariantError` if it was not to happen."""
        taxi = self.taxis[vehicle_id]
        self._advance(taxi, PlannedStop(request_id, pickup=False))
        taxi.on_board.discard(request_id)
        taxi.known.discard(request_id)

    def _keep(self, taxi: Taxi, request_id: str) -> None:
        """Undo a move that came too late: the rider boards the vehicle that was to give the rider up."""
        other = self.taxis[self._owner[request_id]]
        other.plan = [stop for stop in other.plan if stop.request_id != request_id]
        taxi.plan[:0] = [PlannedStop(request_id, pickup=True), PlannedStop(request_id, pickup=False)]
        self._moved.discard(request_id)
        self._owner[request_id] = taxi.id

    def _advance(self, taxi: Taxi, stop: PlannedStop) -> None:
        if stop not in taxi.plan:
            action = "picked up" if stop.pickup else "dropped off"
            owner = self._owner.get(stop.request_id, "no vehicle")
            msg = f"{taxi.id} {action} {stop.request_id}, which is planned for {owner}"
            raise InvariantError(msg)
        taxi.plan.remove(stop)

    def serving(self, vehicle_id: str) -> bool:
        """Whether riders board or alight: an idle taxi keeps its last drop-off stop, so the state decides."""
        taxi = self.taxis[vehicle_id]
        stands = vehicle_id in self._stopped and bool(taxi.plan) and not taxi.held
        return stands and self._port.taxi_state(vehicle_id) != 0

    def send(self) -> list[Command]:
        """Send every changed plan whose vehicle may be sent now; return what was commanded."""
        commands = self._take_back() if self._moved else []
        for taxi in self.taxis.values():
            if not taxi.sent and not self.serving(taxi.id):
                commands += self._dispatch(taxi)
        commands += [self._hold(taxi) for taxi in self.taxis.values() if taxi.astray and self._leaves(taxi)]
        return commands

    def _take_back(self) -> list[Command]:
        """Take riders back from the vehicles that others will serve them in place of.

        A vehicle that serves a stop finishes that first. SUMO ends the route of a taxi left without riders with the
        edge where it is, and loses it at that end, so that such a one waits until it can halt.
        """
        taken: dict[str, str] = {}
        for request in sorted(self._moved):
            taxi = self.taxis[self._sent_to[request]]
            if not self.serving(taxi.id) and (taxi.known - self._moved or self._port.can_halt(taxi.id)):
                self._port.take_back(self._requests[request].person_id)
                taxi.astray = taxi.astray or bool(taxi.on_board)
                taxi.known.discard(request)
                taken[request] = self._sent_to.pop(request)
        self._moved.difference_update(taken)
        for reservation, persons in self._port.open_reservations() if taken else ():
            request = self._by_person[persons[0]]
            if request in taken:
                self._reservations[request] = reservation
        return [("take_back", {"vehicle_id": old, "request_id": request}) for request, old in taken.items()]

    def _dispatch(self, taxi: Taxi) -> Iterator[Command]:
        if self._moved & (taxi.known | {stop.request_id for stop in taxi.plan}):
            return  # somebody has to be given up first, here or elsewhere
        if taxi.plan:
            reservations = [self._reservations[stop.request_id] for stop in taxi.plan]
            try:
                self._port.dispatch_taxi(taxi.id, reservations)
            except self._port.refusal as error:
                # "too close to brake" and its kin pass by themselves within a few steps (SUMO issues 8285, 9867)
                taxi.refusals += 1
                if taxi.refusals > MAX_REFUSALS:
                    msg = f"SUMO refused to send {taxi.id} to {reservations} {taxi.refusals} times: {error}"
                    raise EngineError(msg) from error
                return
            self._sent_to.update((stop.request_id, taxi.id) for stop in taxi.plan)
            taxi.known.update(stop.request_id for stop in taxi.plan)
            yield "dispatch", {"vehicle_id": taxi.id, "reservations": reservations}
            if taxi.held:
                self._port.let_go(taxi.id)
                taxi.held = False
                yield "let_go", {"vehicle_id": taxi.id}
        taxi.sent, taxi.refusals = True, 0

    def _leaves(self, taxi: Taxi) -> bool:
        """Whether a taxi that is astray stands at its last stop and would drive off for good."""
        if taxi.plan or taxi.held or taxi.id not in self._stopped:
            return False
        taxi.astray = self._port.taxi_state(taxi.id) != 0
        return taxi.astray

    def _hold(self, taxi: Taxi) -> Command:
        self._port.hold(taxi.id)
        taxi.held = True
        return "hold", {"vehicle_id": taxi.id}
