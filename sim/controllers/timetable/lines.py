"""The operator's lines for Bitgreen: the city's, as far as homes of commuters lie on them."""

from __future__ import annotations

from sim.controllers.timetable.patterns import PatternPlan, Section

# From 호남대입구 (B029-) every bus takes NR22 as the 97 commuter does: nobody lives on line 97's way
# through Samdo. Inside the complex all stops are called at, to set down alone.
_INSIDE = Section(line="97-commuter.out", first="B001+", set_down=True)

BITGREEN = (
    PatternPlan(
        line="97",
        sections=(Section(line="97.out", last="B029-"), _INSIDE),
        status="likely",
        source="bus reform of October 2026: line 97 by 송정역; from 호남대입구 as the 97 commuter",
    ),
    PatternPlan(
        line="97-commuter",
        sections=(Section(line="97-commuter.out", last="B029-"), _INSIDE),
        status="likely",
        source="bus reform of October 2026: 97 (빛그린산단출근), bus terminal to 수성",
    ),
    PatternPlan(
        line="196-1+97",
        sections=(
            Section(line="196-1.Suwan-part", first="B173-", last="B047-"),
            Section(line="97.out", first="B048-", last="B029-"),
            _INSIDE,
        ),
        source="vehicles of 196-1 go on from 영광통 as line 97, so that nobody changes; starts at 월곡",
    ),
    PatternPlan(
        line="196-1-commuter",
        sections=(
            Section(line="196-1.Suwan-part", first="B153-", last="B172-"),
            Section(line="97-commuter.out", first="B085-", last="B029-"),
            _INSIDE,
        ),
        source="196-1 from 진곡산단 by Hanam and Suwan to 월곡, on along 무진대로 as the 97 commuter",
    ),
    PatternPlan(
        line="196-1-비아",
        sections=(
            Section(stops=("B061-",)),
            Section(line="196-1.Suwan-part", first="B162-", last="B172-"),
            Section(line="97-commuter.out", first="B085-", last="B029-"),
            _INSIDE,
        ),
        source="branch of 196-1 commuter from 비아동주민센터, for the homes between Suwan and Cheomdan",
    ),
    PatternPlan(
        line="96",
        sections=(Section(stops=("B034-", "B035-")), _INSIDE),
        source="line 96 shortened to 송학입구 on the road to Naju, straight on to the complex",
    ),
    PatternPlan(
        line="월야",
        sections=(
            Section(stops=("B016-", "B014-", "B013-", "B012-", "B011-", "B010-", "B006-", "B004-")),
            _INSIDE,
        ),
        source="feeder over stops of Hampyeong's buses: 문장, 월야, 석보, 외치, GGM; no city line goes there",
    ),
)
