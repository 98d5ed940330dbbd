from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import SeedSequence

from sim.demand.generate import generate
from sim.demand.population import Rider
from sim.demand.traits import CANCEL_AFTER_S, EVENING_BEFORE_S, count_traits, with_traits
from sim.demand_document import RiderTraits
from sim.errors import ScenarioError
from sim.network.catalog import Network
from sim.network.graph import EdgeGraph
from sim.scenario import validate

BEGIN_S = 21_600
SHARES: dict[str, Any] = {
    "booked_ahead": 0.6, "recurring": 0.3, "groups": {"2": 0.1, "3": 0.05}, "wheelchairs": 0.1,
    "classes": {"express": 0.2, "patient": 0.3}, "arrive_by": 0.4, "cancels": 0.2, "no_shows": 0.1, "patience_s": 900,
}  # fmt: skip
BARE = {field.name for field in dataclasses.fields(Rider)} - {
    "size", "wheelchairs", "service_class", "booked_s", "recurring", "arrive_by", "cancel_s", "shows_up", "patience_s",
}  # fmt: skip


def crowd(count: int = 600) -> list[Rider]:
    """Return riders of whom every third comes by train and has no time to be there by."""
    return [
        Rider(
            person_id=f"p{number}", request_id=f"r{number}", purpose="commute" if number % 3 else "rail",
            origin_edge="A", origin_pos_m=0.0, destination_edge="B", destination_pos_m=0.0,
            earliest_s=BEGIN_S + 10.0 * number, latest_arrival_s=36_000.0 if number % 3 else None,
            shift_start_s=36_000.0 if number % 3 else None, direct_ride_s=600.0, direct_distance_m=9000.0,
            zone="z", site="s", scopes=("housing",),
        )
        for number in range(count)
    ]  # fmt: skip


def drawn(riders: list[Rider] | None = None, *, seed: int = 5, **shares: Any) -> list[Rider]:  # noqa: ANN401 (shares)
    model = RiderTraits.model_validate(SHARES | shares)
    return with_traits(crowd() if riders is None else riders, model, begin_s=BEGIN_S, seeds=SeedSequence(seed))


def differing(one: Rider, other: Rider) -> set[str]:
    """Return the names of the fields that differ."""
    return {field.name for field in dataclasses.fields(Rider) if getattr(one, field.name) != getattr(other, field.name)}


def test_without_shares_riders_are_as_they_were() -> None:
    assert with_traits(crowd(), RiderTraits(), begin_s=BEGIN_S, seeds=SeedSequence(1)) == crowd()
    assert with_traits([], RiderTraits.model_validate(SHARES), begin_s=BEGIN_S, seeds=SeedSequence(1)) == []


def test_traits_leave_who_travels_when_and_where() -> None:
    for before, after in zip(crowd(), drawn(), strict=True):
        assert not differing(before, after) & BARE


def test_same_seed_same_traits_another_seed_others() -> None:
    assert drawn() == drawn()
    assert drawn(seed=6) != drawn()


def test_a_rider_keeps_its_traits_whoever_else_rides() -> None:
    whole = {rider.request_id: rider for rider in drawn()}
    some = drawn(crowd()[100:300:7][::-1])
    assert some == [whole[rider.request_id] for rider in some]


@pytest.mark.parametrize(
    ("share", "value", "fields"),
    [
        ("booked_ahead", 0.8, {"booked_s"}),
        ("recurring", 0.5, {"recurring", "booked_s"}),
        ("groups", {"2": 0.1, "3": 0.15}, {"size"}),
        ("wheelchairs", 0.3, {"wheelchairs"}),
        ("classes", {"express": 0.2, "patient": 0.6}, {"service_class"}),
        ("arrive_by", 0.9, {"arrive_by"}),
        ("no_shows", 0.4, {"shows_up"}),
        ("patience_s", 60, {"patience_s"}),
    ],
)
def test_one_share_changes_only_who_is_in_it(share: str, value: object, fields: set[str]) -> None:
    # when somebody cancels depends on when the ride was booked, so nobody does here
    changed: dict[str, Any] = {share: value}
    before, after = drawn(cancels=0), drawn(cancels=0, **changed)
    assert set().union(*(differing(*pair) for pair in zip(before, after, strict=True))) == fields


def test_who_cancels_is_apart_from_all_else() -> None:
    before, after = drawn(), drawn(cancels=0.5)
    assert set().union(*(differing(*pair) for pair in zip(before, after, strict=True))) == {"cancel_s"}
    kept = [(one, other) for one, other in zip(before, after, strict=True) if one.cancel_s is not None]
    assert kept
    assert all(one == other for one, other in kept)


def test_a_larger_share_keeps_those_who_are_in_it() -> None:
    few, many = drawn(), drawn(booked_ahead=0.9, no_shows=0.5, groups={"2": 0.1, "3": 0.4})
    for one, other in zip(few, many, strict=True):
        assert one.booked_s is None or one.booked_s == other.booked_s
        assert one.shows_up or not other.shows_up
        assert one.size in {1, other.size}


def test_the_order_in_the_document_does_not_matter() -> None:
    turned: dict[str, Any] = {"groups": {"3": 0.05, "2": 0.1}, "classes": {"patient": 0.3, "express": 0.2}}
    assert drawn(**turned) == drawn()


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), share=st.floats(0, 1), other=st.floats(0, 1))
def test_shares_are_met_within_binomial_bounds(seed: int, share: float, other: float) -> None:
    riders = drawn(seed=seed, booked_ahead=share, recurring=0, no_shows=other, cancels=share, wheelchairs=other,
                   groups={"2": share / 2, "4": share / 2}, classes={"express": other}, arrive_by=other)  # fmt: skip
    workers = [rider for rider in riders if rider.latest_arrival_s is not None]
    for wanted, found, of in (
        (share, [rider.booked_s is not None for rider in riders], riders),
        (share, [rider.cancel_s is not None for rider in riders], riders),
        (share / 2, [rider.size == 4 for rider in riders], riders),
        (other, [not rider.shows_up for rider in riders], riders),
        (other, [rider.wheelchairs == 1 for rider in riders], riders),
        (other, [rider.service_class == "express" for rider in riders], riders),
        (other, [rider.arrive_by for rider in workers], workers),
    ):
        # 5.5 standard deviations: some hundred draws, none of which may lie outside by chance
        assert abs(sum(found) - wanted * len(of)) <= 5.5 * math.sqrt(len(of) * wanted * (1 - wanted)) + 1e-6


def test_traits_are_independent_of_each_other() -> None:
    riders = drawn(crowd(4000), booked_ahead=0.5, no_shows=0.5, wheelchairs=0.5, cancels=0.5, arrive_by=0.5,
                   classes={"express": 0.5, "patient": 0.0}, groups={"2": 0.5})  # fmt: skip
    workers = [rider for rider in riders if rider.purpose == "commute"]
    columns = [
        [rider.booked_s is not None, rider.shows_up, rider.wheelchairs, rider.cancel_s is not None, rider.arrive_by,
         rider.service_class == "", rider.size == 2] for rider in workers
    ]  # fmt: skip
    correlation = np.corrcoef(np.array(columns, dtype=float).T) - np.eye(7)
    assert np.abs(correlation).max() < 4.5 / math.sqrt(len(workers))


def test_booked_ahead_by_the_law_of_the_notice() -> None:
    notice = {"mean_s": 3600, "sd_s": 1800, "least_s": 600, "most_s": 7200}
    riders = drawn(recurring=0, notice=notice)
    ahead_s = [rider.earliest_s - rider.booked_s for rider in riders if rider.booked_s is not None]
    assert min(ahead_s) >= 600
    assert max(ahead_s) <= 7201  # booked on a whole second
    assert np.mean(ahead_s) == pytest.approx(3600, abs=5 * 1500 / math.sqrt(len(ahead_s)))
    assert all(rider.submitted_s == (rider.earliest_s if rider.booked_s is None else rider.booked_s)
               for rider in riders)  # fmt: skip
    assert any(rider.submitted_s < BEGIN_S for rider in riders)


def test_recurring_rides_are_commuters_and_booked_the_evening_before() -> None:
    riders = drawn()
    recurring = [rider for rider in riders if rider.recurring]
    assert recurring
    assert {rider.purpose for rider in recurring} == {"commute"}
    assert {rider.booked_s for rider in recurring} == {EVENING_BEFORE_S}
    assert EVENING_BEFORE_S < 0
    # they are among those who book ahead, so that its share is the share of all bookings
    for one, other in zip(drawn(recurring=0), riders, strict=True):
        assert (one.booked_s is None) == (other.booked_s is None)
    alone = drawn(booked_ahead=0)
    assert {rider.booked_s for rider in alone} == {None, EVENING_BEFORE_S}


def test_cancellations_come_before_and_after_the_wish_and_within_the_run() -> None:
    cancelled = [(rider, rider.cancel_s) for rider in drawn(crowd(3000)) if rider.cancel_s is not None]
    for rider, cancel_s in cancelled:
        assert max(rider.submitted_s, BEGIN_S) < cancel_s <= rider.earliest_s + CANCEL_AFTER_S + 1
        assert cancel_s == int(cancel_s)
    booked = [cancel_s < rider.earliest_s for rider, cancel_s in cancelled if rider.booked_s is not None]
    assert 0 < sum(booked) < len(booked)


def test_only_who_has_a_time_to_be_there_by_is_bound_to_it() -> None:
    assert {rider.purpose for rider in drawn() if rider.arrive_by} == {"commute"}


def test_all_who_travel_have_an_id() -> None:
    group = next(rider for rider in drawn() if rider.size == 3)
    assert group.persons == (group.person_id, f"{group.person_id}.2", f"{group.person_id}.3")


def test_traits_are_counted() -> None:
    riders = drawn()
    counts = count_traits(riders)
    assert counts["booked ahead"] == sum(rider.booked_s is not None for rider in riders)
    assert counts["booked ahead, recurring"] == sum(rider.recurring for rider in riders)
    assert list(counts) == [
        "booked ahead", "booked ahead, recurring", "arrive by a limit", "groups of 2", "groups of 3",
        "with a wheelchair", "class express", "class patient", "cancel, if not on board by then", "do not come",
    ]  # fmt: skip
    assert min(counts.values()) > 0
    assert count_traits(crowd()) == {}


# --- in the population --------------------------------------------------------------------------------


def test_traits_move_nobody_else(document: dict[str, Any], network: Network, graph: EdgeGraph) -> None:
    bare = generate(validate(document, place="test.yaml"), network, graph)
    document["demand"]["riders"] = SHARES
    document["requests"] = {"classes": {"express": {"max_wait_s": 600}, "patient": {}}}
    traits = generate(validate(document, place="test.yaml"), network, graph)
    assert (traits.cars, traits.background, traits.walkers) == (bare.cars, bare.background, bare.walkers)
    for before, after in zip(bare.riders, traits.riders, strict=True):
        assert not differing(before, after) & BARE
    document["demand"]["rail"] = None
    without_rail = generate(validate(document, place="test.yaml"), network, graph)
    assert without_rail.riders == tuple(rider for rider in traits.riders if rider.purpose == "commute")


@pytest.mark.parametrize(
    ("riders", "requests", "message"),
    [
        (
            {"classes": {"expres": 0.1}},
            {"classes": {"express": {}}},
            r"demand\.riders\.classes\.expres: unknown class 'expres'; requests\.classes has express$",
        ),
        ({"classes": {"express": 0.1}}, {}, r"unknown class 'express'; requests\.classes has none$"),
        (
            {"classes": {"express": 0.1}},
            {"classes": {"express": {}, "night": {}}},
            r"requests\.classes\.night: no rider can be in it; demand\.riders\.classes has express, and a share of 0",
        ),
        ({"groups": {"1": 0.1}}, {}, r"demand\.riders\.groups\.1.*greater than or equal to 2, found '1'"),
        ({"groups": {"2": 0.7, "3": 0.4}}, {}, r"the shares of groups add up to 1\.1000; allowed is 1 at most"),
        ({"no_shows": -0.1}, {}, r"demand\.riders\.no_shows.*greater than or equal to 0, found -0\.1"),
        ({"patience_s": 0}, {}, r"demand\.riders\.patience_s.*greater than or equal to 0.000001, found 0"),
    ],
)  # fmt: skip
def test_wrong_traits_are_told(
    document: dict[str, Any], riders: dict[str, Any], requests: dict[str, Any], message: str
) -> None:
    document["demand"]["riders"], document["requests"] = riders, requests
    with pytest.raises(ScenarioError, match=message):
        validate(document, place="test.yaml")


def test_a_class_that_nobody_is_in_has_a_share_of_none(document: dict[str, Any]) -> None:
    document["demand"]["riders"] = {"classes": {"night": 0}}
    document["requests"] = {"classes": {"night": {"max_wait_s": 60}}}
    scenario = validate(document, place="test.yaml")
    assert scenario.requests.of("night").max_wait_s == 60
    del document["demand"]["riders"]
    assert validate(document, place="test.yaml").demand.riders is None
