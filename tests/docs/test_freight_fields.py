from __future__ import annotations

from pathlib import Path

from sim.field_list import markdown
from sim.freight_document import Freight, TruckFleet

PAGE = Path(__file__).parents[2] / "docs" / "freight-fields.md"


def test_the_page_is_that_of_the_models() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "python -m sim.field_list > docs/freight-fields.md"


def test_the_page_has_every_field_with_what_is_allowed() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for model in (Freight, TruckFleet):
        assert all(f"| `{name}` |" in text for name in model.model_fields)
    assert "| `propulsion_efficiency` | figure, number ≥ 0.01, ≤ 1 | **needed** |" in text
    assert "## `freight.sites.*.charging`, `freight.depots.*.charging`" in text
    assert "| `begin_s` | clock |" in text
