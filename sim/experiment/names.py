"""Names of variants for people: what a variant sets in words, where its label has a document in JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sim.experiment.design import Design, Variant
from sim.experiment.document import Value
from sim.report.experiment.study import leaves_of


def names_of(design: Design) -> dict[str, str]:
    """Return a name for each variant by its label, as "freight.platooning=(leader_eases_share 0.1)".

    Of documents that variants set under one path a name tells where they differ; nothing at all is "none". Where two
    names would be the same, all labels stand for themselves.
    """
    found = {one.label: _name(one, design.variants) for one in design.variants}
    return found if len(set(found.values())) == len(found) else {label: label for label in found}


def _name(variant: Variant, variants: Sequence[Variant]) -> str:
    name = variant.label
    for path, value in variant.settings.items():
        if isinstance(value, Mapping) or value is None:
            beside = [other.settings[path] for other in variants if path in other.settings]
            label = f"{path}={json.dumps(value, ensure_ascii=False)}"
            name = name.replace(label, f"{path}={_told(value, beside)}")
    return name


def _told(value: Value, beside: Sequence[Value]) -> str:
    """Write a document by its leaves, without those that all documents beside it share."""
    if value is None:
        return "none"
    documents = [dict(leaves_of(one)) for one in beside if isinstance(one, Mapping)]
    leaves = dict(leaves_of(value))
    own = {path: leaf for path, leaf in leaves.items() if any(one.get(path) != leaf for one in documents)}
    return f"({', '.join(f'{path} {leaf}'.strip() for path, leaf in (own or leaves).items())})"
