"""What a run teaches of stops: on the empty grid, nothing but braking and pulling out lies between plan and drive."""

from __future__ import annotations

from sim.world import PlannedStop, StopTimes, World
from tests.sumo.conftest import Grid, rider

ENDS = (("B1C1", "C3D3"), ("C1C2", "D3D2"), ("B2C2", "A3A2"), ("C3D3", "B1B0"))


def test_dwells_and_the_loss_of_stops_are_learnt_in_sumo(on_grid: Grid) -> None:
    learnt: list[StopTimes] = []

    def serve(world: World) -> None:
        learnt.append(world.stop_times)
        (vehicle,) = world.vehicles() or (None,)
        waiting = world.waiting()
        if vehicle is not None and vehicle.phase == "idle" and not vehicle.on_board and waiting:
            request = waiting[0].id
            world.set_plan(vehicle.id, [PlannedStop(request, pickup=True), PlannedStop(request, pickup=False)])

    riders = [rider(n, *ENDS[n % 4], at_s=20.0 + n) for n in range(16)]
    on_grid.run(serve, riders, scenario=on_grid.scenario(vehicles=1, end_s=1500, drain_s=2500))
    first, last = learnt[0], learnt[-1]
    assert (first.loss_s, first.drive_factor, first.dwell_s(0, pickup=True)) == (0.0, 1.0, 10.0)
    assert 2.0 < last.loss_s < 20.0
    assert 1.0 <= last.drive_factor < 1.2
    assert abs(last.dwell_s(0, pickup=True) - 10.0) < 2.0
