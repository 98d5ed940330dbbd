from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from sim.errors import NetworkError
from sim.home import home
from sim.network.tables import read_tables

TABLES = home() / "networks" / "bitgreen" / "tables"
READ = sorted(
    file.name
    for file in TABLES.glob("*.csv")
    if not file.name.startswith("demand_") and len(file.read_text(encoding="utf-8").splitlines()) > 1
)


@pytest.mark.parametrize("table", READ)
def test_a_row_that_stands_twice_is_named(tmp_path: Path, table: str) -> None:
    file = Path(shutil.copytree(TABLES, tmp_path / "tables")) / table
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")
    place = re.escape(f"{table}, row {len(lines) + 1}, column ")
    with pytest.raises(NetworkError, match=rf"{place}.*found .*that no earlier row has"):
        read_tables(file.parent)


@pytest.mark.parametrize("table", READ)
def test_a_table_that_is_no_text_is_named(tmp_path: Path, table: str) -> None:
    file = Path(shutil.copytree(TABLES, tmp_path / "tables")) / table
    file.write_bytes(b"id,\xff\xfe\n")
    with pytest.raises(NetworkError, match=re.escape(table)):
        read_tables(file.parent)
