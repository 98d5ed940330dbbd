"""Permits in a run: whoever keeps to them breaks no rule by the monitor, and without the guard the monitor tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sim.controllers.base import FreightController
from sim.engine.freight.guard import Guard
from sim.engine.sumo import StepFacts
from sim.freight_events import (
    DockIn,
    FreightVehicleRetired,
    GateIn,
    GateOut,
    MissionBegan,
    MissionEnded,
    OrderDelivered,
    OrderFailed,
    OrderLoaded,
    OrderOpen,
    PermitHoldBegan,
    PermitHoldEnded,
    Violation,
)
from tests.sumo.engine.freight.plant import (
    QUICK,
    TUG,
    Plant,
    Ran,
    all_edges,
    greedy,
    order,
    permit,
    probed,
    scenario,
    there_and_back,
)

HOURS = [{"begin_s": 0, "end_s": 240}, {"begin_s": 700, "end_s": 1400}]
FAR = {"east": QUICK, "west": QUICK, "north": QUICK}


def on_road_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note the times at which any truck is on the road."""
    found: list[float] = []

    def look(library: Any, facts: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        if any(library.vehicle.getLaneID(name) for name in library.vehicle.getIDList()):
            found.append(facts.time_s)

    probed(monkeypatch, look)
    return found


@pytest.mark.parametrize("outside", ["hold", "return", "forbid"])
@pytest.mark.parametrize("begin_s", [20, 60, 100, 140, 180, 230])
def test_at_the_end_of_a_window_everybody_is_off_the_road(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, outside: str, begin_s: int
) -> None:
    """The order comes at any moment of the window; the scripted controller knows nothing of windows."""
    driven = on_road_s(monkeypatch)
    where = scenario(
        permits={"hours": permit(windows=HOURS, outside=outside, max_speed_kmh=20)}, sites=FAR, end_s=1400, drain_s=0,
        fleets={"tug": {**TUG, "count": 1}},
    )  # fmt: skip
    ran = plant.run(there_and_back(("tug.00", "a", "north", "west")),
                    [order("a", "north", "west", released_s=begin_s)], where=where)  # fmt: skip
    assert ran.only(Violation) == []
    assert not [t for t in driven if 240 <= t < 700]
    assert [one.order_id for one in ran.only(OrderDelivered)] == ["a"], "it goes on when the next window has begun"


def one_mission(
    plant: Plant, outside: str, *, end_s: int, controller: FreightController | None = None,
    breakdown: tuple[int, int] | None = None,
) -> Ran:  # fmt: skip
    """Fetch an order in the east, 90 s away at 20 km/h, for the west, 75 s on and two minutes from home."""
    hours = [{"begin_s": 0, "end_s": end_s}, {"begin_s": 700, "end_s": 1400}]
    broken = breakdown and {"kind": "breakdown", "begin_s": breakdown[0], "end_s": breakdown[1], "fleet": "tug"}
    where = scenario(
        permits={"hours": permit(windows=hours, outside=outside, max_speed_kmh=20)}, sites=FAR, end_s=1400, drain_s=0,
        fleets={"tug": {**TUG, "count": 1}}, disruptions=[broken] if broken else [],
    )  # fmt: skip
    script = controller or there_and_back(("tug.00", "a", "east", "west"))
    ran = plant.run(script, [order("a", "east", "west")], where=where)
    assert ran.only(Violation) == []
    return ran


def stay(ran: Ran, *, over_s: float) -> str:
    """Return the place at which the only truck stands, for want of a permit, at a time."""
    held = [one for one in ran.events if isinstance(one, PermitHoldBegan | PermitHoldEnded) and one.time_s < over_s]
    assert isinstance(held[-1], PermitHoldBegan)
    return held[-1].place


@pytest.mark.parametrize(
    ("outside", "place", "times_s"),
    [("hold", "west", (6, 139, 254)), ("return", "yard", (6, 139, 906)), ("forbid", "yard", (700, 833, 948))],
)
def test_what_happens_outside(plant: Plant, outside: str, place: str, times_s: tuple[float, float, float]) -> None:
    """A window that holds the way out and the delivery, and not the way home with it.

    `hold` brings the goods and stays there in its bay; `return` fetches them, takes them home in time and brings them
    in the next window; `forbid` begins the mission when a window holds the whole of it.
    """
    ran = one_mission(plant, outside, end_s=400)
    assert stay(ran, over_s=699) == place
    (began,), (loaded,), (delivered,) = ran.only(MissionBegan), ran.only(OrderLoaded), ran.only(OrderDelivered)
    assert (began.time_s, loaded.time_s, delivered.time_s) == times_s
    (ended,) = ran.only(MissionEnded)
    assert ended.time_s > 800, "goods that wait at home are in a mission that goes on"


@pytest.mark.parametrize(
    ("outside", "delayed_until_s", "place"),
    [
        ("hold", 500, "west"), ("return", 500, "west"), ("forbid", 500, "west"),
        ("hold", 280, "west"), ("return", 280, "yard"), ("forbid", 280, "west"),
    ],
)  # fmt: skip
def test_who_is_caught_on_the_road(plant: Plant, outside: str, delayed_until_s: int, place: str) -> None:
    """A breakdown on the way from east to west, in a window that would have held all of the mission.

    With a minute left everybody goes to the nearest lot; with less than five `return` turns home, the others drive on.
    """
    ran = one_mission(plant, outside, end_s=560, breakdown=(160, delayed_until_s))
    assert ran.only(OrderLoaded)[0].time_s < 160
    assert stay(ran, over_s=699) == place
    (delivered,) = ran.only(OrderDelivered)
    assert (delivered.time_s < 560) == (delayed_until_s == 280 and outside != "return")


def test_under_return_who_waits_in_a_lot_is_home_when_the_window_ends(plant: Plant) -> None:
    """The only bay is taken for five minutes, and five minutes more would be too late: `hold` waits and is handled."""
    slow = {"handling": {"fixed_s": 300, "per_pallet_s": 0, "variation": 0}, "bays": 1}
    hours = [{"begin_s": 0, "end_s": 600}, {"begin_s": 1000, "end_s": 2600}]
    for outside in ("hold", "return"):
        where = scenario(
            permits={"hours": permit(windows=hours, outside=outside)}, sites={"east": slow, "west": QUICK},
            fleets={"tug": {**TUG, "count": 2}}, end_s=2600, drain_s=0,
        )  # fmt: skip
        pairs = [("tug.00", "a", "east", "west"), ("tug.01", "b", "east", "west")]
        ran = plant.run(there_and_back(*pairs), [order(one[1], "east", "west") for one in pairs], where=where)
        assert ran.only(Violation) == []
        assert len(ran.only(OrderDelivered)) == 2
        (second,) = {one.vehicle_id for one in ran.only(GateIn) if one.site == "east" and one.place == "staging"}
        came, *_ = [one.time_s for one in ran.only(GateIn) if one.vehicle_id == second]
        left, *_ = [one.time_s for one in ran.only(GateOut) if one.vehicle_id == second]
        docked, *_ = [one.time_s for one in ran.only(DockIn) if one.vehicle_id == second]
        places = [one.place for one in ran.only(PermitHoldBegan) if one.vehicle_id == second]
        if outside == "return":
            assert came < left < 120
            assert docked > 1000
            assert places == ["yard"]
        else:
            assert docked < 600
            assert left > 1000
            assert places == ["east"]


@pytest.mark.parametrize(("outside", "cause"), [("hold", None), ("return", None), ("forbid", "forbidden")])
def test_an_order_for_which_no_window_is_left_is_refused_where_beginning_is_forbidden(
    plant: Plant, outside: str, cause: str | None
) -> None:
    where = scenario(
        permits={"hours": permit(windows=[{"begin_s": 0, "end_s": 150}], outside=outside, max_speed_kmh=20)},
        sites=FAR, end_s=600, drain_s=0,
    )  # fmt: skip
    ran = plant.run(greedy(), [order("a", "east", "west")], where=where)
    assert [one.cause for one in ran.only(OrderFailed)] == ([] if cause is None else [cause])
    assert [one.state for one in ran.only(OrderOpen)] == (["waiting"] if cause is None else [])
    assert ran.only(OrderLoaded) == []


def test_a_hold_ends_with_the_next_window(plant: Plant) -> None:
    where = scenario(permits={"hours": permit(windows=HOURS[1:])}, fleets={"tug": {**TUG, "count": 1}})
    ran = plant.run(there_and_back(("tug.00", "a", "east", "west")), [order("a", "east", "west")], where=where)
    (began,), (ended,) = ran.only(PermitHoldBegan), ran.only(PermitHoldEnded)
    assert (began.place, began.time_s < 30) == ("yard", True)
    assert 700 <= ended.time_s <= 720
    assert len(ran.only(OrderDelivered)) == 1
    assert ran.only(Violation) == []


def test_the_cap_is_that_of_the_zone_one_drives_in(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    fastest: dict[bool, float] = {True: 0.0, False: 0.0}
    south = ["A0B0", "B0C0", "C0D0", "A0A1", "B0B1", "C0C1", "D0D1", "B0A0", "C0B0", "D0C0", "A1A0", "B1B0", "C1C0",
             "D1D0"]  # fmt: skip

    def look(library: Any, _: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        for name in library.vehicle.getIDList():
            edge = library.vehicle.getRoadID(name)
            if library.vehicle.getLaneID(name) and not edge.startswith(":"):
                fastest[edge in south] = max(fastest[edge in south], library.vehicle.getSpeed(name) * 3.6)

    probed(monkeypatch, look)
    slow = permit(zone={"edges": south}, max_speed_kmh=12)
    everywhere = [edge for edge in all_edges() if edge not in south]
    fast = permit(zone={"edges": everywhere}, max_speed_kmh=30)
    where = scenario(permits={"slow": slow, "fast": fast}, end_s=900)
    ran = plant.run(greedy(), [order("a", "east", "west"), order("b", "west", "north")], where=where)
    assert len(ran.only(OrderDelivered)) == 2
    assert ran.only(Violation) == []
    assert fastest == {True: pytest.approx(12, abs=0.5), False: pytest.approx(30, abs=0.5)}


@pytest.mark.parametrize(("operators", "most"), [(1, 1), (2, 2)])
def test_no_more_are_on_the_road_than_their_operators_may_watch(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, operators: int, most: int
) -> None:
    together: list[int] = []

    def look(library: Any, _: StepFacts) -> None:  # noqa: ANN401 (libsumo has no types)
        together.append(sum(bool(library.vehicle.getLaneID(name)) for name in library.vehicle.getIDList()))

    probed(monkeypatch, look)
    afar = {**TUG, "crew": "remote", "operators": operators}
    where = scenario(permits={"few": permit(crew="remote", vehicles_per_operator=1)}, fleets={"tug": afar}, end_s=1500)
    pairs = [(f"tug.0{n}", f"p{n}", "east", "west") for n in range(3)]
    ran = plant.run(there_and_back(*pairs), [order(one[1], "east", "west") for one in pairs], where=where)
    assert max(together) == most
    assert ran.only(Violation) == []
    assert len(ran.only(OrderDelivered)) == 3


def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everybody leave at any time, and nobody be called back."""
    monkeypatch.setattr(Guard, "may_leave", lambda *_: True)
    monkeypatch.setattr(Guard, "leaving", lambda *_: [])
    monkeypatch.setattr(Guard, "_cap", lambda *_: None)
    monkeypatch.setattr(Guard, "turn", lambda *_, **__: None)  # lanes stay open: those of all hours are


@pytest.mark.parametrize(
    ("rule", "changes", "truck"),
    [
        ("hours", {"windows": HOURS[1:]}, {}),
        ("over_speed", {"max_speed_kmh": 10}, {}),
        ("crew", {"crew": "driver"}, {"crew": "remote", "operators": 1}),
        ("operators", {"vehicles_per_operator": 1}, {"crew": "remote", "operators": 1}),
        ("mass", {"max_mass_kg": 7500}, {}),
    ],
)
def test_without_the_guard_the_monitor_tells(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, rule: str, changes: Mapping[str, Any], truck: Mapping[str, Any]
) -> None:
    for refusal in ("_require_ways", "_require_cover"):
        monkeypatch.setattr(f"sim.engine.freight.setup.{refusal}", lambda *_: None)
    fleets = {"tug": {**TUG, **truck}}
    pairs = [(f"tug.0{n}", f"p{n}", "east", "west") for n in range(2)]
    orders = [order(one[1], "east", "west") for one in pairs]

    def run() -> Ran:
        return plant.run(there_and_back(*pairs), orders, where=scenario(permits={"p": permit(**changes)}, fleets=fleets,
                                                                        end_s=600, drain_s=0))  # fmt: skip

    kept = run()
    assert kept.only(Violation) == []
    unguarded(monkeypatch)
    broken = run().only(Violation)
    assert {one.rule for one in broken} == {rule}
    for one in broken:
        assert (one.permit, one.vehicle_class) == ("p", "av_truck")
        assert one.lane
        assert one.begin_s <= one.time_s
        assert (one.excess > 0) == (rule in {"over_speed", "operators", "mass", "hours"})


def test_a_class_without_a_zone_it_can_work_in_stays_where_it_is(plant: Plant) -> None:
    """A driver is asked for and there is none: orders stay open, nothing is lost."""
    afar = {**TUG, "crew": "none"}
    where = scenario(permits={"hours": permit(windows=[{"begin_s": 4000, "end_s": 5000}])}, fleets={"tug": afar},
                     end_s=300, drain_s=0)  # fmt: skip
    ran = plant.run(there_and_back(("tug.00", "a", "east", "west")), [order("a", "east", "west")], where=where)
    assert [one.state for one in ran.only(OrderOpen)] == ["waiting"]
    assert ran.only(DockIn) == []
    assert [one.odometer_m for one in ran.only(FreightVehicleRetired)] == [0, 0, 0]
