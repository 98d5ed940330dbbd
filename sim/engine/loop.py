"""The loop of one run: SUMO one step at a time, facts observed, the controller asked, plans carried out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sim.engine.body import WorldBody
from sim.engine.dwells import Dwells
from sim.engine.freight.run import GOODS_SAMPLE_S, FreightRun
from sim.engine.inputs import options, write_inputs
from sim.engine.meeting import meeting_points
from sim.engine.observer import FleetVehicle, Observer
from sim.engine.resolve import Resolved, guarded
from sim.engine.riders import Riders
from sim.engine.sumo import EngineName, StepFacts, SumoPort
from sim.engine.supervision import Supervision
from sim.engine.times import SAMPLE_S, EdgeTimes
from sim.engine.view import view_options
from sim.errors import EngineError, InvariantError
from sim.events import Event, VehicleBrokeDown
from sim.rundir import SUMO_LOG, RunDir
from sim.world import Load

End = Literal["finished", "interrupted"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is; `goods` are orders, lorries and finished cars, None in one without freight."""

    time_s: float
    begin_s: float
    horizon_s: float
    vehicles: int
    unsettled: int
    goods: int | None


@dataclass(slots=True)
class Outcome:
    """How a run ended, and what it cost from SUMO's start to its close; CPU time is this process's."""

    end: End
    sumo_version: str
    steps: int = 0
    end_s: float = 0.0
    vehicle_seconds: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    dispatch_ms: list[float] = field(default_factory=list)
    controller_cpu_s: float = 0.0


class Loop:
    """Steps one resolved run through one engine.

    Parameters
    ----------
    resolved
        The run's inputs.
    run
        Where it writes.
    engine
        libsumo, traci or gui.
    stop
        Asked before every step: True ends the run in order, as interrupted.
    report
        Called with the progress a few times a second.
    """

    def __init__(
        self,
        resolved: Resolved,
        run: RunDir,
        *,
        engine: EngineName,
        stop: Callable[[], bool],
        report: Callable[[Progress], None],
        play: bool = True,
    ) -> None:
        self._resolved, self._run, self._stop, self._report = resolved, run, stop, report
        self._engine, self._play = engine, play

    def run(self) -> Outcome:
        """Run to the end and write every event; SUMO is closed whatever happens."""
        scenario, service = self._resolved.scenario, self._resolved.service
        freight = self._resolved.freight
        chosen = write_inputs(
            self._run.inputs, scenario, self._resolved.network, self._resolved.population, service, freight=freight
        ) | options(scenario, service, work=self._run.work, freight=freight)
        if self._engine == "gui":
            chosen |= view_options(self._resolved, self._run.inputs, play=self._play)
        began, cpu = time.perf_counter(), time.process_time()
        with SumoPort(self._engine, chosen, log=self._run.work / SUMO_LOG) as port:
            self._port = port
            self._open()
            outcome = self._drive()
        outcome.wall_s, outcome.cpu_s = time.perf_counter() - began, time.process_time() - cpu
        return outcome

    def _open(self) -> None:
        resolved, scenario = self._resolved, self._resolved.scenario
        self._observer = Observer(
            self._port, resolved.service.riders, resolved.population.cars, fleet_vehicles(resolved),
            taxis=resolved.service.taxi != "none", books=resolved.service.taxi == "world",
        )  # fmt: skip
        self._supervision: Supervision | None = None
        if scenario.supervision is not None:
            self._recovery_s = scenario.supervision.recovery_s.value
            self._supervision = Supervision(
                self._port, scenario, scenario.supervision, [vehicle.id for vehicle in resolved.service.vehicles],
                on_duty=self._observer.on_duty, stopped=self._observer.stopped,
            )  # fmt: skip
        self._times = EdgeTimes(resolved.graph, vclass="taxi", time_s=scenario.time.begin_s)
        self._dwells = Dwells(self._port, resolved.graph, self._times, scenario.fleet)
        limits = scenario.requests
        plans = resolved.service.riders if resolved.service.taxi == "world" else ()
        riders = Riders(
            self._port, resolved.graph, plans, self._observer.journeys, limits=limits, step_s=scenario.time.step_s,
            meeting=meeting_points([plan.rider for plan in plans], resolved.network, resolved.graph, limits),
        )  # fmt: skip
        self._world = WorldBody(
            self._port, self._run, graph=resolved.graph, times=self._times, dwells=self._dwells,
            observer=self._observer, riders=riders,
            no_show_wait_s=limits.no_show_wait_s,
            supervision=self._supervision,
        )  # fmt: skip
        self._freight: FreightRun | None = None
        if resolved.freight is not None:
            self._freight = FreightRun(
                self._port, self._run, scenario=scenario, setup=resolved.freight, goods=resolved.population.goods,
                network=resolved.network, graph=resolved.graph,
            )  # fmt: skip

    def _drive(self) -> Outcome:
        scenario = self._resolved.scenario
        outcome = Outcome("interrupted", self._port.version())
        deadline = time.perf_counter() + scenario.limits.wall_s
        self._begin()
        vehicles, shown = 0, 0.0
        while not self._stop():
            facts = self._port.step()
            now = facts.time_s
            events = self._observe(facts)
            outcome.steps += 1
            # counted here: asking SUMO is a walk over all vehicles, 2 % of a morning
            vehicles += len(facts.departed) - len(facts.arrived)
            taken_out = 0 if self._freight is None else self._freight.taken_out
            driving = vehicles - len(self._observer.cars.parked) - taken_out
            outcome.vehicle_seconds += driving * scenario.time.step_s
            events += self._serve(facts, events, outcome)
            self._run.write_events(events)
            wall = time.perf_counter()
            if wall - shown > 0.25:
                shown = wall
                self._report(self._progress(now, driving))
            if self._over(now, facts.expected):
                outcome.end = "finished"
                break
            if wall > deadline:
                msg = f"the run took longer than limits.wall_s = {scenario.limits.wall_s:.0f} s; it was at {now:.0f} s"
                raise EngineError(msg)
        self._finish(outcome)
        return outcome

    def _begin(self) -> None:
        """Let controllers look at the world before the first step."""
        scenario, controller, freight = self._resolved.scenario, self._resolved.controller, self._freight
        if self._controlled and controller is not None:
            self._world.step(self._port.time_s - scenario.time.step_s)
            self._world.look(self._port.time_s)
            guarded(controller.start, self._world)
        if freight is not None:
            self._run.write_events(freight.open(self._port.time_s))
            if self._resolved.dispatcher is not None:
                guarded(self._resolved.dispatcher.start, freight.world)

    @property
    def _controlled(self) -> bool:
        return self._resolved.service.taxi == "world"

    def _observe(self, facts: StepFacts) -> list[Event]:
        """Return what happened in a step, whoever decides."""
        events = self._observer.step(facts)
        if self._supervision is not None:
            events += self._supervision.step(facts.time_s)
        if self._freight is not None:
            events += self._freight.step(facts)
        return events

    def _serve(self, facts: StepFacts, events: list[Event], outcome: Outcome) -> list[Event]:
        """Let the world follow what happened in a step, and controllers decide; return what comes of it."""
        now, found = facts.time_s, list[Event]()
        if self._controlled:
            self._dwells.step(facts, events, self._observer.on_duty)
            found += self._world.follow(events)
            for broken in (one for one in [*events, *found] if isinstance(one, VehicleBrokeDown)):
                self._world.break_down(broken.vehicle_id, now + self._recovery_s)
            self._world.step(now)
        self._learn(now)
        if self._controlled:
            found += self._control(now, outcome)
        if self._freight is not None:
            found += self._dispatch(self._freight, now, outcome)
        return found

    def _control(self, now: float, outcome: Outcome) -> list[Event]:
        scenario, controller = self._resolved.scenario, self._resolved.controller
        use = scenario.controllers.shuttle
        if controller is None or use is None:
            return []
        if self._observer.unsettled == 0:
            self._world.carry_out()  # vehicles still come to rest
            return self._world.take_decisions()
        if _due(now, use.period_s, scenario.time.step_s):
            began, cpu = time.perf_counter(), time.thread_time()
            self._world.look(now)
            guarded(controller.step, self._world)
            outcome.dispatch_ms.append((time.perf_counter() - began) * 1000)
            outcome.controller_cpu_s += time.thread_time() - cpu
        self._world.carry_out()
        return self._world.take_decisions()

    def _learn(self, now: float) -> None:
        """Learn travel times from the traffic on each edge, for those who plan with them."""
        riders = self._controlled and self._observer.unsettled > 0 and self._resolved.controller is not None
        goods = self._freight is not None and self._resolved.dispatcher is not None and self._freight.has_orders
        period_s = SAMPLE_S if riders else GOODS_SAMPLE_S
        if not (riders or goods) or not _due(now, period_s, self._resolved.scenario.time.step_s):
            return
        traffic = self._port.edge_counts(self._resolved.graph.ids)
        if riders:
            self._times.sample(now, *traffic)
            self._times.refresh(now, self._world.places())
        if goods and self._freight is not None:
            self._freight.sample(now, *traffic)

    def _dispatch(self, freight: FreightRun, now: float, outcome: Outcome) -> list[Event]:
        scenario, dispatcher = self._resolved.scenario, self._resolved.dispatcher
        use = scenario.controllers.freight
        if dispatcher is None or use is None or not freight.has_orders:
            return []
        if _due(now, use.period_s, scenario.time.step_s):
            began, cpu = time.perf_counter(), time.thread_time()
            guarded(dispatcher.step, freight.world)
            outcome.dispatch_ms.append((time.perf_counter() - began) * 1000)
            outcome.controller_cpu_s += time.thread_time() - cpu
        return freight.world.take_decisions()

    def _over(self, now: float, expected: int) -> bool:
        span = self._resolved.scenario.time
        now += span.step_s
        if now < span.end_s:
            return False
        fleet = len(self._observer.fleet) - len(self._observer.towed)
        others = expected - fleet - len(self._observer.cars.parked)
        unsettled = self._observer.unsettled
        if self._freight is not None:
            others -= self._freight.present
            unsettled += self._freight.unsettled
        return now >= span.horizon_s or (unsettled == 0 and others <= 0)

    def _finish(self, outcome: Outcome) -> None:
        controller = self._resolved.controller
        outcome.end_s = self._port.time_s
        events: list[Event] = []
        if controller is not None and self._resolved.service.taxi == "world":
            guarded(controller.finish, self._world)
            self._world.close()
            events += self._world.take_decisions()
        if self._freight is not None:
            if self._resolved.dispatcher is not None:
                guarded(self._resolved.dispatcher.finish, self._freight.world)
                events += self._freight.world.take_decisions()
            events += self._freight.close(outcome.end_s)
        events += self._observer.close(outcome.end_s)
        self._run.write_events(events)
        fleet = len(self._observer.fleet)
        absent = sum(
            vehicle.started_s is None and one.depart_s < outcome.end_s
            for one in self._resolved.service.vehicles
            for vehicle in [self._observer.fleet[one.id]]
        )
        if absent and outcome.end == "finished":
            msg = f"{absent} of {fleet} vehicles found no way out of the depot: fleet.count is too large"
            raise InvariantError(msg)
        if self._observer.unsettled < 0:
            msg = f"{-self._observer.unsettled} riders have more than one outcome"
            raise InvariantError(msg)

    def _progress(self, now: float, vehicles: int) -> Progress:
        span = self._resolved.scenario.time
        goods = None if self._freight is None else self._freight.unsettled
        return Progress(now, span.begin_s, span.horizon_s, vehicles, self._observer.unsettled, goods)


def fleet_vehicles(resolved: Resolved) -> list[FleetVehicle]:
    """Return what each vehicle of the service is."""
    fleet = resolved.scenario.fleet
    kinds = {part.name: part.vehicles for part in fleet.parts} if fleet is not None else {}
    return [
        FleetVehicle(
            one.id,
            group=one.group,
            capacity=Load(kinds[one.group].seats, kinds[one.group].wheelchairs),
            battery=kinds[one.group].battery is not None,
            duty_end_s=math.inf if one.duty is None else float(kinds[one.group].duties[one.duty].end_s),
        )
        for one in resolved.service.vehicles
    ]


def _due(now: float, period_s: float, step_s: float) -> bool:
    """Whether a multiple of the period lies in the step that began at `now`."""
    return int(now / period_s + 1e-9) > int((now - step_s) / period_s + 1e-9)
