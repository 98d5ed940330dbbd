"""How driverless trucks drive together, by what the engine metered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sim.events import Event
from sim.freight_events import PlatoonMetered
from sim.kpi.record import KpiRecord, distribution, ratio

_BIN_S = 0.1


@dataclass(slots=True)
class PlatoonBook:
    """All meterings of platoons."""

    meterings: list[PlatoonMetered] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Take a metering in; other events are passed over."""
        if isinstance(event, PlatoonMetered):
            self.meterings.append(event)

    def records(self) -> Iterator[KpiRecord]:
        """Yield the KPIs of platoons; none in a run without them."""
        found = self.meterings
        together_m = sum(one.leading_m + one.following_m for one in found)
        driven_m = together_m + sum(one.alone_m for one in found)
        formation_s = [took_s for one in found for took_s in one.formation_s]
        yield from ratio("platoon_share", together_m, driven_m, n=len(found))
        member_s, platoon_s = sum(one.member_s for one in found), sum(one.platoon_s for one in found)
        yield from ratio("platoon_size", member_s, platoon_s, n=len(formation_s))
        yield from distribution("platoon_formation_s", formation_s)
        yield from distribution("platoon_time_gap_s", self._gaps_s())
        for code, count in (
            ("platoon_splits_per_100km", sum(one.splits for one in found)),
            ("platoon_cut_ins_per_100km", sum(one.cut_ins for one in found)),
        ):
            yield from ratio(code, count, together_m / 100_000, n=len(formation_s))

    def _gaps_s(self) -> list[float]:
        """Return the middle of its bin for each second behind a leader."""
        return [
            (place + 0.5) * _BIN_S
            for one in self.meterings
            for place, count in enumerate(one.time_gap_counts)
            for _ in range(count)
        ]
