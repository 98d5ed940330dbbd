"""Calibration: flows between gateways fitted to counts, as a scenario that extends another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.random import SeedSequence

from sim.demand.background import fit_counts
from sim.demand.draws import named_streams
from sim.demand.fit import Fit
from sim.demand.generate import STREAMS
from sim.demand.people import draw_people
from sim.demand.places import Places
from sim.demand.tables import read_counts
from sim.demand.volumes import commuter_volumes
from sim.demand_summary import Comparison, compare, summarise
from sim.errors import OutputError, ScenarioError
from sim.network.graph import EdgeGraph
from sim.network.overlaid import load_overlaid
from sim.scenario import Scenario, validate

LEAST_VEHICLES_PER_H = 0.05


@dataclass(frozen=True, slots=True)
class Calibration:
    """The scenario that meets the counts, and its planned volumes beside them."""

    document: dict[str, Any]
    scenario: Scenario
    compared: tuple[Comparison, ...]


def calibrate(path: Path, scenario: Scenario, *, name: str) -> Calibration:
    """Fit background flows to a table of counts, given the commuters of a scenario.

    Raises
    ------
    ScenarioError
        The table has wrong columns, an unknown section, a negative or a double count, or no hour of the scenario.
    """
    counts = read_counts(path)
    network = load_overlaid(scenario.network, scenario.overlays)
    places = Places.of(network, EdgeGraph.from_net(network.net_file))
    if not network.gateways:
        msg = f"network {network.name!r} has no gateways, so no background traffic can be fitted"
        raise ScenarioError(msg)
    share, known = _commuters(scenario, places)
    fits = fit_counts(counts, places, known=known, share=share, where=path.name)
    title = f"{scenario.title}, calibrated to {path.name}"
    traffic = {"scale": 1.0, "both_ways": False, "flows": _flows(fits, path.name)}
    merged = scenario.model_dump(mode="json") | {"name": name, "title": title}
    merged["demand"]["background"] = (merged["demand"]["background"] or {}) | traffic
    fitted = validate(merged, place=path.name)
    compared = compare(counts, summarise(fitted).volumes, fitted)
    if not compared:
        hours = sorted({count.hour for count in counts})
        msg = f"{path.name}: its hours {hours[0]} to {hours[-1]} hold no whole hour of scenario {scenario.name}"
        raise ScenarioError(msg)
    document = {"extends": scenario.name, "title": title, "demand": {"background": traffic}}
    return Calibration(document, fitted, compared)


def write_calibration(found: Calibration, out: Path) -> None:
    """Write the calibrated scenario as YAML.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    text = yaml.safe_dump(found.document, allow_unicode=True, sort_keys=False, width=120)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        msg = f"{out} cannot be written: {error.strerror}"
        raise OutputError(msg) from None


def _commuters(scenario: Scenario, places: Places) -> tuple[float, Mapping[tuple[str, int], float]]:
    """Return the share of commuters who come by car, and the volumes if all of them did."""
    model = scenario.demand.commuters
    traffic = scenario.demand.background
    share = traffic.commuter_car_share.value if traffic is not None else 1.0
    if model is None:
        return share, {}
    streams = named_streams(SeedSequence(scenario.seeds.demand), STREAMS)
    return share, commuter_volumes(model, draw_people(model, places, streams["commuters"]), places)


def _flows(fits: Mapping[str, Fit], source: str) -> list[dict[str, Any]]:
    """Return the fitted flows as the document has them: a peak rate and a profile over the counted hours."""
    return [
        {
            "origin": pair.origin,
            "destination": pair.destination,
            "vehicles_per_h": {
                "value": round(float(per_h.max()), 2), "status": "likely", "source": f"fitted to {source}",
            },
            "truck_share": float(vehicle_class == "truck"),
            "profile": _profile(per_h, fit.hours),
        }
        for vehicle_class, fit in sorted(fits.items())
        for pair, per_h in zip(fit.pairs, fit.per_h, strict=True)
        if per_h.max() >= LEAST_VEHICLES_PER_H
    ]  # fmt: skip


def _profile(per_h: np.ndarray[Any, np.dtype[np.float64]], hours: Sequence[int]) -> dict[str, float]:
    """Return the hourly rates over their peak; the first counted hour stands for those before."""
    shares = {hour: round(float(per_h[hour] / per_h.max()), 4) for hour in hours}
    return {"00:00": shares[hours[0]]} | {f"{hour:02d}:00": share for hour, share in shares.items() if hour}
