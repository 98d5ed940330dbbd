"""What netconvert and SUMO warn of: what is known to be harmless, with the reason; anything else is a fault."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Sequence

from sim.network.catalog import Network
from sim.network.checks.record import Check, judged, skipped
from sim.network.checks.subject import Subject
from sim.system import sumo_binary, sumo_env

EXPLAINED = (
    (
        r"Speed of .* connection .* reduced .* due to turning radius",
        "vehicles slow down where a road bends inside a junction, as drivers do",
    ),
    (
        r"Ambiguity in turnarounds computation at junction",
        "two arms leave at a narrow angle; the U-turns of signals are given lane by lane and do not rest on it",
    ),
    (
        r"At actuated tlLogic '(R1|R22)', linkIndex [\d,]+ has no controlling detector",
        "left turns share this lane with through traffic: the lane beside it extends the green of both",
    ),
    (
        r"At actuated tlLogic 'R1', actuated phase [23] has no controlling detector",
        "the phase of left turns from lanes shared with through traffic: it lasts its shortest green",
    ),
)
"""Pattern of a warning and why it may stand."""
COUNT = re.compile(r"\d+ total messages of type: ")
"""netconvert prints five of a kind, then how many there were; the count is judged like its kind."""


def warning_check(subject: Subject) -> Check:
    """Return the check of netconvert's warnings, each with its reason or as a fault."""
    name = "netconvert: no error, every warning explained"
    if subject.build is None:
        return skipped(name, "an imported network is not built again")
    return _judged(name, subject.build.warnings, ours=True)


def loading_check(subject: Subject) -> Check:
    """Return the check of what SUMO itself says when it reads the network, each with its reason or as a fault."""
    name = "SUMO reads it: no error, every warning explained"
    code, said = _read_by_sumo(subject.network)
    if code:
        return judged(name, f"SUMO ended with code {code}", ok=False, detail=said)
    warnings = tuple(line.removeprefix("Warning: ") for line in said if line.startswith("Warning"))
    return _judged(name, warnings, ours=subject.surveyed)


def _read_by_sumo(network: Network) -> tuple[int, Sequence[str]]:
    """Run one second of an empty network; return SUMO's exit code and its error stream by lines."""
    files = ",".join(str(file) for file in network.additional_files)
    options = {
        "net-file": str(network.net_file),
        "end": "1",
        "no-step-log": "true",
        "duration-log.disable": "true",
        "xml-validation": "never",
    }
    options |= {"additional-files": files} if files else {}
    command = [str(sumo_binary("sumo")), *(part for key, value in options.items() for part in (f"--{key}", value))]
    done = subprocess.run(command, env=sumo_env(), capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.splitlines()


def _judged(name: str, warnings: tuple[str, ...], *, ours: bool) -> Check:
    lines = list(judge(warnings))
    unexplained = [line for line, reason in lines if reason is None]
    detail = [f"not explained: {line}" for line in unexplained]
    detail += [f"{line} ({reason})" for line, reason in lines if reason is not None]
    figure = f"0 errors, {len(lines)} warnings, {len(unexplained)} not explained"
    return judged(name, figure, ok=not unexplained, detail=detail, ours=ours)


def judge(warnings: tuple[str, ...]) -> Iterator[tuple[str, str | None]]:
    """Yield each warning with the reason why it may stand, or None."""
    for line in warnings:
        kind = COUNT.sub("", line).replace("%", "x")
        yield line, next((reason for pattern, reason in EXPLAINED if re.match(pattern, kind)), None)
