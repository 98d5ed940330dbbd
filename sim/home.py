"""Where the data folders `networks/` and `scenarios/`, the cache and the compiled kernels are found."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sim.errors import SetupError


def home() -> Path:
    """Return the folder that holds `networks/` and `scenarios/`.

    `BITGREEN_HOME` wins; else the working directory or its nearest parent that has both; else the checkout
    this package was installed from.

    Raises
    ------
    SetupError
        No such folder exists.
    """
    named = os.environ.get("BITGREEN_HOME")
    here = Path.cwd()
    candidates = [Path(named)] if named else [here, *here.parents, Path(__file__).resolve().parent.parent]
    for folder in candidates:
        if (folder / "networks").is_dir() and (folder / "scenarios").is_dir():
            return folder
    msg = f"no folder with networks/ and scenarios/ among {[str(c) for c in candidates]}; set BITGREEN_HOME to one"
    raise SetupError(msg)


def cache_folder() -> Path:
    """Return the folder for what can be made again at any time; it may be deleted whenever no run is starting.

    `BITGREEN_CACHE_DIR` wins; else `bitgreen` in `XDG_CACHE_HOME` or in the user's `~/.cache`.
    """
    named = os.environ.get("BITGREEN_CACHE_DIR")
    if named:
        return Path(named).resolve()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bitgreen"


def use_kernel_cache() -> None:
    """Let numba find the kernels that set-up compiled, wherever the command is started.

    Call it before numba is imported, which reads the variable once. `NUMBA_CACHE_DIR` wins.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(sys.prefix) / "numba_cache"))
