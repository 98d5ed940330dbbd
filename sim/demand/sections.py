"""Sections where vehicles are counted: survey roads in one direction, found among the edges of a built network."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from sim.errors import ScenarioError
from sim.network.graph import EdgeGraph

_EDGE = re.compile(r"(?P<road>.*?\d)[a-z]*(?P<direction>[+-])")


def sections_of(graph: EdgeGraph) -> dict[str, int]:
    """Return the edge, by position, on which each road and direction is counted, by names such as `L052+`.

    A survey road that new junctions cut has the pieces `L052a+`, `L052b+` ...: it is counted on the longest one, as
    those between the ramps of an interchange are short. An edge without a direction is a section of its own.
    """
    found: dict[str, int] = {}
    for position, edge in enumerate(graph.ids):
        match = _EDGE.fullmatch(edge)
        road = match["road"] + match["direction"] if match else edge
        if road not in found or graph.length_m[position] > graph.length_m[found[road]]:
            found[road] = position
    return dict(sorted(found.items()))


def require_sections(roads: Collection[str], known: Mapping[str, int], *, where: str) -> None:
    """Raise a `ScenarioError` unless all roads are sections of the network."""
    unknown = sorted(set(roads) - set(known))
    if unknown:
        msg = (
            f"{where}: unknown section {', '.join(unknown[:5])}; allowed are roads with their direction: "
            f"{', '.join(list(known)[:6])} ..."
        )
        raise ScenarioError(msg)
