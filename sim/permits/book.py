"""What the permits of a scenario allow, compiled for a network: the engine and its guard read it, all of it is pure.

A window recurs every day; one that ends after 24:00 reaches into the next. Several permits add up: a vehicle may be
where one of them covers it, at the highest speed among those that do.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sim.errors import ScenarioError
from sim.freight import DrivingWindow
from sim.network.catalog import Network
from sim.network.graph import BoolArray, EdgeGraph, FloatArray
from sim.permit_document import CREW_STAGES, Crew, Outside, Permit, Window
from sim.permits.zones import zone_edges
from sim.scenario import Scenario
from sim.vehicle_classes import VEHICLE_CLASSES

DAY_S = 86_400
STRICTEST_LAST: tuple[Outside, ...] = ("hold", "return", "forbid")


class Subject(NamedTuple):
    """What a permit looks at in a vehicle: `mass_kg` with its load."""

    vehicle_class: str
    crew: Crew
    mass_kg: float


@dataclass(frozen=True, slots=True, eq=False)
class _Compiled:
    """A permit and the edges of its zone."""

    name: str
    permit: Permit
    zone: BoolArray

    def covers(self, subject: Subject) -> bool:
        """Whether it may cover the vehicle, somewhere and at some time."""
        return subject.vehicle_class in self.permit.classes and next(self.lacks(subject), None) is None

    def lacks(self, subject: Subject) -> Iterator[str]:
        """Yield what it does not cover in a vehicle of one of its classes: field and what it allows."""
        permit = self.permit
        if CREW_STAGES.index(subject.crew) > CREW_STAGES.index(permit.crew):
            stages = CREW_STAGES[: CREW_STAGES.index(permit.crew) + 1]
            yield f"permits.{self.name}.crew allows {' or '.join(stages)}"
        if permit.min_mass_kg != 0 and subject.mass_kg <= permit.min_mass_kg:
            yield f"permits.{self.name}.min_mass_kg allows more than {permit.min_mass_kg:g}"
        if permit.max_mass_kg is not None and subject.mass_kg > permit.max_mass_kg:
            yield f"permits.{self.name}.max_mass_kg allows {permit.max_mass_kg:g} at most"

    def open_at(self, time_s: float) -> bool:
        return any((time_s - one.begin_s) % DAY_S < one.end_s - one.begin_s for one in self.permit.windows)

    @property
    def cap_mps(self) -> float:
        cap = self.permit.max_speed_kmh
        return math.inf if cap is None else cap.value / 3.6


@dataclass(frozen=True, slots=True, eq=False)
class PermitBook:
    """The permits of a scenario on its network.

    Arrays have one entry for each edge of the graph. A class that no permit names drives where `like` it may
    (`sim.vehicle_classes`); no permit opens a road that is closed to those.
    """

    graph: EdgeGraph
    begin_s: float
    horizon_s: float
    permits: tuple[_Compiled, ...]
    _caps: dict[tuple[str, tuple[str, ...]], FloatArray] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, scenario: Scenario, network: Network, graph: EdgeGraph) -> PermitBook:
        """Compile the permits of a scenario.

        Raises
        ------
        ScenarioError
            A zone names what the network has not or holds no road; a fleet that needs operators has none.
        """
        compiled = []
        for name, permit in sorted(scenario.permits.items()):
            edges = zone_edges(permit.zone, network, graph, place=f"permits.{name}.zone")
            compiled.append(_Compiled(name, permit, np.array([edge in edges for edge in graph.ids], dtype=np.bool_)))
        _require_operators(scenario)
        return cls(graph, scenario.time.begin_s, scenario.time.horizon_s, tuple(compiled))

    def regulated(self, vehicle_class: str) -> bool:
        """Whether at least one permit names the class, so that it needs one to be on the roads."""
        return any(vehicle_class in one.permit.classes for one in self.permits)

    def lacks(self, subject: Subject) -> list[str]:
        """Return why no permit covers a vehicle of a class that permits name; nothing if one does or none is needed."""
        permits = [one for one in self.permits if subject.vehicle_class in one.permit.classes]
        lacks = [list(one.lacks(subject)) for one in permits]
        return [text for one in lacks for text in one] if all(lacks) else []

    def caps_mps(self, subject: Subject, time_s: float) -> FloatArray:
        """Return how fast a vehicle may be on each edge: 0 where it may not be, inf where no permit caps it."""
        return self._caps_by(subject, [one for one in self._covering(subject) if one.open_at(time_s)])

    def caps_of_day_mps(self, subject: Subject) -> FloatArray:
        """Return the highest of its caps on each edge over all hours: for travel times and for whether a way exists."""
        return self._caps_by(subject, self._covering(subject))

    def allowed_edges(self, subject: Subject, time_s: float) -> BoolArray:
        """Return which edges a vehicle may be on."""
        allowed: BoolArray = self.caps_mps(subject, time_s) > 0
        return allowed

    def cap_mps(self, subject: Subject, edge: str, time_s: float) -> float:
        """Return the speed a vehicle may drive on an edge: 0 where it may not be, inf where no permit caps it."""
        return float(self.caps_mps(subject, time_s)[self.graph.position(edge)])

    def driving_windows(self, subject: Subject, edges: Iterable[str]) -> tuple[DrivingWindow, ...]:
        """Return when a vehicle may be on all of these edges (of its depot and sites), from the scenario's begin on.

        One that is open when the run ends at the latest has no end: inf.
        """
        wanted = [self.graph.position(edge) for edge in edges]
        times = [self.begin_s, *self.changes()]
        windows: list[DrivingWindow] = []
        for begin_s, end_s in zip(times, [*times[1:], math.inf], strict=True):
            if not self.allowed_edges(subject, begin_s)[wanted].all():
                continue
            if windows and windows[-1].end_s == begin_s:
                begin_s = windows.pop().begin_s  # noqa: PLW2901 (one window goes on)
            windows.append(DrivingWindow(begin_s, end_s))
        return tuple(windows)

    def changes(self) -> tuple[float, ...]:
        """Return the times within the run at which a window of a permit begins or ends, sorted."""
        edges = {edge for one in self.permits for window in one.permit.windows for edge in _edges(window)}
        days = range(math.ceil(self.horizon_s / DAY_S) + 1)
        times = {float(edge % DAY_S + DAY_S * day) for edge in edges for day in days}
        return tuple(sorted(time_s for time_s in times if self.begin_s < time_s < self.horizon_s))

    def outside(self, subject: Subject) -> Outside:
        """Return what the vehicle does when its permits end on its way: the strictest word of those that cover it."""
        return max((one.permit.outside for one in self._covering(subject)), key=STRICTEST_LAST.index, default="hold")

    def most_on_road(self, subject: Subject, operators: int | None) -> int | None:
        """Return how many vehicles of a fleet may be on the road at once, watched from afar by so many operators.

        The tightest of the permits that cover them counts, wherever they are; None: any number. Only crew `remote`
        needs operators.
        """
        if subject.crew != "remote":
            return None
        most = [one.permit.vehicles_per_operator for one in self._covering(subject)]
        return min((number * (operators or 0) for number in most if number is not None), default=None)

    def open_edges(self, vehicle_class: str, time_s: float | None = None) -> frozenset[str]:
        """Return the edges whose lanes must be open to the class: those on which any vehicle of it may be.

        Lanes cannot tell crews or masses apart; the guard and the monitor do. Without a time: at any hour, which is
        what SUMO needs, for it refuses a vehicle that starts in a bay beside a closed lane.
        """
        roads = self._roads(vehicle_class)
        if self.regulated(vehicle_class):
            zones = [
                one.zone
                for one in self.permits
                if vehicle_class in one.permit.classes and (time_s is None or one.open_at(time_s))
            ]
            roads = roads & np.logical_or.reduce(zones) if zones else np.zeros_like(roads)
        return frozenset(edge for edge, inside in zip(self.graph.ids, roads, strict=True) if inside)

    def _covering(self, subject: Subject) -> list[_Compiled]:
        return [one for one in self.permits if one.covers(subject)]

    def _roads(self, vehicle_class: str) -> BoolArray:
        return self.graph.permits[VEHICLE_CLASSES[vehicle_class].like]

    def _caps_by(self, subject: Subject, covering: Sequence[_Compiled]) -> FloatArray:
        key = (subject.vehicle_class, tuple(one.name for one in covering))
        if key not in self._caps:
            caps = np.full(len(self.graph.ids), 0.0 if self.regulated(subject.vehicle_class) else math.inf)
            for one in covering:
                np.maximum(caps, one.cap_mps, out=caps, where=one.zone)
            caps[~self._roads(subject.vehicle_class)] = 0.0
            caps.flags.writeable = False  # it is handed out again and again
            self._caps[key] = caps
        return self._caps[key]


def _edges(window: Window) -> Collection[int]:
    """Return the times of day at which a window begins and ends; none where it is open all day."""
    return () if window.end_s - window.begin_s >= DAY_S else (window.begin_s, window.end_s)


def _require_operators(scenario: Scenario) -> None:
    """Raise where a permit counts vehicles per operator and nobody says how many operators watch a fleet."""
    freight = scenario.freight
    if freight is None:
        return
    watched: dict[str, str] = {
        f"freight.fleets.{name}.operators: missing": fleet.vehicle_class
        for name, fleet in sorted(freight.fleets.items())
        if fleet.crew == "remote" and fleet.operators is None
    }
    if freight.finished_cars is not None and freight.finished_cars.crew == "remote":
        watched["freight.finished_cars has crew remote but no operators"] = "finished_car"
    for place, vehicle_class in watched.items():
        for name, permit in sorted(scenario.permits.items()):
            if permit.vehicles_per_operator is not None and vehicle_class in permit.classes:
                msg = (
                    f"{place}; permits.{name} allows {permit.vehicles_per_operator} vehicles of crew remote "
                    "per operator"
                )
                raise ScenarioError(msg)
