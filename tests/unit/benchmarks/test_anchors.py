from __future__ import annotations

from typing import Any

from benchmarks.anchors import LOADS, against, frontier, meets_bars, morning_scenario, scenario


def row(load: str, service: str, wait_s: float, ride_s: float, vkm: float, *, served: bool = True) -> dict[str, Any]:
    return {"load": load, "service": service, "wait_s": wait_s, "ride_s": ride_s, "vkm": vkm,
            "every_request_served": served}  # fmt: skip


def test_a_dispatcher_meets_its_bars_at_both_loads_or_not_at_all() -> None:
    base = [row(load.name, "greedyClosest", 100, 100, 1000) for load in LOADS]
    good = [row("240/16", "lns", 60, 140, 750), row("600/24", "lns", 18, 92, 650)]
    rows = base + good
    assert meets_bars("lns", rows, against(rows))
    for broken in ({"wait_s": 61}, {"vkm": 751}, {"ride_s": 141}, {"every_request_served": False}):
        rows = [*base, good[0] | broken, good[1]]
        assert not meets_bars("lns", rows, against(rows))


def test_the_frontier_compares_at_equal_wait_and_ride() -> None:
    rows = [row("240/16", f"insertion@{n}", 100, 100 + 100 * n, 500 - 100 * n) for n in (0, 1, 2)]
    # the same line, 10 % below, over a part of it
    rows += [row("240/16", f"lns@{n}", 100, 150 + 100 * n, 0.9 * (450 - 100 * n)) for n in (0, 1)]
    rows += [row("600/24", "insertion@0", 1, 1, 1), row("600/24", "insertion@1", 2, 2, 1)]
    rows += [row("600/24", "lns@0", 9, 9, 1), row("600/24", "lns@1", 10, 10, 1)]
    assert frontier(rows, "insertion", "lns") == {"240/16": 0.9, "600/24": None}


def test_a_weight_stands_behind_the_name() -> None:
    use = scenario(LOADS[0], "lns@2.5", 1).controllers.shuttle
    assert use is not None
    assert (use.use, use.parameters) == ("lns", {"alpha": 2.5})
    plain = scenario(LOADS[0], "greedyShared", 1).controllers.shuttle
    assert plain is not None
    assert plain.parameters == {"algorithm": "greedyShared"}


def test_the_morning_differs_in_its_service_alone() -> None:
    runs = [morning_scenario(service, 3) for service in ("greedyShared", "timetable", "insertion", "lns@2")]
    uses = [one.controllers.shuttle for one in runs]
    assert [use and (use.use, use.parameters) for use in uses] == [
        ("sumo", {"algorithm": "greedyShared"}), ("timetable", {}), ("insertion", {}), ("lns", {"alpha": 2.0}),
    ]  # fmt: skip
    rest = [one.model_dump(exclude={"controllers"}) for one in runs]
    assert all(one == rest[0] for one in rest)
    assert {one.seeds.demand for one in runs} == {3}
