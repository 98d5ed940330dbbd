"""Freight replayed in bare SUMO: trucks and lorries drive as in the run, and what only commands can do is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.consignments import day
from benchmarks.logistics import QUIET, compare_arrivals, replayed_drives
from benchmarks.replay import record
from sim.errors import EngineError
from sim.scenario import Scenario

SHORT = (
    *QUIET, "time.begin_s='08:00'", "time.end_s='08:45'", "time.drain_s=900", "freight.lorries.inbound.per_day=200",
)  # fmt: skip


def short_day(*overrides: str) -> Scenario:
    return day(orders=400, trucks=6, use="greedy", seed=1, overrides=(*SHORT, *overrides))


def test_trucks_and_lorries_make_their_stops_again(tmp_path: Path) -> None:
    recording = record(short_day().model_dump(mode="json"), tmp_path)
    kinds = {drive.type_id for drive in recording.drives.values()}
    arrivals = compare_arrivals(recording.drives, replayed_drives(recording, tmp_path))
    assert kinds == {"freight.trucks", "lorry.inbound"}
    assert arrivals.stops > 30
    assert arrivals.missed == 0
    assert max(arrivals.off_s) <= 5


def test_a_permit_that_caps_speeds_cannot_be_replayed(tmp_path: Path) -> None:
    capped = short_day("permits.trucks.max_speed_kmh=30")
    with pytest.raises(EngineError, match=r"permit .* \(trucks\) cannot be replayed"):
        record(capped.model_dump(mode="json"), tmp_path)
