"""What a vehicle of SUMO's taxi device is to do, by the executor's books, and what is wrong with a new plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sim.network.boarding import SPACING_M
from sim.world import Load, Location, PlannedStop, Request, Task, Visit


@dataclass(slots=True)
class Taxi:
    """The executor's book on one vehicle.

    `known` are the requests that SUMO has sent it for and that are not finished, `sent_stops` the stops that are left
    of the last dispatch, `visit` the place before them where it goes or stands. `defers` tells that somebody is to be
    sent for once others have alighted, `stale` that SUMO still holds stops that are done. `astray` tells that SUMO's
    taxi device may believe in a pick-up that is none, `held` that it stands still for that.
    """

    id: str
    capacity: Load
    plan: list[Task] = field(default_factory=list)
    on_board: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    sent_stops: list[PlannedStop] = field(default_factory=list)
    visit: Visit | None = None
    sent: bool = True
    defers: bool = False
    stale: bool = False
    refusals: int = 0
    astray: bool = False
    held: bool = False
    broken: bool = False


def stops_of(tasks: Sequence[Task]) -> list[PlannedStop]:
    """Return the boardings and alightings among the tasks."""
    return [task for task in tasks if isinstance(task, PlannedStop)]


def without(tasks: Sequence[Task], request_id: str) -> list[Task]:
    """Return the tasks but those of a request."""
    return [task for task in tasks if isinstance(task, Visit) or task.request_id != request_id]


def load_of(request_ids: Iterable[str], requests: Mapping[str, Request]) -> Load:
    """Return what the requests take on board together."""
    load = Load(0, 0)
    for request_id in request_ids:
        load = load.plus(requests[request_id].load, 1)
    return load


def too_early(
    taxi: Taxi, requests: Mapping[str, Request], *, where: Callable[[Task], Location], present: Callable[[str], bool]
) -> set[str]:
    """Return who has come and would board before the turn, where what lies between would then exceed the capacity.

    Who is sent for boards where the taxi stands for others to alight, or to wait, at or near the same place; a stop
    where others board takes only these (measured with SUMO 1.28). All who fit may board early: that saves a way.
    """
    loads, places, early = _loads_after(taxi, requests), [where(task) for task in taxi.plan], set()
    for turn, task in enumerate(taxi.plan):
        if not (isinstance(task, PlannedStop) and task.pickup and present(task.request_id)):
            continue
        here = [near(place, places[turn]) for place in places[:turn]]
        away = next((n for n in range(turn) if here[n] and _lets_in(taxi.plan[n], present)), turn)
        while away < turn and here[away]:  # neighbouring tasks at one place are one stop
            away += 1
        riding = range(away - 1, turn) if away < turn else range(0)
        fuller = {n: loads[n].plus(requests[task.request_id].load, 1) for n in riding}
        if all(load.fits(taxi.capacity) for load in fuller.values()):
            loads = [fuller.get(n, load) for n, load in enumerate(loads)]
        else:
            early.add(task.request_id)
    return early


def _loads_after(taxi: Taxi, requests: Mapping[str, Request]) -> list[Load]:
    """Return what is on board after each task of a plan."""
    load, loads = load_of(taxi.on_board, requests), []
    for task in taxi.plan:
        if isinstance(task, PlannedStop):
            load = load.plus(requests[task.request_id].load, 1 if task.pickup else -1)
        loads.append(load)
    return loads


def _lets_in(task: Task, present: Callable[[str], bool]) -> bool:
    """Whether anybody may board where a task is done: at a visit, also to wait for a rider, and where some alight."""
    return isinstance(task, Visit) or not task.pickup or not present(task.request_id)


def near(a: Location, b: Location) -> bool:
    """Whether who waits at one place may board where a taxi stands at the other."""
    return a.edge == b.edge and abs(a.pos_m - b.pos_m) < SPACING_M


class PlanCheck:
    """Looks at new plans, which replace those of the vehicles named, before any is taken over."""

    def __init__(
        self,
        requests: Mapping[str, Request],
        admitted: AbstractSet[str],
        owner: Mapping[str, str],
        plans: Mapping[str, Sequence[Task]],
    ) -> None:
        self._requests, self._admitted, self._owner = requests, admitted, owner
        self._stays = {name: {stop.request_id for stop in stops_of(tasks)} for name, tasks in plans.items()}

    def faults(self, taxi: Taxi, stops: Sequence[PlannedStop], boarding: AbstractSet[str]) -> Iterator[str]:
        """Yield what cannot be in a vehicle's new plan; `boarding` are those who board right now."""
        if taxi.broken:
            yield "it has broken down"
        load, board = load_of(taxi.on_board, self._requests), set(taxi.on_board)
        done: set[str] = set()
        for stop in stops:
            request = stop.request_id
            if request not in self._admitted:
                yield f"request {request!r} does not wait"
                continue
            yield from self._misplaced(taxi, request)
            if stop.pickup == (request in board) or request in done:
                yield f"request {request} is {'picked up' if stop.pickup else 'dropped off'} out of turn"
            load = load.plus(self._requests[request].load, 1 if stop.pickup else -1)
            (board.add if stop.pickup else board.discard)(request)
            if not stop.pickup:
                done.add(request)
            if not load.fits(taxi.capacity):
                yield f"{load} on board after picking up {request}, allowed are {taxi.capacity}"
        if board:
            yield f"{', '.join(sorted(board))} never dropped off"
        yield from self._forgotten(taxi, done, boarding)

    def _misplaced(self, taxi: Taxi, request: str) -> Iterator[str]:
        """Yield that a request stands in another vehicle's plan, old or new."""
        owner = self._owner.get(request, taxi.id)
        if any(request in others for other, others in self._stays.items() if other != taxi.id):
            yield f"request {request} stands in two plans"
        elif owner != taxi.id and owner not in self._stays:
            yield f"request {request} belongs to {owner}, whose plan is not replaced with this one"

    def _forgotten(self, taxi: Taxi, done: AbstractSet[str], boarding: AbstractSet[str]) -> Iterator[str]:
        """Yield who is in the old plan and in no new one, or is boarding right now."""
        planned = {old.request_id for old in stops_of(taxi.plan)} - done
        forgotten = sorted(planned - set().union(*self._stays.values()))
        if forgotten:
            yield f"{', '.join(forgotten)} cannot be taken back without a place in another vehicle's plan"
        stuck = sorted(boarding & planned)
        if stuck:
            yield f"{', '.join(stuck)} cannot be taken back while the vehicle stands to let riders board"
