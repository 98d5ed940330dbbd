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
