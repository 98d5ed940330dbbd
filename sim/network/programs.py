"""SUMO's programs on a network: netconvert makes it of plain XML, sumo reads it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from sim.errors import NetworkError
from sim.system import sumo_binary, sumo_env

HEADER = re.compile(rb"<!-- generated on .*?-->\s*", re.DOTALL)


def netconvert(plain: tuple[Path, Path, Path], net_file: Path, options: Sequence[str]) -> tuple[str, ...]:
    """Make a net of nodes, edges and connections, and return the warnings.

    Its dated header is dropped, so that equal inputs give equal bytes.

    Raises
    ------
    NetworkError
        netconvert refuses.
    """
    inputs = [part for flag, file in zip(("-n", "-e", "-x"), plain, strict=True) for part in (flag, str(file))]
    warnings = _run("netconvert", [*inputs, "-o", str(net_file), *options], cwd=net_file.parent)
    net_file.write_bytes(HEADER.sub(b"", net_file.read_bytes(), count=1))
    return warnings


def read_by_sumo(net_file: Path, additional_files: Sequence[Path]) -> tuple[str, ...]:
    """Let SUMO read a network and run one second on it without traffic, and return the warnings.

    Raises
    ------
    NetworkError
        SUMO refuses.
    """
    options = ["--net-file", str(net_file), "--end", "1", "--no-step-log", "true", "--duration-log.disable", "true"]
    if additional_files:
        options += ["--additional-files", ",".join(map(str, additional_files))]
    return _run("sumo", [*options, "--xml-validation", "never"], cwd=net_file.parent)


def _run(program: str, arguments: Sequence[str], *, cwd: Path) -> tuple[str, ...]:
    command = [str(sumo_binary(program)), *arguments]
    done = subprocess.run(command, env=sumo_env(), capture_output=True, text=True, check=False, cwd=cwd)
    lines = done.stderr.splitlines()
    errors = [line for line in lines if line.startswith("Error")]
    if done.returncode or errors:
        msg = f"{program} failed with code {done.returncode}: {' | '.join(errors[:3] or lines[-3:])}"
        raise NetworkError(msg)
    return tuple(line.removeprefix("Warning: ") for line in lines if line.startswith("Warning"))
