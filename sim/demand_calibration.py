"""Calibration: flows between gateways fitted to counts, as a scenario that extends another."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.random import SeedSequence

from sim.demand.background import fit_counts, flows_by_hour
from sim.demand.draws import named_streams
from sim.demand.fit import WEAK, Fit
from sim.demand.generate import STREAMS
from sim.demand.people import draw_people
from sim.demand.places import Places
from sim.demand.sections import sections_of
from sim.demand.tables import COUNT_CLASSES, Count, demand_file, read_counts
from sim.demand.volumes import commuter_volumes
from sim.demand_summary import Comparison, Fitness, compare, summarise, whole_hours
from sim.documents import catalogue
from sim.errors import OutputError, ScenarioError
from sim.network.graph import EdgeGraph
from sim.network.overlaid import load_overlaid
from sim.runner.counted import count_vehicles
from sim.scenario import Scenario, validate

LEAST_VEHICLES_PER_H = 0.05
NAMED_ROADS = 12
"""Roads that a message names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was counted and what was not: roads (with a target, if the network has any), hours, classes."""

    counted: dict[str, tuple[str, ...]]
    open: dict[str, tuple[str, ...]]
    held_by: str
    """What stands where nobody counted; empty for nothing."""

    @classmethod
    def of(cls, counts: Sequence[Count], roads: Collection[str], scenario: Scenario, *, held_by: str) -> Coverage:
        """Compare counts with all that might have been counted on `roads`."""
        span = range(scenario.time.begin_s // 3600, -(-scenario.time.end_s // 3600))
        counted = {
            "roads": tuple(sorted({one.road for one in counts})),
            "hours": tuple(f"{hour:02d}" for hour in sorted({one.hour for one in counts})),
            "classes": tuple(sorted({one.vehicle_class for one in counts})),
        }
        everything = {
            "roads": sorted(roads),
            "hours": [f"{hour:02d}" for hour in span],
            "classes": sorted(COUNT_CLASSES),
        }
        left = {kind: tuple(name for name in names if name not in counted[kind]) for kind, names in everything.items()}
        return cls(counted, left, held_by)

    def lines(self) -> Iterator[str]:
        """Yield what was counted, and what becomes of the rest."""
        yield f"counted: {_listed(self.counted)}"
        if any(self.open.values()):
            fate = "hours take the nearest counted one's flows, the other roads and classes have none"
            yield f"not counted: {_listed(self.open)}; there {self.held_by or fate}"


@dataclass(frozen=True, slots=True)
class Calibration:
    """The scenario fitted to counts, the volumes beside them, and what they leave open."""

    document: dict[str, Any]
    scenario: Scenario
    compared: tuple[Comparison, ...]
    fitness: Fitness
    coverage: Coverage

    @property
    def verdict(self) -> str:
        """Whether FHWA's criteria are met at the counts."""
        return f"FHWA's criteria are {'met' if self.fitness.good else 'NOT met'}"


def calibrate(path: Path, scenario: Scenario, *, name: str, simulate: bool = False) -> Calibration:
    """Fit background flows to a table of counts, given the commuters of a scenario.

    Where nobody counted the network's own targets hold the flows; without any the scenario's own flows stay as they
    were. The fit is judged at the counts alone, by planned volumes or by those that SUMO carries.

    Raises
    ------
    ScenarioError
        The table has wrong columns, an unknown section, a negative or a double count, or no hour of the scenario.
    """
    counts = read_counts(path)
    hours = sorted({count.hour for count in counts})
    if not set(hours) & set(whole_hours(scenario)):
        msg = f"{path.name}: its hours {hours[0]} to {hours[-1]} hold no whole hour of scenario {scenario.name}"
        raise ScenarioError(msg)
    network = load_overlaid(scenario.network, scenario.overlays)
    if not network.gateways:
        msg = f"network {network.name!r} has no gateways, so no background traffic can be fitted"
        raise ScenarioError(msg)
    places = Places.of(network, EdgeGraph.from_net(network.net_file))
    prior = _targets(scenario, places)
    flows = _flows(_fitted(counts, prior, scenario, places, where=path.name), path.name)
    traffic = {"scale": 1.0, "both_ways": False, "flows": flows}
    title = f"{scenario.title}, fitted to {path.name}"
    fitted = _changed(scenario, name, title, traffic)
    compared = compare(counts, count_vehicles(fitted).volumes if simulate else summarise(fitted).volumes, fitted)
    fitness = Fitness.of(compared)
    traffic["calibrated_to"] = _record(fitness, path.name, simulated=simulate)
    roads = {one.road for one in prior} or set(sections_of(places.graph))
    return Calibration(
        document={"title": title, "demand": {"background": traffic}},
        scenario=_changed(scenario, name, title, traffic),
        compared=compared,
        fitness=fitness,
        coverage=Coverage.of(counts, roads, scenario, held_by=_held_by(scenario, prior)),
    )


def write_calibration(found: Calibration, out: Path, *, base: str) -> None:
    """Write the fitted scenario as YAML that extends `base`, a name of the catalogue or a path.

    Raises
    ------
    OutputError
        The file exists already or cannot be written.
    """
    document = {"extends": _extends(base, out), **found.document}
    remarks = [
        "Written by `bitgreen demand calibrate`.",
        f"{found.verdict} at these counts{'' if found.fitness.good else ': do not take this demand for calibrated'}.",
        *found.coverage.lines(),
    ]
    head = "".join(f"# {line}\n" for line in remarks)
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False, width=120)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(head + text)
    except OSError as error:
        msg = f"{out} cannot be written: {error.strerror}"
        raise OutputError(msg) from None


def _extends(base: str, out: Path) -> str:
    """Return how the document finds the one it extends: by name in the catalogue, else by the way from its folder."""
    named = catalogue().get(base)
    # a name means a file beside the document first
    if named is not None and out.stem != base and not (out.parent / f"{base}.yaml").exists():
        return base
    path = (named or Path(base)).resolve()
    if path.suffix != ".yaml":
        return str(path)
    return Path(os.path.relpath(path.with_suffix(""), out.resolve().parent)).as_posix()


def _fitted(
    counts: Sequence[Count], prior: Sequence[Count], scenario: Scenario, places: Places, *, where: str
) -> dict[str, Fit]:
    """Return the flows by class; without any prior they stay near the scenario's own."""
    model = scenario.demand.background
    start = flows_by_hour(model) if model is not None and model.flows and not prior else None
    share, known = _commuters(scenario, places)
    return fit_counts(counts, places, known=known, share=share, where=where, prior=prior, start=start)


def _record(fitness: Fitness, file: str, *, simulated: bool) -> dict[str, Any]:
    """Return what the document keeps of the fit."""
    return {
        "file": file,
        "counts": fitness.counts,
        "geh_below_5_share": round(fitness.share_good, 4),
        "sum_error": round(fitness.sum_error, 4),
        "fhwa_met": fitness.good,
        "volumes": "simulated" if simulated else "planned",
        "status": "likely",
    }


def _changed(scenario: Scenario, name: str, title: str, traffic: dict[str, Any]) -> Scenario:
    merged = scenario.model_dump(mode="json") | {"name": name, "title": title}
    merged["demand"]["background"] = (merged["demand"]["background"] or {}) | traffic
    return validate(merged, place=name)


def _targets(scenario: Scenario, places: Places) -> list[Count]:
    """Return the network's own targets, if it has any."""
    path = demand_file(scenario.network, "counts")
    sections = sections_of(places.graph)
    return [one for one in read_counts(path) if one.road in sections] if path.is_file() else []


def _held_by(scenario: Scenario, prior: Sequence[Count]) -> str:
    """Return in words what stands where nobody counted; empty for nothing."""
    if prior:
        return (
            f"the network's own targets hold the flows (beside counts of the same hour one weighs {WEAK:g} of a count)"
        )
    traffic = scenario.demand.background
    return f"the flows of {scenario.name} stay as they were" if traffic is not None and traffic.flows else ""


def _listed(names: Mapping[str, Sequence[str]]) -> str:
    """Return what there is of each kind in words."""
    parts = []
    for kind, found in names.items():
        if found:
            more = f" and {len(found) - NAMED_ROADS} more" if kind == "roads" and len(found) > NAMED_ROADS else ""
            shown = found[:NAMED_ROADS] if more else found
            parts.append(f"{kind} {', '.join(shown)}{more}")
    return "; ".join(parts)


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
    """Return the hourly rates over their peak; the first fitted hour stands for those before."""
    shares = {hour: round(float(per_h[hour] / per_h.max()), 4) for hour in hours}
    return {"00:00": shares[hours[0]]} | {f"{hour:02d}:00": share for hour, share in shares.items() if hour}
