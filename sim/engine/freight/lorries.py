"""Lorries from outside in a run: they come in by their gateway, and are gone when they have left by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sim.demand.population import Lorry
from sim.engine.freight.craft import Craft, Goal
from sim.engine.freight.inputs import lorry_type
from sim.engine.freight.port import FreightPort, Seen
from sim.engine.freight.sites import Site
from sim.engine.sumo import StepFacts
from sim.events import Event
from sim.freight_document import Lorries
from sim.freight_events import LorryEntered, LorryLeft, LorryOpen

STATES = {"staged": "queueing", "queued": "queueing", "handling": "handling"}


class LorryFlow:
    """Brings lorries in as crafts of the executor, and takes them out of its hands."""

    def __init__(
        self,
        port: FreightPort,
        lorries: Sequence[Lorry],
        flows: Mapping[str, Lorries],
        *,
        crafts: dict[str, Craft],
        sites: Mapping[str, Site],
    ) -> None:
        self._port, self._flows, self._crafts, self._sites = port, flows, crafts, sites
        self._to_come = sorted(lorries, key=lambda one: (one.depart_s, one.vehicle_id), reverse=True)
        self._entering: set[str] = set()
        self._inside: dict[str, Craft] = {}

    @property
    def unsettled(self) -> int:
        """How many have not left."""
        return len(self._to_come) + len(self._inside)

    def enter(self, facts: StepFacts) -> Iterator[Event]:
        """Let lorries come in whose time it is; SUMO may have no room for one yet."""
        while self._to_come and self._to_come[-1].depart_s <= facts.time_s:
            lorry = self._to_come.pop()
            flow, area = self._flows[lorry.flow], self._sites[lorry.site].gate.area
            craft = Craft(
                id=lorry.vehicle_id, type_id=lorry_type(lorry.flow), empty_kg=0.0,
                top_speed_mps=flow.max_speed_mps, mover=self._port, lorry=lorry, state="driving",
                goal=Goal("gate", lorry.site),
            )  # fmt: skip
            self._crafts[craft.id] = self._inside[craft.id] = craft
            self._entering.add(craft.id)
            self._port.add_driving(craft.id, craft.type_id, lorry.entry_edge, area.id, passing=True)
            self._port.watch(craft.id)
        if not self._entering:
            return
        for vehicle_id in sorted(self._entering.intersection(facts.departed)):
            self._entering.discard(vehicle_id)
            entered = self._crafts[vehicle_id].lorry
            if entered is not None:
                yield LorryEntered(
                    time_s=facts.time_s, vehicle_id=vehicle_id, flow=entered.flow, site=entered.site,
                    gateway=entered.gateway,
                )  # fmt: skip

    def leave(self, facts: StepFacts, seen: Mapping[str, Seen]) -> Iterator[Event]:
        """Forget the lorries that have left the network."""
        if not self._inside:
            return
        for vehicle_id in sorted(self._inside.keys() & facts.arrived):
            gone = self._inside.pop(vehicle_id)
            del self._crafts[vehicle_id]
            if gone.lorry is not None:
                yield LorryLeft(
                    time_s=facts.time_s, vehicle_id=vehicle_id, flow=gone.lorry.flow, odometer_m=gone.odometer_m
                )
        for vehicle_id, craft in self._inside.items():
            if craft.state == "away" and (where := seen.get(vehicle_id)) is not None:
                craft.odometer_m = where.odometer_m

    def close(self, now_s: float) -> Iterator[Event]:
        """Yield the lorries that the end of the run finds on the network."""
        for craft in self._inside.values():
            if craft.lorry is not None:
                state = "not_entered" if craft.id in self._entering else STATES.get(craft.state, "driving")
                yield LorryOpen(time_s=now_s, vehicle_id=craft.id, flow=craft.lorry.flow, state=state)
