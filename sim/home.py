"""Where the data folders `networks/` and `scenarios/` are found."""

from __future__ import annotations

import os
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
