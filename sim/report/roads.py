"""The roads under a map: one line for each edge of a built network, read once for all maps of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from sim.errors import NetworkError

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EdgeLine:
    """One edge and how well its course is known; both directions of a two-way road have one `road`.

    `shape` is the line to draw, between junctions; `kerb` is the kerb lane, along which positions count; both have
    shape (points, 2), metres. Sidewalks are no `lanes`.
    """

    road: str
    status: str
    lanes: int
    length_m: float
    shape: NDArray[np.float64]
    kerb: NDArray[np.float64]

    def point(self, pos_m: float) -> tuple[float, float]:
        """Return the coordinates at `pos_m` from the start of the edge."""
        x, y = _along(self.kerb, np.array([np.clip(pos_m / self.length_m, 0.0, 1.0)]))[0]
        return float(x), float(y)

    def every(self, step_m: float) -> NDArray[np.float64]:
        """Return points along the line, about one each step; shape (points, 2)."""
        return _along(self.shape, np.linspace(0.0, 1.0, max(2, round(self.length_m / step_m))))


def read_edges(net_file: Path) -> dict[str, EdgeLine]:
    """Read the normal edges of a `.net.xml`.

    Raises
    ------
    NetworkError
        The file is missing or is not a SUMO network.
    """
    edges: dict[str, EdgeLine] = {}
    try:
        for _, element in ET.iterparse(net_file):  # noqa: S314 (built here, never uploaded)
            if element.tag == "edge":
                if "function" not in element.attrib:
                    edges[element.attrib["id"]] = _line(element)
                element.clear()
    except (OSError, ET.ParseError, KeyError, ValueError) as error:
        msg = f"{net_file}: cannot be read as a SUMO network: {error!r}"
        raise NetworkError(msg) from error
    return edges


def one_per_road(edges: Mapping[str, EdgeLine]) -> Iterable[EdgeLine]:
    """Return one direction of each road, so that two-way roads are drawn once."""
    return {line.road: line for _, line in sorted(edges.items(), reverse=True)}.values()


def _line(edge: ET.Element) -> EdgeLine:
    parameters = {one.attrib["key"]: one.attrib["value"] for one in edge.iter("param")}
    lanes = [lane for lane in edge.findall("lane") if lane.get("allow") != "pedestrian"] or edge.findall("lane")
    kerb = _points(lanes[0].attrib["shape"])
    return EdgeLine(
        road=parameters.get("road", edge.attrib["id"]),
        status=parameters.get("status", UNKNOWN),
        lanes=len(lanes),
        length_m=float(lanes[0].attrib["length"]),
        shape=_points(edge.attrib["shape"]) if "shape" in edge.attrib else kerb,
        kerb=kerb,
    )


def _points(text: str) -> NDArray[np.float64]:
    return np.array([[float(number) for number in point.split(",")[:2]] for point in text.split()])


def _along(shape: NDArray[np.float64], shares: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the points at these shares of a line's length."""
    legs_m = np.hypot(*np.diff(shape, axis=0).T)
    along_m = np.concatenate(([0.0], np.cumsum(legs_m)))
    at_m = shares * along_m[-1]
    return np.column_stack([np.interp(at_m, along_m, axis) for axis in shape.T])
