"""What sumo-gui shows when it opens: the complex or the depot, vehicles large enough to be seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sim.engine.resolve import Resolved
from sim.network.parking import parking_areas

ZOOM = 900  # per cent of the view that shows the whole network: a complex of 2 km in a network of 25 km
DELAY_MS = 50  # while an engineer watches; with `play` the run goes as fast as it can


def view_options(resolved: Resolved, folder: Path, *, play: bool) -> dict[str, str]:
    """Write sumo-gui's view settings into `folder` and return its options."""
    settings = folder / "view.xml"
    settings.write_text(
        "<viewsettings>\n"
        '  <scheme name="real world">\n'
        '    <vehicles vehicleQuality="2" vehicle_minSize="1" vehicle_exaggeration="1" vehicle_constantSize="1"/>\n'
        '    <persons person_minSize="1" person_exaggeration="1" person_constantSize="1"/>\n'
        "  </scheme>\n"
        f"  {_viewport(resolved)}\n"
        f'  <delay value="{0 if play else DELAY_MS}"/>\n'
        "</viewsettings>\n",
        encoding="utf-8",
    )
    chosen = {"gui-settings-file": str(settings), "window-size": "1280,860", "window-pos": "0,0", "quit-on-end": ""}
    return chosen | ({"start": ""} if play else {})


def _viewport(resolved: Resolved) -> str:
    """Return the view that lies on the depot of the shuttles, or else amid the freight sites."""
    fleet, freight = resolved.scenario.fleet, resolved.freight
    if freight is not None:
        edges = {place.dock.edge for place in freight.places.values()}
    elif fleet is not None and fleet.parts[0].vehicles.depot is not None:
        edges = {parking_areas(resolved.network)[fleet.parts[0].vehicles.depot].edge}
    else:
        return ""
    points = [resolved.graph.shapes[resolved.graph.index[edge]].mean(axis=0) for edge in sorted(edges)]
    x, y = np.mean(points, axis=0)
    return f'<viewport zoom="{ZOOM}" x="{x:.1f}" y="{y:.1f}"/>'
