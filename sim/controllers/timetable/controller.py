"""The timetable as a service: everything is settled before the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pydantic import Field

from sim.controllers.base import Inputs, Parameters, Preparation
from sim.controllers.timetable.departures import Expected, Trip, even_load_departures
from sim.controllers.timetable.driving import Driving
from sim.controllers.timetable.journeys import (
    Departures,
    Journey,
    Option,
    Seats,
    Walking,
    find_options,
    idle_calls,
    plan_journeys,
    quickest,
)
from sim.controllers.timetable.lines import BITGREEN
from sim.controllers.timetable.patterns import Drawing, Pattern, PatternPlan, draw_patterns
from sim.controllers.timetable.schedule import (
    Duty,
    Operation,
    chain_trips,
    fit_fleet,
    service_vehicles,
)
from sim.demand.population import Rider
from sim.errors import ScenarioError
from sim.fleet_document import Fleet
from sim.network.parking import parking_areas
from sim.network.walking import Place
from sim.world import World


class TimetableParameters(Parameters):
    """How the operator plans. Figures without another word are assumed."""

    patterns: tuple[PatternPlan, ...] = Field(BITGREEN, min_length=1, description="the lines run by the fleet")
    running_time_factor: float = Field(
        1.2, ge=1, description="planned driving in service over free flow: signals and the peak"
    )
    deadhead_factor: float = Field(1.15, ge=1, description="the same for empty runs, most of them against the peak")
    call_loss_s: float = Field(10, ge=0, description="braking and starting at a call, on top of the standing time")
    queue_s: float = Field(
        240, ge=0, description="what the peak adds before the first stop where riders are only set down"
    )
    layover_s: float = Field(120, ge=0, description="least time between arrival at a first stop and departure")
    call_share: float = Field(
        0.05,
        ge=0,
        lt=1,
        description="least share of a line's riders for whom its buses call at a boarding stop",
    )
    max_walk_m: float = Field(1500, gt=0, description="farthest walk to or from a stop")
    margin_s: float = Field(90, ge=0, description="how long before the departure riders plan to be at the stop")
    fill: float = Field(0.95, gt=0, le=1, description="share of the seats that an expected load may take up")


class Timetable:
    """Buses on lines with even loads, for riders who leave home for their departure.

    The operator knows how many ride from where to which shift, as a yearly count would tell. Here the count
    is the morning itself: the best case for a timetable.
    """

    Parameters = TimetableParameters

    def __init__(self, parameters: TimetableParameters) -> None:
        self._parameters = parameters

    def prepare(self, inputs: Inputs) -> Preparation:
        """Draw up lines, departures, vehicle schedules and journeys."""
        own = self._parameters
        fleet, duty = _duty(inputs, own.layover_s)
        service = Driving(inputs.graph, fleet.max_speed_mps, own.running_time_factor)
        operation = Operation(duty, Driving(inputs.graph, fleet.max_speed_mps, own.deadhead_factor))
        call_s = fleet.boarding_s + own.call_loss_s
        patterns, options = self._lines(inputs, Drawing(inputs.network, service, call_s, own.queue_s))
        earliest_s = {pattern.line: operation.earliest_departure_s(pattern) for pattern in patterns}
        schedules = fit_fleet(
            _trips_at(patterns, self._expected(inputs.riders, options), earliest_s),
            lambda trips: chain_trips(trips, operation),
            count=fleet.size,
            load=fleet.seats * own.fill,
        )
        planned = []
        for chains in schedules:
            departures = Departures([trip for chain in chains for trip in chain], own.margin_s, duty.horizon_s)
            planned.append((plan_journeys(inputs.riders, options, departures, Seats(fleet.seats)), chains))
        journeys, chains = min(planned, key=lambda pair: _score(pair[0]))
        return Preparation(
            vehicles=service_vehicles(chains, operation, count=fleet.size),
            riders=tuple(journey.plan for journey in journeys),
        )

    def _lines(self, inputs: Inputs, drawing: Drawing) -> tuple[tuple[Pattern, ...], list[tuple[Option, ...]]]:
        """Return the patterns without idle calls, and what they offer each rider."""
        own, riders = self._parameters, inputs.riders
        walking = Walking(inputs.scenario.requests.walk_speed_mps, own.max_walk_m)
        patterns = draw_patterns(own.patterns, drawing)
        options = find_options(riders, patterns, inputs.network, inputs.graph, walking)
        idle = idle_calls(riders, options, share=own.call_share, margin_s=own.margin_s)
        # a line that nobody rides gets no trips: it stays as drawn
        patterns = tuple(drawing.without(pattern, idle.get(pattern.line, ())) for pattern in patterns)
        return patterns, find_options(riders, patterns, inputs.network, inputs.graph, walking)

    def _expected(self, riders: Sequence[Rider], options: Sequence[tuple[Option, ...]]) -> dict[str, list[Expected]]:
        """Count all who travel on the pattern that would be quickest for them if a bus came at once."""
        expected: dict[str, list[Expected]] = {}
        for rider, choices in zip(riders, options, strict=True):
            if not choices:
                continue
            best, ready_s = quickest(rider, choices, self._parameters.margin_s)
            latest_s = float("inf") if rider.latest_arrival_s is None else rider.latest_arrival_s - best.arrival_s(0)
            expected.setdefault(best.pattern.line, []).extend([Expected(ready_s, latest_s)] * rider.size)
        return expected

    def start(self, world: World) -> None:
        """Nothing to decide."""

    def step(self, world: World) -> None:
        """Nothing to decide."""

    def finish(self, world: World) -> None:
        """Nothing to settle."""


def _trips_at(
    patterns: Sequence[Pattern], expected: Mapping[str, Sequence[Expected]], earliest_s: Mapping[str, float]
) -> Callable[[float, float], list[Trip]]:
    """Return the trips of all patterns as a function of the aimed load and of the slack."""

    def trips(load: float, slack_s: float) -> list[Trip]:
        return [
            Trip(pattern, departure_s)
            for pattern in patterns
            for departure_s in even_load_departures(
                expected.get(pattern.line, ()),
                load=load,
                policy_headway_s=pattern.policy_headway_s,
                earliest_s=earliest_s[pattern.line],
                slack_s=slack_s,
            )
        ]

    return trips


def _score(journeys: Sequence[Journey]) -> tuple[int, int, float]:
    """Return what makes a timetable worse: riders refused, then late, then the time from wish to door."""
    served = [journey for journey in journeys if journey.plan.refused is None]
    total_s = sum(journey.arrival_s - journey.plan.rider.earliest_s for journey in served)
    return len(journeys) - len(served), sum(journey.late for journey in served), total_s


def _duty(inputs: Inputs, layover_s: float) -> tuple[Fleet, Duty]:
    fleet = inputs.scenario.fleet
    if fleet is not None and (fleet.groups or fleet.duties):
        msg = "fleet: the timetable plans with equal vehicles that are on duty all the time, no groups and no duties"
        raise ScenarioError(msg)
    if fleet is None or fleet.depot is None:
        msg = "fleet.depot: none; the timetable needs a fleet with a depot to start from and return to"
        raise ScenarioError(msg)
    areas = parking_areas(inputs.network)
    if fleet.depot not in areas:
        msg = f"fleet.depot: unknown parking area {fleet.depot!r}; allowed are {', '.join(areas) or 'none'}"
        raise ScenarioError(msg)
    area, span = areas[fleet.depot], inputs.scenario.time
    return fleet, Duty(fleet.depot, Place(area.edge, area.end_m), span.begin_s, span.horizon_s, layover_s)
