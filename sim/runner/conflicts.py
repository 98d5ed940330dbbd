"""SUMO's records of surrogate safety turned into `conflicts.parquet`: one row for each pair and encounter.

SUMO's SSM device writes an encounter once for each of the two vehicles that carries a device, and anew when the two
come near again; where both are equipped the same encounter stands there twice (measured: 33 records of 26 encounters).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from sim.engine.freight.inputs import CHARGING
from sim.engine.freight.inputs import CONFLICTS as SSM
from sim.engine.freight.setup import freight_id
from sim.engine.resolve import Resolved
from sim.errors import OutputError
from sim.kpi.conflicts import BOTH_INSIDE, CONFLICTS, DRAC_MPS2, PET_S, TTC_S, Conflict, write_conflicts

# SUMO's encounter types (MSDevice_SSM.h). Those of a conflict area that somebody has entered or left do not tell any
# more whether the ways cross or merge there; they count as crossing.
_KINDS = {
    **dict.fromkeys((1, 2, 3, 4, 18), "following"),
    **dict.fromkeys((5, 6, 7, 8, 19), "merging"),
    **dict.fromkeys((9, 10, 11, 12, 13, 14, 15, 16, 17), "crossing"),
    20: "oncoming",
}
_BOTH_INSIDE = 111
"""SUMO's `COLLISION`: both have come into the area where their ways cross or merge, and neither has left it, by the
distances along their lanes. It says 0 s to collision then, however slow they are and whether they touch or not."""
_NONE = "NA"


@dataclass(frozen=True, slots=True)
class Extreme:
    """The worst value of one measure in an encounter, when and where, and how far beyond its threshold."""

    value: float
    time_s: float
    x: float
    y: float
    kind: str
    severity: float


@dataclass(frozen=True, slots=True)
class Encounter:
    """Two vehicles that come near each other; a measure that does not apply is None."""

    ego: str
    foe: str
    begin_s: float
    end_s: float
    ttc: Extreme | None
    pet: Extreme | None
    drac: Extreme | None
    both_inside: Extreme | None = None

    def joined(self, other: Encounter) -> Encounter:
        """Return both records of one encounter as one."""
        return Encounter(
            ego=self.ego,
            foe=self.foe,
            begin_s=min(self.begin_s, other.begin_s),
            end_s=max(self.end_s, other.end_s),
            ttc=_worse(self.ttc, other.ttc),
            pet=_worse(self.pet, other.pet),
            drac=_worse(self.drac, other.drac),
            both_inside=_worse(self.both_inside, other.both_inside),
        )


def publish_conflicts(source: Path, work: Path, classes: Mapping[str, str]) -> None:
    """Convert SUMO's SSM file into the run's table of conflicts and delete it.

    Parameters
    ----------
    source
        What all SSM devices wrote; where no equipped vehicle departed SUMO writes none, and the table is empty.
    work
        The run directory.
    classes
        The logical class of each vehicle by its id; who is not among them drives a car.

    Raises
    ------
    OutputError
        The file is damaged.
    """
    found: list[Encounter] = []
    if source.is_file():
        try:
            found = list(read_ssm(source))
        except (ET.ParseError, ValueError, KeyError) as error:
            msg = f"{source} cannot be read as SUMO's SSM output: {error!r}"
            raise OutputError(msg) from None
    write_conflicts((_row(one, classes) for one in merged(found)), work / CONFLICTS)
    source.unlink(missing_ok=True)


def publish_freight(work: Path, resolved: Resolved) -> None:
    """Turn what SUMO wrote about freight alone into tables, and delete what has been read while the run went on."""
    freight = resolved.freight
    if freight is None:
        return
    (work / CHARGING).unlink(missing_ok=True)
    if not freight.document.conflicts:
        return
    goods, classes = resolved.population.goods, dict[str, str]()
    for name, fleet in freight.document.fleets.items():
        classes |= dict.fromkeys((freight_id(name, number) for number in range(fleet.count)), fleet.vehicle_class)
    classes |= dict.fromkeys((lorry.vehicle_id for lorry in goods.lorries), "human_truck")
    classes |= dict.fromkeys((car.vehicle_id for car in goods.cars), "finished_car")
    classes |= {one.id: one.vehicle_class for one in resolved.service.vehicles}
    classes |= {trip.vehicle_id: trip.vehicle_class for trip in resolved.population.background}
    publish_conflicts(work / SSM, work, classes)


def read_ssm(source: Path) -> Iterator[Encounter]:
    """Yield the records of an SSM file as they stand there."""
    for _, element in ET.iterparse(source):  # noqa: S314 (written by SUMO in this run)
        if element.tag == "conflict":
            measures = {child.tag: child for child in element}
            ttc = measures.get("minTTC")
            inside = ttc is not None and ttc.attrib["type"] == str(_BOTH_INSIDE)
            nearest = _extreme(ttc, lambda value: TTC_S / value if value > 0 else math.inf)
            yield Encounter(
                ego=element.attrib["ego"],
                foe=element.attrib["foe"],
                begin_s=float(element.attrib["begin"]),
                end_s=float(element.attrib["end"]),
                ttc=None if inside else nearest,
                pet=_extreme(measures.get("PET"), lambda value: PET_S / value if value > 0 else math.inf),
                drac=_extreme(measures.get("maxDRAC"), lambda value: value / DRAC_MPS2),
                both_inside=nearest if inside else None,
            )
            element.clear()


def merged(encounters: Iterable[Encounter]) -> list[Encounter]:
    """Return one encounter for each unordered pair and overlapping time, in the order of their begin."""
    last: dict[frozenset[str], Encounter] = {}
    done: list[Encounter] = []
    for one in sorted(encounters, key=lambda one: (one.begin_s, one.ego, one.foe)):
        pair = frozenset({one.ego, one.foe})
        before = last.get(pair)
        if before is not None and one.begin_s <= before.end_s:
            last[pair] = before.joined(one)
            continue
        if before is not None:
            done.append(before)
        last[pair] = one
    return sorted([*done, *last.values()], key=lambda one: (one.begin_s, one.ego, one.foe))


def _extreme(element: ET.Element | None, severity: Callable[[float], float]) -> Extreme | None:
    """Return a measure, or None where it does not apply."""
    if element is None or _NONE in (element.attrib["value"], element.attrib["position"]):
        return None
    value = float(element.attrib["value"])
    x, y = element.attrib["position"].split(",")[:2]
    kind = _KINDS.get(int(element.attrib["type"]), "other")
    return Extreme(value, float(element.attrib["time"]), float(x), float(y), kind, severity(value))


def _worse(a: Extreme | None, b: Extreme | None) -> Extreme | None:
    if a is None or b is None:
        return a or b
    return b if b.severity > a.severity else a


def _row(one: Encounter, classes: Mapping[str, str]) -> Conflict:
    measures = [measure for measure in (one.ttc, one.pet, one.drac) if measure is not None]
    worst = max(measures, key=lambda measure: measure.severity, default=None)
    where = one.both_inside or worst
    return Conflict(
        ego=one.ego,
        foe=one.foe,
        ego_class=classes.get(one.ego, "car"),
        foe_class=classes.get(one.foe, "car"),
        begin_s=one.begin_s,
        end_s=one.end_s,
        kind=BOTH_INSIDE if one.both_inside else worst.kind if worst else "other",
        ttc_s=one.ttc.value if one.ttc else None,
        pet_s=one.pet.value if one.pet else None,
        drac_mps2=one.drac.value if one.drac else None,
        x=where.x if where else math.nan,
        y=where.y if where else math.nan,
        time_s=where.time_s if where else one.begin_s,
    )
