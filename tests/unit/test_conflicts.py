from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import OutputError
from sim.kpi.conflicts import CONFLICTS, Conflict, read_conflicts
from sim.runner.conflicts import publish_conflicts

NONE = 'time="NA" position="NA" type="NA" value="NA" speed="NA"'
# as SUMO 1.28 writes it: A and B both carry a device, so their encounter stands here twice; C carries none
SSM = f"""<SSMLog>
    <conflict begin="33.00" end="60.00" ego="A" foe="B">
        <minTTC time="36.00" position="307.20,298.40" type="6" value="2.47" speed="11.53"/>
        <maxDRAC time="37.00" position="308.20,298.40" type="6" value="2.34" speed="11.53"/>
        <PET {NONE}/>
    </conflict>
    <conflict begin="20.00" end="25.00" ego="A" foe="C">
        <minTTC {NONE}/>
        <maxDRAC {NONE}/>
        <PET time="24.00" position="1.00,2.00,30.00" type="17" value="0.75" speed="11.53"/>
    </conflict>
    <conflict begin="34.00" end="66.00" ego="B" foe="A">
        <minTTC time="38.00" position="309.20,298.40" type="2" value="1.20" speed="11.53"/>
        <maxDRAC {NONE}/>
        <PET {NONE}/>
    </conflict>
    <conflict begin="90.00" end="95.00" ego="B" foe="A">
        <minTTC {NONE}/>
        <maxDRAC time="92.00" position="5.00,6.00" type="3" value="4.00" speed="11.53"/>
        <PET {NONE}/>
    </conflict>
</SSMLog>
"""
CLASSES = {"A": "av_truck", "B": "finished_car"}  # C is a commuter's car


def published(tmp_path: Path, text: str | None) -> list[Conflict] | None:
    source = tmp_path / "ssm.xml"
    if text is not None:
        source.write_text(text, encoding="utf-8")
    publish_conflicts(source, tmp_path, CLASSES)
    assert not source.exists()
    return read_conflicts(tmp_path / CONFLICTS)


def test_one_row_for_each_pair_and_encounter(tmp_path: Path) -> None:
    assert published(tmp_path, SSM) == [
        Conflict("A", "C", "av_truck", "car", 20, 25, "crossing", None, 0.75, None, 1, 2, 24),
        Conflict("A", "B", "av_truck", "finished_car", 33, 66, "following", 1.2, None, 2.34, 309.2, 298.4, 38),
        Conflict("B", "A", "finished_car", "av_truck", 90, 95, "following", None, None, 4, 5, 6, 92),
    ]


def test_who_meets_whom_and_beyond_what(tmp_path: Path) -> None:
    found = published(tmp_path, SSM)
    assert found is not None
    assert [one.pair for one in found] == ["av-human", "av-av", "av-av"]
    assert [one.measures for one in found] == [{"pet"}, {"ttc"}, {"drac"}]


# as SUMO 1.28 writes two vehicles that stand within a junction, one of them seen by the other alone
INSIDE = f"""<SSMLog>
    <conflict begin="10.00" end="90.00" ego="A" foe="C">
        <minTTC time="30.00" position="7.00,8.00" type="111" value="0.00" speed="0.10"/>
        <maxDRAC time="20.00" position="1.00,2.00" type="7" value="0.44" speed="3.00"/>
        <PET {NONE}/>
    </conflict>
    <conflict begin="12.00" end="90.00" ego="C" foe="A">
        <minTTC time="15.00" position="3.00,4.00" type="8" value="2.50" speed="3.00"/>
        <maxDRAC {NONE}/>
        <PET {NONE}/>
    </conflict>
</SSMLog>
"""


def test_both_within_a_junction_are_no_collision(tmp_path: Path) -> None:
    """The device's 0 s are no time to collision; what the other record measured stays."""
    (found,) = published(tmp_path, INSIDE) or []
    assert found == Conflict("A", "C", "av_truck", "car", 10, 90, "both_inside", 2.5, None, 0.44, 7, 8, 30)
    assert found.measures == frozenset()


def test_nobody_equipped_is_an_empty_table(tmp_path: Path) -> None:
    assert published(tmp_path, None) == []


def test_a_run_without_measures_has_no_table(tmp_path: Path) -> None:
    assert read_conflicts(tmp_path / CONFLICTS) is None


def test_a_file_cut_short_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"ssm\.xml cannot be read as SUMO's SSM output"):
        published(tmp_path, SSM[:500])
