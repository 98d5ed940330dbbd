"""Provenance of an experiment: what its runs were made with, each fact once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MUST_AGREE = ("SUMO", "Network hash")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of provenance with its distinct values, in the order of the runs."""

    title: str
    values: tuple[str, ...]


def changed(settings: Mapping[str, Any]) -> list[str]:
    """Write what an experiment sets in every scenario, as `path=value`."""
    return [f"{path}={_written(value)}" for path, value in settings.items()]


def changes(settings: Mapping[str, Any]) -> list[Fact]:
    """Return what an experiment sets in every scenario as a fact, where it sets anything."""
    return [Fact("Set in all variants", tuple(changed(settings)))] if settings else []


def facts(manifests: Sequence[Mapping[str, Any]]) -> list[Fact]:
    """Return what the runs were made with, by their manifests."""
    if not manifests:
        return []
    packages = sorted({name for manifest in manifests for name in manifest["versions"]} - {"sumo"})
    made = sorted(str(manifest["created"]) for manifest in manifests)
    lines: dict[str, Iterable[str]] = {
        "Scenarios": (str(manifest["scenario"]["name"]) for manifest in manifests),
        "Network": (str(manifest["network"]["name"]) for manifest in manifests),
        "Overlays": (", ".join(manifest["network"].get("overlays", ())) or "none" for manifest in manifests),
        "Network hash": (str(manifest["network"]["sha256"]) for manifest in manifests),
        "SUMO": (str(manifest["versions"].get("sumo", "unknown")) for manifest in manifests),
        "Versions": (_versions(manifest, packages) for manifest in manifests),
        "Platform": (", ".join(map(str, manifest["platform"].values())) for manifest in manifests),
        "Made": dict.fromkeys((made[0], made[-1])),
    }
    return [Fact(title, tuple(dict.fromkeys(values))) for title, values in lines.items()]


def disagreements(found: Sequence[Fact]) -> list[str]:
    """Return a warning for each fact that all runs of one experiment should share and do not."""
    return [
        f"The runs do not share one {fact.title}: {'; '.join(fact.values)}. Their differences are not those of the "
        "variants alone."
        for fact in found
        if fact.title in _MUST_AGREE and len(fact.values) > 1
    ]


def attributions(manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the credits that the networks' data ask for."""
    return sorted({str(manifest["network"]["attribution"]) for manifest in manifests})


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _versions(manifest: Mapping[str, Any], packages: Sequence[str]) -> str:
    return ", ".join(f"{name} {manifest['versions'].get(name, '–')}" for name in packages)
