"""Remote operators of freight: vehicles watched from afar meet incidents, halt in their lane and wait for an operator.

The model is that of the shuttles (`sim.engine.supervision`): incidents over the kilometres of each vehicle, a queue in
the order of the calls. Freight halts more simply, as nothing of it is ever teleported.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

from sim.engine.freight.craft import Craft
from sim.engine.freight.port import Seen
from sim.engine.operators import HandlingTime, Operators, Turn
from sim.engine.sumo import COMFORT_BRAKE_MPS2
from sim.events import Event, HandlingBegan, IncidentBegan, IncidentEnded
from sim.freight_document import TruckFleet
from sim.network.graph import EdgeGraph
from sim.supervision_document import FreightSupervision

STREAM = 2**22  # far from what else is drawn from the seed
END_ROOM_M = 1.0


class _Watched:
    """A vehicle watched from afar: the odometer at which its next incident comes, and the one that is open."""

    def __init__(self, craft: Craft, pool: Operators, per_m: float, seed: int) -> None:
        self.craft, self.pool = craft, pool
        self.rng = np.random.default_rng([seed, STREAM, zlib.crc32(craft.id.encode())])
        self._gap_m = 1 / per_m if per_m else math.inf
        self.turn: Turn | None = None
        self.called_s, self.told = 0.0, False
        self.due_m = 0.0
        self.next_due()

    def next_due(self) -> None:
        """Draw the way to the next incident, on from where the last one was due."""
        self.due_m += float(self.rng.exponential(self._gap_m)) if math.isfinite(self._gap_m) else math.inf


class Supervisors:
    """The operators of each fleet. What a vehicle meets follows from its id, its kilometres and the SUMO seed alone."""

    def __init__(
        self,
        document: FreightSupervision,
        fleets: Mapping[str, TruckFleet],
        crafts: Mapping[str, Craft],
        graph: EdgeGraph,
        *,
        seed: int,
    ) -> None:
        self._graph, self._handling = graph, HandlingTime(document.handling)
        per_m = document.incidents_per_1000_km.value / 1e6
        pools = {name: Operators(one.operators) for name, one in fleets.items() if one.is_supervised and one.operators}
        self._watched = [
            _Watched(craft, pools[craft.fleet.name], per_m, seed)
            for craft in crafts.values()
            if craft.fleet is not None and craft.fleet.name in pools
        ]

    def step(self, now_s: float, seen: Mapping[str, Seen]) -> Iterator[Event]:
        """Carry incidents on by one step and begin those that are due."""
        for one in self._watched:
            where = seen.get(one.craft.id)
            if one.turn is not None:
                yield from self._carry_on(one, one.turn, now_s, where)
            elif where is not None and where.odometer_m >= one.due_m and self._halts_here(one.craft, where):
                one.turn = turn = one.pool.call(now_s, self._handling.draw(one.rng))
                one.called_s, one.told, one.craft.awaits_operator = now_s, False, True
                one.next_due()
                yield IncidentBegan(
                    time_s=now_s, vehicle_id=one.craft.id, edge=where.edge, odometer_m=where.odometer_m
                )  # fmt: skip
                yield from self._carry_on(one, turn, now_s, where)

    def _halts_here(self, craft: Craft, where: Seen) -> bool:
        """Whether a vehicle comes to rest ahead of the end of its edge, so that junctions stay clear."""
        index = self._graph.index.get(where.edge)
        if index is None or craft.broken:
            return False
        halt_m = where.pos_m + where.speed_mps**2 / (2 * COMFORT_BRAKE_MPS2)
        return halt_m + END_ROOM_M <= float(self._graph.length_m[index])

    @staticmethod
    def _carry_on(one: _Watched, turn: Turn, now_s: float, where: Seen | None) -> Iterator[Event]:
        craft = one.craft
        if where is not None and where.speed_mps > 0:  # it brakes, or has been sent elsewhere meanwhile
            craft.mover.halt(craft.id)
        if not one.told and now_s >= turn.begin_s:
            one.told = True
            queue_s = turn.begin_s - one.called_s
            yield HandlingBegan(time_s=now_s, vehicle_id=craft.id, operator=turn.operator, queue_s=queue_s)
        if now_s >= turn.end_s:
            one.turn, craft.awaits_operator = None, False
            if not craft.broken:
                craft.mover.release(craft.id)
            yield IncidentEnded(time_s=now_s, vehicle_id=craft.id, handling_s=turn.end_s - turn.begin_s)
