"""Carries freight plans out: from depot to gate, lot, bay and back, one step at a time.

A vehicle always has a stop ahead, or SUMO takes it off the road at the end of its route. It stands in a bay only from
the call to the leaving; with nothing to do it drives to its depot.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

from sim.engine.freight.craft import Craft, Goal, GoalKind
from sim.engine.freight.orders import OrderBook
from sim.engine.freight.plans import check_plans
from sim.engine.freight.port import FreightPort, Seen
from sim.engine.freight.queues import STANDING_MPS, stands_behind
from sim.engine.freight.service import Compound, Service
from sim.engine.freight.sites import Site
from sim.engine.freight.yard import Waiting
from sim.engine.sumo import COMFORT_BRAKE_MPS2, StepFacts
from sim.errors import InvariantError
from sim.events import Event
from sim.freight import Call, FreightTask, Rest
from sim.freight_events import (
    DockIn,
    DockOut,
    GateIn,
    GateOut,
    MissionBegan,
    MissionEnded,
    PermitHoldBegan,
    PermitHoldEnded,
    SpilledBack,
)
from sim.network.graph import EdgeGraph
from sim.network.parking import ParkingArea
from sim.world import Location

GRACE_S = 15.0  # a controller's next plan may come before a vehicle sets off for its depot
TURN_S, TURN_MPS = 2.0, 3.0
"""A vehicle is told in one step and brakes in the next; meanwhile it may gain so much."""


class Passes(Protocol):
    """Whether permits let a vehicle set off."""

    def may_leave(self, craft: Craft, goal: Goal, now_s: float) -> bool:
        """Whether it may be on the road from now until it is where it goes."""

    def fits(self, craft: Craft, goal: Goal, now_s: float) -> bool:
        """Whether what it begins with that way would be over in time."""


class Executor:
    """Steps every truck and lorry; the facts of their stays come from here, alike for every controller."""

    def __init__(
        self,
        port: FreightPort,
        crafts: dict[str, Craft],
        *,
        sites: Mapping[str, Site],
        depots: Mapping[str, ParkingArea],
        graph: EdgeGraph,
        orders: OrderBook,
        passes: Passes,
        compound: Compound | None,
    ) -> None:
        self._port, self._sites, self._depots, self._orders = port, sites, depots, orders
        self._graph, self._passes = graph, passes
        self._service = Service(sites, orders, compound)
        self.crafts = crafts
        self._gate_edges = {edge for site in sites.values() for edge in (site.gate.area.edge, *site.gate.before_m)}
        self._leaving_bay: set[str] = set()
        self._leaving_site: dict[str, str] = {}
        self._to_turn: set[str] = set()
        self._seen: Mapping[str, Seen] = {}
        self._events: list[Event] = []
        self._now = 0.0

    # --- commands ------------------------------------------------------------------------------------------------

    def set_plans(self, plans: Mapping[str, Sequence[FreightTask]], now_s: float) -> None:
        """Replace plans; see `FreightWorld.set_plans`."""
        check_plans(plans, self.crafts, self._orders.waiting, sites=self._sites, depots=self._depots)
        self._now = now_s
        for vehicle_id, tasks in sorted(plans.items()):
            craft = self.crafts[vehicle_id]
            craft.plan = list(tasks)
            if not craft.locked and craft.state in {"driving", "staged", "queued"}:
                self._turn(craft)

    def _turn(self, craft: Craft) -> None:
        """Let a vehicle on its way, or waiting for a bay, follow a new plan."""
        goal = self._wanted(craft)
        now_at = craft.site if craft.site is not None else craft.goal.name if craft.goal is not None else None
        if goal is None or goal.name == now_at:
            return
        under_way = craft.goal.kind if craft.state == "driving" and craft.goal is not None else None
        if under_way == "hold" or (under_way == "depot" and not self._passes.fits(craft, goal, self._now)):
            return  # it may not be on the road: where it goes next is settled when it stands
        if self._leaving_site.get(craft.id) == goal.name or self._too_near(craft, goal):
            self._to_turn.add(craft.id)
            return
        self._quit_queue(craft)
        if craft.state == "staged":
            craft.state = "standing"  # it sets off when it may
        else:
            self._send(craft, goal)

    def _too_near(self, craft: Craft, goal: Goal) -> bool:
        """Whether a vehicle is too near to a goal to halt there: SUMO would take the stop, and lose it a step later."""
        area, where = self._area(goal), self._seen.get(craft.id)
        if where is None or craft.walks or where.edge != area.edge or where.pos_m > area.end_m:
            return False
        speed_mps = where.speed_mps + TURN_MPS
        room_m = speed_mps**2 / (2 * COMFORT_BRAKE_MPS2) + TURN_S * speed_mps
        # which place it gets is SUMO's choice: from the begin of the area on it may be one that lies behind
        last_m = area.end_m if where.speed_mps < STANDING_MPS else area.start_m
        return last_m - where.pos_m < room_m

    def _wanted(self, craft: Craft) -> Goal | None:
        """Return where a vehicle has to go for its plan; None for nowhere else than where it stands."""
        task = craft.plan[0] if craft.plan else None
        if isinstance(task, Call):
            return Goal("door" if craft.walks else "gate", task.site)
        if craft.fleet is None:
            return None
        depot = task.depot if isinstance(task, Rest) else craft.fleet.depot
        return None if craft.state == "standing" and craft.place == depot else Goal("depot", depot)

    # --- steps -----------------------------------------------------------------------------------------------------

    def step(self, facts: StepFacts, seen: Mapping[str, Seen], walked: Collection[str]) -> list[Event]:
        """Take in what happened in one step and let vehicles do what comes next; `walked` are robots now at a door."""
        self._now, self._seen = facts.time_s, seen
        if facts.stop_started or facts.arrived or walked:
            self._arrive(facts, walked)
        if self._to_turn:
            self._turn_late()
        if self._leaving_bay or self._leaving_site:
            self._leave_bays(seen)
        if seen:
            self._pass_gates(seen)
        self._watch_queues(seen)
        for craft in self.crafts.values():
            if craft.state == "handling":
                if craft.service_end_s is None or craft.service_end_s <= self._now:
                    self._handle(craft)
            elif craft.state == "standing" and (craft.plan or craft.fleet is None or craft.place != craft.fleet.depot):
                self._proceed(craft)  # with nothing to do at its depot it stays there
        self._call()
        return self._take()

    def _turn_late(self) -> None:
        """Let vehicles turn that were too near to where they are to go."""
        late, self._to_turn = sorted(self._to_turn), set()
        for craft in map(self.crafts.__getitem__, late):
            if not craft.locked and craft.state in {"driving", "staged", "queued"}:
                self._turn(craft)

    def _take(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _tell(self, *events: Event) -> None:
        self._events += events

    def _arrive(self, facts: StepFacts, walked: Collection[str]) -> None:
        for vehicle_id in sorted(self.crafts.keys() & {*facts.stop_started, *walked}):
            craft = self.crafts[vehicle_id]
            if craft.goal is not None:
                self._stop(craft, craft.goal)
        for vehicle_id in sorted(self.crafts.keys() & facts.arrived):
            craft = self.crafts[vehicle_id]
            if craft.lorry is None or craft.state != "away":
                msg = f"{vehicle_id} left the network at {self._now} s: the fleet must stay whole"
                raise InvariantError(msg)
            craft.state = "gone"

    def _stop(self, craft: Craft, goal: Goal) -> None:
        """Take note that a vehicle has come to its stop."""
        self._leave_site(craft)
        if goal.kind in {"gate", "staging"}:  # SUMO has let it into the lot
            self._enter(craft, goal.name, "staging")
            self._end_spill(craft)
            self._park(craft, goal)
            craft.state = "staged"
        elif goal.kind == "bay":
            self._dock(craft, goal.name)
        elif goal.kind == "door":
            self._enter(craft, goal.name, "door")
            self._park(craft, goal)
            craft.docked_s = self._now
            self._service.begin(craft, self._now)
        elif goal.kind == "depot":
            self._park(craft, goal)
            if craft.mission and not craft.cargo:
                craft.mission = False
                self._tell(MissionEnded(time_s=self._now, vehicle_id=craft.id, odometer_m=self._odometer_m(craft)))
        elif goal.kind == "hold":
            self._park(craft, goal)

    def _park(self, craft: Craft, goal: Goal) -> None:
        """Take note that a vehicle stands off the road."""
        craft.state, craft.place, craft.goal, craft.idle_since_s = "standing", goal.name, None, self._now
        craft.stands = self.location(goal)
        craft.mover.unwatch(craft.id)

    def location(self, goal: Goal) -> Location:
        """Return where on the road a goal lies."""
        area = self._area(goal)
        return Location(self._graph.index[area.edge], area.end_m)

    def _odometer_m(self, craft: Craft) -> float:
        return craft.mover.odometer_m(craft.id)

    def _enter(self, craft: Craft, site: str, place: str) -> None:
        if craft.site != site:
            self._leave_site(craft)
            craft.site = site
            self._tell(GateIn(time_s=self._now, vehicle_id=craft.id, site=site, place=place))

    def _dock(self, craft: Craft, name: str) -> None:
        self._enter(craft, name, "bay")
        self._end_spill(craft)
        self._park(craft, Goal("bay", name))
        craft.docked_s = self._now
        craft.slot_s = craft.slots_s.pop(name, None)
        bay = self._sites[name].yard.taken[craft.id]
        self._tell(DockIn(time_s=self._now, vehicle_id=craft.id, site=name, bay=bay, slot_begin_s=craft.slot_s))
        self._service.begin(craft, self._now)

    # --- at a place ------------------------------------------------------------------------------------------------

    def _handle(self, craft: Craft) -> None:
        if craft.service_end_s is None:
            self._tell(*self._service.wait(craft, self._now))
        if not self._service.is_over(craft, self._now):
            return
        self._tell(*self._service.end(craft, self._now))
        if craft.lorry is not None:
            self._send_away(craft, craft.lorry.exit_edge)
            return
        craft.state, craft.idle_since_s = "standing", self._now
        self._proceed(craft)

    def _proceed(self, craft: Craft) -> None:
        """Let a vehicle that stands set off for what comes next."""
        task = craft.plan[0] if craft.plan else None
        if isinstance(task, Rest) and craft.place == task.depot and len(craft.plan) > 1 and self._charged(craft, task):
            craft.plan.pop(0)
            task = craft.plan[0]
        if isinstance(task, Call) and task.site in {craft.bay_of, craft.site}:  # a further call at the same place
            craft.docked_s = self._now
            self._service.begin(craft, self._now)
            return
        goal = self._wanted(craft)
        if goal is None or craft.broken or (task is None and self._now - (craft.idle_since_s or 0.0) < GRACE_S):
            return
        if self._may_leave(craft, goal):
            self._go(craft, goal)

    def _charged(self, craft: Craft, task: Rest) -> bool:
        if task.charge_share is None or craft.capacity_kwh is None:
            return True
        return self._port.charge_wh(craft.id) >= 1000 * craft.capacity_kwh * task.charge_share - 1.0

    def _may_leave(self, craft: Craft, goal: Goal) -> bool:
        allowed = self._passes.may_leave(craft, goal, self._now)
        if allowed == craft.held:
            craft.held = not allowed
            place = str(craft.place)
            self._tell(
                PermitHoldEnded(time_s=self._now, vehicle_id=craft.id)
                if allowed
                else PermitHoldBegan(time_s=self._now, vehicle_id=craft.id, place=place)
            )
        return allowed

    # --- on the road -----------------------------------------------------------------------------------------------

    def _go(self, craft: Craft, goal: Goal) -> None:
        """Send a vehicle off, or elsewhere than where it is going."""
        if craft.state == "standing":
            self._set_off(craft)
            if not craft.mission and goal.kind in {"gate", "door"}:
                craft.mission = True
                self._tell(MissionBegan(time_s=self._now, vehicle_id=craft.id, odometer_m=self._odometer_m(craft)))
        self._send(craft, goal)

    def _set_off(self, craft: Craft) -> None:
        if craft.bay_of is not None:
            self._leaving_bay.add(craft.id)
            self._leaving_site[craft.id] = craft.bay_of
            craft.site = None
        elif craft.site is not None:  # from a door
            self._tell(GateOut(time_s=self._now, vehicle_id=craft.id, site=craft.site))
            craft.site = None
        craft.idle_since_s = None

    def _send(self, craft: Craft, goal: Goal) -> None:
        if craft.state in {"standing", "staged"}:
            craft.mover.watch(craft.id)
            craft.left = craft.place
        craft.mover.send(craft.id, self._area(goal))
        craft.state, craft.place, craft.goal = "driving", None, goal

    def _area(self, goal: Goal) -> ParkingArea:
        if goal.kind == "depot":
            return self._depots[goal.name]
        site = self._sites[goal.name]
        return site.place.dock if goal.kind in {"bay", "road", "door"} else site.gate.area

    def _send_away(self, craft: Craft, edge: str) -> None:
        self._set_off(craft)
        craft.mover.watch(craft.id)
        self._port.send_away(craft.id, edge)
        craft.state, craft.place, craft.goal = "away", None, None

    def hold(self, vehicle_id: str, name: str) -> None:
        """Send a vehicle to a depot or a staging lot, for it may not stay on the road, or where it waits."""
        craft, goal = self.crafts[vehicle_id], Goal("depot" if name in self._depots else "hold", name)
        if self._too_near(craft, goal):
            return  # the guard will find it on the road again
        if craft.held:
            craft.held = False
            self._tell(PermitHoldEnded(time_s=self._now, vehicle_id=craft.id))
        if craft.state == "standing":
            self._set_off(craft)
        else:
            self._quit_queue(craft)
        self._send(craft, goal)

    def _leave_bays(self, seen: Mapping[str, Seen]) -> None:
        for vehicle_id in sorted(self._leaving_bay & seen.keys()):
            craft = self.crafts[vehicle_id]
            self._leaving_bay.discard(vehicle_id)
            name, craft.bay_of = str(craft.bay_of), None
            bay = self._sites[name].yard.leave(vehicle_id)
            self._tell(DockOut(time_s=self._now, vehicle_id=vehicle_id, site=name, bay=bay))
        for vehicle_id in sorted(self._leaving_site.keys() & seen.keys()):
            if seen[vehicle_id].edge != self._sites[self._leaving_site[vehicle_id]].place.dock.edge:
                self._leave_site(self.crafts[vehicle_id])

    def _leave_site(self, craft: Craft) -> None:
        """Take note that a vehicle has left the site that it was leaving: on another road, or to stop beside this."""
        name = self._leaving_site.pop(craft.id, None)
        if name is not None:
            self._tell(GateOut(time_s=self._now, vehicle_id=craft.id, site=name))

    # --- gates and queues ------------------------------------------------------------------------------------------

    def _pass_gates(self, seen: Mapping[str, Seen]) -> None:
        reached = []
        for vehicle_id, where in seen.items():
            if where.edge not in self._gate_edges:
                continue
            craft = self.crafts.get(vehicle_id)
            if craft is None or craft.goal is None or craft.goal.kind != "gate" or vehicle_id in self._leaving_bay:
                continue
            site = self._sites[craft.goal.name]
            if self._leaving_site.get(vehicle_id) != site.name and site.gate.reached(where):
                reached.append((vehicle_id, craft, site))
        for _, craft, site in sorted(reached, key=lambda one: one[0]):
            self._assign(craft, site)

    def _assign(self, craft: Craft, site: Site) -> None:
        """Tell a vehicle at the gate where to go: a bay, the staging lot, or the end of the queue on the road."""
        slot_s = craft.slots_s.get(site.name)
        site.tail.discard(craft.id)
        if site.document.gate_s.value == 0 and site.yard.may_pass(craft.id, self._now, slot_s):
            self._take_bay(craft, site)
            return
        ready_s = self._now + site.document.gate_s.value
        if site.yard.free_staging > 0:
            self._end_spill(craft)
            site.yard.wait(Waiting(craft.id, "staging", ready_s, slot_s))
            self._redirect(craft, "staging", site)
        else:
            site.yard.wait(Waiting(craft.id, "road", ready_s, slot_s))
            self._port.wait_on_road(craft.id, site.gate.area.lane, site.gate.halt_m)
            craft.goal = Goal("road", site.name)

    def _redirect(self, craft: Craft, kind: GoalKind, site: Site) -> None:
        goal, now = Goal(kind, site.name), craft.goal
        if craft.state == "queued":
            craft.state, craft.place = "driving", None
        if now is None or now.kind == "road" or self._area(now) != self._area(goal):
            self._send(craft, goal)
        craft.goal = goal

    def _take_bay(self, craft: Craft, site: Site) -> None:
        self._end_spill(craft)
        site.yard.take(craft.id)
        craft.bay_of = site.name
        self._redirect(craft, "bay", site)

    def _watch_queues(self, seen: Mapping[str, Seen]) -> None:
        """See who stands on the road for want of a place: the queue spills back."""
        for site in self._sites.values():
            for waiting in site.yard.queue:
                craft = self.crafts[waiting.vehicle_id]
                where = seen.get(craft.id)
                if where is None or waiting.where != "road" or craft.halted_since_s is not None:
                    continue
                if where.speed_mps < STANDING_MPS:
                    self._halt(craft, site, where)
            if site.yard.queue or site.tail:
                self._watch_tail(site, seen)

    def _halt(self, craft: Craft, site: Site, where: Seen) -> None:
        """Take note that a vehicle stands in the queue on the road."""
        self._enter(craft, site.name, "queue")
        craft.state, craft.place = "queued", site.name
        craft.halted_since_s, craft.halted_edge = self._now, where.edge

    def _watch_tail(self, site: Site, seen: Mapping[str, Seen]) -> None:
        """See who stands further back than the gate, with nothing but standing vehicles up to the queue before it."""
        queue = {one.vehicle_id for one in site.yard.queue if self.crafts[one.vehicle_id].halted_since_s is not None}
        if not queue:
            for dissolved in map(self.crafts.__getitem__, sorted(site.tail)):  # it drives on to the gate
                self._end_spill(dissolved)
                dissolved.state, dissolved.place = "driving", None
            site.tail.clear()
            return
        for vehicle_id, where in seen.items():
            craft = self.crafts.get(vehicle_id)
            if craft is None or craft.goal != Goal("gate", site.name) or where.speed_mps >= STANDING_MPS:
                continue
            if vehicle_id in self._leaving_site or craft.halted_since_s is not None:
                continue
            if stands_behind(self._port, vehicle_id, queue | site.tail):
                site.tail.add(vehicle_id)
                self._halt(craft, site, where)

    def _end_spill(self, craft: Craft) -> None:
        if craft.halted_since_s is not None:
            self._tell(SpilledBack(
                time_s=self._now, vehicle_id=craft.id, site=str(craft.site), edge=craft.halted_edge,
                begin_s=craft.halted_since_s,
            ))  # fmt: skip
            craft.halted_since_s = None

    def _call(self) -> None:
        for site in self._sites.values():
            if not site.yard.queue:
                continue
            while (waiting := site.yard.next_for_bay(self._now, self._may_dock(site))) is not None:
                self._take_bay(self.crafts[waiting.vehicle_id], site)
            while (waiting := site.yard.next_for_staging()) is not None:
                craft = self.crafts[waiting.vehicle_id]
                self._end_spill(craft)
                site.yard.wait(Waiting(craft.id, "staging", waiting.ready_s, waiting.slot_s))
                self._redirect(craft, "staging", site)

    def _may_dock(self, site: Site) -> Callable[[str], bool]:
        """Ask permits of those in the lot: on the way to the bay they are on the road."""
        return lambda vehicle_id: self._may_leave(self.crafts[vehicle_id], Goal("bay", site.name))

    def _quit_queue(self, craft: Craft) -> None:
        """Let a vehicle leave a site that it does not call at any more."""
        for site in self._sites.values():
            site.yard.forget(craft.id)
            site.tail.discard(craft.id)
        self._end_spill(craft)
        if craft.site is not None:
            self._tell(GateOut(time_s=self._now, vehicle_id=craft.id, site=craft.site))
            craft.site = None

    # --- the end -----------------------------------------------------------------------------------------------------

    def close(self, now_s: float) -> Iterator[Event]:
        """Yield what the end of the run leaves: queues on the road."""
        self._now = now_s
        for craft in self.crafts.values():
            self._end_spill(craft)
        yield from self._take()
