"""The KPI record, its flat key, and how values become records."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.errors import OutputError
from sim.kpi.catalogue import CATALOGUE
from sim.kpi.entry import ALL, DISTRIBUTION_STATS, SCOPES, TOTAL


@dataclass(frozen=True, slots=True)
class KpiRecord:
    """One value of one KPI: `stat` of `scope`, resting on `n` observations."""

    code: str
    stat: str
    scope: str
    value: float
    unit: str
    n: int

    @property
    def key(self) -> str:
        """The flat key `code.stat@scope`, without a stat `mean` or `value` and without the scope `all`."""
        stat = "" if self.stat in {"mean", TOTAL} else f".{self.stat}"
        scope = "" if self.scope == ALL else f"@{self.scope}"
        return f"{self.code}{stat}{scope}"

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> KpiRecord:
        """Rebuild a record from an entry of `kpis.json`.

        Raises
        ------
        OutputError
            The entry has other fields.
        """
        try:
            return cls(**document)
        except TypeError:
            fields = ", ".join(field.name for field in dataclasses.fields(cls))
            msg = f"an entry of kpis.json is {document!r}; it must have {fields} and nothing else"
            raise OutputError(msg) from None


def ordered(records: Iterable[KpiRecord]) -> list[KpiRecord]:
    """Return the records in the catalogue's order, then by scope and stat."""
    return sorted(records, key=_place)


def records_as_json(records: Iterable[KpiRecord]) -> list[dict[str, Any]]:
    """Return the records as they stand in `kpis.json`, in the order of `ordered`."""
    return [dataclasses.asdict(record) for record in ordered(records)]


def flat(records: Iterable[KpiRecord]) -> dict[str, float]:
    """Return flat key to value, in the order of `ordered`."""
    return {record.key: record.value for record in ordered(records)}


def total(code: str, value: float, *, n: int, scope: str = ALL, stat: str = TOTAL) -> list[KpiRecord]:
    """Return the record of a KPI with one value, or none when it rests on nothing."""
    return [KpiRecord(code, stat, scope, float(value), CATALOGUE[code].unit, n)] if n else []


def ratio(code: str, part: float, whole: float, *, n: int, scope: str = ALL) -> list[KpiRecord]:
    """Return the record of `part / whole`, or none when that is not defined."""
    return total(code, part / whole, n=n, scope=scope) if whole > 0 else []


def distribution(code: str, values: Collection[float], *, scope: str = ALL) -> list[KpiRecord]:
    """Return one record for each stat of the values, or none without values; free of their order."""
    if not values:
        return []
    series = np.sort(np.fromiter(values, dtype=np.float64, count=len(values)))
    p50, p90, p95 = np.percentile(series, (50, 90, 95))
    numbers = (series.mean(), p50, p90, p95, series[-1])
    unit = CATALOGUE[code].unit
    return [
        KpiRecord(code, stat, scope, float(number), unit, len(series))
        for stat, number in zip(DISTRIBUTION_STATS, numbers, strict=True)
    ]


_CODES = {code: place for place, code in enumerate(CATALOGUE)}
_STATS: Sequence[str] = (TOTAL, *DISTRIBUTION_STATS)


def _place(record: KpiRecord) -> tuple[int, int, str, int, str]:
    """Return the sort key; names outside the catalogue come last, loads by number."""
    scope = SCOPES.index(record.scope) if record.scope in SCOPES else len(SCOPES)
    stat = _STATS.index(record.stat) if record.stat in _STATS else len(_STATS)
    return (_CODES.get(record.code, len(_CODES)), scope, record.scope, stat, record.stat.rjust(4))
