"""The ledger of a site's bays, staging lot and queue: who has which place, and who is next. No SUMO."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Where = Literal["staging", "road"]


@dataclass(slots=True)
class Waiting:
    """A vehicle between gate and bay; `ready_s` is when the gate has let it in, `slot_s` its appointment's begin."""

    vehicle_id: str
    where: Where
    ready_s: float
    slot_s: float | None = None


@dataclass(slots=True)
class Yard:
    """Bays by number, places of the staging lot, and the queue in the order of coming.

    A bay is taken from the moment a vehicle is called to it until the vehicle has left it, not only until it has been
    handled. `out` bays are out of use: those free go first, the others when their vehicle has left.
    """

    bays: int
    staging_places: int
    open_s: float
    close_s: float
    out: int = 0
    taken: dict[str, int] = field(default_factory=dict)
    staged: set[str] = field(default_factory=set)
    queue: list[Waiting] = field(default_factory=list)

    def is_open(self, now_s: float) -> bool:
        """Whether vehicles are called to bays."""
        return self.open_s <= now_s < self.close_s

    @property
    def free_bays(self) -> int:
        """How many more vehicles can be called."""
        return max(0, self.bays - self.out - len(self.taken))

    @property
    def free_staging(self) -> int:
        """How many more vehicles the staging lot takes."""
        return self.staging_places - len(self.staged)

    def may_pass(self, vehicle_id: str, now_s: float, slot_s: float | None) -> bool:
        """Whether a vehicle that comes now may go straight to a bay: one is free that nobody else comes first to."""
        if not self.free_bays or not self.is_open(now_s):
            return False
        ahead = [one for one in self.queue if one.ready_s <= now_s and _rank(one) < (_slot(slot_s), now_s)]
        return len(ahead) < self.free_bays

    def take(self, vehicle_id: str) -> int:
        """Give a vehicle the free bay with the lowest number, and forget that it waited."""
        used = set(self.taken.values())
        bay = next(number for number in range(self.bays) if number not in used)
        self.taken[vehicle_id] = bay
        self.forget(vehicle_id)
        return bay

    def leave(self, vehicle_id: str) -> int:
        """Note that a vehicle has left its bay."""
        return self.taken.pop(vehicle_id)

    def wait(self, waiting: Waiting) -> None:
        """Let a vehicle queue; in the staging lot it takes a place at once."""
        self.forget(waiting.vehicle_id)
        self.queue.append(waiting)
        if waiting.where == "staging":
            self.staged.add(waiting.vehicle_id)

    def forget(self, vehicle_id: str) -> None:
        """Take a vehicle out of the queue and the staging lot."""
        self.queue = [one for one in self.queue if one.vehicle_id != vehicle_id]
        self.staged.discard(vehicle_id)

    def next_for_bay(self, now_s: float, may_go: Callable[[str], bool] = lambda _: True) -> Waiting | None:
        """Return who is called to a bay: by appointment, then by coming; of those on the road the first alone can.

        Who stands in the lot is asked whether it may go onto the road.
        """
        if not self.free_bays or not self.is_open(now_s):
            return None
        able = [one for one in self.queue if one.ready_s <= now_s and (one.where == "staging" or one is self._head())]
        by_rank = sorted(able, key=_rank)
        return next((one for one in by_rank if one.where == "road" or may_go(one.vehicle_id)), None)

    def next_for_staging(self) -> Waiting | None:
        """Return who goes from the road to the staging lot, if it has a place."""
        return self._head() if self.free_staging > 0 else None

    def _head(self) -> Waiting | None:
        return next((one for one in self.queue if one.where == "road"), None)


def _slot(slot_s: float | None) -> float:
    return float("inf") if slot_s is None else slot_s


def _rank(one: Waiting) -> tuple[float, float]:
    return _slot(one.slot_s), one.ready_s
