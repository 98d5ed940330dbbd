"""Robots in SUMO: pedestrians, as the law has them, who go from door to door; a door lies beside a dock or depot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.engine.freight.distances import Spot
from sim.engine.freight.port import Seen
from sim.engine.sumo import HELD_S, SumoPort
from sim.errors import EngineError
from sim.network.parking import ParkingArea

_ROAD, _LANE_POS, _SPEED, _POSITION = 0x50, 0x56, 0x40, 0x42
_SEEN = (_ROAD, _LANE_POS, _SPEED, _POSITION)


@dataclass(slots=True)
class _Robot:
    """What SUMO does not keep for a person: metres walked, whether it walks and where to, how fast on which edge."""

    walked_m: float = 0.0
    walking: bool = False
    door: ParkingArea | None = None
    edge: str = ""
    pace_mps: float = 0.0


class RobotPort:
    """The robots' side of a running SUMO; moves them as `FreightPort` moves vehicles.

    SUMO's `nonInteracting` model fixes how fast an edge is walked when it is entered: a new speed counts from the next
    one on, though SUMO tells it at once, and who is to stand still has to give the walk up. It knows no lanes either; a
    robot is on the first one open to pedestrians.
    """

    def __init__(self, port: SumoPort, *, step_s: float) -> None:
        self._persons: Any = port.library.person
        self._simulation: Any = port.library.simulation
        self._step_s = step_s
        self._robots: dict[str, _Robot] = {}
        self._lanes: Any = port.library.lane
        self._edges: Any = port.library.edge
        self._watched: set[str] = set()
        self._walkways: dict[str, str] = {}

    def add(self, robot_id: str, type_id: str, door: ParkingArea) -> None:
        """Let a robot stand at a door from the next step on."""
        self._persons.add(robot_id, door.edge, _door_m(door), typeID=type_id)
        self._persons.appendWaitingStage(robot_id, HELD_S)
        self._robots[robot_id] = _Robot()

    def send(self, robot_id: str, door: ParkingArea) -> None:
        """Send a robot to a door, in place of where it is going.

        Raises
        ------
        EngineError
            There is no way on foot.
        """
        persons, old = self._persons, int(self._persons.getRemainingStages(robot_id))
        edge, pos_m = str(persons.getRoadID(robot_id)), float(persons.getLanePosition(robot_id))
        way = self._simulation.findIntermodalRoute(edge, door.edge, departPos=pos_m, arrivalPos=_door_m(door))
        if not way:
            msg = f"{robot_id}: no way on foot from {edge} to {door.id} on {door.edge}"
            raise EngineError(msg)
        for stage in way:
            persons.appendStage(robot_id, stage)
        persons.appendWaitingStage(robot_id, HELD_S)
        for stage in reversed(range(old)):
            persons.removeStage(robot_id, stage)
        robot = self._robots[robot_id]
        robot.walking, robot.door, robot.edge = True, door, ""

    def spot(self, robot_id: str) -> tuple[str, float]:
        """Return the edge that a robot is on, and at which metre."""
        return str(self._persons.getRoadID(robot_id)), float(self._persons.getLanePosition(robot_id))

    def way_m(self, start: Spot, end: Spot) -> float:
        """Return the length of the way on foot: that along edges, as SUMO's `nonInteracting` model has no other.

        Raises
        ------
        EngineError
            There is no way.
        """
        found = self._simulation.findIntermodalRoute(start.edge, end.edge, departPos=start.pos_m, arrivalPos=end.pos_m)
        way = [edge for stage in found for edge in stage.edges if not edge.startswith(":")]
        if not way:
            msg = f"no way on foot from {start.edge} to {end.edge}"
            raise EngineError(msg)
        if len(way) == 1:
            return abs(end.pos_m - start.pos_m)
        first_m, *between_m, last_m = (float(self._lanes.getLength(f"{edge}_0")) for edge in way)
        first, *between, last = (self._junctions(edge) for edge in way)
        at = dict(zip(first, (start.pos_m, first_m - start.pos_m), strict=True))  # metres to either end
        for ends, length_m in zip(between, between_m, strict=True):
            at = {onward: at.get(begin, math.inf) + length_m for begin, onward in (ends, ends[::-1])}
        return min(at.get(last[0], math.inf) + end.pos_m, at.get(last[1], math.inf) + last_m - end.pos_m)

    def _junctions(self, edge: str) -> tuple[str, str]:
        return str(self._edges.getFromJunction(edge)), str(self._edges.getToJunction(edge))

    def arrived(self) -> list[str]:
        """Return the robots that have come to their doors in the last step."""
        found = [
            name
            for name, robot in self._robots.items()
            if robot.walking and int(self._persons.getRemainingStages(name)) == 1
        ]
        for name in found:
            self._robots[name].walking = False
        return found

    def watch(self, robot_id: str) -> None:
        """Show a robot in `seen` from the next step on."""
        self._persons.subscribe(robot_id, list(_SEEN))
        self._watched.add(robot_id)

    def unwatch(self, robot_id: str) -> None:
        """Show a robot no more."""
        if robot_id in self._watched:
            self._watched.discard(robot_id)
            self._persons.unsubscribe(robot_id)

    def seen(self) -> dict[str, Seen]:
        """Return the robots that are under way, as they were at the end of the last step."""
        found = {}
        for name, robot in self._robots.items():
            if robot.walking:
                values = self._persons.getSubscriptionResults(name)
                if values:
                    found[name] = self._see(robot, values)
        return found

    def _see(self, robot: _Robot, values: Mapping[int, Any]) -> Seen:
        edge, (x, y) = values[_ROAD], values[_POSITION]
        if edge != robot.edge:
            robot.edge, robot.pace_mps = edge, values[_SPEED]
        robot.walked_m += robot.pace_mps * self._step_s
        return Seen(edge, self._walkway(edge), values[_LANE_POS], robot.pace_mps, x, y, robot.walked_m)

    def odometer_m(self, robot_id: str) -> float:
        """Return the metres walked."""
        return self._robots[robot_id].walked_m

    def set_mass(self, robot_id: str, mass_kg: float) -> None:
        """Persons have no mass in SUMO: what a robot's mass changes is the speed that its permit allows."""

    def set_top_speed(self, robot_id: str, speed_mps: float) -> None:
        """Cap a robot's speed from the next edge or walk on."""
        self._persons.setSpeed(robot_id, speed_mps)

    def next_edges(self, robot_id: str, count: int) -> Sequence[str]:
        """Return the edges of a robot's walk behind the one it is on."""
        way = list(self._persons.getEdges(robot_id))
        first = way.index(self._robots[robot_id].edge) + 1 if self._robots[robot_id].edge in way else len(way)
        return way[first : first + count]

    def halt(self, robot_id: str) -> None:
        """Let a robot stand where it is."""
        old = int(self._persons.getRemainingStages(robot_id))
        self._persons.appendWaitingStage(robot_id, HELD_S)
        for stage in reversed(range(old)):
            self._persons.removeStage(robot_id, stage)
        self._robots[robot_id].walking = False

    def release(self, robot_id: str) -> None:
        """Let a robot walk on."""
        door = self._robots[robot_id].door
        if door is not None:
            self.send(robot_id, door)

    def _walkway(self, edge: str) -> str:
        if edge not in self._walkways:
            lanes = [f"{edge}_{index}" for index in range(self._edges.getLaneNumber(edge))]
            open_to = [lane for lane in lanes if "pedestrian" not in self._lanes.getDisallowed(lane)]
            self._walkways[edge] = (open_to or lanes)[0]
        return self._walkways[edge]


def _door_m(door: ParkingArea) -> float:
    return (door.start_m + door.end_m) / 2
