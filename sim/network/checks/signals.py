"""Signal plans: every movement gets green, long enough, and a yellow after it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from sim.network.checks.record import Check, judged, skipped
from sim.network.checks.subject import Subject
from sim.network.crossings import WALK_MPS, WALK_S, read_crossings

MIN_YELLOW_S = 3.0
MIN_GREEN_S = 5.0
GREEN = frozenset("Ggs")
"""`s` is a green arrow for right turns after a stop."""
CROSSING_LINK = re.compile(r'<connection [^>]*?to="([^"]*)"[^>]*? tl="([^"]*)" linkIndex="(\d+)"')


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a plan; an actuated one lasts `shortest_s` at least."""

    state: str
    shortest_s: float


def signal_checks(subject: Subject) -> Iterator[Check]:
    """Yield the check of all signal plans and their kinds."""
    plans, links = read_signals(subject.network.net_file)
    name = "signal plans serve every movement"
    if not plans:
        yield skipped(name, "no signal in this network")
        return
    faults = [fault for key, phases in sorted(plans.items()) for fault in plan_faults(key, phases, links[key[0]])]
    movements = sum(len(links[signal]) for signal, _ in plans)
    figure = f"{len(plans)} plans, {movements} controlled movements, {len(faults)} faults"
    yield judged(name, figure, ok=not faults, detail=faults, ours=subject.surveyed)
    yield _crossings(subject, plans)
    yield _clearance(plans)


def _clearance(plans: Mapping[tuple[str, str], Sequence[Phase]]) -> Check:
    """Tell the signals whose traffic sets out while the last of the other has yellow."""
    without = [
        f"signal {key[0]}, program {key[1]}" for key, phases in sorted(plans.items()) if not _has_all_red(phases)
    ]
    figure = f"{len(plans) - len(without)} of {len(plans)} plans"
    return judged("signals with an all-red clearance", figure, ok=not without, detail=without, ours=False)


def _crossings(subject: Subject, plans: Mapping[tuple[str, str], Sequence[Phase]]) -> Check:
    """Check that people at signals have green, and the time to get across after it."""
    text = subject.network.net_file.read_text(encoding="utf-8")
    walks = {crossing: length_m for crossing, (_, length_m) in read_crossings(text).items()}
    found = {(tl, int(index)): walks[to] for to, tl, index in CROSSING_LINK.findall(text) if to in walks}
    name = "crossings at signals: time to set out and to get across"
    if not found:
        return skipped(name, "no crossing at a signal in this network")
    faults = [
        f"signal {key[0]}, program {key[1]}, link {index}: {fault}"
        for key, phases in sorted(plans.items())
        for (signal, index), length_m in sorted(found.items())
        if signal == key[0] and (fault := crossing_fault(phases, index, length_m))
    ]
    figure = f"{len(found)} crossings, {len(faults)} faults"
    return judged(name, figure, ok=not faults, detail=faults, ours=subject.surveyed)


def crossing_fault(phases: Sequence[Phase], link: int, length_m: float) -> str:
    """Return what is wrong with the green of a crossing: too short, or others go before people are across."""
    greens = [number for number, phase in enumerate(phases) if phase.state[link] == "G"]
    if not greens:
        return "never green"
    for number in greens:
        going = {index for index, light in enumerate(phases[number].state) if light in GREEN}
        clear_s = 0.0
        for step in range(1, len(phases)):
            phase = phases[(number + step) % len(phases)]
            if {index for index, light in enumerate(phase.state) if light in GREEN} - going:
                break
            clear_s += phase.shortest_s
        if phases[number].shortest_s < WALK_S:
            return f"green for {phases[number].shortest_s:.0f} s, at least {WALK_S} s"
        if clear_s < length_m / WALK_MPS:
            return f"{clear_s:.0f} s to clear {length_m:.1f} m, at least {length_m / WALK_MPS:.0f} s"
    return ""


def read_signals(net_file: Path) -> tuple[dict[tuple[str, str], list[Phase]], dict[str, set[int]]]:
    """Return the phases of each signal's programs, and the links of each signal that vehicles take."""
    plans: dict[tuple[str, str], list[Phase]] = {}
    links: defaultdict[str, set[int]] = defaultdict(set)
    for _, element in ET.iterparse(net_file):  # noqa: S314 (built here, never uploaded)
        if element.tag == "tlLogic":
            plans[element.attrib["id"], element.attrib["programID"]] = [
                Phase(phase.attrib["state"], float(phase.get("minDur", phase.attrib["duration"])))
                for phase in element.iter("phase")
            ]
        elif element.tag == "connection" and "tl" in element.attrib and not element.attrib["from"].startswith(":"):
            links[element.attrib["tl"]].add(int(element.attrib["linkIndex"]))
        if element.tag in {"edge", "junction", "connection", "tlLogic"}:
            element.clear()
    return plans, links


def plan_faults(key: tuple[str, str], phases: Sequence[Phase], links: set[int]) -> Iterator[str]:
    """Yield what is wrong with one plan, a movement each."""
    for link in sorted(links):
        place = f"signal {key[0]}, program {key[1]}, link {link}"
        runs = _runs([(phase.state[link], phase.shortest_s) for phase in phases])
        if not any(kind == "green" for kind, _ in runs):
            yield f"{place}: never green"
        for (kind, seconds), (after, after_s) in zip(runs, runs[1:] + runs[:1], strict=True):
            if kind != "green" or len(runs) == 1:
                continue
            if seconds < MIN_GREEN_S:
                yield f"{place}: green for {seconds:.0f} s, at least {MIN_GREEN_S:.0f} s"
            if after != "yellow" or after_s < MIN_YELLOW_S:
                found = f"{after_s:.0f} s of yellow" if after == "yellow" else f"{after} at once"
                yield f"{place}: after green {found}, at least {MIN_YELLOW_S:.0f} s of yellow"


def _runs(states: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """Join phases of one colour, round the end of the cycle too."""
    runs: list[tuple[str, float]] = []
    for letter, seconds in states:
        kind = "green" if letter in GREEN else "yellow" if letter in "yY" else "red"
        if runs and runs[-1][0] == kind:
            runs[-1] = kind, runs[-1][1] + seconds
        else:
            runs.append((kind, seconds))
    if len(runs) > 1 and runs[0][0] == runs[-1][0]:
        runs[0] = runs[0][0], runs[0][1] + runs.pop()[1]
    return runs


def _has_all_red(phases: Sequence[Phase]) -> bool:
    """Whether nothing with right of way is green or yellow for a moment; turns that give way may be."""
    return any(not set(phase.state) & set("GyY") for phase in phases)
