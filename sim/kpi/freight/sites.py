"""Freight sites: the stays of vehicles between gate and gate, who is in which bay, and the KPIs of docks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

from sim.events import Event
from sim.freight_document import Appointments, Freight, FreightSite, Hours
from sim.freight_events import DockIn, DockOut, GateIn, GateOut, ServiceEnded, SiteOpened, SpilledBack
from sim.kpi.entry import ALL
from sim.kpi.record import KpiRecord, distribution, ratio, total

_DAY_S = 86_400
_DOOR = "door"
_OfStay = GateIn | DockIn | ServiceEnded | DockOut | GateOut
_ORDER: tuple[type[Event], ...] = (GateIn, DockIn, ServiceEnded, DockOut, GateOut)
# What may come next. Who gets another call while it queues leaves without a bay, a robot is handled at a door, and a
# further call at the same site is handled in the same stay.
_AFTER: Mapping[type[Event] | None, tuple[type[Event], ...]] = {
    None: (GateIn,),
    GateIn: (DockIn, ServiceEnded, GateOut),
    DockIn: (ServiceEnded,),
    ServiceEnded: (ServiceEnded, DockOut, GateOut),
    DockOut: (GateOut,),
    GateOut: (GateIn,),
}


@dataclass(slots=True)
class Stay:
    """One vehicle at one site; what is None has not happened yet."""

    vehicle_id: str
    site: str
    gate_in_s: float
    place: str
    dock_in: DockIn | None = None
    dock_out_s: float | None = None
    gate_out_s: float | None = None

    @property
    def waits(self) -> bool:
        """Whether it still waits for a bay; a robot at a door needs none, and who left without one waits no more."""
        return self.dock_in is None and self.gate_out_s is None and self.place != _DOOR

    def queued_s(self, now_s: float) -> float | None:
        """Return the time from gate to bay, up to now while it waits; None for a stay without a bay."""
        if self.dock_in is not None:
            return self.dock_in.time_s - self.gate_in_s
        return max(0.0, now_s - self.gate_in_s) if self.waits else None


@dataclass(slots=True)
class SiteBook:
    """All stays, and who is in which bay."""

    stays: list[Stay] = field(default_factory=list)
    opened: dict[str, SiteOpened] = field(default_factory=dict)
    spilled: list[SpilledBack] = field(default_factory=list)
    _last: dict[str, type[Event]] = field(default_factory=dict)
    _open: dict[str, Stay] = field(default_factory=dict)
    _bays: dict[tuple[str, int], set[str]] = field(default_factory=dict)
    _step: dict[str, list[_OfStay]] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take an event of a site in; others are passed over."""
        if isinstance(event, SiteOpened):
            self.opened[event.site] = event
        elif isinstance(event, SpilledBack):
            self.spilled.append(event)
        elif isinstance(event, _OfStay):
            self._step.setdefault(event.vehicle_id, []).append(event)

    def settle_step(self, freight: Freight) -> Iterator[str]:
        """Book the time step that is over, each vehicle's events in the order of a stay; yields what cannot be."""
        touched: set[tuple[str, int]] = set()
        for name in sorted(self._step):
            last = self._last.get(name)
            passed = 0 if last is None else _ORDER.index(last) + (last is not ServiceEnded)
            for event in sorted(self._step[name], key=lambda one: (_ORDER.index(type(one)) - passed) % len(_ORDER)):
                yield from self._book(event)
                if isinstance(event, DockIn):
                    touched.add((event.site, event.bay))
        self._step.clear()
        for site, bay in sorted(touched):
            inside = sorted(self._bays.get((site, bay), set()))
            if len(inside) > 1:
                yield f"bay {bay} of {site} is occupied by {' and '.join(inside)}"
            bays = self.bays(site, freight)
            if bays is not None and bay >= bays:
                yield f"{inside[0] if inside else 'a vehicle'} is in bay {bay} of {site}, which has {bays} from 0"

    def bays(self, site: str, freight: Freight) -> int | None:
        """Return how many bays a site has, or None where nothing tells."""
        if site in self.opened:
            return self.opened[site].bays
        document = freight.sites.get(site)
        return document.bays if document is not None else None

    def records(self, freight: Freight, *, begin_s: float, now_s: float) -> Iterator[KpiRecord]:
        """Yield the KPIs of docks, of all sites together and of each."""
        spilled = {one.site for one in self.spilled}
        names = sorted({*(one.site for one in self.stays), *self.opened, *spilled})
        for scope in [ALL, *names]:
            sites = names if scope == ALL else [scope]
            stays = [one for one in self.stays if one.site in sites]
            yield from self._times(stays, freight, scope=scope)
            yield from _queues(stays, freight, scope=scope, now_s=now_s)
            yield from self._utilisation(sites, stays, freight, scope=scope, begin_s=begin_s, now_s=now_s)
            waits_s = [one.time_s - one.begin_s for one in self.spilled if one.site in sites]
            yield from total("spill_back_veh_s", sum(waits_s), n=len(stays), scope=scope)

    def _times(self, stays: Sequence[Stay], freight: Freight, *, scope: str) -> Iterator[KpiRecord]:
        turns = [(one.site, one.gate_out_s - one.gate_in_s) for one in stays if one.gate_out_s and one.dock_in]
        docked = [(one, one.dock_in) for one in stays if one.dock_in is not None]
        yield from distribution("truck_turn_time_s", [turn_s for _, turn_s in turns], scope=scope)
        occupied_s = [one.dock_out_s - dock.time_s for one, dock in docked if one.dock_out_s is not None]
        yield from distribution("dock_occupancy_s", occupied_s, scope=scope)
        free_s = {name: site.free_time_s.value for name, site in freight.sites.items()}
        late_s = [max(0.0, turn_s - free_s[site]) for site, turn_s in turns if site in free_s]
        yield from distribution("detention_s", late_s, scope=scope)
        booked = [(one.site, dock.time_s - dock.slot_begin_s) for one, dock in docked if dock.slot_begin_s is not None]
        kept = sum(abs(off_s) <= _tolerance_s(freight.sites.get(site)) for site, off_s in booked)
        yield from ratio("appointment_adherence", kept, len(booked), n=len(booked), scope=scope)

    def _utilisation(
        self, sites: Sequence[str], stays: Sequence[Stay], freight: Freight, *, scope: str, begin_s: float,
        now_s: float,
    ) -> Iterator[KpiRecord]:  # fmt: skip
        """Yield the share of the bays' open time that they were occupied; only where all bays are known."""
        bays = {site: self.bays(site, freight) for site in sites}
        if not all(bays.values()):
            return
        bay_s = sum(
            (bays[site] or 0) * _open_s(freight.sites[site].hours, begin_s, now_s)
            for site in sites
            if site in freight.sites
        )
        occupied_s = sum(
            (one.dock_out_s if one.dock_out_s is not None else now_s) - one.dock_in.time_s
            for one in stays
            if one.dock_in is not None
        )
        yield from ratio("dock_utilisation", occupied_s, bay_s, n=sum(one or 0 for one in bays.values()), scope=scope)

    def _book(self, event: _OfStay) -> Iterator[str]:
        name, kind = event.vehicle_id, type(event)
        last, stay = self._last.get(name), self._open.get(name)
        if kind not in _AFTER[last]:
            after = "nothing" if last is None else last.kind
            yield f"{event.kind} of {name} at {event.site} follows on {after}"
        elif stay is not None and kind is not GateIn and stay.site != event.site:
            yield f"{event.kind} of {name} at {event.site}, it came in at {stay.site}"
        elif stay is not None and kind is GateOut and stay.dock_in is not None and stay.dock_out_s is None:
            yield f"{event.kind} of {name} at {event.site}, it is in a bay"
        self._last[name] = kind
        if isinstance(event, GateIn):
            self._open[name] = stay = Stay(name, event.site, event.time_s, event.place)
            self.stays.append(stay)
        elif stay is not None:
            self._continue(stay, event)

    def _continue(self, stay: Stay, event: DockIn | ServiceEnded | DockOut | GateOut) -> None:
        if isinstance(event, DockIn):
            stay.dock_in = event
            self._bays.setdefault((event.site, event.bay), set()).add(event.vehicle_id)
        elif isinstance(event, DockOut):
            stay.dock_out_s = event.time_s
            self._bays.setdefault((event.site, event.bay), set()).discard(event.vehicle_id)
        elif isinstance(event, GateOut):
            stay.gate_out_s = event.time_s


def _queues(stays: Sequence[Stay], freight: Freight, *, scope: str, now_s: float) -> Iterator[KpiRecord]:
    """Yield the times from gate to bay, in whole and apart: the check at the gate, and the wait for a bay."""
    found = [(one.site, queued_s) for one in stays if (queued_s := one.queued_s(now_s)) is not None]
    gates_s = {name: site.gate_s.value for name, site in freight.sites.items()}
    checks_s = [min(gates_s.get(site, 0.0), queued_s) for site, queued_s in found]
    waits_s = [queued_s - check_s for (_, queued_s), check_s in zip(found, checks_s, strict=True)]
    yield from distribution("dock_queue_s", [queued_s for _, queued_s in found], scope=scope)
    yield from distribution("gate_check_s", checks_s, scope=scope)
    yield from distribution("bay_wait_s", waits_s, scope=scope)


def _tolerance_s(site: FreightSite | None) -> float:
    rules = site.appointments if site is not None else None
    return (rules or Appointments.model_validate({})).tolerance_s


def _open_s(hours: Hours, begin_s: float, end_s: float) -> float:
    """Return how long a site with these daily hours is open within [begin_s, end_s)."""
    days = range(int(begin_s // _DAY_S) - 1, int(end_s // _DAY_S) + 1)
    spans = [(hours.begin_s + day * _DAY_S, hours.end_s + day * _DAY_S) for day in days]
    cuts = sorted({begin_s, end_s, *(min(max(float(one), begin_s), end_s) for one in chain(*spans))})
    return sum(b - a for a, b in pairwise(cuts) if any(c <= a < d for c, d in spans))
