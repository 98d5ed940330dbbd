"""Who follows whom, what is told to SUMO of it, and what is booked: on a road whose gaps the test sets."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from sim.engine.freight.craft import Craft
from sim.engine.freight.platoons import Platoons
from sim.engine.freight.port import Seen
from sim.freight_events import PlatoonMetered
from sim.platooning_document import Platooning
from sim.vehicle_classes import FreightClass
from tests.unit.engine.freight.build import traits

SPEED, TOP, OWN_S, STANDSTILL_M = 10.0, 15.0, 1.0, 2.5
CLOSE_M = 5.0  # at 10 m/s a follower at 0.6 s keeps 6 m beyond those of a standstill
DOCUMENT = Platooning.model_validate({"least_speed_mps": 5, "most_vehicles": 3})


@dataclass
class FakeRoad:
    """Vehicles on one lane, first to last, with the free metres before each; in a `ring` the first follows the last."""

    column: list[str]
    free_m: dict[str, float] = field(default_factory=dict)
    gaps_s: dict[str, float] = field(default_factory=dict)
    overtakes: dict[str, bool] = field(default_factory=dict)
    tops_mps: dict[str, float] = field(default_factory=dict)
    ring: bool = False

    def leader(self, vehicle_id: str, within_m: float) -> tuple[str, float] | None:
        place = self.column.index(vehicle_id)
        free_m = self.free_m.get(vehicle_id, CLOSE_M)
        return (self.column[place - 1], free_m) if (place > 0 or self.ring) and free_m <= within_m else None

    def standstill_m(self, _: str) -> float:
        return STANDSTILL_M

    def time_gap_s(self, vehicle_id: str) -> float:
        return self.gaps_s.get(vehicle_id, OWN_S)

    def keep_behind(self, vehicle_id: str, time_gap_s: float) -> None:
        self.gaps_s[vehicle_id], self.overtakes[vehicle_id] = time_gap_s, False

    def keep_free(self, vehicle_id: str, time_gap_s: float) -> None:
        self.gaps_s[vehicle_id], self.overtakes[vehicle_id] = time_gap_s, True

    def set_top_speed(self, vehicle_id: str, speed_mps: float) -> None:
        self.tops_mps[vehicle_id] = speed_mps

    def speed_limit_mps(self, _: str) -> float:
        return 14.0


def craft(name: str, vehicle_class: FreightClass = "av_truck") -> Craft:
    return Craft(
        id=name, type_id="t", empty_kg=7000, top_speed_mps=TOP, mover=None,  # type: ignore[arg-type]
        fleet=traits(vehicle_class=vehicle_class),
    )  # fmt: skip


class Scene:
    """Three trucks a, b, c and what happens to them second by second."""

    def __init__(self, names: str = "abc", document: Platooning = DOCUMENT) -> None:
        self.road = FakeRoad(list(names))
        self.crafts = {name: craft(name) for name in names}
        self.platoons = Platoons(self.road, document, self.crafts)
        self.speeds = dict.fromkeys(names, SPEED)
        self.parked: set[str] = set()
        self.time_s, self.odometer_m = 0.0, 0.0

    def drive(self, seconds: int) -> None:
        for _ in range(seconds):
            assert list(self.platoons.step(self.time_s, self.seen())) == []
            self.time_s += 1.0
            self.odometer_m += SPEED

    def seen(self) -> dict[str, Seen]:
        there = [name for name in self.crafts if name not in self.parked]
        return {name: Seen("e", "e_0", 0.0, self.speeds[name], 0.0, 0.0, self.odometer_m) for name in there}

    def read(self) -> PlatoonMetered:
        list(self.platoons.step(self.time_s, self.seen()))
        (found,) = self.platoons.close(self.time_s)
        assert isinstance(found, PlatoonMetered)
        return found


def test_followers_take_the_short_gap_and_do_not_overtake() -> None:
    scene = Scene()
    scene.drive(1)
    assert scene.road.gaps_s == {"b": 0.6, "c": 0.6}
    assert scene.road.overtakes == {"b": False, "c": False}


def test_metres_sizes_and_gaps_are_booked() -> None:
    scene = Scene()
    scene.drive(10)
    found = scene.read()
    assert (found.alone_m, found.leading_m, found.following_m) == (0, 100, 200)
    assert (found.platoon_s, found.member_s, found.largest) == (10, 30, 3)
    assert found.formation_s == [0, 0]
    assert (
        found.time_gap_counts[7] == sum(found.time_gap_counts) == 22
    )  # 7.5 m at 10 m/s, eleven looks at two followers


def test_the_first_eases_until_all_have_closed_up() -> None:
    scene = Scene()
    scene.road.free_m["c"] = 40.0
    scene.drive(8)
    assert scene.road.tops_mps == {"a": pytest.approx(0.9 * 14)}
    scene.road.free_m["c"] = CLOSE_M
    scene.drive(1)
    assert scene.road.tops_mps == {"a": TOP}
    assert scene.read().formation_s == [0, 8]


def test_who_follows_from_afar_drives_alone_until_it_has_closed_up() -> None:
    scene = Scene("ab")
    scene.road.free_m["b"] = 40.0
    scene.drive(5)
    found = scene.read()
    assert (found.alone_m, found.leading_m, found.following_m, found.largest) == (100, 0, 0, 0)


def test_a_platoon_holds_no_more_than_allowed() -> None:
    scene = Scene("abcd")
    scene.drive(5)
    assert set(scene.road.gaps_s) == {"b", "c"}
    assert scene.read().largest == 3


def test_slow_trucks_do_not_form_a_platoon_but_one_that_stops_stays_one() -> None:
    scene = Scene("ab")
    scene.speeds = {"a": 4.0, "b": SPEED}
    scene.drive(2)
    assert scene.road.gaps_s == {}
    scene.speeds["a"] = SPEED
    scene.drive(2)
    scene.speeds = {"a": 0.0, "b": 0.0}
    scene.drive(20)
    assert scene.road.gaps_s == {"b": 0.6}
    assert scene.read().splits == 0


def test_a_follower_that_falls_back_is_a_split_and_takes_its_own_gap_at_once() -> None:
    scene = Scene("ab")
    scene.drive(5)
    scene.road.free_m["b"] = 200.0
    scene.drive(1)
    assert scene.road.gaps_s == {"b": OWN_S}
    assert scene.road.overtakes == {"b": True}
    scene.drive(12)
    found = scene.read()
    assert (found.splits, found.cut_ins) == (1, 0)


def test_a_leader_out_of_sight_for_a_moment_is_no_split() -> None:
    scene = Scene("ab")
    scene.drive(5)
    scene.road.free_m["b"] = 200.0
    scene.drive(5)
    scene.road.free_m["b"] = CLOSE_M
    scene.drive(12)
    assert scene.road.gaps_s == {"b": 0.6}
    assert scene.read().splits == 0


def test_somebody_between_the_two_is_a_cut_in() -> None:
    scene = Scene("ab")
    scene.drive(5)
    scene.road.column = ["a", "car", "b"]
    scene.drive(13)
    found = scene.read()
    assert (found.splits, found.cut_ins) == (0, 1)


def test_who_has_arrived_leaves_without_a_split() -> None:
    scene = Scene("ab")
    scene.drive(5)
    scene.parked = {"a"}
    scene.drive(15)
    assert scene.road.gaps_s == {"b": OWN_S}
    found = scene.read()
    assert (found.splits, found.cut_ins) == (0, 0)


def test_trucks_in_a_ring_do_not_all_follow_one_another() -> None:
    scene = Scene("ab")
    scene.road.ring = True
    scene.drive(5)
    assert len(scene.road.gaps_s) == 1


def test_trucks_with_drivers_are_left_alone() -> None:
    scene = Scene("ab")
    crafts = {"a": craft("a"), "b": craft("b", "human_truck")}
    scene.platoons = Platoons(scene.road, DOCUMENT, crafts)
    scene.drive(5)
    assert scene.road.gaps_s == {}
    assert scene.read().alone_m == 50


def test_meters_are_read_every_quarter_of_an_hour() -> None:
    scene = Scene("ab")
    scene.drive(900)
    (found,) = scene.platoons.step(scene.time_s, scene.seen())
    assert isinstance(found, PlatoonMetered)
    assert (found.begin_s, found.time_s, found.following_m) == (0, 900, 9000)
    assert list(scene.platoons.close(scene.time_s)) == []
