"""The measurement: events in, KPI records out, while a run goes on or all at once from an old one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import singledispatchmethod
from pathlib import Path
from typing import Any

from sim import events as ev
from sim.errors import InvariantError, OutputError
from sim.kpi.charging import ChargeBook
from sim.kpi.conflicts import CONFLICTS, Conflict, read_conflicts
from sim.kpi.entry import ALL, BOOKED, CARS, WHEELCHAIR
from sim.kpi.fleet import VehicleLedger, fleet_records, fleet_sums, onboard_km
from sim.kpi.freight.book import FreightBook
from sim.kpi.operators import IncidentBook
from sim.kpi.others import OtherTraffic, other_records, read_others
from sim.kpi.promises import promise_records, promise_violations
from sim.kpi.record import KpiRecord, distribution, flat, ordered, ratio, records_as_json, total
from sim.kpi.riders import Cause, Journey, Outcome, rider_records
from sim.rundir import MANIFEST, PERFORMANCE, VEHICLES, read_events, read_manifest
from sim.scenario import Scenario, validate

__all__ = ["Measurement", "flat", "measure_run", "records_as_json"]

_SLACK_KM = 0.001

# Within one time step events have no order (the fingerprint ignores it too). What opens a ledger goes first,
# what closes one last; boarding goes before alighting, so that a vehicle swapping riders never seems empty.
_RANK: dict[type[ev.Event], int] = {
    ev.RequestSubmitted: 0,
    ev.VehicleStarted: 0,
    ev.PickedUp: 1,
    ev.RepositionEnded: 1,
    ev.IncidentBegan: 1,
    ev.HandlingBegan: 2,
    ev.IncidentEnded: 3,
    ev.DroppedOff: 3,
    ev.VehicleRetired: 4,
}

_OfRequest = (
    ev.PickedUp
    | ev.DroppedOff
    | ev.Arrived
    | ev.Unfinished
    | ev.Rejected
    | ev.Cancelled
    | ev.Offered
    | ev.Promised
    | ev.PromiseBroken
)

_OfVehicle = ev.PickedUp | ev.DroppedOff | ev.RepositionBegan | ev.RepositionEnded | ev.VehicleRetired


class Measurement:
    """The KPIs of one run, a pure function of its events.

    Add events in the order of the log or of time; those of one time step in any order. Feed them as the log
    holds them (rounded to the millisecond, as `RunDir.seal_events` returns them) where equal runs must give
    equal bytes. `until_s` is where an interrupted run ended: nobody waited longer.
    """

    def __init__(self, scenario: Scenario, *, until_s: float | None = None) -> None:
        self.scenario = scenario
        self._horizon_s = scenario.time.horizon_s if until_s is None else min(until_s, scenario.time.horizon_s)
        self._now_s = float(scenario.time.begin_s)
        self._step_s = self._now_s
        self._step: list[ev.Event] = []
        self._journeys: dict[str, Journey] = {}
        self._current: dict[str, Journey] = {}
        self._fleet: dict[str, VehicleLedger] = {}
        self._incidents = IncidentBook()
        self._charges = ChargeBook()
        self.freight = FreightBook(scenario)
        self._touched: set[str] = set()
        self._dwells_s: list[float] = []
        self._cars_in_time: list[bool] = []
        self._retimed: list[ev.PlansRetimed] = []
        self._teleports = 0
        self._collisions = 0
        self._violations: list[str] = []

    def add(self, event: ev.Event) -> None:
        """Take one event in."""
        if event.time_s != self._step_s:
            self._settle()
            self._step_s = event.time_s
            self._now_s = max(self._now_s, event.time_s)  # some facts are known only later, as a stop's end
        self._step.append(event)

    def records(
        self, *, final: bool = False, others: OtherTraffic | None = None, conflicts: Sequence[Conflict] | None = None,
        dispatch_ms: Sequence[float] = (),
    ) -> list[KpiRecord]:  # fmt: skip
        """Return the KPIs so far, in the catalogue's order.

        Parameters
        ----------
        final
            The run has ended: whoever is still under way is unfinished. Before, only settled requests count.
        others
            What became of the vehicles outside the fleet.
        conflicts
            What SUMO's surrogate safety measures found; None where they were not taken.
        dispatch_ms
            Wall times of the controller's calls.
        """
        self._settle()
        records = [*self._rider_records(final=final), *self._run_records()]
        vehicles, journeys = self._ledgers(), self.journeys()
        records += fleet_records(vehicles, journeys, scenario=self.scenario, now_s=self._now_s)
        records += self._incidents.records(vehicles, scenario=self.scenario, now_s=self._now_s)
        records += self._charges.records(vehicles, scenario=self.scenario, now_s=self._now_s)
        judged = final and self.scenario.freight is not None
        clean = judged and not self._teleports and not self.violations(final=True)
        records += self.freight.records(
            horizon_s=self._horizon_s, now_s=self._now_s, final=final, conflicts=conflicts, clean=clean
        )
        if others is not None:
            records += other_records(others)
        records += distribution("dispatch_ms", dispatch_ms)
        return ordered(records)

    def violations(self, *, final: bool = False) -> list[str]:
        """Return every breach of what must hold: one outcome a request, whole rides, loads, passenger-km."""
        self._settle()
        found = [*self._violations, *self._balance_violations(final=final)]
        for journey in self.journeys():
            found += journey.violations(final=final)
            found += promise_violations(journey, tolerance_s=self.scenario.time.step_s)
        found += self.freight.violations(final=final)
        if final:
            found += [
                f"vehicle {one.started.vehicle_id} is still on duty at the end of the run"
                for one in self._ledgers()
                if one.retired is None
            ]
        return found

    def journeys(self) -> list[Journey]:
        """Return the ledgers of all requests in the order of their ids."""
        self._settle()
        return [self._journeys[key] for key in sorted(self._journeys)]

    def pax_km_of_riders(self) -> float:
        """Return the km that riders were on board by their own boardings and alightings."""
        self._settle()
        return sum(onboard_km(journey, self._fleet) for journey in self.journeys())

    def pax_km_of_vehicles(self) -> float:
        """Return load × distance over the vehicles, in km."""
        self._settle()
        return fleet_sums(self._ledgers(), now_s=self._now_s).pax_km

    # --- records ----------------------------------------------------------------------------------------

    def _ledgers(self) -> list[VehicleLedger]:
        return [self._fleet[key] for key in sorted(self._fleet)]

    def _rider_records(self, *, final: bool) -> Iterator[KpiRecord]:
        journeys = self.journeys()
        span = self.scenario.time
        scopes = {one.request.request_id: {ALL, *_scopes(one.request)} for one in journeys}
        for scope in sorted({ALL}.union(*scopes.values())):
            members = [one for one in journeys if scope in scopes[one.request.request_id]]
            yield from rider_records(
                members, scope=scope, limits=self.scenario.requests, horizon_s=self._horizon_s, final=final
            )
            yield from promise_records(members, scope=scope, tolerance_s=span.step_s, final=final)

    def _run_records(self) -> Iterator[KpiRecord]:
        cars = len(self._cars_in_time)
        yield from ratio("on_time_rate", sum(self._cars_in_time), cars, n=cars, scope=CARS)
        yield from distribution("dwell_s", self._dwells_s)
        n = len(self._retimed)
        yield from total("plans_replanned", sum(one.plans for one in self._retimed), n=n)
        yield from total("infeasible_after_update", sum(one.infeasible for one in self._retimed), n=n)
        yield from total("repaired_after_update", sum(one.repaired for one in self._retimed), n=n)
        yield from total("teleports", self._teleports, n=1)
        yield from total("collisions", self._collisions, n=1)

    def _balance_violations(self, *, final: bool) -> Iterator[str]:
        outcomes = sum(len(journey.outcomes) for journey in self._journeys.values())
        if final and outcomes != len(self._journeys):
            n = len(self._journeys)
            yield f"{n} requests, but {outcomes} are served, rejected, cancelled or unfinished"
        riders_km, vehicles_km = self.pax_km_of_riders(), self.pax_km_of_vehicles()
        if abs(riders_km - vehicles_km) > _SLACK_KM + 1e-6 * vehicles_km:
            yield f"riders rode {riders_km:.3f} km, the vehicles' load × distance is {vehicles_km:.3f} km"

    # --- events -----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Book the events of the time step that is over."""
        for event in sorted(self._step, key=lambda one: _RANK.get(type(one), 2)):
            self._take(event)
        self._step.clear()
        self._violations += self.freight.settle_step()
        for name in sorted(self._touched):
            self._violations += self._fleet[name].settle_step()
        self._touched.clear()

    def _journey(self, event: _OfRequest) -> Journey | None:
        journey = self._journeys.get(event.request_id)
        if journey is None:
            self._violations.append(f"{event.kind} of request {event.request_id}, which was never submitted")
        return journey

    def _vehicle(self, event: _OfVehicle) -> VehicleLedger | None:
        vehicle = self._fleet.get(event.vehicle_id)
        if vehicle is None:
            self._violations.append(f"{event.kind} of vehicle {event.vehicle_id}, which never started")
        else:
            self._touched.add(event.vehicle_id)
        return vehicle

    @singledispatchmethod
    def _take(self, event: ev.Event) -> None:
        """Book one event of freight; what no KPI rests on is passed over."""
        self.freight.take(event)

    @_take.register
    def _submitted(self, event: ev.RequestSubmitted) -> None:
        if event.request_id in self._journeys:
            self._violations.append(f"request {event.request_id} was submitted twice")
            return
        self._journeys[event.request_id] = self._current[event.person_id] = Journey(event)

    @_take.register
    def _departed(self, event: ev.PersonDeparted) -> None:
        if (journey := self._current.get(event.person_id)) is not None:
            journey.departed_s = event.time_s

    @_take.register
    def _walk_ended(self, event: ev.WalkEnded) -> None:
        if (journey := self._current.get(event.person_id)) is not None:
            journey.walks_ended_s.append(event.time_s)

    @_take.register
    def _picked_up(self, event: ev.PickedUp) -> None:
        journey, vehicle = self._journey(event), self._vehicle(event)
        if journey is not None:
            journey.pickups.append(event)
            if vehicle is not None:
                self._violations += vehicle.pick_up(event, journey.request.size)

    @_take.register
    def _dropped_off(self, event: ev.DroppedOff) -> None:
        journey, vehicle = self._journey(event), self._vehicle(event)
        if journey is not None:
            journey.dropoffs.append(event)
            if vehicle is not None:
                self._violations += vehicle.drop_off(event)

    @_take.register
    def _arrived(self, event: ev.Arrived) -> None:
        if (journey := self._journey(event)) is not None:
            journey.arrived_s = event.time_s
            journey.outcomes.append(Outcome.SERVED)

    @_take.register
    def _unfinished(self, event: ev.Unfinished) -> None:
        if (journey := self._journey(event)) is not None:
            journey.outcomes.append(Outcome.UNFINISHED)

    @_take.register
    def _rejected(self, event: ev.Rejected) -> None:
        if (journey := self._journey(event)) is not None:
            journey.outcomes.append(Outcome.REJECTED)

    @_take.register
    def _cancelled(self, event: ev.Cancelled) -> None:
        if (journey := self._journey(event)) is not None:
            journey.outcomes.append(Outcome.CANCELLED)
            journey.cancelled = event
            if event.cause not in set(Cause):
                allowed = ", ".join(Cause)
                self._violations.append(
                    f"request {event.request_id} is cancelled with the cause {event.cause!r}; allowed are {allowed}"
                )

    @_take.register
    def _offered(self, event: ev.Offered) -> None:
        if (journey := self._journey(event)) is not None:
            journey.offers.append(event)

    @_take.register
    def _promise_broken(self, event: ev.PromiseBroken) -> None:
        if (journey := self._journey(event)) is not None:
            journey.broken.append(event)

    @_take.register
    def _promised(self, event: ev.Promised) -> None:
        """Keep the first promise: a later, easier one must not mend it."""
        if (journey := self._journey(event)) is None:
            return
        first = journey.promised
        if first is None or (event.time_s, event.pickup_latest_s) < (first.time_s, first.pickup_latest_s):
            journey.promised = event

    @_take.register
    def _started(self, event: ev.VehicleStarted) -> None:
        if event.vehicle_id in self._fleet:
            self._violations.append(f"vehicle {event.vehicle_id} started twice")
            return
        self._fleet[event.vehicle_id] = VehicleLedger(event)

    @_take.register
    def _retired(self, event: ev.VehicleRetired) -> None:
        if (vehicle := self._vehicle(event)) is not None:
            self._violations += vehicle.retire(event)

    @_take.register
    def _repositioned(self, event: ev.RepositionBegan | ev.RepositionEnded) -> None:
        if (vehicle := self._vehicle(event)) is not None:
            self._violations += vehicle.reposition(event)

    @_take.register
    def _incident_began(self, event: ev.IncidentBegan) -> None:
        if self.freight.knows(event.vehicle_id):
            self.freight.take(event)
        else:
            self._violations += self._incidents.begin(event, known=event.vehicle_id in self._fleet)

    @_take.register
    def _handling_began(self, event: ev.HandlingBegan) -> None:
        if self.freight.knows(event.vehicle_id):
            self.freight.take(event)
        else:
            self._violations += self._incidents.take_over(event)

    @_take.register
    def _incident_ended(self, event: ev.IncidentEnded) -> None:
        if self.freight.knows(event.vehicle_id):
            self.freight.take(event)
        else:
            self._violations += self._incidents.end(event)

    @_take.register
    def _broke_down(self, _event: ev.VehicleBrokeDown) -> None:
        self._incidents.breakdowns += 1

    @_take.register
    def _charged(self, event: ev.Charged) -> None:
        self._charges.charges.append(event)

    @_take.register
    def _stop_served(self, event: ev.StopServed) -> None:
        if event.boarded or event.alighted:
            self._dwells_s.append(event.time_s - event.started_s)

    @_take.register
    def _car_arrived(self, event: ev.CarArrived) -> None:
        self._cars_in_time.append(event.time_s <= event.shift_start_s)

    @_take.register
    def _car_unfinished(self, event: ev.CarUnfinished) -> None:
        if event.state != "returning":  # it was at work, in time or not
            self._cars_in_time.append(False)

    @_take.register
    def _teleported(self, _: ev.VehicleTeleported) -> None:
        self._teleports += 1

    @_take.register
    def _collided(self, _: ev.Collision) -> None:
        self._collisions += 1

    @_take.register
    def _plans_retimed(self, event: ev.PlansRetimed) -> None:
        self._retimed.append(event)


def measure_run(
    run: Path, *, manifest: Mapping[str, Any] | None = None, events: Iterable[ev.Event] | None = None
) -> list[KpiRecord]:
    """Measure an ended run from its directory alone.

    Parameters
    ----------
    run
        The directory; not yet published if manifest and events are given.
    manifest, events
        What the directory holds, to save reading it.

    Raises
    ------
    InvariantError
        The events contradict each other; the message lists the first breaches.
    NotFoundError, OutputError, ScenarioError
        The run is not there, or its manifest or one of its tables is damaged.
    """
    manifest = read_manifest(run) if manifest is None else manifest
    scenario = validate(manifest["scenario"], place=f"the scenario in {run / MANIFEST}")
    interrupted = manifest["status"] == "interrupted"
    measurement = Measurement(scenario, until_s=manifest["end_s"] if interrupted else None)
    for event in read_events(run) if events is None else events:
        measurement.add(event)
    found = measurement.violations(final=True)
    if found:
        msg = f"{len(found)} breaches in the events of {run.name}: {'; '.join(found[:5])}"
        raise InvariantError(msg)
    return measurement.records(
        final=True,
        others=read_others(run / VEHICLES),
        conflicts=read_conflicts(run / CONFLICTS),
        dispatch_ms=_read_dispatch_ms(run / PERFORMANCE),
    )


def _scopes(request: ev.RequestSubmitted) -> list[str]:
    """Return the parts of the riders that a request belongs to."""
    own = [scope for scope, holds in ((BOOKED, request.booked_s is not None), (WHEELCHAIR, request.wheelchairs > 0))
           if holds]  # fmt: skip
    return [*request.scopes, *own]


def _read_dispatch_ms(path: Path) -> list[float]:
    """Return the wall times of the controller's calls; none when the run has no controller's clock."""
    if not path.is_file():
        return []
    try:
        return [float(value) for value in json.loads(path.read_text(encoding="utf-8"))["dispatch_ms"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f'{path} must hold {{"dispatch_ms": [milliseconds, ...]}}: {error!r}'
        raise OutputError(msg) from None
