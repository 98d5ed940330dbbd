"""What a controller knows of one shuttle: its plan, and from where and when it goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sim.controllers.shuttle.ride import Ride
from sim.errors import ControllerError
from sim.fleet_document import Fleet
from sim.world import Load, Location, PlannedStop, Task, Vehicle, Visit

# SUMO halts a taxi within about a vehicle length of the position asked for, before or behind it.
AT_STOP_M = 15.0


@dataclass(frozen=True, slots=True)
class Start:
    """Where and when a vehicle goes on, what it may and does carry, and how many of its stops are locked.

    `permits` is its room for riders whom each bounded group of the fleet may not serve. At `end` (None: anywhere) the
    vehicle has to be by `latest_end_s`. `range_m` is how far its charge lasts, inf without a battery.
    """

    location: Location
    ready_s: float
    capacity: Load
    load: Load
    locked: int
    permits: tuple[int, ...] = ()
    end: Location | None = None
    latest_end_s: float = math.inf
    range_m: float = math.inf


@dataclass(slots=True)
class Shuttle:
    """A vehicle's plan, the last stop it finished, and since when it stands where.

    `changed` tells that the plan has not been handed to the world yet, `visit_first` and `visit_last` where the vehicle
    goes and stands before and after its stops; `waits_at` is where it waits for more of them, with none, and `held`
    before which stop it stands, and where.
    """

    plan: list[PlannedStop] = field(default_factory=list)
    changed: bool = False
    last_stop: PlannedStop | None = None
    stands_at: Location | None = None
    stands_since_s: float = 0.0
    visit_first: Visit | None = None
    visit_last: Visit | None = None
    waits_at: Visit | None = None
    held: tuple[PlannedStop, Visit] | None = None

    def tasks(self, rides: Mapping[str, Ride]) -> tuple[Task, ...]:
        """Return what the world is to carry out: the stops where somebody boards or alights, and visits around them.

        An errand between stops keeps who boards behind it from boarding before it.
        """
        tasks: list[Task] = []
        left = len(self.stops(rides))
        for stop in self.plan:
            errand = rides[stop.request_id].errand
            if errand is None:
                tasks.append(stop)
                left -= 1
            elif stop.pickup and tasks and left:
                tasks.append(errand.visit)
        last = self.visit_last if self.visit_last is not None or tasks or self.visit_first else self.waits_at
        if self.held is not None and self.held[0] in tasks:
            tasks.insert(tasks.index(self.held[0]), self.held[1])
        return tuple(task for task in (self.visit_first, *tasks, last) if task is not None)

    def stops(self, rides: Mapping[str, Ride]) -> list[PlannedStop]:
        """Return the stops of the plan where somebody boards or alights."""
        return [stop for stop in self.plan if rides[stop.request_id].errand is None]

    def drop(self, request_id: str) -> bool:
        """Take a request out of the plan; return whether it was there."""
        kept = [stop for stop in self.plan if stop.request_id != request_id]
        dropped = len(kept) < len(self.plan)
        self.plan = kept
        return dropped

    def follow(self, vehicle: Vehicle, rides: Mapping[str, Ride], *, boarded_s: float) -> list[str]:
        """Take finished stops out of the plan; return whose rides are over.

        Who boards before the turn may leave too little room for others, and then alights first.

        Parameters
        ----------
        boarded_s
            When the boarding of those ended who are on board for the first time.

        Raises
        ------
        ControllerError
            Somebody is on board whom no plan put there.
        """
        if not self.plan and not vehicle.on_board:
            return []
        ahead, over, boarded = [], [], False
        for request_id in vehicle.on_board:
            if PlannedStop(request_id, pickup=False) not in self.plan:
                msg = f"{vehicle.id} carries {request_id}, who was never planned for it"
                raise ControllerError(msg)
            if not rides[request_id].on_board:
                rides[request_id].boarded_s, boarded = boarded_s, True
        for stop in self.plan:
            if not rides[stop.request_id].on_board or (not stop.pickup and stop.request_id in vehicle.on_board):
                ahead.append(stop)
                continue
            self.last_stop = stop
            if not stop.pickup:
                over.append(stop.request_id)
        self.plan = with_room(ahead, vehicle, rides) if boarded else ahead
        self.changed |= self.plan != ahead
        return over

    def stand(self, vehicle: Vehicle, *, now_s: float) -> None:
        """Note since when the vehicle serves a stop where."""
        if vehicle.phase != "serving":
            self.stands_at = None
        elif self.stands_at != vehicle.location:
            self.stands_at, self.stands_since_s = vehicle.location, now_s

    def start(self, vehicle: Vehicle, rides: Mapping[str, Ride], fleet: Fleet, *, now_s: float) -> Start:
        """Say from where and when the vehicle goes on; a stop being served is timed from its start, see `stand`.

        A vehicle that stands at its next stop for a rider who has not come yet is ready there from now on.
        """
        first = place(self.plan[0], rides) if self.plan else None
        here = first is not None and at_place(first, vehicle.location)
        ready_s = now_s
        if vehicle.phase == "serving":
            ready_s = self._end_of_standing_s(fleet, now_s, at_next=here)
        if vehicle.halted_until_s is not None:
            ready_s = max(ready_s, vehicle.halted_until_s)
        load = Load(0, 0)
        for request_id in vehicle.on_board:
            load = load.plus(rides[request_id].request.load, 1)
        return Start(
            # one that halts a little past its stop's position is not taken to go round the block for it
            first if here and first is not None else vehicle.location,
            ready_s,
            capacity=vehicle.capacity,
            load=load,
            locked=min(vehicle.locked, len(self.plan)),
        )

    def _end_of_standing_s(self, fleet: Fleet, now_s: float, *, at_next: bool) -> float:
        """Return when a vehicle that serves a stop is ready for the next one of its plan."""
        if at_next:
            return max(self.stands_since_s, now_s - service_s(self.plan[0], fleet))
        if self.last_stop is not None:  # riders on board already, the dwell still runs
            return max(now_s, self.stands_since_s + service_s(self.last_stop, fleet))
        return now_s


def with_room(plan: Sequence[PlannedStop], vehicle: Vehicle, rides: Mapping[str, Ride]) -> list[PlannedStop]:
    """Return a plan in which riders on board alight sooner where somebody who boards would find too little room.

    In their order, and no more of them than have to: for the rest the plan had room without them.
    """
    alightings = [stop for stop in plan if stop.request_id in vehicle.on_board]
    load, ahead = Load(0, 0), list[PlannedStop]()
    for stop in alightings:
        load = load.plus(rides[stop.request_id].request.load, 1)
    for stop in plan:
        if stop not in alightings and stop.request_id in vehicle.on_board:
            continue  # has alighted sooner
        own = rides[stop.request_id].request.load
        while stop.pickup and alightings and not load.plus(own, 1).fits(vehicle.capacity):
            ahead.append(alightings.pop(0))
            load = load.plus(rides[ahead[-1].request_id].request.load, -1)
        if stop in alightings:
            alightings.remove(stop)
        ahead.append(stop)
        load = load.plus(own, 1 if stop.pickup else -1)
    return ahead


def place(stop: PlannedStop, rides: Mapping[str, Ride]) -> Location:
    """Return where a stop is."""
    ride = rides[stop.request_id]
    return ride.origin if stop.pickup else ride.destination


def service_s(stop: PlannedStop, fleet: Fleet) -> float:
    """Return how long a stop's dwell takes."""
    return fleet.boarding_s if stop.pickup else fleet.alighting_s


def at_place(a: Location, b: Location) -> bool:
    """Whether a vehicle that halts at one place halts at the other."""
    return a.edge == b.edge and abs(a.pos_m - b.pos_m) <= AT_STOP_M
