"""Other traffic: what a run's `vehicles.parquet` says about everybody outside the fleet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from sim.errors import OutputError
from sim.kpi.record import KpiRecord, distribution, total

SERVICES = {"fleet", "freight", "lorry", "finished_car"}
"""Groups of vehicles that move the people and goods under study; all others are the others."""
_COLUMNS = ["vehicle_id", "group", "arrival_s", "time_loss_s", "depart_delay_s"]


@dataclass(frozen=True, slots=True)
class OtherTraffic:
    """Vehicles outside the fleet: time loss by id, with the wait to enter the network; how many arrived."""

    time_loss_s: dict[str, float]
    arrived: int


def read_others(path: Path) -> OtherTraffic | None:
    """Summarise a run's table of vehicles; None when the run has none.

    Raises
    ------
    OutputError
        The table is damaged or lacks a column.
    """
    if not path.is_file():
        return None
    try:
        columns = pq.read_table(path, columns=_COLUMNS).to_pydict()
        rows = list(zip(*(columns[name] for name in _COLUMNS), strict=True))
    except (OSError, ValueError, KeyError) as error:  # pyarrow's own errors are among these
        msg = f"{path} cannot be read as a table with the columns {', '.join(_COLUMNS)}: {error}"
        raise OutputError(msg) from None
    others = [row for row in rows if row[1] not in SERVICES]
    return OtherTraffic(
        time_loss_s={vehicle_id: loss_s + delay_s for vehicle_id, _, _, loss_s, delay_s in others},
        arrived=sum(arrival_s is not None for _, _, arrival_s, _, _ in others),
    )


def other_records(others: OtherTraffic) -> Iterator[KpiRecord]:
    """Yield the KPIs of other traffic."""
    yield from distribution("time_loss_others_s", others.time_loss_s.values())
    yield from total("others_arrived", others.arrived, n=len(others.time_loss_s))


def added_time_loss(others: OtherTraffic, without_service: OtherTraffic) -> list[KpiRecord]:
    """Return the mean added time loss of the vehicles that are in both runs; no record if there are none."""
    reference_s = without_service.time_loss_s
    both = sorted(others.time_loss_s.keys() & reference_s.keys())
    added_s = [others.time_loss_s[name] - reference_s[name] for name in both]
    if not added_s:
        return []
    return total("time_loss_others_added_s", sum(added_s) / len(added_s), n=len(added_s))
