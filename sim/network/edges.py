"""What the edges of a built net say about themselves."""

from __future__ import annotations

from typing import TypeAlias

import sumolib

Edge: TypeAlias = sumolib.net.edge.Edge


def road_of(edge: Edge) -> str:
    """Return what both directions of a road have in common; of an imported edge its id without direction."""
    return str(edge.getParam("road") or edge.getID().removeprefix("-"))


def layer_of(edge: Edge) -> int:
    """Return the level of an edge: 0 on the ground, 1 on a bridge above it."""
    return int(float(edge.getParam("layer") or 0))


def kerb_lane(edge: Edge) -> sumolib.net.lane.Lane:
    """Return the rightmost lane for buses, right of which there may be a sidewalk; without one the rightmost."""
    lanes = edge.getLanes()
    return next((lane for lane in lanes if lane.allows("bus")), lanes[0])


def walked_lane(edge: Edge) -> sumolib.net.lane.Lane:
    """Return the lane of an edge that people walk on: its sidewalk, or the kerb lane."""
    return next(lane for lane in edge.getLanes() if lane.allows("pedestrian"))


def traffic_lanes(edge: Edge) -> int:
    """Return how many lanes vehicles have: a sidewalk is none."""
    return sum(lane.getPermissions() != {"pedestrian"} for lane in edge.getLanes())
