"""Vehicles at chargers: when each begins and ends to charge, and what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sim.engine.sumo import SumoPort
from sim.engine.taxi_plan import Taxi
from sim.events import Charged
from sim.world import Visit


class _Session(NamedTuple):
    charger: str
    begin_s: float
    charge_kwh: float


class Charges:
    """Asks SUMO of the vehicles that visit a charger whether they charge there.

    SUMO 1.28 charges any number of vehicles that stand off the lane at one charging station, each with its full power
    and all at the same place: who plans has to keep them apart.
    """

    def __init__(self, port: SumoPort) -> None:
        self._port = port
        self._sessions: dict[str, _Session] = {}

    def follow(self, taxis: Iterable[Taxi], time_s: float) -> Iterator[Charged]:
        """Yield what has been charged by those who have left their charger, or broken down there."""
        for taxi in taxis:
            visits = isinstance(taxi.visit, Visit) and taxi.visit.charger is not None
            if not visits and taxi.id not in self._sessions:
                continue
            charger = None if taxi.broken else self._port.charging_at(taxi.id)
            session = self._sessions.get(taxi.id)
            if session is not None and charger != session.charger:
                yield self._end(taxi.id, time_s)
            if charger is not None and taxi.id not in self._sessions:
                self._sessions[taxi.id] = _Session(charger, time_s, self._charge_kwh(taxi.id))

    def close(self, time_s: float) -> Iterator[Charged]:
        """Yield what has been charged by those who are at it when the run ends."""
        for vehicle_id in sorted(self._sessions):
            yield self._end(vehicle_id, time_s)

    def _end(self, vehicle_id: str, time_s: float) -> Charged:
        session = self._sessions.pop(vehicle_id)
        return Charged(
            time_s=time_s, vehicle_id=vehicle_id, charger=session.charger, begin_s=session.begin_s,
            charge_kwh=session.charge_kwh, charged_kwh=self._charge_kwh(vehicle_id) - session.charge_kwh,
        )  # fmt: skip

    def _charge_kwh(self, vehicle_id: str) -> float:
        return self._port.charge_wh(vehicle_id) / 1000
