"""Meters how driverless trucks drive together, fleet by fleet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from sim.events import Event
from sim.freight_events import PlatoonMetered

METER_S = 900.0
BIN_S, BINS = 0.1, 40
"""Time gaps are counted in bins of a tenth of a second; the last one holds all from 3.9 s on."""

Role = Literal["alone", "leading", "following"]


@dataclass(slots=True)
class _Sums:
    """One fleet's sums since the last reading."""

    metres: dict[Role, float] = field(default_factory=lambda: {"alone": 0.0, "leading": 0.0, "following": 0.0})
    platoon_s: float = 0.0
    member_s: float = 0.0
    largest: int = 0
    splits: int = 0
    cut_ins: int = 0
    formation_s: list[float] = field(default_factory=list)
    gaps: list[int] = field(default_factory=lambda: [0] * BINS)


class PlatoonMeter:
    """The sums of all fleets, read every quarter of an hour."""

    def __init__(self, fleets: Iterable[str]) -> None:
        self._sums = {name: _Sums() for name in sorted(fleets)}
        self._read_s: float | None = None

    def drove(self, fleet: str, role: Role, metres: float) -> None:
        """Book what a truck drove."""
        self._sums[fleet].metres[role] += metres

    def platoon(self, fleet: str, vehicles: int, lasted_s: float) -> None:
        """Book a platoon of so many vehicles that one of the fleet leads."""
        sums = self._sums[fleet]
        sums.platoon_s += lasted_s
        sums.member_s += vehicles * lasted_s
        sums.largest = max(sums.largest, vehicles)

    def closed_up(self, fleet: str, took_s: float) -> None:
        """Book that a follower has closed up."""
        self._sums[fleet].formation_s.append(took_s)

    def left(self, fleet: str, *, cut_in: bool) -> None:
        """Book that a follower lost its leader to somebody between them, or otherwise."""
        if cut_in:
            self._sums[fleet].cut_ins += 1
        else:
            self._sums[fleet].splits += 1

    def gap(self, fleet: str, time_gap_s: float) -> None:
        """Book a follower's time gap."""
        self._sums[fleet].gaps[min(BINS - 1, int(time_gap_s / BIN_S))] += 1

    def step(self, now_s: float) -> Iterator[Event]:
        """Read all sums when it is time."""
        if self._read_s is None:
            self._read_s = now_s
        if now_s >= self._read_s + METER_S:
            yield from self.read(now_s)

    def read(self, now_s: float) -> Iterator[Event]:
        """Yield the sums of the fleets that drove since the last reading."""
        begin_s, self._read_s = now_s if self._read_s is None else self._read_s, now_s
        for fleet, sums in self._sums.items():
            if not any(sums.metres.values()):
                continue
            self._sums[fleet] = _Sums()
            yield PlatoonMetered(
                time_s=now_s, fleet=fleet, begin_s=begin_s, alone_m=sums.metres["alone"],
                leading_m=sums.metres["leading"], following_m=sums.metres["following"], platoon_s=sums.platoon_s,
                member_s=sums.member_s, largest=sums.largest, splits=sums.splits, cut_ins=sums.cut_ins,
                formation_s=sums.formation_s, time_gap_counts=sums.gaps,
            )  # fmt: skip
