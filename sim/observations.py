"""What an experiment's runs observed: each variant's KPIs by seed, and how the seeds of two variants pair."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from sim.errors import NotFoundError, OutputError, SandboxError
from sim.kpi.catalogue import CATALOGUE
from sim.kpi.entry import TOTAL, Better
from sim.kpi.keys import require_kpis
from sim.statistics import congested

Pair = tuple[int, int]  # demand seed, SUMO seed

COLUMNS = ("variant", "demand_seed", "sumo_seed", "key", "code", "stat", "scope", "value", "unit", "n")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a flat key stands for."""

    code: str
    stat: str
    scope: str
    unit: str

    @property
    def better(self) -> Better:
        return CATALOGUE[self.code].better if self.code in CATALOGUE else "neither"

    @property
    def title(self) -> str:
        title = CATALOGUE[self.code].title if self.code in CATALOGUE else self.code
        return ", ".join([title, *(part for part in (self.stat, self.scope) if part not in {"mean", TOTAL, "all"})])


@dataclass(frozen=True, slots=True)
class Variant:
    """One variant: `observed` values by flat key and seeds, without those that are not finite; `seeds` of all its runs.

    `unfinished` is the share of other vehicles still under way at the end, one a run.
    """

    label: str
    kinds: Mapping[str, Kind]
    observed: Mapping[str, Mapping[Pair, float]]
    seeds: frozenset[Pair]
    unfinished: tuple[float, ...]

    def congested(self) -> tuple[str, ...]:
        """Return in words why the runs are congested; nothing where traffic flows or is not there."""
        teleports, mean_s, p95_s = (
            list(self.observed.get(key, {}).values())
            for key in ("teleports", "time_loss_others_s", "time_loss_others_s.p95")
        )
        return congested(
            teleports=teleports, time_loss_s=mean_s, time_loss_p95_s=p95_s, unfinished_share=self.unfinished
        )


def read_variant(results: pd.DataFrame, label: str) -> Variant:
    """Return a variant of a table of results.

    Raises
    ------
    NotFoundError
        No run of the table has that label.
    OutputError
        The table lacks a column.
    SandboxError
        The variant has several values of a KPI for one pair of seeds.
    """
    if lacking := [name for name in COLUMNS if name not in results.columns]:
        msg = f"the results have no column {', '.join(lacking)}; found are {', '.join(map(str, results.columns))}"
        raise OutputError(msg)
    rows = results[results["variant"] == label]
    if rows.empty:
        labels = [str(one) for one in results["variant"].unique()]
        msg = f"no variant {label!r} in the results; allowed are {', '.join(labels) or 'none'}"
        raise NotFoundError(msg)
    kinds: dict[str, Kind] = {}
    observed: dict[str, dict[Pair, float]] = defaultdict(dict)
    unfinished = []
    seen: Counter[tuple[str, Pair]] = Counter()
    for _, demand, sumo, key, code, stat, scope, value, unit, n in rows[list(COLUMNS)].itertuples(index=False):
        pair = (int(demand), int(sumo))
        seen[key, pair] += 1
        kinds[key] = Kind(code, stat, scope, unit)
        if value is not None and math.isfinite(value):
            observed[key][pair] = float(value)
            if code == "others_arrived" and n > 0:
                unfinished.append(1 - float(value) / n)
    (key, pair), times = seen.most_common(1)[0]
    if times > 1:
        msg = f"{label} has {times} values of {key} for the seeds {pair}: tell its variants apart first"
        raise SandboxError(msg)
    return Variant(label, kinds, observed, frozenset(one for _, one in seen), tuple(unfinished))


def check_keys(keys: Sequence[str], *variants: Variant) -> None:
    """Make sure that each key is measured by a variant or could be, by the catalogue.

    Raises
    ------
    NotFoundError
        A key names no KPI; the message names near matches.
    """
    require_kpis(keys, measured={key for variant in variants for key in variant.kinds})


def nested(pairs: frozenset[Pair]) -> bool:
    """Return whether several SUMO seeds stand for one and the same demand, and there are several demands.

    Runs with the same people are not independent of each other, so the mean of each demand is one observation.
    """
    demands = {demand for demand, _ in pairs}
    return 1 < len(demands) < len(pairs)


def matched(
    reference: Mapping[Pair, float], other: Mapping[Pair, float], *, by_demand: bool
) -> tuple[dict[Pair, float], dict[Pair, float]]:
    """Return both sides' observations; `by_demand` takes means over the SUMO seeds of each demand that both have."""
    if not by_demand:
        return dict(reference), dict(other)
    shared = sorted(reference.keys() & other.keys())
    groups = {demand: [pair for pair in shared if pair[0] == demand] for demand, _ in shared}
    means = [
        {(demand, 0): sum(side[pair] for pair in group) / len(group) for demand, group in groups.items()}
        for side in (reference, other)
    ]
    return means[0], means[1]
