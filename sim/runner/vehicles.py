"""SUMO's trip records turned into `vehicles.parquet`: one row for every vehicle that departed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq

from sim.engine.inputs import TRIPINFO
from sim.engine.resolve import Resolved
from sim.rundir import VEHICLES

SCHEMA = pa.schema(
    [
        ("vehicle_id", pa.string()),
        ("group", pa.string()),
        ("depart_s", pa.float64()),
        ("arrival_s", pa.float64()),
        ("duration_s", pa.float64()),
        ("route_length_m", pa.float64()),
        ("time_loss_s", pa.float64()),
        ("depart_delay_s", pa.float64()),
        ("waiting_s", pa.float64()),
    ]
)


def publish_vehicles(work: Path, resolved: Resolved, parked_s: Mapping[str, float]) -> None:
    """Convert the trip records in `work` and delete them; `arrival_s` is null for vehicles still under way.

    A car that stands at its site at the end has arrived: at the time in `parked_s`, by vehicle id.
    """
    source = work / TRIPINFO
    groups = {name: "commuter" for car in resolved.population.cars for name in (car.vehicle_id, car.return_id)}
    groups |= {vehicle.id: "fleet" for vehicle in resolved.service.vehicles}
    groups |= {trip.vehicle_id: trip.group for trip in resolved.population.background}
    goods = resolved.population.goods
    groups |= {lorry.vehicle_id: "lorry" for lorry in goods.lorries}
    groups |= {car.vehicle_id: "finished_car" for car in goods.cars}
    if resolved.freight is not None:
        groups |= dict.fromkeys(resolved.freight.vehicles(), "freight")
    rows = _rows(source, groups, parked_s)
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: row["vehicle_id"]), schema=SCHEMA)
    pq.write_table(table, work / VEHICLES, compression="zstd")
    source.unlink()


def _rows(source: Path, groups: Mapping[str, str], parked_s: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    # persons' records are passed over: their waiting times are wrong after a reassignment (measured, SUMO 1.28)
    for _, element in ET.iterparse(source):  # noqa: S314 (written by SUMO in this run)
        if element.tag == "tripinfo":
            vehicle_id, depart_s = element.attrib["id"], float(element.attrib["depart"])
            reached_s = float(element.attrib["arrival"])
            arrival_s = reached_s if reached_s >= 0 else parked_s.get(vehicle_id)
            yield {
                "vehicle_id": vehicle_id,
                "group": groups[vehicle_id],
                "depart_s": depart_s,
                "arrival_s": arrival_s,
                "duration_s": float(element.attrib["duration"]) if arrival_s is None else arrival_s - depart_s,
                "route_length_m": float(element.attrib["routeLength"]),
                "time_loss_s": float(element.attrib["timeLoss"]),
                "depart_delay_s": float(element.attrib["departDelay"]),
                "waiting_s": float(element.attrib["waitingTime"]),
            }
        element.clear()
