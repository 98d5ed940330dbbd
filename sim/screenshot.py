"""A picture of a site in sumo-gui at one moment of a scenario, such as the plant gate at shift start."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sim.documents import load_scenario
from sim.engine.alone import run_alone
from sim.engine.inputs import options, write_inputs
from sim.engine.resolve import Resolved, resolve
from sim.errors import EngineError, NotFoundError, OutputError, ScenarioError, SetupError
from sim.fields import format_clock
from sim.network.catalog import Network
from sim.network.edges import kerb_point
from sim.network.geo import read_net

LEAD_S = 300
"""sumo-gui takes the traffic over this long before the picture; SUMO alone is faster until then."""
SIZE_PX = (1600, 1200)
WIDTH_M = 380.0
GATE = ("morning-none", "ggm", 28500)
"""Scenario, site and moment of the plant gate's picture: five minutes before the shift starts."""
GATE_OVERRIDES = ("demand.commuters.parking=true",)
"""The morning leaves out parked cars to save time, which this single picture has: with them it takes half a minute."""
GATE_CAPTION = f"scenario {GATE[0]} at {format_clock(GATE[2])[:5]}, cars in their car parks"


def gate_picture(network: str, path: Path) -> None:
    """Write a picture of the plant gate at shift start; see `take_picture`."""
    scenario_name, site, at_s = GATE
    if (known := load_scenario(scenario_name).network) != network:
        msg = f"network {network!r} has no plant gate to show; allowed: {known}, the network of {scenario_name}"
        raise NotFoundError(msg)
    take_picture(path, scenario_name=scenario_name, site=site, at_s=at_s, overrides=GATE_OVERRIDES)


def take_picture(path: Path, *, scenario_name: str, site: str, at_s: int, overrides: Sequence[str] = ()) -> None:
    """Run a scenario without a service up to a moment and write what sumo-gui shows of a site's gate as PNG.

    Raises
    ------
    ScenarioError
        The scenario has a service, or the moment lies outside of it.
    NotFoundError
        The network has no such site.
    SetupError
        There is neither a screen nor xvfb.
    EngineError, OutputError
        SUMO failed, or the file cannot be written.
    """
    resolved = _resolved(scenario_name, site, at_s, overrides)
    screen = _screen()
    with tempfile.TemporaryDirectory(prefix="bitgreen-picture-") as scratch:
        picture = _drawn(resolved, site, at_s, Path(scratch), screen)
        try:
            shutil.copyfile(picture, path)
        except OSError as error:
            msg = f"{path}: the picture cannot be written: {error}"
            raise OutputError(msg) from error


def _resolved(scenario_name: str, site: str, at_s: int, overrides: Sequence[str]) -> Resolved:
    scenario = load_scenario(scenario_name, overrides=overrides)
    begin_s, end_s = scenario.time.begin_s, scenario.time.horizon_s
    if scenario.controllers.shuttle is not None or not begin_s <= at_s < end_s:
        span = f"{format_clock(begin_s)} to {format_clock(end_s)}"
        msg = f"{scenario_name} at {format_clock(at_s)}: allowed is a scenario without a service, from {span}"
        raise ScenarioError(msg)
    resolved = resolve(scenario)
    if site not in resolved.network.sites:
        msg = f"network {scenario.network!r} has no site {site!r}; allowed: {', '.join(sorted(resolved.network.sites))}"
        raise NotFoundError(msg)
    return resolved


def _drawn(resolved: Resolved, site: str, at_s: int, work: Path, screen: Sequence[str]) -> Path:
    """Run SUMO until shortly before the moment, then sumo-gui, and return its picture in the folder `work`."""
    scenario, begin_s = resolved.scenario, resolved.scenario.time.begin_s
    chosen = write_inputs(work, scenario, resolved.network, resolved.population, resolved.service)
    chosen |= options(scenario, resolved.service, work=work)
    taken_over_s, state, picture = max(begin_s, at_s - LEAD_S), work / "state.xml.gz", work / "picture.png"
    if taken_over_s > begin_s:
        until = {"save-state.times": str(taken_over_s), "save-state.files": str(state), "end": str(taken_over_s + 1)}
        run_alone(chosen | until)
        chosen |= {"begin": str(taken_over_s), "load-state": str(state)}
    settings = work / "view.xml"
    settings.write_text(_view(resolved.network, site, picture, at_s), encoding="utf-8")
    window = {"gui-settings-file": str(settings), "window-size": f"{SIZE_PX[0]},{SIZE_PX[1]}"}
    seen = {"end": str(at_s + 3), "start": "true", "quit-on-end": "true"}
    run_alone(chosen | window | seen, program="sumo-gui", screen=screen)
    if not picture.is_file():
        msg = f"sumo-gui took no picture of {site} at {format_clock(at_s)}"
        raise EngineError(msg)
    return picture


def _screen() -> list[str]:
    """Return the command that gives sumo-gui a screen; nothing where there is one."""
    if os.environ.get("DISPLAY"):
        return []
    xvfb = shutil.which("xvfb-run")
    if xvfb is None:
        msg = "sumo-gui needs a screen: DISPLAY is not set, and xvfb-run is not installed; it is in the package xvfb"
        raise SetupError(msg)
    return [xvfb, "-a", "-s", f"-screen 0 {SIZE_PX[0]}x{SIZE_PX[1]}x24"]


def _view(network: Network, site: str, picture: Path, at_s: int) -> str:
    """Return sumo-gui's settings: where it looks, and when it takes the picture."""
    net = read_net(network)
    place = network.sites[site]
    x, y = kerb_point(net.getEdge(place.edge), place.pos_m)
    (west, south), (east, north) = net.getBBoxXY()
    # at 100 % the whole network fits into the window, whichever side is the longer one
    zoom = 100.0 * max(east - west, (north - south) * SIZE_PX[0] / SIZE_PX[1]) / WIDTH_M
    return (
        f'<viewsettings><scheme name="real world"/><viewport zoom="{zoom:.0f}" x="{x:.1f}" y="{y:.1f}"/>'
        f'<delay value="0"/><snapshot file="{picture}" time="{at_s}"/></viewsettings>'
    )
