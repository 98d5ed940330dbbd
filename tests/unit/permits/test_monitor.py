from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

from sim.errors import InvariantError
from sim.events import Event
from sim.freight_events import ExposureMetered, PermitClosed, PermitOpened, Violation
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.permits.monitor import Monitor, Sighting
from sim.scenario import Scenario

MakeScenario = Callable[..., Scenario]
MakeMonitor = Callable[..., Monitor]
Permits = dict[str, dict[str, Any]]
NOON_S = 12 * 3600.0
ZONE = {"edges": ["a", "b"]}
KEPT = Sighting("t1", "av_truck", "tug", "remote", 9000, "a_1", 50.0, 0.0, 2.0, on_road=True)


@pytest.fixture
def monitor(scenario: MakeScenario, network: Network, graph: EdgeGraph) -> MakeMonitor:
    def make(permits: Permits, **rest: dict[str, Any]) -> Monitor:
        return Monitor(scenario(permits, **rest), network, graph)

    return make


def watch(monitor: Monitor, steps: Iterable[Sequence[Sighting]], begin_s: float = NOON_S) -> list[Event]:
    """Return all that the monitor tells of these steps of a second, the end of the run included."""
    events: list[Event] = []
    time_s = begin_s
    for sightings in steps:
        time_s += 1.0
        events += monitor.step(time_s, sightings)
    return [*events, *monitor.close(time_s)]


def violations(events: Iterable[Event]) -> list[Violation]:
    return [one for one in events if isinstance(one, Violation)]


STRICT = {
    "zone": ZONE, "windows": [{"begin_s": "10:00", "end_s": "14:00"}], "max_speed_kmh": 10, "crew": "remote",
    "max_mass_kg": 10_000, "min_mass_kg": 500,
}  # fmt: skip
PLANTED = [
    ("geofence", {"lane": "c_1"}, 0.0),
    ("over_speed", {"speed_mps": 14 / 3.6}, 4.0),
    ("crew", {"crew": "none"}, 0.0),
    ("mass", {"mass_kg": 12_500.0}, 2500.0),
    ("mass", {"mass_kg": 400.0}, 100.0),
    ("surface", {"lane": "a_0"}, 0.0),
]


def test_who_keeps_the_permit_breaks_no_rule(monitor: MakeMonitor) -> None:
    events = watch(monitor({"zone": STRICT}), [[KEPT]] * 20)
    assert violations(events) == []


@pytest.mark.parametrize(("rule", "change", "excess"), PLANTED)
def test_each_rule_is_seen_once_with_its_evidence(
    monitor: MakeMonitor, rule: str, change: dict[str, Any], excess: float
) -> None:
    planted = KEPT._replace(**change, x=77.0)
    events = watch(monitor({"zone": STRICT}), [[KEPT], *[[planted]] * 5, [KEPT], [KEPT]])
    (found,) = violations(events)
    assert (found.rule, found.permit, found.vehicle_id, found.lane) == (rule, "zone", "t1", planted.lane)
    assert (found.begin_s, found.time_s, found.x) == (NOON_S + 2, NOON_S + 7, 77.0)
    assert found.excess == pytest.approx(excess)


@pytest.mark.parametrize(("begin_s", "excess"), [(14 * 3600 - 3, 6.0), (10 * 3600 - 9, 8.0)])
def test_hours_are_kept_to_the_second(monitor: MakeMonitor, begin_s: int, excess: float) -> None:
    events = watch(monitor({"zone": STRICT}), [[KEPT]] * 9, begin_s=begin_s)
    (found,) = violations(events)
    assert found.rule == "hours"
    assert found.excess == excess


def test_everything_that_the_nearest_permit_wants_is_told(monitor: MakeMonitor) -> None:
    permits: Permits = {"far": {**STRICT, "zone": {"edges": ["d"]}, "max_mass_kg": 5000}, "near": STRICT}
    planted = KEPT._replace(lane="c_1", crew="none", speed_mps=30.0)
    found = violations(watch(monitor(permits), [[planted]] * 3))
    assert [(one.rule, one.permit) for one in found] == [("crew", "near"), ("geofence", "near")]


def test_permits_add_up_and_the_highest_cap_counts(monitor: MakeMonitor) -> None:
    permits: Permits = {"slow": {"max_speed_kmh": 5}, "fast": {"zone": ZONE, "max_speed_kmh": 20}}
    fast = KEPT._replace(speed_mps=19 / 3.6)
    assert violations(watch(monitor(permits), [[fast]] * 3)) == []
    (found,) = violations(watch(monitor(permits), [[fast], *[[fast._replace(lane="c_1")]] * 3]))
    # the step that brought it into the slow zone is not held against it
    assert (found.rule, found.permit, found.begin_s) == ("over_speed", "slow", NOON_S + 3)


def test_a_lane_within_a_junction_belongs_to_the_edge_before(monitor: MakeMonitor) -> None:
    inside, outside, crossing = (KEPT._replace(lane=lane) for lane in ("b_1", "c_1", ":j_0_0"))
    assert violations(watch(monitor({"zone": STRICT}), [[inside], [crossing], [inside]])) == []
    (found,) = violations(watch(monitor({"zone": STRICT}), [[outside], [crossing], [inside]]))
    assert (found.begin_s, found.time_s) == (NOON_S + 1, NOON_S + 3)


@pytest.mark.parametrize("away", [KEPT._replace(lane="d_1", on_road=False), KEPT._replace(lane=""), None])
def test_off_the_road_no_rule_is_broken(monitor: MakeMonitor, away: Sighting | None) -> None:
    steps = [[KEPT._replace(lane="c_1")], [] if away is None else [away], [] if away is None else [away]]
    (found,) = violations(watch(monitor({"zone": STRICT}), steps))
    assert found.time_s == NOON_S + 2
    assert violations(watch(monitor({"zone": STRICT}), steps[1:])) == []


def test_more_than_the_operators_may_watch(monitor: MakeMonitor, freight: dict[str, Any]) -> None:
    watcher = monitor({"zone": {"crew": "remote", "vehicles_per_operator": 1}}, freight=freight)
    first, second, third = (KEPT._replace(vehicle_id=name) for name in ("t9", "t8", "t1"))
    events = watch(watcher, [[first], [first, second], [third, second, first], [second, first], [first]])
    (found,) = violations(events)
    assert (found.rule, found.vehicle_id, found.excess) == ("operators", "t1", 1)
    with_driver = [one._replace(crew="driver") for one in (first, second, third)]
    assert violations(watch(watcher, [with_driver] * 2)) == []


def test_who_comes_back_to_the_road_came_last(monitor: MakeMonitor, freight: dict[str, Any]) -> None:
    watcher = monitor({"zone": {"crew": "remote", "vehicles_per_operator": 1}}, freight=freight)
    first, second, third = (KEPT._replace(vehicle_id=name) for name in ("t1", "t2", "t3"))
    (found,) = violations(watch(watcher, [[first, second], [second], [second, third], [first, second, third]]))
    assert found.vehicle_id == "t1"


def test_who_is_first_seen_within_a_junction_is_in_no_wrong_place(monitor: MakeMonitor) -> None:
    crossing, outside = (KEPT._replace(lane=lane) for lane in (":j_0_0", "c_1"))
    assert violations(watch(monitor({"zone": STRICT}), [[crossing]])) == []
    # it has been off the road since it was outside
    (found,) = violations(watch(monitor({"zone": STRICT}), [[outside], [], [crossing]]))
    assert found.time_s == NOON_S + 2


def test_a_lane_that_is_not_there_is_a_fault_of_the_engine(monitor: MakeMonitor) -> None:
    with pytest.raises(InvariantError, match=r"t1 is on lane 'z_1', which the network has not"):
        monitor({"zone": STRICT}).step(NOON_S, [KEPT._replace(lane="z_1")])


def test_classes_that_no_permit_names_are_free_and_metered(monitor: MakeMonitor) -> None:
    free = KEPT._replace(vehicle_class="shuttle", lane="d_1", speed_mps=20.0)
    events = watch(monitor({"zone": STRICT}), [[free]] * 10, begin_s=13.5 * 3600 - 5)
    first, second = (one for one in events if isinstance(one, ExposureMetered))
    assert (first.begin_s, first.time_s, first.vehicle_s, first.vehicle_m) == (48_595, 48_600, 5, 100)
    assert (second.begin_s, second.time_s, second.vehicle_s, second.crew) == (48_600, 48_605, 5, "remote")
    assert violations(events) == []


def test_robots_belong_on_sidewalks(monitor: MakeMonitor) -> None:
    permits: Permits = {
        "heavy": {"classes": ["robot"], "surface": "sidewalk", "min_mass_kg": 100, "max_speed_kmh": 10},
        "light": {"classes": ["robot"], "surface": "sidewalk", "max_mass_kg": 100, "max_speed_kmh": 15},
    }
    robot = KEPT._replace(vehicle_class="robot", mass_kg=100, lane="a_0", speed_mps=15 / 3.6)
    steps = [[robot], [robot._replace(lane=":j_c0_0")], [robot._replace(lane="b_0")]]
    assert violations(watch(monitor(permits), steps)) == []
    (found,) = violations(watch(monitor(permits), [[robot._replace(lane="a_1")]]))
    assert found.rule == "surface"
    (found,) = violations(watch(monitor(permits), [[robot._replace(mass_kg=101)]]))
    assert (found.rule, found.permit) == ("over_speed", "heavy")
    assert found.excess == pytest.approx(5.0)


def test_windows_open_and_close(monitor: MakeMonitor) -> None:
    night = [{"begin_s": "00:00", "end_s": "06:00"}, {"begin_s": "22:00", "end_s": "24:00"}]
    watcher = monitor({"always": {}, "night": {"windows": night}})
    told = [event for hour in range(49) for event in watcher.step(hour * 3600.0, [])]
    assert [(type(one), one.time_s / 3600, dataclasses.asdict(one)["permit"]) for one in told] == [
        (PermitOpened, 0, "always"),
        (PermitOpened, 0, "night"),
        (PermitClosed, 6, "night"),
        (PermitOpened, 22, "night"),
        (PermitClosed, 30, "night"),
        (PermitOpened, 46, "night"),
    ]
