from __future__ import annotations

from itertools import pairwise

import pytest
from pydantic import ValidationError

from sim.controllers.timetable.driving import Driving
from sim.controllers.timetable.lines import BITGREEN
from sim.controllers.timetable.patterns import Drawing, PatternPlan, Section, draw_patterns
from sim.errors import ScenarioError
from sim.network.walking import Place

from .conftest import Morning


def drawing(morning: Morning, *, factor: float = 1.0, queue_s: float = 0.0) -> Drawing:
    driving = Driving(morning.inputs.graph, 22.2, factor)
    return Drawing(morning.inputs.network, driving, call_s=20.0, queue_s=queue_s)


def plan(*sections: Section, line: str = "97") -> PatternPlan:
    return PatternPlan(line=line, sections=sections, source="test")


def test_the_operators_lines_stand_on_the_network(morning: Morning) -> None:
    for pattern in draw_patterns(BITGREEN, drawing(morning)):
        assert all(a < b for a, b in pairwise(pattern.offsets_s))
        assert pattern.edges[0] == pattern.places[0].edge
        assert pattern.edges[-1] == pattern.places[-1].edge
        assert 0 < pattern.boarding < len(pattern.stops)
        assert [stop[:-1] for stop in pattern.stops[pattern.boarding :]] == ["B001", "B080", "B021", "B020"]


def test_run_time_is_driving_by_the_factor_and_calls_and_the_queue(morning: Morning) -> None:
    plans = (plan(Section(stops=("B054-", "B053-")), Section(stops=("B001+",), set_down=True)),)
    (plain,) = draw_patterns(plans, drawing(morning))
    (slow,) = draw_patterns(plans, drawing(morning, factor=1.5))
    (queued,) = draw_patterns(plans, drawing(morning, queue_s=100))
    assert slow.run_s - 40 == pytest.approx(1.5 * (plain.run_s - 40))
    assert queued.offsets_s[1] == plain.offsets_s[1]
    assert queued.offsets_s[2] == pytest.approx(plain.offsets_s[2] + 100)


def test_a_stretch_of_a_line_keeps_its_stops(morning: Morning) -> None:
    (pattern,) = draw_patterns((plan(Section(line="97-commuter.out")),), drawing(morning))
    assert pattern.stops == morning.inputs.network.lines["97-commuter.out"].stops
    length_m = sum(morning.inputs.graph.length_m[morning.inputs.graph.index[edge]] for edge in pattern.edges)
    assert length_m == pytest.approx(morning.inputs.network.lines["97-commuter.out"].length_m, rel=0.05)


def test_passing_a_stop_saves_its_call(morning: Morning) -> None:
    own = drawing(morning)
    (pattern,) = draw_patterns((plan(Section(line="97-commuter.out")),), own)
    express = own.without(pattern, {"B053-", "B054-"})
    assert express.stops == pattern.stops[2:]
    assert express.boarding == pattern.boarding - 2
    assert express.run_s == pytest.approx(pattern.run_s - pattern.offsets_s[2])


def test_a_bus_goes_round_to_a_place_behind_it(morning: Morning) -> None:
    way = drawing(morning).driving.way(Place("L005a+", 100.0), Place("L005a+", 50.0))
    assert way.edges[0] == way.edges[-1] == "L005a+"
    assert len(way.edges) > 2
    assert way.time_s > 0


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ([Section(stops=("B054-", "nowhere"))], "'nowhere'"),
        ([Section(line="98.out")], "97-commuter.out"),
        ([Section(line="97-commuter.out", first="B001+", last="B054-")], "from B001+ to B054-"),
        ([Section(stops=("B054-",))], "at least two stops"),
        ([Section(stops=("B054-", "B053-", "B054-"))], "each once"),
        ([Section(stops=("B054-",), set_down=True), Section(stops=("B053-",))], "set_down"),
    ],
)
def test_a_pattern_that_cannot_run_is_refused(morning: Morning, sections: list[Section], words: str) -> None:
    with pytest.raises(ScenarioError, match=r"controllers\.shuttle\.parameters\.patterns") as caught:
        draw_patterns((plan(*sections),), drawing(morning))
    assert words in str(caught.value)


def test_two_patterns_of_one_name_are_refused(morning: Morning) -> None:
    twin = plan(Section(line="97-commuter.out"))
    with pytest.raises(ScenarioError, match="'97' stands twice"):
        draw_patterns((twin, twin), drawing(morning))


def test_a_line_name_with_a_space_is_refused_because_sumo_would_read_two() -> None:
    with pytest.raises(ValidationError):
        plan(Section(stops=("B054-",)), line="97 commuter")
