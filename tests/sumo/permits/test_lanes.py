"""Lanes opened at run time, on a grid that is built closed to autonomous trucks as the network of Bitgreen is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sim.engine.sumo import SumoPort
from sim.permits.lanes import lane_disallowed
from sim.system import sumo_binary, sumo_env


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    net = tmp_path_factory.mktemp("closed") / "closed.net.xml"
    size = ["--grid", "--grid.number", "4", "--grid.length", "200", "--default.lanenumber", "2"]
    subprocess.run(
        [str(sumo_binary("netgenerate")), *size, "--default.disallow", "custom1 custom2", "-o", str(net)],
        env=os.environ | sumo_env(),
        check=True,
        capture_output=True,
    )
    return net


def open_lanes(port: SumoPort, *, passes: int) -> None:
    lanes = port.library.lane
    for _ in range(passes):
        for lane in lanes.getIDList():
            barred = lanes.getDisallowed(lane)
            changed = lane_disallowed(barred, "av_truck", is_open=True)
            lanes.setDisallowed(lane, barred if changed is None else changed)


def drive(port: SumoPort, trucks: int) -> tuple[int, int]:
    """Send trucks across the grid; return how many arrived and how often one was teleported."""
    library = port.library
    library.vehicletype.copy("DEFAULT_VEHTYPE", "truck")
    library.vehicletype.setVehicleClass("truck", "custom2")
    edges = [edge for edge in library.edge.getIDList() if not edge.startswith(":")]
    rng = np.random.default_rng(1)
    for number in range(trucks):
        start, end = (edges[n] for n in rng.choice(len(edges), 2, replace=False))
        library.route.add(f"r{number}", library.simulation.findRoute(start, end, "truck").edges)
        library.vehicle.add(f"v{number}", f"r{number}", "truck")
    arrived = teleports = 0
    for _ in range(600):
        library.simulationStep()
        arrived += library.simulation.getArrivedNumber()
        teleports += library.simulation.getStartingTeleportNumber()
    return arrived, teleports


@pytest.mark.parametrize(("passes", "lost"), [(1, True), (2, False)])
def test_only_after_a_second_pass_every_turn_is_open(closed: Path, tmp_path: Path, passes: int, *, lost: bool) -> None:
    options = {"net-file": str(closed), "time-to-teleport": "60"}
    with SumoPort("libsumo", options, log=tmp_path / "sumo.log") as port:
        open_lanes(port, passes=passes)
        arrived, teleports = drive(port, 40)
    assert (teleports > 0) == lost
    assert arrived == 40 or lost
