"""SUMO's trip records turned into `vehicles.parquet`: one row for every vehicle that departed."""

from __future__ import annotations

from collections.abc import Iterator
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


def publish_vehicles(work: Path, resolved: Resolved) -> None:
    """Convert the trip records in `work` and delete them; `arrival_s` is null for vehicles still under way."""
    source = work / TRIPINFO
    groups = {car.vehicle_id: "commuter" for car in resolved.population.cars}
    groups |= {vehicle.id: "fleet" for vehicle in resolved.service.vehicles}
    groups |= {
        trip.vehicle_id: "truck" if trip.vehicle_class == "truck" else "background"
        for trip in resolved.population.background
    }
    table = pa.Table.from_pylist(sorted(_rows(source, groups), key=lambda row: row["vehicle_id"]), schema=SCHEMA)
    pq.write_table(table, work / VEHICLES, compression="zstd")
    source.unlink()


def _rows(source: Path, groups: dict[str, str]) -> Iterator[dict[str, Any]]:
    # persons' records are passed over: their waiting times are wrong after a reassignment (measured, SUMO 1.28)
    for _, element in ET.iterparse(source):  # noqa: S314 (written by SUMO in this run)
        if element.tag == "tripinfo":
            arrival = float(element.attrib["arrival"])
            yield {
                "vehicle_id": element.attrib["id"],
                "group": groups[element.attrib["id"]],
                "depart_s": float(element.attrib["depart"]),
                "arrival_s": arrival if arrival >= 0 else None,
                "duration_s": float(element.attrib["duration"]),
                "route_length_m": float(element.attrib["routeLength"]),
                "time_loss_s": float(element.attrib["timeLoss"]),
                "depart_delay_s": float(element.attrib["departDelay"]),
                "waiting_s": float(element.attrib["waitingTime"]),
            }
        element.clear()
