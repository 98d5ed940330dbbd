"""Permits in words: class, zone, hours, speed, crew, what the end of the hours means, status and source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sim.fields import format_clock
from sim.permit_document import Permit, Window
from sim.wording import listed

_DAY_S = 86_400
CLASS_WORDS = MappingProxyType({
    "av_truck": "driverless trucks",
    "special_vehicle": "low-speed special vehicles",
    "human_truck": "trucks with a driver",
    "finished_car": "finished cars that drive themselves",
    "robot": "delivery robots",
    "shuttle": "shuttles",
})  # fmt: skip
_CREWS = MappingProxyType({
    "driver": "a driver at the wheel",
    "passenger_seat": "a safety operator in the passenger seat, or a driver",
    "remote": "nobody on board, an operator watches from afar; stricter crews, too",
    "none": "nobody on board and nobody who watches; stricter crews, too",
})  # fmt: skip
_OUTSIDE = MappingProxyType({
    "hold": "hold: off the road by the end of the hours, in a bay, lot or depot; goods on board go on in the next "
    "hours",
    "return": "return: drives home in time, with its goods if need be, and begins nothing from which it could not be "
    "back",
    "forbid": "forbid: begins no mission that the hours do not hold whole; an order for which no hours are left fails",
})  # fmt: skip
_FORCE = MappingProxyType({
    "historical": "was in force",
    "current": "in force",
    "planned": "planned",
    "trial": "a trial on paper",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sheet:
    """A permit by its name, and which runs or variants have it: empty where all do."""

    name: str
    permit: Permit
    holders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One aspect, a text for each of the sheets; `differs` marks one that they do not share."""

    title: str
    texts: tuple[str, ...]
    differs: bool


def sheets_of(sides: Sequence[tuple[str, Mapping[str, Permit]]]) -> list[Sheet]:
    """Return every distinct permit of runs or variants, each given by its label and its permits.

    What only words tell apart, as titles do, is another permit: nothing is left out.
    """
    found: dict[tuple[str, str], tuple[Permit, list[str]]] = {}
    for label, permits in sides:
        for name, permit in permits.items():
            found.setdefault((name, permit.model_dump_json()), (permit, []))[1].append(label)
    return [
        Sheet(name, permit, () if len(labels) == len(sides) else tuple(labels))
        for (name, _), (permit, labels) in found.items()
    ]


def lines_of(sheets: Sequence[Sheet], zones: Sequence[str]) -> list[Line]:
    """Return the table of permits, a column for each sheet; `zones` has the words for the zone of each."""
    permits = [sheet.permit for sheet in sheets]
    texts = {
        "What": [one.title for one in permits],
        "Class": [_capital(listed([CLASS_WORDS[name] for name in one.classes])) for one in permits],
        "Zone": list(zones),
        "Hours": [hours_words(one.windows) for one in permits],
        "Speed cap": [_speed(one) for one in permits],
        "Crew": [_capital(_CREWS[one.crew]) for one in permits],
        "Vehicles per operator": [_operators(one) for one in permits],
        "Mass, load included": [_mass(one) for one in permits],
        "When its hours end": [_end(one) for one in permits],
        "Beyond zone or hours": [
            "Not on the road: no way is planned there, and a monitor counts each breach as a violation"
        ]
        * len(permits),
        "Standing": [f"{_capital(_FORCE[one.in_force])}; what is known of it: {one.status}" for one in permits],
        "Source": [one.source for one in permits],
    }
    if all(one.max_mass_kg is None and not one.min_mass_kg for one in permits):
        del texts["Mass, load included"]
    return [Line(title, tuple(cells), len(set(cells)) > 1) for title, cells in texts.items()]


def hours_words(windows: Sequence[Window]) -> str:
    """Write the hours of each day; a window of a day or more is all of them."""
    if any(one.end_s - one.begin_s >= _DAY_S for one in windows):
        return "At all hours"
    spans = [f"{format_clock(one.begin_s)[:5]}–{format_clock(one.end_s)[:5]}" for one in windows]
    return f"{listed(spans)}, every day"


def _speed(permit: Permit) -> str:
    cap = permit.max_speed_kmh
    if cap is None:
        return "None of its own: what the roads allow"
    return f"At most {cap.value:g} km/h ({cap.status}: {cap.source})"


def _operators(permit: Permit) -> str:
    number = permit.vehicles_per_operator
    if number is None:
        return "Not bounded"
    return f"At most {number} on the road for each operator of the fleet"


def _mass(permit: Permit) -> str:
    above = f"above {permit.min_mass_kg:,g} kg" if permit.min_mass_kg else ""
    upto = f"up to {permit.max_mass_kg:,g} kg" if permit.max_mass_kg is not None else ""
    return _capital(" and ".join(filter(None, (above, upto)))) or "Any"


def _end(permit: Permit) -> str:
    if any(one.end_s - one.begin_s >= _DAY_S for one in permit.windows):
        return "They have no end"
    return _capital(_OUTSIDE[permit.outside])


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
