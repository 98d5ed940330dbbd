"""What the vehicles of freight fleets do over the day: driving loaded or empty, queueing, in a bay, held, idle."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sim.events import Event
from sim.freight_events import MissionBegan, MissionEnded, PermitHoldBegan, PermitHoldEnded
from sim.kpi.freight.trucks import TruckLedger
from sim.report.freight.sheet import ALERT, PALE, clock_axis, covered, sheets_of, span, ticks_of
from sim.report.runs import ServiceRun

_GRID_S = 20.0
_BIN_S = 300.0

STATES = MappingProxyType({
    "driving with a load": "#0072B2",
    "driving empty": "#8fc1e3",
    "waiting for a bay": ALERT,
    "in a bay or at a door": "#E69F00",
    "held by a permit": "#AA4499",
    "at a depot": PALE,
})  # fmt: skip


def state_chart(runs: Sequence[ServiceRun]) -> Figure | None:
    """Draw how many vehicles do what, a sheet for each run; None without freight vehicles."""
    if not any(run.freight.trucks.ledgers for run in runs):
        return None
    figure, sheets = sheets_of(runs, 2.3, foot_in=0.5)
    seen = np.zeros(len(STATES), dtype=bool)
    for run, axes in zip(runs, sheets, strict=True):
        hours, counts = truck_states(run, runs)
        seen |= counts.any(axis=1)
        axes.stackplot(hours, counts, colors=list(STATES.values()), linewidth=0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        clock_axis(axes, runs, ticks=ticks_of(min(len(runs), 2)))
    sheets[0].set(ylabel="vehicles", ylim=(0, 1.04 * max(len(run.freight.trucks.ledgers) for run in runs)))
    handles = [
        Patch(facecolor=colour, label=name) for (name, colour), there in zip(STATES.items(), seen, strict=True) if there
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def truck_states(run: ServiceRun, runs: Sequence[ServiceRun]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the middles of five minutes each, in hours, and the vehicles by state, in the order of `STATES`.

    Shapes (times,) and (states, times); values are means over the interval.
    """
    begin_s, end_s = span(runs)
    bins = max(1, int(np.ceil((end_s - begin_s) / _BIN_S)))
    moments = begin_s + _GRID_S * (np.arange(bins * int(_BIN_S / _GRID_S)) + 0.5)
    missions = _spans(run, MissionBegan, MissionEnded, end_s)
    holds = _spans(run, PermitHoldBegan, PermitHoldEnded, end_s)
    queues, docks = _stays(run, end_s)
    loads = _loads(run, end_s)
    counts = np.zeros((len(STATES), len(moments)))
    for name, truck in run.freight.trucks.ledgers.items():
        free = covered(moments, [_duty(truck, end_s)])
        mission = covered(moments, missions.get(name, []))
        load = covered(moments, loads.get(name, []))
        layers = (  # what goes before what
            (3, covered(moments, docks.get(name, []))),
            (2, covered(moments, queues.get(name, []))),
            (4, covered(moments, holds.get(name, []))),
            (0, mission & load),
            (1, mission),
            (5, np.ones(len(moments), dtype=bool)),
        )
        for state, holding in layers:
            counts[state] += holding & free
            free &= ~holding
    means = counts.reshape(len(STATES), bins, -1).mean(axis=2)
    return (begin_s + _BIN_S * (np.arange(bins) + 0.5)) / 3600, means


def _duty(truck: TruckLedger, end_s: float) -> tuple[float, float]:
    return truck.started.time_s, truck.retired.time_s if truck.retired is not None else end_s


_Spans = dict[str, list[tuple[float, float]]]


def _spans(run: ServiceRun, begins: type[Event], ends: type[Event], end_s: float) -> _Spans:
    """Return the stretches of each vehicle from one kind of event to the next of another."""
    found: _Spans = {}
    since: dict[str, float] = {}
    for event in run.events:
        name = getattr(event, "vehicle_id", "")
        if isinstance(event, begins):
            since.setdefault(name, event.time_s)
        elif isinstance(event, ends) and name in since:
            found.setdefault(name, []).append((since.pop(name), event.time_s))
    for name, time_s in since.items():
        found.setdefault(name, []).append((time_s, end_s))
    return found


def _stays(run: ServiceRun, end_s: float) -> tuple[_Spans, _Spans]:
    """Return when each vehicle queued, and when it was in a bay or at a door."""
    queues: _Spans = {}
    docks: _Spans = {}
    for stay in run.freight.sites.stays:
        left_s = stay.gate_out_s if stay.gate_out_s is not None else end_s
        truck = run.freight.trucks.ledgers.get(stay.vehicle_id)
        if truck is not None and truck.started.vehicle_class == "robot":  # robots have doors, and no bays
            docks.setdefault(stay.vehicle_id, []).append((stay.gate_in_s, left_s))
            continue
        docked_s = stay.dock_in.time_s if stay.dock_in is not None else left_s
        queues.setdefault(stay.vehicle_id, []).append((stay.gate_in_s, docked_s))
        if stay.dock_in is not None:
            out_s = stay.dock_out_s if stay.dock_out_s is not None else end_s
            docks.setdefault(stay.vehicle_id, []).append((docked_s, out_s))
    return queues, docks


def _loads(run: ServiceRun, end_s: float) -> _Spans:
    """Return when each vehicle had anything on board."""
    found: _Spans = {}
    for order in run.freight.orders.ledgers.values():
        for loaded in order.loaded[:1]:
            until_s = order.delivered[0].time_s if order.delivered else end_s
            found.setdefault(loaded.vehicle_id, []).append((loaded.time_s, until_s))
    return found
