"""Counted volumes: one run of SUMO without the service, and how many vehicles passed each road in each hour."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from sim.controllers.base import Preparation
from sim.demand.sections import sections_of
from sim.demand.volumes import VolumeKey
from sim.engine.alone import run_alone
from sim.engine.inputs import TRIPINFO, options, write_inputs
from sim.engine.resolve import resolve
from sim.network.graph import EdgeGraph
from sim.scenario import Controllers, Scenario

TYPES = {"car": "car", "truck": "truck coach"}
"""Counted class and the vehicle types that it holds."""
LATE_S = 900.0
"""Who loses more than a quarter of an hour, on ways that take one, stands in a jam."""
JAM_SHARE = 0.01
"""One vehicle in a hundred that stands in a jam is no accident."""


@dataclass(frozen=True, slots=True)
class Trip:
    """What one vehicle drove: those under way when the run ends tell of a jam that no arrival shows."""

    metres: float
    seconds: float
    lost_s: float
    ended: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """Vehicles by road, hour and class, and how the run went."""

    volumes: dict[VolumeKey, float]
    teleports: int
    waiting_to_enter: int
    trips: tuple[Trip, ...]

    @property
    def ended(self) -> list[Trip]:
        """The trips that came to their end."""
        return [trip for trip in self.trips if trip.ended]

    @property
    def late(self) -> list[Trip]:
        """The trips that lost more than `LATE_S`, ended or not."""
        return late_trips(self.trips)

    @property
    def jams(self) -> bool:
        """Whether the roads did not carry the demand."""
        return self.teleports > 0 or len(self.late) > JAM_SHARE * len(self.trips)


def count_vehicles(scenario: Scenario) -> Counted:
    """Run a scenario without its service and count.

    Raises
    ------
    EngineError
        SUMO failed.
    """
    bare = scenario.model_copy(update={"controllers": Controllers()})
    resolved = resolve(bare)
    with tempfile.TemporaryDirectory(prefix="bitgreen-count-") as name:
        folder = Path(name)
        chosen = write_inputs(folder, bare, resolved.network, resolved.population, Preparation())
        chosen |= options(bare, Preparation(), work=folder)
        first_s = -(-bare.time.begin_s // 3600) * 3600
        hours = first_s < bare.time.horizon_s  # SUMO refuses to count from its own end on
        if hours:
            chosen["additional-files"] += f",{_detectors(folder, first_s)}"
        chosen |= {"end": str(bare.time.horizon_s), "statistic-output": str(folder / "statistics.xml")}
        run_alone(chosen)
        statistics = ET.parse(folder / "statistics.xml").getroot()  # noqa: S314 (written by SUMO in this run)
        return Counted(
            volumes=_volumes(folder, resolved.graph) if hours else {},
            teleports=int(_number(statistics, "teleports", "total")),
            waiting_to_enter=int(_number(statistics, "vehicles", "waiting")),
            trips=read_trips(folder / TRIPINFO),
        )


def _detectors(folder: Path, first_s: int) -> Path:
    """Write the counting of whole hours: SUMO's periods start where they are told to, not at the full hour."""
    path = folder / "counts.add.xml"
    lines = [
        f'<edgeData id="{name}" file="{folder / name}.counts.xml" begin="{first_s}" period="3600" vTypes="{types}" '
        'excludeEmpty="true"/>'
        for name, types in TYPES.items()
    ]
    path.write_text("<additional>\n" + "\n".join(lines) + "\n</additional>\n", encoding="utf-8")
    return path


def _volumes(folder: Path, graph: EdgeGraph) -> dict[VolumeKey, float]:
    roads = {graph.ids[edge]: road for road, edge in sections_of(graph).items()}
    found: dict[VolumeKey, float] = {}
    for name in TYPES:
        root = ET.parse(folder / f"{name}.counts.xml").getroot()  # noqa: S314 (written by SUMO in this run)
        for interval in root.iter("interval"):
            hour = int(float(interval.attrib["begin"]) // 3600)
            for edge in interval.iter("edge"):
                if edge.attrib["id"] in roads:
                    # who leaves the network at the end of an edge has passed it too
                    passed = float(edge.attrib["left"]) + float(edge.attrib["arrived"])
                    found[roads[edge.attrib["id"]], hour, name] = passed
    return found


def late_trips(trips: Iterable[Trip]) -> list[Trip]:
    """Return the trips that lost more than `LATE_S`, ended or not."""
    return [trip for trip in trips if trip.lost_s > LATE_S]


def read_trips(path: Path) -> tuple[Trip, ...]:
    """Return the trips of SUMO's tripinfo output, those under way at the end with them."""
    return tuple(
        Trip(
            metres=float(one.attrib["routeLength"]),
            seconds=float(one.attrib["duration"]),
            lost_s=float(one.attrib["timeLoss"]),
            ended=float(one.attrib["arrival"]) >= 0,
        )
        for _, one in ET.iterparse(path)  # noqa: S314 (written by SUMO in this run)
        if one.tag == "tripinfo"
    )


def _number(root: ET.Element, tag: str, attribute: str) -> float:
    found = root.find(tag)
    return float(found.attrib[attribute]) if found is not None else 0.0
