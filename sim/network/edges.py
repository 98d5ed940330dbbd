"""What the edges of a built net say about themselves, and their lanes as lines."""

from __future__ import annotations

from typing import TypeAlias

import shapely
import sumolib

Edge: TypeAlias = sumolib.net.edge.Edge
Lane: TypeAlias = sumolib.net.lane.Lane
UNKNOWN = "unknown"
"""Status of a road that says nothing of it."""


def edges_by_id(net: sumolib.net.Net) -> list[Edge]:
    """Return the edges of a net in the order of their ids, without those inside junctions."""
    return sorted(net.getEdges(withInternal=False), key=lambda edge: edge.getID())


def road_of(edge: Edge) -> str:
    """Return what both directions of a road have in common; of an imported edge its id without direction."""
    return str(edge.getParam("road") or edge.getID().removeprefix("-"))


def status_of(edge: Edge) -> str:
    """Return how sure the road of an edge is."""
    return str(edge.getParam("status") or UNKNOWN)


def layer_of(edge: Edge) -> int:
    """Return the level of an edge: 0 on the ground, 1 on a bridge above it."""
    return int(float(edge.getParam("layer") or 0))


def edge_line(edge: Edge) -> shapely.LineString:
    """Return the line of an edge, from junction to junction."""
    return shapely.LineString([point[:2] for point in edge.getRawShape()])


def lane_line(lane: Lane) -> shapely.LineString:
    """Return the middle of a lane, between the junctions."""
    return shapely.LineString([point[:2] for point in lane.getShape()])


def kerb_lane(edge: Edge) -> Lane:
    """Return the rightmost lane for buses, right of which there may be a sidewalk; without one the rightmost."""
    lanes = edge.getLanes()
    return next((lane for lane in lanes if lane.allows("bus")), lanes[0])


def kerb_point(edge: Edge, pos_m: float) -> tuple[float, float]:
    """Return the point so many metres along the kerb lane of an edge."""
    x, y = sumolib.geomhelper.positionAtShapeOffset(kerb_lane(edge).getShape(), pos_m)
    return float(x), float(y)


def walked_lane(edge: Edge) -> Lane:
    """Return the lane of an edge that people walk on: its sidewalk, or the kerb lane."""
    return next(lane for lane in edge.getLanes() if lane.allows("pedestrian"))


def takes_cars(part: Edge | Lane) -> bool:
    """Whether cars or buses may use an edge or a lane."""
    return bool(part.allows("passenger") or part.allows("bus"))


def traffic_lanes(edge: Edge) -> int:
    """Return how many lanes cars and buses have: sidewalks and cycle lanes are none."""
    return sum(takes_cars(lane) for lane in edge.getLanes())
