"""The table of conflicts: surrogate safety, one row for each unordered pair of vehicles and encounter."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sim.errors import OutputError
from sim.kpi.record import KpiRecord, ratio, total
from sim.vehicle_classes import VEHICLE_CLASSES

CONFLICTS = "conflicts.parquet"

BOTH_INSIDE = "both_inside"
TTC_S, LONG_TTC_S, PET_S, DRAC_MPS2 = 1.5, 3.0, 1.5, 3.4

SCHEMA = pa.schema(
    [
        ("ego", pa.string()),
        ("foe", pa.string()),
        ("ego_class", pa.string()),
        ("foe_class", pa.string()),
        ("begin_s", pa.float64()),
        ("end_s", pa.float64()),
        ("kind", pa.string()),
        ("ttc_s", pa.float64()),
        ("pet_s", pa.float64()),
        ("drac_mps2", pa.float64()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("time_s", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Conflict:
    """An encounter of two vehicles; measures that do not apply to it are None.

    Attributes
    ----------
    kind
        `following`, `merging`, `crossing`, `oncoming` or `other`: that of the severest measure. `both_inside` where
        both were within the area where their ways cross or merge at the same time; SUMO's device calls that a
        collision with 0 s to it, though they may have stood apart there: such an encounter has no `ttc_s`.
    ttc_s, pet_s, drac_mps2
        Least time to collision, least post-encroachment time, largest deceleration needed.
    x, y, time_s
        Where and when it was severest, metres of the network and seconds after midnight.
    """

    ego: str
    foe: str
    ego_class: str
    foe_class: str
    begin_s: float
    end_s: float
    kind: str
    ttc_s: float | None
    pet_s: float | None
    drac_mps2: float | None
    x: float
    y: float
    time_s: float

    @property
    def pair(self) -> str:
        """Who meets whom: `av-av`, `av-human` or `human-human`."""
        driverless = [_driverless(self.ego_class), _driverless(self.foe_class)]
        return {2: "av-av", 1: "av-human", 0: "human-human"}[sum(driverless)]

    @property
    def measures(self) -> frozenset[str]:
        """The thresholds that it is beyond: ttc, pet, drac."""
        beyond = {
            "ttc": self.ttc_s is not None and self.ttc_s < TTC_S,
            "pet": self.pet_s is not None and self.pet_s < PET_S,
            "drac": self.drac_mps2 is not None and self.drac_mps2 > DRAC_MPS2,
        }
        return frozenset(name for name, holds in beyond.items() if holds)


def write_conflicts(conflicts: Iterable[Conflict], path: Path) -> None:
    """Write the table, in the order given."""
    names = [one.name for one in fields(Conflict)]
    rows = [dict(zip(names, astuple(one), strict=True)) for one in conflicts]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path, compression="zstd")


def read_conflicts(path: Path) -> list[Conflict] | None:
    """Read a run's table of conflicts; None when the run has none.

    Raises
    ------
    OutputError
        The table is damaged or lacks a column.
    """
    if not path.is_file():
        return None
    try:
        rows = pq.read_table(path, columns=SCHEMA.names).to_pylist()
        return [Conflict(**row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:  # pyarrow's own errors are among these
        msg = f"{path} cannot be read as a table with the columns {', '.join(SCHEMA.names)}: {error}"
        raise OutputError(msg) from None


def conflict_records(conflicts: Iterable[Conflict], *, km: float, carriers: Collection[str]) -> Iterator[KpiRecord]:
    """Yield the KPIs of conflicts over so many km; none where nothing was driven.

    `carriers` are the classes of the vehicles that carried the measuring device. Pairs that none of them can be in
    were not measured, and have no record.
    """
    found = list(conflicts)
    if km <= 0:
        return
    n = max(1, len(found))
    counts = {
        "ttc_conflicts_per_1000km": sum("ttc" in one.measures for one in found),
        "ttc_below_3s_per_1000km": sum(one.ttc_s is not None and one.ttc_s < LONG_TTC_S for one in found),
        "pet_conflicts_per_1000km": sum("pet" in one.measures for one in found),
        "drac_conflicts_per_1000km": sum("drac" in one.measures for one in found),
    }
    for code, count in counts.items():
        yield from ratio(code, 1000 * count, km, n=n)
    severe = [one.pair for one in found if one.measures]
    yield from total("conflicts", len(severe), n=n)
    for pair in _measured_pairs(carriers):
        yield from total("conflicts", severe.count(pair), n=n, scope=pair)
    yield from total("both_in_conflict_area", sum(one.kind == BOTH_INSIDE for one in found), n=n)


def _measured_pairs(carriers: Collection[str]) -> list[str]:
    """Return the pairs that have a vehicle with the device in them."""
    driverless = {_driverless(one) for one in carriers}
    found = {"av-av": True in driverless, "av-human": bool(driverless), "human-human": False in driverless}
    return [pair for pair, measured in found.items() if measured]


def _driverless(name: str) -> bool:
    return name in VEHICLE_CLASSES and VEHICLE_CLASSES[name].driverless
