"""What goes wrong begins and ends at its time, and touches nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from sim.engine.freight.craft import Craft, Goal
from sim.engine.freight.disruptions import Disruptions
from sim.engine.freight.port import Seen
from sim.engine.freight.sites import Site
from sim.engine.freight.yard import Yard
from sim.freight_document import Disruption
from sim.freight_events import DisruptionBegan, DisruptionEnded
from tests.unit.engine.freight.build import craft, told


@dataclass
class FakeSite:
    yard: Yard


@dataclass
class Bench:
    """A truck on the road, a site of two bays, a hub, and what goes wrong."""

    truck: Craft = field(default_factory=craft)
    yard: Yard = field(default_factory=lambda: Yard(2, 0, 0.0, 86_400.0))
    hub_kw: list[tuple[str, float | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.truck.state, self.truck.goal = "driving", Goal("gate", "ggm")

    def with_(self, *disruptions: dict[str, Any]) -> Disruptions:
        sites = {"ggm": cast("Site", FakeSite(self.yard))}
        return Disruptions(
            [Disruption.model_validate(one) for one in disruptions], crafts={self.truck.id: self.truck}, sites=sites,
            set_hub_kw=lambda hub, power_kw: self.hub_kw.append((hub, power_kw)),
        )  # fmt: skip


def breakdown(begin_s: int, end_s: int) -> dict[str, Any]:
    return {"kind": "breakdown", "begin_s": begin_s, "end_s": end_s, "fleet": "tug", "number": 0}


def driving(speed_mps: float) -> dict[str, Seen]:
    return {"tug.00": Seen("in", "in_0", 5.0, speed_mps, 0.0, 0.0, 0.0)}


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_broken_vehicle_stands_until_it_is_mended(bench: Bench) -> None:
    found = bench.with_(breakdown(100, 200))
    assert list(found.step(99.0, driving(8.0))) == []
    assert list(found.step(100.0, driving(8.0))) == [
        DisruptionBegan(time_s=100.0, disruption="breakdown", subject="tug.00")
    ]
    assert (bench.truck.broken, told(bench.truck)) == (True, [("halt", "tug.00")])
    list(found.step(101.0, driving(0.0)))
    assert told(bench.truck) == [("halt", "tug.00")], "who stands is not told again"
    list(found.step(102.0, driving(0.5)))
    assert told(bench.truck).count(("halt", "tug.00")) == 2, "a new goal set it off again"
    assert list(found.step(200.0, driving(0.0))) == [
        DisruptionEnded(time_s=200.0, disruption="breakdown", subject="tug.00")
    ]
    assert (bench.truck.broken, told(bench.truck)[-1]) == (False, ("release", "tug.00"))


def test_who_breaks_down_in_a_bay_is_not_pushed_onto_the_road(bench: Bench) -> None:
    bench.truck.state, bench.truck.goal = "handling", None
    found = bench.with_(breakdown(100, 200))
    list(found.step(100.0, {}))
    list(found.step(200.0, {}))
    assert told(bench.truck) == []


def test_two_breakdowns_of_one_vehicle_last_as_long_as_the_longer(bench: Bench) -> None:
    found = bench.with_(breakdown(100, 200), breakdown(150, 300))
    broken = []
    for now in (100.0, 150.0, 200.0, 300.0):
        list(found.step(now, driving(0.0)))
        broken.append(bench.truck.broken)
    assert broken == [True, True, True, False]
    assert [one for one in told(bench.truck) if one[0] == "release"] == [("release", "tug.00")]


def test_bays_are_out_of_use_for_their_time(bench: Bench) -> None:
    found = bench.with_({"kind": "bay_outage", "begin_s": 10, "end_s": 30, "site": "ggm", "bays": 1},
                        {"kind": "bay_outage", "begin_s": 20, "end_s": 40, "site": "ggm", "bays": 2})  # fmt: skip
    out = []
    for now in (9.0, 10.0, 20.0, 30.0, 40.0):
        list(found.step(now, {}))
        out.append((bench.yard.out, bench.yard.free_bays))
    assert out == [(0, 2), (1, 1), (3, 0), (2, 0), (0, 2)]


def test_a_hub_has_what_the_worst_derating_leaves_it(bench: Bench) -> None:
    first = {"kind": "charger_derating", "begin_s": 10, "end_s": 30, "site": "yard", "hub_kw": 20}
    found = bench.with_(first, {**first, "begin_s": 20, "end_s": 40, "hub_kw": 50})
    for now in (10.0, 20.0, 30.0, 40.0):
        list(found.step(now, {}))
    assert bench.hub_kw == [("yard", 20.0), ("yard", 20.0), ("yard", 50.0), ("yard", None)]
