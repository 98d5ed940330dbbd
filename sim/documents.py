"""Scenario documents on disk: found by name, `extends` followed, overrides applied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from sim.errors import NotFoundError, ScenarioError
from sim.home import home
from sim.scenario import Scenario, validate


class _Loader(yaml.SafeLoader):
    """YAML without two traps: 10:30 read as the number 630, and a key given twice."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 (as PyYAML has it)
    ) -> dict[Any, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                msg = f"line {key_node.start_mark.line + 1}: the key {key!r} stands twice"
                raise ScenarioError(msg)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp) for tag, regexp in resolvers if tag not in {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?\d+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+(\.\d*)?[eE][-+]?\d+)$"),
    list("-+.0123456789"),
)


def catalogue() -> dict[str, Path]:
    """Return every scenario in `scenarios/` by name; documents whose name starts with `_` are only for `extends`."""
    return {path.stem: path for path in sorted((home() / "scenarios").glob("*.yaml")) if not path.stem.startswith("_")}


def load_scenario(name_or_path: str | Path, *, seed: int | None = None, overrides: Sequence[str] = ()) -> Scenario:
    """Read a scenario by name or path, follow `extends`, apply `path=value` overrides, and check its shape.

    Parameters
    ----------
    name_or_path
        A name of the catalogue, or the path of a YAML document.
    seed
        Sets both seeds.
    overrides
        For example `fleet.count=12` or `demand.background.scale=0.5`; the value is read as YAML.

    Raises
    ------
    NotFoundError
        No such scenario.
    ScenarioError
        The document is not valid; the message lists file, path, what was found and what is allowed.
    """
    path = _find(name_or_path)
    document = _extended(path, ())
    for text in overrides:
        _override(document, text)
    if seed is not None:
        document["seeds"] = {"demand": seed, "sumo": seed}
    return validate(document, place=path.name)


def _find(name_or_path: str | Path) -> Path:
    known = catalogue()
    if str(name_or_path) in known:
        return known[str(name_or_path)]
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} and path.is_file():
        return path
    msg = f"no scenario {str(name_or_path)!r}; allowed are a .yaml file or one of {', '.join(known)}"
    raise NotFoundError(msg)


def read_document(path: Path) -> dict[str, Any]:
    """Read a YAML document that holds a mapping; its `name` defaults to the file's.

    Raises
    ------
    ScenarioError
        It cannot be read, or holds something else.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        msg = f"{path.name} cannot be read as YAML: {error}"
        raise ScenarioError(msg) from None
    if not isinstance(document, dict):
        msg = f"{path.name} must hold a mapping, found {type(document).__name__}"
        raise ScenarioError(msg)
    document.setdefault("name", path.stem)
    return document


def _extended(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    if path in above:
        msg = f"{path.name} extends itself through {' -> '.join(p.name for p in above)}"
        raise ScenarioError(msg)
    document = read_document(path)
    parent = document.pop("extends", None)
    if parent is None:
        return document
    parent_path = path.parent / f"{parent}.yaml"
    base = _extended(parent_path if parent_path.is_file() else _find(str(parent)), (*above, path))
    return _merge(base, document)


def _merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _override(document: dict[str, Any], text: str) -> None:
    path, equals, raw = text.partition("=")
    keys = path.split(".")
    if not equals or not all(keys):
        msg = f"an override reads path=value, for example fleet.count=12; found {text!r}"
        raise ScenarioError(msg)
    node = document
    for depth, key in enumerate(keys[:-1]):
        child = node.setdefault(key, {})
        if not isinstance(child, dict):
            msg = f"cannot set {path}: {'.'.join(keys[: depth + 1])} is {child!r} and has no fields"
            raise ScenarioError(msg)
        node[key] = child = dict(child)
        node = child
    try:
        node[keys[-1]] = yaml.load(raw, Loader=_Loader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        msg = f"cannot set {path}: {raw!r} is not YAML: {error}"
        raise ScenarioError(msg) from None
