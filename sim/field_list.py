"""The fields of a scenario's `freight` as a page, read off the models: `python -m sim.field_list` prints it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from sim.fields import LATEST_S
from sim.scenario import json_schema

ROOT = "Freight"
SOURCED = "Sourced_"
WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false"}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}

_HEAD = """\
# The fields of `freight`

Generated from the models: `python -m sim.field_list > docs/freight-fields.md`. What they mean together is in
[logistics.md](logistics.md), permits are in [permits.md](permits.md); `bitgreen scenario schema` prints the whole
document as JSON Schema.

`*` stands for a key, mostly a name of your own; **needed** for a field without a default. A *figure* carries its status
and source, `{value: 12, status: likely, source: "…"}`; a bare number counts as `assumed`. A *clock* is `"HH:MM"`,
`"HH:MM:SS"` or whole seconds after midnight, 48:00 at most. Any other field than these is refused.
"""


def markdown() -> str:
    """Return the page `docs/freight-fields.md`."""
    models: Mapping[str, dict[str, Any]] = json_schema()["$defs"]
    lines = [_HEAD.rstrip()]
    for name, paths in _paths(models).items():
        lines += ["", f"## {', '.join(f'`{path}`' for path in paths)}", ""]
        lines += [*models[name]["description"].split("\n"), "", "| field | is | default | |", "|---|---|---|---|"]
        lines += _rows(models[name])
    return "\n".join(lines) + "\n"


def _paths(models: Mapping[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Return where each model stands in a document, in the order in which a reader comes to them."""
    found = {ROOT: ["freight"]}
    waiting = [ROOT]
    while waiting:
        name = waiting.pop(0)
        for field, node in models[name].get("properties", {}).items():
            for child, tail in _models_in(node, field):
                if child not in found:
                    waiting.append(child)
                paths = [f"{path}.{tail}" for path in found[name]]
                found[child] = list(dict.fromkeys([*found.get(child, ()), *paths]))
    return found


def _models_in(node: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Yield the models that a field holds, with the path from its document."""
    if "$ref" in node and not _is_figure(node):
        yield _name(node), path
    for option in node.get("anyOf", ()):
        yield from _models_in(option, path)
    if node.get("type") == "array":
        yield from _models_in(node["items"], f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict) or "patternProperties" in node:
        yield from _models_in(_values(node), f"{path}.*")


def _rows(model: dict[str, Any]) -> Iterator[str]:
    needed = model.get("required", ())
    for field, node in model.get("properties", {}).items():
        default = "**needed**" if field in needed else _default(node)
        yield f"| `{field}` | {_kind(node)} | {default} | {node.get('description', '')} |"


def _kind(node: dict[str, Any]) -> str:
    """Return what a field holds, in a few words."""
    options = [one for one in node.get("anyOf", ()) if one.get("type") != "null"]
    if options:
        return " or ".join(map(_kind, options))
    if "$ref" in node:
        return _figure(node) if _is_figure(node) else "fields"
    if node["type"] == "array":
        return f"list: {_kind(node['items'])}"
    return f"by key: {_kind(_values(node))}" if node["type"] == "object" else _plain(node)


def _plain(node: dict[str, Any]) -> str:
    if "enum" in node or "const" in node:
        return ", ".join(f"`{one}`" for one in node.get("enum", [node.get("const")]))
    if node["type"] == "integer" and node.get("maximum") == LATEST_S:
        return "clock"
    (kind,) = {*([node["type"]] if isinstance(node["type"], str) else node["type"])} - {"null"}
    bounds = ", ".join(f"{sign} {_number(node[key])}" for key, sign in BOUNDS.items() if key in node)
    return f"{WORDS.get(kind, kind)} {bounds}".strip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def _figure(node: dict[str, Any]) -> str:
    return f"figure, {_kind(json_schema()['$defs'][_name(node)]['properties']['value'])}"


def _default(node: dict[str, Any]) -> str:
    value = node.get("default")
    if isinstance(value, dict):
        return json.dumps(value["value"], ensure_ascii=False) if "value" in value else "its own"
    if isinstance(value, int) and _kind(node) == "clock":
        return f"{value // 3600:02d}:{value % 3600 // 60:02d}"
    return {"[]": "none", "null": ""}.get(text := json.dumps(value, ensure_ascii=False), text)


def _is_figure(node: dict[str, Any]) -> bool:
    return _name(node).startswith(SOURCED)


def _name(node: dict[str, Any]) -> str:
    return str(node["$ref"]).rsplit("/", 1)[-1] if "$ref" in node else ""


def _values(node: dict[str, Any]) -> dict[str, Any]:
    values = node.get("additionalProperties")
    return values if isinstance(values, dict) else next(iter(node["patternProperties"].values()))


if __name__ == "__main__":
    sys.stdout.write(markdown())
