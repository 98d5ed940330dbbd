from __future__ import annotations

from pathlib import Path

from sim.kpi.catalogue import CATALOGUE, markdown

PAGE = Path(__file__).parents[2] / "docs" / "kpis.md"


def test_the_page_is_the_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(), "python -m sim.kpi.catalogue > docs/kpis.md"


def test_the_page_has_a_row_for_every_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"| `{code}` |" in text for code in CATALOGUE)
