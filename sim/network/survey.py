"""The survey of a network in memory: its tables as frozen rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sim.network.polyline import LonLat

MERGE = "merge"


@dataclass(frozen=True, slots=True)
class Junction:
    """A node of the survey; `signal` is `auto` (decided by the rule in `plain`), `yes`, `no` or `merge`.

    At a `merge` lanes split, join or end without crossing (the rule is in `merges`).
    """

    id: str
    name: str
    lonlat: LonLat
    status: str
    signal: str


@dataclass(frozen=True, slots=True)
class Road:
    """A road between two junctions; `via` holds its bends in order.

    A one-way road leads from `start` to `end`; with bends they are its whole line, for a ramp starts and ends beside
    a carriageway and not in the middle of the junction. Pieces of a surveyed road share its `survey_id`.
    """

    id: str
    start: str
    end: str
    name_ko: str
    lanes: int
    speed_kmh: float
    motor_only: bool
    status: str
    length_m: float | None
    """The survey's length, of a piece its share; nothing for roads that no survey measured."""
    via: tuple[LonLat, ...]
    survey_id: str = ""
    oneway: bool = False
    layer: int = 0
    """Level: 0 on the ground, 1 on a bridge above it."""

    @property
    def edges(self) -> tuple[str, ...]:
        """The edges built from the road: there and back, or one way."""
        return (f"{self.id}+",) if self.oneway else (f"{self.id}+", f"{self.id}-")


def is_arterial(lanes: int, speed_kmh: float) -> bool:
    """Whether a road carries through traffic: two lanes a direction at 60 km/h or more, or three lanes."""
    return lanes >= 3 or (lanes == 2 and speed_kmh >= 60.0)


@dataclass(frozen=True, slots=True)
class StopPlace:
    """One stop by name; its two kerbs are built from it.

    `anchor` names the junction or the road it stands at, or is `line`: between its neighbours in a line although
    its position is surveyed.
    """

    id: str
    name_ko: str
    lonlat: LonLat | None
    anchor: str
    position_status: str


@dataclass(frozen=True, slots=True)
class StopRow:
    """A stop post as published by the city."""

    name: str
    place: str
    lonlat: LonLat


@dataclass(frozen=True, slots=True)
class LineStop:
    """One call of a bus line."""

    line: str
    direction: str
    sequence: int
    place: str


@dataclass(frozen=True, slots=True)
class Site:
    """A place that people or goods go to."""

    id: str
    name_ko: str
    name_en: str
    kind: str
    lonlat: LonLat
    node: str
    staff: int | None
    shift: str
    opens: int | None
    status: str
    position_status: str


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where background traffic enters and leaves; `roads` lead from there into the study area, widest first."""

    name_en: str
    name_ko: str
    roads: tuple[str, ...]
    status: str


@dataclass(frozen=True, slots=True)
class SignalTurn:
    """One lane's movement at a signal: from lane to lane of two edges; without `signal` it only gives way."""

    start: str
    end: str
    start_lane: int
    end_lane: int
    signal: bool


@dataclass(frozen=True, slots=True)
class Roadside:
    """What stands beside an edge, around metre `at_m` or in its middle: a car park, dock, truck lot or charger."""

    id: str
    name: str
    kind: str
    site: str | None
    edge: str
    at_m: float | None
    places: int
    power_kw: float
    status: str


@dataclass(frozen=True, slots=True)
class Ground:
    """A piece of ground by its corners."""

    id: str
    name_ko: str
    name_en: str
    kind: str
    site: str | None
    shape: tuple[LonLat, ...]
    status: str


@dataclass(frozen=True, slots=True)
class SignalPlan:
    """A signal of a coordinated corridor: `roads` are the corridor's, `greens_s` follow the order of phases."""

    junction: str
    corridor: str
    roads: tuple[str, ...]
    cycle_s: int
    greens_s: tuple[int, ...]
    speed_kmh: float


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything in a network's `tables/` and in the overlays on it."""

    junctions: dict[str, Junction]
    roads: dict[str, Road]
    stop_places: dict[str, StopPlace]
    stops: tuple[StopRow, ...]
    lines: dict[str, tuple[LineStop, ...]]
    sites: dict[str, Site]
    site_anchors: dict[str, str]
    """The edge a site is entered from where the rule in `places` would choose badly."""
    gateways: dict[str, Gateway]
    signal_turns: tuple[SignalTurn, ...]
    car_parks: Mapping[str, Roadside] = field(default_factory=dict)
    docks: Mapping[str, Roadside] = field(default_factory=dict)
    chargers: Mapping[str, Roadside] = field(default_factory=dict)
    areas: Mapping[str, Ground] = field(default_factory=dict)
    signal_plans: tuple[SignalPlan, ...] = ()
    crossings: tuple[tuple[str, str], ...] = ()
    """Junction and road: at a junction with rows people cross these roads alone."""

    def without_unused_junctions(self) -> Tables:
        """Return the tables as they are built: junctions of roads alone."""
        used = {node for road in self.roads.values() for node in (road.start, road.end)}
        return replace(self, junctions={key: node for key, node in self.junctions.items() if key in used})
