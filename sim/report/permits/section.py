"""The section on permits that reports of runs and of experiments share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sim.permit_document import Permit
from sim.report import html
from sim.report.ground import Ground
from sim.report.permits.words import Line, Sheet, lines_of, sheets_of
from sim.report.permits.zones import ZoneMap, zone_words


@dataclass(frozen=True, slots=True)
class Section:
    """The table of permits, a column each, and a map of their zones: empty where all are everywhere."""

    sheets: tuple[Sheet, ...]
    lines: tuple[Line, ...]
    picture: str
    note: str


def permit_section(sides: Sequence[tuple[str, Mapping[str, Permit]]], ground: Ground | None) -> Section | None:
    """Return what the permits of runs or variants say, each given by its label; None where there are none."""
    sheets = sheets_of(sides)
    if not sheets:
        return None
    if ground is None:
        words, figure = [zone_words(one.permit) for one in sheets], None
    else:
        zones = ZoneMap(ground)
        words, figure = [zones.words(one) for one in sheets], zones.figure(sheets)
    bare = [label for label, permits in sides if not permits]
    notes = [f"Without permits: {', '.join(bare)}."] if bare else []
    if ground is None and not all(one.permit.zone.everywhere for one in sheets):
        notes.append("No map of the zones, as the network is not at hand as it was for these runs.")
    picture = html.embedded(figure) if figure else ""
    return Section(tuple(sheets), tuple(lines_of(sheets, words)), picture, " ".join(notes))
