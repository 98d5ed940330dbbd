"""The monitor: sees every step where the vehicles are and writes down which of them break a rule of the permits.

It reads the permits by itself and shares nothing but the zones' roads with the book that engine and guard go by: what
is compiled wrongly is seen here. Controllers never see it.

- On a road a vehicle needs a permit of its class that covers crew, mass, zone, hours and surface at once. Without one,
  all that it lacks of the permit that comes nearest is written, each as a violation of its own.
- The cap is the highest of the permits that cover it; where none does, that of the nearest one, within its zone.
  Measured speeds may exceed it by 0.5 km/h; where it falls, the former one holds for one step more, for within the step
  in which a vehicle comes into a slower zone it was in the faster one.
- Lanes within a junction belong to the edge that the vehicle came from: the rules of that one go on.
- Of a fleet with more vehicles on the road than its operators may watch, those that came last are too many.
- Vehicles off the road break no rule.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from sim.errors import InvariantError
from sim.events import Event
from sim.freight_events import ExposureMetered, PermitClosed, PermitOpened, Violation
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.permit_document import CREW_STAGES, Crew, Permit
from sim.permits.surfaces import Surface, lane_surfaces
from sim.permits.zones import zone_edges
from sim.scenario import Scenario

TOLERANCE_MPS = 0.5 / 3.6
METER_S = 900
DAY_S = 86_400
SHUTTLES = "shuttle"
"""Whom the operators of `supervision` watch, as the fleet of a sighting."""


class Sighting(NamedTuple):
    """A vehicle or robot of a watched class at the end of a step.

    `fleet` is that of `freight.fleets`, or "shuttle". `mass_kg` holds the load. `on_road` is false off the road: in a
    bay, a depot, a car park.
    """

    vehicle_id: str
    vehicle_class: str
    fleet: str
    crew: Crew
    mass_kg: float
    lane: str
    x: float
    y: float
    speed_mps: float
    on_road: bool


@dataclass(frozen=True, slots=True)
class _Read:
    """A permit as the monitor reads it."""

    name: str
    permit: Permit
    zone: frozenset[str]
    surfaces: frozenset[Surface]
    cap_mps: float

    def is_open(self, time_s: float) -> bool:
        """Whether a window holds the time; windows recur every day and may reach into the next."""
        return any((time_s - one.begin_s) % DAY_S < one.end_s - one.begin_s for one in self.permit.windows)

    def off_window_s(self, time_s: float) -> float:
        """Return the time to the nearest edge of a window."""
        edges = [edge for window in self.permit.windows for edge in (window.begin_s, window.end_s)]
        return min(min((time_s - edge) % DAY_S, (edge - time_s) % DAY_S) for edge in edges)

    def next_edge_s(self, time_s: float) -> float:
        """Return the time until a window begins or ends."""
        edges = [edge for window in self.permit.windows for edge in (window.begin_s, window.end_s)]
        return min((edge - time_s) % DAY_S or DAY_S for edge in edges)

    def off_mass_kg(self, mass_kg: float) -> float:
        """Return by how much a mass is too large or too small, 0 where it is neither."""
        if self.permit.max_mass_kg is not None and mass_kg > self.permit.max_mass_kg:
            return mass_kg - self.permit.max_mass_kg
        if self.permit.min_mass_kg and mass_kg <= self.permit.min_mass_kg:
            # what weighs just that much is covered by the permit below
            return max(self.permit.min_mass_kg - mass_kg, 1e-9)
        return 0.0

    def broken(self, seen: Sighting, edge: str, surface: Surface, time_s: float) -> dict[str, float]:
        """Return the rules that a vehicle does not keep, each with its excess."""
        broken = {}
        if CREW_STAGES.index(seen.crew) > CREW_STAGES.index(self.permit.crew):
            broken["crew"] = 0.0
        if off_kg := self.off_mass_kg(seen.mass_kg):
            broken["mass"] = off_kg
        if edge and edge not in self.zone:
            broken["geofence"] = 0.0
        if not self.is_open(time_s):
            broken["hours"] = self.off_window_s(time_s)
        if surface not in self.surfaces:
            broken["surface"] = 0.0
        return broken


class _Verdict(NamedTuple):
    """What holds for a vehicle where it is: rules it does not keep, permit they are of, cap, operators' share."""

    broken: Mapping[str, float]
    permit: str
    cap_mps: float
    per_operator: int | None


FREE = _Verdict({}, "", math.inf, None)


@dataclass(slots=True)
class _Watched:
    """A vehicle as it was seen last."""

    key: tuple[object, ...] = ()
    edge: str = ""
    verdict: _Verdict = FREE
    cap_before_mps: float = 0.0
    since_s: float = math.inf
    seen_s: float = -math.inf


@dataclass(slots=True)
class _Episode:
    """A rule being broken."""

    seen: Sighting
    permit: str
    begin_s: float
    excess: float
    at_s: float

    def violation(self, rule: str, time_s: float) -> Violation:
        seen = self.seen
        return Violation(
            time_s=time_s, vehicle_id=seen.vehicle_id, vehicle_class=seen.vehicle_class, rule=rule, permit=self.permit,
            lane=seen.lane, begin_s=self.begin_s, excess=self.excess, x=seen.x, y=seen.y,
        )  # fmt: skip


class Monitor:
    """Watches the vehicles of a run: call `step` at the end of each step of SUMO, `close` after the last."""

    def __init__(self, scenario: Scenario, network: Network, graph: EdgeGraph) -> None:
        """Read the permits; raises `ScenarioError` for a zone that is not on the network."""
        self._step_s = scenario.time.step_s
        self._permits = tuple(_read(name, one, network, graph) for name, one in sorted(scenario.permits.items()))
        self._of_class: dict[str, tuple[_Read, ...]] = {}
        for read in self._permits:
            for vehicle_class in read.permit.classes:
                self._of_class[vehicle_class] = (*self._of_class.get(vehicle_class, ()), read)
        fleets = scenario.freight.fleets if scenario.freight is not None else {}
        self._operators = {name: fleet.operators or 0 for name, fleet in fleets.items()}
        if scenario.supervision is not None:
            self._operators[SHUTTLES] = scenario.supervision.operators
        self._surfaces = lane_surfaces(network.net_file)
        self._watched: dict[str, _Watched] = {}
        self._episodes: dict[tuple[str, str], _Episode] = {}
        self._exposure: dict[tuple[str, str], list[float]] = {}
        self._metered_s = math.inf
        self._open: frozenset[str] = frozenset()
        self._hours = 0
        self._change_s = -math.inf

    def step(self, time_s: float, sightings: Iterable[Sighting]) -> list[Event]:
        """Return what there is to tell: windows that began or ended, violations that are over, exposure."""
        events = self._turn(time_s) if time_s >= self._change_s else []
        if math.isinf(self._metered_s):
            self._metered_s = time_s - self._step_s
        watched_afar: dict[str, list[tuple[float, Sighting, int]]] = {}
        for seen in sightings:
            if not seen.on_road or not seen.lane:
                continue
            self._expose(seen)
            if seen.vehicle_class not in self._of_class:
                continue
            watched = self._look(seen, time_s)
            if watched.verdict.per_operator is not None and seen.crew == "remote":
                row = (watched.since_s, seen, watched.verdict.per_operator)
                watched_afar.setdefault(seen.fleet, []).append(row)
        for fleet, rows in watched_afar.items():
            self._count(fleet, rows, time_s)
        if self._episodes:
            events += self._ended(time_s)
        if time_s // METER_S > self._metered_s // METER_S:
            events += self._meter(time_s)
        return events

    def close(self, time_s: float) -> list[Event]:
        """Return what is still open when the run ends."""
        return [*self._ended(math.inf, told_s=time_s), *self._meter(time_s)]

    def _turn(self, time_s: float) -> list[Event]:
        """Notice which windows are open now, and when that changes next."""
        is_open = frozenset(one.name for one in self._permits if one.is_open(time_s))
        began = [PermitOpened(time_s=time_s, permit=name) for name in sorted(is_open - self._open)]
        ended = [PermitClosed(time_s=time_s, permit=name) for name in sorted(self._open - is_open)]
        self._open = is_open
        self._hours += 1
        self._change_s = min((time_s + one.next_edge_s(time_s) for one in self._permits), default=math.inf)
        return [*ended, *began]

    def _look(self, seen: Sighting, time_s: float) -> _Watched:
        """Judge a vehicle; where nothing changed since it was seen last, and it kept all rules, only its speed."""
        watched = self._watched.get(seen.vehicle_id)
        if watched is None or watched.seen_s < time_s - 1.5 * self._step_s:
            watched = self._watched[seen.vehicle_id] = _Watched(since_s=time_s)
        watched.seen_s = time_s
        key = (seen.lane, seen.mass_kg, seen.crew, self._hours)
        if watched.key != key or watched.verdict.broken:
            watched.key = key
            if not seen.lane.startswith(":"):
                watched.edge = seen.lane.rpartition("_")[0]
            watched.verdict = self._judge(seen, watched.edge, time_s)
            for rule, excess in watched.verdict.broken.items():
                self._break(rule, seen, watched.verdict.permit, excess, time_s)
        cap_mps = watched.verdict.cap_mps
        allowed_mps = max(cap_mps, watched.cap_before_mps)
        if seen.speed_mps > allowed_mps + TOLERANCE_MPS:
            self._break("over_speed", seen, watched.verdict.permit, (seen.speed_mps - allowed_mps) * 3.6, time_s)
        watched.cap_before_mps = cap_mps
        return watched

    def _judge(self, seen: Sighting, edge: str, time_s: float) -> _Verdict:
        surface = self._surfaces.get(seen.lane)
        if surface is None:
            msg = f"the monitor was told that {seen.vehicle_id} is on lane {seen.lane!r}, which the network has not"
            raise InvariantError(msg)
        judged = [(one, one.broken(seen, edge, surface, time_s)) for one in self._of_class[seen.vehicle_class]]
        covering = [one for one, broken in judged if not broken]
        if covering:
            best = max(covering, key=lambda one: one.cap_mps)
            shares = [one.permit.vehicles_per_operator for one in covering]
            known = [share for share in shares if share is not None]
            return _Verdict({}, best.name, best.cap_mps, max(known) if len(known) == len(shares) else None)
        nearest, broken = min(
            judged, key=lambda pair: (len(pair[1]), pair[1].get("mass", 0.0), pair[1].get("hours", 0.0), pair[0].name)
        )
        cap_mps = math.inf if "geofence" in broken else nearest.cap_mps
        return _Verdict(broken, nearest.name, cap_mps, nearest.permit.vehicles_per_operator)

    def _count(self, fleet: str, rows: list[tuple[float, Sighting, int]], time_s: float) -> None:
        """Compare the vehicles of a fleet on the road with what its operators may watch."""
        most = min(share for _, _, share in rows) * self._operators.get(fleet, 0)
        if len(rows) > most:
            rows.sort(key=lambda row: (row[0], row[1].vehicle_id))
            for _, seen, _ in rows[most:]:
                permit = self._watched[seen.vehicle_id].verdict.permit
                self._break("operators", seen, permit, len(rows) - most, time_s)

    def _break(self, rule: str, seen: Sighting, permit: str, excess: float, time_s: float) -> None:
        episode = self._episodes.get((seen.vehicle_id, rule))
        if episode is None:
            self._episodes[seen.vehicle_id, rule] = _Episode(seen, permit, time_s, excess, time_s)
        else:
            episode.excess = max(episode.excess, excess)
            episode.at_s = time_s

    def _ended(self, time_s: float, *, told_s: float | None = None) -> list[Event]:
        """Take out the violations that were not seen at this time."""
        over = sorted(key for key, episode in self._episodes.items() if episode.at_s < time_s)
        return [self._episodes.pop(key).violation(key[1], time_s if told_s is None else told_s) for key in over]

    def _expose(self, seen: Sighting) -> None:
        sums = self._exposure.get((seen.vehicle_class, seen.crew))
        if sums is None:
            sums = self._exposure[seen.vehicle_class, seen.crew] = [0.0, 0.0]
        sums[0] += self._step_s
        sums[1] += self._step_s * seen.speed_mps

    def _meter(self, time_s: float) -> Iterator[Event]:
        begin_s, self._metered_s = self._metered_s, time_s
        for (vehicle_class, crew), (seconds, metres) in sorted(self._exposure.items()):
            yield ExposureMetered(
                time_s=time_s, vehicle_class=vehicle_class, begin_s=begin_s, vehicle_s=seconds, vehicle_m=metres,
                crew=crew,
            )  # fmt: skip
        self._exposure.clear()


def _read(name: str, permit: Permit, network: Network, graph: EdgeGraph) -> _Read:
    zone = zone_edges(permit.zone, network, graph, place=f"permits.{name}.zone")
    cap = permit.max_speed_kmh
    return _Read(
        name, permit, zone, frozenset(("shared", permit.surface)), math.inf if cap is None else cap.value / 3.6
    )
