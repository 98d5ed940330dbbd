"""What a new process pays for planning: importing the core, its first insertion, all other kernels, one more insertion.

`python -m benchmarks.fresh` measures itself. `fresh` starts it three times on one kernel cache: empty at first, then
filled, then with permissions to read alone.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TypedDict

PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1  # linux/prctl.h, linux/capability.h


class Row(TypedDict):
    """What one process paid, in CPU time, and how many kernels it compiled and loaded.

    `may_write` tells whether it could write to the kernel cache. Of nested kernels the outermost alone is loaded.
    """

    may_write: bool
    import_ms: float
    first_insertion_ms: float
    all_kernels_ms: float
    next_insertion_ms: float
    compiled: int
    loaded: int


def fresh() -> dict[str, Row]:
    """Measure processes that find no kernel compiled, all of them, and all in a cache they may not write to."""
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name) / "kernels"
        cache.mkdir()
        rows = {"empty_cache": _child(cache), "filled_cache": _child(cache)}
        _permit(cache, folders=0o555, files=0o444)
        try:
            rows["read_only_cache"] = _child(cache, "--bound")
        finally:
            _permit(cache, folders=0o755, files=0o644)
    return rows


def _child(cache: Path, *options: str) -> Row:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fresh", *options],
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        msg = f"the new process ended with code {done.returncode}: {done.stderr[-2000:]}"
        raise RuntimeError(msg)
    row: Row = json.loads(done.stdout)
    return row


def _permit(folder: Path, *, folders: int, files: int) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(folders if path.is_dir() else files)


def measure() -> Row:
    """Measure this process, which has not imported the core yet."""
    began = time.process_time()
    from sim.dispatch.insertion import Planner  # noqa: PLC0415
    from sim.dispatch.lns import compile_kernels  # noqa: PLC0415
    from sim.dispatch.problem import smallest_problem  # noqa: PLC0415

    def insert() -> None:
        planner = Planner(smallest_problem(), [()])
        found = planner.best(0)
        if found is not None:
            planner.insert(0, found)

    marks = [began, time.process_time()]
    for part in (insert, compile_kernels, insert):
        part()
        marks.append(time.process_time())
    paid_ms = [round(1e3 * (after - before), 2) for before, after in itertools.pairwise(marks)]
    compiled, loaded = _kernels()
    return Row(
        may_write=_may_write(Path(os.environ["NUMBA_CACHE_DIR"])),
        import_ms=paid_ms[0],
        first_insertion_ms=paid_ms[1],
        all_kernels_ms=paid_ms[2],
        next_insertion_ms=paid_ms[3],
        compiled=compiled,
        loaded=loaded,
    )


def _kernels() -> tuple[int, int]:
    """Return how many kernels of the core were compiled here, and how many were found compiled."""
    from numba.core.dispatcher import Dispatcher  # noqa: PLC0415

    core = [module for name, module in sorted(sys.modules.items()) if name.startswith("sim.dispatch.")]
    kernels = {id(value): value for module in core for value in vars(module).values() if isinstance(value, Dispatcher)}
    stats = [kernel.stats for kernel in kernels.values()]
    return sum(sum(s.cache_misses.values()) for s in stats), sum(sum(s.cache_hits.values()) for s in stats)


def _may_write(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def main() -> int:
    """Measure this process and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fresh", description=__doc__)
    parser.add_argument("--bound", action="store_true", help="even as root, keep to the permissions of files")
    if parser.parse_args().bound:  # what root gives up here is gone with the next program
        ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0)
        os.execv(sys.executable, [sys.executable, "-m", "benchmarks.fresh"])  # noqa: S606 (no shell wanted)
    sys.stdout.write(json.dumps(measure()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
