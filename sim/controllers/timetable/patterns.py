"""Line patterns: the stops that the buses of one line call at, and when after the first departure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from pydantic import Field

from sim.controllers.base import Parameters
from sim.controllers.timetable.driving import Driving
from sim.controllers.timetable.walking import Place
from sim.errors import ScenarioError
from sim.network.catalog import Network
from sim.scenario import Status


class Section(Parameters):
    """A part of a pattern: a stretch of a line of the network, from `first` to `last`, or single `stops`."""

    line: str | None = Field(None, description="line of the network with its direction, as 97.out")
    first: str | None = Field(None, description="kerb the stretch starts at; the line's first unless set")
    last: str | None = Field(None, description="kerb the stretch ends at; the line's last unless set")
    stops: tuple[str, ...] = Field((), description="kerbs to call at, for a section that is no stretch of a line")


class PatternPlan(Parameters):
    """A line as the operator draws it."""

    line: str = Field(min_length=1, description="what stands on the bus; riders board by it")
    sections: tuple[Section, ...] = Field(min_length=1)
    policy_headway_s: float = Field(
        1200, gt=0, description="nobody waits longer for a departure while riders are expected, however few they are"
    )
    status: Status = "assumed"
    source: str = Field(description="where the line comes from")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A line's calls: `offsets_s[i]` is the departure at `stops[i]`, seconds after that at `stops[0]`.

    `edges` lead from the first stop to the last, both included.
    """

    line: str
    stops: tuple[str, ...]
    places: tuple[Place, ...]
    offsets_s: tuple[float, ...]
    edges: tuple[str, ...]
    policy_headway_s: float

    @property
    def run_s(self) -> float:
        """Return the planned time from the first departure to the end of the last call."""
        return self.offsets_s[-1]


def build_patterns(
    plans: tuple[PatternPlan, ...], network: Network, driving: Driving, *, call_s: float
) -> tuple[Pattern, ...]:
    """Return the patterns; `call_s` is what each call adds to the time of driving past.

    Raises
    ------
    ScenarioError
        A line or stop is not in the network, or two patterns have one name.
    """
    names = [plan.line for plan in plans]
    if twins := sorted({name for name in names if names.count(name) > 1}):
        msg = f"{_WHERE}: line {twins[0]!r} stands twice; riders tell patterns apart by the line"
        raise ScenarioError(msg)
    return tuple(_build(plan, network, driving, call_s) for plan in plans)


_WHERE = "controllers.shuttle.parameters.patterns"


def _build(plan: PatternPlan, network: Network, driving: Driving, call_s: float) -> Pattern:
    stops = tuple(stop for section in plan.sections for stop in _stops(section, plan, network))
    if len(set(stops)) < max(2, len(stops)):
        msg = f"{_WHERE}: {plan.line!r} needs at least two stops, each once; found {', '.join(stops) or 'none'}"
        raise ScenarioError(msg)
    places = tuple(stop_place(network, stop) for stop in stops)
    edges, offsets_s = [places[0].edge], [0.0]
    for start, end in pairwise(places):
        way = driving.way(start, end)
        edges += way.edges[1:]
        offsets_s.append(offsets_s[-1] + way.time_s + call_s)
    return Pattern(plan.line, stops, places, tuple(offsets_s), tuple(edges), plan.policy_headway_s)


def stop_place(network: Network, stop: str) -> Place:
    """Return where the front of a bus stands at a stop."""
    kerb = network.stops[stop]
    return Place(kerb.edge, kerb.end_m)


def _stops(section: Section, plan: PatternPlan, network: Network) -> Iterator[str]:
    for stop in (*section.stops, section.first, section.last):
        if stop is not None and stop not in network.stops:
            msg = f"{_WHERE}: {plan.line!r} calls at {stop!r}; allowed are the kerbs of network {network.name}, as B001+"
            raise ScenarioError(msg)
    if section.line is None:
        yield from section.stops
        return
    if section.line not in network.lines:
        msg = f"{_WHERE}: {plan.line!r} follows line {section.line!r}; allowed are {', '.join(sorted(network.lines))}"
        raise ScenarioError(msg)
    calls = network.lines[section.line].stops
    first, last = section.first or calls[0], section.last or calls[-1]
    if first not in calls or last not in calls or calls.index(first) > calls.index(last):
        msg = f"{_WHERE}: {plan.line!r} takes {section.line} from {first} to {last}; it calls at {', '.join(calls)}"
        raise ScenarioError(msg)
    yield from calls[calls.index(first) : calls.index(last) + 1]
