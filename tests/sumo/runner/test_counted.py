from __future__ import annotations

from io import StringIO
from pathlib import Path

from rich.console import Console

from sim.demand_text import print_run
from sim.documents import load_scenario
from sim.runner.counted import Counted, Trip, count_vehicles, read_trips

TRIPS = """<tripinfos>
    <tripinfo id="a" routeLength="9000.0" duration="700.0" timeLoss="60.0" arrival="28000.0"/>
    <tripinfo id="b" routeLength="400.0" duration="5000.0" timeLoss="4900.0" arrival="-1.0"/>
</tripinfos>
"""
SHORT = ("time.begin_s=07:30", "time.end_s=07:32", "time.drain_s=120", "controllers.shuttle=null")


def told(counted: Counted) -> str:
    console = Console(file=StringIO(), width=200)
    print_run(counted, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_vehicle_that_never_arrives_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "trips.xml"
    path.write_text(TRIPS)
    trips = read_trips(path)
    assert trips == (Trip(9000.0, 700.0, 60.0, ended=True), Trip(400.0, 5000.0, 4900.0, ended=False))
    counted = Counted(volumes={}, teleports=0, waiting_to_enter=0, trips=trips)
    assert counted.jams
    assert "1 trips ended, mean 9.0 km in 11.7 min" in told(counted)
    assert "1 vehicles lost more than 15 min, 1 of them still under way at the end: the roads do not carry" in told(
        counted
    )


def test_free_roads_are_no_jam() -> None:
    counted = count_vehicles(load_scenario("morning-none", overrides=SHORT))
    assert len(counted.trips) > 40
    assert not counted.late
    assert not counted.jams
    assert "do not carry" not in told(counted)
