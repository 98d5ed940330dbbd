"""Book and monitor read permits each by itself: what one allows the other must not blame, and the other way round."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.freight_events import Violation
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.permit_document import CREW_STAGES
from sim.permits.book import PermitBook, Subject
from sim.permits.monitor import Monitor, Sighting
from sim.scenario import Scenario

MakeScenario = Callable[..., Scenario]
Both = tuple[PermitBook, Monitor]
HOUR_S = 3600
WINDOW = st.tuples(st.integers(0, 23), st.integers(1, 24)).map(
    lambda hours: {"begin_s": hours[0] * HOUR_S, "end_s": sum(hours) * HOUR_S}
)
PERMIT = st.fixed_dictionaries(
    {
        "zone": st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(lambda edges: {"edges": edges}),
        "windows": st.lists(WINDOW, min_size=1, max_size=2),
        "max_speed_kmh": st.sampled_from([None, 5, 15, 30]),
        "crew": st.sampled_from(CREW_STAGES),
        "max_mass_kg": st.sampled_from([None, 9000, 20_000]),
        "min_mass_kg": st.sampled_from([0, 500, 8000]),
        "vehicles_per_operator": st.sampled_from([None, 1, 2]),
    }
)
PERMITS = st.lists(PERMIT, min_size=1, max_size=3)
SUBJECT = st.builds(
    Subject, st.just("av_truck"), st.sampled_from(CREW_STAGES), st.sampled_from([500.0, 8000.0, 9000.0, 9001.0, 3e4])
)
PLACES = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 40 * HOUR_S), st.floats(0, 25)), max_size=8)
# the fixtures are made anew for each test and hold nothing that changes
SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def both(scenario: MakeScenario, network: Network, graph: EdgeGraph, freight: dict[str, Any]) -> Callable[..., Both]:
    def make(permits: Sequence[dict[str, Any]]) -> Both:
        document = scenario({f"p{n}": one for n, one in enumerate(permits)}, freight=freight)
        return PermitBook.of(document, network, graph), Monitor(document, network, graph)

    return make


def sighting(subject: Subject, name: str, edge: str, speed_mps: float, *, on_road: bool = True) -> Sighting:
    return Sighting(
        name, "av_truck", "tug", subject.crew, subject.mass_kg, f"{edge}_1", 0.0, 0.0, speed_mps, on_road=on_road
    )


def blamed(monitor: Monitor, rows: Sequence[tuple[int, Sequence[Sighting]]]) -> list[tuple[str, float]]:
    """Return rule and begin of what the monitor blames when it sees this, each row for two steps."""
    events = [event for time_s, seen in rows for lag_s in (0, 1) for event in monitor.step(time_s + lag_s, seen)]
    events += monitor.close(rows[-1][0] + 2 if rows else 0)
    return [(one.rule, one.begin_s) for one in events if isinstance(one, Violation)]


@SETTINGS
@given(permits=PERMITS, subject=SUBJECT, places=PLACES)
def test_who_keeps_to_the_book_is_never_blamed(
    both: Callable[..., Both], permits: list[dict[str, Any]], subject: Subject, places: list[tuple[str, int, float]]
) -> None:
    book, monitor = both(permits)
    rows = []
    if book.most_on_road(subject, 2) != 0:
        for edge, time_s, wished_mps in sorted(places, key=lambda place: place[1]):
            cap_mps = min(book.cap_mps(subject, edge, at_s) for at_s in (time_s, time_s + 1))
            rows.append((time_s, [sighting(subject, "t", edge, min(wished_mps, cap_mps), on_road=cap_mps > 0)]))
    assert blamed(monitor, rows) == []


@SETTINGS
@given(permits=PERMITS, subject=SUBJECT, place=st.tuples(st.sampled_from("abc"), st.integers(0, 40 * HOUR_S)))
def test_what_the_book_forbids_is_blamed(
    both: Callable[..., Both], permits: list[dict[str, Any]], subject: Subject, place: tuple[str, int]
) -> None:
    book, monitor = both(permits)
    edge, time_s = place
    cap_mps = book.cap_mps(subject, edge, time_s)
    found = blamed(monitor, [(time_s, [sighting(subject, "t", edge, 1.0)])])
    if cap_mps == 0:
        assert {rule for rule, begin_s in found if begin_s == time_s} & {"geofence", "hours", "crew", "mass"}
    elif not math.isinf(cap_mps):
        _, fresh = both(permits)
        fast = blamed(fresh, [(time_s, [sighting(subject, "t", edge, cap_mps + 0.2)])])
        assert ("over_speed", time_s) in fast


@SETTINGS
@given(permits=PERMITS, mass_kg=st.sampled_from([600.0, 8500.0]), extra=st.integers(0, 3))
def test_fleets_within_their_operators_reach_are_never_blamed(
    both: Callable[..., Both], permits: list[dict[str, Any]], mass_kg: float, extra: int
) -> None:
    book, monitor = both([{**one, "zone": {"everywhere": True}, "windows": [{"begin_s": 0, "end_s": 86_400}]}
                          for one in permits])  # fmt: skip
    subject = Subject("av_truck", "remote", mass_kg)
    most = book.most_on_road(subject, 2)
    if not book.allowed_edges(subject, 0.0).any():
        return
    trucks = [sighting(subject, f"t{n}", "a", 0.0) for n in range((4 if most is None else most) + extra)]
    found = blamed(monitor, [(0, trucks)])
    rules = [permit.vehicles_per_operator for permit in (one.permit for one in book.permits if one.covers(subject))]
    if extra == 0 or most is None or None in rules:
        assert found == []
    elif len(set(rules)) == 1:
        assert found == [("operators", 0.0)] * extra
