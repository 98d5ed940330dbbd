"""The book of freight: takes the events of a run step by step, tells what cannot be, and gives the KPIs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sim import events as ev
from sim import freight_events as fe
from sim.events import Event
from sim.freight_document import Freight
from sim.kpi.conflicts import Conflict, conflict_records
from sim.kpi.freight.activity import activity_records
from sim.kpi.freight.cars import CarBook
from sim.kpi.freight.energy import HubBook
from sim.kpi.freight.interventions import InterventionBook
from sim.kpi.freight.orders import OrderBook
from sim.kpi.freight.permits import PermitBook
from sim.kpi.freight.platoons import PlatoonBook
from sim.kpi.freight.sites import SiteBook
from sim.kpi.freight.stock import stock_records
from sim.kpi.freight.trucks import TruckBook
from sim.kpi.record import KpiRecord, total
from sim.scenario import Scenario

# Within one time step events have no order. What opens a ledger goes first, what closes one last; a vehicle is unloaded
# before it is loaded.
_RANK: dict[type[Event], int] = {
    fe.OrderReleased: 0,
    fe.FreightVehicleStarted: 0,
    fe.CarFinished: 0,
    fe.MissionBegan: 1,
    ev.IncidentBegan: 1,
    ev.HandlingBegan: 2,
    fe.OrderDelivered: 2,
    fe.OrderLoaded: 3,
    ev.IncidentEnded: 3,
    fe.MissionEnded: 5,
    fe.FreightVehicleRetired: 6,
}


class FreightBook:
    """All that a run's events tell of freight; empty, and without KPIs, in a scenario without it."""

    def __init__(self, scenario: Scenario) -> None:
        self.orders = OrderBook()
        self.trucks = TruckBook()
        self.sites = SiteBook()
        self.hubs = HubBook()
        self.cars = CarBook()
        self.permits = PermitBook()
        self.platoons = PlatoonBook()
        self.counted: dict[tuple[str, str], float] = {}
        self.interventions = InterventionBook()
        self._scenario = scenario
        self._freight: Freight | None = scenario.freight
        self._step: list[Event] = []
        self._watched = scenario.freight is not None or bool(scenario.permits)

    def take(self, event: Event) -> None:
        """Take an event of the present time step in."""
        if self._watched:
            self._step.append(event)

    def knows(self, vehicle_id: str) -> bool:
        """Whether a vehicle is one of a freight fleet."""
        return vehicle_id in self.trucks.ledgers

    def settle_step(self) -> Iterator[str]:
        """Book the events of the time step that is over; yields what cannot be."""
        for event in sorted(self._step, key=lambda one: _RANK.get(type(one), 4)):
            yield from self.orders.take(event)
            yield from self.trucks.take(event, self.orders)
            yield from self.interventions.take(event, self.trucks)
            yield from self.cars.take(event)
            self.sites.take(event)
            self.hubs.take(event)
            self.permits.take(event)
            self.platoons.take(event)
            if isinstance(event, fe.StockCounted):
                self.counted[event.site, event.family] = event.pieces
        self._step.clear()
        if self._freight is not None:
            yield from self.trucks.settle_step()
            yield from self.sites.settle_step(self._freight)

    def violations(self, *, final: bool) -> Iterator[str]:
        """Yield every breach of what must hold: one outcome an order, nobody lost, a compound that adds up."""
        if self._freight is not None:
            yield from self.orders.violations(final=final)
            yield from self.trucks.violations(final=final)
            yield from self.cars.violations(self._freight, final=final)

    def records(
        self, *, horizon_s: float, now_s: float, final: bool, conflicts: Sequence[Conflict] | None, clean: bool
    ) -> Iterator[KpiRecord]:
        """Yield the KPIs of freight and permits.

        `clean` tells that nothing was teleported and no event contradicts another; a battery that ran empty fails the
        quality gate as well.
        """
        yield from self.permits.records()
        if (freight := self._freight) is None:
            return
        span = self._scenario.time
        orders = [self.orders.ledgers[name] for name in sorted(self.orders.ledgers)]
        yield from self.orders.records(
            due_until_s=horizon_s if final else now_s, tolerance_s=freight.on_time_tolerance_s, final=final
        )
        until_s = min(float(span.end_s), horizon_s if final else now_s)
        yield from stock_records(freight, self.counted, orders, begin_s=float(span.begin_s), end_s=until_s)
        yield from self.sites.records(freight, begin_s=float(span.begin_s), now_s=now_s)
        efficiency = self.hubs.efficiency(freight)
        yield from activity_records(self.trucks, self.orders, freight, efficiency=efficiency, now_s=now_s)
        yield from self.hubs.records()
        yield from self.platoons.records()
        yield from self.interventions.records(freight, self.trucks, now_s=now_s)
        yield from self.cars.records(freight)
        if conflicts is not None:
            yield from conflict_records(conflicts, km=self._km_on_roads(), carriers=self._carriers())
        if final:
            yield from total("run_quality", float(clean and not self.trucks.ran_empty()), n=1)

    def _km_on_roads(self) -> float:
        """Return the km of all vehicles whose conflicts are measured."""
        trucks = (one for one in self.trucks.ledgers.values() if one.started.vehicle_class != "robot")
        return sum(one.odometer_m for one in trucks) / 1000 + self.cars.stored_km()

    def _carriers(self) -> set[str]:
        """Return the classes of the vehicles whose conflicts are measured; lorries from outside are none of them."""
        classes = {one.started.vehicle_class for one in self.trucks.ledgers.values()} - {"robot"}
        return classes | ({"finished_car"} if self.cars.stored else set())
