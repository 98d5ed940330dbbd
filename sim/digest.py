"""Digests of files and of this package's code: what a cache or a content key rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def digest(files: Iterable[Path], root: Path) -> str:
    """Return the SHA-256 over the names, relative to `root`, and the bytes of files, free of their order."""
    found = hashlib.sha256()
    for path in sorted(files):
        found.update(f"{path.relative_to(root)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()


@cache
def code_digest(*rooms: str) -> str:
    """Return a digest of packages and modules of this package, named without `sim.`."""
    files = [path for room in rooms for path in ((PACKAGE / room).rglob("*.py"))]
    modules = [PACKAGE / f"{room}.py" for room in rooms if (PACKAGE / f"{room}.py").is_file()]
    return digest([*files, *modules], PACKAGE)
