"""A permit in one row of a table."""

from __future__ import annotations

from sim.fields import format_clock
from sim.permit_document import Permit

COLUMNS = ("permit", "classes", "zone", "hours", "km/h", "crew", "mass, kg", "in force", "status")
DAY_S = 86_400


def permit_row(name: str, permit: Permit) -> tuple[str, ...]:
    """Return what a permit allows, one text for each of `COLUMNS`; what it does not bound is a dash."""
    crew = permit.crew.replace("_", " ")
    if permit.vehicles_per_operator is not None:
        crew += f", 1:{permit.vehicles_per_operator}"
    return (
        name,
        ", ".join(permit.classes),
        _zone(permit),
        ", ".join(f"{format_clock(one.begin_s)[:5]}–{format_clock(one.end_s)[:5]}" for one in permit.windows)
        if all(one.end_s - one.begin_s < DAY_S for one in permit.windows)
        else "–",
        "–" if permit.max_speed_kmh is None else f"{permit.max_speed_kmh.value:g}",
        crew,
        _masses(permit),
        permit.in_force,
        permit.status,
    )


def _zone(permit: Permit) -> str:
    zone = permit.zone
    parts = [
        "polygon" if zone.polygon else "",
        ", ".join(zone.areas),
        f"{len(zone.edges)} edges" if zone.edges else "",
        "sidewalks" if permit.surface == "sidewalk" else "",
    ]
    return "everywhere" if zone.everywhere and permit.surface == "road" else ", ".join(part for part in parts if part)


def _masses(permit: Permit) -> str:
    above = f"> {permit.min_mass_kg:g}" if permit.min_mass_kg else ""
    upto = f"≤ {permit.max_mass_kg:g}" if permit.max_mass_kg is not None else ""
    return ", ".join(part for part in (above, upto) if part) or "–"
