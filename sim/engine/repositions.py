"""Vehicles on their way to a place where nobody has asked for them: to wait, to rest, or home."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from sim.engine.sumo import SumoPort
from sim.engine.taxi import Command
from sim.engine.taxi_plan import Taxi
from sim.events import Event, RepositionBegan, RepositionEnded
from sim.world import Visit


class Repositions:
    """Tells when vehicles set off to stand elsewhere, and when that is over; `stopped` is a living set.

    A way to a charger, or to where a rider who has booked will board, is none.
    """

    def __init__(self, port: SumoPort, stopped: AbstractSet[str], *, edges: Sequence[str]) -> None:
        self._port, self._stopped, self._edges = port, stopped, edges
        self._left: dict[str, bool] = {}

    def follow(self, taxis: Iterable[Taxi], commands: Sequence[Command], time_s: float) -> list[Event]:
        """Return what has begun and ended with the commands of this step, or by coming to rest in it."""
        if not (commands or self._left):
            return []
        visits = {fields["vehicle_id"] for name, fields in commands if name == "visit"}
        sent = visits | {fields["vehicle_id"] for name, fields in commands if name == "dispatch"}
        events: list[Event] = []
        for taxi in taxis:
            stands = taxi.id in self._stopped
            if taxi.id in self._left and (taxi.id in sent or (stands and self._left[taxi.id])):
                del self._left[taxi.id]
                edge, odometer_m = self._port.planned_edge(taxi.id), self._port.odometer_m(taxi.id)
                events.append(RepositionEnded(time_s=time_s, vehicle_id=taxi.id, edge=edge, odometer_m=odometer_m))
            elif taxi.id in self._left:
                self._left[taxi.id] = not stands
            head = taxi.plan[0] if taxi.plan else None
            if taxi.id in visits and isinstance(head, Visit) and head.charger is None:
                self._left[taxi.id] = not stands
                edge, odometer_m = self._edges[head.location.edge], self._port.odometer_m(taxi.id)
                events.append(RepositionBegan(time_s=time_s, vehicle_id=taxi.id, edge=edge, odometer_m=odometer_m))
        return events
