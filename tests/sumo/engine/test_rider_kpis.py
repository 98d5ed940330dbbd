"""Riders with traits of all kinds in SUMO: what the engine tells of them balances, and promises agree with rides."""

from __future__ import annotations

import pytest
from numpy.random import SeedSequence

from sim.demand.population import Rider
from sim.demand.traits import with_traits
from sim.demand_document import RiderTraits
from sim.engine.sumo import EngineName
from sim.events import Cancelled, PromiseBroken, Promised
from sim.kpi.measure import Measurement, flat
from sim.scenario import validate
from sim.world import Offer, PlannedStop, World
from tests.sumo.conftest import Grid, rider

ENDS = (("B1C1", "C3D3"), ("C1C2", "D3D2"), ("B2C2", "A3A2"), ("C3D3", "B1B0"), ("B2B3", "D1D2"))
SHARES = {
    "booked_ahead": 0.6, "notice": {"mean_s": 200, "sd_s": 100, "least_s": 60, "most_s": 400}, "recurring": 0.2,
    "groups": {"2": 0.3, "3": 0.2}, "cancels": 0.2, "no_shows": 0.1, "patience_s": 400,
}  # fmt: skip


class OneByOne:
    """Offers every second request a window that is hard to keep, and serves all in the order of their wishes."""

    def __init__(self) -> None:
        self.plans: dict[str, list[PlannedStop]] = {}
        self._boarded: set[str] = set()
        self._gone: set[str] = set()

    def __call__(self, world: World) -> None:
        self._gone.update(world.withdrawn())
        for vehicle in world.vehicles():
            self._gone.update(self._boarded.intersection(self._names(vehicle.id)) - set(vehicle.on_board))
            self._boarded.update(vehicle.on_board)
            self.plans[vehicle.id] = [
                stop
                for stop in self.plans.get(vehicle.id, [])
                if stop.request_id not in self._gone and not (stop.pickup and stop.request_id in self._boarded)
            ]
        for request in world.waiting():
            begin_s = max(request.earliest_s, world.time_s) + (60 if request.id.endswith("4") else 0)
            window_s = 30 if int(request.id[1:]) % 2 else 600
            if world.offer(Offer(request_id=request.id, pickup_earliest_s=begin_s, pickup_latest_s=begin_s + window_s,
                                 dropoff_latest_s=begin_s + window_s + 150)):  # fmt: skip
                shortest = min(self.plans, key=lambda name: (len(self.plans[name]), name))
                stops = [PlannedStop(request.id, pickup=True), PlannedStop(request.id, pickup=False)]
                self.plans[shortest] = [*self.plans[shortest], *stops]
                world.set_plan(shortest, self.plans[shortest])

    def _names(self, vehicle_id: str) -> set[str]:
        return {stop.request_id for stop in self.plans.get(vehicle_id, [])}


def people() -> list[Rider]:
    riders = [rider(n, *ENDS[n % len(ENDS)], at_s=40.0 + 25 * n, origin_m=30.0 + 20 * (n % 6)) for n in range(24)]
    return with_traits(riders, RiderTraits.model_validate(SHARES), begin_s=0, seeds=SeedSequence(3))


@pytest.mark.parametrize("engine", ["libsumo", "traci"])
def test_promises_and_outcomes_agree_with_the_events(on_grid: Grid, engine: EngineName) -> None:
    document = on_grid.scenario(vehicles=3, end_s=700, drain_s=900).model_dump() | {"requests": {"no_show_wait_s": 60}}
    scenario = validate(document, place="the test")
    riders = people()
    events, _ = on_grid.run(OneByOne(), riders, scenario=scenario, engine=engine)
    measurement = Measurement(scenario)
    for event in events:
        measurement.add(event)
    assert measurement.violations(final=True) == []
    found = flat(measurement.records(final=True))
    ends = ("served", "rejected", "cancelled", "unfinished")
    assert found["requests"] == len(riders) == sum(found[f"requests_{end}"] for end in ends)
    causes = [one.cause for one in events if isinstance(one, Cancelled)]
    assert found["requests_no_show"] == causes.count("no_show")
    assert 0 < causes.count("no_show") <= sum(not one.shows_up for one in riders)
    assert 0 < causes.count("by_rider") <= sum(one.cancel_s is not None for one in riders)
    served = [one for one in measurement.journeys() if one.served]
    assert found["riders_served"] == sum(one.request.size for one in served) > len(served)
    # who was served has a broken promise if and only if the rate says so; of the others those who left after the window
    told = {one.request_id for one in events if isinstance(one, PromiseBroken)}
    until_s = {one.request_id: one.pickup_latest_s for one in events if isinstance(one, Promised)}
    left = [one for one in events if isinstance(one, Cancelled) and one.cause in {"by_rider", "gave_up"}]
    in_vain = sum(one.time_s > until_s.get(one.request_id, one.time_s) for one in left)
    assert 0 < len(told) < len(served)
    assert found["promise_kept_rate"] == pytest.approx(1 - (len(told) + in_vain) / (len(served) + in_vain))
    assert found["wait_s@booked"] < found["wait_s"]
