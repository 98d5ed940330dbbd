"""What lanes are made for: the monitor's own look at a net."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Literal

Surface = Literal["road", "sidewalk", "shared"]
"""`sidewalk` is for people on foot alone (crossings too), `road` closed to them, `shared` a road they walk along."""


def lane_surfaces(net_file: Path) -> dict[str, Surface]:
    """Return the surface of each lane of a `.net.xml` by id, lanes within junctions too."""
    lanes: dict[str, Surface] = {}
    for _, element in ET.iterparse(net_file):  # noqa: S314 (a net that was built here)
        if element.tag == "lane":
            lanes[element.attrib["id"]] = _surface(element.get("allow"), element.get("disallow"))
        elif element.tag == "edge":
            element.clear()
    return lanes


def _surface(allow: str | None, disallow: str | None) -> Surface:
    if allow is not None:
        classes = allow.split()
        if "pedestrian" not in classes and "all" not in classes:
            return "road"
        return "sidewalk" if classes == ["pedestrian"] else "shared"
    return "road" if disallow is not None and {"pedestrian", "all"} & set(disallow.split()) else "shared"
