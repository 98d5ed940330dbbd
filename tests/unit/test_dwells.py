"""What is learnt of stops: dwells by place and number, and what a leg loses beside the times of passing traffic."""

from __future__ import annotations

import pytest

from sim.engine.dwells import LONGEST, MOST_LOSS_S, MOST_LOSS_SHARE, Dwells, lost_s
from sim.engine.sumo import StepFacts
from sim.engine.times import EdgeTimes
from sim.events import StopServed
from sim.fleet_document import Fleet
from sim.world import Location
from tests.unit.network.test_graph import toy

FLEET = Fleet(count=1, seats=6, boarding_s=10, alighting_s=6)
GRAPH = toy(1, 12)


class Road:
    """The part of SUMO that is asked: where a vehicle is, and how far it has driven."""

    def __init__(self) -> None:
        self.at, self.driven_m = Location(0, 5.0), 0.0

    def road(self, _: str) -> tuple[str, float]:
        return GRAPH.ids[self.at.edge], self.at.pos_m

    def odometer_m(self, _: str) -> float:
        return self.driven_m


def dwells(road: Road | None = None) -> tuple[Dwells, EdgeTimes]:
    times = EdgeTimes(GRAPH, vclass="taxi", time_s=0.0)
    return Dwells(road or Road(), GRAPH, times, FLEET), times  # type: ignore[arg-type]


def facts(time_s: float, *, started: tuple[str, ...] = (), ended: tuple[str, ...] = ()) -> StepFacts:
    none: tuple[str, ...] = ()
    return StepFacts(
        time_s=time_s, expected=1, departed=none, arrived=none, teleported=none, stop_started=started,
        stop_ended=ended, persons_departed=none, persons_arrived=none, colliding=none,
    )  # fmt: skip


def served(edge: int, dwell_s: float, *, boarded: int = 0, alighted: int = 0) -> StopServed:
    return StopServed(
        time_s=100.0 + dwell_s, vehicle_id="s", edge=GRAPH.ids[edge], started_s=100.0, boarded=boarded,
        alighted=alighted,
    )  # fmt: skip


def test_before_any_stop_dwells_are_those_of_the_fleet_and_nothing_is_lost() -> None:
    learnt = dwells()[0].stop_times
    assert learnt.dwell_s(3, 1, pickup=True) == 10
    assert learnt.dwell_s(3, 4, pickup=False) == 6
    assert (learnt.loss_s, learnt.drive_factor) == (0.0, 1.0)


def test_a_place_where_stops_take_longer_is_told_apart_the_more_it_was_seen() -> None:
    book, _ = dwells()
    book.step(facts(200), [served(2, 20, boarded=1)] * 3, {"s"})
    few = book.stop_times
    assert 10 < few.dwell_s(5, pickup=True) < few.dwell_s(2, pickup=True) < 20
    book.step(facts(300), [served(2, 20, boarded=1), served(5, 10, boarded=1)] * 100, {"s"})
    many = book.stop_times
    assert many.dwell_s(2, pickup=True) == pytest.approx(20, abs=0.6)
    assert many.dwell_s(5, pickup=True) == pytest.approx(10, abs=0.6)
    assert many.dwell_s(2, pickup=False) == 6


def test_each_further_request_adds_what_it_took() -> None:
    book, _ = dwells()
    log = [served(edge, 6 + 4 * (n - 1), alighted=n) for edge in range(12) for n in (1, 2, 3, 4)]
    book.step(facts(200), log * 4, {"s"})
    learnt = book.stop_times
    assert learnt.dwell_s(1, 1, pickup=False) == pytest.approx(6, abs=0.5)
    assert learnt.dwell_s(1, 4, pickup=False) == pytest.approx(18, abs=0.8)
    assert learnt.dwell_s(1, 4, pickup=True) == 10


def test_stops_at_which_some_board_and_some_alight_and_very_long_ones_do_not_mislead() -> None:
    book, _ = dwells()
    book.step(facts(200), [served(2, 500, boarded=1, alighted=1)] * 50, {"s"})
    assert book.stop_times.dwell_s(2, pickup=True) == 10
    book.step(facts(200), [served(2, 5000, boarded=1)] * 500, {"s"})
    assert 30 < book.stop_times.dwell_s(2, pickup=True) <= LONGEST * 10


def leg(book: Dwells, road: Road, times: EdgeTimes, loss_s: float, *, detour: float = 1.0) -> float:
    """Let a vehicle leave one stop and come to the next; return the planned time between them."""
    start, end = Location(0, 5.0), Location(3, 8.0)
    road.at, road.driven_m = start, 0.0
    book.step(facts(1000, ended=("s",)), [], {"s"})
    road.at, road.driven_m = end, times.travel_times.distance_m(start, end) * detour
    planned_s = times.travel_times.time_s(start, end)
    book.step(facts(1000 + planned_s + loss_s, started=("s",)), [], {"s"})
    return planned_s


def test_what_legs_lose_is_told_apart_from_how_much_slower_they_are() -> None:
    road = Road()
    book, times = dwells(road)
    for n in range(4000):  # ten legs weigh as much as what is expected
        road.at, road.driven_m = Location(0, 5.0), 0.0
        book.step(facts(1000, ended=("s",)), [], {"s"})
        road.at = Location(1 + n % 11, 8.0)
        road.driven_m = times.travel_times.distance_m(Location(0, 5.0), road.at)
        took_s = times.travel_times.time_s(Location(0, 5.0), road.at) * 1.05 + 8.0 + 4.0 * (n % 2)
        book.step(facts(1000 + took_s, started=("s",)), [], {"s"})
    assert book.stop_times.loss_s == pytest.approx(10.0, abs=0.7)
    assert book.stop_times.drive_factor == pytest.approx(1.05, abs=0.01)


def test_ways_changed_on_the_road_teach_nothing_and_jams_little() -> None:
    road = Road()
    book, times = dwells(road)
    leg(book, road, times, 20.0, detour=1.2)
    assert (book.stop_times.loss_s, book.stop_times.drive_factor) == (0.0, 1.0)
    planned_s = leg(book, road, times, 20_000.0)
    learnt = book.stop_times
    assert 0 < learnt.loss_s + (learnt.drive_factor - 1) * planned_s <= MOST_LOSS_S + MOST_LOSS_SHARE * planned_s
    for _ in range(9):
        leg(book, road, times, -2000.0)
    assert (book.stop_times.loss_s, book.stop_times.drive_factor) == (0.0, 1.0)  # never quicker than the traffic


def test_a_stop_after_the_first_begins_a_new_leg() -> None:
    road = Road()
    book, times = dwells(road)
    leg(book, road, times, 11.0)
    before = book.stop_times.loss_s
    assert before > 0
    book.step(facts(3000, started=("s",)), [], {"s"})
    assert book.stop_times.loss_s == before


def test_no_way_between_is_no_loss() -> None:
    _, times = dwells()
    here = Location(0, 5.0)
    assert lost_s(times.travel_times, here, Location(0, 10.0), took_s=9.0, driven_m=50.0) is None
    assert lost_s(times.travel_times, here, here, took_s=3.0, driven_m=0.0) == 3.0
