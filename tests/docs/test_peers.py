"""The table of features claims nothing that no test shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [
    [cell.strip() for cell in line.strip("|\n").split("|")]
    for page in ("peers.md", "peers-freight.md")
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    if line.startswith("| ") and not line.startswith("| feature")
]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_yes_names_a_test(row: list[str]) -> None:
    assert len(row) == 11
    assert set(row[1:10]) <= {"y", "n", "p", "?"}
    ours, shown_by = row[1], row[10].strip("`")
    assert ours in {"y", "p", "n"}
    assert (ours != "n") == bool(shown_by)
    if shown_by:
        path, _, name = shown_by.partition("::")
        text = (ROOT / "tests" / path).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(" if name else r"^def test_", text, re.MULTILINE), shown_by
