"""Provenance: what each run was made with, and the figures of its scenario that nobody has confirmed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sim.fields import format_clock
from sim.report.runs import ServiceRun


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of provenance; `values` has one entry for each run."""

    title: str
    values: tuple[str, ...]

    @property
    def shared(self) -> bool:
        return len(set(self.values)) == 1


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the scenario with how well it is known and where it is from."""

    path: str
    value: str
    status: str
    source: str


def facts(runs: Sequence[ServiceRun]) -> list[Fact]:
    """Return what each run was made with, by its manifest."""
    manifests = [run.manifest for run in runs]
    packages = sorted({name for manifest in manifests for name in manifest["versions"]})
    lines = {
        "Run": [manifest["run_id"] for manifest in manifests],
        "Scenario": [manifest["scenario"]["name"] for manifest in manifests],
        "Scenario hash": [manifest["scenario_hash"] for manifest in manifests],
        "Seeds": [f"demand {run.scenario.seeds.demand}, SUMO {run.scenario.seeds.sumo}" for run in runs],
        "Status": [f"{manifest['status']} at {format_clock(manifest['end_s'])}" for manifest in manifests],
        "Event fingerprint": [manifest["fingerprint"] for manifest in manifests],
        "Events": [f"{manifest['events']:,}" for manifest in manifests],
        "Network": [manifest["network"]["name"] for manifest in manifests],
        "Overlays": [", ".join(manifest["network"].get("overlays", ())) or "none" for manifest in manifests],
        "Network hash": [manifest["network"]["sha256"] for manifest in manifests],
        "Teleports": [str(manifest["teleports"]) for manifest in manifests],
        "Collisions": [str(manifest["collisions"]) for manifest in manifests],
        "SUMO warnings": [str(len(manifest["warnings"])) for manifest in manifests],
        "Platform": [_join(manifest["platform"]) for manifest in manifests],
        "Wall time": [f"{manifest['wall_s']:.1f} s" for manifest in manifests],
        "Made": [manifest["created"] for manifest in manifests],
    }
    lines |= {f"Version: {name}": [manifest["versions"].get(name, "–") for manifest in manifests] for name in packages}
    return [Fact(title, tuple(map(str, values))) for title, values in lines.items()]


def attributions(runs: Sequence[ServiceRun]) -> list[str]:
    """Return the credits that the networks' data ask for."""
    return sorted({run.manifest["network"]["attribution"] for run in runs})


def figures(scenario: Mapping[str, object]) -> list[Figure]:
    """Return every figure of a scenario document that carries a status, in the order of the document."""
    return list(_walk(scenario, ""))


def _walk(node: object, path: str) -> Iterator[Figure]:
    if isinstance(node, Mapping):
        if "status" in node and "source" in node:
            value = (
                node["value"] if "value" in node else {k: v for k, v in node.items() if k not in {"status", "source"}}
            )
            yield Figure(path, _written(value, path), str(node["status"]), str(node["source"]))
            return
        for key, child in node.items():
            yield from _walk(child, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for number, child in enumerate(node):
            yield from _walk(child, f"{path}[{number}]")


def _written(value: object, path: str) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_written(child, str(key))}" for key, child in value.items())
    if isinstance(value, list):
        return " ".join(map(str, value))
    if path in {"start_s", "end_s"} and isinstance(value, int):
        return format_clock(value)[:5]
    if isinstance(value, (int, float)):
        return f"{value:,.10g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _join(values: Mapping[str, str]) -> str:
    return ", ".join(str(value) for value in values.values())
