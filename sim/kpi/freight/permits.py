"""What the permit monitor saw: violations, and vehicles on the road with nobody on board."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sim.events import Event
from sim.freight_events import ExposureMetered, Violation
from sim.kpi.entry import ALL
from sim.kpi.record import KpiRecord, total
from sim.permit_document import Crew

_WHOLE = {"geofence", "crew", "surface"}  # rules that are kept or not
_UNMANNED: tuple[Crew, ...] = ("remote", "none")


def _degree(violation: Violation) -> float:
    """Return the excess of a violation, 1 where the rule knows no more or less."""
    return 1.0 if violation.rule in _WHOLE else violation.excess


@dataclass(slots=True)
class PermitBook:
    """All violations and meterings of exposure."""

    violations: list[Violation] = field(default_factory=list)
    meterings: list[ExposureMetered] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take an event of the monitor in; others are passed over."""
        if isinstance(event, Violation):
            self.violations.append(event)
        elif isinstance(event, ExposureMetered):
            self.meterings.append(event)

    def records(self) -> Iterator[KpiRecord]:
        """Yield the KPIs of permits; none in a run that no monitor watched."""
        watched = len(self.violations) + len(self.meterings)
        for scope in [ALL, *sorted({one.rule for one in self.violations})]:
            broken = [one for one in self.violations if scope in {ALL, one.rule}]
            lasted_s = sum(one.time_s - one.begin_s for one in broken)
            yield from total("violations", len(broken), n=watched, scope=scope)
            yield from total("violation_s", lasted_s, n=watched, scope=scope)
            if scope != ALL:
                severity = sum((one.time_s - one.begin_s) * _degree(one) for one in broken)
                yield from total("violation_severity", severity, n=watched, scope=scope)
        unmanned = [one for one in self.meterings if one.crew in _UNMANNED]
        for scope in [ALL, *sorted({one.vehicle_class for one in unmanned})]:
            members = [one for one in unmanned if scope in {ALL, one.vehicle_class}]
            n = len(members) if scope != ALL else len(self.meterings)
            yield from total("unmanned_exposure_h", sum(one.vehicle_s for one in members) / 3600, n=n, scope=scope)
            yield from total("unmanned_exposure_km", sum(one.vehicle_m for one in members) / 1000, n=n, scope=scope)
