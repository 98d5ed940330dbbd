"""The content key of a run: what it is made of, so that a finished one is found again and an outdated one is not."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from pathlib import Path

from sim.controllers.base import FREIGHT_GROUP, GROUP
from sim.demand.tables import demand_files
from sim.digest import PACKAGE, code_digest, digest
from sim.network.catalog import Network, network_folder
from sim.runner.once import PACKAGES
from sim.scenario import Scenario

ROOMS = (
    "controllers", "demand", "dispatch", "engine", "kpi", "network", "permits", "runner",
    "demand_document", "digest", "documents", "errors", "events", "fields", "fleet_document", "freight",
    "freight_document", "freight_events", "home", "kernels", "orders_file", "permit_document", "platooning_document",
    "rundir", "scenario", "supervision_document", "system", "vehicle_classes", "world",
)  # fmt: skip
"""What a run goes through; who changes one of them gets new runs."""
WORDS = ("name", "title", "description")


def content_key(scenario: Scenario, network: Network) -> str:
    """Return the key of a run: 32 hex digits over all that its result follows from.

    That is the scenario without its words, its seeds, the network with its tables, SUMO, the libraries, the kind of
    machine, and the code of the rooms that make a run, the controller's among them.
    """
    document = scenario.model_dump(mode="json", exclude=set(WORDS))
    used = scenario.controllers
    parts = {
        "scenario": document,
        "network": network.sha256,
        "tables": _tables(scenario.network, tuple(scenario.overlays)),
        "code": code_digest(*ROOMS),
        "controllers": [
            controller_digest(use.use, group) if use is not None else None
            for use, group in ((used.shuttle, GROUP), (used.freight, FREIGHT_GROUP))
        ],
        "versions": _versions(),
        "machine": [platform.system(), platform.machine()],
    }
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}


@cache
def controller_digest(name: str, group: str) -> str:
    """Return a digest of a controller's package: that of an installed one is not in `code_digest`."""
    entry = min(entry_points(group=group, name=name), key=lambda one: one.value)
    top = entry.module.partition(".")[0]
    spec = find_spec(top)
    places = list(spec.submodule_search_locations or []) if spec else []
    if places:
        return digest(list(Path(places[0]).rglob("*.py")), Path(places[0])) if top != PACKAGE.name else top
    origin = Path(spec.origin) if spec and spec.origin else None
    return digest([origin], origin.parent) if origin else entry.value


@cache
def _tables(network: str, overlays: tuple[str, ...]) -> str:
    return digest(demand_files(network, overlays), network_folder(network))
