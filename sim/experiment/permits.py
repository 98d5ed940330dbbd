"""The permits that a run can be repeated under, on the same orders: the path `permit` of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sim.documents import load_permit, permit_catalogue
from sim.errors import ScenarioError
from sim.permits.movers import moving_classes
from sim.scenario import Scenario

PERMIT = "permit"
"""A path that stands for the permit of the classes that a ready permit names."""
SET_BY_PERMIT = ("permits",)


def under(permit: object, scenario: Scenario) -> dict[str, Any]:
    """Return what to set in a scenario so that a ready permit replaces those for its classes, path to value.

    It takes the name of the first that it replaces; permits for other classes stay.

    Raises
    ------
    ScenarioError
        There is no such permit, the scenario moves no goods, or none of the permit's classes moves in it.
    """
    known = permit_catalogue()
    path = known.get(str(permit), Path(str(permit)))
    if path.suffix not in {".yaml", ".yml"} or not path.is_file():
        msg = f"{PERMIT}: no permit {str(permit)!r}; allowed are a .yaml file or one of {', '.join(known)}"
        raise ScenarioError(msg)
    classes, moving = set(load_permit(path).classes), moving_classes(scenario)
    if not classes & moving:
        msg = (
            f"{PERMIT}: {permit} is for {', '.join(sorted(classes))}; allowed is one for a class that {scenario.name} "
            f"has: {', '.join(sorted(moving)) or 'none, as it has no freight'}"
        )
        raise ScenarioError(msg)
    replaced = [name for name, one in scenario.permits.items() if classes & set(one.classes)]
    kept = {name: one.model_dump(mode="json") for name, one in scenario.permits.items() if name not in replaced}
    return {"permits": {**kept, (replaced[0] if replaced else path.stem): {"extends": str(permit)}}}
