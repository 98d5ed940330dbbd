from __future__ import annotations

import re

from sim.network.yields import YIELD_MPS, slow_yields

LANES = (
    '<lane id=":C_0_0" index="0" speed="18.05" length="35.81" shape="0,0 1,1"/>'
    '<lane id=":C_1_0" index="0" allow="bus" speed="7.57" length="19.69"/>'
    '<lane id=":C_2_0" index="0" speed="13.78" length="25.36"/>'
    '<lane id=":C_3_0" index="0" speed="15.00" length="25.36"/>'
    '<lane id="W+_0" index="0" speed="22.22" length="317.28"/>'
)
TURNS = (
    '<connection from="W+" to="S-" fromLane="0" toLane="0" uncontrolled="1" via=":C_0_0" dir="r" state="m"/>'
    '<connection from="E+" to="N-" fromLane="0" toLane="0" uncontrolled="1" via=":C_1_0" dir="r" state="m"/>'
    '<connection from="N+" to="W-" fromLane="0" toLane="0" uncontrolled="1" via=":C_2_0" dir="r" state="M"/>'
    '<connection from="S+" to="N-" fromLane="0" toLane="0" via=":C_3_0" tl="C" linkIndex="0" dir="s" state="o"/>'
)


def test_only_turns_that_give_way_outside_the_signal_are_slowed_down() -> None:
    made = slow_yields(f"<net>{LANES}{TURNS}</net>")
    speeds = dict(re.findall(r'id="([^"]+)"[^>]*? speed="([\d.]+)"', made))
    assert speeds == {
        ":C_0_0": f"{YIELD_MPS:.2f}",
        ":C_1_0": "7.57",  # its bend is slower
        ":C_2_0": "13.78",  # it gives way to nobody
        ":C_3_0": "15.00",
        "W+_0": "22.22",
    }
    assert slow_yields(made) == made
