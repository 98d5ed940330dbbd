from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

from sim.kpi.conflicts import CONFLICTS, read_conflicts
from sim.network.catalog import Network
from sim.runner.conflicts import publish_conflicts, read_ssm
from sim.system import sumo_binary, sumo_env

ROUTES = """<routes>
    <vType id="truck" vClass="custom2" length="9" maxSpeed="8" sigma="0"/>
    <vType id="car" vClass="passenger" sigma="0"/>
    <flow id="truck" type="truck" begin="0" end="120" period="20" from="A1B1" to="C1D1"/>
    <flow id="cross" type="car" begin="0" end="120" period="7" from="B0B1" to="B2B3"/>
    <flow id="car" type="car" begin="3" end="120" period="11" from="A1B1" to="C1D1" departSpeed="max"/>
</routes>
"""


def test_what_sumo_writes_becomes_one_row_for_each_encounter(grid: Network, tmp_path: Path) -> None:
    """All vehicles carry a device here, so that each encounter stands in SUMO's file up to twice."""
    routes, ssm = tmp_path / "routes.rou.xml", tmp_path / "ssm.xml"
    routes.write_text(ROUTES, encoding="utf-8")
    command = [
        str(sumo_binary("sumo")), "-n", str(grid.net_file), "-r", str(routes), "--end", "300",
        "--device.ssm.probability", "1", "--device.ssm.measures", "TTC DRAC PET", "--device.ssm.file", str(ssm),
        "--device.ssm.thresholds", "3 3.4 6", "--no-step-log",
    ]  # fmt: skip
    subprocess.run(command, env=os.environ | sumo_env(), check=True, capture_output=True)
    raw = list(read_ssm(ssm))
    publish_conflicts(ssm, tmp_path, {one.ego: "av_truck" for one in raw if one.ego.startswith("truck")})
    found = read_conflicts(tmp_path / CONFLICTS)
    assert found
    assert len(found) < len(raw)
    assert {frozenset({one.ego, one.foe}) for one in found} == {frozenset({one.ego, one.foe}) for one in raw}
    assert {one.kind for one in found} == {"crossing", "following"}
    assert min(one.ttc_s for one in found if one.ttc_s is not None) == min(one.ttc.value for one in raw if one.ttc)
    spans = Counter((frozenset({one.ego, one.foe}), one.begin_s) for one in found)
    assert max(spans.values()) == 1
    assert {one.pair for one in found} <= {"av-av", "av-human", "human-human"}
