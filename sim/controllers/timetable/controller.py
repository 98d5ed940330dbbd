"""The timetable as a service: everything is settled before the run."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from sim.controllers import base
from sim.controllers.base import Inputs, Preparation
from sim.controllers.timetable.departures import Expected, Trip, even_load_departures
from sim.controllers.timetable.driving import Driving
from sim.controllers.timetable.journeys import (
    Option, Seats, Timetable as Trips, Walking, find_options, plan_journeys,
)  # fmt: skip
from sim.controllers.timetable.lines import BITGREEN
from sim.controllers.timetable.patterns import Pattern, PatternPlan, build_patterns
from sim.controllers.timetable.schedule import Duty, earliest_departure_s, fit_fleet, service_vehicles
from sim.controllers.timetable.walking import Place
from sim.demand.population import Rider
from sim.errors import ScenarioError
from sim.network.parking import parking_areas
from sim.scenario import Fleet
from sim.world import World


class Parameters(base.Parameters):
    """How the operator plans. Figures without another word are assumed."""

    patterns: tuple[PatternPlan, ...] = Field(BITGREEN, min_length=1, description="the lines run by the fleet")
    running_time_factor: float = Field(
        1.35, ge=1, description="planned driving over free flow: signals and peak add 25 to 40 %"
    )
    call_loss_s: float = Field(10, ge=0, description="braking and starting at a call, on top of the standing time")
    layover_s: float = Field(180, ge=0, description="least time between arrival at a first stop and departure")
    max_walk_m: float = Field(1500, gt=0, description="farthest walk to or from a stop")
    margin_s: float = Field(90, ge=0, description="how long before the departure riders plan to be at the stop")
    fill: float = Field(0.85, gt=0, le=1, description="share of the seats that an expected load may take up")


class Timetable:
    """Buses on lines with even loads, run by the fewest vehicles, for riders who leave home for their departure.

    The operator knows how many ride from where to which shift, as a yearly count would tell; here the count is
    the morning itself, the best case for a timetable.
    """

    Parameters = Parameters

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    def prepare(self, inputs: Inputs) -> Preparation:
        """Draw up lines, departures, vehicle schedules and journeys."""
        fleet, duty = _duty(inputs, self._parameters.layover_s)
        driving = Driving(inputs.graph, fleet.max_speed_mps, self._parameters.running_time_factor)
        patterns = build_patterns(
            self._parameters.patterns, inputs.network, driving, call_s=fleet.boarding_s + self._parameters.call_loss_s
        )
        walking = Walking(inputs.scenario.requests.walk_speed_mps, self._parameters.max_walk_m)
        options = find_options(inputs.riders, patterns, inputs.network, inputs.graph, walking)
        expected = self._expected(inputs.riders, options)
        earliest_s = {pattern.line: earliest_departure_s(pattern, driving, duty) for pattern in patterns}

        def trips_at(load: float) -> list[Trip]:
            return [
                Trip(pattern, departure_s)
                for pattern in patterns
                for departure_s in even_load_departures(
                    expected.get(pattern.line, []),
                    load=load,
                    policy_headway_s=pattern.policy_headway_s,
                    earliest_s=earliest_s[pattern.line],
                )
            ]

        chains = fit_fleet(
            trips_at, driving, count=fleet.count, seats=fleet.seats, fill=self._parameters.fill, layover_s=duty.layover_s
        )
        trips = Trips([trip for chain in chains for trip in chain], self._parameters.margin_s, duty.horizon_s)
        return Preparation(
            vehicles=service_vehicles(chains, driving, duty, count=fleet.count),
            riders=plan_journeys(inputs.riders, options, trips, Seats(fleet.seats)),
        )

    def _expected(
        self, riders: Sequence[Rider], options: Sequence[tuple[Option, ...]]
    ) -> dict[str, list[Expected]]:
        """Count each rider on the pattern that would be quickest if a bus came at once."""
        expected: dict[str, list[Expected]] = {}
        for rider, choices in zip(riders, options, strict=True):
            if not choices:
                continue
            ready = [(rider.earliest_s - choice.leave_s(0, self._parameters.margin_s), choice) for choice in choices]
            ready_s, best = min(ready, key=lambda pair: (pair[1].arrival_s(pair[0]), pair[1].pattern.line, pair[0]))
            latest_s = float("inf") if rider.latest_arrival_s is None else rider.latest_arrival_s - best.arrival_s(0)
            expected.setdefault(best.pattern.line, []).append(Expected(ready_s, latest_s))
        return expected

    def start(self, world: World) -> None:
        """Nothing to decide."""

    def step(self, world: World) -> None:
        """Nothing to decide."""

    def finish(self, world: World) -> None:
        """Nothing to settle."""


def _duty(inputs: Inputs, layover_s: float) -> tuple[Fleet, Duty]:
    fleet = inputs.scenario.fleet
    if fleet is None or fleet.depot is None:
        msg = "fleet.depot: none; the timetable needs a fleet with a depot to start from and return to"
        raise ScenarioError(msg)
    areas = parking_areas(inputs.network)
    if fleet.depot not in areas:
        msg = f"fleet.depot: unknown parking area {fleet.depot!r}; allowed are {', '.join(areas) or 'none'}"
        raise ScenarioError(msg)
    area, span = areas[fleet.depot], inputs.scenario.time
    return fleet, Duty(fleet.depot, Place(area.edge, area.end_m), span.begin_s, span.horizon_s, layover_s)
