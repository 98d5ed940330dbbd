"""The replay of a run in bare SUMO: the same drives, stops and rides, and a refusal when they are not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.overhead import Side, replayed_work, require_same_work, summary
from benchmarks.replay import Drive, Recording, read_drives, record_resolved
from sim.controllers.base import Preparation
from sim.demand.population import Rider
from sim.errors import EngineError
from sim.system import sumo_env
from sim.world import PlannedStop, World
from tests.sumo.conftest import Grid, Scripted, rider


def replayed(grid: Grid, script: Callable[[World], None], riders: Sequence[Rider]) -> tuple[Recording, Path]:
    """Record a scripted run, replay it, and return the recording and the replay's own route output."""
    recording = record_resolved(grid.resolve(grid.scenario(), Scripted(script, riders)), grid.folder)
    routes = grid.folder / "replayed.xml"
    observe = ["--vehroute-output", str(routes), "--vehroute-output.exit-times", "--vehroute-output.write-unfinished"]
    command = [*recording.command, *observe, "--vehroute-output.last-route"]
    subprocess.run(command, env=os.environ | sumo_env(), check=True, capture_output=True, timeout=60)
    return recording, routes


def stops(drive: Drive) -> list[tuple[str, float]]:
    """The places of a drive's stops, with the times at which the vehicle left them."""
    return [
        (stop.get("parkingArea") or stop["lane"], float(stop["ended"])) for stop in drive.stops if "speed" not in stop
    ]


def serve_one_after_the_other(world: World) -> None:
    """Each rider alone, in the order of the ids, by the first shuttle."""
    if world.waiting() and world.vehicles()[0].phase == "idle":
        first = world.waiting()[0].id
        world.set_plan("shuttle.00", [PlannedStop(first, pickup=True), PlannedStop(first, pickup=False)])


def test_the_replay_makes_the_stops_and_rides_of_the_run(on_grid: Grid) -> None:
    # the second rider stands on C1C2, which the shuttle passes on its way with the first one
    riders = [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "D3D2", at_s=60), rider(3, "D2D1", "B1B2", at_s=70)]
    recording, routes = replayed(on_grid, serve_one_after_the_other, riders)
    recorded, again = read_drives(on_grid.folder / "vehroutes.xml"), read_drives(routes)
    first = recorded["shuttle.00"].edges
    assert first.index("C1C2") < len(first) - 1 - first[::-1].index("C1C2")
    assert recording.rides == {f"p{number}": "shuttle.00" for number in (1, 2, 3)}
    assert sorted(again) == sorted(recorded) == ["shuttle.00", "shuttle.01"]
    for vehicle_id, drive in recorded.items():
        assert again[vehicle_id].edges == drive.edges
        assert [place for place, _ in stops(again[vehicle_id])] == [place for place, _ in stops(drive)]
        for (_, left), (_, left_again) in zip(stops(drive), stops(again[vehicle_id]), strict=True):
            assert left_again == pytest.approx(left, abs=2)
    assert min(replayed_work(recording)) > 0


def test_a_shuttle_that_rests_on_the_road_does_so_in_the_replay(on_grid: Grid) -> None:
    ride = [PlannedStop("r1", pickup=True), PlannedStop("r1", pickup=False)]

    def take_back(world: World) -> None:
        if world.time_s == 60:
            world.set_plan("shuttle.00", ride)
        elif world.time_s == 75:
            world.set_plans({"shuttle.00": [], "shuttle.01": ride})

    recording, routes = replayed(on_grid, take_back, [rider(1, "D3D2", "B1B2")])
    assert recording.rides == {"p1": "shuttle.01"}
    recorded, again = (read_drives(file)["shuttle.00"] for file in (on_grid.folder / "vehroutes.xml", routes))
    assert [stop for stop in recorded.stops if "startPos" not in stop]
    assert again.edges == recorded.edges


def test_a_rejected_rider_leaves_the_replay_when_rejected(on_grid: Grid) -> None:
    def reject(world: World) -> None:
        if world.time_s == 90:
            world.reject("r1", "no_vehicle")

    recording, _ = replayed(on_grid, reject, [rider(1, "B1C1", "C3D3"), rider(2, "C1C2", "C3D3")])
    assert recording.rides == {}
    root = ET.parse(recording.tripinfo).getroot()  # noqa: S314 (written by SUMO in this replay)
    ends = {person.attrib["id"]: float(person[0].attrib["arrival"]) for person in root.iter("personinfo")}
    assert ends["p1"] == pytest.approx(90, abs=1)
    assert ends["p2"] <= 0  # has not left


def test_a_replay_with_other_rides_is_refused(on_grid: Grid) -> None:
    recording, _ = replayed(on_grid, serve_one_after_the_other, [rider(1, "B1C1", "C3D3")])
    with pytest.raises(EngineError, match=r"2 other rides.*p1"):
        replayed_work(replace(recording, rides={"p1": "shuttle.01"}))


def test_a_service_without_taxis_has_nothing_to_replay(on_grid: Grid) -> None:
    resolved = replace(on_grid.resolve(on_grid.scenario(), Scripted()), service=Preparation())
    with pytest.raises(EngineError, match="only freight and services that send taxis"):
        record_resolved(resolved, on_grid.folder)


def side(wall_s: float, *, work: float = 1000.0) -> Side:
    return Side(wall_s, wall_s, wall_s, wall_s, work)


def test_sides_that_drive_more_than_one_per_cent_apart_are_refused() -> None:
    require_same_work(side(1), side(1, work=1009))
    with pytest.raises(EngineError, match="1000 vehicle-seconds, its replay 1011"):
        require_same_work(side(1), side(1, work=1011))


@pytest.mark.parametrize(("slow", "passed"), [(1.2, True), (1.3, False)])
def test_the_ratio_is_the_median_of_the_pairs(slow: float, passed: bool) -> None:  # noqa: FBT001
    result = summary("smoke", [(side(slow), side(1)), (side(9), side(1)), (side(1), side(1))])
    assert (result["ratio"], result["ratio_min"], result["ratio_max"]) == (slow, 1, 9)
    assert result["passed"] is passed
