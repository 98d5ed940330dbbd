"""The guarded executor: carries plans out through SUMO's taxi device without stepping into its traps.

What SUMO 1.28 does when it is not guarded, each measured: one reservation given to two taxis corrupts memory; a
taxi filled beyond its seats leaves riders behind without a reservation; a new dispatch to a taxi at a stop cuts the
dwell short or starts it again (SUMO issue 13976); no dispatch takes a rider once planned back (issue 11619); riders
board before their turn where others alight near them, and the taxi waits for them at their stop for ever. So each such
boarding is followed by a new dispatch; who would fill the taxi by it is sent for after that stop, or taken back.

A rider is taken back by replacing the stage in which the rider waits by itself: SUMO drops the old reservation with its
stops and makes a new one. Two traps there: it cuts the dwell of a taxi that stands at a stop, so that the executor
waits for its end; and a taxi that has others on board goes on as if somebody were still to be picked up, finds nobody
and leaves the network. Such a taxi is held where its last rider alights, and let go with its next dispatch.

SUMO knows no bookings: a reservation exists only once the rider stands there (issue 10447). A vehicle whose next task
is to board somebody who has not come is sent to stand at the place instead, with its riders on board; so is one that
waits, rests or charges. A stop put in front of the taxi's own does that, and each new dispatch takes it out again:
whoever comes meanwhile, to be fetched later, is told to SUMO when the vehicle goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import takewhile
from typing import Any

from sim.engine.sumo import SumoPort
from sim.engine.taxi_plan import PlanCheck, Taxi, load_of, near, stops_of, too_early, without
from sim.errors import ControllerError, EngineError, InvariantError
from sim.world import Load, Location, PlannedStop, Request, Task, Visit

MAX_REFUSALS = 60
AT_PLACE_M = 15.0  # SUMO halts a taxi within about a vehicle length of the place asked for
PASSED_M = 60.0  # what is nearer ahead than a comfortable halt from 60 km/h counts as passed

Command = tuple[str, dict[str, Any]]
"""A command's name and fields, as the command log takes them."""


class TaxiExecutor:
    """Holds every vehicle's plan and sends it when that is safe; `stopped` is a living set of who stands at a stop.

    Parameters
    ----------
    capacity
        What each vehicle holds.
    requests
        All requests of the run, with their persons; those that the service knows of are admitted one by one.
    edges
        The ids of the network's edges, by the index of a `Location`.
    """

    def __init__(
        self,
        port: SumoPort,
        capacity: Mapping[str, Load],
        requests: Mapping[str, Request],
        stopped: AbstractSet[str],
        *,
        edges: Sequence[str],
    ) -> None:
        self._port, self._stopped, self._edges = port, stopped, edges
        self._requests = requests
        self.taxis = {vehicle_id: Taxi(vehicle_id, load) for vehicle_id, load in sorted(capacity.items())}
        self._admitted: set[str] = set()
        self._reservations: dict[str, dict[str, str]] = {}  # by request and person
        self._places: dict[PlannedStop, Location] = {}
        self._owner: dict[str, str] = {}
        self._sent_to: dict[str, str] = {}  # by SUMO's books; differs from the owner until a rider is taken back
        self._moved: set[str] = set()
        self._leaving: set[str] = set()

    # --- books -------------------------------------------------------------------------------------------------

    def owner(self, request_id: str) -> str | None:
        """Return the vehicle a request is planned for."""
        return self._owner.get(request_id)

    def admit(self, request_id: str) -> None:
        """Note that a request may be planned from now on."""
        self._admitted.add(request_id)

    def board_at(self, request_id: str, boarding: Location, alighting: Location) -> None:
        """Note meeting points in place of the doors."""
        self._places[PlannedStop(request_id, pickup=True)] = boarding
        self._places[PlannedStop(request_id, pickup=False)] = alighting

    def reserve(self, request_id: str, person_id: str, reservation: str) -> None:
        """Note the id under which SUMO holds one of a request's persons, who has come."""
        self._reservations.setdefault(request_id, {})[person_id] = reservation
        owner = self._owner.get(request_id)
        if owner is not None:
            self.taxis[owner].sent = False

    def is_present(self, request_id: str) -> bool:
        """Whether all of a request's riders have come to board, or have boarded."""
        return len(self._reservations.get(request_id, ())) == self._requests[request_id].size

    def awaits_reservation(self, request_id: str, person_id: str) -> bool:
        """Whether a person of a request is not known to have come yet."""
        return person_id not in self._reservations.get(request_id, ())

    def awaits(self, request_id: str) -> bool:
        """Whether a vehicle stands where a rider who has not come is to board."""
        owner = self._owner.get(request_id)
        if owner is None:
            return False
        taxi, stop = self.taxis[owner], PlannedStop(request_id, pickup=True)
        there = taxi.plan[:1] == [stop] and taxi.visit == Visit(self.place(stop))
        return there and taxi.id in self._stopped

    def leaves(self, request_id: str) -> bool:
        """Whether a rider has withdrawn and not gone yet; who boarded meanwhile stays."""
        return request_id in self._leaving

    def place(self, stop: PlannedStop) -> Location:
        """Return where a planned stop is."""
        chosen = self._places.get(stop)
        if chosen is not None:
            return chosen
        request = self._requests[stop.request_id]
        return request.origin if stop.pickup else request.destination

    def places(self) -> set[int]:
        """Return the edges that planned tasks lie on."""
        return {self._where(task).edge for taxi in self.taxis.values() for task in taxi.plan}

    def next_place(self, taxi: Taxi) -> Location | None:
        """Return where a vehicle's next task is."""
        return self._where(taxi.plan[0]) if taxi.plan else None

    def _where(self, task: Task) -> Location:
        return task.location if isinstance(task, Visit) else self.place(task)

    # --- plans -------------------------------------------------------------------------------------------------

    def set_plans(self, plans: Mapping[str, Sequence[Task]]) -> None:
        """Replace the plans of some vehicles after checking all; raises `ControllerError` naming what is wrong."""
        check = PlanCheck(self._requests, self._admitted, self._owner, plans)
        for vehicle_id, tasks in plans.items():
            taxi = self.taxis.get(vehicle_id)
            if taxi is None:
                msg = f"no vehicle {vehicle_id!r}; allowed are {', '.join(self.taxis)}"
                raise ControllerError(msg)
            boarding = {stop.request_id for stop in self.served(taxi)}
            for fault in check.faults(taxi, stops_of(tasks), boarding):
                msg = f"the plan for {vehicle_id} cannot be carried out: {fault}"
                raise ControllerError(msg)
        for vehicle_id, tasks in plans.items():
            taxi = self.taxis[vehicle_id]
            if list(tasks) != taxi.plan:
                taxi.plan, taxi.sent = list(tasks), False
            for stop in stops_of(tasks):
                self._owner[stop.request_id] = vehicle_id
                moved = self._sent_to.get(stop.request_id, vehicle_id) != vehicle_id
                (self._moved.add if moved else self._moved.discard)(stop.request_id)

    def served(self, taxi: Taxi) -> list[PlannedStop]:
        """Return the planned stops that a vehicle which serves a stop now serves, or comes to next."""
        first = taxi.plan[0] if taxi.plan else None
        if not isinstance(first, PlannedStop) or not self.is_present(first.request_id) or not self.serving(taxi.id):
            return []
        # SUMO merges neighbouring entries at one place into one stop
        here = self.place(first)
        return [
            task
            for task in takewhile(
                lambda one: isinstance(one, PlannedStop) and one.pickup == first.pickup and self.place(one) == here,
                taxi.plan,
            )
            if isinstance(task, PlannedStop)
        ]

    def serving(self, vehicle_id: str) -> bool:
        """Whether riders board or alight: an idle taxi keeps its last drop-off stop, so the state decides."""
        taxi = self.taxis[vehicle_id]
        stands = vehicle_id in self._stopped and bool(taxi.sent_stops) and not taxi.held and taxi.visit is None
        return stands and self._port.taxi_state(vehicle_id) != 0

    # --- breakdowns --------------------------------------------------------------------------------------------

    def break_down(self, vehicle_id: str) -> None:
        """Note that a vehicle takes no orders any more."""
        taxi = self.taxis[vehicle_id]
        taxi.broken, taxi.sent = True, True
        taxi.plan = list(stops_of(taxi.plan))

    def hand_back(self, vehicle_id: str) -> list[str]:
        """Give back the requests that a broken vehicle was to serve and that have not boarded; they may be planned."""
        taxi = self.taxis[vehicle_id]
        if self.serving(vehicle_id):
            return []  # who boards, boards
        waiting = sorted({stop.request_id for stop in stops_of(taxi.plan)} - taxi.on_board)
        for request_id in waiting:
            if self._sent_to.get(request_id) == vehicle_id:
                self._give_up(request_id)
            taxi.plan = without(taxi.plan, request_id)
            self._reopen(request_id)
        return waiting

    def put_down(self, request_id: str, place: Location) -> None:
        """Note that riders have got out of a broken vehicle, to be fetched at this place."""
        self._reopen(request_id)
        self._places[PlannedStop(request_id, pickup=True)] = place

    def _reopen(self, request_id: str) -> None:
        self._owner.pop(request_id, None)
        self._sent_to.pop(request_id, None)
        self._moved.discard(request_id)
        self._reservations.pop(request_id, None)

    # --- facts -------------------------------------------------------------------------------------------------

    def picked_up(self, vehicle_id: str, request_id: str) -> None:
        """Advance the plan by a boarding; raises `InvariantError` if it was not to happen."""
        taxi = self.taxis[vehicle_id]
        if request_id in self._moved and self._sent_to[request_id] == vehicle_id:
            self._keep(taxi, request_id)
        self._leaving.discard(request_id)  # who boards stays
        self._advance(taxi, PlannedStop(request_id, pickup=True))
        taxi.on_board.add(request_id)
        taxi.astray = taxi.astray or taxi.visit is not None  # boarded where it waited for somebody else
        load = load_of(taxi.on_board, self._requests)
        if not load.fits(taxi.capacity):
            msg = f"{vehicle_id} carries {load}, more than its {taxi.capacity}"
            raise InvariantError(msg)

    def dropped_off(self, vehicle_id: str, request_id: str) -> None:
        """Advance the plan by an alighting; raises `InvariantError` if it was not to happen."""
        taxi = self.taxis[vehicle_id]
        self._advance(taxi, PlannedStop(request_id, pickup=False))
        taxi.on_board.discard(request_id)
        taxi.known.discard(request_id)
        taxi.sent = taxi.sent and not taxi.defers

    def _keep(self, taxi: Taxi, request_id: str) -> None:
        """Undo what came too late: the rider boards the vehicle that was to give the rider up, and alights first."""
        other = self.taxis[self._owner[request_id]]
        other.plan = without(other.plan, request_id)
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
        if stop in taxi.sent_stops:
            ahead = taxi.sent_stops[: taxi.sent_stops.index(stop)]
            if any(not near(self.place(one), self.place(stop)) for one in ahead):
                taxi.stale = taxi.astray = True
                taxi.sent = taxi.broken
            taxi.sent_stops.remove(stop)

    # --- commands ----------------------------------------------------------------------------------------------

    def send(self) -> list[Command]:
        """Send every changed plan whose vehicle may be sent now; return what was commanded."""
        for taxi in self.taxis.values():
            if not (taxi.sent or taxi.broken):
                self._moved |= self._too_early(taxi) & taxi.known
        commands = self._take_back() if self._moved else []
        for taxi in self.taxis.values():
            if not (taxi.sent or taxi.broken or self.serving(taxi.id)):
                commands += self._dispatch(taxi)
        for taxi in self.taxis.values():
            if taxi.plan:
                commands += self._go(taxi)
        commands += [self._hold(taxi) for taxi in self.taxis.values() if taxi.astray and self._leaves(taxi)]
        return commands

    def withdraw(self, request_id: str) -> None:
        """Begin to let a rider leave who has not boarded; `take_leave` tells when it has come to pass."""
        self._leaving.add(request_id)

    def take_leave(self) -> tuple[list[str], list[Command]]:
        """Take the riders who withdraw out of SUMO and the plans, where that is safe; return who has gone."""
        gone: list[str] = []
        commands: list[Command] = []
        for request in sorted(self._leaving):
            sent_to = self._sent_to.get(request)
            if sent_to is not None:
                if not self._may_give_up(self.taxis[sent_to], self._leaving | self._moved):
                    continue
                self._give_up(request)
                commands.append(("take_back", {"vehicle_id": sent_to, "request_id": request}))
            gone.append(request)
            self._forget(request)
        self._leaving.difference_update(gone)
        return gone, commands

    def _forget(self, request_id: str) -> None:
        owner = self._owner.pop(request_id, None)
        if owner is not None:
            taxi = self.taxis[owner]
            taxi.plan, taxi.sent = without(taxi.plan, request_id), False
        self._admitted.discard(request_id)
        self._moved.discard(request_id)
        self._reservations.pop(request_id, None)

    def _may_give_up(self, taxi: Taxi, others: AbstractSet[str]) -> bool:
        """Whether riders may be taken back from a vehicle now.

        One that serves a stop finishes that first. SUMO ends the route of a taxi left without riders with the edge
        where it is, and loses it at that end, so that such a one waits until it can halt.
        """
        return not self.serving(taxi.id) and bool(taxi.known - others or self._port.can_halt(taxi.id))

    def _give_up(self, request_id: str) -> None:
        """Take a rider back from the vehicle that SUMO has sent."""
        taxi = self.taxis[self._sent_to.pop(request_id)]
        for person in self._reservations[request_id]:
            self._port.take_back(person)
        taxi.astray = True  # it may be; its state tells once it has nothing left to do
        taxi.known.discard(request_id)
        taxi.sent_stops = [stop for stop in taxi.sent_stops if stop.request_id != request_id]

    def _take_back(self) -> list[Command]:
        """Take riders back from the vehicles that others will serve them in place of, or that come again later."""
        commands: list[Command] = []
        taken: set[str] = set()
        for request in sorted(self._moved):
            old = self._sent_to[request]
            if self._may_give_up(self.taxis[old], self._moved | self._leaving):
                self._give_up(request)
                taken.add(request)
                commands.append(("take_back", {"vehicle_id": old, "request_id": request}))
        self._moved -= taken
        persons = {person: request for request in taken for person in self._reservations[request]}
        for reservation, (person, *_) in self._port.open_reservations() if taken else ():
            if person in persons:
                self._reservations[persons[person]][person] = reservation
        return commands

    def _dispatch(self, taxi: Taxi) -> Iterator[Command]:
        """Send a vehicle to the stops of its plan whose riders have come, in their order."""
        waiting = self._moved | self._leaving
        if waiting & (taxi.known | {stop.request_id for stop in stops_of(taxi.plan)} & self._sent_to.keys()):
            return  # somebody has to be given up first, here or elsewhere
        target = self._target(taxi)
        if target is not None and (target == taxi.visit or isinstance(taxi.plan[0], Visit)):
            taxi.sent = True  # a dispatch would end the visit: the stops are sent with the plan that goes on from it
            return
        present = self._present(taxi)
        stays = taxi.visit is not None and target is None
        if present and (present != taxi.sent_stops or stays or taxi.stale):
            reservations = [one for stop in present for one in self._reservations[stop.request_id].values()]
            try:
                self._port.dispatch_taxi(taxi.id, reservations)
            except self._port.refusal as error:
                self._refused(taxi, f"to {reservations}", error)
                return
            self._sent_to.update((stop.request_id, taxi.id) for stop in present)
            taxi.known.update(stop.request_id for stop in present)
            if taxi.visit is not None:
                self._port.end_visit(taxi.id)
            taxi.sent_stops, taxi.visit, taxi.stale = present, None, False
            yield "dispatch", {"vehicle_id": taxi.id, "reservations": reservations}
            if taxi.held:
                self._port.let_go(taxi.id)
                taxi.held = False
                yield "let_go", {"vehicle_id": taxi.id}
        taxi.sent, taxi.refusals = True, 0

    def _present(self, taxi: Taxi) -> list[PlannedStop]:
        """Return the stops of a plan whose riders have come, in their order.

        Riders board at any stop of their vehicle within 10 m, also where it waits for others: who is to board there
        later is sent for later, and so are everybody who comes behind a visit and who would fill the vehicle too soon.
        """
        target = self._target(taxi)
        later = {
            stop.request_id
            for stop in stops_of(taxi.plan)
            if target is not None and stop.pickup and self.place(stop) == target.location
        }
        ahead = stops_of(list(takewhile(lambda task: not isinstance(task, Visit), taxi.plan)))
        later |= {stop.request_id for stop in stops_of(taxi.plan)} - {stop.request_id for stop in ahead}
        early = self._too_early(taxi)
        taxi.defers = bool(early)
        later = later - taxi.known | early
        return [
            stop for stop in stops_of(taxi.plan) if self.is_present(stop.request_id) and stop.request_id not in later
        ]

    def _too_early(self, taxi: Taxi) -> set[str]:
        return too_early(taxi, self._requests, where=self._where, present=self.is_present)

    def _refused(self, taxi: Taxi, where: str, error: Exception) -> None:
        """Count a refusal: "too close to brake" and its kin pass within a few steps (SUMO issues 8285, 9867)."""
        taxi.refusals += 1
        if taxi.refusals > MAX_REFUSALS:
            msg = f"SUMO refused to send {taxi.id} {where} {taxi.refusals} times: {error}"
            raise EngineError(msg) from error

    def _target(self, taxi: Taxi) -> Visit | None:
        """Return where a vehicle has to go and stand next, if that is what comes next."""
        head = taxi.plan[0] if taxi.plan else None
        if head is None or isinstance(head, Visit):
            return head
        return None if self.is_present(head.request_id) else Visit(self.place(head))

    def _go(self, taxi: Taxi) -> Iterator[Command]:
        """Send a vehicle to where it has to stand, or keep it there.

        SUMO finds no way back to a place on the same edge that has just been passed: who boards where somebody else is
        to be waited for is kept from leaving, and a vehicle beyond the place is sent once it is off that edge.
        """
        target = self._target(taxi)
        if target is None or target == taxi.visit or taxi.broken:
            return
        edge, pos_m = self._edges[target.location.edge], target.location.pos_m
        stands, (road, at_m) = taxi.id in self._stopped, self._port.road(taxi.id)
        ahead_m = pos_m - at_m
        if stands and road == edge and abs(ahead_m) <= AT_PLACE_M and target.charger is None:
            if self._port.taxi_state(taxi.id) != 0:
                self._port.hold(taxi.id)
                yield "hold", {"vehicle_id": taxi.id}
            taxi.visit = target
            return
        if not taxi.sent or self.serving(taxi.id):
            return
        if not (stands or taxi.sent_stops or taxi.visit):
            return  # on its first metres it has yet to come to rest
        if not stands and road == edge and ahead_m < PASSED_M:
            return
        try:
            self._port.visit(
                taxi.id, edge, pos_m, charger=target.charger, redirected=taxi.visit is not None and not stands
            )
        except self._port.refusal as error:
            self._refused(taxi, f"to {edge} at {pos_m:.0f} m", error)
            return
        taxi.visit, taxi.held, taxi.refusals = target, False, 0
        yield "visit", {"vehicle_id": taxi.id, "edge": edge, "pos_m": pos_m, "charger": target.charger}

    def _leaves(self, taxi: Taxi) -> bool:
        """Whether a taxi that is astray stands at its last stop and would drive off for good."""
        if taxi.sent_stops or taxi.visit or taxi.held or taxi.broken or taxi.id not in self._stopped:
            return False
        taxi.astray = self._port.taxi_state(taxi.id) != 0
        return taxi.astray

    def _hold(self, taxi: Taxi) -> Command:
        self._port.hold(taxi.id)
        taxi.held = True
        return "hold", {"vehicle_id": taxi.id}
