"""Keeps vehicles within their permits: lanes opened and shut, speeds capped, nobody on the road when a window ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from sim.engine.freight.craft import Craft, Goal
from sim.engine.freight.port import FreightPort, Seen
from sim.freight import DrivingWindow
from sim.network.graph import EdgeGraph
from sim.permit_document import Crew
from sim.permits.book import PermitBook, Subject
from sim.permits.lanes import compiles_to_lanes, lane_disallowed
from sim.world import Location

CHECK_S = 10.0
LATE_FACTOR, LATE_S = 1.25, 60.0
"""A way is taken to last so much longer than expected: who is late at the end of a window breaks the law."""


class Guard:
    """What permits mean for the vehicles of a run.

    Parameters
    ----------
    crews
        Crew stage of each fleet, and of the finished cars under their class.
    travel_s
        Expected time of a fleet's vehicle from one place to another.
    edges
        Edges of a fleet's depot and sites: a window is one in which all of them are open to it.
    shelters
        Depots and staging lots by name: where a vehicle can stand off the road.
    """

    def __init__(
        self,
        port: FreightPort,
        book: PermitBook,
        graph: EdgeGraph,
        *,
        classes: Iterable[str],
        crews: Mapping[str, Crew],
        operators: Mapping[str, int | None],
        edges: Mapping[str, tuple[str, ...]],
        shelters: Mapping[str, Location],
        travel_s: Callable[[Craft, Location, Location], float],
        place_of: Callable[[Craft, Goal], Location],
        where_is: Callable[[Craft], Location],
    ) -> None:
        self._port, self._book, self._graph = port, book, graph
        self._classes = sorted(classes)
        self._crews, self._operators, self._edges = crews, operators, edges
        self._shelters = shelters
        self._travel_s, self._place_of, self._where_is = travel_s, place_of, where_is
        self._lanes = tuple(port.lanes())
        self._open: dict[str, frozenset[str]] = {}
        self._wanted: dict[str, frozenset[str]] = {}
        self._stale = True
        self._changes = list(reversed(book.changes()))
        self._windows: dict[tuple[str, float], tuple[DrivingWindow, ...]] = {}
        self._capped: dict[str, tuple[str, float]] = {}
        self._on_road: dict[str, int] = {}
        self._checked_s = self._turned_s = -math.inf

    def open(self, now_s: float | None, on_road: Collection[str] = ()) -> None:
        """Open and shut the lanes as permits have it at a time; None: open those of any hour.

        SUMO lets nothing stand beside a lane that is shut to it, so that fleets come in before lanes are shut. Nor are
        they shut while a vehicle of the class, one of `on_road`, is still there: it would stand before them for hours.
        """
        self._wanted = {name: self._book.open_edges(name, now_s) for name in self._classes if compiles_to_lanes(name)}
        self._set_lanes(on_road)

    def _set_lanes(self, on_road: Collection[str]) -> None:
        """Set the lanes that are not yet as they were last found to have to be."""
        if self._open == self._wanted:
            return
        wanted = dict(self._wanted)
        for name in on_road:
            if name in wanted:
                wanted[name] |= self._open.get(name, frozenset())
        changed = {name: edges for name, edges in wanted.items() if self._open.get(name) != edges}
        if not changed:
            return
        self._open |= changed
        for _ in range(2):  # after one pass some turns stay shut: see sim.permits.lanes
            for lane in self._lanes:
                self._set_lane(lane, changed)

    def _set_lane(self, lane: str, changed: Mapping[str, frozenset[str]]) -> None:
        barred = self._port.barred(lane)
        edge = lane.rpartition("_")[0]
        for name, edges in changed.items():
            found = lane_disallowed(barred, name, is_open=edge in edges or edge.startswith(":"))
            barred = barred if found is None else found
        self._port.bar(lane, barred)

    def subject(self, craft: Craft) -> Subject | None:
        """Return what a permit looks at in a vehicle; None for one whose class no permit names."""
        if craft.fleet is None or not self._book.regulated(craft.fleet.vehicle_class):
            return None
        return Subject(craft.fleet.vehicle_class, self._crews[craft.fleet.name], craft.mass_kg)

    def windows(self, fleet: str, subject: Subject) -> tuple[DrivingWindow, ...]:
        """Return when a fleet's vehicle may be on the roads between its depot and all its sites."""
        key = fleet, subject.mass_kg
        if key not in self._windows:
            self._windows[key] = self._book.driving_windows(subject, self._edges[fleet])
        return self._windows[key]

    def _window(self, craft: Craft, subject: Subject, now_s: float) -> DrivingWindow | None:
        windows = self.windows(craft.fleet.name if craft.fleet is not None else "", subject)
        return next((one for one in windows if one.begin_s <= now_s < one.end_s), None)

    def may_leave(self, craft: Craft, goal: Goal, now_s: float) -> bool:
        """Whether a vehicle may be on the road from now until it is where it goes, or home again."""
        subject = self.subject(craft)
        if subject is None or craft.fleet is None:
            return True
        window = self._window(craft, subject, now_s)
        most = self._book.most_on_road(subject, self._operators[craft.fleet.name])
        if window is None or (most is not None and self._on_road.get(craft.fleet.name, 0) >= most):
            return False
        needed_s = self._way_s(craft, goal)
        if self._book.outside(subject) != "hold" and goal.kind == "gate":
            home = craft.fleet.depot_location
            needed_s += self._late(self._travel_s(craft, self._place_of(craft, goal), home))
        if now_s + needed_s > window.end_s:
            return False
        self._on_road[craft.fleet.name] = self._on_road.get(craft.fleet.name, 0) + 1
        if craft.walks:  # a person walks at full speed from the first step on
            self._cap_to(craft, subject, [craft.stands.edge], now_s)
        return True

    def _way_s(self, craft: Craft, goal: Goal) -> float:
        return self._late(self._travel_s(craft, self._where_is(craft), self._place_of(craft, goal)))

    @staticmethod
    def _late(expected_s: float) -> float:
        return LATE_FACTOR * expected_s + LATE_S

    # --- steps -------------------------------------------------------------------------------------------------------

    def turn(
        self, now_s: float, crafts: Mapping[str, Craft], seen: Mapping[str, Seen], *, others: Collection[str] = ()
    ) -> None:
        """Open, shut and cap as windows begin and end and vehicles move on; before anybody sets off in this step.

        `others` are the classes of vehicles under way that are no crafts.
        """
        changed = bool(self._changes) and self._changes[-1] <= now_s
        if changed:
            self._changes = [one for one in self._changes if one > now_s]
            self._capped.clear()
            self._stale = True
        self._cap(now_s, crafts, seen)
        if (changed or now_s >= self._turned_s + CHECK_S) and not any(
            craft.state == "off_duty" for craft in crafts.values()
        ):
            self._turned_s = now_s
            on_road = {*others, *(self._class_of(crafts[name]) for name in seen if name in crafts)}
            if self._stale:
                self._stale = False
                self.open(now_s, on_road)
            else:
                self._set_lanes(on_road)

    def leaving(self, now_s: float, crafts: Mapping[str, Craft], seen: Mapping[str, Seen]) -> list[tuple[Craft, str]]:
        """Return the vehicles that must leave the road now, each with the depot or staging lot to go to."""
        if now_s < self._checked_s + CHECK_S:
            return []
        self._checked_s = now_s
        self._on_road.clear()
        found = []
        for craft in crafts.values():
            if craft.fleet is None or craft.state not in {"driving", "queued"}:
                continue
            self._on_road[craft.fleet.name] = self._on_road.get(craft.fleet.name, 0) + 1
            shelter = self._shelter(craft, now_s) if craft.id in seen else None
            if shelter is not None:
                found.append((craft, shelter))
        return found

    def _shelter(self, craft: Craft, now_s: float) -> str | None:
        """Return where a vehicle goes off the road that would not be at its goal before its window ends."""
        subject = self.subject(craft)
        if subject is None or craft.fleet is None or (craft.goal is not None and craft.goal.kind in {"hold", "bay"}):
            return None
        window = self._window(craft, subject, now_s)
        left_s = 0.0 if window is None else window.end_s - now_s
        here = self._where_is(craft)
        if craft.goal is not None and craft.goal.kind != "road":
            expected_s = self._travel_s(craft, here, self._place_of(craft, craft.goal))
            if LATE_FACTOR * expected_s + CHECK_S <= left_s:
                return None
        elif left_s > LATE_S + LATE_FACTOR * min(self._ways_s(craft, here).values()):
            return None
        if self._book.outside(subject) != "hold":
            return craft.fleet.depot
        ways_s = self._ways_s(craft, here)
        return min(sorted(ways_s), key=ways_s.__getitem__)

    @staticmethod
    def _class_of(craft: Craft) -> str:
        return craft.fleet.vehicle_class if craft.fleet is not None else ""

    def _ways_s(self, craft: Craft, here: Location) -> dict[str, float]:
        return {name: self._travel_s(craft, here, place) for name, place in self._shelters.items()}

    def _cap(self, now_s: float, crafts: Mapping[str, Craft], seen: Mapping[str, Seen]) -> None:
        """Cap the speed of vehicles by the edge they are on and the ones they come to next."""
        for vehicle_id, where in seen.items():
            edge, cap_mps = self._capped.get(vehicle_id, ("", math.inf))
            if edge == where.edge or where.edge.startswith(":"):
                continue
            craft = crafts.get(vehicle_id)
            if craft is None:
                continue
            subject = self.subject(craft)
            if subject is None:
                self._capped[vehicle_id] = (where.edge, cap_mps)
                continue
            ahead = [self._graph.index[one] for one in (where.edge, *craft.mover.next_edges(vehicle_id, 2))]
            self._capped[vehicle_id] = (where.edge, self._cap_to(craft, subject, ahead, now_s, before_mps=cap_mps))

    def _cap_to(
        self, craft: Craft, subject: Subject, edges: Sequence[int], now_s: float, *, before_mps: float = math.nan
    ) -> float:
        """Cap a vehicle's speed to what it may drive on all of these edges, and return that."""
        caps = self._book.caps_mps(subject, now_s)
        wanted_mps = min((float(caps[one]) for one in edges if caps[one] > 0), default=math.inf)
        if wanted_mps != before_mps:
            craft.allowed_mps = min(wanted_mps, craft.top_speed_mps)
            craft.mover.set_top_speed(craft.id, craft.allowed_mps)
        return wanted_mps
