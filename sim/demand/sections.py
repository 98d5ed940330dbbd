"""Sections where vehicles are counted: survey roads in one direction, found among the edges of a built network."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from difflib import get_close_matches

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


def require_sections(rows: Mapping[str, int], known: Collection[str], *, where: str) -> None:
    """Raise a `ScenarioError` unless all roads, given with the row that names them, are sections of the network."""
    for road, row in rows.items():
        if road not in known:
            msg = f"{where}, row {row}: unknown section {road}; {_instead(road, known)}"
            raise ScenarioError(msg)


def _instead(road: str, known: Collection[str]) -> str:
    """Return what a road that is no section may stand for."""
    match = _EDGE.fullmatch(road)
    whole = match["road"] + match["direction"] if match else road
    if whole in known:
        return f"it is a piece of a road that is counted as a whole: use {whole}"
    near = get_close_matches(road, sorted(known), n=3)
    if near:
        return f"near are {', '.join(near)}"
    return f"allowed are roads with their direction: {', '.join(sorted(known)[:6])} ..."
