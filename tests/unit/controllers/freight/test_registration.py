"""What pyproject.toml names as freight controllers."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from sim.controllers.base import FREIGHT_GROUP, FreightController, Registered

ROOT = Path(__file__).parents[4]
NAMED: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"][
    FREIGHT_GROUP
]


@pytest.mark.parametrize("name", sorted(NAMED))
def test_each_runs_without_parameters_and_describes_every_one(name: str) -> None:
    module, attribute = NAMED[name].split(":")
    named: Registered[FreightController] = getattr(import_module(module), attribute)
    controller: FreightController = named(named.Parameters())
    assert callable(controller.step)
    for field in named.Parameters.model_json_schema()["properties"].values():
        assert field["description"]
        assert {"minimum", "exclusiveMinimum"} & set(field)
