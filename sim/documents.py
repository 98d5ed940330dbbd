"""Scenario documents and permits on disk: found by name, `extends` followed, overrides applied."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sim.errors import NotFoundError, ScenarioError
from sim.home import home
from sim.orders_file import read_orders
from sim.permit_document import Permit
from sim.scenario import Scenario, described, validate

DEEPEST = 40  # lists and mappings within one another; the deepest scenario has 7


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
            line = f"line {key_node.start_mark.line + 1}"
            if not isinstance(key, Hashable):
                msg = f"{line}: a key must be text, found a {type(key).__name__}"
                raise ScenarioError(msg)
            if key in seen:
                msg = f"{line}: the key {key!r} stands twice"
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


def permit_catalogue() -> dict[str, Path]:
    """Return the ready permits in `scenarios/permits/` by name."""
    return {path.stem: path for path in sorted((home() / "scenarios" / "permits").glob("*.yaml"))}


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
    _fill_permits(document, place=path.name)
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
    document = _mapping(path)
    document.setdefault("name", path.stem)
    return document


def load_permit(path: Path) -> Permit:
    """Read a permit by itself, `extends` followed.

    Raises
    ------
    ScenarioError
        It is not valid; the message lists file, path, what was found and what is allowed.
    """
    return _valid_permit(_permit(path, ()), path)


def _mapping(path: Path) -> dict[str, Any]:
    unreadable = f"{path.name} cannot be read as YAML"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"{unreadable}: {error}"
        raise ScenarioError(msg) from None
    document = _loaded(text, place=path.name, unreadable=unreadable)
    if not isinstance(document, dict):
        msg = f"{path.name} must hold a mapping, found {type(document).__name__}"
        raise ScenarioError(msg)
    return document


def _loaded(text: str, *, place: str, unreadable: str) -> Any:  # noqa: ANN401 (whatever the text holds)
    """Return what a YAML text holds, made sure that it could stand in JSON too; keys and runs' records rest on that."""
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)
        fault = next(_unfit(value, (), ()), None)
    except RecursionError:
        value, fault = None, f"lists and mappings lie more than {DEEPEST} deep in one another"
    except ScenarioError as error:
        value, fault = None, str(error)
    except (yaml.YAMLError, ValueError) as error:  # a date that no calendar has, an integer of thousands of digits
        msg = f"{unreadable}: {error}"
        raise ScenarioError(msg) from None
    if fault is not None:
        msg = f"{place}: {fault}"
        raise ScenarioError(msg)
    return value


def _unfit(value: object, path: tuple[str, ...], above: tuple[int, ...]) -> Iterator[str]:
    """Yield what JSON cannot hold of a value, with its path; `above` are the ids of what it lies in."""
    at = ".".join(path) or "the document"
    if isinstance(value, dict | list):
        if id(value) in above:
            yield f"{at} holds itself by an anchor"
        elif len(above) >= DEEPEST:
            yield f"{at}: lists and mappings lie more than {DEEPEST} deep in one another"
        else:
            for key, one in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(value, dict) and not isinstance(key, str):
                    yield f"{at} has the key {key} ({type(key).__name__}); allowed is text, which may stand in quotes"
                yield from _unfit(one, (*path, str(key)), (*above, id(value)))
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{at} is {value}; allowed are finite figures"
    elif isinstance(value, str) and re.search(r"[\ud800-\udfff]", value):
        yield f"{at} is {value!r}, half of a pair of characters; allowed is whole text"
    elif value is not None and not isinstance(value, str | int | float):
        yield (
            f"{at} is {value} ({type(value).__name__}); allowed are figures, text (a date stands in quotes), true, "
            "false, null, lists and mappings"
        )


def _extended(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    if path in above:
        msg = f"{path.name} extends itself through {' -> '.join(p.name for p in above)}"
        raise ScenarioError(msg)
    document = read_document(path)
    _take_orders(document, path)
    _anchor_permits(document, path)
    parent = document.pop("extends", None)
    if parent is None:
        return document
    return _merge(_extended(_beside(path, parent) or _find(str(parent)), (*above, path)), document)


def _beside(path: Path, name: object) -> Path | None:
    """Return the file of this name beside another, with or without .yaml; None if there is none."""
    beside = (path.parent / f"{name}.yaml", path.parent / str(name))
    return next((one for one in beside if one.is_file()), None)


def _extending(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the permits of a document that extend another, as far as its shape lets them be found."""
    permits = document.get("permits")
    for name, permit in permits.items() if isinstance(permits, dict) else ():
        if isinstance(permit, dict) and permit.get("extends") is not None:
            yield name, permit


def _anchor_permits(document: dict[str, Any], path: Path) -> None:
    """Write out where a permit that lies beside the document is: those who extend the document lie elsewhere."""
    for _, permit in _extending(document):
        if beside := _beside(path, permit["extends"]):
            permit["extends"] = str(beside.resolve())


def _fill_permits(document: dict[str, Any], *, place: str) -> None:
    """Replace permits that extend another by what both say; a field of the scenario's stands for the whole field."""
    for name, permit in list(_extending(document)):
        known = permit_catalogue()
        own = {key: value for key, value in permit.items() if key != "extends"}
        found = known.get(str(permit["extends"])) or Path(str(permit["extends"]))
        if not found.is_file():
            msg = (
                f"{place}: permits.{name}.extends: no permit {permit['extends']!r}; allowed are a .yaml file or one of "
                f"{', '.join(known)}"
            )
            raise ScenarioError(msg)
        ready = _permit(found, ())
        _valid_permit(ready, found)
        document["permits"] = {**document["permits"], name: {**ready, **own}}


def _permit(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    if path in above:
        msg = f"{path.name} extends itself through {' -> '.join(p.name for p in above)}"
        raise ScenarioError(msg)
    document = _mapping(path)
    parent = document.pop("extends", None)
    if parent is None:
        return document
    found = _beside(path, parent) or permit_catalogue().get(str(parent))
    if found is None:
        msg = f"{path.name}: extends: no permit {parent!r}; allowed are a file beside it or one of " + ", ".join(
            permit_catalogue()
        )
        raise ScenarioError(msg)
    return {**_permit(found, (*above, path)), **document}


def _valid_permit(document: dict[str, Any], path: Path) -> Permit:
    try:
        return Permit.model_validate(document)
    except ValidationError as error:
        msg = f"{path.name} is not a valid permit:\n" + "\n".join(f"  {line}" for line in described(error, Permit))
        raise ScenarioError(msg) from None


def _take_orders(document: dict[str, Any], path: Path) -> None:
    """Put the orders of a CSV beside the document into it: what a run keeps of its scenario is then whole."""
    freight = document.get("freight")
    if not isinstance(freight, dict) or "orders_file" not in freight:
        return
    name = freight.pop("orders_file")
    if not (name is None or isinstance(name, str)) or "orders" in freight:
        found = "orders as well" if "orders" in freight else repr(name)
        msg = f"{path.name}: freight.orders_file: found {found}; allowed is the name of a CSV file instead of orders"
        raise ScenarioError(msg)
    freight["orders"] = [] if name is None else read_orders(path.parent / name)


def _merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def read_override(text: str) -> tuple[str, Any]:
    """Return the path and the value of an override such as `fleet.count=12`; the value is read as YAML.

    Raises
    ------
    ScenarioError
        It has no path, or no value that a document could hold.
    """
    path, equals, raw = text.partition("=")
    if not equals or not all(path.split(".")):
        msg = f"an override reads path=value, for example fleet.count=12; found {text!r}"
        raise ScenarioError(msg)
    shown = raw if len(raw) <= 60 else f"{raw[:57]}..."
    refused = f"cannot set {path}"
    return path, _loaded(raw, place=refused, unreadable=f"{refused}: {shown!r} is not YAML")


def _override(document: dict[str, Any], text: str) -> None:
    path, value = read_override(text)
    keys, node = path.split("."), document
    for depth, key in enumerate(keys[:-1]):
        child = node.setdefault(key, {})
        place = ".".join(keys[: depth + 1])
        if isinstance(child, list) or (not child and keys[depth + 1].isdigit()):
            msg = f"cannot set {path}: an entry of a list has no path; set the whole list {place}"
            raise ScenarioError(msg)
        if not isinstance(child, dict):
            msg = f"cannot set {path}: {place} is {child!r} and has no fields"
            raise ScenarioError(msg)
        node[key] = child = dict(child)
        node = child
    node[keys[-1]] = value
