"""What goes wrong in a run at its time: a vehicle stands still, bays are out of use, a hub has less power."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from sim.engine.freight.craft import Craft
from sim.engine.freight.port import Seen
from sim.engine.freight.setup import freight_id
from sim.engine.freight.sites import Site
from sim.events import Event
from sim.freight_document import Disruption
from sim.freight_events import DisruptionBegan, DisruptionEnded


class Disruptions:
    """The timed events of a scenario.

    Parameters
    ----------
    set_hub_kw
        Limits a hub's power; None gives all of it back.
    """

    def __init__(
        self,
        disruptions: Sequence[Disruption],
        *,
        crafts: Mapping[str, Craft],
        sites: Mapping[str, Site],
        set_hub_kw: Callable[[str, float | None], None],
    ) -> None:
        self._crafts, self._sites, self._set_hub_kw = crafts, sites, set_hub_kw
        self._to_come = sorted(disruptions, key=lambda one: one.begin_s, reverse=True)
        self._current: list[Disruption] = []

    @property
    def any(self) -> bool:
        """Whether something is still to go wrong, or does now."""
        return bool(self._to_come or self._current)

    def step(self, now_s: float, seen: Mapping[str, Seen]) -> Iterator[Event]:
        """Begin and end what is due; who has broken down on its way to a place stands still again."""
        while self._to_come and self._to_come[-1].begin_s <= now_s:
            one = self._to_come.pop()
            self._current.append(one)
            yield DisruptionBegan(time_s=now_s, disruption=one.kind, subject=self._apply(one, begins=True))
        for one in [one for one in self._current if one.end_s <= now_s]:
            self._current.remove(one)
            yield DisruptionEnded(time_s=now_s, disruption=one.kind, subject=self._apply(one, begins=False))
        for one in self._current:
            if one.kind == "breakdown":
                craft = self._broken(one)
                if craft.id in seen and seen[craft.id].speed_mps > 0:
                    craft.mover.halt(craft.id)

    def _apply(self, one: Disruption, *, begins: bool) -> str:
        """Begin or end a disruption and return what it happens to; another of its kind that goes on counts."""
        if one.kind == "breakdown":
            craft = self._broken(one)
            others = [other for other in self._current if other.kind == one.kind and self._broken(other) is craft]
            craft.broken = begins or bool(others)
            if not (craft.broken or craft.awaits_operator) and craft.state in {"driving", "queued"}:
                craft.mover.release(craft.id)
            return craft.id
        site = str(one.site)
        if one.kind == "bay_outage":
            self._sites[site].yard.out += (one.bays or 0) * (1 if begins else -1)
        else:
            left = [other.hub_kw for other in self._current if other.kind == one.kind and other.site == site]
            self._set_hub_kw(site, min((kw for kw in left if kw is not None), default=None))
        return site

    def _broken(self, one: Disruption) -> Craft:
        return self._crafts[freight_id(str(one.fleet), one.number)]
