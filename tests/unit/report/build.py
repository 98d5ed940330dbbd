"""Published runs on the real network without SUMO: shuttles that collect riders and deliver them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sim import events as ev
from sim.documents import load_scenario
from sim.kpi.measure import measure_run, records_as_json
from sim.network.catalog import Network, load_network
from sim.rundir import KPIS, VEHICLES, RunDir
from sim.scenario import validate

TIMETABLE: dict[str, Any] = {"shuttle": {"use": "timetable"}}
GREEDY: dict[str, Any] = {"shuttle": {"use": "sumo", "parameters": {"algorithm": "greedyClosest"}}}
INSERTION: dict[str, Any] = {"shuttle": {"use": "insertion"}}
SCOPES = ("housing", "station_corridor", "villages")
SEATS = 12
SHIFT_S = 30_600.0


def publish(
    place: Path, *, controllers: Mapping[str, Any] = INSERTION, riders: int = 40, capacity: int = 30,
    pace_mps: float = 60.0, seed: int = 1, title: str = "A morning", booked: bool = False, **manifest_changes: object,
) -> Path:  # fmt: skip
    """Publish a run in which the first `capacity` of the riders are served, at a mean speed of `pace_mps`.

    With `booked` they have booked an hour ahead, and were promised a pick-up within ten minutes from half a minute
    after the wish; the others do not come, or cancel before the wish, in turn.
    """
    common = load_scenario("morning-shuttle", seed=seed).model_dump(mode="json")
    changes = {"name": place.name, "title": title, "controllers": dict(controllers)}
    scenario = validate(common | changes, place="the test").model_dump(mode="json")
    network = load_network(scenario["network"])
    service = _service(wishes(network, riders, seed), capacity, pace_mps)
    log = [*_cars(), *(_booked(service) if booked else service)]
    log.sort(key=lambda event: event.time_s)
    manifest = {
        "run_id": f"{place.name}-id",
        "status": "finished",
        "scenario": scenario,
        "scenario_hash": "5" * 64,
        "seeds": scenario["seeds"],
        "fingerprint": ev.fingerprint(log),
        "events": len(log),
        "end_s": log[-1].time_s,
        "network": {"name": network.name, "sha256": network.sha256, "attribution": network.attribution},
        "versions": {"sandbox": "0.1.0", "sumo": "SUMO 1.28.0"},
        "platform": {"system": "Linux", "machine": "x86_64", "engine": "libsumo"},
        "teleports": 0,
        "collisions": 0,
        "warnings": [],
        "wall_s": 1.5,
        "created": "2026-01-05T06:00:00+00:00",
    } | manifest_changes
    with RunDir(place) as directory:
        directory.write_events(log)
        pq.write_table(_vehicles(), directory.work / VEHICLES)
        sealed = directory.seal_events()
        directory.write_json(KPIS, records_as_json(measure_run(directory.work, manifest=manifest, events=sealed)))
        return directory.publish(manifest)


def wishes(network: Network, count: int, seed: int) -> list[ev.RequestSubmitted]:
    """Return riders who want to go from stops all over the network to the sites of the complex."""
    rng = np.random.default_rng(seed)
    kerbs = [kerb for _, kerb in sorted(network.stops.items())]
    sites = ("ggm", "cams", "jayeo", "garion")
    found = []
    for number, earliest_s in enumerate(np.sort(rng.uniform(23_400, 28_800, count)).round()):
        kerb, name = kerbs[rng.integers(len(kerbs))], sites[rng.integers(len(sites))]
        direct_m = float(rng.uniform(4000, 20_000))
        found.append(
            ev.RequestSubmitted(
                time_s=float(earliest_s), request_id=f"r{number:03}", person_id=f"p{number:03}",
                purpose="commute", origin_edge=kerb.edge, origin_pos_m=kerb.end_m,
                destination_edge=network.sites[name].edge, destination_pos_m=network.sites[name].pos_m,
                size=1, earliest_s=float(earliest_s),
                latest_arrival_s=SHIFT_S - 180, shift_start_s=SHIFT_S, direct_ride_s=direct_m / 15,
                direct_distance_m=direct_m, zone="zone", site=name, scopes=[SCOPES[number % 3]],
                wheelchairs=0, service_class="", booked_s=None, recurring=False, arrive_by=False,
            )
        )  # fmt: skip
    return found


def _service(riders: Sequence[ev.RequestSubmitted], capacity: int, pace_mps: float) -> Iterator[ev.Event]:
    """Serve three at a time, with four shuttles in turn; whoever is beyond the capacity is rejected."""
    yield from riders
    free_s, odometer_m = dict.fromkeys(range(4), 23_000.0), dict.fromkeys(range(4), 0.0)
    for vehicle in free_s:
        yield ev.VehicleStarted(time_s=23_000.0, vehicle_id=f"shuttle.{vehicle}", seats=SEATS, edge="L005+")
    for rider in riders:
        yield ev.PersonDeparted(time_s=rider.earliest_s, person_id=rider.person_id, edge=rider.origin_edge)
    for first in range(0, capacity, 3):
        batch, vehicle = riders[first : min(first + 3, capacity)], first // 3 % 4
        calls = [*((rider, True) for rider in batch), *((rider, False) for rider in batch)]
        load = 0
        for rider, boards in calls:
            leg_m = rider.direct_distance_m / 3
            odometer_m[vehicle] += leg_m
            free_s[vehicle] = round(max(free_s[vehicle] + leg_m / pace_mps, rider.earliest_s + 60))
            load += 1 if boards else -1
            yield from _call(rider, f"shuttle.{vehicle}", free_s[vehicle], odometer_m[vehicle], load, boards=boards)
    for rider in riders[capacity:]:
        yield ev.Rejected(
            time_s=rider.earliest_s,
            request_id=rider.request_id,
            person_id=rider.person_id,
            cause="no_vehicle",
        )
    end_s = max(free_s.values()) + 600
    for vehicle, driven_m in odometer_m.items():
        yield ev.VehicleRetired(
            time_s=end_s, vehicle_id=f"shuttle.{vehicle}", odometer_m=driven_m + 5000, duty_s=end_s - 23_000,
            consumed_wh=0.6 * driven_m, regenerated_wh=0.1 * driven_m,
        )  # fmt: skip


def _booked(log: Iterable[ev.Event]) -> Iterator[ev.Event]:
    """Turn riders who ask on the spot into those who booked, and rejections into riders who stay away."""
    away = 0
    for event in log:
        if isinstance(event, ev.RequestSubmitted):
            early_s, begin_s, latest_s = event.earliest_s - 3600, event.earliest_s + 30, event.earliest_s + 630
            yield dataclasses.replace(event, time_s=early_s, booked_s=early_s)
            yield ev.Promised(time_s=early_s + 5, request_id=event.request_id, pickup_earliest_s=begin_s,
                              pickup_latest_s=latest_s, dropoff_latest_s=SHIFT_S)  # fmt: skip
        elif isinstance(event, ev.Rejected):
            away += 1
            cause, at_s = ("no_show", event.time_s + 500) if away % 2 else ("by_rider", event.time_s - 60)
            yield ev.Cancelled(time_s=at_s, request_id=event.request_id, person_id=event.person_id, cause=cause)
        else:
            yield event


def _call(
    rider: ev.RequestSubmitted, vehicle_id: str, time_s: float, odometer_m: float, load: int, *, boards: bool
) -> Iterator[ev.Event]:
    kind, edge = (ev.PickedUp, rider.origin_edge) if boards else (ev.DroppedOff, rider.destination_edge)
    yield kind(
        time_s=time_s, person_id=rider.person_id, request_id=rider.request_id, vehicle_id=vehicle_id,
        edge=edge, load=load, odometer_m=odometer_m,
    )  # fmt: skip
    yield ev.StopServed(
        time_s=time_s,
        vehicle_id=vehicle_id,
        edge=edge,
        started_s=time_s - 20,
        boarded=int(boards),
        alighted=int(not boards),
    )
    if not boards:
        yield ev.Arrived(time_s=time_s, person_id=rider.person_id, request_id=rider.request_id, edge=edge)


def _cars() -> Iterator[ev.Event]:
    for number in range(20):
        yield ev.CarArrived(
            time_s=29_000.0 + 100 * number, person_id=f"k{number}", vehicle_id=f"car.{number}", site="ggm",
            departed_s=27_000.0, shift_start_s=SHIFT_S,
        )  # fmt: skip


def _vehicles() -> pa.Table:
    row = {
        "vehicle_id": "bg.1",
        "group": "background",
        "arrival_s": 500.0,
        "time_loss_s": 40.0,
        "depart_delay_s": 0.0,
    }
    return pa.Table.from_pylist([row])
