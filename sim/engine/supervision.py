"""Remote supervision: driverless vehicles meet incidents, halt in their lane, and wait for an operator.

How a vehicle halts, measured with SUMO 1.28:

- `setStop` is undone by the next dispatch, which clears a taxi's stops (ours, and those of SUMO's own dispatchers): the
  vehicle drove on at once. It also starts and ends a stop, as if riders were served.
- `setSpeed(0)` outlasts dispatches, dwells and boardings. Yet SUMO counts the standing as waiting and teleports the
  vehicle after `time-to-teleport`: at 303 s of 300, and again on each edge that it was moved to.
- A type that is the same but for `timeToTeleport="-1"` keeps it in its place, and those behind it in its lane as well:
  SUMO looks at the first of a lane that does not stand at a stop. Giving the type and taking it back changes nothing
  else (same trajectory to the millimetre). It may be taken back only when the vehicle moves: the waiting counted so
  far would teleport it in the first step that holds it up, at a red light say.

A vehicle halts where it can come to rest ahead of the end of its edge, so that junctions stay clear. One that stands at
a stop, or nearly does, is handled there: riders board and alight meanwhile, and it leaves when both are done. Without
"nearly", one that brakes for its stop was halted a centimetre short of it, with its doors shut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from sim.engine.inputs import halted_type
from sim.engine.operators import HandlingTime, Operators, Turn
from sim.engine.sumo import SumoPort
from sim.events import Event, HandlingBegan, IncidentBegan, IncidentEnded, VehicleBrokeDown
from sim.scenario import Scenario
from sim.scenario import Supervision as Document

INCIDENT_STREAM = 2**21  # far from what else is drawn from the seed
END_ROOM_M = 1.0
STOP_ROOM_M = 10.0
MOVES_MPS = 0.1  # SUMO's bound between waiting and driving


@dataclass(slots=True)
class _Incident:
    """An incident that is open: braking until the vehicle stands, told when an operator has taken it over."""

    called_s: float
    turn: Turn
    helps: bool = True
    braking: bool = True
    told: bool = False


class _Vehicle:
    """A vehicle's own incidents: the odometer at which the next one comes, and when to look at it again.

    `own_type` is what it is to become again while it has the halted type.
    """

    def __init__(self, vehicle_id: str, document: Document, seeds: Sequence[int]) -> None:
        self.id = vehicle_id
        self.rng = np.random.default_rng(seeds)
        per_km = document.incidents_per_1000_km.value / 1000
        self._gap_m = 1000 / per_km if per_km else math.inf
        self.due_m = 0.0
        self.look_s = -math.inf
        self.incident: _Incident | None = None
        self.own_type: str | None = None
        self.broken = False
        self.next_due()

    def next_due(self) -> None:
        """Draw the way to the next incident, on from where the last one was due."""
        self.due_m += float(self.rng.exponential(self._gap_m)) if math.isfinite(self._gap_m) else math.inf


class Supervision:
    """Watches the odometers, halts vehicles and lets them go; `on_duty` and `stopped` are living sets.

    Each vehicle has a stream of its own, from the run's SUMO seed, so that what it meets follows from the kilometres
    that it drives, whoever else is on the road and however many operators there are.
    """

    def __init__(
        self,
        port: SumoPort,
        scenario: Scenario,
        document: Document,
        vehicles: Sequence[str],
        *,
        on_duty: AbstractSet[str],
        stopped: AbstractSet[str],
    ) -> None:
        self._port, self._on_duty, self._stopped = port, on_duty, stopped
        self._step_s = scenario.time.step_s
        self._handling = HandlingTime(document.handling)
        self._operators, self._count = Operators(document.operators), document.operators
        self._breakdown_share = document.breakdown_share.value
        self._vehicles = {
            vehicle_id: _Vehicle(vehicle_id, document, [scenario.seeds.sumo, INCIDENT_STREAM, number])
            for number, vehicle_id in enumerate(vehicles)
        }

    def step(self, now: float) -> list[Event]:
        """Carry the incidents on by one step and return what happened."""
        return [event for one in self._vehicles.values() for event in self._follow(one, now)]

    def halted_until_s(self, vehicle_id: str, now: float) -> float | None:
        """Return when a vehicle can be expected to go on, by the mean times; None if it has no incident."""
        incident = self._vehicles[vehicle_id].incident
        if incident is None:
            return None
        if incident.turn.begin_s <= now:
            return now + self._handling.expected_rest_s(now - incident.turn.begin_s)
        others = (other.incident for other in self._vehicles.values() if other.incident is not None)
        ahead = sum(now < other.turn.begin_s < incident.turn.begin_s for other in others)
        return now + self._handling.mean_s * (1 + (1 + ahead) / self._count)

    def _follow(self, one: _Vehicle, now: float) -> Iterator[Event]:
        if one.broken:
            return
        if one.incident is not None:
            yield from self._carry_on(one, one.incident, now)
        elif now >= one.look_s and one.id in self._on_duty:
            yield from self._look(one, now)
        if one.incident is None and one.own_type is not None:
            self._take_type_back(one, one.own_type)

    def _look(self, one: _Vehicle, now: float) -> Iterator[Event]:
        """Begin an incident if it is due; else say when it may be, as nothing drives faster than its top speed."""
        odometer_m = self._port.odometer_m(one.id)
        if odometer_m < one.due_m:
            one.look_s = now + (one.due_m - odometer_m) / self._port.top_speed_mps(one.id)
        elif self._halts_here(one):
            turn = self._operators.call(now, self._handling.draw(one.rng))
            helps = not self._breakdown_share or one.rng.random() >= self._breakdown_share
            one.incident = _Incident(now, turn, helps)
            one.next_due()
            one.own_type = one.own_type or self._port.type_of(one.id)
            self._port.set_type(one.id, halted_type(one.own_type))
            yield IncidentBegan(
                time_s=now, vehicle_id=one.id, edge=self._port.planned_edge(one.id), odometer_m=odometer_m
            )
            yield from self._carry_on(one, one.incident, now)

    def _halts_here(self, one: _Vehicle) -> bool:
        if one.id in self._stopped:
            return True
        on_the_way = self._port.can_halt(one.id, room_m=END_ROOM_M)
        return on_the_way and not self._port.stops_within(one.id, STOP_ROOM_M)

    def _carry_on(self, one: _Vehicle, incident: _Incident, now: float) -> Iterator[Event]:
        turn = incident.turn
        if incident.braking:
            incident.braking = not self._port.brake(one.id, self._step_s)
        if not incident.told and now >= turn.begin_s:
            incident.told = True
            yield HandlingBegan(
                time_s=now, vehicle_id=one.id, operator=turn.operator, queue_s=turn.begin_s - incident.called_s
            )
        if now >= turn.end_s:
            one.incident, one.look_s = None, now + self._step_s
            yield IncidentEnded(time_s=now, vehicle_id=one.id, handling_s=turn.end_s - turn.begin_s)
            if incident.helps:
                self._port.release(one.id)
            else:
                one.broken = True
                yield VehicleBrokeDown(time_s=now, vehicle_id=one.id, edge=self._port.planned_edge(one.id))

    def _take_type_back(self, one: _Vehicle, own_type: str) -> None:
        if one.id in self._stopped or self._port.speed_mps(one.id) > MOVES_MPS:
            self._port.set_type(one.id, own_type)
            one.own_type = None
