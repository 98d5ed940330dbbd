"""The two frames of an experiment, in the shapes that a gathered one has, with made-up figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from sim.kpi.catalogue import CATALOGUE

# key: (reference, spread over seeds, effect of one unit of strength), in the units of the catalogue
FIGURES: dict[str, tuple[float, float, float]] = {
    "service_rate": (0.83, 0.02, 0.08),
    "on_time_rate": (0.71, 0.03, 0.1),
    "requests": (162.0, 4.0, 0.0),
    "requests_served": (134.0, 4.0, 12.0),
    "within_limits_rate": (0.62, 0.03, 0.12),
    "wait_s": (1430.0, 60.0, -360.0),
    "wait_s.p95": (4320.0, 300.0, -900.0),
    "share_wait_below_600s": (0.31, 0.03, 0.2),
    "access_walk_s": (310.0, 8.0, 1.0),
    "ride_s": (1220.0, 25.0, 160.0),
    "total_travel_s": (2990.0, 90.0, -280.0),
    "detour_rel": (0.31, 0.02, 0.11),
    "fleet_size": (16.0, 0.0, 0.0),
    "vehicle_hours": (44.0, 0.4, 6.0),
    "vkm_total": (812.0, 14.0, 120.0),
    "empty_ratio": (0.42, 0.02, -0.08),
    "pax_km_per_vkm": (2.1, 0.1, 0.3),
    "cost_per_served_rider_krw": (15_420.0, 600.0, 900.0),
    "time_loss_others_s": (162.0, 9.0, 4.0),
    "teleports": (0.0, 0.0, 0.0),
}
PROMISES: dict[str, tuple[float, float, float]] = {
    "promise_kept_rate": (0.9, 0.01, 0.05),
    "promise_window_s": (300.0, 5.0, -20.0),
    "booking_shift_s": (120.0, 9.0, 40.0),
    "pickup_delay_vs_promise_s.p95": (80.0, 6.0, -30.0),
}
MANIFEST = {
    "scenario": {"name": "morning-shuttle"},
    "network": {"name": "bitgreen", "sha256": "ab" * 32, "overlays": [], "attribution": "© OpenStreetMap contributors"},
    "versions": {"sandbox": "0.1.0", "sumo": "SUMO 1.28.0", "python": "3.11.9"},
    "platform": {"system": "Linux", "machine": "x86_64"},
    "created": "2026-01-05T06:00:00+00:00",
}


@dataclass(frozen=True)
class Variant:
    """One variant: how strongly it moves the KPIs, the levels of its parameters, and the faults of its runs."""

    label: str
    strength: float = 0.0
    levels: Mapping[str, object] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)


def frames(
    variants: Sequence[Variant], seeds: int = 10, *, keys: Sequence[str] = tuple(FIGURES), without: bool = False,
    change: Callable[[str, str, int, float], float | None] = lambda _, __, ___, value: value,
) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """Return results and runs; `change(variant, key, seed, value)` may replace a value, None leaves its row out."""
    paths = list(dict.fromkeys(path for variant in variants for path in variant.levels))
    results, runs = [], []
    for variant in variants:
        for seed in range(1, seeds + 1):
            head: dict[str, object] = {"variant": variant.label, **{path: variant.levels.get(path) for path in paths}}
            head |= {"demand_seed": seed, "sumo_seed": seed}
            run = f"{variant.label}-{seed}"
            error = variant.failed.get(seed)
            runs.append(head | _ending(run, error))
            if error is not None:
                continue
            for key in keys:
                value = change(variant.label, key, seed, _value(key, variant.strength, seed))
                if value is not None:
                    results.append(head | _record(key, value) | {"run": run})
    if without:
        nothing: dict[str, object] = {"variant": "morning-none", **dict.fromkeys(paths)}
        runs += [
            nothing | {"demand_seed": seed, "sumo_seed": seed} | _ending(f"none-{seed}", None)
            for seed in range(1, seeds + 1)
        ]
    columns = [
        "variant",
        *paths,
        "demand_seed",
        "sumo_seed",
        "key",
        "code",
        "stat",
        "scope",
        "value",
        "unit",
        "n",
        "run",
    ]
    return pd.DataFrame(results, columns=columns), pd.DataFrame(runs)


def _value(key: str, strength: float, seed: int) -> float:
    """Return a figure: most of its chance belongs to the seed, a little to the variant, so that pairing pays."""
    known = FIGURES | PROMISES
    base, spread, effect = known[key]
    place = list(known).index(key)
    common = np.random.default_rng([seed, place]).normal()
    own = np.random.default_rng([seed, place, round(1000 * abs(strength)), int(strength < 0)]).normal()
    return float(base + effect * strength + spread * (0.85 * common + 0.5 * own))


def _record(key: str, value: float) -> dict[str, object]:
    code, _, stat = key.partition(".")
    kpi = CATALOGUE[code]
    default = "mean" if kpi.distribution else "value"
    return {
        "key": key,
        "code": code,
        "stat": stat or default,
        "scope": "all",
        "value": value,
        "unit": kpi.unit,
        "n": 160,
    }


def _ending(run: str, error: str | None) -> dict[str, object]:
    status = "finished" if error is None else "failed"
    return {
        "run": run, "status": status, "fingerprint": "f" * 64, "wall_s": 61.5, "teleports": 0, "error": error,
    }  # fmt: skip
