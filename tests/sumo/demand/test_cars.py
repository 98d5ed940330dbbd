"""Commuters' cars in SUMO: parked at their site, on to another car park when it is full, home again; walkers beside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from sim.controllers.base import Preparation
from sim.demand.population import BackgroundTrip, Car, Escort, Population, Walker
from sim.engine.loop import Loop, Outcome
from sim.engine.resolve import Resolved
from sim.events import CarArrived, CarReturned, CarUnfinished, Event
from sim.network.catalog import CarPark, Network
from sim.network.graph import EdgeGraph
from sim.rundir import RunDir
from sim.runner.vehicles import publish_vehicles
from sim.scenario import validate

Kind = TypeVar("Kind", bound=Event)
PARKS = {"park.works": ("B1C1", 2), "park.works.2": ("B2C2", 6)}


def only(events: Iterable[Event], kind: type[Kind]) -> list[Kind]:
    return [one for one in events if isinstance(one, kind)]


@pytest.fixture
def parked(grid: Network, tmp_path: Path) -> Network:
    """The grid with two car parks of 2 and 6 places."""
    file = tmp_path / "parks.add.xml"
    areas = [
        f'<parkingArea id="{name}" lane="{edge}_0" startPos="60" endPos="150" roadsideCapacity="{places}"/>'
        for name, (edge, places) in PARKS.items()
    ]
    file.write_text("<additional>" + "".join(areas) + "</additional>")
    car_parks = {
        name: CarPark(
            name=name, site="works", edge=edge, lane=f"{edge}_0", start_m=60, end_m=150, capacity=places, x=0, y=0,
            status="assumed",
        )
        for name, (edge, places) in PARKS.items()
    }  # fmt: skip
    return replace(grid, additional_files=(*grid.additional_files, file), car_parks=car_parks)


def car(number: int, *, leave_s: float | None = None, park: str | None = "park.works", **other: object) -> Car:
    one = Car(
        person_id=f"p{number}", vehicle_id=f"car.p{number}", origin_edge="A0A1", origin_pos_m=60.0,
        destination_edge="B1C1", destination_pos_m=150.0, depart_s=10.0 * number, shift_start_s=600.0, site="works",
        park=park, leave_s=leave_s,
    )  # fmt: skip
    return replace(one, **other)  # type: ignore[arg-type]


def run(
    network: Network, folder: Path, cars: Sequence[Car], *, end_s: int = 900, walkers: Sequence[Walker] = (),
    background: Sequence[BackgroundTrip] = (),
) -> tuple[list[Event], Outcome, Resolved]:  # fmt: skip
    document = {"name": "cars", "title": "cars", "network": "grid", "time": {"begin_s": 0, "end_s": end_s}}
    scenario = validate(document, place="the test")
    population = Population((), tuple(cars), tuple(background), tuple(walkers))
    graph = EdgeGraph.from_net(network.net_file)
    resolved = Resolved(scenario, network, graph, population, None, Preparation())
    with RunDir(folder / "run") as directory:
        loop = Loop(resolved, directory, engine="libsumo", stop=lambda: False, report=lambda _: None)
        outcome = loop.run()
        events = directory.seal_events()
        publish_vehicles(directory.work, resolved, {})
    return events, outcome, resolved


def test_a_car_is_at_work_when_it_is_parked_and_goes_home_as_the_same_vehicle(parked: Network, tmp_path: Path) -> None:
    events, outcome, _ = run(parked, tmp_path, [car(1, leave_s=600.0)])
    (arrived,) = only(events, CarArrived)
    (returned,) = only(events, CarReturned)
    assert 30 < arrived.time_s < 300
    assert returned.vehicle_id == arrived.vehicle_id
    assert returned.left_s == pytest.approx(600, abs=2)
    assert 630 < returned.time_s < 800
    assert outcome.end == "finished"


def test_the_run_does_not_wait_for_parked_cars(parked: Network, tmp_path: Path) -> None:
    events, outcome, _ = run(parked, tmp_path, [car(1), car(2, leave_s=None)], end_s=300)
    assert len(only(events, CarArrived)) == 2
    assert outcome.end_s <= 302
    assert not only(events, CarUnfinished)


def test_who_finds_the_car_park_full_goes_on_to_the_next(parked: Network, tmp_path: Path) -> None:
    events, _, _ = run(parked, tmp_path, [car(number) for number in range(1, 7)])
    assert sorted(one.person_id for one in only(events, CarArrived)) == [f"p{number}" for number in range(1, 7)]
    assert not only(events, CarUnfinished)


def test_without_a_car_park_the_car_leaves_the_roads_and_comes_back(grid: Network, tmp_path: Path) -> None:
    events, _, _ = run(grid, tmp_path, [car(1, park=None, leave_s=500.0)])
    (arrived,) = only(events, CarArrived)
    (returned,) = only(events, CarReturned)
    assert (arrived.vehicle_id, returned.vehicle_id) == ("car.p1", "car.p1.home")
    assert returned.left_s == 500


def test_a_car_at_work_when_the_run_begins_starts_from_its_car_park(parked: Network, tmp_path: Path) -> None:
    events, _, _ = run(parked, tmp_path, [car(1, leave_s=120.0, depart_s=120.0, inbound=False)])
    assert not only(events, CarArrived)
    (returned,) = only(events, CarReturned)
    assert 150 < returned.time_s < 400


def test_an_escort_halts_on_the_way_before_the_car_is_at_work(parked: Network, tmp_path: Path) -> None:
    halt = Escort("A1B1", 100.0, 120.0)
    events, _, _ = run(parked, tmp_path, [car(1), car(2, escort=halt, leave_s=500.0)])
    alone, escort = sorted(only(events, CarArrived), key=lambda one: one.person_id)
    assert escort.time_s - escort.departed_s > alone.time_s - alone.departed_s + 110
    (returned,) = only(events, CarReturned)
    assert returned.person_id == "p2"
    assert returned.left_s == pytest.approx(500, abs=2)


def test_walkers_and_trips_of_all_kinds_end(parked: Network, tmp_path: Path) -> None:
    walker = Walker("w1", "A0A1", 50.0, "A1B1", 80.0, 5.0)
    trips = [
        BackgroundTrip("bg.1", "car", "A0A1", "B1C1", 3.0, edges=("A0A1", "A1B1", "B1C1")),
        BackgroundTrip("coach.1", "coach", "A0A1", "C1D1", 4.0, group="coach", destination_pos_m=80.0, persons=20),
        BackgroundTrip("visit.1", "car", "A1B1", "C1D1", 6.0, group="visitor", origin_pos_m=50.0),
    ]
    _, outcome, _ = run(parked, tmp_path, [], end_s=60, walkers=[walker], background=trips)
    assert outcome.end == "finished"
    assert 150 < outcome.end_s < 600  # the walker, 350 m at walking pace, is the last
