"""Small event logs and runs, computed by hand, for the tests of KPIs and comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sim import events as ev
from sim.kpi.conflicts import CONFLICTS, Conflict, write_conflicts
from sim.kpi.measure import measure_run, records_as_json
from sim.rundir import KPIS, PERFORMANCE, VEHICLES, RunDir
from sim.scenario import Scenario

HORIZON_S = 5400
DOCUMENT: dict[str, Any] = {
    "name": "tiny",
    "title": "Three vehicles",
    "network": "grid",
    "time": {"begin_s": 0, "end_s": 3600, "drain_s": HORIZON_S - 3600, "step_s": 1},
    "fleet": {"count": 1, "seats": 3},
    "controllers": {"shuttle": {"use": "insertion"}},
    "costs": {"vehicle_hour_krw": 38_000, "vehicle_km_krw": 250, "electricity_krw_per_kwh": 300},
    "emissions": {"grid_kg_co2e_per_kwh": 0.4, "charging_efficiency": 0.8},
}

SLOW: dict[str, Any] = {"requests": {"classes": {"slow": {"max_wait_s": 194}}}}
"""The limits of the riders in `booked`: one second less than the pair waits."""


def scenario(**changes: object) -> Scenario:
    return Scenario.model_validate(DOCUMENT | changes)


def wish(
    request: str, time_s: float, *, direct_s: float = 240, direct_m: float = 4000, shift_s: float | None = None,
    latest_s: float | None = None, scopes: Sequence[str] = (), size: int = 1, wheelchairs: int = 0,
    service_class: str = "", booked_s: float | None = None,
) -> ev.RequestSubmitted:  # fmt: skip
    """Return the submission of a wish to travel at `time_s`; `latest_s` is a limit to arrive by."""
    return ev.RequestSubmitted(
        time_s=time_s if booked_s is None else booked_s, request_id=request, person_id=f"p.{request}",
        purpose="commute", origin_edge="A", origin_pos_m=0.0, destination_edge="B", destination_pos_m=0.0, size=size,
        earliest_s=time_s, latest_arrival_s=latest_s, shift_start_s=shift_s, direct_ride_s=direct_s,
        direct_distance_m=direct_m, zone="z", site="s", scopes=list(scopes), wheelchairs=wheelchairs,
        service_class=service_class, booked_s=booked_s, recurring=False, arrive_by=latest_s is not None,
    )  # fmt: skip


def leave(request: str, time_s: float) -> ev.PersonDeparted:
    return ev.PersonDeparted(time_s=time_s, person_id=f"p.{request}", edge="A")


def walked(request: str, time_s: float) -> ev.WalkEnded:
    return ev.WalkEnded(time_s=time_s, person_id=f"p.{request}", edge="A")


def board(request: str, time_s: float, vehicle: str, odometer_m: float, load: int) -> ev.PickedUp:
    return ev.PickedUp(time_s=time_s, person_id=f"p.{request}", request_id=request, vehicle_id=vehicle,
                       edge="A", load=load, odometer_m=odometer_m)  # fmt: skip


def alight(request: str, time_s: float, vehicle: str, odometer_m: float, load: int) -> ev.DroppedOff:
    return ev.DroppedOff(time_s=time_s, person_id=f"p.{request}", request_id=request, vehicle_id=vehicle,
                         edge="B", load=load, odometer_m=odometer_m)  # fmt: skip


def arrive(request: str, time_s: float) -> ev.Arrived:
    return ev.Arrived(time_s=time_s, person_id=f"p.{request}", request_id=request, edge="B")


def refuse(request: str, time_s: float, cause: str = "no_vehicle") -> ev.Rejected:
    return ev.Rejected(time_s=time_s, request_id=request, person_id=f"p.{request}", cause=cause)


def fail(request: str, time_s: float = HORIZON_S, state: str = "waiting") -> ev.Unfinished:
    return ev.Unfinished(time_s=time_s, person_id=f"p.{request}", request_id=request, state=state)


def promise(request: str, time_s: float, pickup_s: float, dropoff_s: float) -> ev.Promised:
    return ev.Promised(time_s=time_s, request_id=request, pickup_earliest_s=time_s, pickup_latest_s=pickup_s,
                       dropoff_latest_s=dropoff_s)  # fmt: skip


def offered(
    request: str, time_s: float, window_s: tuple[float, float], dropoff_s: float, *, access_walk_s: float = 0
) -> list[ev.Event]:
    """Return an offer and the promise that it becomes."""
    earliest_s, latest_s = window_s
    return [
        ev.Offered(time_s=time_s, request_id=request, pickup_earliest_s=earliest_s, pickup_latest_s=latest_s,
                   dropoff_latest_s=dropoff_s, access_walk_s=access_walk_s, egress_walk_s=0),
        ev.Promised(time_s=time_s, request_id=request, pickup_earliest_s=earliest_s, pickup_latest_s=latest_s,
                    dropoff_latest_s=dropoff_s),
    ]  # fmt: skip


def cancel(request: str, time_s: float, cause: str = "by_rider") -> ev.Cancelled:
    return ev.Cancelled(time_s=time_s, request_id=request, person_id=f"p.{request}", cause=cause)


def broken(request: str, time_s: float, part: str, late_s: float, vehicle: str = "v") -> ev.PromiseBroken:
    return ev.PromiseBroken(time_s=time_s, request_id=request, vehicle_id=vehicle, part=part, late_s=late_s)


def start(vehicle: str, time_s: float = 0, seats: int = 3) -> ev.VehicleStarted:
    return ev.VehicleStarted(time_s=time_s, vehicle_id=vehicle, seats=seats, edge="A")


def retire(
    vehicle: str,
    odometer_m: float,
    time_s: float = HORIZON_S,
    *,
    energy_wh: tuple[float, float] | None = None,
) -> ev.VehicleRetired:
    consumed_wh, regenerated_wh = energy_wh or (None, None)
    return ev.VehicleRetired(time_s=time_s, vehicle_id=vehicle, odometer_m=odometer_m, duty_s=time_s,
                             consumed_wh=consumed_wh, regenerated_wh=regenerated_wh)  # fmt: skip


def pooled() -> list[ev.Event]:
    """Two riders share a shuttle from door to door, a third is rejected, a fourth still waits; two drive."""
    return [
        start("v"),
        wish("a", 100, shift_s=550, scopes=["housing"]),
        leave("a", 100),
        promise("a", 105, 200, 480),
        promise("a", 110, 900, 900),
        wish("b", 150, direct_s=250, direct_m=5000, shift_s=599, scopes=["villages"]),
        leave("b", 150),
        promise("b", 150, 299.5, 700),
        board("a", 200, "v", 1000, 1),
        ev.StopServed(time_s=200, vehicle_id="v", edge="A", started_s=188, boarded=1, alighted=0),
        board("b", 300, "v", 3000, 2),
        wish("c", 390, shift_s=1000, scopes=["housing"]),
        leave("c", 390),
        refuse("c", 400),
        ev.PlansRetimed(time_s=420, plans=1, infeasible=0),
        ev.PlansRetimed(time_s=480, plans=1, infeasible=2, repaired=1),
        alight("a", 500, "v", 6000, 1),
        arrive("a", 500),
        alight("b", 600, "v", 8000, 0),
        arrive("b", 600),
        ev.StopServed(time_s=600, vehicle_id="v", edge="B", started_s=592, boarded=0, alighted=1),
        ev.CarArrived(time_s=700, person_id="k", vehicle_id="car.k", site="s", departed_s=0, shift_start_s=700),
        ev.VehicleTeleported(time_s=800, vehicle_id="bg.1", edge="A", fleet=False),
        wish("d", 1000),
        leave("d", 1000),
        fail("d"),
        ev.CarUnfinished(time_s=HORIZON_S, person_id="l", vehicle_id="car.l", site="s", state="driving"),
        retire("v", 10_000, energy_wh=(3000, 1000)),
    ]


def booked() -> list[ev.Event]:
    """Return a morning on which riders book, travel together, are promised windows, withdraw and fail to come."""
    return [
        start("v", seats=4),
        # a pair, promised to be fetched 300 s after its wish from a place 60 s away; fetched 100 s after the window
        wish("pair", 1000, booked_s=0, size=2, wheelchairs=1, service_class="slow", scopes=["housing"]),
        *offered("pair", 0, (1300, 1400), 1900, access_walk_s=60),
        leave("pair", 1240),
        walked("pair", 1305),
        # asks on the spot
        wish("lone", 1200, direct_s=300),
        leave("lone", 1200),
        *offered("lone", 1205, (1205, 1800), 2500),
        board("pair", 1500, "v", 1000, 2),
        broken("pair", 1500, "pickup", 100),
        board("lone", 1600, "v", 2000, 3),
        alight("pair", 2000, "v", 6000, 1),
        broken("pair", 2000, "dropoff", 100),
        arrive("pair", 2000),
        alight("lone", 2400, "v", 8000, 0),
        arrive("lone", 2400),
        # withdraw: long before the wish, and 40 s after it, within the promised window; one declines, one is not there,
        # one waits longer than it can
        wish("early", 2000, booked_s=100),
        *offered("early", 100, (2000, 2300), 3000),
        cancel("early", 900),
        wish("late", 1100),
        leave("late", 1100),
        *offered("late", 1105, (1105, 1400), 2000),
        cancel("late", 1140),
        wish("choosy", 1300),
        leave("choosy", 1300),
        offered("choosy", 1305, (1305, 3000), 4000)[0],
        cancel("choosy", 1305, "offer_declined"),
        wish("absent", 1500, booked_s=500),
        *offered("absent", 500, (1500, 1800), 2500),
        cancel("absent", 1980, "no_show"),
        wish("weary", 2000),
        leave("weary", 2000),
        *offered("weary", 2005, (2005, 2300), 3000),
        cancel("weary", 2900, "gave_up"),
        retire("v", 9000, energy_wh=(3000, 1000)),
    ]


def vehicle_row(name: str, group: str, loss_s: float, *, delay_s: float = 0, arrives: bool = True) -> dict[str, Any]:
    return {
        "vehicle_id": name, "group": group, "depart_s": 0.0, "arrival_s": 500.0 if arrives else None,
        "duration_s": 500.0, "route_length_m": 5000.0, "time_loss_s": loss_s, "depart_delay_s": delay_s,
        "waiting_s": 0.0,
    }  # fmt: skip


VEHICLE_ROWS = (
    vehicle_row("bg.1", "background", 30.0, delay_s=10.0),
    vehicle_row("bg.2", "truck", 60.0, arrives=False),
    vehicle_row("v", "fleet", 999.0, arrives=False),
)


def publish(
    place: Path,
    log: Iterable[ev.Event],
    *,
    document: Mapping[str, Any] | None = None,
    vehicles: Sequence[Mapping[str, Any]] = VEHICLE_ROWS,
    conflicts: Sequence[Conflict] | None = None,
    **manifest_changes: object,
) -> Path:
    """Publish a run at `place` as the runner does."""
    log = list(log)
    manifest = {
        "status": "finished",
        "end_s": log[-1].time_s if log else 0.0,
        "scenario": scenario(**(document or {})).model_dump(mode="json"),
        "fingerprint": ev.fingerprint(log),
        "versions": {"sumo": "1.28.0"},
        "network": {"name": "grid", "sha256": "0" * 64},
    } | manifest_changes
    with RunDir(place) as directory:
        directory.write_events(log)
        directory.write_json(PERFORMANCE, {"dispatch_ms": [1.0, 2.0, 6.0]})
        pq.write_table(pa.Table.from_pylist(list(vehicles)), directory.work / VEHICLES)
        if conflicts is not None:
            write_conflicts(conflicts, directory.work / CONFLICTS)
        sealed = directory.seal_events()
        records = measure_run(directory.work, manifest=manifest, events=sealed)
        directory.write_json(KPIS, records_as_json(records))
        return directory.publish(manifest)
