"""SUMO alone, as a program of its own: runs without a service, which need no controller."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.errors import EngineError
from sim.system import sumo_binary, sumo_env


def run_alone(chosen: Mapping[str, str], *, program: str = "sumo", screen: Sequence[str] = ()) -> None:
    """Run SUMO, or sumo-gui on a screen, to the end.

    Parameters
    ----------
    chosen
        Options by name, `log` among them.
    screen
        The command that gives the program a screen.

    Raises
    ------
    EngineError
        SUMO failed; the message ends with its errors.
    """
    options = [part for key, value in chosen.items() for part in (f"--{key}", value)]
    command = [*screen, str(sumo_binary(program)), *options]
    done = subprocess.run(command, env=sumo_env(), capture_output=True, text=True, check=False)
    if done.returncode:
        log = Path(chosen["log"])
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        told = "\n".join(line for line in lines if line.startswith("Error")) or done.stderr[-2000:]
        msg = f"{program} ended with code {done.returncode}: {told}"
        raise EngineError(msg)
