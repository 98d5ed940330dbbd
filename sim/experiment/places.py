"""Where an experiment may be kept: its tables beside the runs and not among them, its runs where they last."""

from __future__ import annotations

import os
from pathlib import Path

from sim.errors import OutputError, SetupError
from sim.experiment.frames import DESIGN
from sim.rundir import MANIFEST
from sim.runner.store import RunStore


def require_places(folder: Path, store: RunStore) -> None:
    """Make sure that an experiment may be kept in a folder and its runs in a store; nothing is written.

    Raises
    ------
    SetupError
        The store ends with this process.
    OutputError
        The folder is a store, a run, or lies in one, or it cannot be written.
    """
    if not store.lasting:
        msg = (
            f"the store of runs {store.url} ends with this process, and each run is made in another; allowed is a "
            "folder or a URL such as s3://bucket/runs"
        )
        raise SetupError(msg)
    if (what := _taken(folder.resolve(), store.folder)) is not None:
        msg = f"{folder} cannot hold an experiment: {what}; allowed is a folder beside the runs, not among them"
        raise OutputError(msg)
    require_writable(folder)


def require_writable(folder: Path) -> None:
    """Make sure that a folder can be made or written, as far as that shows without trying.

    Raises
    ------
    OutputError
        What lies nearest above it, or it itself, is no folder, or one that this user may not write.
    """
    there = next(one for one in (folder.resolve(), *folder.resolve().parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        fault = "is no folder" if not there.is_dir() else "may not be written by this user"
        msg = f"{folder} cannot be written: {there} {fault}"
        raise OutputError(msg)


def _taken(folder: Path, store: Path | None) -> str | None:
    """Return in words what a folder is taken for; None where it is free or holds an experiment."""
    for one in (folder, *folder.parents):
        if one == store:
            return f"{one} is the store of runs"
        if (one / MANIFEST).is_file():
            return f"{one} is a run"
    if not (folder / DESIGN).is_file() and next(folder.glob(f"*/{MANIFEST}"), None) is not None:
        return f"{folder} holds runs"
    return None
