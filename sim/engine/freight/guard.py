"""Keeps vehicles within their permits: lanes opened and shut, speeds capped, nobody on the road when a window ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from sim.engine.freight.craft import Craft, Goal
from sim.engine.freight.port import FreightPort, Seen
from sim.freight import Call, DrivingWindow, FleetTraits
from sim.network.graph import EdgeGraph
from sim.permit_document import Crew
from sim.permits.book import PermitBook, Subject
from sim.permits.lanes import compiles_to_lanes, lane_disallowed
from sim.world import Location

CHECK_S = 10.0
LATE_FACTOR, LATE_S = 1.25, 60.0
"""A way is taken to last so much longer than expected: who is late at the end of a window breaks the law."""
CALLING = {"gate", "staging", "bay", "door"}
"""Goals on the way to a call."""


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
    service_s
        Mean time that a call takes in the bay.
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
        service_s: Callable[[Call], float],
        place_of: Callable[[Craft, Goal], Location],
        where_is: Callable[[Craft], Location],
    ) -> None:
        self._port, self._book, self._graph = port, book, graph
        self._classes = sorted(classes)
        self._crews, self._operators, self._edges = crews, operators, edges
        self._shelters = shelters
        self._travel_s, self._service_s, self._place_of, self._where_is = travel_s, service_s, place_of, where_is
        self._lanes = tuple(port.lanes())
        self._regulated = {name for name in classes if book.regulated(name)}
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
        if craft.fleet is None or craft.fleet.vehicle_class not in self._regulated:
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
        """Whether a vehicle may set off now: what it begins with that is over within the window, and it is watched."""
        subject = self.subject(craft)
        if subject is None or craft.fleet is None:
            return True
        if not self._is_watched(craft.fleet, subject) or not self.fits(craft, goal, now_s):
            return False
        self._on_road[craft.fleet.name] = self._on_road.get(craft.fleet.name, 0) + 1
        if craft.walks:  # a person walks at full speed from the first step on
            self._cap_to(craft, subject, [craft.stands.edge], now_s)
        return True

    def fits(self, craft: Craft, goal: Goal, now_s: float) -> bool:
        """Whether the window holds what a vehicle begins with a way: by `outside` more than the way itself."""
        subject = self.subject(craft)
        if subject is None:
            return True
        window = self._window(craft, subject, now_s)
        if window is None or math.isinf(window.end_s):
            return window is not None
        return now_s + LATE_FACTOR * self._begun_s(craft, subject, goal) + LATE_S <= window.end_s

    def _is_watched(self, fleet: FleetTraits, subject: Subject) -> bool:
        """Whether the operators of a fleet may watch one more vehicle on the road."""
        most = self._book.most_on_road(subject, self._operators[fleet.name])
        return most is None or self._on_road.get(fleet.name, 0) < most

    def _begun_s(self, craft: Craft, subject: Subject, goal: Goal) -> float:
        """Return how long what begins with a way can be expected to last.

        Under `hold` that is the way alone, under `return` the call to which it leads and the way home from there, under
        `forbid` all calls of the plan and the way home.
        """
        outside, here = self._book.outside(subject), self._where_is(craft)
        if outside == "hold" or goal.kind not in CALLING or craft.fleet is None:
            return self._travel_s(craft, here, self._place_of(craft, goal))
        lasts_s = 0.0
        for call in list(craft.calls())[: 1 if outside == "return" else None]:
            there = self._place_of(craft, Goal("bay", call.site))
            lasts_s += self._travel_s(craft, here, there) + self._service_s(call)
            here = there
        return lasts_s + self._travel_s(craft, here, craft.fleet.depot_location)

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
        """Return the vehicles that must go somewhere else now, each with the depot or staging lot to go to.

        These are vehicles that would be on the road when their window ends, and under `return` those that wait away
        from their depot for what cannot be over by then.
        """
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
        for craft in crafts.values():
            if craft.fleet is not None and craft.state in {"standing", "staged"} and self._goes_home(craft, now_s):
                self._on_road[craft.fleet.name] = self._on_road.get(craft.fleet.name, 0) + 1
                found.append((craft, craft.fleet.depot))
        return found

    def _goes_home(self, craft: Craft, now_s: float) -> bool:
        """Whether a vehicle that waits in a lot or bay drives home, as what it waits for fits its window no more."""
        subject, call = self.subject(craft), craft.call
        if subject is None or craft.fleet is None or call is None or craft.broken:
            return False
        if craft.state == "standing" and not craft.held:
            return False  # it has not been asked yet
        window, depot = self._window(craft, subject, now_s), craft.fleet.depot
        if window is None or craft.place == depot or self._book.outside(subject) != "return":
            return False
        goal = Goal("bay" if craft.state == "staged" else "gate", call.site)
        home_s = self._travel_s(craft, self._where_is(craft), craft.fleet.depot_location)
        in_time = now_s + LATE_FACTOR * home_s + CHECK_S <= window.end_s
        return in_time and self._is_watched(craft.fleet, subject) and not self.fits(craft, goal, now_s)

    def _shelter(self, craft: Craft, now_s: float) -> str | None:
        """Return where a vehicle goes off the road that would not be at its goal before its window ends."""
        subject = self.subject(craft)
        if subject is None or craft.fleet is None or (craft.goal is not None and craft.goal.kind in {"hold", "bay"}):
            return None
        window = self._window(craft, subject, now_s)
        left_s = 0.0 if window is None else window.end_s - now_s
        if math.isinf(left_s):
            return None
        here, goal = self._where_is(craft), craft.goal
        ways_s, returns = self._ways_s(craft, here), self._book.outside(subject) == "return"
        home_s = self._travel_s(craft, here, craft.fleet.depot_location)
        if goal is not None and goal.kind != "road":
            way_s = self._travel_s(craft, here, self._place_of(craft, goal))
            if LATE_FACTOR * (self._begun_s(craft, subject, goal) if returns else way_s) + CHECK_S <= left_s:
                return None
        elif left_s > LATE_S + LATE_FACTOR * (home_s if returns else min(ways_s.values())):
            return None
        if returns and LATE_FACTOR * home_s + CHECK_S <= left_s:
            return craft.fleet.depot
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
