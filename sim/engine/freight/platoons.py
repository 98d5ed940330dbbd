"""Platoons of driverless trucks: who comes near another follows it closely, as long as the two go the same way.

Nobody plans platoons and no truck waits for another at a site. A follower keeps the short time gap and does not
overtake; the first of a platoon drives a little slower until the others have closed up, since no driverless truck may
drive faster than the limit to catch up. No slipstream: SUMO takes a vehicle's drag from its type and hears of no other
while the vehicle drives.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from sim.engine.freight.craft import Craft
from sim.engine.freight.platoon_meter import PlatoonMeter, Role
from sim.engine.freight.port import Seen
from sim.events import Event
from sim.platooning_document import Platooning

LOOK_S = 1.0
KEEPS = 1.5
"""A follower gives up at this multiple of the distance from which it follows."""
CLOSED, OPENED = 1.2, 1.5
"""A follower has closed up at the first multiple of the gap it keeps at its speed, and has to again at the second."""
GRACE_S = 10.0
"""For so long a leader may be out of sight, as when both change lanes one after the other."""


class Road(Protocol):
    """What platoons ask of the road."""

    def leader(self, vehicle_id: str, within_m: float, /) -> tuple[str, float] | None:
        """Return who drives before a vehicle, and the metres between the two less those kept at a standstill."""

    def standstill_m(self, vehicle_id: str, /) -> float:
        """Return the distance that a vehicle keeps at a standstill."""

    def time_gap_s(self, vehicle_id: str, /) -> float:
        """Return the time gap that a vehicle keeps."""

    def keep_behind(self, vehicle_id: str, time_gap_s: float, /) -> None:
        """Let a vehicle keep a time gap and not overtake."""

    def keep_free(self, vehicle_id: str, time_gap_s: float, /) -> None:
        """Let a vehicle keep a time gap and overtake as others do."""

    def set_top_speed(self, vehicle_id: str, speed_mps: float, /) -> None:
        """Cap a vehicle's speed from now on."""

    def speed_limit_mps(self, lane: str, /) -> float:
        """Return the limit of a lane."""


@dataclass(slots=True)
class Pair:
    """A truck behind another: who leads, since when, and how near it is.

    Attributes
    ----------
    own_gap_s
        The time gap that the follower keeps when it drives alone.
    gap_m
        Between the two at the last look.
    lost_s
        Since when somebody else, or nobody, drives before the follower; None while its leader does.
    """

    leader: str
    since_s: float
    own_gap_s: float
    standstill_m: float
    gap_m: float
    closed: bool = False
    lost_s: float | None = None
    cut_in: bool = False

    @property
    def holds(self) -> bool:
        """Whether it drives in a platoon: it has closed up, and its leader is before it."""
        return self.closed and self.lost_s is None

    def kept_m(self, time_gap_s: float, speed_mps: float) -> float:
        """Return the gap that the follower keeps at a speed."""
        return self.standstill_m + time_gap_s * speed_mps


class Platoons:
    """All platoons of a run; looks once a second."""

    def __init__(self, road: Road, document: Platooning, crafts: Mapping[str, Craft]) -> None:
        self._road, self._crafts = road, crafts
        self._gap_s, self._within_m = document.time_gap_s.value, document.within_m.value
        self._least_mps, self._most = document.least_speed_mps.value, document.most_vehicles.value
        self._pace = 1 - document.leader_eases_share.value
        self._fleets = {
            name: craft.fleet.name
            for name, craft in sorted(crafts.items())
            if craft.fleet is not None and craft.fleet.vehicle_class == "av_truck"
        }
        self._pairs: dict[str, Pair] = {}
        self._eased: set[str] = set()
        self._odometers_m: dict[str, float] = {}
        self._meter = PlatoonMeter(set(self._fleets.values()))
        self._looked_s = -math.inf

    def step(self, now_s: float, seen: Mapping[str, Seen]) -> Iterator[Event]:
        """Let trucks close up and part."""
        if now_s < self._looked_s + LOOK_S:
            return
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        trucks = {name: seen[name] for name in self._fleets if name in seen}
        self._book(trucks, passed_s)
        ahead = {name: self._road.leader(name, KEEPS * self._within_m) for name in trucks}
        for name, pair in list(self._pairs.items()):
            self._judge(name, pair, trucks, ahead.get(name), now_s)
        for name, found in ahead.items():
            if name not in self._pairs and found is not None and found[0] in trucks:
                self._join(name, found, trucks, now_s)
        for name, pair in self._pairs.items():
            self._close_up(name, pair, trucks[name].speed_mps, now_s)
        self._ease(trucks)
        yield from self._meter.step(now_s)

    def close(self, now_s: float) -> Iterator[Event]:
        """Yield the last readings."""
        yield from self._meter.read(now_s)

    # --- who follows whom ---------------------------------------------------------------------------------------

    def _judge(
        self, name: str, pair: Pair, trucks: Mapping[str, Seen], found: tuple[str, float] | None, now_s: float
    ) -> None:
        """Look whether a follower's leader is still before it."""
        if name not in trucks or pair.leader not in trucks:  # one of them has come where it goes
            self._part(name, pair)
        elif found is not None and found[0] == pair.leader and found[1] <= KEEPS * self._within_m:
            if pair.lost_s is not None:
                pair.lost_s = None
                self._road.keep_behind(name, self._gap_s)
            pair.gap_m = found[1] + pair.standstill_m
        elif pair.lost_s is None:
            pair.lost_s = now_s
            pair.cut_in = found is not None and self._is_between(found[0], pair.leader)
            self._road.keep_free(name, pair.own_gap_s)
        elif now_s > pair.lost_s + GRACE_S:
            if pair.closed:
                self._meter.left(self._fleets[name], cut_in=pair.cut_in)
            self._part(name, pair)

    def _is_between(self, other: str, leader: str) -> bool:
        found = self._road.leader(other, KEEPS * self._within_m)
        return found is not None and found[0] == leader

    def _part(self, name: str, pair: Pair) -> None:
        del self._pairs[name]
        self._road.keep_free(name, pair.own_gap_s)

    def _join(self, name: str, found: tuple[str, float], trucks: Mapping[str, Seen], now_s: float) -> None:
        """Let a truck follow the one before it, if both are in flow and their platoons together are not too long."""
        leader, free_m = found
        if free_m > self._within_m or min(trucks[name].speed_mps, trucks[leader].speed_mps) < self._least_mps:
            return
        head, sizes = self._head(leader), Counter(self._head(one) for one in trucks)
        if head == name or sizes[head] + sizes[name] > self._most:
            return
        standstill_m = self._road.standstill_m(name)
        self._pairs[name] = Pair(leader, now_s, self._road.time_gap_s(name), standstill_m, free_m + standstill_m)
        self._road.keep_behind(name, self._gap_s)

    def _head(self, name: str, *, closed: bool = False) -> str:
        """Return the first of those before a truck who follow one another; with `closed`, of those who are near."""
        while (pair := self._pairs.get(name)) is not None and (pair.holds or not closed):
            name = pair.leader
        return name

    # --- how near ---------------------------------------------------------------------------------------------------

    def _close_up(self, name: str, pair: Pair, speed_mps: float, now_s: float) -> None:
        """Note how near a follower is."""
        if pair.lost_s is not None:
            return
        fleet = self._fleets[name]
        if not pair.closed and pair.gap_m <= CLOSED * pair.kept_m(self._gap_s, speed_mps):
            pair.closed = True
            self._meter.closed_up(fleet, now_s - pair.since_s)
        if pair.closed and speed_mps >= max(self._least_mps, 1.0):
            self._meter.gap(fleet, pair.gap_m / speed_mps)

    def _ease(self, trucks: Mapping[str, Seen]) -> None:
        """Slow the first of a platoon down while somebody has to close up, and let it go when all have."""
        waiting = {
            self._head(name)
            for name, pair in self._pairs.items()
            if pair.lost_s is None
            and pair.gap_m > (OPENED if pair.closed else CLOSED) * pair.kept_m(self._gap_s, trucks[name].speed_mps)
        }
        for name in sorted(self._eased - waiting):
            self._road.set_top_speed(name, self._crafts[name].allowed_mps)
        self._eased = waiting
        for name in sorted(waiting):
            lane = trucks[name].lane
            if not lane.startswith(":"):  # turns have limits of their own
                limit_mps = min(self._crafts[name].allowed_mps, self._road.speed_limit_mps(lane))
                self._road.set_top_speed(name, self._pace * limit_mps)

    # --- what is told ---------------------------------------------------------------------------------------------

    def _book(self, trucks: Mapping[str, Seen], passed_s: float) -> None:
        """Book what trucks drove since the last look, as what they were then."""
        held = {name: pair for name, pair in self._pairs.items() if pair.holds}
        leaders = {pair.leader for pair in held.values()}
        for name, where in trucks.items():
            driven_m = where.odometer_m - self._odometers_m.get(name, where.odometer_m)
            role: Role = "following" if name in held else "leading" if name in leaders else "alone"
            self._meter.drove(self._fleets[name], role, driven_m)
        self._odometers_m |= {name: where.odometer_m for name, where in trucks.items()}
        sizes = Counter(self._head(name, closed=True) for name in held)
        for head, followers in sizes.items():
            self._meter.platoon(self._fleets[head], followers + 1, passed_s)
