"""What sumo-gui shows when it opens: the depot's surroundings, vehicles large enough to be seen."""

from __future__ import annotations

from pathlib import Path

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
    fleet = resolved.scenario.fleet
    depot = fleet.parts[0].vehicles.depot if fleet is not None else None
    if depot is None:
        return ""
    edge = resolved.graph.index[parking_areas(resolved.network)[depot].edge]
    x, y = resolved.graph.shapes[edge].mean(axis=0)
    return f'<viewport zoom="{ZOOM}" x="{x:.1f}" y="{y:.1f}"/>'
