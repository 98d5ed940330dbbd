from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sim.errors import ScenarioError
from sim.freight import DrivingWindow
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.permits.book import PermitBook, Subject
from sim.scenario import Scenario

MakeBook = Callable[..., PermitBook]
Permits = dict[str, dict[str, Any]]
HOUR_S = 3600.0
TRUCK = Subject("av_truck", "remote", 9000.0)
DAYTIME = [{"begin_s": "10:00", "end_s": "12:00"}, {"begin_s": "14:00", "end_s": "16:00"}]


@pytest.fixture
def book(scenario: Callable[..., Scenario], network: Network, graph: EdgeGraph) -> MakeBook:
    def make(permits: Permits, **rest: dict[str, Any]) -> PermitBook:
        return PermitBook.of(scenario(permits, **rest), network, graph)

    return make


def kmh(caps: np.ndarray[Any, np.dtype[np.float64]]) -> list[float]:
    return [round(float(cap) * 3.6, 6) for cap in caps]


def test_a_class_without_permits_drives_where_those_like_it_may(book: MakeBook) -> None:
    empty = book({})
    assert not empty.regulated("av_truck")
    assert kmh(empty.caps_mps(TRUCK, 0.0)) == [math.inf, math.inf, math.inf, 0.0]
    assert empty.driving_windows(TRUCK, ["a"]) == (DrivingWindow(0.0, math.inf),)
    assert empty.driving_windows(TRUCK, ["d"]) == ()
    assert empty.open_edges("av_truck") == {"a", "b", "c"}
    assert empty.changes() == ()


def test_permits_add_up_and_the_highest_cap_counts(book: MakeBook) -> None:
    both = book(
        {
            "slow": {"zone": {"edges": ["a", "b", "d"]}, "max_speed_kmh": 7, "windows": DAYTIME},
            "fast": {"zone": {"edges": ["b"]}, "max_speed_kmh": 15},
        }
    )
    assert kmh(both.caps_mps(TRUCK, 11 * HOUR_S)) == [7, 15, 0, 0]
    assert kmh(both.caps_mps(TRUCK, 12 * HOUR_S)) == [0, 15, 0, 0]
    assert kmh(both.caps_of_day_mps(TRUCK)) == [7, 15, 0, 0]
    assert both.cap_mps(TRUCK, "b", 0.0) == pytest.approx(15 / 3.6)
    assert both.allowed_edges(TRUCK, 0.0).tolist() == [False, True, False, False]
    assert both.open_edges("av_truck", 11 * HOUR_S) == both.open_edges("av_truck") == {"a", "b"}
    assert both.open_edges("av_truck", 13 * HOUR_S) == {"b"}
    assert both.changes() == tuple(hour * HOUR_S for hour in (10, 12, 14, 16))


@pytest.mark.parametrize(
    ("subject", "covered"),
    [
        (TRUCK, True),
        (TRUCK._replace(crew="driver"), True),
        (TRUCK._replace(crew="none"), False),
        (TRUCK._replace(mass_kg=10_000.0), True),
        (TRUCK._replace(mass_kg=10_001.0), False),
        (TRUCK._replace(mass_kg=500.0), False),
    ],
)
def test_crew_and_mass(book: MakeBook, subject: Subject, *, covered: bool) -> None:
    strict = book({"one": {"crew": "remote", "max_mass_kg": 10_000, "min_mass_kg": 500, "outside": "return"}})
    assert bool(strict.allowed_edges(subject, 0.0).any()) == covered
    assert strict.outside(subject) == ("return" if covered else "hold")


def test_windows_that_touch_are_one_and_none_ends_after_the_run(book: MakeBook) -> None:
    night = book(
        {
            "late": {"windows": [{"begin_s": "22:00", "end_s": "24:00"}]},
            "early": {"zone": {"edges": ["a"]}, "windows": [{"begin_s": "00:00", "end_s": "06:00"}]},
        }
    )
    assert night.driving_windows(TRUCK, ["a"]) == (
        DrivingWindow(0, 6 * HOUR_S),
        DrivingWindow(22 * HOUR_S, math.inf),
    )
    assert night.driving_windows(TRUCK, ["a", "b"]) == (DrivingWindow(22 * HOUR_S, 24 * HOUR_S),)
    reaching = book({"night": {"windows": [{"begin_s": "22:00", "end_s": "30:00"}]}})
    assert reaching.driving_windows(TRUCK, ["b"]) == (
        DrivingWindow(0, 6 * HOUR_S),
        DrivingWindow(22 * HOUR_S, math.inf),
    )


def test_the_strictest_word_counts_for_what_happens_outside(book: MakeBook) -> None:
    three = book({"a": {"outside": "hold"}, "b": {"outside": "forbid"}, "c": {"outside": "return", "crew": "driver"}})
    assert three.outside(TRUCK) == "forbid"


def test_operators_bound_what_they_watch_from_afar(book: MakeBook, freight: dict[str, Any]) -> None:
    permits: Permits = {"one": {"vehicles_per_operator": 3}, "two": {"vehicles_per_operator": 5}, "three": {}}
    many = book(permits, freight=freight)
    assert many.most_on_road(TRUCK, 2) == 6
    assert many.most_on_road(TRUCK._replace(crew="driver"), 2) is None
    assert book({"three": {}}).most_on_road(TRUCK, 2) is None
    del freight["fleets"]["tug"]["operators"]
    with pytest.raises(ScenarioError, match=r"^freight\.fleets\.tug\.operators: missing; permits\.one allows 3"):
        book(permits, freight=freight)


def test_finished_cars_have_no_operators(book: MakeBook, freight: dict[str, Any]) -> None:
    work = [{"begin_s": "08:00", "end_s": "16:00"}]
    freight["lines"] = {"ggm": {"site": "ggm", "cars_per_h": 26, "work": work}}
    freight["finished_cars"] = {
        "line": "ggm", "start_edge": "a", "compound": "ggm", "parking": "compound", "capacity": 250, "crew": "remote",
    }  # fmt: skip
    with pytest.raises(ScenarioError, match=r"^freight\.finished_cars has crew remote but no operators; permits\.one "):
        book({"one": {"classes": ["finished_car"], "vehicles_per_operator": 1}}, freight=freight)
