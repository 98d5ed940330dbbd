"""Line patterns: the stops that the buses of one line call at, and when after the first departure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from sim.controllers.base import Parameters
from sim.controllers.timetable.driving import Driving
from sim.errors import ScenarioError
from sim.fields import Status
from sim.network.catalog import Network
from sim.network.walking import Place


class Section(Parameters):
    """A part of a pattern: a stretch of a line of the network, from `first` to `last`, or single `stops`."""

    line: str | None = Field(None, description="line of the network with its direction, as 97.out")
    first: str | None = Field(None, description="kerb the stretch starts at; the line's first unless set")
    last: str | None = Field(None, description="kerb the stretch ends at; the line's last unless set")
    stops: tuple[str, ...] = Field((), description="kerbs to call at, for a section that is no stretch of a line")
    set_down: bool = Field(
        default=False, description="nobody boards here, so buses go on without waiting for the timetable"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if bool(self.stops) == bool(self.line):
            msg = "a section has either `line` or `stops`"
            raise ValueError(msg)
        if self.stops and (self.first or self.last):
            msg = "`first` and `last` belong to a section with `line`"
            raise ValueError(msg)
        return self


class PatternPlan(Parameters):
    """A line as the operator draws it."""

    line: str = Field(
        pattern=r"^\S+$",
        description="what stands on the bus; riders board by it (SUMO parts lines by spaces)",
    )
    sections: tuple[Section, ...] = Field(min_length=1)
    policy_headway_s: float = Field(
        1200,
        gt=0,
        description="nobody waits longer for a departure while riders are expected, however few they are",
    )
    status: Status = "assumed"
    source: str = Field(description="where the line comes from")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A line's calls: `offsets_s[i]` is the departure at `stops[i]`, seconds after that at `stops[0]`.

    Riders board at the first `boarding` stops. `edges` lead from the first stop to the last, both included.
    """

    line: str
    stops: tuple[str, ...]
    boarding: int
    places: tuple[Place, ...]
    offsets_s: tuple[float, ...]
    edges: tuple[str, ...]
    policy_headway_s: float

    @property
    def run_s(self) -> float:
        """Return the planned time from the first departure to the end of the last call."""
        return self.offsets_s[-1]


@dataclass(frozen=True, slots=True)
class Drawing:
    """What turns stops into patterns.

    `call_s` is what each call adds to the time of driving past, `queue_s` what the peak adds between the last
    boarding stop and the first where riders are only set down.
    """

    network: Network
    driving: Driving
    call_s: float
    queue_s: float

    def pattern(self, line: str, stops: tuple[str, ...], *, boarding: int, policy_headway_s: float) -> Pattern:
        """Return the pattern that drives from stop to stop the quickest way."""
        places = tuple(stop_place(self.network, stop) for stop in stops)
        edges, offsets_s = [places[0].edge], [0.0]
        for number, (start, end) in enumerate(pairwise(places), 1):
            way = self.driving.way(start, end)
            edges += way.edges[1:]
            queue_s = self.queue_s if number == boarding else 0.0
            offsets_s.append(offsets_s[-1] + way.time_s + self.call_s + queue_s)
        return Pattern(line, stops, boarding, places, tuple(offsets_s), tuple(edges), policy_headway_s)

    def without(self, pattern: Pattern, idle: Collection[str]) -> Pattern:
        """Return a pattern that passes the stops in `idle`."""
        stops = tuple(stop for stop in pattern.stops if stop not in idle)
        passed = sum(stop in idle for stop in pattern.stops[: pattern.boarding])
        return self.pattern(
            pattern.line, stops, boarding=pattern.boarding - passed, policy_headway_s=pattern.policy_headway_s
        )


def draw_patterns(plans: tuple[PatternPlan, ...], drawing: Drawing) -> tuple[Pattern, ...]:
    """Return the patterns with all their stops.

    Raises
    ------
    ScenarioError
        A line or stop is not in the network, a pattern calls nowhere or twice, or two patterns have one name.
    """
    names = [plan.line for plan in plans]
    if twins := sorted({name for name in names if names.count(name) > 1}):
        msg = f"{_WHERE}: line {twins[0]!r} stands twice; riders tell patterns apart by the line"
        raise ScenarioError(msg)
    return tuple(_draw(plan, drawing) for plan in plans)


_WHERE = "controllers.shuttle.parameters.patterns"


def _draw(plan: PatternPlan, drawing: Drawing) -> Pattern:
    calls = [(stop, part.set_down) for part in plan.sections for stop in _stops(part, plan, drawing.network)]
    stops, set_down = tuple(stop for stop, _ in calls), [last for _, last in calls]
    if len(set(stops)) < max(2, len(stops)):
        msg = f"{_WHERE}: {plan.line!r} needs at least two stops, each once; found {', '.join(stops) or 'none'}"
        raise ScenarioError(msg)
    if set_down[0] or sorted(set_down) != set_down:
        msg = f"{_WHERE}: {plan.line!r} sets down before it takes up; allowed is set_down for the last sections"
        raise ScenarioError(msg)
    return drawing.pattern(plan.line, stops, boarding=set_down.count(False), policy_headway_s=plan.policy_headway_s)


def stop_place(network: Network, stop: str) -> Place:
    """Return where the front of a bus stands at a stop."""
    kerb = network.stops[stop]
    return Place(kerb.edge, kerb.end_m)


def _stops(section: Section, plan: PatternPlan, network: Network) -> Iterator[str]:
    for stop in (*section.stops, section.first, section.last):
        if stop is not None and stop not in network.stops:
            msg = f"{_WHERE}: {plan.line!r} calls at {stop!r}; allowed are kerbs of {network.name}, as B001+"
            raise ScenarioError(msg)
    if section.line is None:
        yield from section.stops
        return
    if section.line not in network.lines:
        allowed = ", ".join(sorted(network.lines))
        msg = f"{_WHERE}: {plan.line!r} follows line {section.line!r}; allowed are {allowed}"
        raise ScenarioError(msg)
    calls = network.lines[section.line].stops
    first, last = section.first or calls[0], section.last or calls[-1]
    if first not in calls or last not in calls or calls.index(first) > calls.index(last):
        stretch = f"{section.line} from {first} to {last}"
        msg = f"{_WHERE}: {plan.line!r} takes {stretch}; the line calls at {', '.join(calls)}"
        raise ScenarioError(msg)
    yield from calls[calls.index(first) : calls.index(last) + 1]
