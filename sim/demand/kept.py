"""Populations kept from run to run: who was drawn once from the same demand, network and seed is not drawn again."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from sim.demand.generate import generate
from sim.demand.population import Population
from sim.demand.tables import demand_files
from sim.digest import code_digest, digest
from sim.home import cache_folder
from sim.network.catalog import Network, network_folder
from sim.network.graph import EdgeGraph
from sim.scenario import Scenario

ROOMS = (
    *("demand", "network", "demand_document", "fields", "scenario"),
    *("freight", "freight_document", "orders_file"),
)
MOST_BYTES = 500_000_000
"""A morning takes 2 MB, a day 8: this holds the seeds of some large experiments."""


def kept_population(scenario: Scenario, network: Network, graph: EdgeGraph) -> Population:
    """Return what `generate` returns, read from the user's cache where it stands there.

    The key holds all that the draws follow from: demand, goods, time span, seed, network and tables, the code, and
    whether there are riders at all. A cache that cannot be read or written costs the draw, and nothing else.

    Raises
    ------
    ScenarioError
        As `generate`.
    """
    path = cache_folder() / "demand" / f"{_key(scenario, network)}.pickle"
    with suppress(OSError, EOFError, pickle.UnpicklingError, AttributeError, TypeError, ValueError):
        found = pickle.loads(path.read_bytes())  # noqa: S301 (the user's own cache, written below)
        if isinstance(found, Population):
            with suppress(OSError):
                os.utime(path)  # the least recently used ones go first
            return found
    population = generate(scenario, network, graph)
    with suppress(OSError):
        _write(path, pickle.dumps(population, protocol=pickle.HIGHEST_PROTOCOL))
    return population


def _key(scenario: Scenario, network: Network) -> str:
    parts = {
        "demand": scenario.demand.model_dump(mode="json"),
        "time": scenario.time.model_dump(mode="json"),
        "walk_speed_mps": scenario.requests.walk_speed_mps,
        "seed": scenario.seeds.demand,
        "riders": scenario.controllers.shuttle is not None,
        "goods": _goods(scenario),
        "network": network.sha256,
        "places": digest(network.additional_files, network.net_file.parent),
        "tables": digest(demand_files(network.name, network.overlays), network_folder(network.name)),
        "code": code_digest(*ROOMS),
        "versions": [version("numpy"), version("scipy")],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _goods(scenario: Scenario) -> dict[str, object] | None:
    """Return what goods are drawn from; fleets and what goes wrong leave them as they are."""
    parts = {"sites", "lines", "consignments", "orders", "lorries", "finished_cars"}
    return scenario.freight.model_dump(mode="json", include=parts) if scenario.freight is not None else None


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_bytes(content)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _prune(path.parent)


def _prune(folder: Path) -> None:
    """Remove the least recently used populations beyond `MOST_BYTES`."""
    found = sorted(((one.stat().st_mtime, one.stat().st_size, one) for one in folder.glob("*.pickle")), reverse=True)
    total = 0
    for _, size, one in found:
        total += size
        if total > MOST_BYTES:
            one.unlink(missing_ok=True)
