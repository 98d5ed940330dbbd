"""What netconvert and SUMO warn of: what is known to be harmless, with the reason; anything else is a fault."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sim.errors import NetworkError
from sim.network.checks.record import Check, judged, skipped
from sim.network.checks.subject import Subject
from sim.network.programs import read_by_sumo

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
    try:
        warnings = read_by_sumo(subject.network.net_file, subject.network.additional_files)
    except NetworkError as error:
        return judged(name, "SUMO refuses it", ok=False, detail=[str(error)])
    return _judged(name, warnings, ours=subject.surveyed)


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
