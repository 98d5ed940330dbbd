"""The shuttle controllers on SUMO with every kind of request at once: nobody is lost, and nothing is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.controllers.base import Inputs
from sim.controllers.shuttle.controller import Insertion
from sim.controllers.shuttle.hindsight import Hindsight, HindsightParameters
from sim.controllers.shuttle.parameters import InsertionParameters
from sim.controllers.shuttle.rolling import Lns, LnsParameters
from sim.demand.population import Population, Rider
from sim.engine.loop import Loop
from sim.engine.resolve import Resolved
from sim.events import (
    Arrived,
    Cancelled,
    DroppedOff,
    Event,
    Offered,
    PickedUp,
    Promised,
    Rejected,
    RequestSubmitted,
    VehicleRetired,
    fingerprint,
)
from sim.network.catalog import Network, StopKerb
from sim.network.graph import EdgeGraph
from sim.rundir import RunDir
from sim.scenario import Scenario, validate
from tests.sumo.conftest import rider

EDGES = ("B1C1", "C1C2", "C3D3", "D3D2", "A1B1", "B2C2", "B3C3", "C0D0", "D1D0", "A3A2")


def mixed_riders(seed: int, count: int = 40) -> list[Rider]:
    """Return riders of every kind: on the spot, booked, in groups, with a latest arrival, and those who do not come."""
    rng = np.random.default_rng(seed)
    riders = []
    for number in range(count):
        origin, destination = rng.choice(len(EDGES), 2, replace=False)
        wish_s = float(rng.integers(10, 800))
        one = rider(number, EDGES[origin], EDGES[destination], at_s=wish_s, origin_m=20.0 * rng.integers(1, 9))
        booked = rng.random() < 0.4
        riders.append(
            replace(
                one,
                size=int(rng.choice([1, 1, 1, 2, 3, 7])),
                booked_s=float(max(-500.0, wish_s - rng.uniform(30, 900))) if booked else None,
                latest_arrival_s=wish_s + 500 if rng.random() < 0.2 else None,
                arrive_by=True,
                cancel_s=wish_s + 40 if rng.random() < 0.1 else None,
                shows_up=not (booked and rng.random() < 0.3),
                patience_s=240.0 if rng.random() < 0.2 else None,
                service_class=str(rng.choice(["", "", "hasty"])),
            )
        )
    return riders


def kerb(edge: str) -> StopKerb:
    return StopKerb(
        name=edge, edge=edge, lane=f"{edge}_0", start_m=90, end_m=110, x=0, y=0, place=edge, lon=0, lat=0,
        position_status="assumed",
    )  # fmt: skip


def scenario(*, meeting: bool) -> Scenario:
    requests: dict[str, Any] = {"max_wait_s": 600, "classes": {"hasty": {"max_wait_s": 240}}, "no_show_wait_s": 60}
    if meeting:
        requests["meeting_points"] = {"max_walk_m": 300}
    return validate(
        {
            "name": "mixed", "title": "mixed", "network": "grid",
            "time": {"begin_s": 0, "end_s": 900, "drain_s": 1800},
            "fleet": {"count": 4, "seats": 6, "depot": "depot"},
            "requests": requests,
            "controllers": {"shuttle": {"use": "insertion", "period_s": 5}},
        },
        place="the test",
    )  # fmt: skip


def run(
    network: Network, folder: Path, controller: Insertion, riders: Sequence[Rider], *, meeting: bool
) -> list[Event]:
    document = scenario(meeting=meeting)
    graph = EdgeGraph.from_net(network.net_file)
    inputs = Inputs(document, network, graph, riders, np.random.default_rng(1))
    population = Population(tuple(riders), (), ())
    resolved = Resolved(document, network, graph, population, controller, controller.prepare(inputs))
    with RunDir(folder) as directory:
        outcome = Loop(resolved, directory, engine="libsumo", stop=lambda: False, report=lambda _: None).run()
        assert outcome.end == "finished"
        return directory.seal_events()


def require_balance(events: Sequence[Event], riders: Sequence[Rider]) -> Counter[str]:
    """Check that each request ends in one way, that promises precede rides, and return how many ended how."""
    ends: dict[str, str] = {}
    for one in events:
        if isinstance(one, Arrived | Cancelled | Rejected):
            assert one.request_id not in ends
            ends[one.request_id] = getattr(one, "cause", "arrived")
    assert set(ends) == {one.request_id for one in riders}
    promised = {one.request_id: one for one in events if isinstance(one, Promised)}
    late = 0
    for one in events:
        if isinstance(one, PickedUp):
            assert one.time_s >= promised[one.request_id].pickup_earliest_s
            late += one.time_s > promised[one.request_id].pickup_latest_s + 1
    assert late <= 2
    return Counter(ends.values())


@pytest.mark.parametrize("meeting", [False, True])
@pytest.mark.parametrize(
    "controller",
    [
        Insertion(InsertionParameters()),
        Lns(LnsParameters(iterations=50)),
        Hindsight(HindsightParameters(iterations=50, first_iterations=200)),
        Insertion(
            InsertionParameters(waiting="wait_first", rebalance_s=30, rebalance_cell_m=200, rebalance_worth_s=2000)
        ),
    ],
)
def test_requests_of_every_kind_come_to_an_end(
    grid: Network, tmp_path: Path, controller: Insertion, meeting: bool  # noqa: FBT001
) -> None:  # fmt: skip
    stops = {f"stop.{edge}": kerb(edge) for edge in EDGES[::2]} if meeting else {}
    riders = mixed_riders(1)
    fresh = type(controller)(controller.parameters)
    events = run(replace(grid, stops=stops), tmp_path / "run", fresh, riders, meeting=meeting)
    ends = require_balance(events, riders)
    assert ends["arrived"] > 15
    assert ends["group_larger_than_vehicle"] == sum(one.size > 6 for one in riders) > 0
    assert ends["no_show"] > 0
    assert ends["by_rider"] > 0
    assert "offer_declined" not in ends
    walks_s = [one.access_walk_s for one in events if isinstance(one, Offered)]
    assert (max(walks_s) > 0) is meeting
    again = type(controller)(controller.parameters)
    repeated = run(replace(grid, stops=stops), tmp_path / "again", again, riders, meeting=meeting)
    assert fingerprint(repeated) == fingerprint(events)


def cost_s(events: Sequence[Event], weights: LnsParameters) -> float:
    """Return what the controllers minimise, in seconds of ride; driving at 10 m/s."""
    wishes = {one.request_id: one.earliest_s for one in events if isinstance(one, RequestSubmitted)}
    wait_s = sum(one.time_s - wishes[one.request_id] for one in events if isinstance(one, PickedUp))
    ride_s = sum(one.time_s - wishes[one.request_id] for one in events if isinstance(one, DroppedOff)) - wait_s
    driven_m = sum(one.odometer_m for one in events if isinstance(one, VehicleRetired))
    return weights.wait_weight * wait_s + ride_s + weights.alpha * driven_m / 10


def test_hindsight_knows_all_and_nobody_boards_before_the_wish(grid: Network, tmp_path: Path) -> None:
    costs_s = np.zeros(2)
    for seed in (1, 2):
        riders = [
            replace(one, size=1, booked_s=None, arrive_by=False, cancel_s=None, shows_up=True, patience_s=None)
            for one in mixed_riders(seed)
        ]
        controllers = Hindsight(HindsightParameters(first_iterations=2000)), Lns(LnsParameters())
        known, asked = (
            run(grid, tmp_path / f"{number}-{seed}", one, riders, meeting=False)
            for number, one in enumerate(controllers)
        )
        submitted = [one for one in known if isinstance(one, RequestSubmitted)]
        assert [one.time_s for one in submitted] == [known[0].time_s] * len(riders)
        wishes = {one.request_id: one.earliest_s for one in submitted}
        assert all(one.time_s >= wishes[one.request_id] for one in known if isinstance(one, PickedUp))
        arrived = [sum(isinstance(one, Arrived) for one in events) for events in (known, asked)]
        assert arrived == [len(riders)] * 2
        costs_s += [cost_s(events, LnsParameters()) for events in (known, asked)]
    assert costs_s[0] < 0.95 * costs_s[1]
