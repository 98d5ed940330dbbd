"""Kernels are found compiled where nobody may write, and compiled in memory where they are not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODULE = """
import numba
from sim.kernels import cached

def one(x: int) -> int:
    return x + 1

def two(x: int) -> int:
    return x + 2

one, two = cached(numba.njit(one)), cached(numba.njit(two))
"""

COMPILE = "import adders; print(adders.one(1), dict(adders.one.stats.cache_hits))"

# root gives up its right to write anywhere, which takes effect with the next program
BOUND = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)
os.execv(sys.executable, [sys.executable, "-c", "import adders; print(adders.one(1), adders.two(1), "
    "sum(adders.one.stats.cache_hits.values()), sum(adders.two.stats.cache_misses.values()))"])
"""


def run(script: str, folder: Path, cache: Path) -> str:
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": path, "HOME": str(cache / "none")}
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip


def test_a_cache_to_read_from_is_enough(tmp_path: Path) -> None:
    module, cache = tmp_path / "adders.py", tmp_path / "cache"
    module.write_text(MODULE, encoding="utf-8")
    cache.mkdir()
    assert run(COMPILE, tmp_path, cache).strip() == "2 {}"
    files = sorted(path.name for path in cache.rglob("*.nb?"))
    assert len(files) == 2
    paths = [cache, *cache.rglob("*")]
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert run(BOUND, tmp_path, cache).split() == ["2", "3", "1", "1"]
    finally:
        for path in paths:
            path.chmod(0o755)
    assert sorted(path.name for path in cache.rglob("*.nb?")) == files
